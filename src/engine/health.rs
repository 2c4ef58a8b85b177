//! Whether an input hears anything at all: a deaf one is told from a quiet room within 5 s.
//!
//! A room is never perfectly still: even where nothing sounds, the noise of microphone and converter moves the last bits.
//! So a device that delivers the same value for seconds, the same buffer again and again, or nothing, is not listening.

use std::time::Duration;

use super::repetition::Repetition;
use super::stillness::Stillness;
use crate::units::SampleRate;

/// Equal samples for this long, in seconds, are no room.
const SILENCE_SECS: f64 = 4.0;

/// Nothing for this long is a stall.
const STALL: Duration = Duration::from_secs(4);

/// A deaf input is said to hear again after so many seconds of sound.
const RECOVERY_SECS: f64 = 1.0;

/// What counts as sound then: the time, in seconds, after each change of value.
const SOUND_SECS: f64 = 0.1;

/// Equal samples for this long, in seconds, and the recovery begins anew: clicks in digital silence are no recovery.
const RELAPSE_SECS: f64 = 2.0;

/// What an input is able to hear.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Health {
    /// It hears, even if only a quiet room; or it has not been running for long enough to be judged.
    #[default]
    Hearing,
    /// Every sample has had the same value for 4 s: a muted or unconnected input.
    DigitalSilence,
    /// The samples have held an offset for 4 s, and nothing but their last bits has changed: a converter without a microphone.
    ConstantOffset,
    /// Nothing has come for 4 s.
    Stalled,
    /// The same buffer comes over and over, sample by sample: a stuck driver, or a feed whose writer has gone.
    Repeating,
    /// The device is gone.
    Lost,
}

impl Health {
    /// In lower-case words, as for `status`: `hearing`, `digital silence`, `constant offset`, `stalled`, `repeating` or `lost`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Hearing => "hearing",
            Self::DigitalSilence => "digital silence",
            Self::ConstantOffset => "constant offset",
            Self::Stalled => "stalled",
            Self::Repeating => "repeating",
            Self::Lost => "lost",
        }
    }

    /// One plain sentence about the input called `source`, with what to do.
    #[must_use]
    pub fn sentence(self, source: &str) -> String {
        match self {
            Self::Hearing => format!("{source} hears"),
            Self::DigitalSilence => format!(
                "{source} is deaf: it delivers digital silence; check that its microphone is connected, switched on and \
                 not muted"
            ),
            Self::ConstantOffset => format!(
                "{source} is deaf: it delivers a constant offset and no sound; check that a microphone is connected, and to \
                 the right channel"
            ),
            Self::Stalled => format!(
                "{source} is deaf: it has delivered nothing for {} s; check that it is connected and that what feeds it \
                 runs",
                STALL.as_secs()
            ),
            Self::Repeating => format!(
                "{source} is deaf: it delivers the same sound over and over; restart what feeds it, or reconnect the \
                 device"
            ),
            Self::Lost => {
                format!("{source} is lost; connect it again or restart its server, and listening goes on by itself")
            }
        }
    }

    /// Whether samples come and nothing is in them.
    #[must_use]
    pub const fn is_silent(self) -> bool {
        matches!(self, Self::DigitalSilence | Self::ConstantOffset)
    }

    /// Whether the input hears nothing.
    #[must_use]
    pub const fn is_deaf(self) -> bool {
        !matches!(self, Self::Hearing)
    }
}

/// Watches the samples of one input. Its memory is fixed, and it costs a few nanoseconds a sample.
#[derive(Debug)]
pub struct HealthMonitor {
    last: f32,
    /// How many of the newest samples are equal.
    run: u64,
    stillness: Stillness,
    repetition: Repetition,
    /// What was wrong, until enough sound has come.
    state: Health,
    /// Samples of sound since.
    sound: u64,
    silence_samples: u64,
    recovery_samples: u64,
    sound_samples: u64,
    relapse_samples: u64,
}

impl HealthMonitor {
    /// A monitor for samples at `rate`. It holds about 2 s of them, and no more than 384 000.
    #[must_use]
    pub fn new(rate: SampleRate) -> Self {
        let samples = |secs| rate.samples(secs).max(1);
        Self {
            // Not equal to any first sample.
            last: f32::NAN,
            run: 0,
            stillness: Stillness::new(),
            repetition: Repetition::new(rate.hz()),
            state: Health::Hearing,
            sound: 0,
            silence_samples: samples(SILENCE_SECS),
            recovery_samples: samples(RECOVERY_SECS),
            sound_samples: samples(SOUND_SECS),
            relapse_samples: samples(RELAPSE_SECS),
        }
    }

