//! The list of layers, and the shapes that follow from it.

use serde::{Deserialize, Serialize};

use crate::model::kernels::conv::{ConvShape, pack_weights, unpack_weights};
use crate::model::kernels::pool::PoolShape;
use crate::model::kernels::strided::Windows;
use crate::{Error, Result};

/// Most layers of a chain.
const MAX_LAYERS: usize = 64;
/// Most channels of a convolution, and units of a dense layer.
const MAX_WIDTH: usize = 1 << 16;
/// Longest side of a kernel.
const MAX_KERNEL: usize = 31;
/// Most values that one layer gives for a segment, and most weights of one layer.
const MAX_VALUES: usize = 1 << 28;

/// One layer. Behind every convolution and every dense layer of the list there is a ReLU; the dense layer that gives the
/// logits follows the list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum LayerSpec {
    /// First of a chain on samples: the columns of the segment as one line of samples, divided by a percentile of their
    /// magnitudes and `floor`. The divisor counts as a constant on the way back.
    Waveform {
        /// 0…100, greater than 0.
        percentile: f32,
        /// Added to the percentile; above 0.
        floor: f32,
    },
    /// A convolution that keeps the image's size, or one with a stride and without padding.
    Conv {
        /// Channels that it gives.
        channels: usize,
        /// Numbers of frames and bands, odd without a stride; of a line, 1 and a number of samples.
        kernel: [usize; 2],
        /// Frames and bands from one place to the next.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        stride: Option<[usize; 2]>,
    },
    /// The maximum of as many frames and bands. What no whole window covers is dropped.
    MaxPool {
        /// Frames and bands: 1 or 2, and 2, without a stride; of a line, 1 and 2 samples.
        size: [usize; 2],
        /// Frames and bands from one window to the next, where windows overlap.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        stride: Option<[usize; 2]>,
    },
    /// A dense layer on all values of what is before it.
    Dense {
        /// Values that it gives.
        units: usize,
    },
}

/// Shape of a chain.
#[derive(Debug, Clone, PartialEq)]
pub struct SequentialConfig {
    /// Frames of a segment: no other length goes through.
    pub n_frames: usize,
    /// Values of a frame.
    pub n_mels: usize,
    /// The layers before the logits.
    pub layers: Vec<LayerSpec>,
    /// Classes.
    pub n_classes: usize,
}

/// A dense layer's sizes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DenseShape {
    /// PyTorch's name.
    pub(crate) name: String,
    /// Values of one pixel, and pixels, of the image that it flattens; without an image, all values and 1.
    pub(crate) channels: usize,
    pub(crate) pixels: usize,
    pub(crate) c_out: usize,
    /// Whether a ReLU follows: behind all but the logits.
    pub(crate) relu: bool,
}

impl DenseShape {
    pub(crate) const fn c_in(&self) -> usize {
        self.channels * self.pixels
    }
}

/// A layer with its sizes.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Stage {
    Waveform {
        percentile: f32,
        floor: f32,
    },
    Conv {
        name: String,
        shape: ConvShape,
    },
    /// A convolution with a stride.
    Strided {
        name: String,
        windows: Windows,
        c_out: usize,
    },
    MaxPool(PoolShape),
    /// The maximum of windows that may overlap.
    Maximum(Windows),
    Dense(DenseShape),
}

/// An image between two layers.
#[derive(Clone, Copy)]
struct Image {
    height: usize,
    width: usize,
    channels: usize,
}

impl Image {
    /// Windows over it, or what is wrong with them.
    fn windows(self, size: [usize; 2], stride: [usize; 2]) -> std::result::Result<Windows, String> {
        let Self { height, width, channels } = self;
        let inside = (1..=height.min(MAX_KERNEL)).contains(&size[0]) && (1..=width.min(MAX_KERNEL)).contains(&size[1]);
        if inside && stride.into_iter().all(|s| (1..=MAX_KERNEL).contains(&s)) {
            return Ok(Windows { height, width, channels, size, stride });
        }
        Err(format!(
            "windows and strides are of 1 to {MAX_KERNEL} frames and bands, and an image of {height} by {width} \
             has to hold a window"
        ))
    }
}

impl SequentialConfig {
    /// Checks that the chain can exist.
    ///
    /// # Errors
    /// A model error that names the layer which cannot be.
    pub fn validate(&self) -> Result<()> {
        self.stages().map(|_| ())
    }

    /// PyTorch's names of the layers that have weights, in order.
    ///
    /// # Errors
    /// As [`Self::validate`].
    pub fn layer_names(&self) -> Result<Vec<String>> {
        Ok(self.stages()?.iter().filter_map(Stage::weighed).map(|(name, ..)| name.to_owned()).collect())
    }

