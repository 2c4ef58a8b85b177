//! The classifier's front end behind a mask, with a gradient: |X'| = exp(m · ln(1 + |X|)) − 1 or m · |X|, power, mel bands,
//! compression, frame by frame in one operation. In candle's operations each step would be a tensor of all bins of a batch.

use std::sync::Arc;

use candle_core::{CpuStorage, CustomOp1, Device, Layout, Shape, Tensor, bail};
use rayon::prelude::*;

use crate::Result;
use crate::dsp::{Compression, FrontEndParams, MaskScale, MelFilterbank, SpectrumPower};
use crate::model::lmac::BandSpread;
use crate::model::ops::matmul;

/// Which part of a sound is heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// What the mask keeps.
    Inside,
    /// The rest.
    Outside,
}

/// From a mask in bands to what the classifier would see of the masked sound.
pub struct MaskedFrontEnd {
    inner: Arc<Inner>,
    /// `[n_mels, n_bins]`.
    spread: Tensor,
    /// Share of the bins that each band stands for, `[n_mels, 1]`.
    shares: Tensor,
}

struct Inner {
    spread: BandSpread,
    bank: MelFilterbank,
    scale: MaskScale,
    power: SpectrumPower,
    compression: Compression,
}

impl MaskedFrontEnd {
    /// The front end of `params` behind masks of this scale.
    ///
    /// # Errors
    /// As [`MelFilterbank::new`].
    pub fn new(params: &FrontEndParams, scale: MaskScale) -> Result<Self> {
        let spread = BandSpread::new(params)?;
        let bank = MelFilterbank::new(&params.mel, params.sample_rate, params.stft.n_fft)?;
        let (n_bins, n_mels) = (bank.n_bins(), bank.n_mels());
        let matrix = spread.matrix();
        let shares = matrix.chunks_exact(n_bins).map(|row| row.iter().sum::<f32>() / n_bins as f32).collect();
        Ok(Self {
            spread: Tensor::from_vec(matrix, (n_mels, n_bins), &Device::Cpu)?,
            shares: Tensor::from_vec(shares, (n_mels, 1), &Device::Cpu)?,
            inner: Arc::new(Inner { spread, bank, scale, power: params.power, compression: params.compression }),
        })
    }

    /// A mask in bands `[batch, n_frames, n_mels]` over the bins, `[batch, n_frames, n_bins]`.
    ///
    /// # Errors
    /// If the shape does not fit.
    pub fn spread(&self, bands: &Tensor) -> Result<Tensor> {
        let (batch, n_frames, n_mels) = bands.dims3()?;
        let bins = matmul(&bands.reshape((batch * n_frames, n_mels))?, &self.spread)?;
        Ok(bins.reshape((batch, n_frames, self.inner.bank.n_bins()))?)
    }

    /// The mean over frames and bins of a mask in bands, `[batch]`.
    ///
    /// # Errors
    /// If the shape does not fit.
    pub fn mean(&self, bands: &Tensor) -> Result<Tensor> {
        Ok(bands.mean(1)?.matmul(&self.shares)?.squeeze(1)?)
    }

    /// What the classifier sees, `[batch, n_frames, n_mels]`, of one part of a sound whose ln(1 + |X|) is `log_magnitude`,
    /// `[batch, n_frames, n_bins]`, under a mask in bands, `[batch, n_frames, n_mels]`. The sound is not made: frames of a
    /// masked spectrogram that do not quite fit one another are seen as they are.
    ///
    /// # Errors
    /// If shapes do not fit.
    pub fn features(&self, bands: &Tensor, log_magnitude: &Tensor, part: Part) -> Result<Tensor> {
        let (batch, n_frames, n_mels) = bands.dims3()?;
        if log_magnitude.dims() != [batch, n_frames, self.inner.bank.n_bins()] || n_mels != self.inner.bank.n_mels() {
            return Err(crate::Error::bug(format!(
                "a mask {:?} was laid on a spectrogram {:?}",
                bands.dims(),
                log_magnitude.dims()
            )));
        }
        let log_magnitude = log_magnitude.flatten_all()?.to_vec1()?;
        let op = Masked { inner: Arc::clone(&self.inner), log_magnitude, part };
        Ok(bands.contiguous()?.apply_op1(op)?)
    }
}

struct Masked {
    inner: Arc<Inner>,
    log_magnitude: Vec<f32>,
    part: Part,
}

/// Room for one frame.
struct Room {
    spectrum: Vec<f32>,
    bands: Vec<f32>,
}

