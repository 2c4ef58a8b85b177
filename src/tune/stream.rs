//! Evidence of a stream of which it is known what sounds when: the detector itself is tried with each threshold.

use super::choose::{Evidence, Source, Step};
use crate::engine::detector::{Detection, DetectorParams};
use crate::engine::replay::Heard;
use crate::error::Result;
use crate::eval::events::{Span, score_events};
use crate::units::ClassId;

/// How far an onset may be off where spans do not overlap, in seconds.
const COLLAR_SECS: f64 = 1.0;

/// The thresholds that are tried, from the lowest on.
#[must_use]
pub fn grid() -> Vec<f64> {
    let hundredths = (5..95_u32).step_by(5).chain([95, 97, 98, 99]);
    hundredths.map(|n| f64::from(n) / 100.0).collect()
}

/// Tries each threshold of [`grid`] for all classes on what was heard, and holds the events against `reference`. Gives the
/// evidence for each label, in the model's order.
///
/// # Errors
/// As [`Heard::detect`].
pub fn try_thresholds(
    heard: &Heard,
    params: &DetectorParams,
    labels: &[String],
    reference: &[Span],
) -> Result<Vec<Evidence>> {
    let hours = heard.secs() / 3600.0;
    let of = |spans: &[Span], label: &String| -> Vec<Span> {
        spans.iter().filter(|span| span.label == *label).cloned().collect()
    };
    let known: Vec<Vec<Span>> = labels.iter().map(|label| of(reference, label)).collect();
    let mut steps: Vec<Vec<Step>> = vec![Vec::new(); labels.len()];
    for threshold in grid() {
        let told = heard.detect(&at(params, threshold))?;
        for (class, (known, steps)) in known.iter().zip(&mut steps).enumerate() {
            let detected = spans(heard, &told, ClassId(class), &labels[class]);
            let right = score_events(known, &detected, heard.secs(), COLLAR_SECS).hits.len();
            steps.push(Step { threshold, right, wrong: detected.len() - right });
        }
    }
    let all = labels.iter().zip(&params.classes).zip(known.iter().zip(steps));
    Ok(all
        .map(|((label, class), (known, steps))| Evidence {
            label: label.clone(),
            now: class.on.into(),
            source: Source::Stream,
            n_true: known.len(),
            weight: 1.0,
            hours,
            steps,
        })
        .collect())
}

/// The parameters with one threshold for all classes; they end where the settings say, and all are listened for.
fn at(params: &DetectorParams, threshold: f64) -> DetectorParams {
    let mut params = params.clone();
    for class in &mut params.classes {
        class.on = threshold as f32;
        class.off = class.off.min(class.on);
        (class.enabled, class.alarm) = (true, true);
    }
    (params.any_loud, params.gate_dbfs) = (None, None);
    params
}

fn spans(heard: &Heard, told: &[Detection], class: ClassId, label: &str) -> Vec<Span> {
    let of_class = told.iter().filter(|detection| detection.class == class);
    let span =
        |d: &Detection| Span { label: label.to_owned(), onset_s: heard.at(d.onset), offset_s: heard.at(d.offset) };
    of_class.map(span).collect()
}
