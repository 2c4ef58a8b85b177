//! The network as it listens: batch norm folded into the convolutions, over whole segments or over a stream.

use super::BATCH_NORM_EPS;
use super::linear;
use super::spec::{CausalConfig, LayerSpec};
use super::weights::pack;
use crate::model::kernels::gemm::{View, matmul};
use crate::model::tensors::Arrays;
use crate::{Error, Result};

/// One convolution with its batch norm folded.
#[derive(Debug, Clone)]
pub(crate) struct Folded {
    pub(crate) spec: LayerSpec,
    pub(crate) weights: Vec<f32>,
    pub(crate) bias: Vec<f32>,
}

/// The network.
pub struct CausalNet {
    config: CausalConfig,
    layers: Vec<Folded>,
    /// `[embedding, n_classes]`.
    head: Vec<f32>,
    head_bias: Vec<f32>,
}

/// What a stream has left behind in each layer, and memory that is used again.
#[derive(Debug, Clone, Default)]
pub struct StreamState {
    /// Input frames that wait until there are as many as one output frame stands for.
    waiting: Vec<f32>,
    past: Vec<Vec<f32>>,
    outputs: Vec<Vec<f32>>,
    columns: Vec<f32>,
}

/// What a pass gives, frame by frame.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Frames {
    /// `[n_frames, n_classes]`, before the sigmoid.
    pub logits: Vec<f32>,
    /// `[n_frames, embedding]`.
    pub embeddings: Vec<f32>,
}

impl CausalNet {
    /// Builds the network from arrays by their names.
    ///
    /// # Errors
    /// A model error that names the array which is missing or does not fit.
    pub fn load(config: &CausalConfig, arrays: &Arrays) -> Result<Self> {
        config.validate()?;
        let (n, e) = (config.n_classes, config.embedding);
        let weight = arrays.get("label.weight", &[n, e])?;
        let layers = config.layers().into_iter().map(|spec| fold(spec, arrays)).collect::<Result<_>>()?;
        Ok(Self {
            config: config.clone(),
            layers,
            head: (0..n * e).map(|i| weight[i % n * e + i / n]).collect(),
            head_bias: arrays.get("label.bias", &[n])?.to_vec(),
        })
    }

    /// Shape of the network.
    #[must_use]
    pub const fn config(&self) -> &CausalConfig {
        &self.config
    }

    pub(super) fn folded(&self) -> &[Folded] {
        &self.layers
    }

    /// Weights `[embedding, n_classes]` and bias of the dense layer.
    pub(super) fn head(&self) -> (&[f32], &[f32]) {
        (&self.head, &self.head_bias)
    }

    /// A stream that begins: all of its past is nothing.
    #[must_use]
    pub fn stream(&self) -> StreamState {
        let past = |layer: &Folded| vec![0.0; layer.spec.top() * layer.spec.bands[0] * layer.spec.c_in];
        StreamState { past: self.layers.iter().map(past).collect(), ..StreamState::default() }
    }

    /// Hears further frames `[n, n_mels]` of a stream, any number of them, and appends what they complete to `frames`.
    ///
    /// # Errors
    /// A bug where the values are no whole number of frames.
    pub fn push(&self, state: &mut StreamState, columns: &[f32], frames: &mut Frames) -> Result<()> {
        let n_mels = self.config.n_mels;
        if !columns.len().is_multiple_of(n_mels) || state.past.len() != self.layers.len() {
            return Err(Error::bug(format!(
                "{} values are no frames of {n_mels} bands for this network",
                columns.len()
            )));
        }
        state.waiting.extend_from_slice(columns);
        let pooling = self.config.time_pooling() * n_mels;
        let ready = state.waiting.len() / pooling * pooling;
        if ready == 0 {
            return Ok(());
        }
        state.outputs.resize_with(self.layers.len(), Vec::new);
        for i in 0..self.layers.len() {
            self.layer(i, state, ready);
        }
        state.waiting.drain(..ready);
        if let Some(embeddings) = state.outputs.last() {
            self.classify(embeddings, frames);
        }
        Ok(())
    }

    /// Hears a whole segment `[n_frames, n_mels]` with nothing before it: as a stream that begins with it. Frames beyond a
    /// multiple of the time pooling are left out. Returns the state, which holds the layers' outputs.
    ///
    /// # Errors
    /// As [`Self::push`].
    pub fn whole(&self, columns: &[f32], frames: &mut Frames) -> Result<StreamState> {
        let mut state = self.stream();
        self.push(&mut state, columns, frames)?;
        Ok(state)
    }

