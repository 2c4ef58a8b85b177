//! Mel filterbanks equal to `librosa.filters.mel` or to Kaldi's, stored sparse: a band touches a few bins, not all of them.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::units::SampleRate;

/// The largest number of bands accepted, so that a slipped digit in a manifest is an error.
const MAX_BANDS: usize = 4096;

/// Which formula turns Hz into mel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MelScale {
    /// Linear to 1 kHz and logarithmic above, as in Slaney's Auditory Toolbox (librosa's default, `htk=False`).
    Slaney,
    /// `2595 log10(1 + f/700)` (librosa's `htk=True`).
    Htk,
    /// The same scale as [`Self::Htk`], with triangles that are straight in mel and not in Hz, as Kaldi draws them
    /// (`torchaudio.compliance.kaldi.get_mel_banks`); the bin at half the sample rate is in no band.
    Kaldi,
    /// No bands: value m of a column is bin m.
    Bins,
    /// No bands and no spectrum: a column is as many samples in the middle of its frame, one hop of them
    /// ([`FrontEnd`](super::FrontEnd)). Each sample holds every bin alike.
    Samples,
}

impl MelScale {
    const SLANEY_HZ_PER_MEL: f64 = 200.0 / 3.0;
    const SLANEY_LOG_FROM_HZ: f64 = 1000.0;
    const SLANEY_LOG_FROM_MEL: f64 = Self::SLANEY_LOG_FROM_HZ / Self::SLANEY_HZ_PER_MEL;

    /// Natural logarithm of the frequency ratio of one mel above 1 kHz.
    fn slaney_log_step() -> f64 {
        6.4_f64.ln() / 27.0
    }

    /// A frequency in mel.
    #[must_use]
    pub fn mel(self, hz: f64) -> f64 {
        match self {
            // Kaldi writes 1127 ln(1 + f/700): the same, but for a factor that bands do not depend on.
            Self::Htk | Self::Kaldi => 2595.0 * (1.0 + hz / 700.0).log10(),
            Self::Slaney if hz >= Self::SLANEY_LOG_FROM_HZ => {
                Self::SLANEY_LOG_FROM_MEL + (hz / Self::SLANEY_LOG_FROM_HZ).ln() / Self::slaney_log_step()
            }
            Self::Slaney => hz / Self::SLANEY_HZ_PER_MEL,
            Self::Bins | Self::Samples => hz,
        }
    }

    /// A frequency in Hz: the inverse of [`mel`](Self::mel).
    #[must_use]
    pub fn hz(self, mel: f64) -> f64 {
        match self {
            Self::Htk | Self::Kaldi => 700.0 * (10.0_f64.powf(mel / 2595.0) - 1.0),
            Self::Slaney if mel >= Self::SLANEY_LOG_FROM_MEL => {
                Self::SLANEY_LOG_FROM_HZ * ((mel - Self::SLANEY_LOG_FROM_MEL) * Self::slaney_log_step()).exp()
            }
            Self::Slaney => mel * Self::SLANEY_HZ_PER_MEL,
            Self::Bins | Self::Samples => mel,
        }
    }
}

/// How high a band's triangle is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MelNorm {
    /// Every triangle peaks at 1 (librosa's `norm=None`).
    None,
    /// Every triangle has the same area: divided by half its width in Hz (librosa's default, `norm="slaney"`).
    Slaney,
}

/// What a filterbank looks like.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MelParams {
    /// Number of bands.
    pub n_mels: usize,
    /// The frequency scale on which the bands are evenly spaced.
    pub scale: MelScale,
    /// The bands' heights.
    pub norm: MelNorm,
    /// Where the lowest band begins, in Hz.
    pub f_min_hz: f32,
    /// Where the highest band ends, in Hz; at most half the sample rate.
    pub f_max_hz: f32,
}

/// One band's weights: `weights[first_weight..]` belong to the bins from `first_bin` on.
#[derive(Debug, Clone, Copy)]
struct Band {
    first_bin: usize,
    first_weight: usize,
    n_bins: usize,
}

/// Triangular bands over the bins of a spectrum.
#[derive(Debug, Clone)]
pub struct MelFilterbank {
    n_bins: usize,
    bands: Vec<Band>,
    weights: Vec<f32>,
    centre_hz: Vec<f32>,
    /// Per bin, one over the sum of all bands' weights there; 0 where no band is.
    inverse_coverage: Vec<f32>,
}

