//! The interpretation as it happens: renders what has become final after each stride, and lays it on the timeline of what
//! is played.
//!
//! It is made of the same masks, cross-fades and overlap-add as an event's clip, carried on from stride to stride, so that
//! a person hears live what the recording will hold.

use std::collections::VecDeque;
use std::ops::Range;

use super::history::{Geometry, History, Stride};
use super::masking::{Renderer, Through, mask_frames_by};
use crate::Result;
use crate::audio::playback::{PlaybackPull, PlaybackPush, playback_ring};
use crate::dsp::{Limiter, LimiterParams, StreamingResampler};
use crate::units::{ClassId, SamplePos, SampleRate};

/// Time that the worker may take besides the computing, in seconds: reading in pieces, resampling the input, the chunks of
/// the capture device and the buffer of the playback. Computing has a stride: as much as it can have without falling back.
const WORKER_SECS: f64 = 0.3;

/// Where a listener's sound goes.
pub trait Destination {
    /// The rate that it wants.
    fn rate(&self) -> SampleRate;

    /// Takes what was heard and what the classifier heard of it, of one length; the first sample is at `position` of the
    /// stream, counted at the destination's rate. What does not fit is lost. Never blocks.
    fn push(&mut self, position: u64, input: &[f32], interpretation: &[f32]);

    /// Nothing comes until the next push.
    fn close(&mut self);
}

impl Destination for PlaybackPush {
    fn rate(&self) -> SampleRate {
        self.rate()
    }

    fn push(&mut self, position: u64, input: &[f32], interpretation: &[f32]) {
        self.push(position, input, interpretation);
    }

    fn close(&mut self) {
        self.close();
    }
}

/// Renders what is let through of one input, and the input beside it.
pub struct Listener<D = PlaybackPush> {
    geometry: Geometry,
    model_rate: SampleRate,
    push: D,
    renderer: Renderer,
    input: Path,
    interpretation: Path,
    /// Position of the stretch's first sample in the stream; `None` before the first stretch.
    origin: Option<SamplePos>,
    /// The next frame to render.
    next_frame: u64,
    /// Position in the stretch of the next sample that the renderer hands over; negative before the stretch.
    rendered: i64,
    /// Position of the next sample that is pushed, at the playback's rate.
    position: u64,
    /// What the segments that still count let through, by their ends, oldest first.
    choices: VecDeque<(u64, Option<ClassId>)>,
}

impl Listener {
    /// Delay from a sound to its being heard, in seconds, without what the devices themselves add: the lookahead, a stride
    /// and a window until the mask is final, the resampler and the limiter, and for the worker a stride of computing and
    /// 0.3 s for the rest. A function of its arguments alone: it never changes while a monitor runs.
    #[must_use]
    pub fn delay_secs(geometry: &Geometry, model_rate: SampleRate, output_rate: SampleRate) -> f64 {
        let Geometry { stft, stride_frames, lookahead_frames, .. } = *geometry;
        // The frame that a sample is the first of gets its mask from a segment that ends up to a stride later than the
        // lookahead asks.
        let until_final = (lookahead_frames + stride_frames).saturating_sub(1) * stft.hop + stft.n_fft;
        let computing = stride_frames * stft.hop;
        let resampler = StreamingResampler::new(model_rate, output_rate).map_or(0.0, |r| r.lag_secs());
        let limiter = Limiter::new(output_rate, &LimiterParams::default()).delay_samples();
        model_rate.secs((until_final + computing) as u64) + resampler + output_rate.secs(limiter as u64) + WORKER_SECS
    }

    /// A ring for what a listener makes, played at `output_rate` with [`delay_secs`](Self::delay_secs). It holds twice that
    /// delay.
    #[must_use]
    pub fn ring(geometry: &Geometry, model_rate: SampleRate, output_rate: SampleRate) -> (PlaybackPush, PlaybackPull) {
        let delay = output_rate.samples(Self::delay_secs(geometry, model_rate, output_rate));
        playback_ring(output_rate, delay, usize::try_from(2 * delay).unwrap_or(usize::MAX))
    }
}

impl<D: Destination> Listener<D> {
    /// A listener at the beginning of a stream, heard through `push` at its rate.
    ///
    /// # Errors
    /// As [`StreamingResampler::new`] and [`Renderer::new`].
    pub fn new(geometry: &Geometry, model_rate: SampleRate, push: D) -> Result<Self> {
        let rate = push.rate();
        Ok(Self {
            geometry: *geometry,
            model_rate,
            renderer: Renderer::new(geometry)?,
            input: Path::new(model_rate, rate)?,
            interpretation: Path::new(model_rate, rate)?,
            push,
            origin: None,
            next_frame: 0,
            rendered: 0,
            position: 0,
            choices: VecDeque::new(),
        })
    }

    /// To be called after each stride: renders the frames whose masks have become final. `origin` is where the stretch that
    /// `history` holds begins in the stream, `open` has the classes with an open event, strongest first.
    ///
    /// Let through is the strongest class with an open event; where there is none, the likeliest class that counts as decided
    /// in the segment; else nothing. Of what does not fit into the ring, because no one plays it, nothing is kept.
    ///
    /// # Errors
    /// As [`Self::restart`].
    pub fn stride(&mut self, history: &History, origin: SamplePos, open: &[ClassId]) -> Result<()> {
        if self.origin != Some(origin) {
            self.restart(origin)?;
        }
        let known = self.choices.back().map_or(0, |(end, _)| *end);
        let new = history.strides().iter().filter(|stride| stride.end > known);
        self.choices.extend(new.map(|stride| (stride.end, choose(history, stride, open))));
        let frames = history.clamp_frames(&(self.next_frame..history.mask_end()));
        if frames.start > self.next_frame {
            // Asked too late: the sound goes on where the memory begins.
            self.begin(origin, frames.start);
        }
        if !frames.is_empty() {
            self.render(history, frames);
        }
        while self.choices.len() > 1 && self.choices.front().is_some_and(|(end, _)| *end <= self.next_frame) {
            self.choices.pop_front();
        }
        Ok(())
    }

