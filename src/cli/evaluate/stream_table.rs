//! The figures of a stream as readable text.

use std::fmt::Write;

use crate::cli::output::columns;
use crate::eval::stream_figures::{LabelFigures, OperatingPoint, StreamFigures};

/// All figures: those over all labels, then a line for each label that was there or was reported, then what was foreign.
pub(super) fn table(figures: &StreamFigures) -> String {
    let mut text = String::new();
    let all = &figures.operating_point;
    // Writing to a String cannot fail.
    let _ = writeln!(
        text,
        "{} events in {:.1} min, {} reported, {} of them correct",
        all.n_reference,
        figures.stream_s / 60.0,
        all.n_detected,
        all.n_correct
    );
    text += &overall(figures);
    let labels: Vec<&LabelFigures> = figures
        .labels
        .iter()
        .filter(|label| label.operating_point.n_reference + label.operating_point.n_detected > 0)
        .collect();
    if !labels.is_empty() {
        text += "\n";
        text += &by_label(&labels, all.n_reference > 0);
    }
    text + &foreign(figures)
}

fn overall(figures: &StreamFigures) -> String {
    let all = &figures.operating_point;
    let mut rows = Vec::new();
    let mut row = |name: &str, value: String| rows.push(vec![name.to_owned(), value]);
    // Of background alone nothing else can be said.
    if all.n_reference > 0 {
        row("recall", percent(all.recall));
        row("precision", percent(all.precision));
        row(
            "onset error",
            format!("{} s median, {} s for 90 %", s(all.onset_error_median_s), s(all.onset_error_p90_s)),
        );
        row(
            "offset error",
            format!("{} s median, {} s for 90 %", s(all.offset_error_median_s), s(all.offset_error_p90_s)),
        );
    }
    row(
        "false alarms",
        format!(
            "{} an hour: {} repeats, {} wrong labels, {} in background",
            tenth(all.false_alarms_per_hour),
            tenth(all.repeats_per_hour),
            tenth(all.wrong_labels_per_hour),
            tenth(all.in_background_per_hour)
        ),
    );
    if all.n_reference > 0 {
        row(
            "delay",
            format!(
                "{} s p50, {} s p90, {} s p99 from true onset to report",
                s(all.delay_p50_s),
                s(all.delay_p90_s),
                s(all.delay_p99_s)
            ),
        );
        row("event F1", format!("{} micro, {} macro", third(figures.event_f1.f1), third(figures.event_f1_macro)));
        row("PSDS1", third(figures.psds1));
        row("PSDS2", third(figures.psds2));
        row("calibration error", third(figures.calibration.expected_error));
    }
    columns(&rows)
}

fn by_label(labels: &[&LabelFigures], with_events: bool) -> String {
    let names: &[&str] = if with_events {
        &[
            "label",
            "events",
            "reported",
            "correct",
            "recall",
            "precision",
            "onset p50/p90",
            "offset p50/p90",
            "false/h",
            "(repeats/labels/background)",
            "delay p50/p90/p99",
            "F1",
            "PSDS1",
            "PSDS2",
            "ECE",
        ]
    } else {
        &["label", "reported", "false/h", "(repeats/labels/background)"]
    };
    let mut rows = vec![names.iter().map(|name| (*name).to_owned()).collect()];
    rows.extend(labels.iter().map(|label| if with_events { full(label) } else { false_alarms(label) }));
    columns(&rows)
}

fn full(label: &LabelFigures) -> Vec<String> {
    let at = &label.operating_point;
    vec![
        label.label.clone(),
        at.n_reference.to_string(),
        at.n_detected.to_string(),
        at.n_correct.to_string(),
        percent(at.recall),
        percent(at.precision),
        format!("{}/{}", s(at.onset_error_median_s), s(at.onset_error_p90_s)),
        format!("{}/{}", s(at.offset_error_median_s), s(at.offset_error_p90_s)),
        tenth(at.false_alarms_per_hour),
        split(at),
        format!("{}/{}/{}", s(at.delay_p50_s), s(at.delay_p90_s), s(at.delay_p99_s)),
        third(label.event_f1.and_then(|f1| f1.f1)),
        third(label.psds1),
        third(label.psds2),
        third(label.calibration.expected_error),
    ]
}

fn false_alarms(label: &LabelFigures) -> Vec<String> {
    let at = &label.operating_point;
    vec![label.label.clone(), at.n_detected.to_string(), tenth(at.false_alarms_per_hour), split(at)]
}

fn split(at: &OperatingPoint) -> String {
    let parts = [at.repeats_per_hour, at.wrong_labels_per_hour, at.in_background_per_hour];
    format!("({})", parts.map(tenth).join("/"))
}

fn foreign(figures: &StreamFigures) -> String {
    let foreign = &figures.foreign;
    if foreign.n_events == 0 {
        return String::new();
    }
    let mut rows = vec![["foreign", "events", "raised an alarm", "taken for"].map(str::to_owned).to_vec()];
    for label in &foreign.labels {
        let taken: Vec<String> = label.taken_for.iter().map(|(name, n)| format!("{n} {name}")).collect();
        rows.push(vec![label.label.clone(), label.n_events.to_string(), label.n_alarmed.to_string(), taken.join(", ")]);
    }
    format!("\n{} foreign events, {} of them raised an alarm\n{}", foreign.n_events, foreign.n_alarmed, columns(&rows))
}

fn percent(share: Option<f64>) -> String {
    form(share.map(|share| 100.0 * share), 1, " %")
}

fn s(secs: Option<f64>) -> String {
    form(secs, 2, "")
}

fn tenth(value: Option<f64>) -> String {
    form(value, 1, "")
}

fn third(value: Option<f64>) -> String {
    form(value, 3, "")
}

/// A number with its unit, or a dash.
fn form(value: Option<f64>, decimals: usize, unit: &str) -> String {
    value.map_or_else(|| "-".to_owned(), |value| format!("{value:.decimals$}{unit}"))
}
