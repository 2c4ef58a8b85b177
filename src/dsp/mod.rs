//! Signal processing on plain slices: windows, STFT, mel, level, resampling.
//!
//! Everything here is fed in chunks of any length and gives bit-identical results for every chunking of the same samples;
//! the batch functions are the streaming ones fed once. Nothing here allocates while samples flow, except where a
//! function appends to a caller's `Vec`.

mod convolve;
pub mod features;
mod frame_samples;
pub mod highpass;
pub mod hpss;
pub mod istft;
pub mod level;
pub mod limiter;
pub mod mask;
pub mod mel;
pub mod offset;
pub mod resample;
pub mod sound_level;
pub mod stft;
pub mod weighting;
pub mod window;

pub use convolve::convolve;
pub use features::{Compression, FrontEnd, FrontEndParams, SpectrumPower, log1p_magnitude};
pub use highpass::HighPass;
pub use hpss::hpss_masks;
pub use istft::{StreamingIstft, istft};
pub use level::{FLOOR_DBFS, Level, LevelMeter, from_db, level};
pub use limiter::{Limiter, LimiterParams};
pub use mask::{MaskScale, apply_mask};
pub use mel::{MelFilterbank, MelNorm, MelParams, MelScale};
pub use offset::OffsetFilter;
pub use resample::{StreamingResampler, downmix, resample};
pub use sound_level::SoundLevelMeter;
pub use stft::{Spectrogram, StftParams, StreamingStft, stft};
pub use weighting::{Weighting, WeightingFilter};
pub use window::{WindowKind, window_weights};

/// One value of a spectrum: a complex number of two `f32`.
pub type Complex32 = realfft::num_complex::Complex<f32>;
