//! How far a method's mask moves where the sound hardly changes: 1 dB louder, 10 ms later, or with white noise 40 dB below it.
//! Whoever hears no difference expects the same reason.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::Serialize;

use super::batch::{Pool, hear};
use super::{Clips, Progress};
use crate::Result;
use crate::dsp::from_db;
use crate::eval::faithfulness::Heard;
use crate::eval::metrics;
use crate::eval::workers::for_each;
use crate::model::classifier::Classifier;
use crate::model::package::Package;
use crate::units::ClassId;

const LOUDER_DB: f32 = 1.0;
const LATER_SECS: f64 = 0.010;
const NOISE_DB: f32 = -40.0;

/// One method's figures: means over the clips of Σ|m − m′| ÷ Σm, with m the mask of the clip's top class and m′ that of the
/// same class in the changed sound. 0 is the same mask; `None` (JSON `null`) where every mask is empty.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Stability {
    /// The method's name.
    pub method: String,
    /// Clips.
    pub n: usize,
    /// 1 dB louder.
    pub louder: Option<f64>,
    /// 10 ms later; m is moved by as much.
    pub later: Option<f64>,
    /// With white noise, 40 dB below the clip's RMS.
    pub noise: Option<f64>,
}

/// Measures `methods` (as [`crate::interpret::methods`] names them). Noise is drawn from `seed`.
///
/// # Errors
/// Where a method cannot be loaded or fails.
pub fn stability(
    package: &Package,
    methods: &[String],
    clips: Clips<'_>,
    seed: u64,
    progress: Progress<'_>,
) -> Result<Vec<Stability>> {
    let classifier = Classifier::load(package)?;
    let front_end = classifier.front_end();
    let n_later = usize::try_from(front_end.sample_rate.samples(LATER_SECS)).unwrap_or(0);
    let frames_later = n_later as f32 / front_end.stft.hop as f32;
    let n_bins = front_end.stft.n_bins();
    let all = |change: &dyn Fn(usize, &[f32]) -> Vec<f32>| -> Result<Vec<Heard>> {
        let changed: Vec<Vec<f32>> = clips.iter().enumerate().map(|(i, clip)| change(i, clip)).collect();
        hear(&classifier, &changed.iter().map(Vec::as_slice).collect::<Vec<_>>())
    };
    let heard = hear(&classifier, clips)?;
    let changed = [
        all(&|_, clip| clip.iter().map(|x| x * from_db(LOUDER_DB)).collect())?,
        all(&|_, clip| later(clip, n_later))?,
        all(&|i, clip| with_noise(clip, seed.wrapping_add(i as u64)))?,
    ];
    let mut results = Vec::with_capacity(methods.len());
    for (k, method) in methods.iter().enumerate() {
        let pool = Pool::new(package, method, seed);
        let mask = |heard: &Heard, class| -> Result<Vec<f32>> {
            Ok(pool.with(|interpreter| interpreter.explain(&heard.segment()))?.whole_mask(class))
        };
        let one = |i: usize| -> Result<[Option<f64>; 3]> {
            let class = ClassId(heard[i].classified.top());
            let original = mask(&heard[i], class)?;
            let wanted = [original.clone(), moved(&original, n_bins, frames_later), original];
            let mut distances = [None; 3];
            for ((distance, wanted), changed) in distances.iter_mut().zip(&wanted).zip(&changed) {
                *distance = apart(wanted, &mask(&changed[i], class)?);
            }
            Ok(distances)
        };
        let mut told = |done: usize, _: usize| progress(k * clips.len() + done, methods.len() * clips.len());
        let values = for_each(clips.len(), one, &mut told)?;
        let mean = |c: usize| metrics::mean(&values.iter().filter_map(|v| v[c]).collect::<Vec<_>>());
        let (louder, later, noise) = (mean(0), mean(1), mean(2));
        results.push(Stability { method: method.clone(), n: clips.len(), louder, later, noise });
    }
    Ok(results)
}

/// `n` samples of silence, then the clip, in the clip's length.
fn later(clip: &[f32], n: usize) -> Vec<f32> {
    std::iter::repeat_n(0.0, n).chain(clip.iter().copied()).take(clip.len()).collect()
}

fn with_noise(clip: &[f32], seed: u64) -> Vec<f32> {
    let rng = &mut ChaCha8Rng::seed_from_u64(seed);
    let rms = (clip.iter().map(|x| x * x).sum::<f32>() / clip.len().max(1) as f32).sqrt();
    // Uniform values within ±a have an RMS of a ÷ √3.
    let bound = (rms * from_db(NOISE_DB) * 3.0_f32.sqrt()).max(f32::MIN_POSITIVE);
    clip.iter().map(|x| x + rng.random_range(-bound..=bound)).collect()
}

/// A mask as it is so many frames later, linearly interpolated; what comes in is the first frame again.
fn moved(mask: &[f32], n_bins: usize, frames: f32) -> Vec<f32> {
    let (whole, part) = (frames.floor() as usize, frames.fract());
    let row = |t: usize| &mask[t * n_bins..][..n_bins];
    let between = |t: usize| {
        let (now, before) = (row(t.saturating_sub(whole)), row(t.saturating_sub(whole + 1)));
        now.iter().zip(before).map(move |(now, before)| (1.0 - part) * now + part * before)
    };
    (0..mask.len() / n_bins.max(1)).flat_map(between).collect()
}

/// Σ|m − m′| ÷ Σm.
fn apart(mask: &[f32], other: &[f32]) -> Option<f64> {
    let size: f64 = mask.iter().map(|m| f64::from(*m)).sum();
    let distance: f64 = mask.iter().zip(other).map(|(a, b)| f64::from((a - b).abs())).sum();
    (size > 0.0).then(|| distance / size)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mask_moves_with_its_sound() {
        // Frames of two bins.
        let mask = [0.0, 1.0, 1.0, 0.0, 0.5, 0.5];
        assert_eq!(moved(&mask, 2, 0.0), mask);
        assert_eq!(moved(&mask, 2, 1.0), [0.0, 1.0, 0.0, 1.0, 1.0, 0.0]);
        assert_eq!(moved(&mask, 2, 0.5), [0.0, 1.0, 0.5, 0.5, 0.75, 0.25]);
        assert_eq!(later(&[1.0, 2.0, 3.0], 1), [0.0, 1.0, 2.0]);
    }

    #[test]
    fn distance_is_a_share_of_the_mask() {
        assert_eq!(apart(&[1.0, 1.0, 0.0], &[1.0, 0.0, 0.5]), Some(0.75));
        assert_eq!(apart(&[0.0; 3], &[1.0; 3]), None);
    }

    #[test]
    fn noise_is_forty_decibels_below() {
        let clip: Vec<f32> = (0..8000).map(|i| (i as f32 * 0.3).sin()).collect();
        let power = |x: &mut dyn Iterator<Item = f32>| x.map(|x| x * x).sum::<f32>();
        let noisy = with_noise(&clip, 1);
        let ratio = power(&mut noisy.iter().zip(&clip).map(|(a, b)| a - b)) / power(&mut clip.iter().copied());
        assert!((10.0 * ratio.log10() + 40.0).abs() < 0.3, "{ratio}");
    }
}
