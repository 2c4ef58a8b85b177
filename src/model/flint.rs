//! The networks of FLINT (Parekh, Mozharovskyi and d'Alché-Buc 2021): Ψ turns the classifier's hidden layers into maps of
//! attributes, whose maxima are the attributes of a segment; a linear layer h decides from these alone; a decoder rebuilds the
//! classifier's input from the maps.
//!
//! Where the paper leaves it open: the three layers are brought to the size of the earliest, so that a map says where its
//! attribute was found, and the decoder reads these maps and not the pooled vector, which does not know where.

use std::collections::HashMap;

use candle_core::Tensor;

use super::layers::{ArrayShapes, Layers, push_layer};
use super::manifest::Manifest;
use super::raise::{out_of_cells, raise};
use super::tap_shapes::{TapShape, TapShapes};
use super::tensors::Arrays;
use crate::{Error, Result};

/// h, whose weights make relevance.
pub const DECISION_WEIGHT: &str = "decision.weight";
/// What h adds to each class.
pub(super) const DECISION_BIAS: &str = "decision.bias";

const NETWORK: &str = "FLINT";

/// Names of the layers that read the taps, earliest first.
const TAPS: [&str; 3] = ["early", "middle", "late"];

/// Shape of the networks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FlintConfig {
    /// The layers that Ψ reads, and their classifier's input.
    pub net: TapShapes,
    /// Attributes, J.
    pub n_attributes: usize,
    /// Channels inside Ψ.
    pub channels: usize,
}

/// What the networks make of a batch.
#[derive(Debug, Clone)]
pub struct FlintForward {
    /// Where each attribute is found, `[batch, time, freq, n_attributes]`, at least 0, as fine as the earliest tap.
    pub maps: Tensor,
    /// Φ(x): the maxima of the maps, `[batch, n_attributes]`.
    pub attributes: Tensor,
    /// h(Φ(x)) before sigmoid or softmax, `[batch, n_classes]`.
    pub logits: Tensor,
}

impl FlintConfig {
    /// The networks that a manifest describes.
    ///
    /// # Errors
    /// As [`TapShapes::from_manifest`]; also where the manifest has no `[flint]`.
    pub fn from_manifest(manifest: &Manifest) -> Result<Self> {
        let flint = manifest.flint.as_ref().ok_or_else(|| {
            Error::model(format!("the model {} has no [flint]; train one with 'earwitness train flint'", manifest.name))
        })?;
        let net = TapShapes::from_manifest(manifest)?;
        Ok(Self { net, n_attributes: flint.n_attributes, channels: flint.channels })
    }

    /// Frames and bands of the input that one place of a map stands for.
    fn cell(&self) -> (usize, usize) {
        let early = self.net.taps[0].size;
        (early.frames, self.net.n_mels / early.bands)
    }

    /// Names and PyTorch shapes of all arrays (kernels `[c_out, c_in, time, freq]`), in a fixed order.
    #[must_use]
    pub fn arrays(&self) -> ArrayShapes {
        let (c, j) = (self.channels, self.n_attributes);
        let (frames, bands) = self.cell();
        let mut all = Vec::new();
        for (name, tap) in TAPS.iter().zip(&self.net.taps) {
            push_layer(&mut all, name, &[c, tap.channels]);
        }
        push_layer(&mut all, "joined", &[c, c, 3, 3]);
        push_layer(&mut all, "attribute", &[j, c, 3, 3]);
        push_layer(&mut all, "decoder", &[frames * bands, j, 3, 3]);
        push_layer(&mut all, "decision", &[self.net.n_classes, j]);
        all
    }
}

/// Ψ, h and the decoder on the CPU.
#[derive(Debug, Clone)]
pub struct FlintNet {
    config: FlintConfig,
    layers: Layers,
}

impl FlintNet {
    /// The networks from arrays by the names of [`FlintConfig::arrays`].
    ///
    /// # Errors
    /// A model error that names the array which is missing or does not fit.
    pub fn load(config: &FlintConfig, arrays: &Arrays) -> Result<Self> {
        Ok(Self { config: config.clone(), layers: Layers::load(NETWORK, config.arrays(), arrays)? })
    }

    /// The networks on tensors in PyTorch's layouts, which may be variables: gradients flow back to them.
    ///
    /// # Errors
    /// If a tensor is missing or misshapen.
    pub fn from_tensors(config: &FlintConfig, tensors: &HashMap<String, Tensor>) -> Result<Self> {
        Ok(Self { config: config.clone(), layers: Layers::from_tensors(NETWORK, config.arrays(), tensors)? })
    }

    /// The shape of the networks.
    #[must_use]
    pub const fn config(&self) -> &FlintConfig {
        &self.config
    }

    /// Runs Ψ and h on the classifier's taps, earliest first.
    ///
    /// # Errors
    /// If the taps do not have the classifier's shapes.
    pub fn forward(&self, taps: &[Tensor]) -> Result<FlintForward> {
        self.check(taps)?;
        let early = self.config.net.taps[0].size;
        let mut sum: Option<Tensor> = None;
        for ((tap, shape), name) in taps.iter().zip(&self.config.net.taps).zip(TAPS) {
            let mut x = self.layers.at_each_place(tap, name)?;
            if shape.size != early {
                x = raise(&x, shape.size, early)?;
            }
            sum = Some(match sum {
                Some(sum) => (sum + x)?,
                None => x,
            });
        }
        let x = sum.ok_or_else(|| Error::bug("FLINT reads no hidden layer"))?.relu()?;
        let x = self.layers.convolve(&x, "joined")?.relu()?;
        let maps = self.layers.convolve(&x, "attribute")?.relu()?;
        let (batch, time, freq, j) = maps.dims4()?;
        let attributes = maps.reshape((batch, time * freq, j))?.max(1)?;
        let logits = self.layers.dense(&attributes, "decision")?;
        Ok(FlintForward { maps, attributes, logits })
    }

    /// The classifier's input `[batch, n_frames, n_mels]` as the decoder rebuilds it from the maps; the last band is repeated
    /// where bands are left over.
    ///
    /// # Errors
    /// If the maps do not have the networks' shape.
    pub fn rebuild(&self, maps: &Tensor) -> Result<Tensor> {
        out_of_cells(&self.layers.convolve(maps, "decoder")?, self.config.cell(), self.config.net.n_mels)
    }

    fn check(&self, taps: &[Tensor]) -> Result<()> {
        let shapes = &self.config.net.taps;
        let of_frames = |(tap, shape): (&Tensor, &TapShape)| match tap.dims() {
            [_, time, bands, channels] if [*bands, *channels] == [shape.size.bands, shape.channels] => {
                Some(time * shape.size.frames)
            }
            _ => None,
        };
        let frames: Vec<Option<usize>> = taps.iter().zip(shapes).map(of_frames).collect();
        match frames.as_slice() {
            [Some(a), Some(b), Some(c)] if taps.len() == 3 && a == b && b == c => Ok(()),
            _ => Err(Error::bug(format!(
                "FLINT was given {} hidden layers of {:?}, which are not its classifier's",
                taps.len(),
                taps.iter().map(Tensor::dims).collect::<Vec<_>>()
            ))),
        }
    }
}
