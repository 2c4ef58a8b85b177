//! The parts of one sound that are kept or taken out: boxes of its spectrogram, sources that sound at once, or sources cut
//! into stretches of time.

use std::ops::Range;
use std::sync::Arc;

use crate::dsp::{FrontEndParams, MelScale};

/// One part.
#[derive(Debug, Clone, PartialEq)]
pub struct Part {
    /// Its number: the same place of a stream, or the same source, has the same one in every segment.
    pub index: usize,
    /// What a person calls it, as in `0.50–1.00 s, 0–540 Hz`; empty where it has no name.
    pub name: String,
    /// The source that it is cut out of; none where it is cut out of the whole sound.
    source: Option<usize>,
    frames: Range<usize>,
    bins: Range<usize>,
}

/// A source: what sounds at once and belongs together.
#[derive(Debug, Clone)]
pub struct Source {
    /// Its number.
    pub index: usize,
    /// What a person calls it; empty where it has no name.
    pub name: String,
    /// Its soft mask, `[n_frames, n_bins]`, each 0…1; the masks of all sources sum to 1.
    pub mask: Arc<[f32]>,
}

/// A part's name and number in time: numbers of a place, and what it is called.
type Slot = (usize, Option<String>, Range<usize>);

/// All parts of one sound; their masks sum to 1 in every frame of the stream.
#[derive(Debug, Clone)]
pub struct Parts {
    n_bins: usize,
    n_frames: usize,
    sources: Vec<Arc<[f32]>>,
    parts: Vec<Part>,
}

/// Where a spectrogram lies: what its axes stand for.
#[derive(Debug, Clone, Copy)]
pub struct Axes {
    n_bins: usize,
    rate_hz: f64,
    hop: f64,
    n_frames: usize,
    /// The frame of the stream that is the first.
    first_frame: i64,
}

impl Axes {
    /// `n_frames` frames of a front end, the first of which is frame `first_frame` of its stream.
    #[must_use]
    pub fn new(front_end: &FrontEndParams, n_frames: usize, first_frame: i64) -> Self {
        Self {
            n_bins: front_end.stft.n_bins(),
            rate_hz: f64::from(front_end.sample_rate.hz()),
            hop: front_end.stft.hop as f64,
            n_frames,
            first_frame,
        }
    }

    /// The stretches of `length` frames, counted from the stream's beginning, that lie in the spectrogram at least partly:
    /// wherever it begins, the same moment is in the stretch of the same number. One without a name where `length` is `None`.
    fn slots(&self, length: Option<usize>) -> Vec<Slot> {
        let Some(length) = length.map(|length| length.max(1)) else { return vec![(0, None, 0..self.n_frames)] };
        let end = usize::try_from(self.first_frame + self.n_frames as i64).unwrap_or(0);
        let begin = usize::try_from(self.first_frame).unwrap_or(0);
        let secs = |frame: usize| frame as f64 * self.hop / self.rate_hz;
        let inside = |frame: usize| (frame.clamp(begin, end) as i64 - self.first_frame) as usize;
        let slot = |number: usize| {
            let (from, until) = (number * length, (number + 1) * length);
            (number, Some(format!("{:.2}–{:.2} s", secs(from), secs(until))), inside(from)..inside(until))
        };
        (begin / length..end.div_ceil(length)).map(slot).collect()
    }

    /// `n` bands of equal width in mel from 0 Hz to half the sample rate. One without a name where `n` is 1.
    fn bands(&self, n: usize) -> Vec<Slot> {
        if n <= 1 {
            return vec![(0, None, 0..self.n_bins)];
        }
        let half = self.rate_hz / 2.0;
        let edge_hz = |i: usize| MelScale::Htk.hz(MelScale::Htk.mel(half) * i as f64 / n as f64);
        let edge = |i: usize| (edge_hz(i) / half * (self.n_bins - 1) as f64).round() as usize;
        let band = |i: usize| {
            let until = if i + 1 == n { self.n_bins } else { edge(i + 1) };
            (i, Some(format!("{:.0}–{:.0} Hz", edge_hz(i), edge_hz(i + 1))), edge(i)..until)
        };
        (0..n).map(band).collect()
    }
}

