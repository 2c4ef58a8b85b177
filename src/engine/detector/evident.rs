//! Evidence inside one segment: where an event begins, and how far it goes.

use super::detection::StrideInput;
use super::units::Units;
use crate::units::ClassId;

/// Evidence of the frames from one on.
pub(super) struct Evidence {
    /// Stream index of the first value.
    first: u64,
    values: Vec<f32>,
    /// Largest value of the whole segment.
    segment_peak: f32,
}

impl Evidence {
    /// The part of a segment's evidence that lies at or behind `floor`.
    pub(super) fn behind(floor: u64, class: ClassId, input: &StrideInput<'_>) -> Self {
        let mut values = (input.evidence)(class);
        let segment_peak = max(&values);
        // A segment may begin before the stream; those frames hold nothing.
        let n_before = (values.len() as u64).saturating_sub(input.end) as usize;
        values.drain(..n_before);
        let begin = input.end - (values.len() as u64).min(input.end);
        let n_old = floor.saturating_sub(begin).min(values.len() as u64);
        values.drain(..n_old as usize);
        Self { first: begin + n_old, values, segment_peak }
    }

    /// Whether there is any in the segment.
    pub(super) fn is_any(&self) -> bool {
        self.segment_peak > 0.0
    }

    /// Whether it is more than what is left of the last event.
    pub(super) fn is_new(&self, units: &Units) -> bool {
        let peak = max(&self.values);
        peak > 0.0 && peak >= units.tuning.new_share * self.segment_peak
    }

    /// Walks back from the newest strong frame over gaps of at most `merge_gap` frames.
    pub(super) fn onset(&self, units: &Units) -> Option<u64> {
        let peak = max(&self.values);
        if peak <= 0.0 {
            return None;
        }
        let strong = self.values.iter().rposition(|v| *v >= units.tuning.strong_share * peak)?;
        let mut onset = strong;
        for i in (0..strong).rev() {
            if self.values[i] >= units.tuning.evident_share * peak {
                onset = i;
            } else if (onset - i) as u64 > units.merge_gap {
                break;
            }
        }
        Some(self.first + onset as u64)
    }

    /// The last evident frame that hangs together with `from` over gaps of at most `merge_gap` frames, and whether there
    /// is evidence behind it that does not.
    pub(super) fn follow(&self, from: u64, units: &Units) -> (u64, bool) {
        let level = units.tuning.evident_share * max(&self.values);
        let mut last = from;
        if level <= 0.0 {
            return (last, false);
        }
        for (t, value) in (self.first..).zip(&self.values) {
            if t > last && *value >= level {
                if t - last - 1 > units.merge_gap {
                    return (last, true);
                }
                last = t;
            }
        }
        (last, false)
    }
}

fn max(values: &[f32]) -> f32 {
    values.iter().copied().fold(0.0, f32::max)
}
