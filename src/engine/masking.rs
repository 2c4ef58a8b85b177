//! Interpretation audio, in one place for all methods: a mask on the complex frames, with the input's phase, and overlap-add.
//!
//! The mask of a stream is put together from the segments' masks. Each frame is explained by the first segment that sees
//! a fixed stretch of its future (the lookahead); where one segment takes over from the one before, their masks are
//! cross-faded. A segment in which the class was not decided has nothing to show: its mask counts as 0.

use std::ops::Range;

use super::history::{Geometry, History, Stride};
use crate::dsp::{Complex32, MaskScale, StftParams, StreamingIstft, apply_mask};
use crate::interpret::sound_name::SoundShape;
use crate::units::{ClassId, SampleRate};
use crate::{Error, Result};

/// What a mask lets through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Through {
    /// What made the class likely.
    Class(ClassId),
    /// One component, where the class was decided.
    Component {
        /// The class.
        class: ClassId,
        /// The component.
        index: usize,
    },
}

impl Through {
    const fn class(self) -> ClassId {
        match self {
            Self::Class(class) | Self::Component { class, .. } => class,
        }
    }
}

/// What is put together from the segments' explanations, a row a frame.
#[derive(Debug, Clone, Copy)]
enum Wanted {
    /// The mask, a value a bin.
    Mask(Through),
    /// The class's share in each sample of a hop.
    Shares(ClassId),
}

impl Wanted {
    const fn class(self) -> ClassId {
        match self {
            Self::Mask(through) => through.class(),
            Self::Shares(class) => class,
        }
    }
}

/// The mask over frames of a stream, `[frames.len(), n_bins]`, each 0…1. Frames from
/// [`History::mask_end`] on get the mask that the newest segment gives them, which may still change.
#[must_use]
pub fn mask_frames(history: &History, through: Through, frames: Range<u64>) -> Vec<f32> {
    mask_frames_by(history, |_| Some(through), frames)
}

/// [`mask_frames`] where each segment has its own say in what is let through: `choose` is asked for the segments that
/// explain `frames`, and the one before them. `None` counts as a mask of 0.
#[must_use]
pub fn mask_frames_by(history: &History, choose: impl Fn(&Stride) -> Option<Through>, frames: Range<u64>) -> Vec<f32> {
    rows_by(history, history.geometry().stft.n_bins(), |stride| choose(stride).map(Wanted::Mask), frames)
}

/// The share that each sample of a stretch has in the decision for `class`, signed, the largest magnitude in a segment 1; put
/// together from the segments as masks are, and 0 where there is none, as for networks that do not hear samples.
#[must_use]
pub fn sample_shares(history: &History, class: ClassId, samples: &Range<i64>) -> Vec<f32> {
    let geometry = history.geometry();
    let hop = geometry.stft.hop;
    let frames = history.clamp_frames(&geometry.frames_touching(samples));
    let rows = rows_by(history, hop, |_| Some(Wanted::Shares(class)), frames.clone());
    // A row is of the samples in its frame's middle.
    let first = geometry.frame_start(frames.start as i64) + (geometry.stft.n_fft.saturating_sub(hop) / 2) as i64;
    let share = |at: i64| usize::try_from(at - first).ok().and_then(|i| rows.get(i)).copied().unwrap_or(0.0);
    samples.clone().map(share).collect()
}

/// Rows of `width` values each; what [`mask_frames_by`] does, of anything.
fn rows_by(
    history: &History,
    width: usize,
    choose: impl Fn(&Stride) -> Option<Wanted>,
    frames: Range<u64>,
) -> Vec<f32> {
    let geometry = history.geometry();
    let mut mask = vec![0.0; frames.end.saturating_sub(frames.start) as usize * width];
    let mut t = frames.start;
    while t < frames.end {
        let Some(index) = history.stride_for(t) else { break };
        let stride = &history.strides()[index];
        // This segment explains up to where the next one takes over; the newest, for now, everything.
        let takes_over = stride.end.saturating_sub(geometry.lookahead_frames as u64);
        let until = if index + 1 < history.strides().len() { takes_over.min(frames.end) } else { frames.end };
        let rows = (t - frames.start) as usize * width..(until - frames.start) as usize * width;
        segment_rows(history, stride, choose(stride), width, t..until, &mut mask[rows]);
        if let Some(before) = index.checked_sub(1).and_then(|i| history.strides().get(i)) {
            let block = takes_over.saturating_sub(geometry.stride_frames as u64);
            let fade_until = until.min(block + geometry.fade_frames as u64);
            if t < fade_until {
                let rows = (t - frames.start) as usize * width..(fade_until - frames.start) as usize * width;
                fade_in(history, before, choose(before), width, t..fade_until, block, &mut mask[rows]);
            }
        }
        t = until;
    }
    mask
}

