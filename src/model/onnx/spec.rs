//! What a manifest says of an ONNX graph.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Most axes of an input that is taken for meant.
const MAX_AXES: usize = 6;

/// What one axis of a graph's input is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Axis {
    /// Of length 1: a batch of one segment, one channel.
    One,
    /// The samples of a waveform.
    Samples,
    /// The frames of a spectrogram.
    Frames,
    /// The bands of a spectrogram.
    Bands,
}

impl fmt::Display for Axis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::One => "one",
            Self::Samples => "samples",
            Self::Frames => "frames",
            Self::Bands => "bands",
        })
    }
}

/// What the numbers of a graph's output are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ScoreKind {
    /// Between 0 and 1: the graph ends with a sigmoid or softmax of its own.
    Probabilities,
    /// Any numbers: `classifier.activation` makes probabilities of them.
    Logits,
}

/// How an output that has one row of scores for each frame becomes one row for the segment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FramePooling {
    /// The mean of the frames.
    #[default]
    Mean,
    /// The largest score of any frame.
    Max,
}

/// `[classifier.onnx]`: how the graph in `classifier.weights` is used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OnnxSpec {
    /// Name of the graph's input.
    pub input: String,
    /// What each axis of the input is: `samples` once, or `frames` and `bands` once each; all others are `one`.
    pub axes: Vec<Axis>,
    /// Of a waveform: how many of the segment's newest samples the graph hears; all of them where this is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub samples: Option<usize>,
    /// Name of the output that has the scores.
    pub output: String,
    /// What its numbers are.
    pub scores: ScoreKind,
    /// How frames of scores become one row.
    #[serde(default)]
    pub frames: FramePooling,
}

impl OnnxSpec {
    /// Whether the graph hears a waveform; a spectrogram otherwise.
    #[must_use]
    pub fn hears_samples(&self) -> bool {
        self.axes.contains(&Axis::Samples)
    }

    /// Whether the axes are those of one waveform or one spectrogram.
    #[must_use]
    pub fn axes_fit(&self) -> bool {
        let n = |axis: Axis| self.axes.iter().filter(|a| **a == axis).count();
        self.axes.len() <= MAX_AXES
            && matches!((n(Axis::Samples), n(Axis::Frames), n(Axis::Bands)), (1, 0, 0) | (0, 1, 1))
    }

    /// The shape of the input for a segment of `n_frames` columns of `width` values.
    #[must_use]
    pub fn input_shape(&self, n_frames: usize, width: usize) -> Vec<usize> {
        let length = |axis: &Axis| match axis {
            Axis::One => 1,
            Axis::Samples => self.samples.unwrap_or(n_frames * width),
            Axis::Frames => n_frames,
            Axis::Bands => width,
        };
        self.axes.iter().map(length).collect()
    }

    /// The values of the input, in the order of its axes, for a segment `[n_frames, width]`.
    #[must_use]
    pub fn input_values(&self, segment: &[f32], width: usize) -> Vec<f32> {
        if self.hears_samples() {
            let newest = self.samples.unwrap_or(segment.len()).min(segment.len());
            return segment[segment.len() - newest..].to_vec();
        }
        let at = |axis: Axis| self.axes.iter().position(|a| *a == axis);
        if at(Axis::Frames) < at(Axis::Bands) {
            return segment.to_vec();
        }
        let width = width.max(1);
        (0..width).flat_map(|band| segment.iter().skip(band).step_by(width).copied()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(axes: &[Axis], samples: Option<usize>) -> OnnxSpec {
        OnnxSpec {
            input: "x".into(),
            axes: axes.to_vec(),
            samples,
            output: "y".into(),
            scores: ScoreKind::Logits,
            frames: FramePooling::Mean,
        }
    }

    #[test]
    fn one_waveform_or_one_spectrogram() {
        use Axis::{Bands, Frames, One, Samples};
        for axes in [&[Samples][..], &[One, Samples], &[One, One, Frames, Bands], &[One, Bands, Frames]] {
            assert!(spec(axes, None).axes_fit(), "{axes:?}");
        }
        for axes in [&[][..], &[One], &[Samples, Samples], &[One, Frames], &[Samples, Frames, Bands], &[One; 7]] {
            assert!(!spec(axes, None).axes_fit(), "{axes:?}");
        }
    }

    #[test]
    fn values_follow_the_axes() {
        use Axis::{Bands, Frames, One, Samples};
        // Three frames of two bands.
        let segment = [0.0, 1.0, 10.0, 11.0, 20.0, 21.0];
        let upright = spec(&[One, Frames, Bands], None);
        assert_eq!(upright.input_shape(3, 2), [1, 3, 2]);
        assert_eq!(upright.input_values(&segment, 2), segment);
        let turned = spec(&[One, Bands, Frames], None);
        assert_eq!(turned.input_shape(3, 2), [1, 2, 3]);
        assert_eq!(turned.input_values(&segment, 2), [0.0, 10.0, 20.0, 1.0, 11.0, 21.0]);
        let newest = spec(&[One, Samples], Some(5));
        assert_eq!((newest.input_shape(3, 2), newest.input_values(&segment, 2)), (vec![1, 5], segment[1..].to_vec()));
        assert_eq!(spec(&[Samples], None).input_shape(3, 2), [6]);
    }
}
