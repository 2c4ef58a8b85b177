//! Test streams: recordings laid one after the other over background noise, with a list of what was laid where.
//!
//! Definitions, since every figure rests on them:
//! - A clip's *active frames* are the frames of 10 ms whose power is within 20 dB of its loudest; its *active part* is
//!   what lies from the first to the last of them, pauses included. Only the active part is laid into the stream (with
//!   fades of 5 ms), so the onset and offset of the reference are those of the sound and not of the file.
//! - Its *level* is the RMS over the active frames of what is laid (pauses do not count).
//! - The *signal-to-noise ratio* is that level over the RMS of the whole background. Every noise recording is brought to
//!   one RMS first; they follow each other in random order, over and over, with cross-fades.

use std::ops::Range;

use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::events::Span;
use crate::units::SampleRate;
use crate::{Error, Result};

const FRAME_SECS: f64 = 0.01;
const ACTIVE_RANGE_DB: f64 = 20.0;
const FADE_SECS: f64 = 0.005;
const CROSS_FADE_SECS: f64 = 0.5;
/// Background behind the last event, so that a monitor sees its end.
const TAIL_SECS: f64 = 6.0;
/// Where in the sound before it an overlapping one begins, as shares of that sound's length.
const OVERLAP_AT: Range<f64> = 0.2..0.8;

/// Where something sounds in a recording.
#[derive(Debug, Clone, PartialEq)]
pub struct ActivePart {
    /// Its samples.
    pub samples: Range<usize>,
    /// RMS over its active frames; above 0.
    pub level: f32,
}

/// The active part of `samples`, at most `max_secs` long from its onset; `None` of silence.
#[must_use]
pub fn active_part(samples: &[f32], sample_rate: SampleRate, max_secs: f64) -> Option<ActivePart> {
    let frame = (sample_rate.samples(FRAME_SECS) as usize).max(1);
    let powers: Vec<f64> = samples.chunks(frame).map(mean_power).collect();
    let loudest = powers.iter().copied().fold(0.0, f64::max);
    let floor = loudest * 10.0_f64.powf(-ACTIVE_RANGE_DB / 10.0);
    let is_active = |power: &f64| *power > 0.0 && *power >= floor;
    let first = powers.iter().position(is_active)?;
    let last = powers.iter().rposition(is_active)?;
    let start = first * frame;
    let longest = (sample_rate.samples(max_secs) as usize).max(frame);
    let end = ((last + 1) * frame).min(samples.len()).min(start + longest);
    let inside = powers.get(first..end.div_ceil(frame))?;
    let active: Vec<f64> = inside.iter().copied().filter(is_active).collect();
    let level = (active.iter().sum::<f64>() / active.len().max(1) as f64).sqrt() as f32;
    Some(ActivePart { samples: start..end, level })
}

fn mean_power(samples: &[f32]) -> f64 {
    samples.iter().map(|&x| f64::from(x) * f64::from(x)).sum::<f64>() / samples.len().max(1) as f64
}

/// A recording to lay into a stream.
#[derive(Debug, Clone, PartialEq)]
pub struct Sound {
    /// What the reference calls it: the file's name.
    pub name: String,
    /// Its classes: one line of the reference for each; none for a sound that should not be reported.
    pub labels: Vec<String>,
    /// Mono samples at the stream's rate.
    pub samples: Vec<f32>,
}

/// How a stream is laid out.
#[derive(Debug, Clone, PartialEq)]
pub struct StreamOptions {
    /// Signal-to-noise ratio of every sound, in dB.
    pub snr_db: f64,
    /// Level of every sound, in dB below full scale (negative).
    pub level_db: f64,
    /// Shortest and longest pause between two sounds, in seconds.
    pub gap_secs: (f64, f64),
    /// Longer sounds are cut to this, in seconds.
    pub max_event_secs: f64,
    /// How likely a sound begins while the one before it sounds, 0…1.
    pub overlap: f64,
    /// Seed of order, pauses and background.
    pub seed: u64,
}

impl Default for StreamOptions {
    fn default() -> Self {
        Self { snr_db: 20.0, level_db: -26.0, gap_secs: (1.0, 6.0), max_event_secs: 5.0, overlap: 0.0, seed: 1 }
    }
}

/// One event that a stream holds.
#[derive(Debug, Clone, PartialEq)]
pub struct ReferenceEvent {
    /// Label, onset and offset.
    pub span: Span,
    /// Name of the recording.
    pub clip: String,
    /// Signal-to-noise ratio, in dB.
    pub snr_db: f64,
}

/// A stream and what it holds.
#[derive(Debug, Clone, PartialEq)]
pub struct Stream {
    /// Mono samples; a few peaks may lie beyond full scale.
    pub samples: Vec<f32>,
    /// Its events by onset.
    pub reference: Vec<ReferenceEvent>,
    /// Names of recordings that are silent throughout; they were left out.
    pub silent: Vec<String>,
}

