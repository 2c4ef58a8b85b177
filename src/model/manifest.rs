//! The manifest of a model package, `model.toml`: everything a run needs to know of a model, strictly checked.
//!
//! Reading happens in two steps: the text must fit the types here (an unknown key is an error), then
//! [`Manifest::check`] judges the values. The DSP and the nets are built from what passed.

mod bounds;
mod check;
mod check_onnx;
mod concepts;
mod front_end;
mod label;
mod new;
mod rivals;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use concepts::{CONCEPT_METHODS, ConceptsSpec, is_name, name_rule};
pub use front_end::FrontEndSpec;
pub use label::{GROUPS, Label, by_group, is_group_name};
pub use rivals::{APNET_STEP, Apnet, Flint, Iba, VIBI_PLACE, Vibi};

use super::causal::Block;
use super::onnx::OnnxSpec;
use super::sequential::LayerSpec;
use crate::dsp::MaskScale;
use crate::error::{Error, ErrorKind, Result};
use crate::toml_text::TomlText;

/// The manifest format that this program reads and writes.
pub const FORMAT_VERSION: u32 = 1;

/// A model package's manifest. [`Manifest::parse`] gives only checked ones; whoever builds one by hand calls
/// [`Manifest::check`] (writing a package does).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Version of the manifest's format; see [`FORMAT_VERSION`].
    pub format: u32,
    /// The package's name: letters, digits, `-`, `_` and `.`.
    pub name: String,
    /// One sentence for `model list`.
    pub description: String,
    /// Licence of the weights, as an SPDX expression.
    pub licence: String,
    /// From samples to the classifier's input.
    pub front_end: FrontEndSpec,
    /// How much of the stream the classifier sees at a time.
    pub segment: Segment,
    /// The classes in the order of the classifier's outputs.
    pub labels: Vec<Label>,
    /// The classifier.
    pub classifier: Classifier,
    /// The listenable interpreter, where one was trained.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub l2i: Option<L2i>,
    /// The decoder that makes masks, where one was trained.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lmac: Option<Lmac>,
    /// FLINT, where it was trained.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub flint: Option<Flint>,
    /// VIBI, where it was trained.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vibi: Option<Vibi>,
    /// APNet, where it was trained.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub apnet: Option<Apnet>,
    /// What IBA knows of a layer, where it was trained.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub iba: Option<Iba>,
    /// Concepts in a hidden layer, by the way in which they were found ([`CONCEPT_METHODS`]).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub drsa: BTreeMap<String, ConceptsSpec>,
    /// The sha256 of every other file of the package, in lower-case hex, by file name.
    pub files: BTreeMap<String, String>,
    /// How the model was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub training: Option<Training>,
    /// Measured scores: numbers, or tables of numbers.
    #[serde(default, skip_serializing_if = "toml::Table::is_empty")]
    pub scores: toml::Table,
}

/// How much of the stream the classifier sees at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Segment {
    /// Frames in a segment, at least 1.
    pub n_frames: usize,
    /// Frames from one segment to the next in a live stream, 1…`n_frames`; a multiple of the classifier's total
    /// pooling over time, so that interior columns need never be computed twice (the classifier's loader checks it).
    pub stride_frames: usize,
    /// Frames of the clips that the model was trained on and is measured on, where a monitor hears less at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clip_frames: Option<usize>,
}

impl Segment {
    /// Samples whose centred frames, `hop` apart, are those of a clip.
    #[must_use]
    pub fn clip_samples(&self, hop: usize) -> usize {
        self.clip_frames.unwrap_or(self.n_frames).saturating_sub(1) * hop + 1
    }
}

/// The classifier.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Classifier {
    /// The family of nets.
    pub architecture: Architecture,
    /// Of `vgg`: input frames averaged into one before the first convolution, at least 1.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub input_pool: usize,
    /// Of `vgg`: channels of each block, at least 1 each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub widths: Vec<usize>,
    /// Of `vgg`: frames made one by the pooling behind each block but the last, 1 or 2 each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub time_pools: Vec<usize>,
    /// Of `causal`: the network's shape.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub causal: Option<Causal>,
    /// Of `efficientat`: factor on the channel counts of the published table, above 0 and at most 10.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub width: Option<f64>,
    /// Of `efficientat`: units between the embedding and the logits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hidden_units: Option<usize>,
    /// Of `sequential`: the layers before the logits, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub layers: Vec<LayerSpec>,
    /// Of `onnx`: how the graph is used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub onnx: Option<OnnxSpec>,
    /// What stands between the blocks and the logits.
    pub head: Head,
    /// From logits to probabilities.
    pub activation: Activation,
    /// Names of the hidden layers that interpreters may read, deepest last.
    pub taps: Vec<String>,
    /// The file that holds the weights, under PyTorch's names; of `onnx`, the graph.
    pub weights: String,
}

