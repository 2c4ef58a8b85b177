//! The synthetic set of the thesis on disentangled concepts (section 4.1, appendix D): two classes of four sound objects each,
//! among random sounds and noise. As each object of a clip is known alone, what a method finds can be compared with it.

mod objects;
mod parts;
mod set;

use rand::seq::SliceRandom;
use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

pub use objects::{N_SAMPLES, RATE_HZ, object, random_sound};
pub use parts::{Parts, parts_of_clips};
pub use set::{FOLDS, write_set};

use crate::error::{Error, Result};

/// Names of the classes.
pub const CLASSES: [&str; 2] = ["toy-1", "toy-2"];
/// Objects of a class.
pub const N_OBJECTS: usize = 4;
/// Fewest and most random sounds in a clip.
const RANDOM_SOUNDS: std::ops::RangeInclusive<usize> = 3..=5;

/// What is drawn.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SyntheticParams {
    /// Deviation of the noise before the clip is brought to full scale; 0 or more.
    pub noise: f64,
    /// Seed of everything random.
    pub seed: u64,
}

/// One clip and what it is made of.
#[derive(Debug, Clone, PartialEq)]
pub struct SyntheticClip {
    /// One second; the largest magnitude is 1.
    pub samples: Vec<f32>,
    /// The objects in it, by number (0…3, ascending), each as it sounds in the clip: as long and as loud.
    pub objects: Vec<(usize, Vec<f32>)>,
}

/// Clip `index` of a class: the same for the same parameters, whatever was made before. One to four objects of the class, three
/// to five random sounds, and noise.
///
/// # Errors
/// A usage error for a class that there is not, or noise that is negative or no number.
pub fn clip(params: &SyntheticParams, class: usize, index: usize) -> Result<SyntheticClip> {
    if class >= CLASSES.len() {
        return Err(Error::usage(format!("there is no synthetic class {class}; give 0 or 1")));
    }
    if !(params.noise >= 0.0 && params.noise.is_finite()) {
        return Err(Error::usage(format!("noise of deviation {} cannot be made; give 0 or more", params.noise)));
    }
    let mut rng = ChaCha8Rng::seed_from_u64(params.seed);
    rng.set_stream((index as u64) << 1 | class as u64);
    let mut chosen: Vec<usize> = (0..N_OBJECTS).collect();
    chosen.shuffle(&mut rng);
    chosen.truncate(rng.random_range(1..=N_OBJECTS));
    chosen.sort_unstable();
    let mut objects: Vec<(usize, Vec<f32>)> =
        chosen.into_iter().map(|number| (number, object(&mut rng, class, number))).collect();
    let mut samples: Vec<f32> = (0..N_SAMPLES).map(|_| params.noise as f32 * normal(&mut rng)).collect();
    for (_, sound) in &objects {
        add(&mut samples, sound);
    }
    for _ in 0..rng.random_range(RANDOM_SOUNDS) {
        add(&mut samples, &random_sound(&mut rng));
    }
    let peak = samples.iter().fold(f32::MIN_POSITIVE, |peak, x| peak.max(x.abs()));
    for part in objects.iter_mut().map(|(_, sound)| sound).chain([&mut samples]) {
        part.iter_mut().for_each(|x| *x /= peak);
    }
    Ok(SyntheticClip { samples, objects })
}

fn add(to: &mut [f32], sound: &[f32]) {
    to.iter_mut().zip(sound).for_each(|(to, x)| *to += x);
}

/// A normal number with mean 0 and deviation 1 (Box and Muller).
fn normal(rng: &mut impl Rng) -> f32 {
    let (radius, angle): (f32, f32) = (1.0 - rng.random::<f32>(), rng.random());
    (-2.0 * radius.ln()).sqrt() * (std::f32::consts::TAU * angle).cos()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
