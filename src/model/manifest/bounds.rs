//! Bounds on the numbers of a manifest.

use crate::toml_text::BadValue;

/// Widest block and largest component count that are taken for meant.
pub(super) const MAX_WIDTH: usize = 8192;

/// What is wrong with a value that is not `least` to `most`.
pub(super) fn within(key: &str, value: usize, least: usize, most: usize, what: &str) -> Option<BadValue> {
    (!(least..=most).contains(&value)).then(|| BadValue::new(key, value, format!("give {least} to {most} {what}")))
}

/// What is wrong with a relevance threshold that is negative, or so high that nothing is above it.
pub(super) fn threshold(key: &str, value: f32) -> Option<BadValue> {
    (!(0.0..1.0).contains(&value)).then(|| BadValue::new(key, value, "give 0 or more and less than 1"))
}

/// The block that a layer's name names, from 0.
pub(super) fn block_index(layer: &str) -> Option<usize> {
    layer.strip_prefix("block")?.parse::<usize>().ok()?.checked_sub(1)
}
