//! One recording as one clip: what `explain` does. Segments lie inside the recording (a shorter one is followed by silence),
//! and audio is made as in a live stream.

use std::sync::Arc;
use std::time::SystemTime;

use super::clips::ClipMaker;
use super::detector::Detection;
use super::ears::Ears;
use super::event_ids::EventIds;
use super::history::{Geometry, History, Stride};
use super::inference::Inference;
use super::report::{Event, EventReport, Explained, Handling, ModelRef};
use super::segment_work::classify;
use crate::dsp::log1p_magnitude;
use crate::interpret::{Explanation, Segment, Sound};
use crate::model::classifier::Classified;
use crate::units::{ClassId, SamplePos, StreamClock};
use crate::{Error, Result};

/// Longest recording, in seconds: its spectra are kept in memory, about 20 MB a minute.
pub const MAX_SECS: f64 = 600.0;

/// A segment counts where the class has this share of its highest probability: a label that is asked for, though the
/// classifier hardly believes it, is explained too, where it is believed most.
const DECIDED_SHARE: f32 = 0.5;

/// What an explanation has to know besides the model.
#[derive(Debug, Clone)]
pub struct RecordingParams {
    /// The recording, as in `file:yard.wav`.
    pub source: String,
    /// The model that listens.
    pub model: ModelRef,
    /// Ties positions to wall time; its rate must be the model's.
    pub clock: StreamClock,
    /// Most components that get audio of their own.
    pub max_components: usize,
}

/// Explains a recording (mono, at the model's rate) for `class`, or for the class that is likeliest in any of its segments.
/// The event spans the recording.
///
/// # Errors
/// [`crate::ErrorKind::Input`] where the recording is empty or longer than ten minutes, [`crate::ErrorKind::Usage`] for a
/// class that the model does not have.
pub fn explain_recording(
    samples: &[f32],
    inference: &mut Inference,
    class: Option<ClassId>,
    params: &RecordingParams,
) -> Result<EventReport> {
    let explained = explain_unless_stopped(samples, inference, class, params, &|_| true)?;
    explained.ok_or_else(|| Error::bug("an explanation that nobody called off was not made"))
}

/// As [`explain_recording`], but stops with `None` when `goes_on` returns false. It gets the share of the explanation that is done
/// (0…1), before every segment and repeatedly during slow methods.
///
/// # Errors
/// As [`explain_recording`].
pub fn explain_unless_stopped(
    samples: &[f32],
    inference: &mut Inference,
    class: Option<ClassId>,
    params: &RecordingParams,
    goes_on: &dyn Fn(f32) -> bool,
) -> Result<Option<EventReport>> {
    let classifier = inference.classifier();
    let front_end = *classifier.front_end();
    let rate = front_end.sample_rate;
    let labels = classifier.labels().to_vec();
    check(rate.secs(samples.len() as u64), class, labels.len(), &params.source)?;
    let live = Geometry::new(&front_end, classifier.n_frames(), classifier.stride_frames());
    let geometry = Geometry { first_end: live.segment_frames as u64, ..live };
    let mut ears = Ears::new(&front_end, geometry, vec![0.0; labels.len()], 0.0)?;
    hear(&mut ears, samples)?;
    if !classify_all(&mut ears, inference, goes_on)? {
        return Ok(None);
    }
    let detection = surest(&ears, class, samples.len())?;
    let mut gates = vec![f32::INFINITY; labels.len()];
    if let (Some(gate), Some(label)) = (gates.get_mut(detection.class.0), labels.get(detection.class.0)) {
        *gate = label.off_threshold.min(DECIDED_SHARE * detection.score);
    }
    ears.history.set_gates(gates);
    if !explain_where_decided(&mut ears, inference, &detection, goes_on)? {
        return Ok(None);
    }
    let mut clips = ClipMaker::new(&front_end, &ears.history, params.max_components)?;
    let evidence = clips.evidence(&ears.history, inference, &detection, &(0..samples.len() as u64))?;
    // Seeded by now and not by the recording's date: explained again, or a copy of it, it is another event.
    let mut ids = EventIds::new(SystemTime::now(), &params.source);
    let offset = SamplePos(samples.len() as u64);
    let sure = SamplePos(detection.sure_end * front_end.stft.hop as u64).min(offset);
    Ok(Some(EventReport {
        event: Event {
            id: ids.next(params.clock.start),
            label: labels.get(detection.class.0).map_or_else(String::new, |label| label.name.clone()),
            class: detection.class,
            score: detection.score,
            onset: SamplePos(0),
            offset,
            in_file: Some(SamplePos(0)),
            source: params.source.clone(),
            model: params.model.clone(),
            method: inference.method().to_owned(),
            components: evidence.components,
            faithfulness: evidence.faithfulness,
            explanation: Explained::Done,
            latency_secs: rate.secs(sure.0),
            lag_secs: 0.0,
            level_dbfs: None,
            handling: Handling::default(),
            clock: params.clock,
        },
        clip: evidence.clip,
    }))
}

