//! From the relevance of mel bands to a mask on the bins of the STFT, which makes it listenable.

use crate::Result;
use crate::dsp::{FrontEndParams, MelFilterbank, SpectrumPower};

/// Share of the positive relevance values that lie below the one that becomes a mask of 1. The published methods divide by
/// the maximum; a few sharp peaks, as products of gradients make them, then leave hardly anything of the sound, and the
/// classifier does not know it again (`docs/methods.md`).
const FULL_AT: f32 = 0.9;

/// The thesis' program drops what is not above this share of a segment's rectified relevance …
const THESIS_DROPPED: f32 = 0.5;
/// … and its text says this, of the relevance of one concept (section 3.3).
const CONCEPT_DROPPED: f32 = 0.9;

/// Weights of the thesis' blur along one axis: a Gaussian of deviation 1 over five places, which sum to 1.
const BLUR: [f32; 5] = [0.054_488_685, 0.244_201_34, 0.402_619_95, 0.244_201_34, 0.054_488_685];

/// Steps towards the spectrum whose bands are the masked ones.
const INVERSION_STEPS: usize = 1000;

/// How relevance becomes a mask.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum MaskForm {
    /// The positive relevance of each band, divided by the 90th percentile of what is positive and cut at 1; each bin gets
    /// the mean of its bands, weighted by how strongly they hold it: Σ_m B_mf mask(m, t) / Σ_m B_mf. A bin without a band
    /// gets 0.
    #[default]
    Gain,
    /// The same, divided by the maximum, as the published programs do.
    GainByMaximum,
    /// The audio of the thesis on concept-based explanations (section 3.3): positive relevance, what is not above its
    /// median becomes 0, a Gaussian blur of 5×5; this gain, spread over the bins as above, multiplies the linear spectrum,
    /// is raised until the sound is as loud (RMS) as the original, and is cut at 1.
    Thesis,
    /// The same, but back from bands to bins as published: the spectrum without negative values whose bands come nearest
    /// to the masked bands (least squares). Hundreds of times slower than the others; not for live use.
    ThesisInverted,
    /// As [`MaskForm::Thesis`], with what is not above the 90th percentile become 0, as the thesis' text says of concepts.
    ThesisConcept,
    /// Of networks that hear samples: no mask at all, but ReLU(R) ⊙ x, each sample times its own positive relevance, and
    /// ReLU(−R) ⊙ x as what speaks against the class (AudioMNIST, "audible heatmaps"). Where a mask is asked for, that of
    /// [`Self::Gain`].
    Audible,
}

impl MaskForm {
    /// The forms by the names of the options.
    pub const NAMES: [(&str, Self); 6] = [
        ("gain", Self::Gain),
        ("gain-by-maximum", Self::GainByMaximum),
        ("thesis-audio", Self::Thesis),
        ("thesis-audio-nnls", Self::ThesisInverted),
        ("thesis-audio-90", Self::ThesisConcept),
        ("audible", Self::Audible),
    ];

    /// The form that an option names.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::NAMES.iter().find(|(known, _)| *known == name).map(|(_, form)| *form)
    }
}

/// Makes masks for one front end.
pub struct RelevanceMask {
    bank: MelFilterbank,
    power: SpectrumPower,
    form: MaskForm,
}

impl RelevanceMask {
    /// For a front end's bands and bins.
    ///
    /// # Errors
    /// As [`MelFilterbank::new`].
    pub fn new(params: &FrontEndParams, form: MaskForm) -> Result<Self> {
        let bank = MelFilterbank::new(&params.mel, params.sample_rate, params.stft.n_fft)?;
        Ok(Self { bank, power: params.power, form })
    }

    /// Bins of a mask's row.
    #[must_use]
    pub const fn n_bins(&self) -> usize {
        self.bank.n_bins()
    }

