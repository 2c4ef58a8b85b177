//! What samples go into first: frames are made of them and remembered as feature columns.

use super::history::{Geometry, History};
use crate::Result;
use crate::dsp::{FrontEnd, FrontEndParams, StreamingStft};

/// Front end and memory: what a frame goes into.
pub(super) struct Ears {
    pub(super) front_end: FrontEnd,
    pub(super) history: History,
}

impl Ears {
    pub(super) fn new(
        front_end: &FrontEndParams,
        geometry: Geometry,
        gates: Vec<f32>,
        low_cut_hz: f64,
    ) -> Result<Self> {
        let mut front_end = FrontEnd::new(front_end)?;
        let mut history = History::new(geometry, gates, &mut front_end)?;
        history.set_low_cut(low_cut_hz);
        Ok(Self { front_end, history })
    }

    /// Takes samples, and makes frames of them.
    pub(super) fn hear(&mut self, samples: &[f32], stft: &mut StreamingStft) {
        self.history.push_samples(samples);
        let Self { front_end, history } = self;
        stft.push(samples, |frame| history.push_frame(frame, front_end));
    }

    /// Takes the silence behind the end.
    pub(super) fn hear_end(&mut self, silence: &[f32], stft: &mut StreamingStft) {
        self.history.push_end(silence);
        let Self { front_end, history } = self;
        stft.push(silence, |frame| history.push_frame(frame, front_end));
    }
}
