//! When a class was heard inside a segment: one value of at least 0 for each frame, from what the method says of the
//! decision, or from the loudness where that tells nothing.

use super::detector::Localisation;
use super::geometry::Geometry;
use crate::interpret::Explanation;
use crate::model::frame_probs::FrameProbs;
use crate::units::ClassId;

/// Evidence for `class` over a segment: the network's own, where it has probabilities for each frame; else the method's, smoothed; the loudness where there is no method or its evidence is
/// the same everywhere. Frames before the stream (`n_padded` of them, at the beginning) have none.
pub(super) fn evidence(
    class: ClassId,
    frames: Option<&FrameProbs>,
    explanation: Option<&dyn Explanation>,
    segment: &LoudnessOf<'_>,
    tuning: &Localisation,
) -> Vec<f32> {
    if let Some(frames) = frames {
        let mut evidence = frames.of(class.0, segment.n_frames());
        let n_padded = segment.n_padded.min(evidence.len());
        evidence[..n_padded].fill(0.0);
        return evidence;
    }
    let told = explanation.map(|explanation| {
        let mut evidence = explanation.evidence(class);
        evidence.iter_mut().for_each(|e| *e = if e.is_finite() { e.max(0.0) } else { 0.0 });
        let n_padded = segment.n_padded.min(evidence.len());
        evidence[..n_padded].fill(0.0);
        smooth(&evidence, tuning.smooth_frames)
    });
    match told {
        Some(evidence) if !is_flat(&evidence[segment.n_padded.min(evidence.len())..], tuning.flat_ratio) => evidence,
        _ => smooth(&segment.loudness(), tuning.smooth_frames),
    }
}

/// What the loudness of a segment is taken from.
#[derive(Debug, Clone, Copy)]
pub(super) struct LoudnessOf<'a> {
    /// Compressed mel columns, `[n_frames, n_mels]`.
    pub(super) features: &'a [f32],
    /// Values of a column.
    pub(super) n_mels: usize,
    /// Whether these are samples, and not bands.
    pub(super) hears_samples: bool,
    /// Frames at the beginning that lie before the stream.
    pub(super) n_padded: usize,
}

/// Power of a column of samples that counts as silence, full scale being 1.
const SILENCE: f32 = 1e-9;

impl<'a> LoudnessOf<'a> {
    /// Of a segment's columns, the first `n_padded` of which lie before the stream.
    pub(super) const fn new(features: &'a [f32], geometry: &Geometry, n_padded: usize) -> Self {
        let Geometry { n_mels, hears_samples, .. } = *geometry;
        Self { features, n_mels, hears_samples, n_padded }
    }

    /// Frames of the segment.
    fn n_frames(&self) -> usize {
        self.features.len() / self.n_mels.max(1)
    }

    /// How far each column rises above what is usual in the segment, in the mean over the bands: each band against its own
    /// lowest tenth, so that a tone in one band counts beside noise in another. A column of samples is one band: its power in dB.
    #[must_use]
    pub(super) fn loudness(&self) -> Vec<f32> {
        let n_mels = self.n_mels.max(1);
        if self.hears_samples {
            let power = |column: &[f32]| column.iter().map(|x| x * x).sum::<f32>() / n_mels as f32;
            let levels = self.features.chunks_exact(n_mels).map(|column| 10.0 * (power(column) + SILENCE).log10());
            let levels: Vec<f32> = levels.collect();
            return LoudnessOf { features: &levels, n_mels: 1, hears_samples: false, n_padded: self.n_padded }
                .loudness();
        }
        let n_frames = self.features.len() / n_mels;
        let mut loudness = vec![0.0; n_frames];
        let real = &self.features[self.n_padded.min(n_frames) * n_mels..];
        let n_real = real.len() / n_mels;
        if n_real == 0 {
            return loudness;
        }
        let mut band = vec![0.0; n_real];
        for m in 0..n_mels {
            band.iter_mut().zip(real.chunks_exact(n_mels)).for_each(|(b, column)| *b = column[m]);
            let (_, floor, _) = band.select_nth_unstable_by(n_real / 10, f32::total_cmp);
            let floor = *floor;
            for (sum, column) in loudness[n_frames - n_real..].iter_mut().zip(real.chunks_exact(n_mels)) {
                *sum += (column[m] - floor).max(0.0) / n_mels as f32;
            }
        }
        loudness
    }
}

/// Mean over `width` frames around each (fewer at the ends; an even width counts as the next odd one).
#[must_use]
pub(super) fn smooth(values: &[f32], width: usize) -> Vec<f32> {
    let side = width / 2;
    (0..values.len())
        .map(|i| {
            let around = &values[i.saturating_sub(side)..(i + side + 1).min(values.len())];
            around.iter().sum::<f32>() / around.len() as f32
        })
        .collect()
}

/// Whether no value stands out: the largest is less than `ratio` times the mean (and so of nothing but zeros, or nothing).
fn is_flat(values: &[f32], ratio: f32) -> bool {
    let max = values.iter().copied().fold(0.0, f32::max);
    let mean = values.iter().sum::<f32>() / values.len().max(1) as f32;
    max <= 0.0 || max < ratio * mean
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn smoothing_keeps_means_and_ends() {
        assert_eq!(smooth(&[0.0, 0.0, 3.0, 0.0, 0.0], 3), [0.0, 1.0, 1.0, 1.0, 0.0]);
        assert_eq!(smooth(&[2.0, 2.0], 5), [2.0, 2.0]);
        assert_eq!(smooth(&[1.0, 5.0], 1), [1.0, 5.0]);
    }

    /// The mean of a tone's samples says nothing: their power does.
    #[test]
    fn columns_of_samples_are_as_loud_as_their_power() {
        let tone = |t: usize| if (12..15).contains(&t) { 0.1 } else { 0.001 };
        let columns: Vec<f32> = (0..22).flat_map(|t| [tone(t), -tone(t), tone(t), -tone(t)]).collect();
        let loudness = LoudnessOf { features: &columns, n_mels: 4, hears_samples: true, n_padded: 2 }.loudness();
        for (t, l) in loudness.iter().enumerate() {
            let want = if (12..15).contains(&t) { 40.0 } else { 0.0 };
            assert!((l - want).abs() < 0.01, "frame {t}: {l}");
        }
    }

    #[test]
    fn loudness_is_what_rises_above_each_bands_floor() {
        // Two bands: one always loud, one with a burst in frames 12..15; the two padded frames count for nothing.
        let columns: Vec<f32> =
            (0..22).flat_map(|t| if t < 2 { [-9.0, -9.0] } else { [5.0, f32::from((12..15).contains(&t))] }).collect();
        let loudness = LoudnessOf { features: &columns, n_mels: 2, hears_samples: false, n_padded: 2 }.loudness();
        for (t, l) in loudness.iter().enumerate() {
            assert_eq!(*l, if (12..15).contains(&t) { 0.5 } else { 0.0 }, "frame {t}");
        }
    }

    #[test]
    fn flat_is_what_tells_no_time() {
        assert!(is_flat(&[0.0; 5], 1.5));
        assert!(is_flat(&[], 1.5));
        assert!(is_flat(&[1.0, 1.1, 0.9], 1.5));
        assert!(!is_flat(&[0.0, 0.0, 1.0], 1.5));
    }
}
