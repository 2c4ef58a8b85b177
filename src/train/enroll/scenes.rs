//! Examples as they may sound elsewhere: mixed into scenes, as the network's own training mixed them, and laid over noise to try
//! a label on them.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use super::hearing::Hearing;
use crate::dsp::from_db;
use crate::train::classifier::example_rng;
use crate::train::scene::{Background, Material, Sound, random_room, scene};
use crate::train::synthetic_noise::{Colour, noise};
use crate::units::SampleRate;
use crate::{Error, Result};

/// Scenes of all examples together, and fewest of each.
const N_SCENES: usize = 160;
const LEAST_SCENES: usize = 8;
/// Most scenes of one example.
const MOST_SCENES: usize = 64;
/// Rooms that scenes are set in.
const N_ROOMS: usize = 24;
/// Level at which an example is tried, in dB relative to full scale.
const TRIED_DB: f32 = -25.0;
/// Noise around a tried example, in seconds on each side: the network has heard what it hears in a stream by then.
const AROUND_SECS: f64 = 2.5;

/// A recording to learn from, at the model's rate.
#[derive(Debug, Clone, PartialEq)]
pub struct Example {
    /// What it is called.
    pub name: String,
    /// The samples.
    pub samples: Vec<f32>,
}

/// What the network hears of one example's scenes, `[n, width]` each.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Heard {
    /// While it sounds.
    pub sounding: Vec<f32>,
    /// While it does not.
    pub quiet: Vec<f32>,
}

/// The sound of an example.
///
/// # Errors
/// Of kind `Input`, where it is silent.
pub(super) fn sound(example: &Example, rate: SampleRate) -> Result<Sound> {
    Sound::new(example.samples.clone(), Some(0), rate).ok_or_else(|| {
        Error::input(format!("{} is silent; give a recording in which the sound is heard", example.name))
    })
}

/// What the network hears of scenes of each sound.
///
/// # Errors
/// Of kind `Input`, where a sound is too short for an output frame.
pub(super) fn hear(hearing: &Hearing, sounds: &[Sound], backgrounds: &[Background], seed: u64) -> Result<Vec<Heard>> {
    let rate = hearing.front_end().sample_rate;
    let rng = &mut ChaCha8Rng::seed_from_u64(seed);
    let rooms = (0..N_ROOMS).map(|_| random_room(rng, rate)).collect();
    let mut material = Material { backgrounds: backgrounds.to_vec(), rooms, ..Material::default() };
    let n_scenes = (N_SCENES / sounds.len().max(1)).clamp(LEAST_SCENES, MOST_SCENES);
    let one = |(i, sound): (usize, &Sound)| {
        material.by_class = vec![vec![sound.clone()]];
        let mut all = Heard::default();
        for heard in
            (0..n_scenes).into_par_iter().map(|k| hear_one(hearing, &material, seed, [i, k])).collect::<Vec<_>>()
        {
            let Heard { sounding, quiet } = heard?;
            all.sounding.extend(sounding);
            all.quiet.extend(quiet);
        }
        if all.sounding.is_empty() {
            return Err(Error::input(format!(
                "recording {} holds too short a sound to be learned; give one of a tenth of a second or more",
                i + 1
            )));
        }
        Ok(all)
    };
    sounds.iter().enumerate().map(one).collect()
}

fn hear_one(hearing: &Hearing, material: &Material, seed: u64, [example, index]: [usize; 2]) -> Result<Heard> {
    let made = scene(&mut example_rng(seed, 1 + example, index), material, &hearing.scene_shape());
    let (width, lookahead) = (hearing.width(), hearing.lookahead());
    let embeddings = hearing.embeddings(&made.samples)?;
    let mut heard = Heard::default();
    let n = made.targets.len();
    for (frame, row) in embeddings.chunks_exact(width).skip(lookahead).take(n).enumerate() {
        // Next to an onset or offset nobody knows to the frame, and what is drowned is not asked for.
        let around = frame.saturating_sub(1)..(frame + 2).min(n);
        if made.weights[frame] == 0.0 {
            continue;
        }
        if made.targets[frame] > 0.0 {
            heard.sounding.extend_from_slice(row);
        } else if made.targets[around].iter().all(|t| *t == 0.0) {
            heard.quiet.extend_from_slice(row);
        }
    }
    Ok(heard)
}

/// The embeddings of a sound over pink noise, `snr_db` above it, with noise around it.
///
/// # Errors
/// A defect.
pub(super) fn tried(hearing: &Hearing, sound: &Sound, snr_db: f32, seed: u64) -> Result<Vec<f32>> {
    let around = usize::try_from(hearing.front_end().sample_rate.samples(AROUND_SECS)).unwrap_or_default();
    let rng = &mut ChaCha8Rng::seed_from_u64(seed);
    let mut samples = noise(rng, Colour::Pink, sound.samples.len() + 2 * around);
    let rms = (samples.iter().map(|x| x * x).sum::<f32>() / samples.len() as f32).sqrt();
    let (level, soft) = (from_db(TRIED_DB), from_db(-snr_db) / rms.max(1e-9));
    samples.iter_mut().for_each(|x| *x *= soft);
    samples[around..].iter_mut().zip(&sound.samples).for_each(|(x, s)| *x += s);
    samples.iter_mut().for_each(|x| *x = (*x * level).clamp(-1.0, 1.0));
    hearing.embeddings(&samples)
}
