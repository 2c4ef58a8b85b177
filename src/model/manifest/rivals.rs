//! The tables of a manifest for the rivals in the L2I papers.

use serde::{Deserialize, Serialize};

use super::bounds::{MAX_WIDTH, block_index, threshold, within};
use crate::toml_text::BadValue;

/// FLINT: attributes of hidden layers, and a linear layer that decides from them; see [`crate::model::flint`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Flint {
    /// Attributes.
    pub n_attributes: usize,
    /// Channels inside Ψ.
    pub channels: usize,
    /// Attributes whose relevance (the largest is 1) exceeds this are played; 0…1, less than 1.
    pub relevance_threshold: f32,
    /// The file that holds the networks.
    pub weights: String,
}

impl Flint {
    /// The first value that cannot be used.
    pub(super) fn problem(&self) -> Option<BadValue> {
        within("flint.n_attributes", self.n_attributes, 1, MAX_WIDTH, "attributes")
            .or_else(|| within("flint.channels", self.channels, 1, MAX_WIDTH, "channels"))
            .or_else(|| threshold("flint.relevance_threshold", self.relevance_threshold))
    }
}

/// IBA: how the values of a hidden layer are distributed; see [`crate::interpret::iba`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Iba {
    /// The block whose output it narrows, numbered from 1, as in `block4`.
    pub layer: String,
    /// Price of the mean information, above 0.
    pub beta: f32,
    /// The file that holds mean and deviation of each channel in each band.
    pub weights: String,
}

impl Iba {
    /// The block, from 0.
    #[must_use]
    pub fn block(&self) -> Option<usize> {
        block_index(&self.layer)
    }

    /// The first value that cannot be used.
    pub(super) fn problem(&self) -> Option<BadValue> {
        if self.block().is_none() {
            return Some(BadValue::new("iba.layer", format!("{:?}", self.layer), "name a block, as in \"block4\""));
        }
        let fits = self.beta > 0.0 && self.beta.is_finite();
        (!fits).then(|| BadValue::new("iba.beta", self.beta, "give a number above 0"))
    }
}

/// Frames and bands of the input that a chunk of VIBI holds a whole number of.
pub const VIBI_PLACE: [usize; 2] = [16, 8];

/// VIBI: a choice of chunks of the input, and a network that decides from them alone; see [`crate::model::vibi`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Vibi {
    /// Frames of a chunk.
    pub chunk_frames: usize,
    /// Bands of a chunk.
    pub chunk_bands: usize,
    /// Share of the chunks that are chosen, above 0 and below 1.
    pub chosen: f32,
    /// Channels of the networks' first maps.
    pub channels: usize,
    /// The file that holds the networks.
    pub weights: String,
}

impl Vibi {
    /// The first value that cannot be used.
    pub(super) fn problem(&self) -> Option<BadValue> {
        let multiple = |key: &str, value: usize, of: usize| {
            let fits = (of..=MAX_WIDTH).contains(&value) && value.is_multiple_of(of);
            (!fits).then(|| BadValue::new(key, value, format!("give a multiple of {of}, at most {MAX_WIDTH}")))
        };
        multiple("vibi.chunk_frames", self.chunk_frames, VIBI_PLACE[0])
            .or_else(|| multiple("vibi.chunk_bands", self.chunk_bands, VIBI_PLACE[1]))
            .or_else(|| within("vibi.channels", self.channels, 1, MAX_WIDTH, "channels"))
            .or_else(|| {
                let remedy = "give a share of the chunks above 0 and below 1";
                (!(self.chosen > 0.0 && self.chosen < 1.0)).then(|| BadValue::new("vibi.chosen", self.chosen, remedy))
            })
    }
}

/// Frames of the input that one step of APNet's maps stands for, and bands.
pub const APNET_STEP: usize = 4;

/// APNet: prototypes, and a linear layer that decides from similarities to them; see [`crate::model::apnet`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Apnet {
    /// Prototypes of all labels together.
    pub n_prototypes: usize,
    /// Frames of a prototype, a multiple of [`APNET_STEP`].
    pub frames: usize,
    /// Channels of the network's maps.
    pub channels: usize,
    /// Prototypes whose relevance (the largest is 1) exceeds this are played; 0…1, less than 1.
    pub relevance_threshold: f32,
    /// The file that holds the network.
    pub weights: String,
}

impl Apnet {
    /// The first value that cannot be used.
    pub(super) fn problem(&self) -> Option<BadValue> {
        let whole = (APNET_STEP..=MAX_WIDTH).contains(&self.frames) && self.frames.is_multiple_of(APNET_STEP);
        let remedy = format!("give a multiple of {APNET_STEP}, at most {MAX_WIDTH}");
        within("apnet.n_prototypes", self.n_prototypes, 1, MAX_WIDTH, "prototypes")
            .or_else(|| (!whole).then(|| BadValue::new("apnet.frames", self.frames, remedy)))
            .or_else(|| within("apnet.channels", self.channels, 1, MAX_WIDTH, "channels"))
            .or_else(|| threshold("apnet.relevance_threshold", self.relevance_threshold))
    }
}
