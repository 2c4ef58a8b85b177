//! For tests: a classifier whose answers can be worked out by hand, and interpreters that know it.
//!
//! Two classes, `low` and `high`: the logit of each grows with the mean of its own bands and knows nothing else.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::ops::Range;

use candle_core::Tensor;

use crate::Result;
use crate::interpret::{ComponentShare, Explanation, Interpreter, Needs, Segment};
use crate::model::classifier::{Classifier, Network};
use crate::model::device::ComputeDevice;
use crate::model::manifest::Manifest;
use crate::model::package::Package;
use crate::model::tensors::Arrays;
use crate::model::vgg::Forward;
use crate::units::ClassId;

pub(super) const N_FRAMES: usize = 32;
pub(super) const N_BINS: usize = 129;
pub(super) const N_MELS: usize = 16;
pub(super) const N_SAMPLES: usize = (N_FRAMES - 1) * 100 + 1;
/// Bands that each class listens to; those between them belong to none.
const LISTENS: [Range<usize>; 2] = [0..6, 11..16];

const MANIFEST: &str = r#"format = 1
name = "two-bands"
description = "For tests"
licence = "CC0-1.0"

[front_end]
sample_rate_hz = 8000
n_fft = 256
hop = 100
win_length = 256
window = "hann"
periodic = true
centred = true
n_mels = 16
mel_scale = "htk"
mel_norm = "none"
f_min_hz = 0
f_max_hz = 4000
power = "power"
compression = { kind = "log10", floor = 1e-5, scale = 0.4, offset = 0.8 }

[segment]
n_frames = 32
stride_frames = 8

[classifier]
architecture = "vgg"
widths = [4, 6, 8]
input_pool = 1
time_pools = [2, 2]
head = "mean-max"
activation = "sigmoid"
taps = ["block1", "block2", "block3"]
weights = "classifier.safetensors"

[[labels]]
name = "low"
on_threshold = 0.5
off_threshold = 0.4

[[labels]]
name = "high"
on_threshold = 0.5
off_threshold = 0.4

[files]
"classifier.safetensors" = "0000000000000000000000000000000000000000000000000000000000000000"
"#;

/// The package that [`classifier`] goes with.
pub(super) fn package() -> Package {
    let dir = tempfile::tempdir().unwrap();
    let manifest = Manifest::parse(MANIFEST, "test").unwrap();
    let mut arrays = Arrays::default();
    arrays.insert("unused", [1], vec![0.0]);
    Package::write(dir.path(), manifest, &BTreeMap::from([("classifier.safetensors".to_owned(), arrays)])).unwrap()
}

struct TwoBands;

impl Network for TwoBands {
    fn forward(&self, segments: &Tensor) -> Result<Forward> {
        let means = LISTENS.map(|bands| -> Result<Tensor> {
            Ok(segments.narrow(2, bands.start, bands.len())?.mean(2)?.mean(1)?.affine(8.0, 4.0)?)
        });
        let [low, high] = means;
        let taps = vec![segments.unsqueeze(3)?; 3];
        Ok(Forward { logits: Tensor::stack(&[low?, high?], 1)?, taps, frames: None })
    }
}

pub(super) fn classifier(package: &Package) -> Classifier {
    Classifier::with_network(package, &ComputeDevice::cpu(), Box::new(TwoBands)).unwrap()
}

/// A low tone (class 0) or a high one (class 1).
pub(super) fn tone(class: usize, k: usize) -> Vec<f32> {
    let pitch = [0.25, 2.4][class] + 0.01 * k as f32;
    (0..N_SAMPLES).map(|i| 0.3 * (pitch * i as f32).sin()).collect()
}

/// Masks made of the class: `own` is 1 on the bins that the class listens to (up to the middle for `low`), `other` on the
/// rest, `empty` nowhere, `attributes` the same as `own`, made of a mask of the bands it listens to.
pub(super) fn load(method: &str) -> Result<Box<dyn Interpreter>> {
    let method = *["own", "other", "empty", "all-ones", "attributes"].iter().find(|m| **m == method).unwrap();
    Ok(Box::new(Known { method }))
}

struct Known {
    method: &'static str,
}

impl Interpreter for Known {
    fn method(&self) -> &'static str {
        self.method
    }

    fn needs(&self) -> Needs {
        Needs { taps: false, backward: false, forward_passes: 0 }
    }

    fn explain(&mut self, _: &Segment<'_>) -> Result<Box<dyn Explanation>> {
        Ok(Box::new(Self { method: self.method }))
    }
}

impl Explanation for Known {
    fn n_frames(&self) -> usize {
        N_FRAMES
    }

    fn n_bins(&self) -> usize {
        N_BINS
    }

    fn components(&self, _: ClassId) -> Vec<ComponentShare> {
        Vec::new()
    }

    fn evidence(&self, _: ClassId) -> Vec<f32> {
        vec![1.0; N_FRAMES]
    }

    fn mask(&self, class: ClassId, _: Range<usize>, out: &mut [f32]) {
        // Between the bands of the two classes.
        let middle = 40;
        for (i, mask) in out.iter_mut().enumerate() {
            let own = (i % N_BINS < middle) == (class.0 == 0);
            let one = match self.method {
                "own" | "attributes" => own,
                "other" => !own,
                "empty" => false,
                _ => true,
            };
            *mask = f32::from(u8::from(one));
        }
    }

    fn band_mask(&self, class: ClassId) -> Option<Vec<f32>> {
        let of = |band: usize| f32::from(u8::from(LISTENS[class.0].contains(&band)));
        (self.method == "attributes").then(|| (0..N_FRAMES * N_MELS).map(|i| of(i % N_MELS)).collect())
    }

    fn component_mask(&self, _: ClassId, _: usize, frames: Range<usize>, out: &mut [f32]) {
        self.mask(ClassId(0), frames, out);
    }
}
