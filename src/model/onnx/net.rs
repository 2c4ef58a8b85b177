//! An imported graph as a classifier's network.

use candle_core::{Device, Tensor};

use super::graph::Graph;
use super::scores::{class_axis, logits, pooled, rows};
use super::spec::OnnxSpec;
use crate::model::manifest::Activation;
use crate::model::package::Package;
use crate::model::vgg::Forward;
use crate::{Error, Result};

/// A graph with what its package says of it.
pub struct OnnxNet {
    graph: Graph,
    spec: OnnxSpec,
    activation: Activation,
    n_classes: usize,
}

impl OnnxNet {
    /// The network of a package.
    ///
    /// # Errors
    /// A model error where the manifest has no `[classifier.onnx]`, the graph cannot be loaded, or does not give a score for each
    /// label when it hears a segment of silence.
    pub fn load(package: &Package) -> Result<Self> {
        let manifest = package.manifest();
        let file = &manifest.classifier.weights;
        let name = package.dir().join(file).display().to_string();
        let spec = manifest.classifier.onnx.clone().ok_or_else(|| {
            Error::model(format!("the model {} has no table [classifier.onnx]; import its graph again", manifest.name))
        })?;
        let bytes = package.bytes(file).ok_or_else(|| {
            Error::model(format!("the model {} does not list its graph {file}; import it again", manifest.name))
        })?;
        let net = Self {
            graph: Graph::load(bytes, &name)?,
            spec,
            activation: manifest.classifier.activation,
            n_classes: manifest.labels.len(),
        };
        let width = manifest.front_end.n_mels;
        net.logits(&vec![0.0; manifest.segment.n_frames * width], width)?;
        Ok(net)
    }

    /// The logits of one segment `[n_frames, width]`.
    fn logits(&self, segment: &[f32], width: usize) -> Result<Vec<f32>> {
        let shape = self.spec.input_shape(segment.len() / width.max(1), width);
        let values = self.spec.input_values(segment, width);
        let (shape, given) = self.graph.run(&self.spec.input, &shape, values, &self.spec.output)?;
        let axis = class_axis(&shape, self.n_classes).ok_or_else(|| {
            Error::model(format!(
                "the output {} of the graph has the shape {shape:?}, and the model has {} labels; import it with the labels \
                 that it was trained with",
                self.spec.output, self.n_classes
            ))
        })?;
        let scores = pooled(&rows(&shape, &given, axis), self.n_classes, self.spec.frames);
        Ok(logits(&scores, self.spec.scores, self.activation))
    }

    /// Classifies segments `[batch, n_frames, width]`, one after the other; there are no taps.
    ///
    /// # Errors
    /// A model error where the graph fails.
    pub fn forward(&self, segments: &Tensor) -> Result<Forward> {
        let (batch, n_frames, width) = segments.dims3()?;
        let values = segments.flatten_all()?.to_vec1::<f32>()?;
        let mut all = Vec::with_capacity(batch * self.n_classes);
        for segment in values.chunks_exact(n_frames * width) {
            all.extend(self.logits(segment, width)?);
        }
        let logits = Tensor::from_vec(all, (batch, self.n_classes), &Device::Cpu)?;
        Ok(Forward { logits, taps: Vec::new(), frames: None })
    }
}
