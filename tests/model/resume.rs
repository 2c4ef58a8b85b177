//! Training runs as a person starts, stops and resumes them, on a tiny data set: four tones, all augmentation on.

#![allow(clippy::unwrap_used)]

use std::path::PathBuf;

use candle_core::{Device, Tensor};
use earwitness::ErrorKind;
use earwitness::dsp::{
    Compression, FrontEnd, FrontEndParams, MelNorm, MelParams, MelScale, SpectrumPower, StftParams, WindowKind,
};
use earwitness::model::manifest::Activation;
use earwitness::model::tensors::Arrays;
use earwitness::model::vgg::{Vgg, VggConfig};
use earwitness::train::augment::AugmentParams;
use earwitness::train::classifier::{ClassifierTraining, Clips, Progress, segment_features, train};
use earwitness::train::net::NetConfig;
use earwitness::units::SampleRate;

const RATE_HZ: u32 = 8_000;
const FRAMES: usize = 16;

fn vgg() -> VggConfig {
    VggConfig { n_mels: 16, input_pool: 1, widths: vec![4, 5, 6], time_pools: vec![2, 2], n_classes: 2 }
}

fn how() -> ClassifierTraining {
    ClassifierTraining {
        net: NetConfig::Vgg(vgg()),
        activation: Activation::Sigmoid,
        front_end: FrontEndParams {
            sample_rate: SampleRate::new(RATE_HZ).unwrap(),
            stft: StftParams { n_fft: 256, hop: 128, win_length: 256, window: WindowKind::Hann, centred: true },
            mel: MelParams {
                n_mels: 16,
                scale: MelScale::Slaney,
                norm: MelNorm::Slaney,
                f_min_hz: 0.0,
                f_max_hz: 4_000.0,
            },
            pre_emphasis: 0.0,
            power: SpectrumPower::Power,
            compression: Compression::Log10 { floor: 1e-5, scale: 0.4, offset: 0.8 },
        },
        segment_frames: FRAMES,
        window_frames: FRAMES / 2,
        window_share: 0.5,
        epochs: 3,
        batch: 3,
        learning_rate: 1e-2,
        weight_decay: 1e-3,
        dropout: 0.25,
        smoothing: (0.01, 0.96),
        augment: AugmentParams { max_mask_frames: 4, max_mask_bands: 3, ..AugmentParams::default() },
        seed: 7,
    }
}

/// Two low tones of class 0 and two high ones of class 1, a quarter of a second each.
fn clips() -> Clips {
    let tone = |hz: f32| -> Vec<f32> {
        (0..RATE_HZ / 4).map(|i| (i as f32 * hz * std::f32::consts::TAU / RATE_HZ as f32).sin() * 0.3).collect()
    };
    let samples = [300.0, 2_500.0, 400.0, 3_000.0].map(tone).to_vec();
    Clips { samples, targets: vec![vec![0], vec![1], vec![0], vec![1]] }
}

/// A recording of background.
fn noise() -> Vec<Vec<f32>> {
    vec![(0..3_000_u64).map(|i| ((i * i * 7 % 1_013) as f32 / 506.5 - 1.0) * 0.1).collect()]
}

/// What an epoch reports, but for the seconds it took.
type Reports = Vec<(usize, f64, Option<f64>, Option<f64>)>;

/// Trains until `stop` (epochs done and batches of the next one), if that is given.
fn run(
    how: &ClassifierTraining,
    checkpoint: Option<&PathBuf>,
    stop: Option<(usize, usize)>,
) -> (earwitness::Result<Arrays>, Reports) {
    let (mut reports, mut epochs) = (Vec::new(), 0);
    let arrays = train(how, None, &clips(), &noise(), &clips(), checkpoint, &mut |progress| match progress {
        Progress::Batch(done, all) => {
            assert_eq!(all, 2);
            Some((epochs, done)) != stop
        }
        Progress::Epoch(report) => {
            epochs = report.epoch;
            reports.push((report.epoch, report.loss, report.accuracy, report.macro_auprc));
            true
        }
    });
    (arrays, reports)
}

