//! The moments of an event that say why its label was reported.

use crate::Result;
use crate::train::enroll::{Hearing, Row};
use crate::train::sigmoid::sigmoid;

/// Moments that stand for an event.
const MOMENTS: usize = 6;
/// A moment speaks for the label at this probability.
const SPEAKS: f32 = 0.2;
/// Moments that are taken where fewer speak for it: other sound before the clip may have made the label likely.
const LEAST: usize = 3;

/// Embeddings `[n, width]` of the moments from `onset_secs` to `offset_secs` of `samples` in which `row` finds its label, evenly
/// from the likeliest on; where it finds it in fewer than three, of the likeliest three.
///
/// # Errors
/// A defect.
pub fn moments(hearing: &Hearing, row: &Row, samples: &[f32], onset_secs: f64, offset_secs: f64) -> Result<Vec<f32>> {
    let width = hearing.width();
    let embeddings = hearing.embeddings(samples)?;
    let at = |secs: f64| (secs.max(0.0) / hearing.row_secs()) as usize + hearing.lookahead();
    let mut likely: Vec<(f32, &[f32])> = embeddings
        .chunks_exact(width)
        .enumerate()
        .skip(at(onset_secs))
        .take_while(|(i, _)| *i <= at(offset_secs))
        .map(|(_, x)| (sigmoid(row.logit(x)), x))
        .collect();
    likely.sort_by(|a, b| b.0.total_cmp(&a.0));
    let speaking = likely.iter().filter(|(p, _)| *p >= SPEAKS).count();
    likely.truncate(speaking.max(LEAST));
    let step = likely.len().div_ceil(MOMENTS).max(1);
    Ok(likely.iter().step_by(step).flat_map(|(_, x)| x.iter().copied()).collect())
}
