//! What the sounds of the demo scene are made of: seeded chance, curves, voiced sources, filters, a room.

use std::f32::consts::{PI, TAU};

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng as _, SeedableRng as _};

/// Seeded chance: the scene is the same on every run.
pub(super) struct Chance(ChaCha8Rng);

impl Chance {
    pub(super) fn new(seed: u64) -> Self {
        Self(ChaCha8Rng::seed_from_u64(seed))
    }

    /// Evenly in `low..high`.
    pub(super) fn between(&mut self, low: f32, high: f32) -> f32 {
        let unit = (self.0.next_u32() >> 8) as f32 / (1 << 24) as f32;
        low + (high - low) * unit
    }

    /// White noise, −1 to 1.
    pub(super) fn noise(&mut self) -> f32 {
        self.between(-1.0, 1.0)
    }

    /// `n` samples of white noise.
    pub(super) fn noises(&mut self, n: usize) -> Vec<f32> {
        (0..n).map(|_| self.noise()).collect()
    }

    /// The waiting time until the next of events that come by chance, `per_sec` of them in a second on average.
    pub(super) fn wait_secs(&mut self, per_sec: f32) -> f32 {
        -self.between(1e-6, 1.0).ln() / per_sec
    }
}

/// The number of samples in `secs`.
pub(super) fn samples(secs: f32, rate: f32) -> usize {
    (secs.max(0.0) * rate) as usize
}

/// A curve through `points` of (position, value), positions rising; held before the first and after the last.
pub(super) fn curve(points: &[(f32, f32)], at: f32) -> f32 {
    let mut before = match points.first() {
        Some(&first) => first,
        None => return 0.0,
    };
    for &point in points {
        if at < point.0 {
            let span = (point.0 - before.0).max(1e-9);
            let part = ((at - before.0) / span).clamp(0.0, 1.0);
            // A cosine ramp: no corners, so no clicks.
            return before.1 + (point.1 - before.1) * (0.5 - 0.5 * (PI * part).cos());
        }
        before = point;
    }
    before.1
}

/// A voice: harmonics of a pitch that moves along `pitch_hz` over `secs`, with jitter, each weaker than the one before by
/// `tilt_db` an octave, and breath.
pub(super) struct Voice<'a> {
    pub(super) secs: f32,
    /// (position in seconds, Hz).
    pub(super) pitch_hz: &'a [(f32, f32)],
    /// (position in seconds, gain).
    pub(super) gain: &'a [(f32, f32)],
    pub(super) tilt_db: f32,
    /// How much the pitch trembles, as a share of itself.
    pub(super) jitter: f32,
    pub(super) vibrato: (f32, f32),
    /// Noise beside the voice, as a share of it.
    pub(super) breath: f32,
}

impl Voice<'_> {
    pub(super) fn sing(&self, chance: &mut Chance, rate: f32) -> Vec<f32> {
        let (vibrato_hz, vibrato_depth) = self.vibrato;
        let mut phase = 0.0_f32;
        let mut tremble = 0.0_f32;
        // Amplitudes once for all: they do not depend on the pitch.
        let amplitudes: Vec<f32> = (1..=40).map(|k| 10.0_f32.powf(-self.tilt_db / 20.0 * (k as f32).log2())).collect();
        (0..samples(self.secs, rate))
            .map(|i| {
                let t = i as f32 / rate;
                // Jitter is slow against the pitch: noise through a one-pole filter of about 30 Hz.
                tremble += (chance.noise() - tremble) * (TAU * 30.0 / rate);
                let vibrato = 1.0 + vibrato_depth * (TAU * vibrato_hz * t).sin();
                let hz = curve(self.pitch_hz, t) * vibrato * (1.0 + self.jitter * tremble * 12.0);
                phase = (phase + hz / rate).fract();
                let highest = ((0.45 * rate / hz) as usize).min(amplitudes.len());
                let harmonics = amplitudes.iter().take(highest).zip(1_u8..);
                let voiced: f32 = harmonics.map(|(gain, k)| gain * (TAU * phase * f32::from(k)).sin()).sum();
                (voiced + self.breath * chance.noise()) * curve(self.gain, t)
            })
            .collect()
    }
}

/// A second-order filter (the usual cookbook), run over a whole sound.
#[derive(Clone, Copy)]
pub(super) enum Filter {
    /// Everything below, −3 dB at the frequency in Hz.
    Low(f32),
    /// Everything above.
    High(f32),
    /// A band: centre in Hz and quality; 0 dB at the centre.
    Band(f32, f32),
}

pub(super) fn filter(input: &[f32], kind: Filter, rate: f32) -> Vec<f32> {
    let (hz, q) = match kind {
        Filter::Low(hz) | Filter::High(hz) => (hz, std::f32::consts::FRAC_1_SQRT_2),
        Filter::Band(hz, q) => (hz, q),
    };
    let w = TAU * hz.min(0.45 * rate) / rate;
    let (sin, cos) = w.sin_cos();
    let alpha = sin / (2.0 * q);
    let b = match kind {
        Filter::Low(_) => [(1.0 - cos) / 2.0, 1.0 - cos, (1.0 - cos) / 2.0],
        Filter::High(_) => [(1.0 + cos) / 2.0, -1.0 - cos, (1.0 + cos) / 2.0],
        Filter::Band(..) => [alpha, 0.0, -alpha],
    };
    let a = [1.0 + alpha, -2.0 * cos, 1.0 - alpha];
    let (mut x1, mut x2, mut y1, mut y2) = (0.0, 0.0, 0.0, 0.0);
    input
        .iter()
        .map(|&x| {
            let y = (b[0] * x + b[1] * x1 + b[2] * x2 - a[1] * y1 - a[2] * y2) / a[0];
            (x2, x1, y2, y1) = (x1, x, y1, y);
            y
        })
        .collect()
}

