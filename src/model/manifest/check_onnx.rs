//! What a manifest must say of an imported graph.

use super::bounds::within;
use super::check::quoted;
use super::{Architecture, Head, Manifest};
use crate::dsp::MelScale;
use crate::model::onnx::OnnxSpec;
use crate::toml_text::BadValue;

/// Longest name of an input or output that is taken for meant, in bytes.
const MAX_NAME_BYTES: usize = 1000;

impl Manifest {
    /// The first value of `[classifier.onnx]` that cannot be used.
    pub(super) fn onnx_problem(&self) -> Option<BadValue> {
        let is_graph = self.classifier.architecture == Architecture::Onnx;
        match &self.classifier.onnx {
            None if is_graph => Some(BadValue::new(
                "classifier.architecture",
                quoted("onnx"),
                "describe how the graph is used in a table [classifier.onnx]",
            )),
            Some(_) if !is_graph => {
                Some(BadValue::new("classifier.onnx", "a table", "leave it out where architecture is not \"onnx\""))
            }
            None => None,
            Some(spec) => self.graph_problem(spec),
        }
    }

    fn graph_problem(&self, spec: &OnnxSpec) -> Option<BadValue> {
        if self.classifier.head != Head::Graph {
            let remedy = "give \"graph\" where architecture is \"onnx\"";
            return Some(BadValue::new("classifier.head", "another head", remedy));
        }
        if let Some(tap) = self.classifier.taps.first() {
            return Some(BadValue::new("classifier.taps", quoted(tap), "give [] where architecture is \"onnx\""));
        }
        for (key, name) in [("input", &spec.input), ("output", &spec.output)] {
            if name.is_empty() || name.len() > MAX_NAME_BYTES {
                let remedy = format!("name the graph's {key}");
                return Some(BadValue::new(format!("classifier.onnx.{key}"), quoted(name), remedy));
            }
        }
        if !spec.axes_fit() {
            let remedy = "give \"samples\" once, or \"frames\" and \"bands\" once each, and \"one\" for all others";
            return Some(BadValue::new("classifier.onnx.axes", format!("{:?}", spec.axes), remedy));
        }
        if spec.hears_samples() != (self.front_end.mel_scale == MelScale::Samples) {
            let remedy = "give \"samples\" where the graph's axes have samples, and only there";
            return Some(BadValue::new("front_end.mel_scale", format!("{:?}", self.front_end.mel_scale), remedy));
        }
        let most = self.segment.n_frames.saturating_mul(self.front_end.hop);
        let samples = spec.samples?;
        if !spec.hears_samples() {
            let remedy = "leave it out where the graph hears a spectrogram";
            return Some(BadValue::new("classifier.onnx.samples", samples, remedy));
        }
        within("classifier.onnx.samples", samples, 1, most, "samples, at most those of a segment")
    }
}
