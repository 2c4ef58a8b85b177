//! Occlusion (Zeiler and Fergus 2014, section 3.2, on sound): each part is taken out alone, and what the score falls by is what
//! the part is worth. As many passes as parts and one more: the cheapest answer of a model of which nothing is known but its
//! scores. Two parts that each suffice alone are worth nothing here, which is what the sampled methods are better at.

use super::parts::Parts;
use super::{Scorer, Whole, scores_without};
use crate::Result;

/// What each of a model's scores falls by where one part is missing, in the order of `parts`; negative where it rises. `goes_on` is
/// as in [`super::explain`].
///
/// # Errors
/// As [`super::explain`].
pub fn occlude(
    sound: &Whole<'_>,
    parts: &Parts,
    model: &dyn Scorer,
    goes_on: &dyn Fn(f32) -> bool,
) -> Result<Option<Vec<Vec<f64>>>> {
    let n_parts = parts.as_slice().len();
    let without = |missing: Option<usize>| (0..n_parts).map(move |part| Some(part) != missing).collect();
    let kept: Vec<Vec<bool>> = std::iter::once(None).chain((0..n_parts).map(Some)).map(without).collect();
    let Some(scores) = scores_without(sound, parts, &kept, model, goes_on)? else { return Ok(None) };
    let falls = |class: usize| {
        let score = |i: usize| f64::from(scores[i][class]);
        (1..=n_parts).map(|i| score(0) - score(i)).collect()
    };
    Ok(Some((0..scores.first().map_or(0, Vec::len)).map(falls).collect()))
}
