//! Scenes: what a classifier that is to be trusted learns from. Some sounds at once, or none, in a room, over ambience and
//! noise, at every level, through bad microphones. A scene knows what sounds when, because it was mixed.

mod damage;
pub mod load;
mod rooms;
mod sounds;
mod standing_out;

pub use rooms::random_room;
pub use sounds::{Background, Material, Sound, block_samples};
pub use standing_out::standing_out;

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::synthetic_noise::{Colour, noise};
use crate::dsp::{FrontEndParams, convolve, from_db};
use crate::units::SampleRate;

/// How likely a scene has no sound, one, two and three.
const N_SOUNDS: [f64; 4] = [0.14, 0.46, 0.28, 0.12];
/// How likely a sound is none of the labels.
const OTHER_PROB: f64 = 0.2;
/// How likely a sound is played faster or slower, and how much.
const SPEED_PROB: f64 = 0.5;
const SPEED: (f32, f32) = (0.8, 1.25);
/// How likely a taught scene is strange: its sounds are changed until their labels no longer hold, and the teacher alone says
/// what is there.
const STRANGE_PROB: f64 = 0.25;
/// Speeds in strange scenes; half of their sounds run backwards.
const STRANGE_SPEED: (f32, f32) = (0.5, 2.0);
/// Level of further sounds relative to the first, in dB.
const FURTHER_DB: (f32, f32) = (-15.0, 0.0);
/// How likely sounds are in a room.
const ROOM_PROB: f64 = 0.35;
/// Level of the first sound over each background, in dB.
const SNR_DB: (f32, f32) = (-5.0, 30.0);
/// How likely there is ambience, and noise.
const AMBIENCE_PROB: f64 = 0.6;
const NOISE_PROB: f64 = 0.35;
/// Level of the first sound, or of the background where there is none, in dB relative to full scale.
const LEVEL_DB: (f32, f32) = (-55.0, -8.0);
/// A sound further than this below everything else together is not asked for, in dB.
const MASKED_DB: f32 = -12.0;
/// Shortest part of a sound in a scene, in blocks.
const LEAST_BLOCKS: i64 = 20;

/// How scenes are cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SceneShape {
    /// Rate of all samples.
    pub rate: SampleRate,
    /// Samples of a scene.
    pub n_samples: usize,
    /// Samples of one frame of targets.
    pub frame_samples: usize,
    /// Frames of targets.
    pub n_frames: usize,
    /// Whether a teacher hears the scenes too, so that some may be strange.
    pub taught: bool,
}

impl SceneShape {
    /// Scenes whose centred frames are those of a segment of `segment_frames`, with targets for each `pooling` of them.
    #[must_use]
    pub fn of_segment(front_end: &FrontEndParams, segment_frames: usize, pooling: usize, taught: bool) -> Self {
        let hop = front_end.stft.hop;
        Self {
            rate: front_end.sample_rate,
            n_samples: segment_frames.saturating_sub(1) * hop + 1,
            frame_samples: pooling * hop,
            n_frames: segment_frames / pooling,
            taught,
        }
    }

    /// Seconds of a frame of targets.
    #[must_use]
    pub fn frame_secs(&self) -> f64 {
        self.rate.secs(self.frame_samples as u64)
    }
}

/// One scene.
#[derive(Debug, Clone, PartialEq)]
pub struct Scene {
    /// `[n_samples]`.
    pub samples: Vec<f32>,
    /// `[n_frames, n_classes]`: 1 where the class sounds in most of the frame, else 0.
    pub targets: Vec<f32>,
    /// `[n_frames, n_classes]`: 0 where nobody can say whether the class sounds, else 1.
    pub weights: Vec<f32>,
}

