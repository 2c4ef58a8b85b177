//! Where a sound stands out of the background of a recording.

use std::ops::Range;

use super::sounds::block_samples;
use crate::units::SampleRate;

/// A block belongs to the sound from so far above the background on, in dB.
const ABOVE_DB: f32 = 8.0;
/// Share of the blocks that are quieter than the background's level.
const QUIET: f64 = 0.2;
/// Kept on both sides, in blocks.
const AROUND: usize = 10;

/// The samples from the first to the last that stand out of the background, with a tenth of a second around them; all of
/// them, where nothing does. The background's level is the one that a fifth of all blocks of 10 ms stay below.
#[must_use]
pub fn standing_out(samples: &[f32], rate: SampleRate) -> Range<usize> {
    let block = block_samples(rate);
    let powers: Vec<f32> =
        samples.chunks(block).map(|b| b.iter().map(|x| x * x).sum::<f32>() / b.len() as f32).collect();
    let mut sorted = powers.clone();
    sorted.sort_by(f32::total_cmp);
    let Some(quiet) = sorted.get((sorted.len() as f64 * QUIET) as usize) else { return 0..samples.len() };
    let floor = (quiet * 10.0_f32.powf(ABOVE_DB / 10.0)).max(f32::MIN_POSITIVE);
    let stands_out = |power: &f32| *power > floor;
    let (Some(first), Some(last)) = (powers.iter().position(stands_out), powers.iter().rposition(stands_out)) else {
        return 0..samples.len();
    };
    first.saturating_sub(AROUND) * block..((last + 1 + AROUND) * block).min(samples.len())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_sound_over_a_background_is_found_with_a_little_around_it() {
        let rate = SampleRate::new(1000).unwrap();
        let noise = |i: usize| 0.01 * ((i * 7919 % 101) as f32 / 50.0 - 1.0);
        let tone = |i: usize| if (1200..1500).contains(&i) || i / 100 == 17 { 0.1 } else { 0.0 };
        let samples: Vec<f32> = (0..4000).map(|i| noise(i) + tone(i)).collect();
        assert_eq!(standing_out(&samples, rate), 1100..1900);
        let alone: Vec<f32> = (0..4000).map(noise).collect();
        assert_eq!(standing_out(&alone, rate), 0..4000);
        assert_eq!(standing_out(&[0.0; 500], rate), 0..500);
        assert_eq!(standing_out(&[], rate), 0..0);
        let silence_around: Vec<f32> = (0..4000).map(tone).collect();
        assert_eq!(standing_out(&silence_around, rate), 1100..1900);
    }
}
