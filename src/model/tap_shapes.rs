//! Shapes of the layers that interpreters read, whatever the classifier's family: what networks on them are built from.

use super::causal::CausalConfig;
use super::manifest::{Architecture, Manifest};
use super::vgg::VggConfig;
use crate::{Error, Result};

/// A map over time and frequency, beside the classifier's input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MapSize {
    /// Frames of the input that one frame of the map stands for.
    pub frames: usize,
    /// Bands of the map.
    pub bands: usize,
}

impl MapSize {
    /// How often bands are doubled (with one more where it is odd) to get from this map to a finer one; none where they do not
    /// get there, or frames do not.
    #[must_use]
    pub fn doublings(self, finer: Self) -> Option<u32> {
        let times = (0..usize::BITS).find(|times| finer.bands >> times <= self.bands)?;
        let frames_fit =
            if times == 0 { self.frames == finer.frames } else { self.frames.is_multiple_of(finer.frames) };
        (finer.bands >> times == self.bands && frames_fit).then_some(times)
    }
}

/// A layer that interpreters read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TapShape {
    /// Channels.
    pub channels: usize,
    /// Frames and bands.
    pub size: MapSize,
}

/// What interpreters must know of a classifier.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TapShapes {
    /// Mel bands of the input.
    pub n_mels: usize,
    /// Classes.
    pub n_classes: usize,
    /// Segments have a multiple of as many frames.
    pub time_pooling: usize,
    /// The layers, earliest first.
    pub taps: [TapShape; 3],
    /// Sizes of maps from the earliest layer back towards the input, the finest last.
    pub finer: Vec<MapSize>,
}

impl TapShapes {
    /// Of the classifier that a manifest describes.
    ///
    /// # Errors
    /// A model error where the manifest describes no such classifier, or one that has no three layers to read.
    pub fn from_manifest(manifest: &Manifest) -> Result<Self> {
        match manifest.classifier.architecture {
            Architecture::Vgg => Self::vgg(&VggConfig::from_manifest(manifest)?),
            Architecture::Causal => Self::causal(&CausalConfig::from_manifest(manifest)?, &manifest.classifier.taps),
            Architecture::EfficientAt | Architecture::Sequential | Architecture::Onnx => {
                Err(cannot_be_learned_from(manifest))
            }
        }
    }

    /// The outputs of the last three blocks, before their pooling.
    ///
    /// # Errors
    /// A model error where the configuration is impossible.
    pub fn vgg(net: &VggConfig) -> Result<Self> {
        net.validate()?;
        let first = net.widths.len().checked_sub(3).ok_or_else(|| Error::model("interpreters read three blocks"))?;
        let size = |block: usize| MapSize {
            frames: net.input_pool * net.time_pools[..block].iter().product::<usize>(),
            bands: net.n_mels >> block,
        };
        Ok(Self {
            n_mels: net.n_mels,
            n_classes: net.n_classes,
            time_pooling: net.time_pooling(),
            taps: [0, 1, 2].map(|i| TapShape { channels: net.widths[first + i], size: size(first + i) }),
            finer: (1..first).rev().map(size).collect(),
        })
    }

    /// The layers named `taps` of a causal network.
    ///
    /// # Errors
    /// A model error where they are not three layers of the network, earliest first.
    pub fn causal(net: &CausalConfig, taps: &[String]) -> Result<Self> {
        net.validate()?;
        let layers = net.layers();
        let shape = |name: &String| {
            let at = CausalConfig::tap_position(&layers, name)?;
            let frames = layers[..=at].iter().map(|layer| layer.stride[0]).product();
            Ok(TapShape { channels: layers[at].c_out, size: MapSize { frames, bands: layers[at].bands[1] } })
        };
        let found = taps.iter().map(shape).collect::<Result<Vec<_>>>()?;
        let taps = <[TapShape; 3]>::try_from(found).map_err(|found| {
            Error::model(format!("classifier.taps names {} layers; interpreters read three", found.len()))
        })?;
        // Bands come back as the network halved them. Frames do not: of those that it makes one, one loud frame is enough for
        // it, so that a finer mask would flicker.
        let early = taps[0].size;
        let mut finer: Vec<MapSize> = Vec::new();
        for layer in layers.iter().rev() {
            let [_, bands] = layer.bands;
            if bands > finer.last().map_or(early.bands, |map| map.bands) {
                finer.push(MapSize { frames: early.frames, bands });
            }
        }
        let [early, middle, late] = taps.map(|tap| tap.size);
        let all: Vec<MapSize> = [late, middle, early].into_iter().chain(finer.iter().copied()).collect();
        let finest = all.last().copied().unwrap_or(early);
        let whole = MapSize { frames: finest.frames, bands: net.n_mels };
        if all.windows(2).any(|pair| pair[0].doublings(pair[1]).is_none())
            || finest.doublings(whole).is_none_or(|n| n > 1)
        {
            return Err(Error::model(format!(
                "interpreters cannot be built on layers of {all:?}: bands must halve from one to the next, and frames be multiples"
            )));
        }
        Ok(Self { n_mels: net.n_mels, n_classes: net.n_classes, time_pooling: net.time_pooling(), taps, finer })
    }
}

/// Why no interpreter can be trained on a network whose family has no shapes here.
pub(super) fn cannot_be_learned_from(manifest: &Manifest) -> Error {
    let (what, instead) = match manifest.classifier.architecture {
        Architecture::EfficientAt => ("an EfficientAT network", "lrp, saliency or gradcam"),
        Architecture::Onnx => ("an ONNX graph", "occlusion, audiolime or slime"),
        _ => ("a plain list of layers", "lrp, saliency or gradcam"),
    };
    Error::usage(format!(
        "the model {} is {what}, on which no interpreter of its own can be trained; explain it with {instead}",
        manifest.name
    ))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn sizes(of: &[MapSize]) -> Vec<(usize, usize)> {
        of.iter().map(|map| (map.frames, map.bands)).collect()
    }

    #[test]
    fn the_last_three_blocks_of_a_vgg_are_read() {
        let net = VggConfig {
            n_mels: 64,
            input_pool: 2,
            widths: vec![16, 32, 64, 128, 256, 512],
            time_pools: vec![2, 2, 2, 2, 1],
            n_classes: 13,
        };
        let shapes = TapShapes::vgg(&net).unwrap();
        assert_eq!(shapes.taps.map(|tap| tap.channels), [128, 256, 512]);
        assert_eq!(sizes(&shapes.taps.map(|tap| tap.size)), [(16, 8), (32, 4), (32, 2)]);
        assert_eq!(sizes(&shapes.finer), [(8, 16), (4, 32)]);
    }

    #[test]
    fn the_named_layers_of_a_causal_network_are_read() {
        let net = CausalConfig::standard(64, 59);
        let shapes = TapShapes::causal(&net, &net.taps()).unwrap();
        assert_eq!(shapes.taps.map(|tap| tap.channels), [40, 80, 192]);
        assert_eq!(sizes(&shapes.taps.map(|tap| tap.size)), [(4, 8), (4, 4), (4, 1)]);
        assert_eq!(sizes(&shapes.finer), [(4, 16), (4, 32)]);
        let odd = CausalConfig { n_mels: 50, ..net.clone() };
        assert!(TapShapes::causal(&odd, &net.taps()).is_err(), "7 bands do not come of 4");
        assert!(TapShapes::causal(&net, &net.taps()[1..]).is_err());
        assert!(TapShapes::causal(&net, &["stem".into(), "join".into(), "nothing".into()]).is_err());
    }
}