    /// The mask of bands that [`mask`](Self::mask) spreads over the bins, as many values as `relevance` has, each 0…1; `None`
    /// for forms that do more. Zeros where nothing is positive.
    #[must_use]
    pub fn band_mask(&self, relevance: &[f32]) -> Option<Vec<f32>> {
        let share = match self.form {
            MaskForm::Gain | MaskForm::Audible => FULL_AT,
            MaskForm::GainByMaximum => 1.0,
            MaskForm::Thesis | MaskForm::ThesisInverted | MaskForm::ThesisConcept => return None,
        };
        let mut bands = rectified(relevance);
        let full = quantile_of_positive(&bands, share);
        if full > 0.0 {
            bands.iter_mut().for_each(|r| *r = (*r / full).min(1.0));
        }
        Some(bands)
    }

    /// The mask of signed relevance `[n_frames, n_mels]` for a spectrogram ln(1 + |X|) `[n_frames, n_bins]`: as large as the
    /// spectrogram, each value 0…1; zeros where nothing is positive.
    #[must_use]
    pub fn mask(&self, relevance: &[f32], log_magnitude: &[f32]) -> Vec<f32> {
        if let Some(bands) = self.band_mask(relevance) {
            let mut mask = vec![0.0; log_magnitude.len()];
            self.spread_mask(&bands, &mut mask);
            return mask;
        }
        let dropped = if self.form == MaskForm::ThesisConcept { CONCEPT_DROPPED } else { THESIS_DROPPED };
        let bands = thesis_bands(relevance, self.bank.n_mels(), dropped);
        let gain = match self.form {
            MaskForm::ThesisInverted => self.invert(&bands, log_magnitude),
            _ => self.spread(&bands, log_magnitude.len()),
        };
        as_loud(&gain, log_magnitude)
    }

    /// A mask in bands spread over the bins, by the transposed filterbank: `[n, n_mels]` to `[n, n_bins]`, each 0…1; stops at
    /// the shorter of the two.
    pub fn spread_mask(&self, bands: &[f32], out: &mut [f32]) {
        self.spread_over(bands, out);
        // Rounding may leave the mean of ones above 1.
        out.iter_mut().for_each(|m| *m = m.min(1.0));
    }

    /// Bands to bins by the transposed filterbank.
    fn spread(&self, bands: &[f32], n_values: usize) -> Vec<f32> {
        let mut out = vec![0.0; n_values];
        self.spread_over(bands, &mut out);
        out
    }

    fn spread_over(&self, bands: &[f32], out: &mut [f32]) {
        for (bands, out) in bands.chunks_exact(self.bank.n_mels()).zip(out.chunks_exact_mut(self.n_bins())) {
            self.bank.transpose_gain(bands, out);
        }
    }

    /// Linear gain of each bin, so that the bands of the new spectrum are the old ones times `bands`: least squares without
    /// negative values by multiplicative steps (Lee and Seung 2001), from the spectrum itself.
    fn invert(&self, bands: &[f32], log_magnitude: &[f32]) -> Vec<f32> {
        let (n_bins, n_mels) = (self.n_bins(), self.bank.n_mels());
        let mut gain = vec![0.0; log_magnitude.len()];
        let (mut target, mut reached) = (vec![0.0; n_mels], vec![0.0; n_mels]);
        let (mut wanted, mut have) = (vec![0.0; n_bins], vec![0.0; n_bins]);
        let frames = log_magnitude.chunks_exact(n_bins).zip(bands.chunks_exact(n_mels));
        for ((row, bands), gain) in frames.zip(gain.chunks_exact_mut(n_bins)) {
            let energy: Vec<f32> = row.iter().map(|l| self.energy(l.exp_m1())).collect();
            self.bank.apply(&energy, &mut target);
            target.iter_mut().zip(bands).for_each(|(t, g)| *t *= g);
            self.transpose(&target, &mut wanted);
            let mut spectrum = energy.clone();
            for _ in 0..INVERSION_STEPS {
                self.bank.apply(&spectrum, &mut reached);
                self.transpose(&reached, &mut have);
                let steps = wanted.iter().zip(&have).map(|(w, h)| if *h > 0.0 { w / h } else { 0.0 });
                spectrum.iter_mut().zip(steps).for_each(|(s, step)| *s *= step);
            }
            for ((gain, s), e) in gain.iter_mut().zip(&spectrum).zip(&energy) {
                let ratio = if *e > 0.0 { s / e } else { 0.0 };
                *gain = if self.power == SpectrumPower::Power { ratio.sqrt() } else { ratio };
            }
        }
        gain
    }

