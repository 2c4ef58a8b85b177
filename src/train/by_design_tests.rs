#![allow(clippy::unwrap_used)]
use crate::model::tap_shapes::TapShapes;
use rand::RngExt;

use super::*;
use crate::dsp::{Compression, FrontEndParams, MelNorm, MelParams, MelScale, SpectrumPower, StftParams, WindowKind};
use crate::model::l2i::L2iConfig;
use crate::model::manifest::Pooling;
use crate::train::augment::AugmentParams;
use crate::units::SampleRate;

const COMPONENTS: usize = 6;

fn training(prediction_on: PredictionOn) -> ByDesignTraining {
    let front_end = FrontEndParams {
        sample_rate: SampleRate::new(8_000).unwrap(),
        stft: StftParams { n_fft: 128, hop: 64, win_length: 128, window: WindowKind::Hann, centred: true },
        mel: MelParams { n_mels: 16, scale: MelScale::Htk, norm: MelNorm::None, f_min_hz: 0.0, f_max_hz: 4_000.0 },
        pre_emphasis: 0.0,
        power: SpectrumPower::Power,
        compression: Compression::Log10 { floor: 1e-5, scale: 0.4, offset: 0.8 },
    };
    let net = VggConfig { n_mels: 16, input_pool: 1, widths: vec![4, 6, 8], time_pools: vec![2, 2], n_classes: 2 };
    ByDesignTraining {
        l2i: L2iTraining {
            net: L2iConfig::new(&TapShapes::vgg(&net).unwrap(), 16, COMPONENTS, 6, 4, Pooling::Attention).unwrap(),
            front_end,
            activation: Activation::Sigmoid,
            epochs: 24,
            batch: 4,
            learning_rate: 1e-2,
            reconstruction: 3.0,
            fidelity: 1.0,
            sparsity: 0.2,
            dropout: 0.1,
            pooled_dropout: 0.0,
            augment: AugmentParams::none(),
            theta_decay: 1e-3,
            seed: 3,
        },
        net,
        prediction_on,
        prediction: 1.0,
        smoothing: (0.01, 0.96),
        weight_decay: 1e-3,
        dropout: 0.1,
    }
}

/// Ridges over the bins, each of length about 1.
fn dictionary() -> Vec<f32> {
    let at = |bin: usize, c: usize| (-((bin as f32 - 10.0 * c as f32 - 5.0) / 4.0).powi(2)).exp() / 2.2;
    (0..65 * COMPONENTS).map(|i| at(i / COMPONENTS, i % COMPONENTS)).collect()
}

/// Low and high tones of different pitch, loudness and beginning.
fn clips(n: usize) -> Clips {
    let clip = |i: usize| {
        let hz = if i.is_multiple_of(2) { 400.0 } else { 2_500.0 } + 40.0 * i as f32;
        let sample = |t: usize| {
            let sounds = t > 40 * (i % 5);
            (hz * t as f32 / 8_000.0 * std::f32::consts::TAU).sin()
                * (0.2 + 0.03 * i as f32)
                * f32::from(u8::from(sounds))
        };
        (0..15 * 64 + 1).map(sample).collect()
    };
    Clips { samples: (0..n).map(clip).collect(), targets: (0..n).map(|i| vec![i % 2]).collect() }
}

fn run(how: &ByDesignTraining, checkpoint: Option<&PathBuf>, stop_after: usize) -> (Result<Joint>, Vec<L2iEpoch>) {
    let mut epochs = Vec::new();
    let joint = train(how, &dictionary(), None, &clips(12), &[], &clips(8), checkpoint, &mut |p| match p {
        L2iProgress::Epoch(e) => {
            epochs.push(e);
            true
        }
        L2iProgress::Batch(..) => epochs.len() < stop_after,
    });
    (joint, epochs)
}

#[test]
fn both_learn_and_the_interpreter_decides() {
    for prediction_on in [PredictionOn::Classifier, PredictionOn::Interpreter] {
        let (joint, epochs) = run(&training(prediction_on), None, usize::MAX);
        let (first, last) = (epochs[0], epochs[23]);
        assert!(last.prediction_loss < 0.7 * first.prediction_loss, "{prediction_on:?}: {first:?} {last:?}");
        assert!(last.loss < 0.8 * first.loss, "{prediction_on:?}: {first:?} {last:?}");
        assert_eq!(last.decisions.macro_auprc, Some(1.0), "{prediction_on:?}: {last:?}");
        // The dense layer learns in both, or the package would have no answer.
        assert_eq!(last.decisions.classifier_accuracy, Some(1.0), "{prediction_on:?}: {last:?}");
        assert!(joint.unwrap().interpreter.0.contains_key("fc1.weight"));
    }
}

