//! A comparison of methods as Markdown: the papers' tables, readable on a terminal too.

use std::fmt::Write;

use super::compare_result::{Comparison, CorruptionResult, Mean, SetResult};
use super::mixtures::SetKind;
use super::report::table as component_table;

/// The tables of a comparison, a newline at the end of each line. Means stand with their 95 % intervals.
#[must_use]
pub fn markdown(comparison: &Comparison) -> String {
    let mut text = String::new();
    // Writing to a String cannot fail.
    let _ = write_head(&mut text, comparison);
    for set in &comparison.sets {
        let _ = write_set(&mut text, set, comparison);
    }
    for corruption in &comparison.corruptions {
        let _ = write_corruption(&mut text, corruption);
    }
    if let Some(l2i) = &comparison.l2i {
        let _ =
            write!(text, "\n## The clips themselves, and L2I's components\n\n```text\n{}```\n", component_table(l2i));
    }
    text
}

fn write_head(text: &mut String, c: &Comparison) -> std::fmt::Result {
    let folds: Vec<String> = c.folds.iter().map(u32::to_string).collect();
    writeln!(
        text,
        "Model {} ({}), folds {}, seed {}; {:.0} s.",
        c.model.name,
        c.model.sha256.get(..12).unwrap_or(&c.model.sha256),
        folds.join(","),
        c.seed,
        c.seconds
    )
}

/// What a set is called above its table.
const fn title(set: SetKind) -> &'static str {
    match set {
        SetKind::InDomain => "In-domain",
        SetKind::OutOfDomain => "Out-of-domain: clips with clips of other classes",
        SetKind::WhiteNoise => "Out-of-domain: clips with white noise",
        SetKind::Speech => "Out-of-domain: clips with speech",
        SetKind::CorruptNoise => "Corruption with white noise at 0 dB",
        SetKind::CorruptOverlap => "Corruption with another class at 0 dB",
    }
}

fn write_set(text: &mut String, set: &SetResult, comparison: &Comparison) -> std::fmt::Result {
    writeln!(text, "\n## {}\n", title(set.set))?;
    writeln!(
        text,
        "{} sounds; the classifier's likeliest class is right in {}, and it finds {} classes in a sound.\n",
        set.n,
        percent(set.accuracy),
        number(set.active_classes, 2)
    )?;
    head(text, &["mask", "method", "AI ↑", "AD ↓", "AG ↑", "FF ↑", "Fid-In ↑", "SPS ↑", "COMP ↓", "s"])?;
    for row in &set.rows {
        let cost = comparison.methods.iter().find(|m| m.method == row.method);
        line(
            text,
            &[
                row.domain.name().to_owned(),
                row.method.clone(),
                mean(row.ai, 1),
                mean(row.ad, 1),
                mean(row.ag, 1),
                mean(row.ff, 3),
                mean(row.fid_in, 2),
                mean(row.sps, 2),
                mean(row.comp, 2),
                number(cost.and_then(|c| c.seconds_per_explanation), 3),
            ],
        )?;
    }
    write_against(text, set)?;
    write_more(text, set)
}

/// The figures for which the first table has no room.
fn write_more(text: &mut String, set: &SetResult) -> std::fmt::Result {
    writeln!(text, "\nMore of the same masks; the last five columns explain every class that is found.\n")?;
    head(
        text,
        &[
            "mask",
            "method",
            "top-3 fidelity",
            "FF median",
            "at random",
            "mask mean",
            "empty",
            "AI",
            "AD",
            "AG",
            "FF",
            "Fid-In",
        ],
    )?;
    for row in &set.rows {
        line(
            text,
            &[
                row.domain.name().to_owned(),
                row.method.clone(),
                mean(row.fid_in_top3, 2),
                number(row.ff_median, 3),
                number(row.ff_median_random, 3),
                number(row.mask_mean, 3),
                row.empty_masks.to_string(),
                mean(row.multi_label.ai, 1),
                mean(row.multi_label.ad, 1),
                mean(row.multi_label.ag, 1),
                mean(row.multi_label.ff, 3),
                mean(row.multi_label.fid_in, 2),
            ],
        )?;
    }
    Ok(())
}

/// Which figures are better than those of masks that know nothing; nothing where none was measured.
fn write_against(text: &mut String, set: &SetResult) -> std::fmt::Result {
    if set.rows.iter().all(|row| row.against.is_empty()) {
        return Ok(());
    }
    writeln!(
        text,
        "\nBetter (+), worse (−) or undecided (·) than a mask that knows nothing, on the same sounds (paired bootstrap, 95 %).\n"
    )?;
    head(text, &["mask", "method", "than", "AI", "AD", "AG", "FF", "Fid-In"])?;
    for row in &set.rows {
        for against in &row.against {
            let signs = against.all().map(|standing| standing.map_or_else(nothing, |s| s.sign().to_owned()));
            let names = [row.domain.name().to_owned(), row.method.clone(), against.baseline.clone()];
            line(text, &[&names[..], &signs[..]].concat())?;
        }
    }
    Ok(())
}