impl MelFilterbank {
    /// The filterbank of `params` for spectra of `n_fft / 2 + 1` bins of a signal at `sample_rate`. A band so narrow that it
    /// falls between two bins is empty and stays 0, as in librosa.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`](crate::ErrorKind::Usage) where there are no bands, too many, or their frequency range is empty or
    /// reaches outside 0 Hz to half the sample rate.
    pub fn new(params: &MelParams, sample_rate: SampleRate, n_fft: usize) -> Result<Self> {
        let MelParams { n_mels, scale, norm, f_min_hz, f_max_hz } = *params;
        check(params, sample_rate, n_fft)?;
        let (f_min, f_max) = (f64::from(f_min_hz), f64::from(f_max_hz));
        if matches!(scale, MelScale::Bins | MelScale::Samples) {
            return Self::without_bands(params, sample_rate, n_fft);
        }
        // The corners: band m rises from corner m to corner m + 1 and falls to corner m + 2.
        let (low, high) = (scale.mel(f_min), scale.mel(f_max));
        let corners: Vec<f64> =
            (0..n_mels + 2).map(|i| scale.hz(low + (high - low) * i as f64 / (n_mels + 1) as f64)).collect();
        let bin_hz = f64::from(sample_rate.hz()) / n_fft as f64;
        let n_bins = n_fft / 2 + 1;
        let mut bank = Self {
            n_bins,
            bands: Vec::with_capacity(n_mels),
            weights: Vec::new(),
            centre_hz: Vec::with_capacity(n_mels),
            inverse_coverage: vec![0.0; n_bins],
        };
        let n_weighed = if scale == MelScale::Kaldi { n_bins - 1 } else { n_bins };
        // The axis on which a triangle's sides are straight.
        let along = |hz: f64| if scale == MelScale::Kaldi { scale.mel(hz) } else { hz };
        for corner in corners.windows(3) {
            let [left, centre, right] = [corner[0], corner[1], corner[2]];
            let sides = [along(left), along(centre), along(right)];
            let height = match norm {
                MelNorm::None => 1.0,
                MelNorm::Slaney => 2.0 / (right - left),
            };
            let weight = |bin: usize| {
                let (at, [left, centre, right]) = (along(bin as f64 * bin_hz), sides);
                height * ((at - left) / (centre - left)).min((right - at) / (right - centre)).max(0.0)
            };
            let mut first_bin = ((left / bin_hz) as usize).min(n_weighed);
            let mut end_bin = ((right / bin_hz) as usize + 2).clamp(first_bin, n_weighed);
            while first_bin < end_bin && weight(first_bin) <= 0.0 {
                first_bin += 1;
            }
            while first_bin < end_bin && weight(end_bin - 1) <= 0.0 {
                end_bin -= 1;
            }
            bank.bands.push(Band { first_bin, first_weight: bank.weights.len(), n_bins: end_bin - first_bin });
            bank.weights.extend((first_bin..end_bin).map(|bin| weight(bin) as f32));
            bank.centre_hz.push(centre as f32);
        }
        bank.cover();
        Ok(bank)
    }

    /// What stands for a bank where columns are bins or samples.
    fn without_bands(params: &MelParams, sample_rate: SampleRate, n_fft: usize) -> Result<Self> {
        let (n_mels, n_bins) = (params.n_mels, n_fft / 2 + 1);
        let is_bins = params.scale == MelScale::Bins;
        if is_bins && n_mels > n_bins {
            return Err(Error::usage(format!("n_mels is {n_mels} and there are {n_bins} bins; give at most as many")));
        }
        // Samples are drawn as spectra of as many values from 0 Hz to half the sample rate.
        let step_hz = f64::from(sample_rate.hz()) / if is_bins { n_fft as f64 } else { 2.0 * n_mels as f64 };
        let band = |m: usize| match params.scale {
            MelScale::Bins => Band { first_bin: m, first_weight: 0, n_bins: 1 },
            _ => Band { first_bin: 0, first_weight: 0, n_bins },
        };
        let mut bank = Self {
            n_bins,
            bands: (0..n_mels).map(band).collect(),
            weights: vec![1.0; n_bins],
            centre_hz: (0..n_mels).map(|m| (m as f64 * step_hz) as f32).collect(),
            inverse_coverage: vec![0.0; n_bins],
        };
        bank.cover();
        Ok(bank)
    }

    /// Sums the weights over each bin.
    fn cover(&mut self) {
        for band in &self.bands {
            let weights = &self.weights[band.first_weight..band.first_weight + band.n_bins];
            for (sum, weight) in self.inverse_coverage[band.first_bin..].iter_mut().zip(weights) {
                *sum += weight;
            }
        }
        for sum in &mut self.inverse_coverage {
            *sum = if *sum > 0.0 { 1.0 / *sum } else { 0.0 };
        }
    }