impl Masked {
    fn room(&self) -> Room {
        Room { spectrum: vec![0.0; self.inner.bank.n_bins()], bands: vec![0.0; self.inner.bank.n_mels()] }
    }

    /// The mask of one bin: of what is heard.
    fn mask(&self, bands: &[f32], (band, on): (usize, f32)) -> f32 {
        let next = (band + 1).min(bands.len() - 1);
        let mask = bands[band] + on * (bands[next] - bands[band]);
        if self.part == Part::Inside { mask } else { 1.0 - mask }
    }

    /// A masked magnitude of which ln(1 + |X|) is `log`, and its slope by the mask.
    fn masked(&self, mask: f32, log: f32) -> (f32, f32) {
        match self.inner.scale {
            MaskScale::Log => {
                let one_more = (mask * log).exp();
                (one_more - 1.0, one_more * log)
            }
            MaskScale::Gain => {
                let magnitude = log.exp() - 1.0;
                (mask * magnitude, magnitude)
            }
        }
    }

    /// Mel bands of one masked frame, not yet compressed.
    fn mel(&self, mask: &[f32], log: &[f32], room: &mut Room) {
        for ((s, log), bin) in room.spectrum.iter_mut().zip(log).zip(self.inner.spread.bins()) {
            let (magnitude, _) = self.masked(self.mask(mask, *bin), *log);
            *s = if self.inner.power == SpectrumPower::Power { magnitude * magnitude } else { magnitude };
        }
        self.inner.bank.apply(&room.spectrum, &mut room.bands);
    }

    /// The gradient of one frame's mask from that of its features.
    fn backward(&self, mask: &[f32], log: &[f32], grad: &[f32], room: &mut Room, out: &mut [f32]) {
        self.mel(mask, log, room);
        room.spectrum.fill(0.0);
        for (band, (x, grad)) in room.bands.iter().zip(grad).enumerate() {
            let grad = grad * self.inner.compression.slope(*x);
            let (first, weights) = self.inner.bank.weights(band);
            room.spectrum[first..].iter_mut().zip(weights).for_each(|(g, w)| *g += grad * w);
        }
        let sign = if self.part == Part::Inside { 1.0 } else { -1.0 };
        for ((grad, log), bin) in room.spectrum.iter().zip(log).zip(self.inner.spread.bins()) {
            let (magnitude, by_mask) = self.masked(self.mask(mask, *bin), *log);
            let slope = if self.inner.power == SpectrumPower::Power { 2.0 * magnitude } else { 1.0 };
            let grad = sign * grad * slope * by_mask;
            let (band, on) = *bin;
            out[band] += (1.0 - on) * grad;
            out[(band + 1).min(mask.len() - 1)] += on * grad;
        }
    }
}

impl CustomOp1 for Masked {
    fn name(&self) -> &'static str {
        "masked-front-end"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> candle_core::Result<(CpuStorage, Shape)> {
        let (CpuStorage::F32(masks), Some((start, end))) = (storage, layout.contiguous_offsets()) else {
            bail!("{} needs contiguous f32 masks", self.name())
        };
        let (n_mels, n_bins) = (self.inner.bank.n_mels(), self.inner.bank.n_bins());
        let mut out = vec![0.0; end - start];
        let frames = out.par_chunks_exact_mut(n_mels).zip(masks[start..end].par_chunks_exact(n_mels));
        frames.zip(self.log_magnitude.par_chunks_exact(n_bins)).for_each_init(
            || self.room(),
            |room, ((out, mask), log)| {
                self.mel(mask, log, room);
                self.inner.compression.apply(&mut room.bands);
                out.copy_from_slice(&room.bands);
            },
        );
        Ok((CpuStorage::F32(out), layout.shape().clone()))
    }

    fn bwd(&self, masks: &Tensor, _: &Tensor, grad: &Tensor) -> candle_core::Result<Option<Tensor>> {
        let (n_mels, n_bins) = (self.inner.bank.n_mels(), self.inner.bank.n_bins());
        let (values, grad) = (masks.flatten_all()?.to_vec1::<f32>()?, grad.flatten_all()?.to_vec1::<f32>()?);
        let mut out = vec![0.0; values.len()];
        let frames = out.par_chunks_exact_mut(n_mels).zip(values.par_chunks_exact(n_mels));
        let frames = frames.zip(grad.par_chunks_exact(n_mels)).zip(self.log_magnitude.par_chunks_exact(n_bins));
        frames.for_each_init(
            || self.room(),
            |room, (((out, mask), grad), log)| self.backward(mask, log, grad, room, out),
        );
        Ok(Some(Tensor::from_vec(out, masks.shape(), masks.device())?))
    }
}