    /// Takes the input's next samples: all of them, before any resampling. The chunking makes no difference. Samples that
    /// are not finite count as 0, which is what they become.
    pub fn hear(&mut self, samples: &[f32]) {
        for &sample in samples {
            // −0 becomes 0.
            self.sample(if sample.is_finite() { sample + 0.0 } else { 0.0 });
        }
    }

    /// Samples were lost before the next ones.
    pub fn gap(&mut self) {
        self.repetition.gap();
    }

    /// Remembers what [`health`](Self::health) said: a device that was stalled or lost hears again only once it has
    /// delivered 1 s of sound. Without this, it does with the first sample.
    pub fn note(&mut self, health: Health) {
        // Said again while sound comes back, it does not begin the wait anew.
        if matches!(health, Health::Stalled | Health::Lost) && self.state != health {
            (self.state, self.sound) = (health, 0);
        }
    }

    /// How the input is now. `idle`: how long no sample has come. `lost`: whether its device is known to be gone.
    ///
    /// A deaf input is [`Health::Hearing`] again after 1 s of sound.
    #[must_use]
    pub fn health(&self, idle: Duration, lost: bool) -> Health {
        if lost {
            Health::Lost
        } else if idle >= STALL {
            Health::Stalled
        } else {
            self.state
        }
    }

    #[inline]
    fn sample(&mut self, sample: f32) {
        self.run = if sample == self.last { self.run + 1 } else { 1 };
        self.last = sample;
        self.stillness.push(sample);
        self.repetition.push(sample);
        if self.run >= self.silence_samples {
            (self.state, self.sound) = (Health::DigitalSilence, 0);
        } else if self.stillness.run() >= self.silence_samples && self.stillness.offset().is_some() {
            (self.state, self.sound) = (Health::ConstantOffset, 0);
        } else if self.repetition.repeats() {
            (self.state, self.sound) = (Health::Repeating, 0);
        } else if self.state.is_deaf() {
            self.recover();
        }
    }

