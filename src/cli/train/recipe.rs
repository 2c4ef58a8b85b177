//! What an architecture stands for where the command does not say otherwise: net, front end and training.

use super::classifier_args::{Args, WEIGHTS};
use crate::dsp::{Compression, FrontEndParams, MelNorm, MelParams, MelScale, SpectrumPower, StftParams, WindowKind};
use crate::error::{Error, Result};
use crate::model::manifest::{Activation, Architecture, Classifier, Head, Segment};
use crate::model::sequential::{LayerSpec, SequentialConfig};
use crate::model::vgg::VggConfig;
use crate::train::augment::AugmentParams;
use crate::train::classifier::ClassifierTraining;
use crate::train::net::NetConfig;
use crate::units::SampleRate;

/// Everything that `train classifier` needs to know besides the data.
pub(super) struct Recipe {
    pub(super) how: ClassifierTraining,
    pub(super) segment: Segment,
    pub(super) classifier: Classifier,
}

impl Recipe {
    /// The recipe of the architecture that `args` names, for so many classes.
    pub(super) fn of(args: &Args, n_classes: usize) -> Result<Self> {
        match args.architecture.as_str() {
            "drsa-cnn" => drsa_cnn(args, n_classes),
            "audionet" => audionet(args, n_classes),
            "alexnet" => alexnet(args, n_classes),
            _ => vgg(args, n_classes),
        }
    }
}

fn scaled(args: &Args, widths: &[usize]) -> Vec<usize> {
    widths.iter().map(|w| ((*w as f64 * args.width).round() as usize).max(1)).collect()
}

/// The front end that all recipes vary: mel bands up to half the sample rate.
fn front_end(args: &Args, rate_hz: u32, n_fft: usize, hop: usize) -> Result<FrontEndParams> {
    let rate_hz = args.sample_rate.unwrap_or(rate_hz);
    let sample_rate = SampleRate::new(rate_hz).ok_or_else(|| Error::usage("--sample-rate 0 cannot be used"))?;
    let n_fft = args.n_fft.unwrap_or(n_fft);
    let hop = args.hop.unwrap_or(hop);
    Ok(FrontEndParams {
        sample_rate,
        stft: StftParams { n_fft, hop, win_length: n_fft, window: WindowKind::Hann, centred: true },
        mel: MelParams {
            n_mels: args.mels,
            scale: MelScale::Htk,
            norm: MelNorm::None,
            f_min_hz: 0.0,
            f_max_hz: rate_hz as f32 / 2.0,
        },
        pre_emphasis: 0.0,
        power: SpectrumPower::Power,
        compression: Compression::Log10 { floor: 1e-5, scale: 0.4, offset: 0.8 },
    })
}

fn activation(args: &Args, default: Activation) -> Activation {
    match args.activation.as_deref() {
        Some("softmax") => Activation::Softmax,
        Some(_) => Activation::Sigmoid,
        None => default,
    }
}

fn vgg(args: &Args, n_classes: usize) -> Result<Recipe> {
    let clip_frames = args.clip_frames.unwrap_or(320);
    let net = VggConfig {
        n_mels: args.mels,
        input_pool: args.input_pool,
        widths: scaled(args, &[16, 32, 64, 128, 256, 512]),
        time_pools: args.time_pools.clone(),
        n_classes,
    };
    let activation = activation(args, Activation::Sigmoid);
    Ok(Recipe {
        segment: Segment {
            n_frames: args.segment_frames.unwrap_or(192),
            stride_frames: args.stride_frames.unwrap_or(32),
            clip_frames: Some(clip_frames),
        },
        classifier: Classifier {
            input_pool: net.input_pool,
            widths: net.widths.clone(),
            time_pools: net.time_pools.clone(),
            taps: ["block4", "block5", "block6"].map(str::to_string).to_vec(),
            ..Classifier::new(Architecture::Vgg, Head::MeanMax, activation, WEIGHTS.to_string())
        },
        how: ClassifierTraining {
            net: net.into(),
            activation,
            front_end: front_end(args, 22_050, 1024, 345)?,
            segment_frames: clip_frames,
            window_frames: args.window_frames,
            window_share: args.window_share,
            epochs: args.epochs.unwrap_or(100),
            batch: args.batch.unwrap_or(16),
            learning_rate: args.lr.unwrap_or(4e-3) as f32,
            weight_decay: args.weight_decay.unwrap_or(1e-3) as f32,
            dropout: args.dropout.unwrap_or(0.3) as f32,
            smoothing: (0.01, 0.96),
            augment: AugmentParams::default(),
            seed: args.seed,
        },
    })
}