    /// What layer `name` made of the newest frames: `[frames, bands, channels]`, with bands and channels.
    #[must_use]
    pub fn output<'a>(&self, state: &'a StreamState, name: &str) -> Option<(&'a [f32], usize, usize)> {
        let at = self.layers.iter().position(|l| l.spec.name == name)?;
        let spec = &self.layers[at].spec;
        Some((state.outputs.get(at)?, spec.bands[1], spec.c_out))
    }

    /// Logits of one frame's embedding, `[n_classes]`.
    #[must_use]
    pub fn logits(&self, embedding: &[f32]) -> Vec<f32> {
        let mut logits = self.head_bias.clone();
        for (x, row) in embedding.iter().zip(self.head.chunks_exact(self.config.n_classes)) {
            logits.iter_mut().zip(row).for_each(|(z, w)| *z += x * w);
        }
        logits
    }

    fn layer(&self, i: usize, state: &mut StreamState, ready: usize) {
        let Folded { spec, weights, bias } = &self.layers[i];
        let (before, rest) = state.outputs.split_at_mut(i);
        let Some(out) = rest.first_mut() else { return };
        let input = before.last().map_or(&state.waiting[..ready], Vec::as_slice);
        let row = spec.bands[0] * spec.c_in;
        let frames = input.len() / row;
        out.resize(frames / spec.stride[0] * spec.bands[1] * spec.c_out, 0.0);
        if spec.top() == 0 {
            linear::forward(spec, frames, 0, weights, input, &mut state.columns, out);
        } else {
            // The past in front makes every output of the chunk an inner one.
            let past = &mut state.past[i];
            past.extend_from_slice(input);
            linear::forward(spec, frames + spec.top(), 0, weights, past, &mut state.columns, out);
            past.drain(..frames * row);
        }
        let added = spec.residual.map(|r| before[r].as_slice());
        finish(out, bias, spec.relu, added);
    }

    fn classify(&self, embeddings: &[f32], frames: &mut Frames) {
        let (n, e) = (self.config.n_classes, self.config.embedding);
        let rows = embeddings.len() / e;
        let at = frames.logits.len();
        frames.logits.extend(self.head_bias.iter().copied().cycle().take(rows * n));
        let out = View::dense(rows, n).at(at);
        matmul(&mut frames.logits, out, embeddings, View::dense(rows, e), &self.head, View::dense(e, n), true);
        frames.embeddings.extend_from_slice(embeddings);
    }
}

/// Adds the bias, then ReLU, then what is added.
fn finish(out: &mut [f32], bias: &[f32], relu: bool, added: Option<&[f32]>) {
    let channels = bias.len();
    let floor = if relu { 0.0 } else { f32::NEG_INFINITY };
    crate::model::kernels::simd(
        #[inline(always)]
        || match added {
            None => {
                for row in out.chunks_exact_mut(channels) {
                    row.iter_mut().zip(bias).for_each(|(y, b)| *y = (*y + b).max(floor));
                }
            }
            Some(added) => {
                for (row, more) in out.chunks_exact_mut(channels).zip(added.chunks_exact(channels)) {
                    row.iter_mut().zip(bias).zip(more).for_each(|((y, b), m)| *y = (*y + b).max(floor) + m);
                }
            }
        },
    );
}

/// w·γ/√(σ²+ε), and β − μ·γ/√(σ²+ε).
fn fold(spec: LayerSpec, arrays: &Arrays) -> Result<Folded> {
    let of = |what: &str| arrays.get(&format!("{}.norm.{what}", spec.name), &[spec.c_out]);
    let (gamma, beta, mean, var) = (of("weight")?, of("bias")?, of("running_mean")?, of("running_var")?);
    if let Some(v) = var.iter().find(|v| **v < 0.0) {
        return Err(Error::model(format!("{}.norm.running_var holds {v}; a variance is at least 0", spec.name)));
    }
    let scale: Vec<f32> = gamma.iter().zip(var).map(|(g, v)| g / (v + BATCH_NORM_EPS).sqrt()).collect();
    let bias = beta.iter().zip(mean).zip(&scale).map(|((b, m), s)| b - m * s).collect();
    let mut weights = pack(&spec, arrays.get(&format!("{}.weight", spec.name), &spec.shape())?);
    weights.chunks_exact_mut(spec.c_out).for_each(|row| row.iter_mut().zip(&scale).for_each(|(w, s)| *w *= s));
    Ok(Folded { spec, weights, bias })
}
