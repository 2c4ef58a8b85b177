//! EfficientAT against PyTorch's numbers, to 1e-4: a small network whose weights a formula gives (`golden/efficientat.json`,
//! printed by the Python beside it), and the published checkpoint mn04 where it is at hand.

#![allow(clippy::unwrap_used, clippy::print_stderr)]

use crate::support::golden::{Numbers, assert_close, count, counts, floats};
use earwitness::dsp::{
    Compression, FrontEnd, FrontEndParams, MelNorm, MelParams, MelScale, SpectrumPower, StftParams, WindowKind,
};
use earwitness::model::backward::{Composite, PRESETS, ReluGradient, Reversible, Rule, STABILISER};
use earwitness::model::efficientat::{EfficientAt, FRAMES_PER_COLUMN, Heard};
use earwitness::model::tensors::Arrays;
use earwitness::model::torch_file;
use earwitness::units::SampleRate;
use serde_json::Value;
use std::f64::consts::TAU;
use std::path::{Path, PathBuf};
use std::sync::Arc;

const TOLERANCE: f64 = 1e-4;

pub(crate) fn front_end() -> FrontEnd {
    FrontEnd::new(&FrontEndParams {
        sample_rate: SampleRate::new(32_000).unwrap(),
        stft: StftParams { n_fft: 1024, hop: 320, win_length: 800, window: WindowKind::SymmetricHann, centred: true },
        pre_emphasis: 0.97,
        mel: MelParams { n_mels: 128, scale: MelScale::Kaldi, norm: MelNorm::None, f_min_hz: 0.0, f_max_hz: 15_000.0 },
        power: SpectrumPower::Power,
        compression: Compression::Ln { floor: 1e-5, scale: 0.2, offset: 0.9 },
    })
    .unwrap()
}

pub(crate) fn golden() -> Value {
    serde_json::from_str(include_str!("../golden/efficientat.json")).unwrap()
}

/// The arrays of `fill` in `golden/efficientat.py`.
pub(crate) fn small(golden: &Value) -> Arrays {
    let (mut numbers, mut arrays) = (Numbers(1), Arrays::default());
    // A map of serde_json is in the order of its keys.
    for (name, shape) in golden["shapes"].as_object().unwrap() {
        let shape = counts(shape);
        let n: usize = shape.iter().product();
        let (scale, offset) = match shape.len() {
            1 if name.ends_with("running_var") => (0.5, 1.0),
            1 if name.ends_with(".1.weight") => (0.25, 1.0),
            1 => (0.25, 0.0),
            _ => ((5.0 / (n / shape[0]) as f64).sqrt(), 0.0),
        };
        arrays.insert(name, shape, numbers.draw(n, scale, offset));
    }
    arrays
}

/// `waveform` of `golden/efficientat.py`.
pub(crate) fn waveform(n: usize) -> Vec<f32> {
    let noise = Numbers(2).draw(n, 0.05, 0.0);
    let at = |(i, noise): (usize, &f32)| {
        let t = i as f64 / 32_000.0;
        let x = 0.3 * (TAU * 440.0 * t).sin() + 0.2 * (TAU * (1200.0 + 900.0 * t) * t).sin() + f64::from(*noise);
        ((x * 32_768.0 + 0.5).floor() / 32_768.0) as f32
    };
    noise.iter().enumerate().map(at).collect()
}

#[test]
fn the_front_end_is_that_of_pytorch() {
    let golden = golden();
    let columns = front_end().batch_reflected(&waveform(16_000)).unwrap();
    assert_eq!(columns.len(), 128 * count(&golden["n_frames"]));
    for (frame, want) in counts(&golden["frames"]).into_iter().zip(golden["columns"].as_array().unwrap()) {
        assert_close(&format!("column {frame}"), &columns[frame * 128..][..128], &floats(want), TOLERANCE);
    }
    let means: Vec<f32> = columns.chunks(128).map(|column| column.iter().sum::<f32>() / 128.0).collect();
    assert_close("means", &means, &floats(&golden["column_means"]), TOLERANCE);
}