/// Families of classifiers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Architecture {
    /// The VGG family of Kumar et al. that the L2I papers use.
    Vgg,
    /// The `mn` networks of EfficientAT: MobileNetV3 with squeeze and excitation.
    #[serde(rename = "efficientat")]
    EfficientAt,
    /// The causal MobileNet of [`crate::model::causal`].
    Causal,
    /// A plain list of layers, as the networks of the thesis on concepts and of AudioMNIST are:
    /// [`crate::model::sequential`].
    Sequential,
    /// A network of others, as a graph: [`crate::model::onnx`].
    Onnx,
}

/// Shape of a causal network; see [`crate::model::causal::CausalConfig`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Causal {
    /// Channels of the first convolution.
    pub stem: usize,
    /// Channels after all bands of a frame are joined.
    pub joined: usize,
    /// Channels of a frame's embedding.
    pub embedding: usize,
    /// Output frames by which the newest probability lies behind the newest input.
    pub lookahead: usize,
    /// Blocks over frames and bands.
    pub blocks: Vec<Block>,
    /// Blocks over frames alone.
    pub time_blocks: Vec<Block>,
}

/// What stands between a classifier's blocks and its logits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Head {
    /// Mean over frequency, mean plus maximum over time, one linear layer.
    MeanMax,
    /// The papers' head: 2×2 convolution, 1×1 convolution, global maximum, one linear layer.
    Conv,
    /// One linear layer for each frame; their probabilities pooled by linear softmax, Σp²/Σp.
    Frames,
    /// Mean over time and frequency, two linear layers with a hard-swish between them.
    Mlp,
    /// The dense layers of the list, and one for the logits.
    Dense,
    /// Whatever the graph has.
    Graph,
}

const fn one() -> usize {
    1
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
const fn is_one(n: &usize) -> bool {
    *n == 1
}

/// From logits to probabilities.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Activation {
    /// Each class for itself (multi-label): the model can say that nothing is there.
    Sigmoid,
    /// One of the classes (multi-class).
    Softmax,
}

/// The listenable interpreter: a dictionary of spectral patterns, Ψ (hidden layers to activations), Θ (activations to
/// logits).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct L2i {
    /// The file that holds the dictionary W `[n_bins, n_components]`.
    pub dictionary: String,
    /// Columns of W.
    pub n_components: usize,
    /// What each component is called, as in `dog 3`; empty, or one name a component.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub component_names: Vec<String>,
    /// Channels inside Ψ.
    pub psi_channels: usize,
    /// Width of Θ's attention; unused (but present) with `max` pooling.
    pub theta_hidden: usize,
    /// How Θ pools activations over time.
    pub pooling: Pooling,
    /// Components whose relevance (the largest is 1) exceeds this are played; 0…1, less than 1.
    pub relevance_threshold: f32,
    /// The file that holds Ψ and Θ.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weights: Option<String>,
}

/// How Θ pools activations over time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Pooling {
    /// Gated attention.
    Attention,
    /// Maximum.
    Max,
}

/// The decoder of L-MAC: hidden layers to a mask.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lmac {
    /// Channels of its widest maps.
    pub channels: usize,
    /// Whether the mask depends on the class that is asked for, or is always that of the likeliest class.
    pub conditioned: bool,
    /// What its masks do to magnitudes.
    #[serde(default, skip_serializing_if = "MaskScale::is_log")]
    pub scale: MaskScale,
    /// The file that holds it.
    pub weights: String,
}

/// How a model was made.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Training {
    /// The commands, in order.
    pub commands: Vec<String>,
    /// What it learned from, in words.
    pub data: String,
    /// The seed of the commands.
    pub seed: u64,
    /// The day, as in `2026-11-20`.
    pub date: String,
}