fn write_corruption(text: &mut String, result: &CorruptionResult) -> std::fmt::Result {
    writeln!(text, "\n## {}\n", title(result.corruption))?;
    writeln!(
        text,
        "{} mixtures, SI-SDR {} dB on average; in {} the classifier finds the target class, which is explained in all.\n",
        result.n,
        number(result.mixture_si_sdr_db, 2),
        result.n_found
    )?;
    head(
        text,
        &[
            "method",
            "SI-SDR improvement ↑ (dB)",
            "where found (dB)",
            "target's share of energy ↑",
            "time AUC ↑",
            "target kept",
            "corruption kept",
            "silent",
        ],
    )?;
    for row in &result.rows {
        line(
            text,
            &[
                row.method.clone(),
                mean(row.si_sdr_improvement_db, 2),
                mean(row.si_sdr_improvement_found_db, 2),
                mean(row.target_share, 2),
                mean(row.time_auc, 2),
                number(row.target_kept, 2),
                number(row.corruption_kept, 2),
                row.silent.to_string(),
            ],
        )?;
    }
    Ok(())
}

fn head(text: &mut String, cells: &[&str]) -> std::fmt::Result {
    writeln!(text, "| {} |", cells.join(" | "))?;
    writeln!(text, "|{}", "---|".repeat(cells.len()))
}

fn line(text: &mut String, cells: &[String]) -> std::fmt::Result {
    writeln!(text, "| {} |", cells.join(" | "))
}

fn mean(value: Option<Mean>, decimals: usize) -> String {
    value.map_or_else(nothing, |m| format!("{:.decimals$} [{:.decimals$}, {:.decimals$}]", m.mean, m.low, m.high))
}

fn number(value: Option<f64>, decimals: usize) -> String {
    value.map_or_else(nothing, |v| format!("{v:.decimals$}"))
}

fn percent(share: Option<f64>) -> String {
    share.map_or_else(nothing, |s| format!("{:.1} %", 100.0 * s))
}

fn nothing() -> String {
    "-".to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::eval::against::{Against, Standing};
    use crate::eval::compare_result::{CorruptionRow, MethodCost, MethodRow, MultiLabel};
    use crate::eval::domain::Domain;
    use crate::eval::evaluate::EvaluatedModel;

    #[test]
    fn every_row_has_as_many_cells_as_its_head() {
        let one = Some(Mean { mean: 36.25, low: 30.0, high: 42.54 });
        let row = MethodRow {
            method: "lmac".to_owned(),
            domain: Domain::Stft,
            ai: one,
            ad: one,
            ag: one,
            ff: one,
            fid_in: one,
            fid_in_top3: one,
            sps: None,
            comp: None,
            empty_masks: 3,
            mask_mean: Some(0.5),
            ff_median: Some(0.1),
            ff_median_random: None,
            multi_label: MultiLabel { ai: one, ad: one, ag: one, ff: one, fid_in: None },
            against: vec![Against {
                baseline: "random".to_owned(),
                ai: Some(Standing::Better),
                ad: Some(Standing::Worse),
                ag: None,
                ff: Some(Standing::Undecided),
                fid_in: None,
            }],
        };
        let corrupted = CorruptionRow {
            method: "ideal".to_owned(),
            si_sdr_improvement_db: one,
            si_sdr_improvement_found_db: None,
            target_share: one,
            time_auc: one,
            target_kept: None,
            corruption_kept: Some(0.0),
            silent: 0,
        };
        let comparison = Comparison {
            model: EvaluatedModel { name: "m".to_owned(), sha256: "0123456789abcdef".to_owned() },
            folds: vec![4],
            seed: 1,
            methods: vec![MethodCost { method: "lmac".to_owned(), seconds_per_explanation: Some(0.0125) }],
            sets: vec![SetResult {
                set: SetKind::InDomain,
                n: 9,
                accuracy: Some(0.5),
                active_classes: None,
                rows: vec![row],
            }],
            corruptions: vec![CorruptionResult {
                corruption: SetKind::CorruptNoise,
                n: 2,
                n_found: 1,
                mixture_si_sdr_db: Some(0.0),
                rows: vec![corrupted],
            }],
            l2i: None,
            seconds: 1.0,
        };
        let text = markdown(&comparison);
        let tables: Vec<Vec<usize>> = text
            .split("\n\n")
            .filter(|part| part.starts_with('|'))
            .map(|part| part.lines().map(|line| line.matches('|').count()).collect())
            .collect();
        assert_eq!(tables, [vec![11; 3], vec![9; 3], vec![13; 3], vec![9; 3]], "{text}");
        assert!(text.contains("| stft | lmac | random | + | − | - | · | - |"), "{text}");
        assert!(text.contains("| stft | lmac | 36.2 [30.0, 42.5] |") && text.contains("| - | - | 0.013 |"), "{text}");
    }
}