    /// A deaf input has delivered one more sample.
    fn recover(&mut self) {
        // Last bits that change are no sound where there was nothing else.
        let run = if self.stillness.offset().is_some() { self.stillness.run() } else { self.run };
        if run >= self.relapse_samples || self.repetition.may_repeat() {
            self.sound = 0;
        } else if run <= self.sound_samples {
            self.sound += 1;
            if self.sound >= self.recovery_samples {
                self.state = Health::Hearing;
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const RATE: u32 = 8000;

    fn rate(hz: u32) -> SampleRate {
        SampleRate::new(hz).unwrap()
    }

    /// Noise of `dbfs` RMS, as a converter of `bits` delivers it.
    fn noise(secs: f64, hz: u32, dbfs: f64, bits: i32, seed: u64) -> Vec<f32> {
        let (amplitude, step) = (10_f64.powf(dbfs / 20.0), 2_f64.powi(1 - bits));
        let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let mut uniform = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) as f64 / f64::from(1_u32 << 30) - 1.0
        };
        // The sum of twelve uniform numbers has a deviation of 2, and almost the bell's shape.
        let mut gauss = || (0..12).map(|_| uniform()).sum::<f64>() / 2.0;
        (0..rate(hz).samples(secs)).map(|_| ((amplitude * gauss() / step).round() * step) as f32).collect()
    }

    fn now(monitor: &HealthMonitor) -> Health {
        monitor.health(Duration::ZERO, false)
    }

    /// Seconds until the monitor says `health`.
    fn secs_until(health: Health, monitor: &mut HealthMonitor, samples: &[f32], hz: u32) -> Option<f64> {
        let i = samples.iter().position(|x| {
            monitor.hear(&[*x]);
            now(monitor) == health
        });
        i.map(|i| rate(hz).secs(i as u64 + 1))
    }

    #[test]
    fn a_quiet_room_is_heard() {
        for (dbfs, bits, hz) in [(-90.0, 16, RATE), (-90.0, 16, 48_000), (-48.0, 8, 16_000), (-140.0, 24, RATE)] {
            let mut monitor = HealthMonitor::new(rate(hz));
            let samples = noise(20.0, hz, dbfs, bits, 1);
            let distinct: std::collections::BTreeSet<u32> = samples.iter().map(|x| (x + 0.0).to_bits()).collect();
            assert!(distinct.len() >= 3, "there is something to hear");
            for chunk in samples.chunks(1000) {
                monitor.hear(chunk);
                assert_eq!(now(&monitor), Health::Hearing, "{dbfs} dBFS, {bits} bits, {hz} Hz");
            }
        }
    }

    #[test]
    fn a_coarse_source_may_be_still_for_almost_four_seconds() {
        let mut monitor = HealthMonitor::new(rate(RATE));
        for value in [0.0, 1.0 / 128.0, 0.0, -1.0 / 128.0, 0.0] {
            monitor.hear(&vec![value; 31_999]);
            assert_eq!(now(&monitor), Health::Hearing);
        }
    }

    #[test]
    fn any_constant_is_digital_silence_after_four_seconds() {
        for value in [0.0, 0.25, -1.0, f32::NAN, 1e-42] {
            let mut monitor = HealthMonitor::new(rate(RATE));
            monitor.hear(&noise(3.0, RATE, -40.0, 16, 2));
            let took = secs_until(Health::DigitalSilence, &mut monitor, &vec![value; 80_000], RATE).unwrap();
            assert!((3.999..=4.0).contains(&took), "{value}: {took}");
        }
        // Zeros of either sign are the same silence.
        let mut monitor = HealthMonitor::new(rate(RATE));
        (0..16_000).for_each(|_| monitor.hear(&[0.0, -0.0]));
        assert_eq!(now(&monitor), Health::DigitalSilence);
    }

    #[test]
    fn an_offset_with_its_last_bits_is_no_room() {
        let noisy = |offset: f32, secs, seed| {
            let noise = noise(secs, RATE, -100.0, 16, seed);
            noise.into_iter().map(|x| x.clamp(-1.0 / 32_768.0, 1.0 / 32_768.0) + offset).collect::<Vec<_>>()
        };
        for offset in [0.25, -0.6, 0.02] {
            let mut monitor = HealthMonitor::new(rate(RATE));
            monitor.hear(&noise(3.0, RATE, -40.0, 16, 20));
            let took = secs_until(Health::ConstantOffset, &mut monitor, &noisy(offset, 6.0, 21), RATE).unwrap();
            assert!((3.999..=4.01).contains(&took), "{offset}: {took}");
            // Clicks are no recovery, sound is, whatever its offset.
            for seed in 0..5 {
                monitor.hear(&noise(0.01, RATE, -40.0, 16, 30 + seed));
                monitor.hear(&noisy(offset, 3.0, 40 + seed));
                assert_eq!(now(&monitor), Health::ConstantOffset, "{offset}: a click every 3 s");
            }
            let sound: Vec<f32> = noise(3.0, RATE, -40.0, 16, 22).iter().map(|x| x + offset).collect();
            let took = secs_until(Health::Hearing, &mut monitor, &sound, RATE).unwrap();
            assert!((0.9..1.1).contains(&took), "{offset}: {took}");
        }
        // A room at the converter's last bits, and one with an offset and a little more noise.
        for (offset, dbfs) in [(0.0, -100.0), (0.25, -80.0)] {
            let mut monitor = HealthMonitor::new(rate(RATE));
            let room: Vec<f32> = noise(20.0, RATE, dbfs, 16, 23).iter().map(|x| x + offset).collect();
            for chunk in room.chunks(1000) {
                monitor.hear(chunk);
                assert_ne!(now(&monitor), Health::ConstantOffset, "{offset}, {dbfs} dBFS");
            }
        }
    }

    #[test]
    fn hearing_comes_back_after_a_second_of_sound_and_not_for_clicks() {
        let mut monitor = HealthMonitor::new(rate(RATE));
        monitor.hear(&[0.0; 40_000]);
        for _ in 0..30 {
            monitor.hear(&noise(0.01, RATE, -40.0, 16, 3));
            monitor.hear(&[0.0; 24_000]);
            assert_eq!(now(&monitor), Health::DigitalSilence, "a click every 3 s");
        }
        let took = secs_until(Health::Hearing, &mut monitor, &noise(3.0, RATE, -90.0, 16, 4), RATE).unwrap();
        assert!((0.9..1.1).contains(&took), "{took}");
        // A coarse source that was still for long takes as many of its few changes.
        monitor.hear(&[0.0; 40_000]);
        let sparse: Vec<f32> = (0..160_000).map(|i| if i % 8000 < 40 { 1.0 / 128.0 } else { 0.0 }).collect();
        let took = secs_until(Health::Hearing, &mut monitor, &sparse, RATE).unwrap();
        assert!(took < 15.0, "{took}");
    }

    #[test]
    fn a_buffer_that_repeats_is_noticed_within_five_seconds() {
        for hz in [RATE, 44_100, 192_000] {
            // In samples; the last but one is an odd number of odd length, the last the longest there is.
            for period in [hz / 50, hz / 20 + 7, hz / 2, hz + 1, 2 * hz] {
                for (dbfs, bits) in [(-20.0, 24), (-90.0, 16)] {
                    let mut monitor = HealthMonitor::new(rate(hz));
                    // The repetition may begin anywhere between two anchors.
                    let before = 3.0 + f64::from(period % 7) * 0.083;
                    monitor.hear(&noise(before, hz, dbfs, bits, 5));
                    assert_eq!(now(&monitor), Health::Hearing);
                    let buffer = noise(rate(hz).secs(period.into()), hz, dbfs, bits, 6);
                    let samples: Vec<f32> = buffer.iter().copied().cycle().take(5 * hz as usize).collect();
                    let took = secs_until(Health::Repeating, &mut monitor, &samples, hz);
                    let took = took.unwrap_or_else(|| panic!("{period} samples at {hz} Hz, {dbfs} dBFS"));
                    let least = 1.5_f64.max(2.0 * rate(hz).secs(period.into()));
                    assert!(took >= least, "{took} s for {period} samples at {hz} Hz");
                    // The room again.
                    let after = noise(2.0, hz, dbfs, bits, 7);
                    let took = secs_until(Health::Hearing, &mut monitor, &after, hz).unwrap();
                    assert!((0.9..1.1).contains(&took), "{took}");
                }
            }
        }
    }

    #[test]
    fn a_repetition_that_is_too_short_or_not_exact_is_none() {
        let buffer = noise(0.4, RATE, -30.0, 16, 8);
        let mut monitor = HealthMonitor::new(rate(RATE));
        // Three times in a row, then something else.
        for round in 0..10 {
            (0..3).for_each(|_| monitor.hear(&buffer));
            monitor.hear(&noise(0.3, RATE, -30.0, 16, 100 + round));
            assert_eq!(now(&monitor), Health::Hearing);
        }
        // A machine's sound, the same every time but for the room's noise.
        let mut monitor = HealthMonitor::new(rate(RATE));
        for round in 0..50 {
            let room = noise(0.4, RATE, -90.0, 16, 200 + round);
            monitor.hear(&buffer.iter().zip(&room).map(|(a, b)| a + b).collect::<Vec<_>>());
            assert_eq!(now(&monitor), Health::Hearing);
        }
    }

    #[test]
    fn a_digital_tone_is_heard() {
        let tone: Vec<f32> =
            (0..10 * RATE).map(|i| [0.0, 0.3, 0.5, 0.3, 0.0, -0.3, -0.5, -0.3][i as usize % 8]).collect();
        let mut monitor = HealthMonitor::new(rate(RATE));
        monitor.hear(&tone);
        assert_eq!(now(&monitor), Health::Hearing);
        // Also where it goes on after disturbances and gaps, at whose other side it is found by an older anchor.
        for round in 0..5 {
            monitor.hear(&noise(0.01 + 0.003 * f64::from(round), RATE, -20.0, 16, 9));
            monitor.hear(&tone[..tone.len() - round as usize]);
            assert_eq!(now(&monitor), Health::Hearing);
            monitor.gap();
        }
    }

    #[test]
    fn the_same_beep_twice_in_digital_silence_is_no_repetition() {
        let mut monitor = HealthMonitor::new(rate(RATE));
        let beep = noise(0.03, RATE, -20.0, 16, 10);
        for _ in 0..6 {
            monitor.hear(&beep);
            monitor.hear(&[0.0; 8000]);
            assert_eq!(now(&monitor), Health::Hearing);
        }
    }

    #[test]
    fn a_free_running_buffer_is_found_across_gaps() {
        // A device without pace: most of it is lost, and what arrives begins anywhere in the buffer.
        let buffer = noise(0.25, RATE, -60.0, 16, 11);
        let mut monitor = HealthMonitor::new(rate(RATE));
        monitor.hear(&noise(3.0, RATE, -60.0, 16, 12));
        let mut heard = 0;
        for i in 0..60 {
            let piece: Vec<f32> = buffer.iter().copied().cycle().skip(i * 997 % buffer.len()).take(1600).collect();
            monitor.gap();
            monitor.hear(&piece);
            heard += piece.len();
            if now(&monitor) == Health::Repeating {
                break;
            }
        }
        assert!(heard < 5 * RATE as usize, "{heard}");
        // It does not flap while it goes on …
        for i in 0..60 {
            let piece: Vec<f32> = buffer.iter().copied().cycle().skip(i * 991 % buffer.len()).take(1600).collect();
            monitor.gap();
            monitor.hear(&piece);
            assert_eq!(now(&monitor), Health::Repeating);
        }
        // … and a live sound is heard again, though samples are still lost.
        for i in 0..20 {
            monitor.gap();
            monitor.hear(&noise(0.2, RATE, -60.0, 16, 300 + i));
        }
        assert_eq!(now(&monitor), Health::Hearing);
    }

    #[test]
    fn a_stalled_or_lost_device_hears_again_after_a_second() {
        let mut monitor = HealthMonitor::new(rate(RATE));
        monitor.hear(&noise(1.0, RATE, -50.0, 16, 13));
        assert_eq!(monitor.health(Duration::from_millis(3999), false), Health::Hearing);
        for (health, lost, seed) in [(Health::Stalled, false, 20), (Health::Lost, true, 30)] {
            assert_eq!(monitor.health(Duration::from_secs(4), lost), health);
            monitor.note(health);
            monitor.hear(&noise(0.9, RATE, -50.0, 16, seed));
            assert_eq!(now(&monitor), health);
            monitor.hear(&noise(0.2, RATE, -50.0, 16, seed + 1));
            assert_eq!(now(&monitor), Health::Hearing);
        }
        // What comes back may be deaf in another way.
        monitor.note(Health::Lost);
        monitor.hear(&[0.0; 40_000]);
        assert_eq!(now(&monitor), Health::DigitalSilence);
        monitor.note(Health::Hearing);
        assert_eq!(now(&monitor), Health::DigitalSilence);
    }

    #[test]
    fn words_and_sentences_name_the_source_and_a_remedy() {
        let all = [Health::Hearing, Health::DigitalSilence, Health::Stalled, Health::Repeating, Health::Lost];
        assert_eq!(all.map(Health::as_str), ["hearing", "digital silence", "stalled", "repeating", "lost"]);
        assert_eq!(all.map(Health::is_deaf), [false, true, true, true, true]);
        assert_eq!(Health::default(), Health::Hearing);
        for health in all.into_iter().filter(|health| health.is_deaf()) {
            let sentence = health.sentence("jack:yard");
            assert!(sentence.starts_with("jack:yard is ") && sentence.contains("; "), "{sentence}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        /// Stretches of noise, of one value, of a buffer that repeats; gaps between them.
        #[test]
        fn any_chunking_gives_the_same(
            stretches in prop::collection::vec((0..4_u8, 1..20_000_usize, 1..2500_usize), 1..8),
            chunks in prop::collection::vec(1..3000_usize, 1..20),
        ) {
            let buffer = noise(2500.0 / 1000.0, 1000, -40.0, 16, 16);
            let (mut by_sample, mut by_chunk) = (HealthMonitor::new(rate(1000)), HealthMonitor::new(rate(1000)));
            let mut chunks = chunks.iter().cycle();
            for (i, (kind, len, period)) in stretches.into_iter().enumerate() {
                let samples: Vec<f32> = match kind {
                    0 => noise(len as f64 / 1000.0, 1000, -80.0, 16, i as u64),
                    1 => vec![0.125; len],
                    _ => buffer[..period].iter().copied().cycle().take(len).collect(),
                };
                if kind == 3 {
                    by_sample.gap();
                    by_chunk.gap();
                }
                let mut rest = &samples[..];
                while !rest.is_empty() {
                    let n = (*chunks.next().unwrap()).min(rest.len());
                    rest[..n].iter().for_each(|x| by_sample.hear(&[*x]));
                    by_chunk.hear(&rest[..n]);
                    rest = &rest[n..];
                    prop_assert_eq!(now(&by_sample), now(&by_chunk));
                }
            }
        }
    }
}