/// Mixes the segment before into the first frames of a block, which begins at frame `block`.
fn fade_in(
    history: &History,
    before: &Stride,
    wanted: Option<Wanted>,
    width: usize,
    frames: Range<u64>,
    block: u64,
    mask: &mut [f32],
) {
    let geometry = history.geometry();
    let mut old = vec![0.0; mask.len()];
    segment_rows(history, before, wanted, width, frames.clone(), &mut old);
    for ((t, new), old) in frames.zip(mask.chunks_exact_mut(width)).zip(old.chunks_exact(width)) {
        let weight = (t - block + 1) as f32 / (geometry.fade_frames + 1) as f32;
        for (new, old) in new.iter_mut().zip(old) {
            *new = weight * *new + (1.0 - weight) * old;
        }
    }
}

/// One segment's rows for frames of the stream that lie in it; 0 for others, and where it has nothing to say.
fn segment_rows(
    history: &History,
    stride: &Stride,
    wanted: Option<Wanted>,
    width: usize,
    frames: Range<u64>,
    out: &mut [f32],
) {
    let Some(wanted) = wanted else { return };
    let prob = stride.probs.get(wanted.class().0).copied().unwrap_or(0.0);
    let Some(explanation) = stride.explanation.as_ref().filter(|_| history.decided(wanted.class(), prob)) else {
        return;
    };
    let segment = history.geometry().segment(stride.end);
    let start = (frames.start as i64).max(segment.start);
    let end = (frames.end as i64).min(segment.end);
    if start >= end {
        return;
    }
    let rows = (start - frames.start as i64) as usize * width..(end - frames.start as i64) as usize * width;
    let inside = (start - segment.start) as usize..(end - segment.start) as usize;
    match wanted {
        Wanted::Mask(Through::Class(class)) => explanation.mask(class, inside, &mut out[rows]),
        Wanted::Mask(Through::Component { class, index }) => {
            explanation.component_mask(class, index, inside, &mut out[rows]);
        }
        Wanted::Shares(class) => {
            let inside = inside.start * width..inside.end * width;
            if let Some(shares) = explanation.sample_shares(class).as_deref().and_then(|shares| shares.get(inside)) {
                out[rows].copy_from_slice(shares);
            }
        }
    }
}

/// A stretch of a stream with its frames: they are transformed once, however often the stretch is rendered.
pub struct Stretch {
    /// Its frames in the stream.
    pub frames: Range<u64>,
    /// The same, `[n, n_bins]`.
    spectra: Vec<Complex32>,
    samples: Range<i64>,
}

/// Makes audio of masked frames.
pub struct Renderer {
    geometry: Geometry,
    istft: StreamingIstft,
    frame: Vec<Complex32>,
}

impl Renderer {
    /// A renderer for streams of this geometry.
    ///
    /// # Errors
    /// As [`StreamingIstft::new`].
    pub fn new(geometry: &Geometry) -> Result<Self> {
        // Without centring, so that a stretch may begin at any frame.
        let istft = StreamingIstft::new(&StftParams { centred: false, ..geometry.stft })?;
        Ok(Self { geometry: *geometry, istft, frame: vec![Complex32::default(); geometry.stft.n_bins()] })
    }

    /// The frames that audio of `samples` is made from, as far as they are in memory.
    #[must_use]
    pub fn frames(&self, history: &History, samples: &Range<i64>) -> Range<u64> {
        history.clamp_frames(&self.geometry.frames_touching(samples))
    }

    /// A stretch of the stream that is to be rendered once or more: the frames that [`frames`](Self::frames) names.
    #[must_use]
    pub fn stretch(&self, history: &History, samples: &Range<i64>) -> Stretch {
        let frames = self.frames(history, samples);
        Stretch { spectra: history.frames(&frames).unwrap_or_default(), frames, samples: samples.clone() }
    }

