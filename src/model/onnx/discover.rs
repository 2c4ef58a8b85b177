//! Finds out how a graph is used: what its axes are, which output has the scores, and what its numbers are.

use super::graph::{Graph, GraphValue};
use super::scores::{class_axis, kind_of, rows};
use super::spec::{Axis, FramePooling, OnnxSpec, ScoreKind};
use crate::error::{Error, Result};
use crate::model::manifest::Activation;

/// What outputs that have scores are often called.
const SCORE_WORDS: [&str; 4] = ["score", "prob", "logit", "pred"];

/// What a person said of a graph; what was left open is found out.
#[derive(Debug, Clone, Default)]
pub struct Wishes {
    /// Name of the input.
    pub input: Option<String>,
    /// What its axes are.
    pub axes: Option<Vec<Axis>>,
    /// Name of the output that has the scores.
    pub output: Option<String>,
    /// What its numbers are, and what makes probabilities of them.
    pub scores: Option<(ScoreKind, Activation)>,
    /// How frames of scores become one row.
    pub frames: FramePooling,
}

impl Wishes {
    /// The graph's input.
    ///
    /// # Errors
    /// A model error where the graph needs more than one input, or other numbers than floats; a usage error where it has no
    /// input of the name that was given.
    pub fn input_of(&self, graph: &Graph, name: &str) -> Result<GraphValue> {
        let inputs = graph.inputs();
        let listed = || inputs.iter().map(GraphValue::described).collect::<Vec<_>>().join(", ");
        let [only] = inputs.as_slice() else {
            return Err(Error::model(format!(
                "{name} needs {} inputs ({}), and only graphs of one input can be used; export it with one",
                inputs.len(),
                listed()
            )));
        };
        if self.input.as_ref().is_some_and(|wanted| *wanted != only.name) {
            return Err(Error::usage(format!("{name} has no such input; it has {}", listed())));
        }
        if !only.is_float {
            return Err(Error::model(format!(
                "the input {} of {name} takes no floats; export it with one that does",
                only.name
            )));
        }
        Ok(only.clone())
    }

    /// What the axes of `input` are: those of a spectrogram of `bands` bands, or of a waveform where there are none.
    ///
    /// # Errors
    /// A usage error where the axes cannot be told, or those that were given are not these.
    pub fn axes_of(&self, input: &GraphValue, bands: Option<usize>) -> Result<Vec<Axis>> {
        if let Some(axes) = &self.axes {
            return Ok(axes.clone());
        }
        let found = match bands {
            Some(bands) => spectrogram(&input.shape, bands),
            None => waveform(&input.shape),
        };
        found.ok_or_else(|| {
            let (what, other) = match bands {
                Some(bands) => (format!("a spectrogram of {bands} bands"), "another --front-end"),
                None => ("a waveform".to_owned(), "--front-end FILE if it hears a spectrogram"),
            };
            Error::usage(format!(
                "the input {} does not say how it takes {what}; give {other}, or say what each axis is, for example with --axes one,samples",
                input.described()
            ))
        })
    }
}

/// The axes of a waveform: samples are the last of a fixed length above 1, or else the last that is open. All others have the
/// length 1, but that the first may be open, as a batch is.
fn waveform(shape: &[Option<usize>]) -> Option<Vec<Axis>> {
    let long = |n: &Option<usize>| n.is_none_or(|n| n > 1);
    let samples = shape.iter().rposition(|n| n.is_some_and(|n| n > 1)).or_else(|| shape.iter().rposition(long))?;
    let fits = |(i, n): (usize, &Option<usize>)| i == samples || *n == Some(1) || (i == 0 && n.is_none());
    let others_fit = shape.iter().enumerate().all(fits);
    let axis = |i: usize| if i == samples { Axis::Samples } else { Axis::One };
    others_fit.then(|| (0..shape.len()).map(axis).collect())
}

