//! How loud a segment is, frame by frame and stride by stride, and levels as scores. A constant offset is no level.
//!
//! Only samples that are there as soon as the segment is due count, so that any chunking gives the same levels.

use super::history::History;
use crate::dsp::FLOOR_DBFS;

/// A level as a score, so that any loud sound can be treated as a class: −120 dBFS is 0, 0 dBFS is 1, linear in dB.
#[must_use]
pub const fn level_score(dbfs: f32) -> f32 {
    (1.0 - dbfs / FLOOR_DBFS).clamp(0.0, 1.0)
}

/// The level in dBFS that a score of [`level_score`] stands for.
#[must_use]
pub const fn score_level(score: f32) -> f32 {
    FLOOR_DBFS * (1.0 - score)
}

/// Mean square of each frame of a segment: of the hop of samples from the frame's centre on; 0 before the stream.
pub(super) struct StrideLevels {
    powers: Vec<f64>,
    stride: usize,
}

impl StrideLevels {
    /// The levels of the segment that ends at `end`.
    pub(super) fn of(history: &History, end: u64) -> Self {
        let geometry = history.geometry();
        let hop = geometry.stft.hop;
        let segment = geometry.segment(end);
        let first = geometry.centre(segment.start);
        // Behind the last frame there may not be a hop of samples yet.
        let known = geometry.span(&segment).end;
        let last = geometry.centre(segment.end).min(known);
        let samples = history.levelled_or_silence(&(first..last));
        let mut powers: Vec<f64> = samples.chunks(hop).map(mean_square).collect();
        powers.resize(geometry.segment_frames, 0.0);
        Self { powers, stride: geometry.stride_frames }
    }

    /// The largest RMS of the newest `n` strides (of all of the segment's, where it has fewer), in dBFS.
    pub(super) fn loudest_stride(&self, n: usize) -> f32 {
        let strides = self.powers.rchunks(self.stride).take(n.max(1));
        let loudest = strides.map(|stride| stride.iter().sum::<f64>() / stride.len() as f64).fold(0.0, f64::max);
        dbfs(loudest)
    }

    /// 1 for each frame that is at least this loud, 0 for the others: how much louder is no evidence of another sound.
    pub(super) fn evidence(&self, from_dbfs: f32) -> Vec<f32> {
        self.powers.iter().map(|power| f32::from(u8::from(dbfs(*power) >= from_dbfs))).collect()
    }
}

fn mean_square(samples: &[f32]) -> f64 {
    samples.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>() / samples.len().max(1) as f64
}

fn dbfs(power: f64) -> f32 {
    ((10.0 * power.log10()) as f32).max(FLOOR_DBFS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_and_scores_are_each_others() {
        assert_eq!((level_score(0.0), level_score(-120.0), level_score(-30.0)), (1.0, 0.0, 0.75));
        assert_eq!((level_score(3.0), level_score(f32::NEG_INFINITY)), (1.0, 0.0));
        for dbfs in [-90.0, -45.5, -6.0] {
            assert!((score_level(level_score(dbfs)) - dbfs).abs() < 1e-4);
        }
    }

    #[test]
    fn the_loudest_of_the_newest_strides_counts() {
        // Five frames, strides of two: the oldest stride has one frame only.
        let levels = StrideLevels { powers: vec![1.0, 0.0, 0.01, 1e-4, 1e-4], stride: 2 };
        assert_eq!(levels.loudest_stride(1), -40.0);
        assert!((levels.loudest_stride(2) + 23.0103).abs() < 1e-3);
        assert_eq!(levels.loudest_stride(9), 0.0);
        assert_eq!(levels.evidence(-20.0), [1.0, 0.0, 1.0, 0.0, 0.0]);
        assert_eq!(levels.evidence(-20.1), [1.0, 0.0, 1.0, 0.0, 0.0]);
        let silent = StrideLevels { powers: vec![0.0; 4], stride: 2 };
        assert_eq!(silent.loudest_stride(2), FLOOR_DBFS);
    }
}
