//! How the segments' masks become one mask, and a mask becomes audio.

use std::ops::Range;
use std::sync::Arc;

use crate::support::engine::*;
use earwitness::dsp::{Complex32, FrontEnd, MaskScale, StreamingStft, apply_mask};
use earwitness::engine::history::{Geometry, History, Stride};
use earwitness::engine::masking::{Renderer, Through, mask_frames};
use earwitness::engine::report::ComponentShare;
use earwitness::interpret::Explanation;
use earwitness::units::ClassId;

/// The same value everywhere, but for components, which have a tenth of it.
struct Constant(f32);

impl Explanation for Constant {
    fn n_frames(&self) -> usize {
        SEGMENT
    }

    fn n_bins(&self) -> usize {
        N_BINS
    }

    fn components(&self, _class: ClassId) -> Vec<ComponentShare> {
        Vec::new()
    }

    fn evidence(&self, _class: ClassId) -> Vec<f32> {
        vec![0.0; SEGMENT]
    }

    fn mask(&self, _class: ClassId, frames: Range<usize>, out: &mut [f32]) {
        assert!(frames.end <= SEGMENT && out.len() == frames.len() * N_BINS);
        out.fill(self.0);
    }

    fn component_mask(&self, _: ClassId, _index: usize, frames: Range<usize>, out: &mut [f32]) {
        self.mask(ClassId(0), frames, out);
        out.iter_mut().for_each(|m| *m *= 0.1);
    }
}

fn front_end() -> FrontEnd {
    FrontEnd::new(classifier().front_end()).unwrap()
}

fn geometry() -> Geometry {
    Geometry::new(classifier().front_end(), SEGMENT, STRIDE)
}

/// A history of `samples` without strides.
fn heard(samples: &[f32]) -> History {
    let mut front_end = front_end();
    let mut history = History::new(geometry(), vec![0.5], &mut front_end).unwrap();
    let mut stft = StreamingStft::new(&geometry().stft).unwrap();
    history.push_samples(samples);
    stft.push(samples, |frame| history.push_frame(frame, &mut front_end));
    history
}

/// Strides whose masks are the values given; `None` for one in which the class was not decided.
fn explained(values: &[Option<f32>]) -> History {
    let mut history = heard(&vec![0.0; values.len() * STRIDE * HOP + 200]);
    for value in values {
        let end = history.ready_segment().unwrap();
        let prob = if value.is_some() { 0.5 } else { 0.49 };
        let explanation: Arc<dyn Explanation> = Arc::new(Constant(value.unwrap_or(1.0)));
        history.push_stride(Stride {
            end,
            probs: vec![prob],
            frames: None,
            explanation: Some(explanation),
            classified: true,
            lag_secs: 0.0,
        });
    }
    history
}

/// The mask's value at each frame (it is the same in all bins).
fn values(history: &History, through: Through, frames: Range<u64>) -> Vec<f32> {
    let mask = mask_frames(history, through, frames);
    mask.chunks(N_BINS)
        .map(|row| {
            assert!(row.iter().all(|m| *m == row[0]));
            row[0]
        })
        .collect()
}

const CLASS: Through = Through::Class(ClassId(0));

#[test]
fn each_block_is_explained_two_strides_later_and_fades_in() {
    let history = explained(&[Some(0.1), Some(0.2), Some(0.3), Some(0.5), Some(0.9), None, Some(0.7)]);
    assert_eq!(history.mask_end(), 5 * 32);
    let got = values(&history, CLASS, 0..160);
    // Block b has the mask of the segment that ends two strides behind it; the first frames fade over from the one before.
    let blocks = [0.2, 0.3, 0.5, 0.9, 0.0, 0.7];
    for (t, got) in got.iter().enumerate() {
        let (block, at) = (t / 32, t % 32);
        let (old, new) = (blocks[block], blocks[block + 1]);
        let weight = if at < 8 { (at + 1) as f32 / 9.0 } else { 1.0 };
        let want = weight * new + (1.0 - weight) * old;
        assert!((got - want).abs() < 1e-6, "frame {t}: {got}, not {want}");
    }
    // Any part of it is the same.
    assert_eq!(values(&history, CLASS, 37..101), got[37..101]);
    // What is not final yet has the newest segment's mask.
    assert!(values(&history, CLASS, 161..224).iter().all(|m| *m == 0.7));
    let component = Through::Component { class: ClassId(0), index: 3 };
    for (component, whole) in values(&history, component, 0..160).iter().zip(&got) {
        assert!((component - 0.1 * whole).abs() < 1e-6);
    }
    assert!(values(&history, Through::Class(ClassId(1)), 0..160).iter().all(|m| *m == 0.0), "no such class");
}

#[test]
fn forgetting_leaves_the_masks_of_what_is_kept() {
    let mut history = explained(&[Some(0.1), Some(0.2), Some(0.3), Some(0.5), Some(0.9), Some(0.4), Some(0.7)]);
    let before = values(&history, CLASS, 70..160);
    history.forget_before(70, 70);
    assert_eq!(history.features().first(), 70);
    assert_eq!(values(&history, CLASS, 70..160), before);
    assert!(history.strides().len() < 7);
    assert!(history.segment_features(32).is_err());
}

#[test]
fn a_mask_of_1_gives_any_range_of_the_stream_back() {
    let mut random = Lcg(3);
    let samples: Vec<f32> = (0..8000).map(|_| random.next()).collect();
    let history = heard(&samples);
    let mut renderer = Renderer::new(&geometry()).unwrap();
    // The last frames that hold the last samples are not there yet.
    for range in [0..1, 0..500, 1..7000, 79..81, 3333..3333, 3333..7800] {
        let n_frames = renderer.frames(&history, &range).count();
        let audio = renderer.render(&history, &vec![1.0; n_frames * N_BINS], MaskScale::Log, &range).unwrap();
        assert_close(&audio, &samples[range.start as usize..range.end as usize], 1e-5);
    }
    // Before the stream there is silence.
    let n_frames = renderer.frames(&history, &(-300..300)).count();
    let audio = renderer.render(&history, &vec![1.0; n_frames * N_BINS], MaskScale::Log, &(-300..300)).unwrap();
    assert_close(&audio[300..], &samples[..300], 1e-5);
    assert!(audio[..100].iter().all(|x| *x == 0.0));
    assert!(renderer.render(&history, &[1.0], MaskScale::Log, &(0..300)).is_err());
}

#[test]
fn a_mask_works_on_the_magnitude_or_its_logarithm_and_keeps_the_phase() {
    let frame =
        [Complex32::new(3.0, -4.0), Complex32::new(0.0, 0.0), Complex32::new(-2.0, 0.0), Complex32::new(0.5, 0.5)];
    let mut out = [Complex32::default(); 4];
    apply_mask(&frame, &[0.5, 0.5, 0.0, 1.0], MaskScale::Log, &mut out);
    // |X| = 5 becomes √6 − 1.
    let scale = (6.0_f32.sqrt() - 1.0) / 5.0;
    assert!((out[0] - frame[0] * scale).norm() < 1e-6, "{out:?}");
    assert_eq!(out[1..], [Complex32::default(), Complex32::default(), frame[3]]);
    apply_mask(&frame, &[0.5, 0.5, 0.0, 1.0], MaskScale::Gain, &mut out);
    assert_eq!(out, [frame[0] * 0.5, Complex32::default(), Complex32::default(), frame[3]]);
}
