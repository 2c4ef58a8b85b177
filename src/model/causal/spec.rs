//! The network's shape: a configuration, and the list of layers that it stands for.

use crate::model::batch_bytes::BATCH_BYTES;
use crate::{Error, Result};

/// Most channels of one layer; a larger number in a manifest is a slip.
const MAX_CHANNELS: usize = 4096;
/// Most values of one frame in a layer: bands times channels.
const MAX_ROW: usize = 1 << 18;
/// Most blocks.
const MAX_BLOCKS: usize = 64;
/// Longest kernel, largest stride and dilation.
const MAX_KERNEL: usize = 15;

/// One inverted residual block (Sandler et al. 2018): expand the channels, convolve each with a kernel of its own, project
/// back. Input and output are added where both have the same shape.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Block {
    /// Output channels.
    pub out: usize,
    /// Channels between expansion and projection; as many as the input's for a block without expansion.
    pub expanded: usize,
    /// Kernel: frames and bands. Bands are odd.
    pub kernel: [usize; 2],
    /// Stride: frames and bands.
    #[serde(default = "ones")]
    pub stride: [usize; 2],
    /// Frames between the kernel's taps.
    #[serde(default = "one")]
    pub dilation: usize,
}

const fn ones() -> [usize; 2] {
    [1, 1]
}

const fn one() -> usize {
    1
}

/// Shape of the network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CausalConfig {
    /// Mel bands of the input.
    pub n_mels: usize,
    /// Classes.
    pub n_classes: usize,
    /// Channels of the first convolution: 3×3, stride 2 over frames and bands.
    pub stem: usize,
    /// Blocks over frames and bands.
    pub blocks: Vec<Block>,
    /// Channels after all bands of a frame are joined into one.
    pub joined: usize,
    /// Blocks over frames alone.
    pub time_blocks: Vec<Block>,
    /// Channels of a frame's embedding, which the dense layer reads.
    pub embedding: usize,
    /// Output frames by which the sound that a frame speaks of lies behind the newest input that it has seen.
    pub lookahead: usize,
}

/// What a layer computes before its batch norm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// All channels of one pixel, by a matrix.
    Pointwise,
    /// A kernel for each channel.
    Depthwise,
    /// A kernel over all channels.
    Full,
    /// As [`Kind::Pointwise`], of all bands of a frame at once.
    Join,
}

/// One convolution with batch norm and, where it has one, ReLU.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LayerSpec {
    /// Name of its arrays, as in `blocks.3.depthwise`.
    pub(crate) name: String,
    pub(crate) kind: Kind,
    pub(crate) c_in: usize,
    pub(crate) c_out: usize,
    pub(crate) kernel: [usize; 2],
    pub(crate) stride: [usize; 2],
    pub(crate) dilation: usize,
    pub(crate) relu: bool,
    /// The layer whose output is added to this one's.
    pub(crate) residual: Option<usize>,
    /// Bands of input and output.
    pub(crate) bands: [usize; 2],
}

impl LayerSpec {
    /// Frames from a kernel's first tap to its last.
    pub(crate) const fn reach(&self) -> usize {
        (self.kernel[0] - 1) * self.dilation + 1
    }

    /// Frames of the past that an output needs besides the `stride` frames that it stands for. Every layer is causal: an
    /// output needs no frame behind these.
    pub(crate) const fn top(&self) -> usize {
        self.reach() - self.stride[0]
    }

    /// Length of the weights.
    pub(crate) const fn n_weights(&self) -> usize {
        match self.kind {
            Kind::Pointwise => self.c_in * self.c_out,
            Kind::Join => self.bands[0] * self.c_in * self.c_out,
            Kind::Depthwise => self.kernel[0] * self.kernel[1] * self.c_out,
            Kind::Full => self.kernel[0] * self.kernel[1] * self.c_in * self.c_out,
        }
    }

    /// Values that one output is a sum of.
    pub(crate) const fn fan_in(&self) -> usize {
        self.n_weights() / self.c_out
    }

