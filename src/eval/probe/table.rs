//! The probes as tables for the terminal: plain ASCII, a newline at the end of each line.

use std::fmt::Write;

use super::concept_flipping::{ClassRelevance, ConceptFlipping};
use super::flipping::{Flipping, MeanCurve};
use super::frequency_scale::FrequencyScaled;
use super::objects::ObjectFinding;
use super::sanity::Sanity;
use super::stability::Stability;
use super::vectors::Coherence;

/// Cascading randomisation: a row a layer, two columns a method.
#[must_use]
pub fn sanity(results: &[Sanity]) -> String {
    let Some(first) = results.first() else { return String::new() };
    let mut text = format!("model randomisation, {} clips: structural similarity and rank correlation\n", first.n);
    text += "(magnitudes) with the explanation by the trained classifier; 1 is the same\n\n";
    for part in results.chunks(4) {
        let mut rows = vec![vec!["random down to".to_owned()]];
        rows[0].extend(part.iter().flat_map(|r| [format!("{}{}", r.method, mark(r)), String::new()]));
        for (i, step) in first.steps.iter().enumerate() {
            let figures =
                part.iter().filter_map(|r| r.steps.get(i)).flat_map(|s| [number(s.ssim), number(s.spearman_abs)]);
            rows.push(std::iter::once(step.layer.clone()).chain(figures).collect());
        }
        text += &columns(&rows);
        text.push('\n');
    }
    if results.iter().any(|r| r.own_network) {
        text += "* has a trained network of its own, which stays as it is\n";
    }
    text
}

const fn mark(result: &Sanity) -> &'static str {
    if result.own_network { "*" } else { "" }
}

/// Scaled frequencies: a row for each label and factor, and their mean over all clips.
#[must_use]
pub fn frequency_scale(results: &[FrequencyScaled]) -> String {
    let mut rows =
        vec![["label", "factor", "clips", "right", "right, scaled", "taken for"].map(str::to_owned).to_vec()];
    for r in results {
        let taken = r.taken_for.as_ref().map_or_else(|| "-".to_owned(), |(label, share)| format!("{label} {share:.3}"));
        let figures = [format!("{:.2}", r.factor), r.n.to_string(), format!("{:.3}", r.accuracy)];
        let figures = figures.into_iter().chain([format!("{:.3}", r.accuracy_scaled), taken]);
        rows.push(std::iter::once(r.label.clone()).chain(figures).collect());
    }
    let n: usize = results.iter().map(|r| r.n).sum();
    let mean =
        |of: fn(&FrequencyScaled) -> f64| results.iter().map(|r| of(r) * r.n as f64).sum::<f64>() / n.max(1) as f64;
    format!(
        "scaled frequencies: right {:.3} of {n} clips as they are, {:.3} scaled\n\n{}",
        mean(|r| r.accuracy),
        mean(|r| r.accuracy_scaled),
        columns(&rows)
    )
}

/// Flipping: a row a method.
#[must_use]
pub fn flipping(results: &[Flipping]) -> String {
    let Some(first) = results.first() else { return String::new() };
    let mut text = format!("flipping, {} clips: area under the score's curve, lower is better\n\n", first.n);
    let mut rows = vec![
        ["method", "patches: area", "95 % interval", "AUPC", "pixels: area", "95 % interval", "AUPC"]
            .map(str::to_owned)
            .to_vec(),
    ];
    for r in results {
        let cells = |c: &MeanCurve| {
            let interval = c.area_interval.map_or("-".to_owned(), |(low, high)| format!("{low:.3} to {high:.3}"));
            [number(c.area), interval, number(c.aupc)]
        };
        rows.push(std::iter::once(r.method.clone()).chain(cells(&r.patches)).chain(cells(&r.pixels)).collect());
    }
    text += &columns(&rows);
    text += "\nshare of the clips that stay what they were, by the share of single values that is replaced\n\n";
    text += &columns(&kept(results));
    text
}

/// Flipping by concept: a row a system, and the relevance of each class's concepts.
#[must_use]
pub fn concepts(results: &[ConceptFlipping]) -> String {
    let Some(whole) = results.first() else { return String::new() };
    let mut text = format!("patch flipping by concept, {} clips: AUPC, lower is better\n\n", whole.n);
    let mut rows = vec![
        ["system", "layer", "concepts", "AUPC", "95 % interval", "over classes", "by step", "gained by step"]
            .map(str::to_owned)
            .to_vec(),
    ];
    for r in results {
        let interval = r.patches.aupc_interval.map_or("-".to_owned(), |(low, high)| format!("{low:.3} to {high:.3}"));
        rows.push(vec![
            r.system.clone(),
            r.layer.clone().unwrap_or_else(|| "-".to_owned()),
            r.concepts.to_string(),
            number(r.patches.aupc),
            interval,
            number(r.aupc_over_classes),
            number(Some(r.aupc_by_step)),
            number(Some(whole.aupc_by_step - r.aupc_by_step)),
        ]);
    }
    text += &columns(&rows);
    for r in results.iter().filter(|r| r.concepts > 1) {
        text += &format!("\nshare of each concept in the relevance, {}\n\n", r.system);
        let row = |class: &ClassRelevance| {
            let shares = class.shares.iter().map(|share| format!("{share:+.2}"));
            [class.label.clone(), format!("{} clips", class.clips)].into_iter().chain(shares).collect()
        };
        text += &columns(&r.relevance.iter().map(row).collect::<Vec<Vec<String>>>());
    }
    text
}

