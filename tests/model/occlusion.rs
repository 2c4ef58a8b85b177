//! Occlusion on a model that is a function: what the score falls by is put down to the part that was taken out.

#![allow(clippy::unwrap_used)]

use std::f32::consts::TAU;
use std::sync::atomic::{AtomicUsize, Ordering};

use earwitness::Result;
use earwitness::dsp::{
    Compression, FrontEndParams, MelNorm, MelParams, MelScale, SpectrumPower, StftParams, WindowKind, stft,
};
use earwitness::interpret::lime::Whole;
use earwitness::interpret::lime::occlusion::occlude;
use earwitness::interpret::lime::parts::{Axes, Parts};
use earwitness::units::SampleRate;

const N_SAMPLES: usize = 8192;

fn front_end() -> FrontEndParams {
    FrontEndParams {
        sample_rate: SampleRate::new(8000).unwrap(),
        stft: StftParams { n_fft: 256, hop: 64, win_length: 256, window: WindowKind::Hann, centred: true },
        pre_emphasis: 0.0,
        mel: MelParams { n_mels: 8, scale: MelScale::Htk, norm: MelNorm::None, f_min_hz: 0.0, f_max_hz: 4000.0 },
        power: SpectrumPower::Power,
        compression: Compression::Log1p,
    }
}

/// 300 Hz in the first half, 3000 Hz in the second.
fn two_tones() -> Vec<f32> {
    let hz = |i: usize| if i < N_SAMPLES / 2 { 300.0 } else { 3000.0 };
    (0..N_SAMPLES).map(|i| 0.5 * (TAU * hz(i) * i as f32 / 8000.0).sin()).collect()
}

/// The power of each half, of which a tone of amplitude 0.5 has 1.
fn halves(sounds: &[Vec<f32>]) -> Vec<Vec<f32>> {
    let power = |half: &[f32]| 8.0 * half.iter().map(|x| x * x).sum::<f32>() / half.len() as f32;
    let of = |sound: &Vec<f32>| sound.chunks(N_SAMPLES / 2).map(power).collect();
    sounds.iter().map(of).collect()
}

#[test]
fn the_part_that_the_score_falls_without_is_worth_it() {
    let params = front_end();
    let frames = stft(&params.stft, &two_tones()).unwrap().frames;
    let n_frames = frames.len() / params.stft.n_bins();
    let whole = Whole { stft: &params.stft, frames: &frames, n_samples: N_SAMPLES };
    // Two halves in time (64 frames each, and the last frame), each in a low and a high band.
    let parts = Parts::boxes(&Axes::new(&params, n_frames, 0), Some(64), 2);
    let asked = AtomicUsize::new(0);
    let model = |sounds: &[Vec<f32>]| -> Result<Vec<Vec<f32>>> {
        asked.fetch_add(sounds.len(), Ordering::Relaxed);
        Ok(halves(sounds))
    };
    let worth = occlude(&whole, &parts, &model, &|_| true).unwrap().unwrap();
    let n_parts = parts.as_slice().len();
    assert_eq!((asked.load(Ordering::Relaxed), worth.len()), (n_parts + 1, 2));
    // Part 0 is low and early, part 3 high and late.
    for (score, at) in [(0, 0), (1, 3)] {
        assert_eq!(worth[score].len(), n_parts);
        for (part, worth) in worth[score].iter().enumerate() {
            let fits = if part == at { (0.9..=1.1).contains(worth) } else { worth.abs() < 0.1 };
            assert!(fits, "score {score}, part {part}: {worth}");
        }
    }
    assert!(occlude(&whole, &parts, &model, &|_| false).unwrap().is_none(), "called off");
}