    /// The stretch is over, and what is on its way is pushed; another begins at `origin`, counted at the model's rate.
    ///
    /// # Errors
    /// A bug where audio cannot be made; nothing of the sound can cause one.
    pub fn restart(&mut self, origin: SamplePos) -> Result<()> {
        self.begin(origin, 0);
        self.choices.clear();
        Ok(())
    }

    /// The stream is over: what is on its way is pushed, and no underrun counted for what does not come.
    pub fn finish(&mut self) {
        self.flush();
        self.push.close();
        self.origin = None;
    }

    /// Where the sound goes; of a ring's half: mode, counters, rate and delay.
    #[must_use]
    pub const fn push(&self) -> &D {
        &self.push
    }

    /// Goes on with frame `frame` of the stretch that begins at `origin`.
    fn begin(&mut self, origin: SamplePos, frame: u64) {
        self.flush();
        self.renderer.reset();
        self.origin = Some(origin);
        self.next_frame = frame;
        self.rendered = self.geometry.frame_start(frame as i64);
        let first = origin.plus(self.rendered.max(0) as u64);
        self.position = converted(first.0, self.model_rate, self.push.rate());
        // What lies between is silence, not late.
        self.push.push(self.position, &[], &[]);
    }

    fn render(&mut self, history: &History, frames: Range<u64>) {
        let choices = &self.choices;
        let chosen = |stride: &Stride| {
            let (_, class) = choices.iter().find(|(end, _)| *end == stride.end)?;
            class.map(Through::Class)
        };
        let mask = mask_frames_by(history, chosen, frames.clone());
        self.next_frame = frames.end;
        let mut audio = Vec::with_capacity((frames.end - frames.start) as usize * self.geometry.stft.hop);
        self.renderer.push(history, &mask, frames, |ready| audio.extend_from_slice(ready));
        let end = self.rendered + audio.len() as i64;
        // Before the stretch there is padding.
        let padding = usize::try_from(-self.rendered).unwrap_or(0).min(audio.len());
        let heard = history.samples_or_silence(&(self.rendered + padding as i64..end));
        self.rendered = end;
        self.input.push(&heard);
        self.interpretation.push(&audio[padding..]);
        self.send();
    }

    fn flush(&mut self) {
        self.input.finish();
        self.interpretation.finish();
        self.send();
    }

    fn send(&mut self) {
        if self.input.ready.is_empty() {
            return;
        }
        self.push.push(self.position, &self.input.ready, &self.interpretation.ready);
        self.position += self.input.ready.len() as u64;
        self.input.ready.clear();
        self.interpretation.ready.clear();
    }
}

/// What a segment lets through.
fn choose(history: &History, stride: &Stride, open: &[ClassId]) -> Option<ClassId> {
    let decided = || {
        let classes = stride.probs.iter().enumerate().map(|(class, prob)| (ClassId(class), *prob));
        let decided = classes.filter(|(class, prob)| history.decided(*class, *prob));
        decided.max_by(|(_, a), (_, b)| a.total_cmp(b)).map(|(class, _)| class)
    };
    open.first().copied().or_else(decided)
}

/// The position at rate `to` that is nearest to one at rate `from`.
fn converted(position: u64, from: SampleRate, to: SampleRate) -> u64 {
    let (from, to) = (u128::from(from.hz()), u128::from(to.hz()));
    u64::try_from((u128::from(position) * to + from / 2) / from).unwrap_or(u64::MAX)
}

/// From the model's rate to what can be played.
struct Path {
    resampler: StreamingResampler,
    limiter: Limiter,
    /// Samples still to drop: the limiter's delay.
    to_drop: usize,
    /// What can be pushed.
    ready: Vec<f32>,
}

impl Path {
    fn new(from: SampleRate, to: SampleRate) -> Result<Self> {
        let limiter = Limiter::new(to, &LimiterParams::default());
        Ok(Self {
            resampler: StreamingResampler::new(from, to)?,
            to_drop: limiter.delay_samples(),
            limiter,
            ready: Vec::new(),
        })
    }

    fn push(&mut self, samples: &[f32]) {
        let before = self.ready.len();
        self.resampler.push(samples, &mut self.ready);
        self.limit(before);
    }

    /// Ends the stretch; the next sample is a first one.
    fn finish(&mut self) {
        let before = self.ready.len();
        self.resampler.finish(&mut self.ready);
        // The limiter hands over its last samples for silence.
        self.ready.resize(self.ready.len() + self.limiter.delay_samples(), 0.0);
        self.limit(before);
        self.limiter.reset();
        self.to_drop = self.limiter.delay_samples();
    }

    fn limit(&mut self, from: usize) {
        self.limiter.process(&mut self.ready[from..]);
        let dropped = self.to_drop.min(self.ready.len() - from);
        self.ready.drain(from..from + dropped);
        self.to_drop -= dropped;
    }
}
