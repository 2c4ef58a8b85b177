//! Augmentation: each training example is made anew from clips, other clips and noise, all drawn from one seeded
//! generator, so that a run can be repeated and resumed.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::synthetic_noise::{Colour, noise as synthetic};
use crate::dsp::from_db;

/// Length of the blocks in which [`active_level`] looks for sound, in samples.
const LEVEL_BLOCK: usize = 512;
/// Blocks more than this far below the loudest one do not count as sound, in dB.
const LEVEL_RANGE_DB: f32 = 20.0;
/// How likely a window has noise in it.
const WINDOW_NOISE_PROB: f64 = 0.8;
/// Longest time mask of a window, in frames.
const WINDOW_MASK_FRAMES: usize = 8;
/// How often a window is drawn anew that holds too little of its sound.
const WINDOW_DRAWS: usize = 10;
/// So many blocks of a sound are enough, and so is this share of those it has.
const ENOUGH_BLOCKS: usize = 8;
const ENOUGH_SHARE: usize = 3;

/// What is done to clips before the classifier sees them. All levels in dB; all probabilities 0…1.
#[derive(Debug, Clone, PartialEq)]
pub struct AugmentParams {
    /// Rotate each clip by a random number of samples.
    pub shift: bool,
    /// Make examples of so many samples, as a live stream shows them: parts of clips that begin before or in the sound, or
    /// end in it, in silence. `None` makes examples of whole clips.
    pub window: Option<usize>,
    /// How likely a window ends shortly after a sound begins.
    pub early_prob: f64,
    /// How shortly: range of the share of the window that the sound has lasted.
    pub early_share: (f32, f32),
    /// Range of the gain put on the finished example, in dB.
    pub gain_db: (f32, f32),
    /// How likely a second clip is mixed in, its classes being added.
    pub mix_prob: f64,
    /// Range of the level of the first clip over the second, in dB.
    pub mix_snr_db: (f32, f32),
    /// How likely background noise is added.
    pub noise_prob: f64,
    /// Range of the level of the clips over the noise, in dB.
    pub noise_snr_db: (f32, f32),
    /// How likely noise is synthetic (white, pink or brown) though there are recordings of noise.
    pub synthetic_prob: f64,
    /// How likely an example is background alone, with no class at all.
    pub background_only_prob: f64,
    /// Range of the RMS level of such a background, in dB below full scale.
    pub background_level_db: (f32, f32),
    /// Time masks an example.
    pub time_masks: usize,
    /// Longest time mask, in frames.
    pub max_mask_frames: usize,
    /// Frequency masks an example.
    pub freq_masks: usize,
    /// Widest frequency mask, in mel bands.
    pub max_mask_bands: usize,
}

impl Default for AugmentParams {
    fn default() -> Self {
        Self {
            shift: true,
            window: None,
            early_prob: 0.5,
            early_share: (0.08, 0.5),
            gain_db: (-12.0, 6.0),
            mix_prob: 0.5,
            mix_snr_db: (-10.0, 10.0),
            noise_prob: 0.5,
            noise_snr_db: (0.0, 25.0),
            synthetic_prob: 0.25,
            background_only_prob: 0.08,
            background_level_db: (-80.0, -15.0),
            time_masks: 2,
            max_mask_frames: 40,
            freq_masks: 2,
            max_mask_bands: 8,
        }
    }
}

/// One training example.
#[derive(Debug, Clone, PartialEq)]
pub struct Example {
    /// The sound, as long as the clip it was made from, or as the window.
    pub samples: Vec<f32>,
    /// `[n_classes]`, 1 for each class that is heard, else 0.
    pub targets: Vec<f32>,
}

impl AugmentParams {
    /// The parameters under which [`example`](Self::example) gives the clip as it is and
    /// [`mask_features`](Self::mask_features) does nothing.
    #[must_use]
    pub fn none() -> Self {
        Self {
            shift: false,
            gain_db: (0.0, 0.0),
            mix_prob: 0.0,
            noise_prob: 0.0,
            background_only_prob: 0.0,
            time_masks: 0,
            freq_masks: 0,
            ..Self::default()
        }
    }

    /// These parameters for windows of `n` samples: as a live stream has them, so most often with noise behind, and with
    /// time masks too short to hide a sound that has just begun.
    #[must_use]
    pub fn for_windows(&self, n: usize) -> Self {
        Self {
            window: Some(n),
            noise_prob: WINDOW_NOISE_PROB.max(self.noise_prob),
            max_mask_frames: WINDOW_MASK_FRAMES.min(self.max_mask_frames),
            ..self.clone()
        }
    }