    /// Whether the input is samples.
    #[must_use]
    pub fn hears_samples(&self) -> bool {
        matches!(self.layers.first(), Some(LayerSpec::Waveform { .. }))
    }

    /// The layers with their sizes, that of the logits last.
    pub(crate) fn stages(&self) -> Result<Vec<Stage>> {
        if self.n_classes == 0 || self.n_frames == 0 || self.n_mels == 0 || self.layers.len() > MAX_LAYERS {
            return Err(Error::model(format!(
                "a chain of {} layers on {} frames of {} values for {} classes cannot be; give at least one frame, value \
                 and class, and at most {MAX_LAYERS} layers",
                self.layers.len(),
                self.n_frames,
                self.n_mels,
                self.n_classes
            )));
        }
        let mut image = Image { height: self.n_frames, width: self.n_mels, channels: 1 };
        let (mut convs, mut dense) = (0, 0);
        let mut stages = Vec::with_capacity(self.layers.len() + 1);
        for (i, layer) in self.layers.iter().enumerate() {
            let wrong = |why: &str| Error::model(format!("classifier.layers[{i}] cannot be used: {why}"));
            let stage = match *layer {
                LayerSpec::Waveform { percentile, floor } => {
                    if i > 0 {
                        return Err(wrong("a waveform is the first layer or none"));
                    }
                    if !(percentile > 0.0 && percentile <= 100.0 && floor > 0.0 && floor.is_finite()) {
                        return Err(wrong("give a percentile above 0 and up to 100, and a floor above 0"));
                    }
                    image = Image { height: 1, width: self.n_frames * self.n_mels, channels: 1 };
                    Stage::Waveform { percentile, floor }
                }
                LayerSpec::Conv { channels, kernel, stride } => {
                    let fits = |n: usize| n <= MAX_KERNEL && (n % 2 == 1 || stride.is_some());
                    if dense > 0 || !kernel.into_iter().all(fits) || !(1..=MAX_WIDTH).contains(&channels) {
                        return Err(wrong(&format!(
                            "a convolution stands before dense layers, has a kernel of odd sides up to {MAX_KERNEL} and 1 \
                             to {MAX_WIDTH} channels"
                        )));
                    }
                    convs += 1;
                    let name = format!("conv{convs}");
                    let windows =
                        stride.map(|stride| image.windows(kernel, stride)).transpose().map_err(|e| wrong(&e))?;
                    let Image { height, width, channels: c_in } = image;
                    image.channels = channels;
                    match windows {
                        Some(windows) => {
                            [image.height, image.width] = windows.counts();
                            Stage::Strided { name, windows, c_out: channels }
                        }
                        None => {
                            let [kh, kw] = kernel;
                            Stage::Conv { name, shape: ConvShape { height, width, c_in, c_out: channels, kh, kw } }
                        }
                    }
                }
                LayerSpec::MaxPool { size, stride: Some(stride) } => {
                    let windows = image.windows(size, stride).map_err(|e| wrong(&e))?;
                    if dense > 0 {
                        return Err(wrong("a pooling stands before dense layers"));
                    }
                    [image.height, image.width] = windows.counts();
                    Stage::Maximum(windows)
                }
                LayerSpec::MaxPool { size: [rows, bands], stride: None } => {
                    let Image { height, width, channels } = image;
                    if dense > 0 || !(1..=2).contains(&rows) || bands != 2 || height < rows || width < bands {
                        return Err(wrong(
                            "a pooling stands before dense layers and is of 1 or 2 frames by 2 bands that \
                             are there",
                        ));
                    }
                    image = Image { height: height / rows, width: width / bands, channels };
                    Stage::MaxPool(PoolShape { height, width, channels, rows })
                }
                LayerSpec::Dense { units } => {
                    if !(1..=MAX_WIDTH).contains(&units) {
                        return Err(wrong(&format!("give 1 to {MAX_WIDTH} units")));
                    }
                    dense += 1;
                    flatten(&mut image, dense, units, true)
                }
            };
            if stage.n_weights() > MAX_VALUES || image.height * image.width * image.channels > MAX_VALUES {
                return Err(wrong(&format!("it has more than {MAX_VALUES} values or weights")));
            }
            stages.push(stage);
        }
        stages.push(flatten(&mut image, dense + 1, self.n_classes, false));
        Ok(stages)
    }
}

