//! A classifier ready to listen: network, front end and labels of one package.

use candle_core::Tensor;

use super::causal::{CausalClassifier, CausalConfig, DifferentiableCausal, Ear, PlainCausal};
use super::device::ComputeDevice;
use super::efficientat::TappedEfficientAt;
use super::frame_probs::FrameProbs;
use super::manifest::{Activation, Architecture, Label, Manifest};
use super::onnx::OnnxNet;
use super::package::Package;
use super::sequential::{SequentialConfig, SequentialNet};
use super::tap_shapes::cannot_be_learned_from;
use super::taps::Taps;
use super::vgg::{Forward, PlainVgg, Vgg, VggConfig};
use crate::dsp::FrontEndParams;
use crate::{Error, Result};

/// What a pass over one segment gives.
#[derive(Debug, Clone)]
pub struct Classified {
    /// Before sigmoid or softmax, one a class.
    pub logits: Vec<f32>,
    /// 0…1, one a class.
    pub probs: Vec<f32>,
    /// Outputs of the last three blocks, on the device.
    pub taps: Taps,
    /// Probabilities frame by frame, of networks that say when.
    pub frames: Option<FrameProbs>,
}

impl Classified {
    /// The class that is likeliest, the first of equals; 0 of none. By logits, for probabilities near 1 may be equal.
    #[must_use]
    pub fn top(&self) -> usize {
        (0..self.logits.len()).fold(0, |best, i| if self.logits[i] > self.logits[best] { i } else { best })
    }
}

/// A network on its device: our kernels on the CPU ([`Vgg`], [`CausalClassifier`], [`TappedEfficientAt`]), or candle's operations
/// elsewhere ([`PlainVgg`], [`PlainCausal`]), or a graph of others in its engine ([`OnnxNet`]).
pub trait Network: Send + Sync {
    /// Classifies segments `[batch, n_frames, n_mels]` that lie on its device.
    ///
    /// # Errors
    /// If the shape does not fit, or the device fails.
    fn forward(&self, segments: &Tensor) -> Result<Forward>;

    /// What each channel of the last tap says for each class, `[n_classes, channels]`, as far as what is behind it is linear.
    ///
    /// # Errors
    /// A bug where the network cannot say it.
    fn class_weights(&self) -> Result<Vec<f32>> {
        Err(Error::bug("a network was asked for its classes' weights, which it does not have"))
    }

    /// The network as one that hears a stream, where it is one.
    fn streaming(&self) -> Option<&CausalClassifier> {
        None
    }
}

impl Network for Vgg {
    fn forward(&self, segments: &Tensor) -> Result<Forward> {
        Self::forward(self, segments)
    }

    fn class_weights(&self) -> Result<Vec<f32>> {
        Self::class_weights(self)
    }
}

impl Network for PlainVgg {
    fn forward(&self, segments: &Tensor) -> Result<Forward> {
        Self::forward(self, segments)
    }
}

impl Network for CausalClassifier {
    fn forward(&self, segments: &Tensor) -> Result<Forward> {
        Self::forward(self, segments)
    }

    fn streaming(&self) -> Option<&CausalClassifier> {
        Some(self)
    }
}

impl Network for PlainCausal {
    fn forward(&self, segments: &Tensor) -> Result<Forward> {
        Self::forward(self, segments)
    }
}

impl Network for DifferentiableCausal {
    fn forward(&self, segments: &Tensor) -> Result<Forward> {
        Self::forward(self, segments)
    }

    fn class_weights(&self) -> Result<Vec<f32>> {
        Self::class_weights(self)
    }
}

impl Network for SequentialNet {
    fn forward(&self, segments: &Tensor) -> Result<Forward> {
        Self::forward(self, segments)
    }
}

impl Network for TappedEfficientAt {
    fn forward(&self, segments: &Tensor) -> Result<Forward> {
        Self::forward(self, segments)
    }
}

impl Network for OnnxNet {
    fn forward(&self, segments: &Tensor) -> Result<Forward> {
        Self::forward(self, segments)
    }
}

/// The network of a package as interpreters learn from it, on the CPU: gradients of its logits flow back to the segments.
///
/// # Errors
/// A model error where the weights do not fit the manifest, or the network is of a family that interpreters cannot learn from.
pub fn frozen(package: &Package) -> Result<Box<dyn Network>> {
    let manifest = package.manifest();
    let weights = || package.tensors(&manifest.classifier.weights);
    match manifest.classifier.architecture {
        Architecture::Vgg => Ok(Box::new(Vgg::load(&VggConfig::from_manifest(manifest)?, &weights()?)?)),
        Architecture::Causal => Ok(Box::new(DifferentiableCausal::new(CausalClassifier::load(manifest, &weights()?)?))),
        Architecture::EfficientAt | Architecture::Sequential | Architecture::Onnx => {
            Err(cannot_be_learned_from(manifest))
        }
    }
}