    /// Makes an example of `clips[index]`. `targets[i]` are the classes of `clips[i]`; `noise` are recordings of
    /// background, of any length (none: all noise is synthetic). Levels are those of the parts where something
    /// sounds, so that noise does not drown a short sound in a long clip. A class index past `n_classes` is left out.
    ///
    /// # Panics
    /// When `index` is not an index of both `clips` and `targets`.
    pub fn example(
        &self,
        rng: &mut ChaCha8Rng,
        clips: &[Vec<f32>],
        targets: &[Vec<usize>],
        noise: &[Vec<f32>],
        index: usize,
        n_classes: usize,
    ) -> Example {
        let mut heard = vec![0.0; n_classes];
        let n = self.window.unwrap_or(clips[index].len());
        if rng.random_bool(self.background_only_prob) {
            return Example { samples: self.background_only(rng, noise, n), targets: heard };
        }
        let mut samples = self.part(rng, &clips[index]);
        add_classes(&mut heard, &targets[index]);
        if rng.random_bool(self.mix_prob) && clips.len() > 1 {
            // Any other clip: skip `index` by counting on past it.
            let other = (index + rng.random_range(1..clips.len())) % clips.len();
            let second = self.part(rng, &clips[other]);
            let snr_db = uniform(rng, self.mix_snr_db);
            if add_at_snr(&mut samples, &second, snr_db) {
                add_classes(&mut heard, targets.get(other).map_or(&[], Vec::as_slice));
            }
        }
        if rng.random_bool(self.noise_prob) {
            let background = self.background(rng, noise, n);
            let snr_db = uniform(rng, self.noise_snr_db);
            add_at_snr(&mut samples, &background, snr_db);
        }
        scale(&mut samples, from_db(uniform(rng, self.gain_db)));
        Example { samples, targets: heard }
    }

    /// Masks random runs of frames and of bands in `feats`, `[n_frames, n_mels]` row by row, with `fill` (what silence
    /// looks like to the model). Lengths are drawn from 0 to the greatest, so an example may stay as it is.
    pub fn mask_features(&self, rng: &mut ChaCha8Rng, feats: &mut [f32], n_mels: usize, fill: f32) {
        if n_mels == 0 {
            return;
        }
        let n_frames = feats.len() / n_mels;
        for _ in 0..self.time_masks {
            let (start, end) = run(rng, n_frames, self.max_mask_frames);
            feats[start * n_mels..end * n_mels].fill(fill);
        }
        for _ in 0..self.freq_masks {
            let (start, end) = run(rng, n_mels, self.max_mask_bands);
            for frame in feats.chunks_exact_mut(n_mels) {
                frame[start..end].fill(fill);
            }
        }
    }

    /// The clip as the example hears it.
    pub(super) fn part(&self, rng: &mut ChaCha8Rng, clip: &[f32]) -> Vec<f32> {
        match self.window {
            Some(n) => self.cut(rng, clip, n),
            None => self.shifted(rng, clip),
        }
    }

    /// `n` samples of `clip` and of silence before and behind it, somewhere where enough of its sound is heard.
    fn cut(&self, rng: &mut ChaCha8Rng, clip: &[f32], n: usize) -> Vec<f32> {
        let powers = block_powers(clip);
        let floor = power_floor(&powers);
        let active: Vec<usize> = (0..powers.len()).filter(|&b| powers[b] >= floor && powers[b] > 0.0).collect();
        let (Some(first), Some(last)) = (active.first(), active.last()) else { return vec![0.0; n] };
        let (first, end) = (first * LEVEL_BLOCK, ((last + 1) * LEVEL_BLOCK).min(clip.len()));
        let enough = ENOUGH_BLOCKS.min(active.len() / ENOUGH_SHARE).max(1);
        let mut range = first..first;
        for _ in 0..WINDOW_DRAWS {
            let lasted = |rng: &mut ChaCha8Rng, share| (n as f32 * uniform(rng, share)) as usize;
            range = if rng.random_bool(self.early_prob) {
                // From its beginning, or as if it began anywhere.
                let begin = if rng.random_bool(0.5) { 0 } else { rng.random_range(first..end) };
                begin..begin.max(first) + lasted(rng, self.early_share)
            } else {
                0..first + (self.early_share.0 * n as f32) as usize + rng.random_range(0..end - first + n)
            };
            let heard = |b: &&usize| {
                let at = **b * LEVEL_BLOCK;
                at >= range.start.max(range.end.saturating_sub(n)) && at + LEVEL_BLOCK <= range.end
            };
            if active.iter().filter(heard).count() >= enough {
                break;
            }
        }
        let mut samples = vec![0.0; n];
        for (back, sample) in samples.iter_mut().rev().enumerate() {
            let Some(at) = range.end.checked_sub(back + 1).filter(|at| *at >= range.start) else { break };
            *sample = clip.get(at).copied().unwrap_or(0.0);
        }
        samples
    }