impl Manifest {
    /// Reads and checks a manifest. `name` is what errors call the text: the file's path.
    ///
    /// # Errors
    /// [`ErrorKind::Model`], naming file, line, key, value and remedy: another format version, bad syntax, an unknown
    /// or missing key, a value that cannot be used.
    pub fn parse(text: &str, name: &str) -> Result<Self> {
        let source = TomlText { name, text, kind: ErrorKind::Model };
        // The version comes first: all other complaints about a newer manifest would mislead.
        if let Some(format) = source.peek_integer("format")
            && format != i64::from(FORMAT_VERSION)
        {
            return Err(Error::model(format!(
                "{name}: this is manifest format {format}, and this earwitness reads format {FORMAT_VERSION}; \
                 use the earwitness that made the model, or make the model again"
            )));
        }
        let manifest: Self = source.parse()?;
        match manifest.problem() {
            None => Ok(manifest),
            Some(bad) => Err(source.value_error(&bad)),
        }
    }

    /// Judges the values; `name` is what errors call the manifest.
    ///
    /// # Errors
    /// [`ErrorKind::Model`], naming key, value and remedy of the first value that cannot be used.
    pub fn check(&self, name: &str) -> Result<()> {
        let nowhere = TomlText { name, text: "", kind: ErrorKind::Model };
        self.problem().map_or(Ok(()), |bad| Err(nowhere.value_error(&bad)))
    }

    /// The manifest as TOML, as [`Manifest::parse`] reads it.
    ///
    /// # Errors
    /// [`ErrorKind::Bug`] if the values cannot be written as TOML (a score that is not a number of TOML).
    pub fn to_toml(&self) -> Result<String> {
        let body = toml::to_string(self)
            .map_err(|e| Error::bug(format!("the manifest of model {} cannot be written: {e}", self.name)))?;
        Ok(format!("# A model package of earwitness; `earwitness model show {}` explains it.\n{body}", self.name))
    }

    /// The labels' names, in the order of the classifier's outputs.
    pub fn label_names(&self) -> impl Iterator<Item = &str> {
        self.labels.iter().map(|l| l.name.as_str())
    }

    /// The same model as it was trained and is measured: on whole clips.
    #[must_use]
    pub fn for_clips(mut self) -> Self {
        self.segment.n_frames = self.segment.clip_frames.unwrap_or(self.segment.n_frames);
        self
    }

    /// Gives the model another dictionary, W in `file`, with one name for each component. Ψ and Θ speak of the columns that
    /// were, so they go.
    pub fn set_dictionary(&mut self, file: &str, component_names: Vec<String>) {
        if let Some(weights) = self.l2i.take().and_then(|l2i| l2i.weights) {
            self.files.remove(&weights);
        }
        self.l2i = Some(L2i {
            dictionary: file.to_string(),
            n_components: component_names.len(),
            component_names,
            psi_channels: 128,
            theta_hidden: 128,
            pooling: Pooling::Attention,
            relevance_threshold: 0.0,
            weights: None,
        });
    }

    /// The files that the manifest's sections name, with the key that names each.
    pub fn referenced_files(&self) -> Vec<(String, &str)> {
        let mut files = vec![("classifier.weights".to_owned(), self.classifier.weights.as_str())];
        if let Some(l2i) = &self.l2i {
            files.push(("l2i.dictionary".to_owned(), &l2i.dictionary));
            files.extend(l2i.weights.as_deref().map(|w| ("l2i.weights".to_owned(), w)));
        }
        files.extend(self.lmac.as_ref().map(|lmac| ("lmac.weights".to_owned(), lmac.weights.as_str())));
        files.extend(self.flint.as_ref().map(|flint| ("flint.weights".to_owned(), flint.weights.as_str())));
        files.extend(self.vibi.as_ref().map(|vibi| ("vibi.weights".to_owned(), vibi.weights.as_str())));
        files.extend(self.apnet.as_ref().map(|apnet| ("apnet.weights".to_owned(), apnet.weights.as_str())));
        files.extend(self.iba.as_ref().map(|iba| ("iba.weights".to_owned(), iba.weights.as_str())));
        files.extend(self.drsa.iter().map(|(method, c)| (format!("drsa.{method}.weights"), c.weights.as_str())));
        files
    }
}

#[cfg(test)]
mod tests;
