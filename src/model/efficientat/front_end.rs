//! What the published networks hear.

use super::N_MELS;
use crate::dsp::{Compression, FrontEndParams, MelNorm, MelParams, MelScale, SpectrumPower, StftParams, WindowKind};
use crate::units::SampleRate;
use crate::{Error, Result};

/// Rate that the networks hear at, in Hz.
pub const RATE_HZ: u32 = 32_000;

/// Samples from one frame to the next.
pub const HOP: usize = 320;

/// The front end that the networks were trained on.
///
/// # Errors
/// None: its numbers are good.
pub fn front_end() -> Result<FrontEndParams> {
    let sample_rate = SampleRate::new(RATE_HZ).ok_or_else(|| Error::bug("a sample rate of 0 Hz was asked for"))?;
    Ok(FrontEndParams {
        sample_rate,
        stft: StftParams { n_fft: 1024, hop: HOP, win_length: 800, window: WindowKind::SymmetricHann, centred: true },
        pre_emphasis: 0.97,
        mel: MelParams {
            n_mels: N_MELS,
            scale: MelScale::Kaldi,
            norm: MelNorm::None,
            f_min_hz: 0.0,
            f_max_hz: 15_000.0,
        },
        power: SpectrumPower::Power,
        compression: Compression::Ln { floor: 1e-5, scale: 0.2, offset: 0.9 },
    })
}