#[test]
fn a_resumed_run_ends_where_an_uninterrupted_one_ends_bit_for_bit() {
    let (whole, whole_reports) = run(&how(), None, None);
    let whole = whole.unwrap();
    assert_eq!(whole_reports.iter().map(|r| r.0).collect::<Vec<_>>(), [1, 2, 3]);
    for stop_after in [1, 2] {
        let folder = tempfile::tempdir().unwrap();
        let checkpoint = folder.path().join("checkpoint.safetensors");
        let (stopped, mut reports) = run(&how(), Some(&checkpoint), Some((2, stop_after)));
        assert_eq!(stopped.unwrap_err().kind(), ErrorKind::Usage);
        assert_eq!(reports.len(), 2);
        let (resumed, rest) = run(&how(), Some(&checkpoint), None);
        assert_eq!(rest.len(), 1, "only the third epoch is left");
        reports.extend(rest);
        assert_eq!(reports, whole_reports);
        assert!(resumed.unwrap() == whole, "stopped after batch {stop_after} of epoch 3");
        // Nothing else is left behind, and a finished run resumed is done at once.
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
        let (again, nothing) = run(&how(), Some(&checkpoint), None);
        assert!(again.unwrap() == whole && nothing.is_empty());
    }
}

#[test]
fn a_run_is_the_same_bit_for_bit_on_one_and_two_threads_and_another_with_another_seed() {
    let on = |threads: usize, how: &ClassifierTraining| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let (arrays, reports) = pool.install(|| run(how, None, None));
        (arrays.unwrap(), reports)
    };
    let alone = on(1, &how());
    assert!(on(2, &how()) == alone);
    assert!(on(2, &ClassifierTraining { seed: 8, ..how() }).0 != alone.0);
}

#[test]
fn a_checkpoint_of_other_settings_or_a_damaged_one_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let checkpoint = folder.path().join("checkpoint.safetensors");
    let (stopped, _) = run(&how(), Some(&checkpoint), Some((1, 1)));
    assert!(stopped.is_err());
    for other in [
        ClassifierTraining { learning_rate: 2e-2, ..how() },
        ClassifierTraining { epochs: 4, ..how() },
        ClassifierTraining { seed: 8, ..how() },
    ] {
        let e = run(&other, Some(&checkpoint), None).0.unwrap_err();
        assert_eq!(e.kind(), ErrorKind::Usage);
        assert!(e.to_string().contains("other settings"), "{e}");
    }
    let whole = std::fs::read(&checkpoint).unwrap();
    for length in [0, 7, whole.len() / 2, whole.len() - 1] {
        std::fs::write(&checkpoint, &whole[..length]).unwrap();
        let e = run(&how(), Some(&checkpoint), None).0.unwrap_err();
        assert_eq!(e.kind(), ErrorKind::Input, "cut to {length} bytes: {e}");
    }
}

#[test]
fn the_loss_falls_and_the_tones_are_told_apart() {
    for activation in [Activation::Sigmoid, Activation::Softmax] {
        let how = ClassifierTraining { epochs: 60, augment: AugmentParams::none(), activation, ..how() };
        let (arrays, reports) = run(&how, None, None);
        let (first, last) = (reports[0], reports[59]);
        assert!(last.1 < 0.5 * first.1, "{activation:?}: loss {} to {}", first.1, last.1);
        assert_eq!((last.2, last.3), (Some(1.0), Some(1.0)), "{activation:?}");
        let net = Vgg::load(&vgg(), &arrays.unwrap()).unwrap();
        let mut front_end = FrontEnd::new(&how.front_end).unwrap();
        for (samples, targets) in clips().samples.iter().zip(clips().targets) {
            let segment = segment_features(&mut front_end, samples, FRAMES).unwrap();
            let x = Tensor::from_vec(segment, (1, FRAMES, 16), &Device::Cpu).unwrap();
            let logits = net.forward(&x).unwrap().logits.flatten_all().unwrap().to_vec1::<f32>().unwrap();
            assert_eq!(targets[0], usize::from(logits[1] > logits[0]), "{activation:?}: {logits:?}");
        }
    }
}

#[test]
fn a_training_can_begin_with_the_weights_of_another() {
    let first = run(&how(), None, None).0.unwrap();
    let still = ClassifierTraining { learning_rate: 0.0, weight_decay: 0.0, ..how() };
    let next = |start: Option<&Arrays>| {
        train(&still, start, &clips(), &noise(), &Clips::default(), None, &mut |_| true).unwrap()
    };
    let weights = |arrays: &Arrays| arrays.get("fc.weight", &[2, 6]).unwrap().to_vec();
    assert_eq!(weights(&next(Some(&first))), weights(&first));
    assert_ne!(weights(&next(None)), weights(&first));
    let shares = ClassifierTraining { window_share: 1.5, ..how() };
    let refused = train(&shares, None, &clips(), &noise(), &Clips::default(), None, &mut |_| true).unwrap_err();
    assert!(refused.to_string().contains("a share of 1.5"), "{refused}");
}
