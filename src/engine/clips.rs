//! The evidence of one event: audio, picture, components, and what the classifier says of the interpretation alone.

use std::ops::Range;

use super::audible::Audible;
use super::detector::Detection;
use super::history::{History, Stride};
use super::inference::Inference;
use super::level_scale::LevelScale;
use super::masking::{Renderer, Through, mask_frames, sample_shares};
use super::report::{Clip, ComponentShare, Faithfulness, MelPicture};
use crate::dsp::{FrontEnd, FrontEndParams, StftParams};
use crate::model::classifier::Classified;
use crate::units::SamplePos;
use crate::{Error, Result};

/// Evidence of an event, its clip placed as if the history began with the stream.
#[derive(Debug, Clone)]
pub struct Evidence {
    /// Audio and picture.
    pub clip: Clip,
    /// Relevant components of the segment that was surest.
    pub components: Vec<ComponentShare>,
    /// The three figures; none without a method.
    pub faithfulness: Option<Faithfulness>,
}

/// Cuts evidence out of a history.
pub struct ClipMaker {
    front_end: FrontEnd,
    renderer: Renderer,
    levels: LevelScale,
    silence: Vec<f32>,
    max_components: usize,
    centre_hz: Vec<f32>,
}

impl ClipMaker {
    /// A maker for streams of one model; clips get at most `max_components` components.
    ///
    /// # Errors
    /// As the front end.
    pub fn new(params: &FrontEndParams, history: &History, max_components: usize) -> Result<Self> {
        // A segment's own samples, cut from the stream, hold its frames without any padding.
        let params = FrontEndParams { stft: StftParams { centred: false, ..params.stft }, ..*params };
        let front_end = FrontEnd::new(&params)?;
        Ok(Self {
            renderer: Renderer::new(history.geometry())?,
            levels: LevelScale::new(&params, front_end.bank())?,
            silence: history.silence().to_vec(),
            max_components,
            centre_hz: front_end.bank().centre_hz(),
            front_end,
        })
    }

    /// Feature columns as levels in dB.
    #[must_use]
    pub const fn levels(&self) -> &LevelScale {
        &self.levels
    }

    /// Centre frequency of each band in Hz.
    #[must_use]
    pub fn centre_hz(&self) -> &[f32] {
        &self.centre_hz
    }

    /// Everything that belongs to `detection`; the clip holds the samples `span`.
    ///
    /// # Errors
    /// A bug where the history does not hold what is needed.
    pub fn evidence(
        &mut self,
        history: &History,
        inference: &mut Inference,
        detection: &Detection,
        span: &Range<u64>,
    ) -> Result<Evidence> {
        let class = detection.class;
        let through = Through::Class(class);
        let samples = span.start as i64..span.end as i64;
        let heard = history.samples_or_silence(&samples);
        let stretch = self.renderer.stretch(history, &samples);
        let mask = mask_frames(history, through, stretch.frames.clone());
        let scale = history.mask_scale();
        let mut picture = self.picture(history, &stretch.frames, &mask, span);
        // Of what is no class of the model's, the model has nothing to say: its mask is 0 everywhere.
        let is_peak = |stride: &&Stride| history.is_of_model(class) && stride.end == detection.peak_end;
        let peak = history.strides().iter().find(is_peak);
        let explanation = peak.and_then(|stride| stride.explanation.as_ref());
        let mut components = explanation.map_or_else(Vec::new, |e| e.components(class));
        components.truncate(self.max_components);
        let of_samples = explanation.filter(|e| e.sample_shares(class).is_some());
        let shares = of_samples.map_or_else(Vec::new, |_| sample_shares(history, class, &samples));
        if of_samples.is_some() {
            picture.samples.clone_from(&heard);
            picture.shares.clone_from(&shares);
        }
        let audible = explanation.filter(|e| e.plays_samples()).map(|_| Audible::new(&heard, &shares));
        let interpretation = match &audible {
            Some(audible) => audible.of(),
            None => self.renderer.render_stretch(&stretch, &mask, scale)?,
        };
        let (sample_rate, mut component_audio) = (self.front_end.params().sample_rate, Vec::new());
        for component in &mut components {
            let audio = if let Some(audible) = &audible {
                audible.against()
            } else {
                let through = Through::Component { class, index: component.index };
                let mask = mask_frames(history, through, stretch.frames.clone());
                if !explanation.is_some_and(|e| e.is_named(component)) {
                    component.name = self.renderer.shape(&stretch, &mask, scale, sample_rate).name();
                }
                self.renderer.render_stretch(&stretch, &mask, scale)?
            };
            component_audio.push((component.clone(), audio));
        }
        let faithfulness = match (peak, explanation) {
            (Some(peak), Some(_)) => Some(self.faithfulness(history, inference, peak, through, audible.is_some())?),
            _ => None,
        };
        let clip = Clip {
            start: SamplePos(span.start),
            sample_rate,
            heard,
            interpretation,
            components: component_audio,
            picture,
        };
        Ok(Evidence { clip, components, faithfulness })
    }