/// Where nothing is reflected a stream has the same columns, to the bit.
#[test]
fn a_stream_has_the_same_columns_but_for_its_ends() {
    let samples = waveform(16_000);
    let reflected = front_end().batch_reflected(&samples).unwrap();
    let batch = front_end().batch(&samples).unwrap();
    assert_eq!(reflected[2 * 128..48 * 128], batch[2 * 128..48 * 128]);
    assert_ne!(reflected[..128], batch[..128]);
    for chunk in [1, 7, 320, 1001] {
        let mut front_end = front_end();
        let mut stft = front_end.stft().unwrap();
        let (mut columns, mut column) = (Vec::new(), [0.0; 128]);
        let mut on_frame = |frame: &[earwitness::dsp::Complex32]| {
            front_end.column(frame, &mut column);
            columns.extend_from_slice(&column);
        };
        samples.chunks(chunk).for_each(|piece| stft.push(piece, &mut on_frame));
        stft.finish(&mut on_frame);
        assert_eq!(columns, batch, "chunks of {chunk}");
    }
}

#[test]
fn a_small_network_says_what_pytorch_says() {
    let golden = golden();
    let net = EfficientAt::load(&small(&golden)).unwrap();
    assert_eq!((net.config().n_classes, net.config().n_hidden), (11, 128));
    let columns = front_end().batch_reflected(&waveform(16_000)).unwrap();
    let Heard { logits, embedding, columns: in_time } = net.forward(&columns).unwrap();
    let n_columns = in_time.len() / embedding.len();
    assert_eq!(n_columns, (columns.len() / 128).div_ceil(FRAMES_PER_COLUMN));
    let means = (0..embedding.len()).map(|c| in_time.iter().skip(c).step_by(embedding.len()).sum::<f32>());
    let means: Vec<f32> = means.map(|sum| sum / n_columns as f32).collect();
    assert_close("mean of the columns", &means, &floats(&golden["embedding"]), TOLERANCE);
    assert_close("logits", &logits, &floats(&golden["logits"]), TOLERANCE);
    assert_close("embedding", &embedding, &floats(&golden["embedding"]), TOLERANCE);
    // Scratch is used again: another length between does not matter.
    net.forward(&columns[..128 * 7]).unwrap();
    assert_eq!(net.forward(&columns).unwrap().logits, logits);
    assert!(net.forward(&columns[..100]).is_err());
    assert!(net.forward(&[]).is_err());
}

#[test]
fn gradients_are_those_of_pytorch() {
    let golden = golden();
    let net = EfficientAt::load(&small(&golden)).unwrap().reversible();
    let columns = front_end().batch_reflected(&waveform(16_000)).unwrap();
    let gradient = net.input_gradient(&columns, count(&golden["class"]), ReluGradient::Plain).unwrap();
    for (frame, want) in counts(&golden["frames"]).into_iter().zip(golden["gradient"].as_array().unwrap()) {
        assert_close(&format!("gradient {frame}"), &gradient[frame * 128..][..128], &floats(want), TOLERANCE);
    }
    let sums: Vec<f32> = gradient.chunks(128).map(|frame| frame.iter().sum()).collect();
    assert_close("sums", &sums, &floats(&golden["gradient_sums"]), TOLERANCE);
    // A block's gradient, times a small change of its output, is what becomes of the logit.
    let (hidden, grad) = net.block_gradient(&columns, 4, net.n_blocks() - 1).unwrap().unwrap();
    assert_eq!((hidden.height, hidden.width, hidden.values.len()), (2, 4, grad.len()));
    assert!(net.block_gradient(&columns, 4, net.n_blocks()).unwrap().is_none());
    let guided = net.input_gradient(&columns, 4, ReluGradient::Guided).unwrap();
    assert!(guided.iter().all(|g| g.is_finite()) && guided != gradient);
}

/// Without biases, what a class's logit is worth arrives at the input, whatever is proportional: gates, additions and means
/// lose nothing.
#[test]
fn relevance_is_kept() {
    let golden = golden();
    let mut arrays = small(&golden);
    // Biases of batch norm and of the head are what relevance stays with: a network without any.
    for (name, array) in &mut arrays.0 {
        if array.shape.len() == 1
            && (name.ends_with("bias") || name.ends_with("running_mean"))
            && !name.contains("conc_se")
        {
            array.values.fill(0.0);
        }
    }
    let small = EfficientAt::load(&arrays).unwrap();
    let columns = front_end().batch_reflected(&waveform(16_000)).unwrap();
    let class = 4;
    let logit = small.forward(&columns).unwrap().logits[class];
    let net = Arc::new(small.reversible());
    // Four of the fifteen blocks expand nothing at this width.
    let n_linear = 1 + 15 * 3 - 4 + 1 + 2;
    // z⁺ is not among them: a sum of negative contributions alone, as depthwise layers have many, passes nothing on.
    let gamma = Rule::Gamma { gamma: 0.25, stabiliser: STABILISER };
    for rule in [Rule::Epsilon(0.0), gamma, Rule::WSquare, Rule::Flat] {
        let composite = Composite { rules: vec![rule; n_linear], zero_bias: true };
        let relevance = Arc::clone(&net).propagation_by(&composite).unwrap().relevance(&columns, class).unwrap();
        let sum: f32 = relevance.iter().sum();
        assert!((sum / logit - 1.0).abs() < 0.01, "{rule:?}: {sum} of {logit}");
        assert_eq!(relevance.len(), columns.len());
    }
    assert!(net.propagation_by(&Composite { rules: vec![Rule::ZPlus; 3], zero_bias: true }).is_err());
}