    /// Number of bands.
    #[must_use]
    pub fn n_mels(&self) -> usize {
        self.bands.len()
    }

    /// Number of bins of the spectra it takes.
    #[must_use]
    pub const fn n_bins(&self) -> usize {
        self.n_bins
    }

    /// Where each band peaks, in Hz: `[n_mels]`, rising.
    #[must_use]
    pub fn centre_hz(&self) -> Vec<f32> {
        self.centre_hz.clone()
    }

    /// The first bin of `band` and its weights from there on (none for an empty band).
    ///
    /// # Panics
    /// If there is no such band.
    #[must_use]
    pub fn weights(&self, band: usize) -> (usize, &[f32]) {
        let Band { first_bin, first_weight, n_bins } = self.bands[band];
        (first_bin, &self.weights[first_weight..first_weight + n_bins])
    }

    /// Mean of a row of bins (`[n_bins]`) over `band`, each bin weighted as the band weighs it; `None` for an empty band.
    ///
    /// # Panics
    /// If there is no such band, or `row` has fewer than `n_bins` values.
    #[must_use]
    pub fn mean(&self, band: usize, row: &[f32]) -> Option<f32> {
        let (first, weights) = self.weights(band);
        let total: f32 = weights.iter().sum();
        let sum: f32 = weights.iter().zip(&row[first..]).map(|(w, x)| w * x).sum();
        (total > 0.0).then(|| sum / total)
    }

    /// Sums a spectrum (`[n_bins]`, magnitude or power) into bands (`out`, `[n_mels]`).
    ///
    /// # Panics
    /// If `spectrum` has fewer than `n_bins` values; bands beyond `out`'s length are left out.
    pub fn apply(&self, spectrum: &[f32], out: &mut [f32]) {
        for (out, band) in out.iter_mut().zip(&self.bands) {
            let weights = &self.weights[band.first_weight..band.first_weight + band.n_bins];
            *out = dot(weights, &spectrum[band.first_bin..band.first_bin + band.n_bins]);
        }
    }

    /// Spreads one gain a band (`[n_mels]`) over the bins (`out`, `[n_bins]`): each bin gets the mean of its bands' gains,
    /// weighted by how strongly they hold it, so that gains of 1 give 1. A bin that no band holds gets 0.
    ///
    /// # Panics
    /// If `out` has fewer than `n_bins` values; bands beyond `band_gain`'s length count as 0.
    pub fn transpose_gain(&self, band_gain: &[f32], out: &mut [f32]) {
        out.fill(0.0);
        for (gain, band) in band_gain.iter().zip(&self.bands) {
            let weights = &self.weights[band.first_weight..band.first_weight + band.n_bins];
            for (out, weight) in out[band.first_bin..band.first_bin + band.n_bins].iter_mut().zip(weights) {
                *out += weight * gain;
            }
        }
        for (out, inverse) in out.iter_mut().zip(&self.inverse_coverage) {
            *out *= inverse;
        }
    }
}

/// Whether there can be such a bank.
fn check(params: &MelParams, sample_rate: SampleRate, n_fft: usize) -> Result<()> {
    let MelParams { n_mels, f_min_hz, f_max_hz, .. } = *params;
    if !(1..=MAX_BANDS).contains(&n_mels) {
        return Err(Error::usage(format!("n_mels is {n_mels}; give a number of mel bands from 1 to {MAX_BANDS}")));
    }
    let nyquist_hz = f64::from(sample_rate.hz()) / 2.0;
    let (f_min, f_max) = (f64::from(f_min_hz), f64::from(f_max_hz));
    // Written so that NaN fails too.
    if !(f_min >= 0.0 && f_min < f_max && f_max <= nyquist_hz) {
        return Err(Error::usage(format!(
            "mel bands from {f_min_hz} Hz to {f_max_hz} Hz do not fit a sample rate of {} Hz; \
             give 0 <= f_min_hz < f_max_hz <= {nyquist_hz}",
            sample_rate.hz()
        )));
    }
    if n_fft < 2 {
        return Err(Error::usage(format!("n_fft is {n_fft}; a mel filterbank needs at least 2")));
    }
    Ok(())
}

/// The inner product, in eight interleaved sums so that the compiler may use vector registers.
fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut sums = [0.0_f32; 8];
    let (a_chunks, a_rest) = a.as_chunks::<8>();
    let (b_chunks, b_rest) = b.as_chunks::<8>();
    for (a, b) in a_chunks.iter().zip(b_chunks) {
        for (sum, (a, b)) in sums.iter_mut().zip(a.iter().zip(b)) {
            *sum += a * b;
        }
    }
    let rest: f32 = a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum();
    sums.iter().sum::<f32>() + rest
}