/// Makes a scene. The same generator gives the same scene.
#[must_use]
pub fn scene(rng: &mut ChaCha8Rng, material: &Material, shape: &SceneShape) -> Scene {
    let n_classes = material.by_class.len();
    let mut mixed = Mixed {
        shape: *shape,
        sounds: vec![0.0; shape.n_samples],
        targets: vec![0.0; shape.n_frames * n_classes],
        weights: vec![1.0; shape.n_frames * n_classes],
        n_classes,
    };
    let strange = shape.taught && rng.random_bool(STRANGE_PROB);
    let mut powers = Vec::new();
    for i in 0..draw(rng, &N_SOUNDS) {
        let gain = if i == 0 { 1.0 } else { from_db(rng.random_range(FURTHER_DB.0..FURTHER_DB.1)) };
        if let Some(sound) = material.draw(rng) {
            let playing = Playing::draw(rng, strange);
            powers.push((mixed.add(rng, sound, playing, gain), gain * gain));
        }
    }
    if !material.rooms.is_empty() && !powers.is_empty() && rng.random_bool(ROOM_PROB) {
        convolve(&mut mixed.sounds, &material.rooms[rng.random_range(0..material.rooms.len())]);
    }
    let background = mixed.background(rng, material);
    // What the others and the background drown is not asked for.
    let total: f32 = background + powers.iter().map(|(_, p)| p).sum::<f32>();
    for (added, power) in &powers {
        if *power < (total - power) * from_db(MASKED_DB).powi(2) {
            mixed.forgive(added);
        }
    }
    if strange {
        mixed.weights.fill(0.0);
    }
    let mut samples = mixed.sounds;
    damage::damage(rng, shape.rate, &mut samples);
    let reference = if powers.is_empty() { background.max(1e-12).sqrt() } else { 1.0 };
    let gain = from_db(rng.random_range(LEVEL_DB.0..LEVEL_DB.1)) / reference;
    samples.iter_mut().for_each(|x| *x = (*x * gain).clamp(-1.0, 1.0));
    Scene { samples, targets: mixed.targets, weights: mixed.weights }
}

/// How a recording is played into a scene.
#[derive(Debug, Clone, Copy)]
struct Playing {
    speed: f32,
    backwards: bool,
}

impl Playing {
    fn draw(rng: &mut ChaCha8Rng, strange: bool) -> Self {
        if strange {
            let (slow, fast) = (STRANGE_SPEED.0.ln(), STRANGE_SPEED.1.ln());
            return Self { speed: rng.random_range(slow..fast).exp(), backwards: rng.random_bool(0.5) };
        }
        let speed = if rng.random_bool(SPEED_PROB) { rng.random_range(SPEED.0..SPEED.1) } else { 1.0 };
        Self { speed, backwards: false }
    }

    /// The place in a recording of `n` samples that sounds `after` samples of the scene behind its start.
    fn place(self, after: i64, n: usize) -> f32 {
        let place = after as f32 * self.speed;
        if self.backwards { n as f32 - 1.0 - place } else { place }
    }
}

/// Where a sound's class was marked: class and frames.
struct Added {
    class: Option<usize>,
    frames: Vec<usize>,
}

struct Mixed {
    shape: SceneShape,
    sounds: Vec<f32>,
    targets: Vec<f32>,
    weights: Vec<f32>,
    n_classes: usize,
}

impl Mixed {
    /// Lays a sound into the scene so that some of what sounds of it is heard.
    fn add(&mut self, rng: &mut ChaCha8Rng, sound: &Sound, playing: Playing, gain: f32) -> Added {
        let block = block_samples(self.shape.rate) as i64;
        let (mut first, mut end) = sound.span();
        if playing.backwards {
            let n_blocks = sound.active.len();
            (first, end) = (n_blocks.saturating_sub(end), n_blocks - first);
        }
        let scaled = |blocks: usize| (blocks as f32 / playing.speed) as i64;
        let (first, end) = (scaled(first), scaled(end).max(scaled(first) + 1));
        let n_blocks = self.shape.n_samples as i64 / block;
        let least = LEAST_BLOCKS.min(end - first);
        // The block of the scene in which the sound begins.
        let earliest = -(end - first - least);
        let latest = (n_blocks - least).max(earliest + 1);
        let start = (rng.random_range(earliest..latest) - first) * block + rng.random_range(0..block);
        self.lay(sound, playing, start, gain);
        let frames = self.mark(sound, playing, start);
        Added { class: sound.class, frames }
    }

    fn lay(&mut self, sound: &Sound, playing: Playing, start: i64, gain: f32) {
        let n = (sound.samples.len() as f32 / playing.speed) as i64;
        let from = start.max(0);
        let to = (start + n).min(self.shape.n_samples as i64);
        for at in from..to {
            let place = playing.place(at - start, sound.samples.len());
            let (whole, rest) = (place as usize, place.fract());
            let now = sound.samples.get(whole).copied().unwrap_or(0.0);
            let next = sound.samples.get(whole + 1).copied().unwrap_or(now);
            self.sounds[at as usize] += gain * (now + rest * (next - now));
        }
    }