/// Whether a recording of `secs` seconds can be explained, and this class of `n_labels`.
fn check(secs: f64, class: Option<ClassId>, n_labels: usize, source: &str) -> Result<()> {
    if secs <= 0.0 || secs > MAX_SECS {
        return Err(Error::input(format!(
            "{source} lasts {secs:.1} s and only recordings of up to {MAX_SECS} s can be explained; cut it first"
        )));
    }
    match class.filter(|class| class.0 >= n_labels) {
        Some(class) => Err(Error::usage(format!("the model has {n_labels} labels and no label {}", class.0))),
        None => Ok(()),
    }
}

/// Classifies every segment; whether `goes_on` let it.
fn classify_all(ears: &mut Ears, inference: &mut Inference, goes_on: &dyn Fn(f32) -> bool) -> Result<bool> {
    while let Some(end) = ears.history.ready_segment() {
        if !goes_on(0.0) {
            return Ok(false);
        }
        let probs = classify(inference, &mut ears.history, end)?.probs;
        ears.history.push_stride(Stride {
            end,
            probs,
            frames: None,
            explanation: None,
            classified: true,
            lag_secs: 0.0,
        });
    }
    Ok(true)
}

/// Explains the segments that decide for the event; whether `goes_on` let it. Elsewhere the class has no mask. An explanation
/// takes far more room than a score, so none is made before it is known which are looked at.
fn explain_where_decided(
    ears: &mut Ears,
    inference: &mut Inference,
    detection: &Detection,
    goes_on: &dyn Fn(f32) -> bool,
) -> Result<bool> {
    let looked_at = looked_at(ears, detection);
    for (i, end) in looked_at.iter().enumerate() {
        let share = |of_this: f32| (i as f32 + of_this) / looked_at.len() as f32;
        if !goes_on(share(0.0)) {
            return Ok(false);
        }
        let classified = classify(inference, &mut ears.history, *end)?;
        let watch = |of_this: f32| goes_on(share(of_this));
        let Some(explanation) = explain(inference, &ears.history, *end, &classified, &watch)? else {
            return Ok(false);
        };
        ears.history.complete(*end, classified.probs, explanation);
    }
    Ok(true)
}

/// Puts the recording into memory, and silence behind it up to the end of the last segment.
fn hear(ears: &mut Ears, samples: &[f32]) -> Result<()> {
    let geometry = *ears.history.geometry();
    let n_frames = geometry.stft.n_frames(samples.len()) as u64;
    let beyond = n_frames.saturating_sub(geometry.first_end);
    let stride = geometry.stride_frames as u64;
    let last_end = geometry.first_end + beyond.div_ceil(stride) * stride;
    let mut stft = ears.front_end.stft()?;
    ears.hear(samples, &mut stft);
    let silence = vec![0.0; geometry.stft.hop];
    while ears.history.held_frames().end < last_end {
        ears.hear_end(&silence, &mut stft);
    }
    Ok(())
}

/// What the method says of the segment that ends at frame `end`, with its sound at hand.
fn explain(
    inference: &mut Inference,
    history: &History,
    end: u64,
    classified: &Classified,
    goes_on: &dyn Fn(f32) -> bool,
) -> Result<Option<Arc<dyn Explanation>>> {
    let frames = history.segment_frames(end)?;
    let mut log_magnitude = vec![0.0; frames.len()];
    log1p_magnitude(&frames, &mut log_magnitude);
    let features = history.segment_features(end)?;
    let sound = Sound { frames: &frames, first_frame: history.geometry().segment(end).start };
    let segment = Segment { log_magnitude: &log_magnitude, features: &features, classified, sound: Some(sound) };
    inference.explain_watched(&segment, goes_on)
}

/// Ends of the segments that speak for the event.
fn looked_at(ears: &Ears, detection: &Detection) -> Vec<u64> {
    let speaks = |stride: &&Stride| {
        let prob = stride.probs.get(detection.class.0).copied().unwrap_or(0.0);
        stride.end == detection.peak_end || ears.history.decided(detection.class, prob)
    };
    ears.history.strides().iter().filter(speaks).map(|stride| stride.end).collect()
}

/// The whole recording as an event of `class`, or of the likeliest one, with the segment that is surest of it.
fn surest(ears: &Ears, class: Option<ClassId>, n_samples: usize) -> Result<Detection> {
    let mut best: Option<(ClassId, f32, u64)> = None;
    for stride in ears.history.strides() {
        for (c, prob) in stride.probs.iter().enumerate() {
            let wanted = class.is_none_or(|class| class.0 == c);
            if wanted && best.is_none_or(|(_, most, _)| *prob > most) {
                best = Some((ClassId(c), *prob, stride.end));
            }
        }
    }
    let (class, score, end) = best.ok_or_else(|| Error::bug("a recording gave no segment"))?;
    let offset = ears.history.geometry().stft.n_frames(n_samples) as u64;
    Ok(Detection { class, onset: 0, offset, score, peak_end: end, sure_end: end })
}