impl Stage {
    fn n_weights(&self) -> usize {
        match self {
            Self::Conv { shape, .. } => shape.n_weights(),
            Self::Strided { windows, c_out, .. } => windows.len() * c_out,
            Self::Dense(shape) => shape.c_in() * shape.c_out,
            Self::Waveform { .. } | Self::MaxPool(_) | Self::Maximum(_) => 0,
        }
    }

    /// PyTorch's name, output and fan-in of a layer that has weights.
    pub(crate) fn weighed(&self) -> Option<(&str, usize, usize)> {
        match self {
            Self::Conv { name, shape } => Some((name, shape.c_out, shape.kh * shape.kw * shape.c_in)),
            Self::Strided { name, windows, c_out } => Some((name, *c_out, windows.len())),
            Self::Dense(shape) => Some((&shape.name, shape.c_out, shape.c_in())),
            Self::Waveform { .. } | Self::MaxPool(_) | Self::Maximum(_) => None,
        }
    }

    /// Shape of the weights in PyTorch: those of a convolution over a line have no height.
    pub(crate) fn weight_shape(&self) -> Vec<usize> {
        match self {
            Self::Conv { shape: ConvShape { height: 1, c_in, c_out, kh: 1, kw, .. }, .. } => vec![*c_out, *c_in, *kw],
            Self::Conv { shape, .. } => vec![shape.c_out, shape.c_in, shape.kh, shape.kw],
            Self::Strided { windows: Windows { height: 1, channels, size: [1, kw], .. }, c_out, .. } => {
                vec![*c_out, *channels, *kw]
            }
            Self::Strided { windows, c_out, .. } => vec![*c_out, windows.channels, windows.size[0], windows.size[1]],
            Self::Dense(shape) => vec![shape.c_out, shape.c_in()],
            Self::Waveform { .. } | Self::MaxPool(_) | Self::Maximum(_) => Vec::new(),
        }
    }

    /// The layer's weights from PyTorch's layout to that of the kernels, `[…, c_out]`.
    pub(crate) fn pack(&self, weights: &[f32]) -> Vec<f32> {
        match self {
            Self::Conv { shape, .. } => pack_weights(shape.c_out, shape.c_in, shape.kh * shape.kw, weights),
            Self::Strided { windows, c_out, .. } => {
                pack_weights(*c_out, windows.channels, windows.size[0] * windows.size[1], weights)
            }
            Self::Dense(shape) => to_image_order(shape, weights),
            Self::Waveform { .. } | Self::MaxPool(_) | Self::Maximum(_) => Vec::new(),
        }
    }

    /// The way back of [`Self::pack`].
    pub(crate) fn unpack(&self, weights: &[f32]) -> Vec<f32> {
        match self {
            Self::Conv { shape, .. } => unpack_weights(shape.c_out, shape.c_in, shape.kh * shape.kw, weights),
            Self::Strided { windows, c_out, .. } => {
                unpack_weights(*c_out, windows.channels, windows.size[0] * windows.size[1], weights)
            }
            Self::Dense(shape) => from_image_order(shape, weights),
            Self::Waveform { .. } | Self::MaxPool(_) | Self::Maximum(_) => Vec::new(),
        }
    }
}

fn flatten(image: &mut Image, number: usize, c_out: usize, relu: bool) -> Stage {
    let Image { height, width, channels } = *image;
    *image = Image { height: 1, width: 1, channels: c_out };
    Stage::Dense(DenseShape { name: format!("fc{number}"), channels, pixels: height * width, c_out, relu })
}

/// A dense layer's weights from PyTorch's `[c_out, channel, pixel]` to `[pixel, channel, c_out]`, as images lie here.
fn to_image_order(shape: &DenseShape, weights: &[f32]) -> Vec<f32> {
    let mut out = vec![0.0; weights.len()];
    for (o, row) in weights.chunks_exact(shape.c_in()).enumerate() {
        for (c, pixels) in row.chunks_exact(shape.pixels).enumerate() {
            for (p, w) in pixels.iter().enumerate() {
                out[(p * shape.channels + c) * shape.c_out + o] = *w;
            }
        }
    }
    out
}

/// The way back of [`to_image_order`].
fn from_image_order(shape: &DenseShape, weights: &[f32]) -> Vec<f32> {
    let mut out = vec![0.0; weights.len()];
    for (at, row) in weights.chunks_exact(shape.c_out).enumerate() {
        let (p, c) = (at / shape.channels, at % shape.channels);
        for (o, w) in row.iter().enumerate() {
            out[(o * shape.channels + c) * shape.pixels + p] = *w;
        }
    }
    out
}