/// Network, front end and labels.
pub struct Classifier {
    net: Box<dyn Network>,
    device: ComputeDevice,
    /// Most segments that the device gets at once.
    largest_batch: usize,
    activation: Activation,
    /// Input frames of one row of frame-wise output, and the rows that it looks ahead.
    rows: [usize; 2],
    front_end: FrontEndParams,
    labels: Vec<Label>,
    n_frames: usize,
    stride_frames: usize,
}

impl Classifier {
    /// Builds the classifier of a package on the CPU.
    ///
    /// # Errors
    /// A model error where the weights do not fit the manifest.
    pub fn load(package: &Package) -> Result<Self> {
        Self::load_on(package, &ComputeDevice::cpu())
    }

    /// Builds the classifier of a package on a device.
    ///
    /// # Errors
    /// As [`Self::load`]; also where the device fails.
    pub fn load_on(package: &Package, device: &ComputeDevice) -> Result<Self> {
        let net = network(package, device)?;
        Self::with_network(package, device, net)
    }

    /// Front end and labels of a package around a network that is there already, on `device`.
    ///
    /// # Errors
    /// A model error where the manifest cannot be used.
    pub fn with_network(package: &Package, device: &ComputeDevice, net: Box<dyn Network>) -> Result<Self> {
        let manifest = package.manifest();
        Ok(Self {
            net,
            device: device.clone(),
            largest_batch: largest_batch(manifest)?,
            rows: rows(manifest)?,
            activation: manifest.classifier.activation,
            front_end: manifest.front_end.params()?,
            labels: manifest.labels.clone(),
            n_frames: manifest.segment.n_frames,
            stride_frames: manifest.segment.stride_frames,
        })
    }

    /// The front end that the network was trained with.
    #[must_use]
    pub const fn front_end(&self) -> &FrontEndParams {
        &self.front_end
    }

    /// The labels, in class order, with their default thresholds.
    #[must_use]
    pub fn labels(&self) -> &[Label] {
        &self.labels
    }

    /// Frames in a segment.
    #[must_use]
    pub const fn n_frames(&self) -> usize {
        self.n_frames
    }

    /// Frames from one segment to the next.
    #[must_use]
    pub const fn stride_frames(&self) -> usize {
        self.stride_frames
    }

    /// Where it runs.
    #[must_use]
    pub const fn device(&self) -> &ComputeDevice {
        &self.device
    }

    /// Whether segments have the shape that it takes.
    ///
    /// # Errors
    /// A bug where one has not.
    pub fn check(&self, segments: &[&[f32]]) -> Result<()> {
        let n_mels = self.front_end.mel.n_mels;
        match segments.iter().find(|features| features.len() != self.n_frames * n_mels) {
            None => Ok(()),
            Some(features) => Err(Error::bug(format!(
                "a segment of {} values was given to a classifier of {} frames and {n_mels} bands",
                features.len(),
                self.n_frames
            ))),
        }
    }

    /// Classifies one segment `[n_frames, n_mels]`: [`classify_batch`](Self::classify_batch) of one.
    ///
    /// # Errors
    /// If the segment has another shape.
    pub fn classify(&self, features: &[f32]) -> Result<Classified> {
        let mut one = self.classify_batch(&[features])?;
        one.pop().ok_or_else(|| Error::bug("a segment was classified and nothing came back"))
    }

    /// Classifies any number of segments, each `[n_frames, n_mels]`, in order.
    ///
    /// # Errors
    /// If one has another shape, or the device fails.
    pub fn classify_batch(&self, segments: &[&[f32]]) -> Result<Vec<Classified>> {
        self.check(segments)?;
        self.device.in_pieces(segments, self.largest_batch, |piece| {
            let x = self.device.upload(piece, [self.n_frames, self.front_end.mel.n_mels])?;
            self.classified(self.net.forward(&x)?, piece.len())
        })
    }

    /// Whether the network hears streams, and so says frame by frame when a class sounds.
    #[must_use]
    pub fn hears_streams(&self) -> bool {
        self.net.streaming().is_some()
    }

    /// An ear for a stream whose next frame is `position`, where the network hears streams: whole segments need not be
    /// computed again and again then.
    #[must_use]
    pub fn ear(&self, position: u64) -> Option<Ear> {
        self.net.streaming().map(|net| net.ear(position))
    }

    /// Input frames that a stream's ear takes at once, at least: what is between is kept until they are there.
    #[must_use]
    pub const fn frames_at_once(&self) -> usize {
        self.rows[0]
    }

    /// Lets ears hear what is new, `[n, n_mels]` each, and classifies the newest segment of each.
    ///
    /// # Errors
    /// A bug where the network hears no streams, or the values are no frames.
    pub fn hear(&self, ears: &mut [(&mut Ear, &[f32])]) -> Result<Vec<Classified>> {
        let net = self.net.streaming().ok_or_else(|| Error::bug("a network that hears no streams was given ears"))?;
        let n = ears.len();
        let mut all = self.classified(net.hear(ears, self.n_frames)?, n)?;
        for (classified, (ear, _)) in all.iter_mut().zip(ears.iter()) {
            classified.taps.put_at(ear.place());
        }
        Ok(all)
    }