/// One step's gradients against the loss along random directions through the classifier's parameters: what flows back
/// through Ψ, Θ and the taps is in them.
#[test]
fn the_gradient_of_the_whole_loss_agrees_with_finite_differences() {
    // Below this, f32 rounds the difference away; above, ReLUs bend.
    const STEP: f32 = 1e-3;
    for prediction_on in [PredictionOn::Classifier, PredictionOn::Interpreter] {
        // Fidelity takes the classifier's answer for a constant, which a difference does not: it has a test of its own.
        let mut how = training(prediction_on);
        (how.l2i.fidelity, how.dropout, how.l2i.dropout) = (1e-20, 0.0, 0.0);
        let batch = make_batch(&how.l2i, &clips(6), &[], 0, &[0, 1, 2, 3, 4, 5]).unwrap();
        let w_t = Tensor::from_vec(dictionary(), (65, COMPONENTS), &Device::Cpu).unwrap().t().unwrap();
        let w_t = w_t.contiguous().unwrap();
        let mut learners = fresh(&how, None).unwrap();
        let loss =
            |learners: &mut Learners| step(&how, &w_t, &batch, learners, &mut ChaCha8Rng::seed_from_u64(0)).unwrap()[0];
        if prediction_on == PredictionOn::Interpreter {
            // The dense layer's own loss does not teach the blocks, but a difference would see what they do to it.
            learners.classifier.params().into_iter().filter(|p| p.name == "fc.weight").for_each(|p| p.values.fill(0.0));
        }
        let mut rng = ChaCha8Rng::seed_from_u64(8);
        for _ in 0..4 {
            loss(&mut learners);
            let (mut slope, mut size_of_terms) = (0.0, 0.0);
            let mut directions = Vec::new();
            for p in learners.classifier.params() {
                let size = p.values.iter().fold(0.1_f32, |m, v| m.max(v.abs()));
                let direction: Vec<f32> = p.values.iter().map(|_| rng.random_range(-size..size)).collect();
                for (g, d) in p.grad.iter().zip(&direction) {
                    slope += f64::from(g * d);
                    size_of_terms += f64::from(g * d).abs();
                }
                directions.push(direction);
            }
            let mut shifted = |by: f32| {
                for (p, direction) in learners.classifier.params().into_iter().zip(&directions) {
                    p.values.iter_mut().zip(direction).for_each(|(v, d)| *v += by * d);
                }
                loss(&mut learners)
            };
            let (up, down) = (shifted(STEP), shifted(-2.0 * STEP));
            shifted(STEP);
            let measured = (up - down) / (2.0 * f64::from(STEP));
            let off = (measured - slope).abs() / size_of_terms;
            assert!(off < 0.01, "{prediction_on:?}: {measured} where the gradient says {slope}: off by {off}");
        }
    }
}

/// Without a loss on f, labels teach the blocks only through the interpreter: with Θ and Ψ's losses off, nothing does.
#[test]
fn without_a_loss_on_the_classifier_its_blocks_learn_from_the_interpreter_alone() {
    let grads = |prediction_on, of_interpreter: f32| {
        let mut how = training(prediction_on);
        (how.l2i.fidelity, how.l2i.reconstruction, how.l2i.sparsity) = (of_interpreter, of_interpreter, of_interpreter);
        let batch = make_batch(&how.l2i, &clips(4), &[], 0, &[0, 1, 2, 3]).unwrap();
        let w_t = Tensor::from_vec(dictionary(), (65, COMPONENTS), &Device::Cpu).unwrap().t().unwrap();
        let mut learners = fresh(&how, None).unwrap();
        if of_interpreter == 0.0 {
            // Θ says the same of everything: nothing flows through it.
            let theta = how.l2i.net.arrays().iter().position(|(name, _)| *name == "fc1.weight").unwrap();
            learners.interpreter[theta].values.fill(0.0);
        }
        let rng = &mut ChaCha8Rng::seed_from_u64(0);
        step(&how, &w_t.contiguous().unwrap(), &batch, &mut learners, rng).unwrap();
        let params = learners.classifier.params();
        let size = |name: &str| {
            let of = params.iter().filter(|p| p.name.starts_with(name));
            of.flat_map(|p| &p.grad).map(|g| g.abs()).sum::<f32>()
        };
        (size("layer"), size("fc."))
    };
    let (blocks, dense) = grads(PredictionOn::Interpreter, 0.0);
    assert!(blocks == 0.0 && dense > 0.0, "{blocks} {dense}");
    let (blocks, _) = grads(PredictionOn::Interpreter, 1.0);
    assert!(blocks > 0.0);
    // Next to nothing, but not 0, or nothing would reach Ψ, which is an error.
    let (blocks, _) = grads(PredictionOn::Classifier, 1e-20);
    assert!(blocks > 0.0);
}

#[test]
fn a_run_that_was_interrupted_goes_on_to_the_same_weights() {
    let how = ByDesignTraining {
        l2i: L2iTraining { epochs: 3, ..training(PredictionOn::Classifier).l2i },
        ..training(PredictionOn::Classifier)
    };
    let whole = run(&how, None, usize::MAX).0.unwrap();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("c");
    assert!(run(&how, Some(&path), 2).0.unwrap_err().to_string().contains("--resume"));
    assert_eq!(run(&how, Some(&path), usize::MAX).0.unwrap(), whole);
    let other = ByDesignTraining { prediction: 2.0, ..how };
    assert!(run(&other, Some(&path), usize::MAX).0.is_err(), "other settings");
}