impl Parts {
    /// Boxes: stretches of `slot_frames` frames (`None`: all time), each cut into `n_bands` bands.
    #[must_use]
    pub fn boxes(axes: &Axes, slot_frames: Option<usize>, n_bands: usize) -> Self {
        let mut parts = Vec::new();
        for (slot, time, frames) in axes.slots(slot_frames) {
            for (band, frequency, bins) in axes.bands(n_bands) {
                parts.push(Part {
                    index: slot * n_bands.max(1) + band,
                    name: joined(time.as_ref(), frequency.as_ref()),
                    source: None,
                    frames: frames.clone(),
                    bins,
                });
            }
        }
        Self { n_bins: axes.n_bins, n_frames: axes.n_frames, sources: Vec::new(), parts }
    }

    /// Sources, each cut into stretches of `slot_frames` frames (`None`: not at all).
    #[must_use]
    pub fn sources(axes: &Axes, sources: &[Source], slot_frames: Option<usize>) -> Self {
        let n_numbers = sources.iter().map(|source| source.index + 1).max().unwrap_or(1);
        let mut parts = Vec::new();
        for (slot, time, frames) in axes.slots(slot_frames) {
            for (i, source) in sources.iter().enumerate() {
                parts.push(Part {
                    index: slot * n_numbers + source.index,
                    name: joined(Some(&source.name), time.as_ref()),
                    source: Some(i),
                    frames: frames.clone(),
                    bins: 0..axes.n_bins,
                });
            }
        }
        let masks = sources.iter().map(|source| Arc::clone(&source.mask)).collect();
        Self { n_bins: axes.n_bins, n_frames: axes.n_frames, sources: masks, parts }
    }

    /// The parts, in order.
    #[must_use]
    pub fn as_slice(&self) -> &[Part] {
        &self.parts
    }

    /// Frames of the sound.
    #[must_use]
    pub const fn n_frames(&self) -> usize {
        self.n_frames
    }

    /// Bins of a mask's row.
    #[must_use]
    pub const fn n_bins(&self) -> usize {
        self.n_bins
    }

    /// Writes the mask that keeps some parts, by their places in [`as_slice`](Self::as_slice), for some frames:
    /// `[frames.len(), n_bins]`, each 0…1.
    pub fn mask(&self, kept: impl IntoIterator<Item = usize>, frames: Range<usize>, out: &mut [f32]) {
        out.fill(0.0);
        for part in kept.into_iter().filter_map(|i| self.parts.get(i)) {
            let source = part.source.map(|i| &self.sources[i]);
            for t in part.frames.start.max(frames.start)..part.frames.end.min(frames.end) {
                let row = &mut out[(t - frames.start) * self.n_bins..][part.bins.clone()];
                match source {
                    None => row.fill(1.0),
                    // One that was let go of.
                    Some(mask) if mask.is_empty() => {}
                    Some(mask) => {
                        let mask = &mask[t * self.n_bins..][part.bins.clone()];
                        row.iter_mut().zip(mask).for_each(|(out, m)| *out += m);
                    }
                }
            }
        }
        // Sums of shares may be a little more than 1 by rounding.
        out.iter_mut().for_each(|m| *m = m.min(1.0));
    }

    /// What a part has of each frame of `spectrogram` (`[n_frames, n_bins]`): the mean over all bins, `[n_frames]`.
    #[must_use]
    pub fn strength(&self, part: usize, spectrogram: &[f32]) -> Vec<f32> {
        let mut mask = vec![0.0; spectrogram.len()];
        self.mask([part], 0..self.n_frames, &mut mask);
        let frames = mask.chunks_exact(self.n_bins).zip(spectrogram.chunks_exact(self.n_bins));
        frames.map(|(m, x)| m.iter().zip(x).map(|(m, x)| m * x).sum::<f32>() / self.n_bins as f32).collect()
    }

    /// Lets go of the masks of sources that none of these parts needs; theirs are zeros from here on.
    pub fn keep_only(&mut self, parts: &[usize]) {
        for (i, mask) in self.sources.iter_mut().enumerate() {
            if !parts.iter().any(|part| self.parts.get(*part).is_some_and(|part| part.source == Some(i))) {
                *mask = Arc::default();
            }
        }
    }
}