    /// What a pass gave, segment by segment.
    fn classified(&self, forward: Forward, n_segments: usize) -> Result<Vec<Classified>> {
        if n_segments == 0 {
            return Ok(Vec::new());
        }
        let logits = self.device.download(&[&forward.logits])?.concat();
        let taps = Taps::rows(forward.taps, n_segments);
        let frames = self.frames(forward.frames.as_ref(), n_segments)?;
        let with_taps = logits.chunks_exact((logits.len() / n_segments).max(1)).zip(taps).zip(frames);
        let one = |((logits, taps), frames): ((&[f32], Taps), Option<FrameProbs>)| Classified {
            logits: logits.to_vec(),
            probs: probabilities(logits, self.activation),
            taps,
            frames,
        };
        Ok(with_taps.map(one).collect())
    }
}

impl Classifier {
    /// Each segment's probabilities frame by frame, where the network has them.
    fn frames(&self, logits: Option<&Tensor>, n_segments: usize) -> Result<Vec<Option<FrameProbs>>> {
        let Some(logits) = logits else { return Ok(vec![None; n_segments]) };
        let all = self.device.download(&[logits])?.concat();
        let [pooling, lookahead] = self.rows;
        let rows = all.chunks_exact((all.len() / n_segments).max(1));
        Ok(rows.map(|rows| Some(FrameProbs::of_logits(rows, self.labels.len(), pooling, lookahead))).collect())
    }
}

/// The network of a package for a device.
fn network(package: &Package, device: &ComputeDevice) -> Result<Box<dyn Network>> {
    let manifest = package.manifest();
    // A graph is no file of tensors.
    let weights = || package.tensors(&manifest.classifier.weights);
    let on_cpu = device.has_own_kernels();
    Ok(match manifest.classifier.architecture {
        Architecture::Vgg if on_cpu => Box::new(Vgg::load(&VggConfig::from_manifest(manifest)?, &weights()?)?),
        Architecture::Vgg => {
            Box::new(PlainVgg::load(&VggConfig::from_manifest(manifest)?, &weights()?, device.candle())?)
        }
        Architecture::Causal if on_cpu => Box::new(CausalClassifier::load(manifest, &weights()?)?),
        Architecture::Causal => {
            Box::new(PlainCausal::new(&CausalClassifier::load(manifest, &weights()?)?, device.candle())?)
        }
        Architecture::EfficientAt if on_cpu => Box::new(TappedEfficientAt::load(manifest, &weights()?)?),
        Architecture::Sequential if on_cpu => {
            Box::new(SequentialNet::load(&SequentialConfig::from_manifest(manifest)?, &weights()?)?)
        }
        Architecture::Onnx if on_cpu => Box::new(OnnxNet::load(package)?),
        Architecture::EfficientAt => return Err(only_on_cpu(manifest, "an EfficientAT network")),
        Architecture::Sequential => return Err(only_on_cpu(manifest, "a plain list of layers")),
        Architecture::Onnx => return Err(only_on_cpu(manifest, "an ONNX graph")),
    })
}

fn only_on_cpu(manifest: &Manifest, what: &str) -> Error {
    Error::model(format!("the model {} is {what}, which runs on the CPU alone; give --device cpu", manifest.name))
}

/// Most segments of a manifest's network that a device gets at once.
fn largest_batch(manifest: &Manifest) -> Result<usize> {
    match manifest.classifier.architecture {
        Architecture::Vgg => Ok(VggConfig::from_manifest(manifest)?.largest_batch(manifest.segment.n_frames)),
        // The CPU takes segments one by one.
        Architecture::EfficientAt => Ok(1),
        Architecture::Causal => Ok(CausalConfig::from_manifest(manifest)?.largest_batch(manifest.segment.n_frames)),
        // On the CPU alone, where each core takes one at a time.
        Architecture::Sequential | Architecture::Onnx => Ok(usize::MAX),
    }
}

/// Input frames of one row of frame-wise output, and the rows that it looks ahead.
fn rows(manifest: &Manifest) -> Result<[usize; 2]> {
    match manifest.classifier.architecture {
        Architecture::Vgg | Architecture::EfficientAt | Architecture::Sequential | Architecture::Onnx => Ok([1, 0]),
        Architecture::Causal => {
            let config = CausalConfig::from_manifest(manifest)?;
            Ok([config.time_pooling(), config.lookahead])
        }
    }
}

/// Sigmoid or softmax of one segment's logits.
#[must_use]
pub fn probabilities(logits: &[f32], activation: Activation) -> Vec<f32> {
    match activation {
        Activation::Sigmoid => logits.iter().map(|l| 1.0 / (1.0 + (-l).exp())).collect(),
        Activation::Softmax => {
            let max = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            let exp: Vec<f32> = logits.iter().map(|l| (l - max).exp()).collect();
            let sum: f32 = exp.iter().sum();
            exp.iter().map(|e| e / sum).collect()
        }
    }
}