/// What methods keep of known objects: a row an object, three columns a method.
#[must_use]
pub fn objects(results: &[ObjectFinding]) -> String {
    let Some(first) = results.first() else { return String::new() };
    let mut text =
        "known objects of the clips: share of the energy that is the object's, in the clip and in the part of the\n\
                    explanation that stands for it (chosen on every other clip), and gain in SI-SDR, dB\n\n"
            .to_owned();
    let mut rows = vec![["class", "object", "clips", "in the clip"].map(str::to_owned).to_vec()];
    rows[0].extend(results.iter().flat_map(|r| [r.method.clone(), "dB".to_owned()]));
    for (i, object) in first.objects.iter().enumerate() {
        let known =
            [object.label.clone(), object.object.to_string(), object.n.to_string(), number(object.share_in_clip)];
        let found = results.iter().filter_map(|r| r.objects.get(i));
        let found = found.flat_map(|o| {
            [number(o.share_in_part), o.si_sdr_improvement_db.map_or("-".into(), |db| format!("{db:+.1}"))]
        });
        rows.push(known.into_iter().chain(found).collect());
    }
    text += &columns(&rows);
    text
}

/// Shares of the input at which [`kept`] looks.
const LOOKED_AT: [f64; 6] = [0.01, 0.05, 0.1, 0.2, 0.4, 0.8];

/// How many clips keep their class while single values are replaced: the paper's curves of accuracy, in a few columns.
fn kept(results: &[Flipping]) -> Vec<Vec<String>> {
    let mut rows = vec![vec!["method".to_owned()]];
    rows[0].extend(LOOKED_AT.iter().map(|share| format!("{:.0} %", 100.0 * share)));
    for r in results {
        let curve = &r.pixels;
        // The last step that does not go beyond the share.
        let at = |share: &f64| curve.flipped.iter().rposition(|flipped| flipped <= share);
        let cell = |share: &f64| number(at(share).and_then(|i| curve.kept.get(i)).copied());
        rows.push(std::iter::once(r.method.clone()).chain(LOOKED_AT.iter().map(cell)).collect());
    }
    rows
}

/// Stability: a row a method.
#[must_use]
pub fn stability(results: &[Stability]) -> String {
    let Some(first) = results.first() else { return String::new() };
    let mut rows = vec![["method", "1 dB louder", "10 ms later", "noise 40 dB below"].map(str::to_owned).to_vec()];
    for r in results {
        rows.push(vec![r.method.clone(), number(r.louder), number(r.later), number(r.noise)]);
    }
    format!(
        "stability, {} clips: how far the mask moves, as a share of the mask; 0 is the same\n\n{}",
        first.n,
        columns(&rows)
    )
}

/// Coherence of relevance vectors: a row a method.
#[must_use]
pub fn coherence(results: &[(String, Coherence)]) -> String {
    let mut rows = vec![["method", "clips", "neighbours of the same class", "by chance"].map(str::to_owned).to_vec()];
    for (method, c) in results {
        rows.push(vec![method.clone(), c.n.to_string(), number(c.same_class), number(c.by_chance)]);
    }
    format!("relevance vectors: share of the nearest clips that have the same class\n\n{}", columns(&rows))
}

/// Columns, each as wide as its longest cell: the first to the left, the others to the right.
#[must_use]
pub fn columns(rows: &[Vec<String>]) -> String {
    let n = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |c: usize| rows.iter().filter_map(|r| r.get(c)).map(|cell| cell.chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..n).map(width).collect();
    let mut text = String::new();
    for row in rows {
        let mut line = String::new();
        for (c, (cell, width)) in row.iter().zip(&widths).enumerate() {
            // Writing to a String cannot fail.
            let _ = if c == 0 { write!(line, "{cell:<width$}") } else { write!(line, "  {cell:>width$}") };
        }
        text += line.trim_end();
        text.push('\n');
    }
    text
}

fn number(value: Option<f64>) -> String {
    value.map_or_else(|| "-".to_owned(), |v| format!("{v:.3}"))
}