/// What is named of two names.
fn joined(a: Option<&String>, b: Option<&String>) -> String {
    [a, b].into_iter().flatten().map(String::as_str).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 100 frames a second, bins of 100 Hz up to 1600 Hz.
    fn axes(n_frames: usize, first_frame: i64) -> Axes {
        Axes { n_bins: 17, rate_hz: 3200.0, hop: 32.0, n_frames, first_frame }
    }

    fn mask(parts: &Parts, kept: &[usize]) -> Vec<f32> {
        let mut mask = vec![9.0; parts.n_frames() * parts.n_bins()];
        parts.mask(kept.iter().copied(), 0..parts.n_frames(), &mut mask);
        mask
    }

    #[test]
    fn parts_cover_everything_once() {
        let half: Arc<[f32]> = vec![0.25; 30 * 17].into();
        let rest: Arc<[f32]> = vec![0.75; 30 * 17].into();
        let source = |index, mask: &Arc<[f32]>| Source { index, name: String::new(), mask: Arc::clone(mask) };
        let sources = [source(4, &half), source(1, &rest)];
        for parts in [
            Parts::boxes(&axes(30, 7), Some(10), 4),
            Parts::boxes(&axes(30, 0), Some(10), 1),
            Parts::boxes(&axes(30, 0), None, 8),
            Parts::sources(&axes(30, 25), &sources, Some(16)),
            Parts::sources(&axes(30, 0), &sources, None),
        ] {
            let n = parts.as_slice().len();
            let mut sum = vec![0.0; 30 * 17];
            (0..n).for_each(|i| sum.iter_mut().zip(mask(&parts, &[i])).for_each(|(s, m)| *s += m));
            assert!(sum.iter().all(|s| (*s - 1.0).abs() < 1e-6), "{parts:?}");
            let numbers: std::collections::HashSet<usize> = parts.as_slice().iter().map(|part| part.index).collect();
            assert_eq!(numbers.len(), n, "{parts:?}");
            assert_eq!(mask(&parts, &(0..n).collect::<Vec<_>>()), vec![1.0; 30 * 17]);
        }
    }

    /// The same moment is in the part of the same number, whatever segment it is seen in.
    #[test]
    fn numbers_are_those_of_the_stream() {
        let (early, late) = (Parts::boxes(&axes(30, 0), Some(10), 1), Parts::boxes(&axes(30, 15), Some(10), 1));
        let names = |parts: &Parts| parts.as_slice().iter().map(|p| (p.index, p.name.clone())).collect::<Vec<_>>();
        assert_eq!(names(&early)[2], (2, "0.20–0.30 s".into()));
        assert_eq!(names(&late)[1], (2, "0.20–0.30 s".into()));
        assert_eq!(late.as_slice().len(), 4, "two of them only partly");
        let row = |parts: &Parts, part: usize, t: usize| mask(parts, &[part])[t * 17];
        assert!((20..30).all(|t| row(&early, 2, t) == 1.0 && row(&late, 1, t - 15) == 1.0));
        assert_eq!((row(&late, 1, 4), row(&late, 1, 15)), (0.0, 0.0));
        // Before the stream nothing can be kept or left out.
        let before = Parts::boxes(&axes(30, -20), Some(10), 1);
        assert_eq!(names(&before), [(0, "0.00–0.10 s".to_owned())]);
    }

    #[test]
    fn bands_are_equal_in_mel_and_named() {
        let parts = Parts::boxes(&axes(1, 0), None, 2);
        // Half of mel(1600 Hz) is mel(572 Hz): bins 0 to 5 and 6 to 16.
        let names: Vec<&str> = parts.as_slice().iter().map(|part| part.name.as_str()).collect();
        assert_eq!(names, ["0–569 Hz", "569–1600 Hz"]);
        assert_eq!(mask(&parts, &[0]).iter().filter(|m| **m == 1.0).count(), 6);
        assert_eq!(parts.strength(1, &[1.0; 17]), [11.0 / 17.0]);
    }

    #[test]
    fn what_nobody_needs_is_let_go_of() {
        let source = |index, m: f32| Source { index, name: format!("s{index}"), mask: vec![m; 17].into() };
        let mut parts = Parts::sources(&axes(1, 0), &[source(0, 0.25), source(1, 0.75)], None);
        parts.keep_only(&[1]);
        assert_eq!(mask(&parts, &[0]), [0.0; 17]);
        assert_eq!(mask(&parts, &[0, 1]), [0.75; 17]);
        assert_eq!(parts.as_slice()[1].name, "s1");
    }
}