#[test]
fn every_preset_gives_finite_relevance() {
    let net = Arc::new(EfficientAt::load(&small(&golden())).unwrap().reversible());
    let columns = front_end().batch_reflected(&waveform(16_000)).unwrap();
    for preset in PRESETS {
        let relevance = Arc::clone(&net).propagation(preset, -1.4, 2.5).unwrap().relevance(&columns, 4).unwrap();
        let all: f32 = relevance.iter().map(|r| r.abs()).sum();
        assert!(all.is_finite() && all > 0.0, "{preset}: {all}");
    }
    assert!(net.propagation("nonsense", -1.0, 1.0).is_err());
}

#[test]
fn arrays_of_another_network_are_refused_in_words() {
    let arrays = small(&golden());
    let refused = |change: &dyn Fn(&mut Arrays), what: &str| {
        let mut arrays = arrays.clone();
        change(&mut arrays);
        let e = EfficientAt::load(&arrays).unwrap_err();
        assert_eq!(e.kind(), earwitness::ErrorKind::Model);
        assert!(e.to_string().contains(what), "{e}");
    };
    refused(&|a| a.0.clear(), "classifier.2.weight");
    refused(&|a| a.0.get_mut("classifier.2.weight").unwrap().shape.clear(), "classifier.2.weight");
    refused(&|a| a.0.get_mut("features.3.block.0.0.weight").unwrap().shape[0] = 7, "no EfficientAT mn network");
    refused(&|a| a.0.get_mut("features.16.1.bias").unwrap().values[3] = f32::NAN, "'features.16.1.bias'");
    refused(&|a| drop(a.0.remove("features.9.block.1.1.running_var")), "features.9.block.1.1.running_var");
}

/// A folder of recordings and weights beside the repository, which not every machine has.
fn beside(path: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared").join(path);
    if !path.exists() {
        eprintln!("skipped: {} is not there", path.display());
        return None;
    }
    Some(path)
}

#[test]
fn the_published_mn04_says_what_pytorch_says() {
    let (Some(weights), Some(golden)) =
        (beside("weights/efficientat-mn04/mn04_as_mAP_432.pt"), beside("reference/mn04_golden.json"))
    else {
        return;
    };
    let net = EfficientAt::load(&torch_file::read(&weights).unwrap()).unwrap();
    assert_eq!((net.config().width, net.config().n_classes), (0.4, 527));
    let golden: Value = serde_json::from_str(&std::fs::read_to_string(golden).unwrap()).unwrap();
    let at = |n: u32| {
        let t = f64::from(n);
        let chirp = 0.2 * (TAU * 1234.5 * t / 32_000.0 + 1e-8 * t * t).sin();
        (0.3 * (TAU * 440.0 * t / 32_000.0).sin() + if n % 16_000 < 4000 { chirp } else { 0.0 }) as f32
    };
    let samples: Vec<f32> = (0..64_000).map(at).collect();
    let columns = front_end().batch_reflected(&samples).unwrap();
    assert_eq!(columns.len(), 200 * 128);
    for frame in [10, 100] {
        let want = floats(&golden[format!("mel_frame_{frame}")]);
        assert_close("mel", &columns[frame * 128..][..128], &want, TOLERANCE);
    }
    let Heard { logits, embedding, .. } = net.forward(&columns).unwrap();
    for (got, want) in [(&logits, "logits"), (&embedding, "embedding")] {
        let want = floats(&golden[want]);
        let furthest = got.iter().zip(&want).map(|(g, w)| (f64::from(*g) - w).abs()).fold(0.0, f64::max);
        assert!(got.len() == want.len() && furthest < TOLERANCE, "{furthest}");
    }
}