    /// A copy of `clip`, rotated by a random number of samples where `shift` says so.
    fn shifted(&self, rng: &mut ChaCha8Rng, clip: &[f32]) -> Vec<f32> {
        let mut samples = clip.to_vec();
        if self.shift && !samples.is_empty() {
            let by = rng.random_range(0..samples.len());
            samples.rotate_left(by);
        }
        samples
    }

    /// `n` samples with nothing to be named in them: noise from barely audible to loud, now and then digital silence.
    fn background_only(&self, rng: &mut ChaCha8Rng, noise: &[Vec<f32>], n: usize) -> Vec<f32> {
        let mut samples = self.background(rng, noise, n);
        let level_db = uniform(rng, self.background_level_db);
        let level = active_level(&samples);
        // One in ten is digital silence: what a muted or dead device delivers.
        let silent = rng.random_bool(0.1) || level == 0.0;
        scale(&mut samples, if silent { 0.0 } else { from_db(level_db) / level });
        samples
    }

    /// `n` samples of background: a random part of a random recording, or synthetic noise.
    pub(super) fn background(&self, rng: &mut ChaCha8Rng, noise: &[Vec<f32>], n: usize) -> Vec<f32> {
        if noise.is_empty() || rng.random_bool(self.synthetic_prob) {
            let colour = Colour::any(rng);
            return synthetic(rng, colour, n);
        }
        let recording = &noise[rng.random_range(0..noise.len())];
        if recording.is_empty() {
            return vec![0.0; n];
        }
        // A recording shorter than the clip is repeated; else any part of it is as likely.
        let start = if recording.len() > n { rng.random_range(0..=recording.len() - n) } else { 0 };
        recording.iter().copied().cycle().skip(start).take(n).collect()
    }
}

/// Root-mean-square level of the parts of `samples` where something sounds: of the blocks within 20 dB of the loudest.
/// 0 for silence. A bark in five seconds of nothing has the level of the bark.
#[must_use]
pub fn active_level(samples: &[f32]) -> f32 {
    let powers = block_powers(samples);
    let floor = power_floor(&powers);
    if floor <= 0.0 {
        return 0.0;
    }
    let (sum, count) =
        powers.iter().filter(|&&p| p >= floor).fold((0.0, 0.0), |(sum, count), p| (sum + p, count + 1.0));
    (sum / count).sqrt()
}

/// Mean power of each block.
fn block_powers(samples: &[f32]) -> Vec<f32> {
    samples.chunks(LEVEL_BLOCK).map(|b| b.iter().map(|x| x * x).sum::<f32>() / b.len() as f32).collect()
}

/// From this power on a block counts as sound; 0 where all are silent.
fn power_floor(powers: &[f32]) -> f32 {
    powers.iter().copied().fold(0.0, f32::max) * 10.0_f32.powf(-LEVEL_RANGE_DB / 10.0)
}

/// Adds `other` to `samples`, scaled so that the active level of `samples` is `snr_db` above its own. False, and
/// nothing is added, where either is silent, for then no such scale exists.
fn add_at_snr(samples: &mut [f32], other: &[f32], snr_db: f32) -> bool {
    let Some(gain) = gain_at_snr(samples, other, snr_db) else { return false };
    add(samples, other, gain);
    true
}

/// The gain that brings the active level of `other` to `snr_db` below that of `samples`; none where either is silent.
pub(super) fn gain_at_snr(samples: &[f32], other: &[f32], snr_db: f32) -> Option<f32> {
    let (level, other_level) = (active_level(samples), active_level(other));
    (level > 0.0 && other_level > 0.0).then(|| level / other_level * from_db(-snr_db))
}

/// Adds `gain` times `other` to `samples`.
pub(super) fn add(samples: &mut [f32], other: &[f32], gain: f32) {
    for (sample, o) in samples.iter_mut().zip(other) {
        *sample += gain * o;
    }
}

/// Marks `classes` as heard.
fn add_classes(heard: &mut [f32], classes: &[usize]) {
    for &class in classes {
        if let Some(target) = heard.get_mut(class) {
            *target = 1.0;
        }
    }
}

/// Multiplies by `gain`.
pub(super) fn scale(samples: &mut [f32], gain: f32) {
    for sample in samples {
        *sample *= gain;
    }
}

/// A number between the two ends of `range`, each as likely; the first where the range is empty.
pub(super) fn uniform(rng: &mut ChaCha8Rng, range: (f32, f32)) -> f32 {
    range.0 + rng.random::<f32>() * (range.1 - range.0)
}

/// A random run within `0..n`, at most `longest` long, as start and end.
fn run(rng: &mut ChaCha8Rng, n: usize, longest: usize) -> (usize, usize) {
    let length = rng.random_range(0..=longest.min(n));
    let start = rng.random_range(0..=n - length);
    (start, start + length)
}

#[cfg(test)]
#[path = "augment_tests.rs"]
mod tests;
