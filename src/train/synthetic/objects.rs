//! The sound objects of the two classes (Table 4.1 and appendix D), and the random sounds that belong to neither.
//!
//! Every sound is a sine whose amplitude follows an envelope of its own. Where text and formula differ, the text is followed:
//! Eq. D.5 takes the magnitude of a falling sawtooth, which makes it rise; here it falls.

use std::f64::consts::TAU;
use std::ops::Range;

use rand::{Rng, RngExt};

/// Rate of the clips, in Hz.
pub const RATE_HZ: u32 = 16_000;
/// Length of a clip: one second.
pub const N_SAMPLES: usize = RATE_HZ as usize;
/// Range of the factor on an envelope's swing: α of Eq. D.3.
const STRENGTH: Range<f64> = 0.5..1.0;
/// Steps of the tune of class 2, object 3: up and down four tones.
const TUNE: [f64; 6] = [0.0, 1.0, 2.0, 3.0, 2.0, 1.0];
/// Distance between its tones, in Hz: three of them make the 600 Hz of the text.
const TUNE_STEP_HZ: f64 = 200.0;
/// Sounds of the tune.
const TUNE_SOUNDS: f64 = 12.0;
/// Mean frequency of the random sounds, in Hz: β of Eq. D.7.
const RANDOM_MEAN_HZ: f64 = 2000.0;

/// A sine's slowly turning angle: `hz` turns a second from a random phase on.
#[derive(Clone, Copy)]
struct Turning {
    hz: f64,
    phase: f64,
}

impl Turning {
    fn new(rng: &mut impl Rng, hz: f64) -> Self {
        Self { hz, phase: rng.random_range(0.0..TAU) }
    }

    fn angle(self, n: usize) -> f64 {
        TAU * self.hz * n as f64 / f64::from(RATE_HZ) + self.phase
    }

    /// Share of the turn that is done, 0…1.
    fn done(self, n: usize) -> f64 {
        (self.angle(n) / TAU).fract()
    }
}

/// Eq. D.3: a sine, shifted up by β, without what is negative, at most 1.
struct Envelope {
    turning: Turning,
    strength: f64,
    shift: f64,
}

impl Envelope {
    fn new(rng: &mut impl Rng, hz: f64, shift: f64) -> Self {
        let strength = rng.random_range(STRENGTH);
        Self { turning: Turning::new(rng, hz), strength, shift }
    }

    fn at(&self, n: usize) -> f64 {
        (self.strength * self.turning.angle(n).sin() + self.shift).max(0.0) / (self.shift + 1.0)
    }
}

/// One second of what `at` gives for each sample.
fn second(at: impl Fn(usize) -> f64) -> Vec<f32> {
    (0..N_SAMPLES).map(|n| at(n) as f32).collect()
}

fn between(rng: &mut impl Rng, range: Range<f64>) -> f64 {
    rng.random_range(range)
}

/// Object `object` (0…3) of class `class` (0 or 1), drawn anew: one second at full strength, within ±2.
#[must_use]
pub fn object(rng: &mut impl Rng, class: usize, object: usize) -> Vec<f32> {
    match (class, object) {
        (0, 0) => pulsed_bass(rng),
        (0, 1) => sawtooth(rng, true),
        (0, 2) => with_harmonic(rng),
        (0, _) => swelling(rng, 3500.0..4000.0, 20.0, 1.0),
        (_, 0) => {
            let hz = between(rng, 4.0..5.0);
            swelling(rng, 100.0..150.0, hz, 0.0)
        }
        (_, 1) => sawtooth(rng, false),
        (_, 2) => tune(rng),
        (_, _) => swelling(rng, 4000.0..4500.0, 10.0, 1.0),
    }
}

/// A sound of no class: its frequency is drawn from an exponential distribution, and its amplitude flutters.
#[must_use]
pub fn random_sound(rng: &mut impl Rng) -> Vec<f32> {
    let nyquist_hz = f64::from(RATE_HZ) / 2.0;
    let hz = (-RANDOM_MEAN_HZ * (1.0 - rng.random::<f64>()).ln()).clamp(1.0, nyquist_hz);
    let flutter_hz = between(rng, 40.0..100.0);
    let (tone, envelope) = (Turning::new(rng, hz), Envelope::new(rng, flutter_hz, 2.0));
    second(|n| envelope.at(n) * tone.angle(n).sin())
}

/// A sine under a plain envelope.
fn swelling(rng: &mut impl Rng, hz: Range<f64>, modulation_hz: f64, shift: f64) -> Vec<f32> {
    let hz = between(rng, hz);
    let (tone, envelope) = (Turning::new(rng, hz), Envelope::new(rng, modulation_hz, shift));
    second(|n| envelope.at(n) * tone.angle(n).sin())
}

/// Class 1, object 1: sixteen beats a second of a low tone, heard every other quarter of a second (Eq. D.4).
fn pulsed_bass(rng: &mut impl Rng) -> Vec<f32> {
    let beats = swelling(rng, 100.0..150.0, 16.0, 0.0);
    let gate = Envelope::new(rng, 2.0, 0.0);
    second(|n| if gate.at(n) > 0.0 { f64::from(beats[n]) } else { 0.0 })
}

/// Object 2 of both classes: the amplitude rises, or falls, twice a second (Eq. D.5).
fn sawtooth(rng: &mut impl Rng, rises: bool) -> Vec<f32> {
    let hz = between(rng, 500.0..600.0);
    let strength = rng.random_range(STRENGTH);
    let (tone, saw) = (Turning::new(rng, hz), Turning::new(rng, 2.0));
    let height = |n| if rises { saw.done(n) } else { 1.0 - saw.done(n) };
    second(|n| strength * height(n) * tone.angle(n).sin())
}

/// Class 1, object 3: a tone and its first harmonic (Eq. D.6).
fn with_harmonic(rng: &mut impl Rng) -> Vec<f32> {
    let (hz, modulation_hz) = (between(rng, 800.0..1000.0), between(rng, 3.0..6.0));
    let (tone, harmonic) = (Turning::new(rng, hz), Turning::new(rng, 2.0 * hz));
    let envelope = Envelope::new(rng, modulation_hz, 0.75);
    second(|n| envelope.at(n) * (tone.angle(n).sin() + harmonic.angle(n).sin()))
}

/// Class 2, object 3: twelve short sounds in a row that go up and down in four steps.
fn tune(rng: &mut impl Rng) -> Vec<f32> {
    const BEATS_HZ: f64 = 16.0;
    let hz = between(rng, 800.0..1000.0);
    let tones = [0.0, 1.0, 2.0, 3.0].map(|step| Turning::new(rng, hz + step * TUNE_STEP_HZ));
    let envelope = Envelope::new(rng, BEATS_HZ, 0.0);
    let first = f64::from(rng.random_range(0..=(BEATS_HZ - TUNE_SOUNDS) as u32));
    second(|n| {
        let beat = (envelope.turning.angle(n) / TAU).floor();
        if !(first..first + TUNE_SOUNDS).contains(&beat) {
            return 0.0;
        }
        let tone = tones[TUNE[beat as usize % TUNE.len()] as usize];
        envelope.at(n) * tone.angle(n).sin()
    })
}
