//! Of what a training begins with.

#![allow(clippy::unwrap_used)]

use super::*;
use crate::dsp::{
    Compression, FrontEndParams, MaskScale, MelNorm, MelParams, MelScale, SpectrumPower, StftParams, WindowKind,
};
use crate::model::manifest::Activation;
use crate::model::tap_shapes::TapShapes;
use crate::model::vgg::{TrainableVgg, Vgg, VggConfig};
use crate::train::augment::AugmentParams;
use crate::units::SampleRate;

fn classifier() -> VggConfig {
    VggConfig { n_mels: 16, input_pool: 1, widths: vec![3, 4, 5], time_pools: vec![2, 2], n_classes: 4 }
}

/// A small decoder of a small classifier.
pub(super) fn settings() -> LmacTraining {
    let net = TapShapes::vgg(&classifier()).unwrap();
    let stft = StftParams { n_fft: 256, hop: 128, win_length: 256, window: WindowKind::Hann, centred: true };
    let mel = MelParams { n_mels: 16, scale: MelScale::Htk, norm: MelNorm::None, f_min_hz: 0.0, f_max_hz: 4000.0 };
    LmacTraining {
        net: LmacConfig { net, channels: 6, conditioned: true },
        front_end: FrontEndParams {
            sample_rate: SampleRate::new(8000).unwrap(),
            stft,
            mel,
            pre_emphasis: 0.0,
            power: SpectrumPower::Power,
            compression: Compression::Log1p,
        },
        activation: Activation::Sigmoid,
        objective: Objective::Mask,
        clip_frames: 16,
        window_frames: 16,
        window_share: 0.5,
        epochs: 1,
        batch: 4,
        learning_rate: 1e-3,
        weight_decay: 0.0,
        inside: 4.0,
        outside: 1.0,
        sparsity: 1.0,
        guide: 0.0,
        crosscor_threshold: 0.6,
        bin_threshold: 0.35,
        absent: 0.3,
        augment: AugmentParams::default(),
        seed: 1,
    }
}

/// Otherwise a fresh decoder would make one mask for all classes, and hardly learn to make others.
#[test]
fn a_fresh_decoder_knows_what_the_last_layer_says_for_each_class() {
    let how = settings();
    let fc: Vec<f32> = (0..20).map(|i| (i as f32 * 0.7).sin() * 3.0).collect();
    let mut arrays = TrainableVgg::new(&classifier(), &mut ChaCha8Rng::seed_from_u64(1)).unwrap().arrays();
    arrays.insert("fc.weight", [4, 5], fc.clone());
    let classifier = Vgg::load(&classifier(), &arrays).unwrap();
    assert_eq!(classifier.class_weights().unwrap(), fc);
    let params = initial(&how, &classifier).unwrap();
    let evidence = &params.iter().find(|p| p.name == CLASS_EVIDENCE).unwrap().values;
    let scale = fc[1] / evidence[1];
    assert!(evidence.iter().zip(&fc).all(|(e, w)| (e * scale - w).abs() < 1e-5));
    assert!((evidence.iter().map(|e| e * e).sum::<f32>() / 20.0 - 1.0).abs() < 1e-5);
}

/// Both scales: the slope of a sum of the features, inside and outside, equals differences.
#[test]
fn the_front_end_behind_a_mask_has_the_right_slope() {
    let how = settings();
    let (n_frames, n_mels, n_bins) = (2, 16, 129);
    let log: Vec<f32> = (0..n_frames * n_bins).map(|i| 1.5 + (i as f32 * 0.9).sin()).collect();
    let log = Tensor::from_vec(log, (1, n_frames, n_bins), &Device::Cpu).unwrap();
    let values: Vec<f32> = (0..n_frames * n_mels).map(|i| 0.5 + 0.4 * (i as f32 * 1.3).cos()).collect();
    for (scale, part) in
        [(MaskScale::Log, Part::Inside), (MaskScale::Gain, Part::Inside), (MaskScale::Gain, Part::Outside)]
    {
        let front_end = MaskedFrontEnd::new(&how.front_end, scale).unwrap();
        let sum = |mask: &Tensor| front_end.features(mask, &log, part).unwrap().sum_all().unwrap();
        let var = Var::from_slice(&values, (1, n_frames, n_mels), &Device::Cpu).unwrap();
        let store = sum(var.as_tensor()).backward().unwrap();
        let grad: Vec<f32> = store.get(&var).unwrap().flatten_all().unwrap().to_vec1().unwrap();
        for i in (0..values.len()).step_by(5) {
            let at = |by: f32| {
                let mut moved = values.clone();
                moved[i] += by;
                let mask = Tensor::from_vec(moved, (1, n_frames, n_mels), &Device::Cpu).unwrap();
                f64::from(sum(&mask).to_scalar::<f32>().unwrap())
            };
            let want = (at(0.01) - at(-0.01)) / 0.02;
            let error = (f64::from(grad[i]) - want).abs();
            assert!(error < 0.02 * want.abs().max(0.1), "{scale:?} {part:?} {i}: {} is not {want}", grad[i]);
        }
    }
}
