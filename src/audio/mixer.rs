//! How playback fades. Every method keeps the real-time rule (see [`crate::audio`]).

use super::listen_control::ListenMode;

/// Fades between input, interpretation and silence, and over every place where the sound does not go on.
pub(super) struct Mixer {
    /// Samples of a fade.
    fade: usize,
    /// How far input and interpretation are faded in, 0 to `fade`: whole numbers, so that a gain of 1 is 1.
    levels: [usize; 2],
    /// The last samples played, in a circle; `at` is the oldest.
    played: Box<[f32]>,
    at: usize,
    /// What fades out: its last `left` samples are still to come.
    tail: Box<[f32]>,
    left: usize,
}

impl Mixer {
    pub(super) fn new(fade: usize, mode: ListenMode) -> Self {
        let silent = || vec![0.0; fade].into_boxed_slice();
        let mut mixer = Self { fade, levels: [0; 2], played: silent(), at: 0, tail: silent(), left: 0 };
        mixer.levels = mixer.wanted(mode);
        mixer
    }

    const fn wanted(&self, mode: ListenMode) -> [usize; 2] {
        match mode {
            ListenMode::Input => [self.fade, 0],
            ListenMode::Interpretation => [0, self.fade],
            ListenMode::Silence => [0, 0],
        }
    }

    /// What follows does not go on from what was played. What would have followed is not known, so the last samples are
    /// played once more, backwards, while they fade: no step in the sound, and nothing foreign in it.
    pub(super) fn splice(&mut self) {
        for (i, slot) in self.tail.iter_mut().enumerate() {
            let newest = self.at + 2 * self.fade - 1;
            *slot = self.played.get((newest - i) % self.fade).copied().unwrap_or(0.0);
        }
        self.left = self.fade;
    }

    pub(super) fn play(&mut self, samples: &[[f32; 2]], out: &mut [f32], mode: ListenMode) {
        let wanted = self.wanted(mode);
        let unit = 1.0 / self.fade as f32;
        for (out, pair) in out.iter_mut().zip(samples) {
            let mut sum = 0.0;
            for ((level, wanted), sample) in self.levels.iter_mut().zip(wanted).zip(pair) {
                *level = towards(*level, wanted, 1);
                if *level == self.fade {
                    sum += sample;
                } else if *level > 0 {
                    sum += *level as f32 * unit * sample;
                }
            }
            *out = self.finish(sum);
        }
    }

    pub(super) fn silence(&mut self, out: &mut [f32], mode: ListenMode) {
        let wanted = self.wanted(mode);
        for (level, wanted) in self.levels.iter_mut().zip(wanted) {
            *level = towards(*level, wanted, out.len());
        }
        for out in out {
            *out = self.finish(0.0);
        }
    }

    /// Adds the tail, and remembers.
    fn finish(&mut self, sample: f32) -> f32 {
        let mut mixed = if sample.is_finite() { sample } else { 0.0 };
        if self.left > 0 {
            let old = self.tail.get(self.fade - self.left).copied().unwrap_or(0.0);
            let weight = self.left as f32 / (self.fade + 1) as f32;
            mixed = weight * old + (1.0 - weight) * mixed;
            self.left -= 1;
        }
        if let Some(slot) = self.played.get_mut(self.at) {
            *slot = mixed;
        }
        self.at = if self.at + 1 >= self.fade { 0 } else { self.at + 1 };
        mixed
    }
}

/// `level`, up to `by` nearer to `wanted`.
fn towards(level: usize, wanted: usize, by: usize) -> usize {
    if level < wanted { level.saturating_add(by).min(wanted) } else { level.saturating_sub(by).max(wanted) }
}