    /// Runs the classifier again on the peak segment: on its samples, on the interpretation of those, and on the rest.
    fn faithfulness(
        &mut self,
        history: &History,
        inference: &mut Inference,
        peak: &Stride,
        through: Through,
        plays_samples: bool,
    ) -> Result<Faithfulness> {
        let (Through::Class(class) | Through::Component { class, .. }) = through;
        let segment = history.geometry().segment(peak.end);
        let samples = history.geometry().span(&segment);
        let n_padded = usize::try_from(-segment.start).unwrap_or(0);
        let input = history.samples_or_silence(&samples);
        let (interpretation, rest) = if plays_samples {
            let shares = sample_shares(history, class, &samples);
            let audible = Audible::new(&input, &shares);
            (audible.of(), audible.rest())
        } else {
            let stretch = self.renderer.stretch(history, &samples);
            let mut mask = mask_frames(history, through, stretch.frames.clone());
            let scale = history.mask_scale();
            let interpretation = self.renderer.render_stretch(&stretch, &mask, scale)?;
            // What is left is what the mask leaves, in the domain where it is applied (X2 of Eq. 7 in the extended L2I paper).
            mask.iter_mut().for_each(|m| *m = 1.0 - *m);
            (interpretation, self.renderer.render_stretch(&stretch, &mask, scale)?)
        };
        let prob = |classified: &Classified| classified.probs.get(class.0).copied().unwrap_or(0.0);
        let alone = self.classify(inference, &interpretation, n_padded)?;
        let starts_at = inference.classifier().labels().get(class.0).map_or(1.0, |label| label.on_threshold);
        let agrees = alone.top() == class.0;
        Ok(Faithfulness {
            agrees,
            enough: agrees || prob(&alone) >= starts_at,
            prob: prob(&self.classify(inference, &input, n_padded)?),
            prob_in: prob(&alone),
            prob_out: prob(&self.classify(inference, &rest, n_padded)?),
        })
    }

    /// Classifies a segment given as all the samples that its frames hold; its first `n_padded` frames lie before the
    /// stream and are silence.
    fn classify(&mut self, inference: &mut Inference, samples: &[f32], n_padded: usize) -> Result<Classified> {
        let mut features = self.front_end.batch(samples)?;
        let n_mels = self.silence.len();
        if features.len() != inference.classifier().n_frames() * n_mels {
            return Err(Error::bug(format!("{} samples did not make a segment", samples.len())));
        }
        features.chunks_exact_mut(n_mels).take(n_padded).for_each(|column| column.copy_from_slice(&self.silence));
        let mut one = inference.classify(&[&features])?;
        one.pop().ok_or_else(|| Error::bug("a segment was classified and nothing came back"))
    }

    /// The frames centred inside the clip, as levels, and the mask's mean over each band.
    fn picture(&self, history: &History, frames: &Range<u64>, mask: &[f32], span: &Range<u64>) -> MelPicture {
        let geometry = history.geometry();
        let (hop, n_bins) = (geometry.stft.hop as u64, geometry.stft.n_bins());
        let half = (geometry.frame_start(0) + geometry.stft.n_fft as i64 / 2).max(0) as u64;
        let inside = |sample: u64| sample.saturating_sub(half).div_ceil(hop);
        let first = inside(span.start).clamp(frames.start, frames.end);
        let end = inside(span.end).clamp(first, frames.end);
        let features = history.features().slice(first..end).unwrap_or(&[]);
        let rows = (first - frames.start) as usize * n_bins..(end - frames.start) as usize * n_bins;
        let mut band_mask = vec![0.0; features.len()];
        self.band_mask(&mask[rows], &mut band_mask);
        let params = self.front_end.params();
        MelPicture {
            n_bands: geometry.n_mels,
            frame_secs: params.sample_rate.secs(hop),
            level_db: self.levels.levels(features),
            mask: band_mask,
            range_hz: (params.mel.f_min_hz, params.mel.f_max_hz),
            centre_hz: self.centre_hz.clone(),
            samples: Vec::new(),
            shares: Vec::new(),
        }
    }

    /// A mask over bins `[n, n_bins]` as its mean over each band `[n, n_mels]`, weighted as the band weighs its bins.
    pub fn band_mask(&self, mask: &[f32], out: &mut [f32]) {
        let bank = self.front_end.bank();
        for (row, out) in mask.chunks_exact(bank.n_bins()).zip(out.chunks_exact_mut(bank.n_mels())) {
            for (band, out) in out.iter_mut().enumerate() {
                *out = bank.mean(band, row).unwrap_or(0.0);
            }
        }
    }
}
