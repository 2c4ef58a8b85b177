use super::*;
use crate::dsp::{WindowKind, stft};
use parts::Axes;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::dsp::{Compression, FrontEndParams, MelNorm, MelParams, MelScale, SpectrumPower};
use crate::units::SampleRate;

const N_SAMPLES: usize = 8000;

fn front_end() -> FrontEndParams {
    FrontEndParams {
        sample_rate: SampleRate::new(8000).unwrap(),
        stft: StftParams { n_fft: 256, hop: 64, win_length: 256, window: WindowKind::Hann, centred: true },
        mel: MelParams { n_mels: 8, scale: MelScale::Htk, norm: MelNorm::None, f_min_hz: 0.0, f_max_hz: 4000.0 },
        pre_emphasis: 0.0,
        power: SpectrumPower::Power,
        compression: Compression::Log10 { floor: 1e-5, scale: 0.4, offset: 0.8 },
    }
}

/// A low tone in the first half of a second, and a high one in the second half.
fn two_tones() -> Vec<f32> {
    let at = |i: usize| {
        let hz = if i < N_SAMPLES / 2 { 300.0 } else { 3000.0 };
        0.5 * (std::f32::consts::TAU * hz * i as f32 / 8000.0).sin()
    };
    (0..N_SAMPLES).map(at).collect()
}

/// A model that nobody can look into: how strongly each tone sounds where it should.
fn loudness(sounds: &[Vec<f32>]) -> Result<Vec<Vec<f32>>> {
    let power = |sound: &[f32]| 8.0 * sound.iter().map(|s| s * s).sum::<f32>() / N_SAMPLES as f32;
    let halves = |sound: &Vec<f32>| {
        let (first, second) = sound.split_at(N_SAMPLES / 2);
        vec![power(first), power(second)]
    };
    Ok(sounds.iter().map(halves).collect())
}

fn explained(
    parts: &Parts,
    model: &dyn Scorer,
    most: usize,
    goes_on: &dyn Fn(f32) -> bool,
) -> Result<Option<Vec<Fit>>> {
    let params = front_end().stft;
    let frames = stft(&params, &two_tones()).unwrap().frames;
    let sound = Whole { stft: &params, frames: &frames, n_samples: N_SAMPLES };
    explain(&sound, parts, model, most, &mut ChaCha8Rng::seed_from_u64(1), goes_on)
}

fn axes() -> Axes {
    Axes::new(&front_end(), front_end().stft.n_frames(N_SAMPLES), 0)
}

/// A function is a model; what it answers to is what its scores are put down to.
#[test]
fn a_function_is_explained_by_what_it_answers_to() {
    // Eight stretches of time, two bands.
    let parts = Parts::boxes(&axes(), Some(16), 2);
    let fits = explained(&parts, &loudness, 600, &|_| true).unwrap().unwrap();
    assert_eq!(fits.len(), 2);
    for (half, fit) in fits.iter().enumerate() {
        assert!(fit.r2 > 0.95, "{fit:?}");
        for (part, worth) in parts.as_slice().iter().zip(&fit.coefficients) {
            let (slot, band) = (part.index / 2, part.index % 2);
            // The last slot holds the one frame that is left over.
            let speaks = band == half && slot < 8 && slot / 4 == half;
            // The whole tone is worth a half, in four slots.
            assert!(if speaks { *worth > 0.1 } else { worth.abs() < 0.03 }, "{half}: {} {worth}", part.name);
        }
    }
    // The same seed draws the same.
    assert_eq!(fits, explained(&parts, &loudness, 600, &|_| true).unwrap().unwrap());
}

#[test]
fn the_model_is_asked_in_batches_and_for_the_whole_sound_first() {
    let (asked, first) = (AtomicUsize::new(0), std::sync::Mutex::new(Vec::new()));
    let model = |sounds: &[Vec<f32>]| {
        assert!(sounds.len() <= BATCH && sounds.iter().all(|sound| sound.len() == N_SAMPLES));
        if asked.fetch_add(sounds.len(), Ordering::Relaxed) == 0 {
            first.lock().unwrap().clone_from(&sounds[0]);
        }
        loudness(sounds)
    };
    // Five parts have 32 combinations, fewer than may be asked for.
    let parts = Parts::boxes(&axes(), None, 5);
    let told = std::sync::Mutex::new(Vec::new());
    let goes_on = |share: f32| {
        told.lock().unwrap().push(share);
        true
    };
    explained(&parts, &model, 600, &goes_on).unwrap().unwrap();
    assert_eq!(asked.load(Ordering::Relaxed), 32);
    assert_eq!(*told.lock().unwrap(), [0.0, 0.5]);
    assert!(first.lock().unwrap().iter().zip(two_tones()).all(|(a, b)| (a - b).abs() < 1e-4));
}

#[test]
fn it_ends_when_it_is_called_off() {
    let asked = AtomicUsize::new(0);
    let model = |sounds: &[Vec<f32>]| {
        asked.fetch_add(sounds.len(), Ordering::Relaxed);
        loudness(sounds)
    };
    let parts = Parts::boxes(&axes(), Some(16), 2);
    assert_eq!(explained(&parts, &model, 600, &|share| share < 0.1).unwrap(), None);
    assert!(asked.load(Ordering::Relaxed) < 100, "{asked:?}");
}

#[test]
fn a_model_that_does_not_score_alike_is_told() {
    let parts = Parts::boxes(&axes(), None, 5);
    let message = |model: &dyn Scorer| explained(&parts, model, 600, &|_| true).unwrap_err().to_string();
    assert!(message(&|_: &[Vec<f32>]| Ok(vec![vec![1.0]])).contains("1 answers for 16 sounds"));
    let uneven = |sounds: &[Vec<f32>]| Ok((0..sounds.len()).map(|i| vec![0.0; 1 + i % 2]).collect());
    assert!(message(&uneven).contains("or not 1 scores in each"));
    assert!(message(&|_: &[Vec<f32>]| Err(Error::input("it is out"))).contains("it is out"));
}