/// What distance and a plain microphone do: 6 dB an octave less above `hz`.
pub(super) fn distant(input: &[f32], hz: f32, rate: f32) -> Vec<f32> {
    let a = 1.0 - (-TAU * hz / rate).exp();
    let mut state = 0.0;
    let step = |&x: &f32| {
        state += a * (x - state);
        state
    };
    input.iter().map(step).collect()
}

/// The sum of `input` through band filters: (centre in Hz, quality, gain) each, and of the input itself times `direct`.
pub(super) fn formants(input: &[f32], bands: &[(f32, f32, f32)], direct: f32, rate: f32) -> Vec<f32> {
    let mut out: Vec<f32> = input.iter().map(|x| direct * x).collect();
    for &(hz, q, gain) in bands {
        add(&mut out, &filter(input, Filter::Band(hz, q), rate), 0, gain);
    }
    out
}

/// Adds `sound` times `gain` into `out` from sample `at` on; `out` grows where it must.
pub(super) fn add(out: &mut Vec<f32>, sound: &[f32], at: usize, gain: f32) {
    if out.len() < at + sound.len() {
        out.resize(at + sound.len(), 0.0);
    }
    for (slot, &x) in out.iter_mut().skip(at).zip(sound) {
        *slot += gain * x;
    }
}

/// Multiplies a sound with a curve over seconds.
pub(super) fn shape(sound: &mut [f32], gain: &[(f32, f32)], rate: f32) {
    for (i, x) in sound.iter_mut().enumerate() {
        *x *= curve(gain, i as f32 / rate);
    }
}

/// A struck body: one decaying partial.
pub(super) fn ring(out: &mut Vec<f32>, at: usize, hz: f32, decay_secs: f32, gain: f32, rate: f32) {
    let n = samples(decay_secs * 5.0, rate);
    let partial: Vec<f32> = (0..n)
        .map(|i| {
            let t = i as f32 / rate;
            (TAU * hz * t).sin() * (-t / decay_secs).exp()
        })
        .collect();
    add(out, &partial, at, gain);
}

/// Scales a sound to an RMS level (over its louder half, so that pauses do not count) in full-scale units, peaks at 0.9.
pub(super) fn level(sound: &mut [f32], rms: f32) {
    let block = 1024;
    let mut powers: Vec<f32> =
        sound.chunks(block).map(|c| c.iter().map(|x| x * x).sum::<f32>() / c.len() as f32).collect();
    powers.sort_by(f32::total_cmp);
    let louder = &powers[powers.len() / 2..];
    let now = (louder.iter().sum::<f32>() / louder.len().max(1) as f32).sqrt().max(1e-9);
    let peak = sound.iter().fold(1e-9_f32, |peak, x| peak.max(x.abs()));
    let gain = (rms / now).min(0.9 / peak);
    sound.iter_mut().for_each(|x| *x *= gain);
}

/// A room: early reflections and a tail of `decay_secs`, `wet` times as strong as the sound. The sound grows by the tail.
pub(super) fn room(sound: &[f32], decay_secs: f32, wet: f32, chance: &mut Chance, rate: f32) -> Vec<f32> {
    let tail = samples(decay_secs, rate);
    let mut out = sound.to_vec();
    out.resize(sound.len() + tail, 0.0);
    for _ in 0..6 {
        let delay = chance.between(0.004, 0.04);
        add(&mut out, sound, samples(delay, rate), wet * chance.between(-0.6, 0.6));
    }
    // Four comb filters, their delays without common divisors, each decaying to a thousandth in `decay_secs`.
    for delay_secs in [0.0297, 0.0371, 0.0411, 0.0437] {
        let delay = samples(delay_secs, rate).max(1);
        let feedback = 10.0_f32.powf(-3.0 * delay_secs / decay_secs);
        let mut line = vec![0.0_f32; delay];
        let mut damped = 0.0;
        for i in 0..out.len() {
            let x = sound.get(i).copied().unwrap_or(0.0);
            let back = line[i % delay];
            // Walls swallow the high end first.
            damped += 0.6 * (back - damped);
            line[i % delay] = x + feedback * damped;
            out[i] += 0.25 * wet * back;
        }
    }
    let total = out.len() as f32 / rate;
    shape(&mut out, &[(0.0, 1.0), (total - 0.02, 1.0), (total, 0.0)], rate);
    out
}

/// Noise whose power falls by 3 dB an octave (five one-pole filters over three decades).
pub(super) fn pink(chance: &mut Chance, n: usize, rate: f32) -> Vec<f32> {
    let corners = [20.0, 80.0, 320.0, 1280.0, 5120.0];
    let mut states = [0.0_f32; 5];
    (0..n)
        .map(|_| {
            let white = chance.noise();
            let mut sum = 0.0;
            for (state, hz) in states.iter_mut().zip(corners) {
                let a = (TAU * hz / rate).min(1.0);
                *state += a * (white - *state);
                // Equal power a filter: its gain undoes the narrowing.
                sum += *state / a.sqrt() * 0.5;
            }
            sum
        })
        .collect()
}
