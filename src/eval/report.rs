//! An evaluation as a table for the terminal.

use std::fmt::Write;

use super::evaluate::{ByThreshold, Evaluation};

/// Readable text of an evaluation: plain ASCII without colour, about 80 columns, a newline at the end of each line.
#[must_use]
pub fn table(evaluation: &Evaluation) -> String {
    let mut text = String::new();
    // Writing to a String cannot fail.
    let _ = write_head(&mut text, evaluation);
    let _ = write_thresholds(&mut text, evaluation);
    let _ = write_classes(&mut text, evaluation);
    text
}

fn write_head(text: &mut String, e: &Evaluation) -> std::fmt::Result {
    let folds: Vec<String> = e.folds.iter().map(u32::to_string).collect();
    let folds = if folds.is_empty() { String::new() } else { format!(", folds {}", folds.join(",")) };
    writeln!(text, "{} with {}{folds}: {} clips in {:.1} s", e.model.name, e.method, e.n, e.seconds)?;
    writeln!(text)?;
    write!(text, "accuracy        {}", percent(e.accuracy))?;
    if let Some((low, high)) = e.accuracy_interval {
        write!(text, "   (95 % interval {:.1} to {:.1})", 100.0 * low, 100.0 * high)?;
    }
    writeln!(text)?;
    writeln!(text, "macro-AUPRC     {}", number(e.macro_auprc))?;
    writeln!(text, "fidelity top-1  {}", percent(e.fidelity_top1))?;
    writeln!(text, "fidelity top-5  {}", percent(e.fidelity_top5))
}

fn write_thresholds(text: &mut String, e: &Evaluation) -> std::fmt::Result {
    write!(text, "\n{:<28}", "relevance threshold")?;
    for threshold in e.ff_median.keys() {
        write!(text, "{threshold:>9}")?;
    }
    writeln!(text)?;
    let mut row = |name: &str, figures: &ByThreshold, form: fn(Option<f64>) -> String| {
        let cells: String = figures.values().map(|v| format!("{:>9}", form(*v))).collect();
        writeln!(text, "{name:<28}{cells}")
    };
    row("faithfulness (FF, median)", &e.ff_median, number)?;
    row("  as many at random", &e.ff_median_random, number)?;
    row("components kept", &e.components_kept, |v| v.map_or_else(nothing, |v| format!("{v:.1}")))?;
    row("interpretation agrees", &e.agrees, percent)?;
    row("probability on it (median)", &e.prob_in_median, number)?;
    row("  without it", &e.prob_out_median, number)
}

fn write_classes(text: &mut String, e: &Evaluation) -> std::fmt::Result {
    let least = e.ff_median.keys().next().map_or("", String::as_str);
    let width = e.per_class.iter().map(|c| c.label.chars().count()).max().unwrap_or(0).max(5);
    let (ff, agrees) = (format!("FF at {least}"), format!("agrees at {least}"));
    writeln!(
        text,
        "\n{:<width$}{:>7}{:>10}{:>9}{:>10}{ff:>11}{agrees:>15}",
        "class", "clips", "recall", "AUPRC", "fidelity"
    )?;
    for class in &e.per_class {
        let at = |figures: &ByThreshold| figures.get(least).copied().flatten();
        writeln!(
            text,
            "{:<width$}{:>7}{:>10}{:>9}{:>10}{:>11}{:>15}",
            class.label,
            class.n,
            percent(class.recall),
            number(class.auprc),
            percent(class.fidelity_top1),
            number(at(&class.ff_median)),
            percent(at(&class.agrees)),
        )?;
    }
    Ok(())
}

fn percent(share: Option<f64>) -> String {
    share.map_or_else(nothing, |s| format!("{:.1} %", 100.0 * s))
}

fn number(value: Option<f64>) -> String {
    value.map_or_else(nothing, |v| format!("{v:.3}"))
}

fn nothing() -> String {
    "-".to_owned()
}