    /// What the bands sum of a magnitude.
    fn energy(&self, magnitude: f32) -> f32 {
        if self.power == SpectrumPower::Power { magnitude * magnitude } else { magnitude }
    }

    /// Bᵀ of a column of bands.
    fn transpose(&self, bands: &[f32], out: &mut [f32]) {
        out.fill(0.0);
        for (m, band) in bands.iter().enumerate() {
            let (first, weights) = self.bank.weights(m);
            out[first..].iter_mut().zip(weights).for_each(|(out, w)| *out += w * band);
        }
    }
}

fn rectified(relevance: &[f32]) -> Vec<f32> {
    relevance.iter().map(|r| r.max(0.0)).collect()
}

/// The value that `share` of the positive values do not exceed; 0 where nothing is positive.
fn quantile_of_positive(values: &[f32], share: f32) -> f32 {
    let mut positive: Vec<f32> = values.iter().copied().filter(|v| *v > 0.0).collect();
    quantile(&mut positive, share)
}

fn quantile(values: &mut [f32], share: f32) -> f32 {
    if values.is_empty() {
        return 0.0;
    }
    let at = ((values.len() - 1) as f32 * share).round() as usize;
    *values.select_nth_unstable_by(at, f32::total_cmp).1
}

/// Rectified, without the share `dropped` of the values, blurred (mirrored at the edges).
fn thesis_bands(relevance: &[f32], n_mels: usize, dropped: f32) -> Vec<f32> {
    let mut bands = rectified(relevance);
    let floor = quantile(&mut bands.clone(), dropped);
    bands.iter_mut().filter(|r| **r <= floor).for_each(|r| *r = 0.0);
    let n_frames = bands.len() / n_mels;
    let blurred = |n: usize, i: usize, at: &dyn Fn(usize) -> f32| -> f32 {
        let mirrored = |place: usize| {
            let from_start = place.abs_diff(2);
            if from_start < n { from_start } else { (2 * n).saturating_sub(from_start + 2) }
        };
        BLUR.iter().enumerate().map(|(k, w)| w * at(mirrored(i + k))).sum()
    };
    let mut over_time = vec![0.0; bands.len()];
    for (i, out) in over_time.iter_mut().enumerate() {
        *out = blurred(n_frames, i / n_mels, &|t| bands[t * n_mels + i % n_mels]);
    }
    let row = |i: usize| &over_time[i / n_mels * n_mels..][..n_mels];
    (0..bands.len()).map(|i| blurred(n_mels, i % n_mels, &|m| row(i)[m])).collect()
}

/// The mask that a linear gain amounts to once it is raised to the original's loudness and cut at 1: masks act on
/// ln(1 + |X|), so it is ln(1 + g |X|) / ln(1 + |X|).
fn as_loud(gain: &[f32], log_magnitude: &[f32]) -> Vec<f32> {
    let power = |g: f32, l: f32| (f64::from(g) * f64::from(l).exp_m1()).powi(2);
    let original: f64 = log_magnitude.iter().map(|l| power(1.0, *l)).sum();
    let masked: f64 = gain.iter().zip(log_magnitude).map(|(g, l)| power(*g, *l)).sum();
    let raise = if masked > 0.0 { (original / masked).sqrt() as f32 } else { 0.0 };
    let one = |(g, l): (&f32, &f32)| if *l > 0.0 { ((g * raise).min(1.0) * l.exp_m1()).ln_1p() / l } else { 0.0 };
    gain.iter().zip(log_magnitude).map(one).map(|m| m.clamp(0.0, 1.0)).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