    /// [`render_stretch`](Self::render_stretch) of a stretch that is rendered once.
    ///
    /// # Errors
    /// As [`Self::render_stretch`].
    pub fn render(
        &mut self,
        history: &History,
        mask: &[f32],
        scale: MaskScale,
        samples: &Range<i64>,
    ) -> Result<Vec<f32>> {
        let stretch = self.stretch(history, samples);
        self.render_stretch(&stretch, mask, scale)
    }

    /// Audio of a stretch, aligned with the input to the sample: `mask` is `[n, n_bins]` for its n frames. A mask of 1 gives
    /// the input back; zeros where no frame reaches.
    ///
    /// # Errors
    /// A bug where `mask` has another length.
    pub fn render_stretch(&mut self, stretch: &Stretch, mask: &[f32], scale: MaskScale) -> Result<Vec<f32>> {
        let Stretch { frames, spectra, samples } = stretch;
        if mask.len() != spectra.len() {
            let n_frames = spectra.len() / self.frame.len();
            return Err(Error::bug(format!("a mask of {} values was given for {n_frames} frames", mask.len())));
        }
        let begin = self.geometry.frame_start(frames.start as i64);
        let total = usize::try_from(samples.end - begin).unwrap_or(0);
        // Samples before the first frame (before the stream) are silence; those of the first frames that lie before the
        // range were only needed to complete the sum.
        let mut out = vec![0.0; usize::try_from(begin - samples.start).unwrap_or(0)];
        let mut to_skip = usize::try_from(samples.start - begin).unwrap_or(0);
        let mut take = |ready: &[f32]| {
            let skipped = to_skip.min(ready.len());
            to_skip -= skipped;
            out.extend_from_slice(&ready[skipped..]);
        };
        self.push_frames(spectra, mask, scale, &mut take);
        self.istft.finish(total, take);
        out.resize(usize::try_from(samples.end - samples.start).unwrap_or(0), 0.0);
        Ok(out)
    }

    /// Audio of a stream that goes on: takes its next frames, all of them held, with their mask, and hands over the samples
    /// that no later frame changes. The first one is the first that frame `frames.start` of the first call holds.
    pub fn push(&mut self, history: &History, mask: &[f32], frames: Range<u64>, on_samples: impl FnMut(&[f32])) {
        self.push_frames(&history.frames(&frames).unwrap_or_default(), mask, history.mask_scale(), on_samples);
    }

    fn push_frames(
        &mut self,
        frames: &[Complex32],
        mask: &[f32],
        scale: MaskScale,
        mut on_samples: impl FnMut(&[f32]),
    ) {
        let n_bins = self.frame.len();
        for (frame, mask) in frames.chunks_exact(n_bins).zip(mask.chunks_exact(n_bins)) {
            apply_mask(frame, mask, scale, &mut self.frame);
            self.istft.push_frame(&self.frame, &mut on_samples);
        }
    }

    /// Ends what [`push`](Self::push) began: its next frames are first ones.
    pub fn reset(&mut self) {
        self.istft.reset();
    }

    /// Where and when a stretch sounds through a mask, `[n, n_bins]` for its n frames of `sample_rate`.
    pub fn shape(&mut self, stretch: &Stretch, mask: &[f32], scale: MaskScale, sample_rate: SampleRate) -> SoundShape {
        let n_bins = self.frame.len();
        let mut shape = SoundShape {
            by_bin: vec![0.0; n_bins],
            bin_hz: f64::from(sample_rate.hz()) / self.geometry.stft.n_fft as f64,
            by_frame: Vec::with_capacity(stretch.spectra.len() / n_bins),
            frame_secs: sample_rate.secs(self.geometry.stft.hop as u64),
        };
        for (frame, mask) in stretch.spectra.chunks_exact(n_bins).zip(mask.chunks_exact(n_bins)) {
            apply_mask(frame, mask, scale, &mut self.frame);
            let mut of_frame = 0.0;
            for (by_bin, x) in shape.by_bin.iter_mut().zip(&self.frame) {
                let energy = f64::from(x.norm_sqr());
                *by_bin += energy;
                of_frame += energy;
            }
            shape.by_frame.push(of_frame);
        }
        shape
    }
}