    /// The weights' shape in the package, PyTorch's: `[c_out, c_in, time, frequency]`.
    pub(crate) const fn shape(&self) -> [usize; 4] {
        let [time, frequency] = self.kernel;
        match self.kind {
            Kind::Pointwise => [self.c_out, self.c_in, 1, 1],
            Kind::Join => [self.c_out, self.c_in, 1, self.bands[0]],
            Kind::Depthwise => [self.c_out, 1, time, frequency],
            Kind::Full => [self.c_out, self.c_in, time, frequency],
        }
    }
}

impl CausalConfig {
    /// The shape that `train classifier --architecture causal` makes: 0.6 million parameters, a frame of output for every
    /// four of input.
    #[must_use]
    pub fn standard(n_mels: usize, n_classes: usize) -> Self {
        let block = |out, expanded, kernel, stride, dilation| Block { out, expanded, kernel, stride, dilation };
        Self {
            n_mels,
            n_classes,
            stem: 16,
            blocks: vec![
                block(16, 16, [3, 3], [1, 1], 1),
                block(24, 64, [3, 3], [1, 2], 1),
                block(24, 72, [3, 3], [1, 1], 1),
                block(40, 96, [3, 3], [2, 2], 1),
                block(40, 128, [5, 3], [1, 1], 1),
                block(40, 128, [5, 3], [1, 1], 1),
                block(80, 208, [3, 3], [1, 2], 1),
                block(80, 240, [5, 3], [1, 1], 1),
                block(80, 240, [5, 3], [1, 1], 1),
            ],
            joined: 192,
            time_blocks: vec![block(192, 384, [5, 1], [1, 1], 1), block(192, 384, [5, 1], [1, 1], 2)],
            embedding: 320,
            lookahead: 2,
        }
    }

    /// Input frames that one output frame stands for.
    #[must_use]
    pub fn time_pooling(&self) -> usize {
        2 * self.blocks.iter().chain(&self.time_blocks).map(|b| b.stride[0]).product::<usize>()
    }

    /// The layers that interpreters read, earliest first: the last block with bands before its time is halved again, the last
    /// block with bands, and the last over time.
    #[must_use]
    pub fn taps(&self) -> Vec<String> {
        let n = self.blocks.len();
        let last = match self.time_blocks.len() {
            0 => "join".to_string(),
            n => format!("time_blocks.{}.project", n - 1),
        };
        let earlier = [n.saturating_sub(4), n - 1].map(|i| format!("blocks.{i}.project"));
        earlier.into_iter().chain([last]).collect()
    }

    /// Most segments of `n_frames` frames that go to a device at once: what plain operations lay out of the largest layer's
    /// input, once for each of its kernel's taps, stays below [`BATCH_BYTES`].
    #[must_use]
    pub fn largest_batch(&self, n_frames: usize) -> usize {
        let (mut frames, mut largest) = (n_frames, 0);
        for layer in self.layers() {
            let values = frames * layer.bands[0] * layer.c_in * layer.kernel[0] * layer.kernel[1];
            largest = largest.max(values * size_of::<f32>());
            frames /= layer.stride[0];
        }
        (BATCH_BYTES / largest.max(1)).max(1)
    }

    /// Where a layer of a manifest's `classifier.taps` is in `layers`, the network's.
    ///
    /// # Errors
    /// A model error where there is no such layer.
    pub(crate) fn tap_position(layers: &[LayerSpec], name: &str) -> Result<usize> {
        layers
            .iter()
            .position(|layer| layer.name == name)
            .ok_or_else(|| Error::model(format!("classifier.taps names '{name}', which is no layer of this network")))
    }