    /// Marks the frames in most of which the sound is active, and returns them.
    fn mark(&mut self, sound: &Sound, playing: Playing, start: i64) -> Vec<usize> {
        let block = block_samples(self.shape.rate) as f32;
        let active = |sample: i64| {
            let place = playing.place(sample - start, sound.samples.len()) / block;
            place >= 0.0 && sound.active.get(place as usize).copied().unwrap_or(false)
        };
        let step = (self.shape.frame_samples / 8).max(1);
        let mut marked = Vec::new();
        for frame in 0..self.shape.n_frames {
            let begin = (frame * self.shape.frame_samples) as i64;
            let n = (0..8).filter(|i| active(begin + (i * step + step / 2) as i64)).count();
            if n >= 4 {
                marked.push(frame);
                if let Some(class) = sound.class {
                    self.targets[frame * self.n_classes + class] = 1.0;
                }
            }
        }
        marked
    }

    /// Takes back the question where a sound cannot be heard.
    fn forgive(&mut self, added: &Added) {
        if let Some(class) = added.class {
            added.frames.iter().for_each(|f| self.weights[f * self.n_classes + class] = 0.0);
        }
    }

    /// Adds ambience and noise; returns their power.
    fn background(&mut self, rng: &mut ChaCha8Rng, material: &Material) -> f32 {
        let n = self.shape.n_samples;
        let nothing_else = self.sounds.iter().all(|x| *x == 0.0);
        let (ambience, noisy) = (rng.random_bool(AMBIENCE_PROB), rng.random_bool(NOISE_PROB));
        let mut total = 0.0;
        let mut level = |rng: &mut ChaCha8Rng| {
            let power = from_db(-rng.random_range(SNR_DB.0..SNR_DB.1)).powi(2);
            total += power;
            power.sqrt()
        };
        if ambience && !material.backgrounds.is_empty() {
            let background = &material.backgrounds[rng.random_range(0..material.backgrounds.len())];
            let gain = level(rng);
            let len = background.samples.len();
            let from = rng.random_range(0..len.saturating_sub(n).max(1));
            let piece = &background.samples[from..(from + n).min(len)];
            let rms = (piece.iter().map(|x| x * x).sum::<f32>() / piece.len().max(1) as f32).sqrt();
            if rms > 1e-6 {
                self.sounds.iter_mut().zip(piece).for_each(|(s, x)| *s += gain / rms * x);
            }
            for class in &background.contains {
                for frame in 0..self.shape.n_frames {
                    let at = frame * self.n_classes + class;
                    self.weights[at] = if self.targets[at] > 0.0 { self.weights[at] } else { 0.0 };
                }
            }
        }
        if noisy || (nothing_else && !ambience) {
            let gain = level(rng);
            let mut made = coloured(rng, n, self.shape.rate);
            let rms = (made.iter().map(|x| x * x).sum::<f32>() / n as f32).sqrt().max(1e-9);
            made.iter_mut().for_each(|x| *x *= gain / rms);
            self.sounds.iter_mut().zip(&made).for_each(|(s, x)| *s += x);
        }
        total
    }
}

impl Material {
    /// A sound: of every class as likely, or of none.
    fn draw(&self, rng: &mut ChaCha8Rng) -> Option<&Sound> {
        let from = if !self.other.is_empty() && rng.random_bool(OTHER_PROB) {
            &self.other
        } else {
            self.by_class.get(rng.random_range(0..self.by_class.len().max(1)))?
        };
        if from.is_empty() { None } else { from.get(rng.random_range(0..from.len())) }
    }
}

/// White, pink or brown noise, or the hum of the mains with its overtones.
fn coloured(rng: &mut ChaCha8Rng, n: usize, rate: SampleRate) -> Vec<f32> {
    if !rng.random_bool(0.25) {
        let colour = Colour::any(rng);
        return noise(rng, colour, n);
    }
    let mains = if rng.random_bool(0.5) { 50.0 } else { 60.0_f32 };
    let tones: Vec<(f32, f32, f32)> = (1..=rng.random_range(2..12))
        .map(|k| {
            (mains * k as f32, rng.random_range(0.1..1.0) / k as f32, rng.random_range(0.0..std::f32::consts::TAU))
        })
        .collect();
    let hz = rate.hz() as f32;
    let tone = |i: usize| -> f32 {
        tones.iter().map(|(f, a, p)| a * (std::f32::consts::TAU * f * i as f32 / hz + p).sin()).sum()
    };
    (0..n).map(tone).collect()
}

fn draw(rng: &mut ChaCha8Rng, shares: &[f64]) -> usize {
    let mut left = rng.random::<f64>();
    for (i, share) in shares.iter().enumerate() {
        left -= share;
        if left < 0.0 {
            return i;
        }
    }
    shares.len().saturating_sub(1)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