/// Lays `sounds`, each once and in random order, over `noise` (recordings at the same rate). The same seed gives the same
/// stream; order, pauses and background do not depend on levels.
///
/// # Errors
/// Of kind `Usage` for options out of their range, no sounds, or noise that is silent.
pub fn assemble(
    sounds: &[Sound],
    noise: &[Vec<f32>],
    sample_rate: SampleRate,
    options: &StreamOptions,
) -> Result<Stream> {
    check(sounds, options)?;
    let mut rng = ChaCha8Rng::seed_from_u64(options.seed);
    let mut order: Vec<&Sound> = sounds.iter().collect();
    order.shuffle(&mut rng);
    let (mut reference, mut silent, mut placed) = (Vec::new(), Vec::new(), Vec::new());
    let (mut before, mut end) = (None::<Range<usize>>, 0);
    for sound in order {
        let Some(part) = active_part(&sound.samples, sample_rate, options.max_event_secs) else {
            silent.push(sound.name.clone());
            continue;
        };
        let inside = rng.random_range(OVERLAP_AT);
        let gap = options.gap_secs.0 + rng.random::<f64>() * (options.gap_secs.1 - options.gap_secs.0);
        let onset = match &before {
            Some(before) if rng.random_bool(options.overlap) => before.start + (inside * before.len() as f64) as usize,
            _ => end + sample_rate.samples(gap) as usize,
        };
        let at = onset..onset + part.samples.len();
        for label in &sound.labels {
            let (onset_s, offset_s) = (sample_rate.secs(at.start as u64), sample_rate.secs(at.end as u64));
            let span = Span { label: label.clone(), onset_s, offset_s };
            reference.push(ReferenceEvent { span, clip: sound.name.clone(), snr_db: options.snr_db });
        }
        end = end.max(at.end);
        before = Some(at.clone());
        placed.push((at.start, &sound.samples[part.samples.clone()], part.level));
    }
    if placed.is_empty() {
        return Err(Error::usage("all recordings for the stream are silent; choose others"));
    }
    let n_samples = end + sample_rate.samples(TAIL_SECS) as usize;
    let mut samples = background(noise, n_samples, sample_rate, &mut rng)?;
    scale_to(&mut samples, options.level_db - options.snr_db);
    for (onset, sound, level) in placed {
        let gain = (amplitude(options.level_db) / f64::from(level)) as f32;
        lay(&mut samples[onset..onset + sound.len()], sound, gain, sample_rate.samples(FADE_SECS) as usize);
    }
    reference.sort_by(|a, b| a.span.onset_s.total_cmp(&b.span.onset_s));
    Ok(Stream { samples, reference, silent })
}

fn check(sounds: &[Sound], options: &StreamOptions) -> Result<()> {
    let (shortest, longest) = options.gap_secs;
    let finite = [options.snr_db, options.level_db, shortest, longest, options.max_event_secs];
    if sounds.is_empty() {
        return Err(Error::usage("there are no recordings to make a stream of; choose folds that hold some"));
    }
    if finite.iter().any(|x| !x.is_finite()) || !(0.0..=longest).contains(&shortest) || options.max_event_secs <= 0.0 {
        return Err(Error::usage(format!(
            "a stream with pauses of {shortest} to {longest} s, sounds of up to {} s at {} dB and {} dB SNR cannot be made; \
             give finite numbers, the shorter pause first",
            options.max_event_secs, options.level_db, options.snr_db
        )));
    }
    if !(0.0..=1.0).contains(&options.overlap) {
        return Err(Error::usage(format!("an overlap of {} is no share; give a number from 0 to 1", options.overlap)));
    }
    Ok(())
}

/// `n` samples of the recordings, all at one RMS, one after the other in random order, over and over.
fn background(noise: &[Vec<f32>], n: usize, sample_rate: SampleRate, rng: &mut ChaCha8Rng) -> Result<Vec<f32>> {
    let mut usable: Vec<Vec<f32>> = noise.iter().filter(|r| mean_power(r) > 0.0).cloned().collect();
    if usable.is_empty() {
        return Err(Error::usage("the noise recordings are silent; choose others"));
    }
    usable.iter_mut().for_each(|recording| scale_to(recording, 0.0));
    let mut samples: Vec<f32> = Vec::with_capacity(n);
    while samples.len() < n {
        usable.shuffle(rng);
        for recording in &usable {
            let fade = (sample_rate.samples(CROSS_FADE_SECS) as usize).min(recording.len() / 2).min(samples.len());
            let begin = samples.len() - fade;
            for (i, (old, new)) in samples[begin..].iter_mut().zip(recording).enumerate() {
                // Equal power, since the two have nothing in common.
                let (out, into) = ((i as f32 + 0.5) / fade as f32 * std::f32::consts::FRAC_PI_2).sin_cos();
                *old = *old * into + new * out;
            }
            samples.extend_from_slice(&recording[fade..]);
        }
    }
    samples.truncate(n);
    Ok(samples)
}

/// Brings the RMS of `samples`, which are not silent, to `level_db`.
fn scale_to(samples: &mut [f32], level_db: f64) {
    let gain = (amplitude(level_db) / mean_power(samples).sqrt()) as f32;
    samples.iter_mut().for_each(|x| *x *= gain);
}

/// Adds `sound`, with short fades where it was cut.
fn lay(stream: &mut [f32], sound: &[f32], gain: f32, fade: usize) {
    let fade = fade.clamp(1, (sound.len() / 2).max(1));
    for (i, (out, x)) in stream.iter_mut().zip(sound).enumerate() {
        let edge = (i + 1).min(sound.len() - i);
        *out += x * gain * (edge as f32 / fade as f32).min(1.0);
    }
}

/// The amplitude ratio of `db` decibels.
fn amplitude(db: f64) -> f64 {
    10.0_f64.powf(db / 20.0)
}
