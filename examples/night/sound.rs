//! The night's sound, made as it is needed.

use earwitness::audio::demo::scene;
use earwitness::dsp::resample;
use earwitness::units::SampleRate;

use crate::Fallible;
use crate::monitor::{Run, Told};

/// Samples per second.
pub(crate) const RATE_HZ: u32 = 22_050;

/// The least time between two known events, in seconds.
const PAUSE_SECS: f64 = 8.0;

/// An event that was told counts for a known one if it is this near, in seconds: the monitor may have been killed and started
/// again in between.
const NEAR_SECS: f64 = 2.0;

/// Samples fed at a time.
const PIECE: u64 = 8_192;

/// Numbers in 0…1 that look random and come again.
pub(crate) struct Chance(u64);

impl Chance {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// A sound at its place.
struct Known {
    label: &'static str,
    sound: usize,
    begin: u64,
    end: u64,
    gain: f32,
    heard: bool,
    labelled: bool,
}

/// Hours of noise with known events in it.
pub(crate) struct Night {
    sounds: Vec<Vec<f32>>,
    events: Vec<Known>,
    n_samples: u64,
    position: u64,
    noise: Chance,
    /// The noise's last value: it is a little brown.
    last: f32,
}

impl Night {
    pub(crate) fn new(hours: f64, n_events: usize, seed: u64) -> Fallible<Self> {
        let rate = |hz| SampleRate::new(hz).ok_or("a rate of 0 Hz");
        let (samples, score) = scene();
        let mut sounds = Vec::new();
        for event in &score {
            let range = (event.onset_secs * 44_100.0) as usize..(event.offset_secs * 44_100.0) as usize;
            let mut sound = resample(&samples[range], rate(44_100)?, rate(RATE_HZ)?)?;
            let n_fade = RATE_HZ as usize / 50;
            let n = sound.len();
            for i in 0..n_fade.min(n / 2) {
                let gain = i as f32 / n_fade as f32;
                sound[i] *= gain;
                sound[n - 1 - i] *= gain;
            }
            sounds.push(sound);
        }
        let mut chance = Chance::new(seed);
        let n_samples = (hours * 3600.0 * f64::from(RATE_HZ)) as u64;
        // Each has a share of the night, and begins somewhere in it.
        let share = n_samples as f64 / n_events.max(1) as f64;
        let mut events = Vec::new();
        for i in 0..n_events {
            let sound = (chance.next() * sounds.len() as f64) as usize % sounds.len();
            let length = sounds[sound].len() as f64;
            let room = (share - length - PAUSE_SECS * f64::from(RATE_HZ)).max(0.0);
            let begin = (i as f64 * share + chance.next() * room) as u64;
            events.push(Known {
                label: score[sound].label,
                sound,
                begin,
                end: begin + length as u64,
                gain: 10_f32.powf(-0.5 * chance.next() as f32),
                heard: false,
                labelled: false,
            });
        }
        Ok(Self { sounds, events, n_samples, position: 0, noise: Chance::new(!seed), last: 0.0 })
    }

    pub(crate) const fn n_samples(&self) -> u64 {
        self.n_samples
    }

    pub(crate) const fn position(&self) -> u64 {
        self.position
    }

    /// Where a known event ends, in samples.
    pub(crate) fn end_of(&self, event: usize) -> u64 {
        self.events.get(event).map_or(0, |event| event.end)
    }

    /// Feeds the monitor up to this sample, or until it reads no more.
    pub(crate) fn feed(&mut self, run: &mut Run, until: u64) -> Fallible<()> {
        while self.position < until {
            let n = (until - self.position).min(PIECE);
            let bytes = self.piece(n);
            if !run.write(&bytes)? {
                break;
            }
            self.position += n;
        }
        Ok(())
    }

    /// The next samples, as 16-bit PCM.
    fn piece(&mut self, n: u64) -> Vec<u8> {
        let (begin, end) = (self.position, self.position + n);
        let mut samples: Vec<f32> = (0..n)
            .map(|_| {
                self.last = 0.7 * self.last + 0.0015 * (self.noise.next() as f32 - 0.5);
                self.last
            })
            .collect();
        for event in self.events.iter().filter(|event| event.begin < end && event.end > begin) {
            let sound = &self.sounds[event.sound];
            for (i, sample) in (begin..).zip(&mut samples) {
                let at = i.checked_sub(event.begin).and_then(|at| sound.get(at as usize));
                *sample += event.gain * at.copied().unwrap_or(0.0);
            }
        }
        samples.iter().flat_map(|x| ((x.clamp(-1.0, 1.0) * 32_767.0) as i16).to_le_bytes()).collect()
    }

    /// Takes note of what a run told that began at this sample.
    pub(crate) fn told(&mut self, told: &[Told], from: u64) {
        let secs = |samples: u64| samples as f64 / f64::from(RATE_HZ);
        for event in told {
            let (onset, offset) = (secs(from) + event.onset_secs, secs(from) + event.offset_secs);
            for known in &mut self.events {
                if onset < secs(known.end) + NEAR_SECS && offset > secs(known.begin) - NEAR_SECS {
                    known.heard = true;
                    known.labelled |= known.label == event.label;
                }
            }
        }
    }

    /// How many known events were heard at all, and under their own label.
    pub(crate) fn heard(&self) -> (usize, usize) {
        let count = |is: fn(&Known) -> bool| self.events.iter().filter(|event| is(event)).count();
        (count(|event| event.heard), count(|event| event.labelled))
    }
}
