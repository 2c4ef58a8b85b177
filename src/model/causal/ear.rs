//! The network as it hears a stream: new frames alone are computed, and the last segment's output is remembered.

use std::sync::atomic::{AtomicU64, Ordering};

use candle_core::{Device, Tensor};
use rayon::prelude::*;

use super::{CausalClassifier, Frames, StreamState};
use crate::model::taps::StreamPlace;
use crate::model::vgg::Forward;
use crate::{Error, Result};

/// Number of the next stream.
static NEXT_STREAM: AtomicU64 = AtomicU64::new(0);

/// One stream's memory: every layer's past, and what the network said of the newest frames.
#[derive(Debug, Clone)]
pub struct Ear {
    stream: u64,
    state: StreamState,
    /// Input frames of the stream before the next one.
    position: u64,
    /// Logits of the last rows, the newest last.
    logits: Vec<f32>,
    /// Outputs of the layers that interpreters read, of the same rows as each layer has them.
    taps: Vec<Vec<f32>>,
}

impl Ear {
    /// The stream's frame that comes next.
    #[must_use]
    pub const fn position(&self) -> u64 {
        self.position
    }

    /// Where in its stream the last segment is.
    pub(in crate::model) const fn place(&self) -> StreamPlace {
        StreamPlace { stream: self.stream, end: self.position }
    }
}

impl CausalClassifier {
    /// An ear for a stream whose next frame is `position`, with nothing before it.
    #[must_use]
    pub fn ear(&self, position: u64) -> Ear {
        Ear {
            stream: NEXT_STREAM.fetch_add(1, Ordering::Relaxed),
            state: self.net().stream(),
            position,
            logits: Vec::new(),
            taps: vec![Vec::new(); self.taps().len()],
        }
    }

    /// Classifies segments `[batch, n_frames, n_mels]` on the CPU.
    ///
    /// # Errors
    /// If the shape does not fit.
    pub fn forward(&self, segments: &Tensor) -> Result<Forward> {
        let (_, n_frames, n_mels) = segments.dims3()?;
        let values = segments.flatten_all()?.to_vec1::<f32>()?;
        let columns: Vec<&[f32]> = values.chunks_exact((n_frames * n_mels).max(1)).collect();
        let mut ears: Vec<Ear> = columns.iter().map(|_| self.ear(0)).collect();
        self.hear(&mut ears.iter_mut().zip(columns).collect::<Vec<_>>(), n_frames)
    }

    /// Lets each ear hear further frames `[n, n_mels]`, and classifies the last `n_frames` frames that it has heard; what is
    /// before a stream's beginning counts as nothing. The CPU's cores share the ears.
    ///
    /// # Errors
    /// A bug where the values are no whole number of frames.
    pub fn hear(&self, ears: &mut [(&mut Ear, &[f32])], n_frames: usize) -> Result<Forward> {
        let config = self.net().config();
        let (rows, n, batch) = (n_frames / config.time_pooling(), config.n_classes, ears.len());
        ears.par_iter_mut().map(|(ear, columns)| self.hear_one(ear, columns, rows)).collect::<Result<()>>()?;
        let mut logits = Vec::with_capacity(batch * n);
        let mut frames = Vec::with_capacity(batch * rows * n);
        for (ear, _) in ears.iter() {
            logits.extend(self.pool(&ear.logits));
            // Before the stream nothing sounds.
            frames.resize(frames.len() + (rows * n).saturating_sub(ear.logits.len()), f32::NEG_INFINITY);
            frames.extend_from_slice(&ear.logits);
        }
        let mut taps = Vec::with_capacity(self.taps().len());
        for (i, layer) in self.taps().iter().enumerate() {
            let (time, row) = (rows * layer.frames_per_row, layer.bands * layer.channels);
            let mut values = Vec::with_capacity(batch * time * row);
            for (ear, _) in ears.iter() {
                values.resize(values.len() + (time * row).saturating_sub(ear.taps[i].len()), 0.0);
                values.extend_from_slice(&ear.taps[i]);
            }
            taps.push(Tensor::from_vec(values, (batch, time, layer.bands, layer.channels), &Device::Cpu)?);
        }
        Ok(Forward {
            logits: Tensor::from_vec(logits, (batch, n), &Device::Cpu)?,
            taps,
            frames: Some(Tensor::from_vec(frames, (batch, rows, n), &Device::Cpu)?),
        })
    }

    fn hear_one(&self, ear: &mut Ear, columns: &[f32], rows: usize) -> Result<()> {
        let config = self.net().config();
        let mut frames = Frames::default();
        self.net().push(&mut ear.state, columns, &mut frames)?;
        ear.position += (columns.len() / config.n_mels) as u64;
        keep_last(&mut ear.logits, &frames.logits, rows * config.n_classes);
        if frames.logits.is_empty() {
            return Ok(());
        }
        for (kept, layer) in ear.taps.iter_mut().zip(self.taps()) {
            let (values, ..) = self
                .net()
                .output(&ear.state, &layer.name)
                .ok_or_else(|| Error::bug(format!("there is no layer {}", layer.name)))?;
            keep_last(kept, values, rows * layer.frames_per_row * layer.bands * layer.channels);
        }
        Ok(())
    }
}

/// Appends values and forgets all but the last `most`.
fn keep_last(kept: &mut Vec<f32>, new: &[f32], most: usize) {
    kept.extend_from_slice(new);
    let old = kept.len().saturating_sub(most);
    kept.drain(..old);
}