    /// Checks that the network can exist.
    ///
    /// # Errors
    /// A model error that names the number which is out of bounds.
    pub fn validate(&self) -> Result<()> {
        let channels = |b: &Block| [b.out, b.expanded];
        let all = self.blocks.iter().chain(&self.time_blocks);
        let counts = [self.n_mels, self.n_classes, self.stem, self.joined, self.embedding];
        if counts.into_iter().chain(all.clone().flat_map(channels)).any(|n| !(1..=MAX_CHANNELS).contains(&n)) {
            return Err(Error::model(format!(
                "a causal network needs 1 to {MAX_CHANNELS} bands, labels and channels in every layer; this one has {self:?}"
            )));
        }
        if self.blocks.is_empty() || self.blocks.len() + self.time_blocks.len() > MAX_BLOCKS {
            return Err(Error::model(format!("a causal network needs 1 to {MAX_BLOCKS} blocks")));
        }
        let fits = |b: &Block| {
            let small = b.kernel.iter().chain(&b.stride).chain([&b.dilation]).all(|n| (1..=MAX_KERNEL).contains(n));
            small && !b.kernel[1].is_multiple_of(2) && b.stride[0] <= (b.kernel[0] - 1) * b.dilation + 1
        };
        if !all.clone().all(fits) {
            return Err(Error::model(format!(
                "a block's kernel, stride and dilation must be 1 to {MAX_KERNEL}, the kernel odd over bands and no shorter \
                 than the stride"
            )));
        }
        if self.time_blocks.iter().any(|b| b.kernel[1] != 1 || b.stride[1] != 1) {
            return Err(Error::model("time_blocks have one band: kernel and stride must be 1 there"));
        }
        // A layer's row of bands and channels bounds what a stream's state takes.
        if let Some(wide) = self.layers().iter().find(|l| l.bands[0] * l.c_in.max(l.c_out) > MAX_ROW) {
            return Err(Error::model(format!(
                "layer {} of the causal network has {} bands of {} and {} channels; at most {MAX_ROW} values a frame are taken",
                wide.name, wide.bands[0], wide.c_in, wide.c_out
            )));
        }
        if self.lookahead > MAX_KERNEL {
            return Err(Error::model(format!("lookahead = {} must be 0 to {MAX_KERNEL} frames", self.lookahead)));
        }
        Ok(())
    }

    /// The convolutions in order.
    pub(crate) fn layers(&self) -> Vec<LayerSpec> {
        let mut list = List { layers: Vec::new(), channels: 1, bands: self.n_mels };
        let stem = Block { out: self.stem, expanded: 1, kernel: [3, 3], stride: [2, 2], dilation: 1 };
        list.push("stem".into(), Kind::Full, self.stem, &stem, true, None);
        for (i, block) in self.blocks.iter().enumerate() {
            list.block(&format!("blocks.{i}"), block);
        }
        list.push("join".into(), Kind::Join, self.joined, &POINT, true, None);
        for (i, block) in self.time_blocks.iter().enumerate() {
            list.block(&format!("time_blocks.{i}"), block);
        }
        list.push("embed".into(), Kind::Pointwise, self.embedding, &POINT, true, None);
        list.layers
    }
}

/// A kernel of one pixel.
const POINT: Block = Block { out: 0, expanded: 0, kernel: [1, 1], stride: [1, 1], dilation: 1 };

/// The list while it grows.
struct List {
    layers: Vec<LayerSpec>,
    channels: usize,
    bands: usize,
}

impl List {
    fn block(&mut self, name: &str, block: &Block) {
        let before = self.layers.len() - 1;
        let same = block.stride == [1, 1] && block.out == self.channels;
        if block.expanded != self.channels {
            self.push(format!("{name}.expand"), Kind::Pointwise, block.expanded, &POINT, true, None);
        }
        self.push(format!("{name}.depthwise"), Kind::Depthwise, block.expanded, block, true, None);
        self.push(format!("{name}.project"), Kind::Pointwise, block.out, &POINT, false, same.then_some(before));
    }

    fn push(&mut self, name: String, kind: Kind, c_out: usize, shape: &Block, relu: bool, residual: Option<usize>) {
        let out = if kind == Kind::Join { 1 } else { self.bands.div_ceil(shape.stride[1]) };
        self.layers.push(LayerSpec {
            name,
            kind,
            c_in: self.channels,
            c_out,
            kernel: shape.kernel,
            stride: shape.stride,
            dilation: shape.dilation,
            relu,
            residual,
            bands: [self.bands, out],
        });
        (self.channels, self.bands) = (c_out, out);
    }
}
