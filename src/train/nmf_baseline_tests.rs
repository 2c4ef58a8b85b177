#![allow(clippy::unwrap_used)]
use super::*;
use crate::dsp::{Compression, MelNorm, MelParams, MelScale, StftParams, WindowKind};
use crate::units::SampleRate;

fn training(epochs: usize) -> NmfTraining {
    NmfTraining {
        spectrum: Spectrum::LogMagnitude,
        front_end: FrontEndParams {
            sample_rate: SampleRate::new(8_000).unwrap(),
            stft: StftParams { n_fft: 128, hop: 64, win_length: 128, window: WindowKind::Hann, centred: true },
            mel: MelParams { n_mels: 20, scale: MelScale::Htk, norm: MelNorm::None, f_min_hz: 0.0, f_max_hz: 4_000.0 },
            pre_emphasis: 0.0,
            power: SpectrumPower::Magnitude,
            compression: Compression::Log1p,
        },
        group_frames: 2,
        n_components: 3,
        sparsity: 0.1,
        max_iters: 30,
        penalty: 1e-3,
        epochs,
        batch: 4,
        learning_rate: 3e-2,
        n_classes: 2,
        seed: 1,
    }
}

/// Two classes that differ in a faint tone under loud ones that say nothing: spectra alone do not ask for it.
fn clips(how: &NmfTraining, n: usize, first: usize) -> Clips {
    let clip = |i: usize| -> Vec<f32> {
        let loud = [600.0, 1_400.0, 3_000.0][i % 3];
        let faint = if i.is_multiple_of(2) { 2_000.0 } else { 2_300.0 };
        let tone = |hz: f32, t: usize| (hz * t as f32 / 8_000.0 * std::f32::consts::TAU).sin();
        (0..1_000).map(|t| 0.5 * tone(loud, t) + 0.05 * tone(faint, t)).collect()
    };
    let samples: Vec<Vec<f32>> = (first..first + n).map(clip).collect();
    Clips { samples: spectra(how, &samples).unwrap(), targets: (first..first + n).map(|i| vec![i % 2]).collect() }
}

fn run(how: &NmfTraining, checkpoint: Option<&PathBuf>, stop_after: usize) -> (Result<NmfBaseline>, Vec<NmfEpoch>) {
    let mut epochs = Vec::new();
    let done = train(how, &clips(how, 12, 0), &clips(how, 6, 12), checkpoint, &mut |p| match p {
        NmfProgress::Epoch(e) => {
            epochs.push(e);
            true
        }
        NmfProgress::Update(..) => true,
        NmfProgress::Batch(..) => epochs.len() < stop_after,
    });
    (done, epochs)
}

#[test]
fn labels_teach_the_dictionary_what_the_spectra_alone_do_not_ask_for() {
    for spectrum in [Spectrum::LogMagnitude, Spectrum::Mel] {
        let how = NmfTraining { spectrum, learning_rate: 0.1, ..training(100) };
        let (baseline, epochs) = run(&how, None, usize::MAX);
        let (unsupervised, last) = (epochs[0], epochs[100]);
        assert!(last.loss < unsupervised.loss, "{spectrum:?}: {unsupervised:?} {last:?}");
        assert!(unsupervised.macro_auprc < Some(0.9), "{spectrum:?}: {unsupervised:?}");
        assert!(last.macro_auprc > Some(0.95), "{spectrum:?}: {last:?}");
        let w = baseline.unwrap().w;
        assert!(w.iter().all(|v| v.is_finite() && *v >= 0.0));
        for c in 0..3 {
            let length: f32 = w.iter().skip(c).step_by(3).map(|v| v * v).sum();
            assert!((length - 1.0).abs() < 1e-4, "column {c}: {length}");
        }
    }
}

/// The loss of the whole chain, coding, mean and classifier, along each entry of W.
#[test]
fn the_gradient_by_the_dictionary_agrees_with_finite_differences() {
    let how = training(0);
    let baseline = run(&how, None, usize::MAX).0.unwrap();
    let data = clips(&how, 4, 0);
    let batch: Vec<&[f32]> = data.samples.iter().map(Vec::as_slice).collect();
    let targets = targets(&data, &how).concat();
    let loss = |w: Vec<f32>| gradients(&mut NmfBaseline { w, ..baseline.clone() }, &batch, &targets, 0.0);
    let (_, grad) = loss(baseline.w.clone());
    let largest = grad.iter().fold(0.0_f32, |m, g| m.max(g.abs()));
    assert!(largest > 1e-3, "{largest}");
    let mut seen = 0;
    for i in (0..grad.len()).filter(|i| baseline.w[*i] > 0.02) {
        let at = |by: f32| {
            let mut w = baseline.w.clone();
            w[i] += by;
            loss(w).0
        };
        let want = (at(2e-3) - at(-2e-3)) / 4e-3;
        assert!((f64::from(grad[i]) - want).abs() < 0.03 * f64::from(largest), "W[{i}]: {} is not {want}", grad[i]);
        seen += 1;
    }
    assert!(seen > 20, "{seen}");
}

#[test]
fn a_run_that_was_interrupted_goes_on_to_the_same_numbers() {
    let how = training(3);
    let (whole, epochs) = run(&how, None, usize::MAX);
    assert_eq!(epochs.iter().map(|e| e.epoch).collect::<Vec<_>>(), [0, 1, 2, 3]);
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("c");
    assert!(run(&how, Some(&path), 2).0.unwrap_err().to_string().contains("--resume"));
    let (again, epochs) = run(&how, Some(&path), usize::MAX);
    assert_eq!(epochs.iter().map(|e| e.epoch).collect::<Vec<_>>(), [2, 3]);
    assert_eq!(again.unwrap().arrays(), whole.unwrap().arrays());
    assert!(run(&training(4), Some(&path), usize::MAX).0.is_err(), "other settings");
}

#[test]
fn clips_of_several_classes_are_decided_class_by_class() {
    let how = training(1);
    let mut both = clips(&how, 6, 0);
    both.targets[3] = vec![0, 1];
    both.targets[4] = Vec::new();
    let baseline = train(&how, &both, &both, None, &mut |_| true).unwrap();
    assert_eq!(baseline.linear.activation, Activation::Sigmoid);
    assert_eq!(baseline.scores(&both.samples).len(), 12);
    assert!(train(&how, &Clips::default(), &both, None, &mut |_| true).is_err());
}