/// The network of the thesis on disentangled concepts (section 3.1) with the sizes of its synthetic case (4.1.2) and the front
/// end and training of appendix A, without its masks over time and frequency, which hide an object that is alone in its clip,
/// and without peak normalisation, which would hear the future.
fn drsa_cnn(args: &Args, n_classes: usize) -> Result<Recipe> {
    let pooled = |channels: usize| {
        [LayerSpec::Conv { channels, kernel: [3, 3], stride: None }, LayerSpec::MaxPool { size: [2, 2], stride: None }]
    };
    let convs = scaled(args, &[8, 8, 16, 16, 16]).into_iter().flat_map(pooled);
    let dense = scaled(args, &[20, 20]).into_iter().map(|units| LayerSpec::Dense { units });
    let base = front_end(args, 16_000, 512, 240)?;
    let front_end = FrontEndParams {
        stft: StftParams { win_length: args.n_fft.unwrap_or(400), window: WindowKind::Hamming, ..base.stft },
        power: SpectrumPower::Magnitude,
        compression: Compression::Log10 { floor: 1e-4, scale: 1.0, offset: 0.0 },
        ..base
    };
    plain_chain(args, n_classes, convs.chain(dense).collect(), front_end, [64, 16, 40], 0.0, AugmentParams::none())
}

/// The network of AudioMNIST that hears samples: one second at 8 kHz over its 95th percentile, somewhere in silence.
fn audionet(args: &Args, n_classes: usize) -> Result<Recipe> {
    let pooled = |channels: usize| {
        [LayerSpec::Conv { channels, kernel: [1, 3], stride: None }, LayerSpec::MaxPool { size: [1, 2], stride: None }]
    };
    let convs = scaled(args, &[100, 64, 128, 128, 128, 128]).into_iter().flat_map(pooled);
    let dense = scaled(args, &[1024, 512]).into_iter().map(|units| LayerSpec::Dense { units });
    let waveform = LayerSpec::Waveform { percentile: 95.0, floor: 0.001 };
    let base = front_end(args, 8_000, 256, 80)?;
    let front_end = FrontEndParams {
        mel: MelParams { n_mels: base.stft.hop, scale: MelScale::Samples, ..base.mel },
        power: SpectrumPower::Magnitude,
        compression: Compression::None,
        ..base
    };
    let augment = AugmentParams { shift: true, ..AugmentParams::none() };
    let layers = [waveform].into_iter().chain(convs).chain(dense).collect();
    plain_chain(args, n_classes, layers, front_end, [100, 25, 20], 0.5, augment)
}

/// The network of AudioMNIST that hears spectra: an AlexNet without normalisation layers on 227 bins of 227 frames, in dB but
/// for a factor and over a fixed floor.
fn alexnet(args: &Args, n_classes: usize) -> Result<Recipe> {
    let conv = |channels: usize, side: usize, stride: Option<[usize; 2]>| LayerSpec::Conv {
        channels: scaled(args, &[channels])[0],
        kernel: [side; 2],
        stride,
    };
    let pool = || LayerSpec::MaxPool { size: [3; 2], stride: Some([2; 2]) };
    let mut layers = vec![
        conv(96, 11, Some([4; 2])),
        pool(),
        conv(256, 5, None),
        pool(),
        conv(384, 3, None),
        conv(384, 3, None),
        conv(256, 3, None),
        pool(),
    ];
    layers.extend(scaled(args, &[1024, 1024]).into_iter().map(|units| LayerSpec::Dense { units }));
    let base = front_end(args, 8_000, 455, 35)?;
    let n_mels = 227.min(base.stft.n_bins());
    let front_end = FrontEndParams { mel: MelParams { n_mels, scale: MelScale::Bins, ..base.mel }, ..base };
    let augment = AugmentParams { shift: true, ..AugmentParams::none() };
    plain_chain(args, n_classes, layers, front_end, [227, 57, 20], 0.5, augment)
}

/// A list of layers whose dense ones see a whole segment; `sizes` are its frames, those of a stride, and the epochs.
fn plain_chain(
    args: &Args,
    n_classes: usize,
    layers: Vec<LayerSpec>,
    front_end: FrontEndParams,
    [n_frames, stride_frames, epochs]: [usize; 3],
    dropout: f64,
    augment: AugmentParams,
) -> Result<Recipe> {
    let n_frames = args.clip_frames.unwrap_or(n_frames);
    if args.window_share > 0.0 || args.segment_frames.is_some_and(|n| n != n_frames) {
        return Err(Error::usage(format!(
            "the dense layers of {} see a whole clip and no part of it; leave --window-share and --segment-frames out",
            args.architecture
        )));
    }
    let activation = activation(args, Activation::Softmax);
    Ok(Recipe {
        segment: Segment { n_frames, stride_frames: args.stride_frames.unwrap_or(stride_frames), clip_frames: None },
        classifier: Classifier {
            layers: layers.clone(),
            ..Classifier::new(Architecture::Sequential, Head::Dense, activation, WEIGHTS.to_string())
        },
        how: ClassifierTraining {
            net: NetConfig::Sequential(SequentialConfig { n_frames, n_mels: front_end.mel.n_mels, layers, n_classes }),
            activation,
            front_end,
            segment_frames: n_frames,
            window_frames: n_frames,
            window_share: 0.0,
            epochs: args.epochs.unwrap_or(epochs),
            batch: args.batch.unwrap_or(32),
            learning_rate: args.lr.unwrap_or(1e-3) as f32,
            weight_decay: args.weight_decay.unwrap_or(0.0) as f32,
            dropout: args.dropout.unwrap_or(dropout) as f32,
            smoothing: (0.0, 1.0),
            augment,
            seed: args.seed,
        },
    })
}