/// The axes of a spectrogram: bands are the last of their length (or the last open one), frames the last of the others.
fn spectrogram(shape: &[Option<usize>], bands: usize) -> Option<Vec<Axis>> {
    let at_bands = shape.iter().rposition(|n| *n == Some(bands)).or_else(|| shape.iter().rposition(Option::is_none))?;
    let other = |i: usize, fits: bool| i != at_bands && fits;
    let last = |fits: &dyn Fn(&Option<usize>) -> bool| (0..shape.len()).rev().find(|i| other(*i, fits(&shape[*i])));
    let at_frames = last(&|n| n.is_some_and(|n| n > 1)).or_else(|| last(&Option::is_none))?;
    let axis = |i: usize| match i {
        _ if i == at_bands => Axis::Bands,
        _ if i == at_frames => Axis::Frames,
        _ => Axis::One,
    };
    let others_fit = (0..shape.len()).all(|i| axis(i) != Axis::One || shape[i].is_none_or(|n| n == 1));
    others_fit.then(|| (0..shape.len()).map(axis).collect())
}

/// How a graph is used whose input and axes are known, for `n_classes` labels: `spec` without its output, which is found by
/// running `segments` (each `[n_frames, width]`, of sounds that have nothing in common). Also what makes probabilities of the
/// scores.
///
/// # Errors
/// An input error where no output has as many scores as there are labels; a model error where the graph cannot be run.
pub fn discover(
    graph: &Graph,
    wishes: &Wishes,
    spec: OnnxSpec,
    segments: &[Vec<f32>],
    [width, n_classes]: [usize; 2],
) -> Result<(OnnxSpec, Activation)> {
    let mut outputs: Vec<String> = match &wishes.output {
        Some(name) => vec![name.clone()],
        None => graph.outputs().into_iter().filter(|output| output.is_float).map(|output| output.name).collect(),
    };
    // Those that are called scores first, otherwise as the graph lists them.
    outputs.sort_by_key(|name| !SCORE_WORDS.iter().any(|word| name.to_lowercase().contains(word)));
    let mut seen = Vec::new();
    for output in outputs {
        let run = |segment: &Vec<f32>| {
            let shape = spec.input_shape(segment.len() / width.max(1), width);
            graph.run(&spec.input, &shape, spec.input_values(segment, width), &output)
        };
        let Some(first) = segments.first() else { break };
        let (shape, _) = run(first)?;
        let Some(axis) = class_axis(&shape, n_classes) else {
            seen.push(format!("{output} {shape:?}"));
            continue;
        };
        let mut all = Vec::new();
        for segment in segments {
            let (shape, values) = run(segment)?;
            all.extend(rows(&shape, &values, axis));
        }
        let (scores, activation) = wishes.scores.unwrap_or_else(|| kind_of(&all));
        return Ok((OnnxSpec { output, scores, ..spec }, activation));
    }
    Err(Error::input(format!(
        "there are {n_classes} labels, and no output of the graph has as many scores ({}); give the labels that it was trained with",
        if seen.is_empty() { "it has none of floats".to_owned() } else { seen.join(", ") }
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_are_told_from_shapes() {
        use Axis::{Bands, Frames, One, Samples};
        let one = Some(1);
        for (shape, axes) in [
            (&[None][..], &[Samples][..]),
            (&[Some(15_600)], &[Samples]),
            (&[None, None], &[One, Samples]),
            (&[one, None], &[One, Samples]),
            (&[None, Some(16_000)], &[One, Samples]),
            (&[None, Some(16_000), one], &[One, Samples, One]),
            (&[one, one, Some(8000)], &[One, One, Samples]),
        ] {
            assert_eq!(waveform(shape).as_deref(), Some(axes), "{shape:?}");
        }
        for shape in [&[][..], &[one], &[one, Some(96), Some(64)], &[Some(2), None], &[one, one, None, Some(16)]] {
            assert_eq!(waveform(shape), None, "{shape:?}");
        }
        for (shape, axes) in [
            (&[one, one, None, Some(64)][..], &[One, One, Frames, Bands][..]),
            (&[one, Some(96), Some(64)], &[One, Frames, Bands]),
            (&[None, one, Some(64), None], &[One, One, Bands, Frames]),
            (&[one, Some(64), Some(96), one], &[One, Bands, Frames, One]),
            (&[Some(64), Some(64)], &[Frames, Bands]),
            (&[None, None, None], &[One, Frames, Bands]),
        ] {
            assert_eq!(spectrogram(shape, 64).as_deref(), Some(axes), "{shape:?}");
        }
        for shape in [&[][..], &[None], &[one, Some(64)], &[Some(3), Some(96), Some(64)], &[one, Some(96), Some(65)]] {
            assert_eq!(spectrogram(shape, 64), None, "{shape:?}");
        }
    }
}
