//! From mel bands to the bins of the STFT.

use crate::Result;
use crate::dsp::{FrontEndParams, MelFilterbank};

/// Spreads one value a band over the bins, by linear interpolation between the bands' centres: what the classifier cannot
/// tell apart gets one value. Bins outside all centres get the nearest band's, so that no bin is left out.
#[derive(Debug, Clone)]
pub struct BandSpread {
    n_mels: usize,
    /// For each bin: a band, and how far the bin lies on the way to the next one, 0…1.
    bins: Vec<(usize, f32)>,
}

impl BandSpread {
    /// The spread for a front end's bands.
    ///
    /// # Errors
    /// As [`MelFilterbank::new`].
    pub fn new(front_end: &FrontEndParams) -> Result<Self> {
        let bank = MelFilterbank::new(&front_end.mel, front_end.sample_rate, front_end.stft.n_fft)?;
        let centres = bank.centre_hz();
        let bin_hz = front_end.sample_rate.hz() as f32 / front_end.stft.n_fft as f32;
        let place = |bin: usize| {
            let hz = bin as f32 * bin_hz;
            let above = centres.partition_point(|centre| *centre <= hz);
            match above.checked_sub(1) {
                None => (0, 0.0),
                Some(band) if above == centres.len() => (band, 0.0),
                Some(band) => (band, (hz - centres[band]) / (centres[above] - centres[band])),
            }
        };
        Ok(Self { n_mels: centres.len(), bins: (0..bank.n_bins()).map(place).collect() })
    }

    /// Bands that it takes.
    #[must_use]
    pub const fn n_mels(&self) -> usize {
        self.n_mels
    }

    /// Bins that it gives.
    #[must_use]
    pub fn n_bins(&self) -> usize {
        self.bins.len()
    }

    /// For each bin: a band, and how far the bin lies on the way to the next one, 0…1 (0 in the last band).
    #[must_use]
    pub fn bins(&self) -> &[(usize, f32)] {
        &self.bins
    }

    /// Spreads frames of bands `[n, n_mels]` over frames of bins (`out`, `[n, n_bins]`); stops at the shorter of the two.
    pub fn apply(&self, bands: &[f32], out: &mut [f32]) {
        for (bands, out) in bands.chunks_exact(self.n_mels).zip(out.chunks_exact_mut(self.bins.len())) {
            for (out, (band, on)) in out.iter_mut().zip(&self.bins) {
                let next = (band + 1).min(self.n_mels - 1);
                *out = bands[*band] + on * (bands[next] - bands[*band]);
            }
        }
    }

    /// The same as a matrix `[n_mels, n_bins]`, row-major, to be multiplied from the right.
    #[must_use]
    pub fn matrix(&self) -> Vec<f32> {
        let n_bins = self.n_bins();
        let mut matrix = vec![0.0; self.n_mels * n_bins];
        for (bin, (band, on)) in self.bins.iter().enumerate() {
            matrix[band * n_bins + bin] += 1.0 - on;
            matrix[(band + 1).min(self.n_mels - 1) * n_bins + bin] += on;
        }
        matrix
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
pub(crate) mod tests {
    use super::*;
    use crate::dsp::{Compression, MelNorm, MelParams, MelScale, SpectrumPower, StftParams, WindowKind};
    use crate::units::SampleRate;

    /// 8 kHz, 256 points, 16 bands: 129 bins.
    pub(crate) fn small_front_end() -> FrontEndParams {
        FrontEndParams {
            sample_rate: SampleRate::new(8000).unwrap(),
            stft: StftParams { n_fft: 256, hop: 100, win_length: 256, window: WindowKind::Hann, centred: true },
            mel: MelParams { n_mels: 16, scale: MelScale::Htk, norm: MelNorm::None, f_min_hz: 0.0, f_max_hz: 4000.0 },
            pre_emphasis: 0.0,
            power: SpectrumPower::Power,
            compression: Compression::Log10 { floor: 1e-5, scale: 0.4, offset: 0.8 },
        }
    }

    #[test]
    fn it_is_the_transposed_filterbank_where_that_reaches_and_leaves_no_bin_out() {
        let front_end = small_front_end();
        let spread = BandSpread::new(&front_end).unwrap();
        let bank = MelFilterbank::new(&front_end.mel, front_end.sample_rate, 256).unwrap();
        assert_eq!((spread.n_mels(), spread.n_bins()), (16, 129));
        let bands: Vec<f32> = (0..16).map(|m| (m * 7 % 16) as f32 / 16.0).collect();
        let (mut got, mut want) = (vec![9.0; 129], vec![0.0; 129]);
        spread.apply(&bands, &mut got);
        bank.transpose_gain(&bands, &mut want);
        // Only the first and last bin lie on the outermost corners, where no triangle has weight.
        for bin in 1..128 {
            assert!((got[bin] - want[bin]).abs() < 1e-4, "{bin}: {} is not {}", got[bin], want[bin]);
        }
        assert_eq!((got[0], got[128]), (bands[0], bands[15]));
        spread.apply(&[1.0; 32], &mut [0.0; 258]);
        let matrix = spread.matrix();
        for bin in 0..129 {
            let sum: f32 = (0..16).map(|m| matrix[m * 129 + bin]).sum();
            let value: f32 = (0..16).map(|m| matrix[m * 129 + bin] * bands[m]).sum();
            assert!((sum - 1.0).abs() < 1e-6 && (value - got[bin]).abs() < 1e-6, "{bin}");
        }
    }
}
