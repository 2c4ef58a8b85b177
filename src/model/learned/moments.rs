//! Embeddings as text: a byte a value, in hex, in steps of a 255th of the largest.

use crate::error::{Error, Result};

/// Most values of one mark: more than its moments of the widest embedding have.
pub(super) const MAX_VALUES: usize = 16 * 4096;

/// Step and hex text of values that are not negative.
///
/// # Errors
/// A bug: values that no embedding has, or too many.
pub(super) fn encode(values: &[f32]) -> Result<(f32, String)> {
    if values.len() > MAX_VALUES || values.iter().any(|x| !(x.is_finite() && *x >= 0.0)) {
        return Err(Error::bug("moments of a mark could not be written, because they are no embeddings"));
    }
    let step = (values.iter().fold(0.0_f32, |a, x| a.max(*x)) / 255.0).max(f32::MIN_POSITIVE);
    Ok((step, values.iter().map(|x| format!("{:02x}", (x / step).round() as u8)).collect()))
}

/// The values of a text; `None` where it is no such text.
pub(super) fn decode(step: f32, text: &str) -> Option<Vec<f32>> {
    if text.len() > 2 * MAX_VALUES || !step.is_finite() || step <= 0.0 || step > 1e3 {
        return None;
    }
    let (pairs, []) = text.as_bytes().as_chunks::<2>() else { return None };
    let digit = |byte: u8| char::from(byte).to_digit(16);
    pairs.iter().map(|[high, low]| Some((digit(*high)? * 16 + digit(*low)?) as f32 * step)).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn values_come_back_within_half_a_step() {
        let values: Vec<f32> = (0..80).map(|i| ((i * 37) % 101) as f32 / 25.0).collect();
        let (step, text) = encode(&values).unwrap();
        let read = decode(step, &text).unwrap();
        assert!(values.iter().zip(&read).all(|(a, b)| (a - b).abs() <= 0.51 * step), "{read:?}");
        assert_eq!(encode(&[]).unwrap().1, "");
        assert!(encode(&[-1.0]).is_err() && encode(&[f32::NAN]).is_err());
        for (step, text) in [(0.0, "00"), (f32::NAN, "00"), (1e9, "00"), (1.0, "0"), (1.0, "0g"), (1.0, "é0")] {
            assert_eq!(decode(step, text), None, "{step} {text}");
        }
    }
}
