//! Whether a channel does nothing but hold an offset: what a converter without a microphone delivers, but for its last bits.

/// How far samples may lie apart: four steps of 16 bits. No room is this still.
const MOST_APART: f32 = 4.5 / 32_768.0;

/// From here on it is an offset. Around zero the last bits may be a quiet room's.
const LEAST_OFFSET: f32 = 0.01;

/// How many of the newest samples lie close together, and where.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stillness {
    low: f32,
    high: f32,
    run: u64,
}

impl Stillness {
    pub(super) const fn new() -> Self {
        Self { low: f32::INFINITY, high: f32::NEG_INFINITY, run: 0 }
    }

    /// Takes the next sample, which is finite.
    #[inline]
    pub(super) fn push(&mut self, sample: f32) {
        let (low, high) = (self.low.min(sample), self.high.max(sample));
        if high - low <= MOST_APART {
            *self = Self { low, high, run: self.run + 1 };
        } else {
            *self = Self { low: sample, high: sample, run: 1 };
        }
    }

    /// How many of the newest samples lie close together.
    pub(super) const fn run(&self) -> u64 {
        self.run
    }

    /// The offset that they hold, if it is one.
    pub(super) fn offset(&self) -> Option<f32> {
        let middle = f32::midpoint(self.low, self.high);
        (middle.abs() >= LEAST_OFFSET).then_some(middle)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(samples: &[f32]) -> Stillness {
        let mut stillness = Stillness::new();
        samples.iter().for_each(|x| stillness.push(*x));
        stillness
    }

    #[test]
    fn an_offset_is_still_but_for_its_last_bits() {
        let step = 1.0 / 32_768.0;
        let still = after(&[0.25, 0.25 + step, 0.25 - step, 0.25]);
        assert_eq!((still.run(), still.offset()), (4, Some(0.25)));
        assert_eq!(after(&[0.25, 0.25 + 5.0 * step, 0.25 + 5.0 * step]).run(), 2);
        assert_eq!(after(&[-0.5; 3]).offset(), Some(-0.5));
        // A quiet room, at which a converter can only round.
        assert_eq!(after(&[0.0, step, -step]).offset(), None);
        assert_eq!(after(&[]).run(), 0);
    }
}
