//! The demo scene: two minutes that the program makes itself, so that it can be heard working without a sound card or a
//! recording. Every sound is synthesised from a seed; nothing is a sample of anything.

mod creatures;
mod machines;
mod nature;
mod places;
mod signals;
mod synth;

use super::thread_source::Feed;
use crate::error::Result;
use crate::units::SampleRate;
use synth::{Chance, add, pink, samples};

/// The scene's rate in Hz.
const RATE_HZ: u32 = 44_100;

/// The same, checked when this is compiled.
const RATE: SampleRate = match SampleRate::new(RATE_HZ) {
    Some(rate) => rate,
    None => panic!("a scene needs a rate"),
};

/// Which scene: another seed would be another take of the same score.
const SEED: u64 = 2026;

/// Silence (but for the background) before the first sound, between two, and after the last, in seconds.
const PAUSE_SECS: f64 = 1.0;

/// RMS of the background: a quiet room, 62 dB below full scale.
const BACKGROUND_RMS: f32 = 0.0008;

/// Samples given out at a time.
const CHUNK: usize = 4096;

/// One sound of the scene.
#[derive(Debug, Clone, PartialEq)]
pub struct SceneEvent {
    /// What it imitates, by the name of its ESC-50 class, as in `crying_baby`.
    pub label: &'static str,
    /// Where it begins, in seconds since the scene began.
    pub onset_secs: f64,
    /// Where its last decay ends.
    pub offset_secs: f64,
}

/// Makes a sound at a rate in Hz.
type Sound = fn(&mut Chance, f32) -> Vec<f32>;

/// What sounds, in this order.
const SCORE: [(&str, Sound); 21] = [
    ("dog", creatures::dog),
    ("clock_tick", machines::clock_tick),
    ("siren", machines::siren),
    ("rooster", creatures::rooster),
    ("rain", nature::rain),
    ("glass_breaking", nature::glass_breaking),
    ("crying_baby", creatures::crying_baby),
    ("helicopter", machines::helicopter),
    ("car_horn", machines::car_horn),
    ("sea_waves", nature::sea_waves),
    ("sneezing", creatures::sneezing),
    ("chainsaw", machines::chainsaw),
    ("crackling_fire", nature::crackling_fire),
    ("church_bells", signals::church_bells),
    ("door_wood_knock", places::door_wood_knock),
    ("chirping_birds", places::chirping_birds),
    ("phone_ring", signals::phone_ring),
    ("thunderstorm", places::thunderstorm),
    ("clock_alarm", signals::clock_alarm),
    ("crickets", places::crickets),
    ("music", signals::music),
];

/// The whole scene, mono at 44.1 kHz, and what is to be heard in it, in order. The same on every call.
#[must_use]
pub fn scene() -> (Vec<f32>, Vec<SceneEvent>) {
    let rate = RATE_HZ as f32;
    let (mut out, mut events) = (Vec::new(), Vec::new());
    let mut at = PAUSE_SECS;
    for (k, (label, sound)) in SCORE.into_iter().enumerate() {
        // Each sound has its own chance, so that a change in one leaves the others as they are.
        let sound = sound(&mut Chance::new(SEED.wrapping_add(k as u64)), rate);
        let offset = at + sound.len() as f64 / f64::from(RATE_HZ);
        add(&mut out, &sound, samples(at as f32, rate), 1.0);
        events.push(SceneEvent { label, onset_secs: at, offset_secs: offset });
        at = offset + PAUSE_SECS;
    }
    out.resize(samples(at as f32, rate), 0.0);
    let background = pink(&mut Chance::new(!SEED), out.len(), rate);
    let power: f32 = background.iter().map(|x| x * x).sum::<f32>() / background.len().max(1) as f32;
    add(&mut out, &background, 0, BACKGROUND_RMS / power.sqrt().max(1e-9));
    (out, events)
}

/// Feeds the scene once.
pub(super) struct DemoFeed {
    scene: Vec<f32>,
    at: usize,
}

impl DemoFeed {
    pub(super) fn new() -> Self {
        Self { scene: scene().0, at: 0 }
    }

    pub(super) const fn sample_rate(&self) -> SampleRate {
        RATE
    }
}

impl Feed for DemoFeed {
    fn next_chunk(&mut self) -> Result<Option<&[f32]>> {
        let begin = self.at;
        self.at = (begin + CHUNK).min(self.scene.len());
        Ok(self.scene.get(begin..self.at).filter(|chunk| !chunk.is_empty()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scene_is_two_minutes_of_sound_the_same_every_time() {
        let (samples, events) = scene();
        assert_eq!((&samples, &events), (&scene().0, &scene().1));
        let secs = samples.len() as f64 / f64::from(RATE_HZ);
        assert!((110.0..135.0).contains(&secs), "{secs} s");
        assert!(samples.iter().all(|x| x.is_finite() && x.abs() < 1.0), "nothing clips");
    }

    #[test]
    fn every_sound_stands_out_of_the_background_where_it_should() {
        let (samples, events) = scene();
        let rms = |from: f64, to: f64| {
            let range = (from * f64::from(RATE_HZ)) as usize..(to * f64::from(RATE_HZ)) as usize;
            let power: f32 = samples[range.clone()].iter().map(|x| x * x).sum();
            (power / range.len() as f32).sqrt()
        };
        let mut before = 0.0;
        for event in &events {
            assert!(event.onset_secs > before && event.offset_secs > event.onset_secs, "{event:?}");
            let pause = rms(event.onset_secs - 0.5, event.onset_secs);
            assert!(pause < 1.5 * BACKGROUND_RMS, "{event:?} follows {pause}");
            let heard = rms(event.onset_secs, event.offset_secs);
            assert!(heard > 4.0 * BACKGROUND_RMS, "{event:?} has only {heard}");
            before = event.offset_secs;
        }
        let mut labels: Vec<_> = events.iter().map(|e| e.label).collect();
        labels.sort_unstable();
        labels.dedup();
        assert_eq!(labels.len(), events.len(), "each sound once");
    }
}
