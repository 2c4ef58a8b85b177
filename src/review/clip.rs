//! The sounds of one event, and their pictures for a terminal.

use std::path::Path;
use std::sync::Arc;

use crate::archive::StoredEvent;
use crate::archive::files::open_regular;
use crate::dsp::{MelFilterbank, MelNorm, MelParams, MelScale, StftParams, WindowKind, stft};
use crate::engine::snapshot::Waterfall;
use crate::error::{Error, Result};
use crate::media::decode::RecordingReader;
use crate::units::SampleRate;

/// Longest sound that is read, in seconds. Events are rolled over long before.
const MAX_SECS: f64 = 600.0;

/// Longest file that is opened, in bytes: as much sound as is read, and more.
const MAX_FILE_BYTES: u64 = 512 << 20;

const N_FFT: usize = 1024;
const N_MELS: usize = 64;
/// Lowest level drawn, in dB.
const FLOOR_DB: f32 = -120.0;

/// A mono sound.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// Samples per second.
    pub rate: SampleRate,
    /// Full scale ±1.
    pub samples: Arc<[f32]>,
}

/// What can be heard of an event.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Clips {
    /// What the microphone heard.
    pub heard: Option<Sample>,
    /// What the classifier heard.
    pub why: Option<Sample>,
    /// What should be there and cannot be read.
    pub missing: Vec<String>,
}

impl Clips {
    /// Reads the two sounds of `event`.
    #[must_use]
    pub fn read(event: &StoredEvent) -> Self {
        let mut missing = Vec::new();
        let mut get = |name: &Option<String>| {
            let name = name.as_ref()?;
            read_sound(&event.folder.join(name)).map_err(|e| missing.push(e.to_string())).ok()
        };
        Self { heard: get(&event.files.clip), why: get(&event.files.interpretation), missing }
    }
}

/// Reads a sound file, at most [`MAX_SECS`] of it.
///
/// # Errors
/// [`crate::ErrorKind::Input`] where it cannot be read, or is no regular file.
pub fn read_sound(path: &Path) -> Result<Sample> {
    // A link could lead out of the folder, and a pipe would never end.
    open_regular(path, MAX_FILE_BYTES)
        .map_err(|e| Error::input(format!("{} cannot be read ({e})", path.display())).with_source(e))?;
    let mut reader = RecordingReader::open(path)?;
    let (rate, channels) = (reader.sample_rate(), usize::from(reader.channels()));
    let most = rate.samples(MAX_SECS) as usize;
    let mut samples = Vec::new();
    while let Some(chunk) = reader.next_chunk()? {
        let mean = |frame: &[f32]| frame.iter().sum::<f32>() / channels as f32;
        samples.extend(chunk.chunks_exact(channels.max(1)).map(mean).take(most - samples.len()));
        if samples.len() >= most {
            break;
        }
    }
    Ok(Sample { rate, samples: samples.into() })
}

/// The mel spectrogram of a sound in exactly `n_columns` columns, the loudest frame of each; nothing is masked.
///
/// # Errors
/// Where the rate is too low for the bands.
pub fn picture(sound: &Sample, n_columns: usize) -> Result<Waterfall> {
    let (rate, n_columns) = (sound.rate, n_columns.max(1));
    let n_samples = sound.samples.len();
    // No more frames than a few a column: a ten-minute clip takes no longer than a short one.
    let hop = (n_samples / (4 * n_columns)).clamp(128, 4 * N_FFT);
    let params = StftParams { n_fft: N_FFT, hop, win_length: N_FFT, window: WindowKind::Hann, centred: true };
    let f_max_hz = (rate.hz() as f32 / 2.0).min(11_025.0);
    let mel = MelParams { n_mels: N_MELS, scale: MelScale::Slaney, norm: MelNorm::None, f_min_hz: 30.0, f_max_hz };
    let bank = MelFilterbank::new(&mel, rate, N_FFT)?;
    let spectrogram = stft(&params, &sound.samples)?;
    let n_frames = spectrogram.n_frames().max(1);
    // A full-scale sine has the amplitude of the window's sum over two.
    let reference = (N_FFT as f32 / 4.0).powi(2);
    let mut level_db = vec![FLOOR_DB; n_columns * N_MELS];
    let mut power = vec![0.0; params.n_bins()];
    let mut bands = vec![0.0; N_MELS];
    for (column, levels) in level_db.chunks_exact_mut(N_MELS).enumerate() {
        let first = column * n_frames / n_columns;
        let end = ((column + 1) * n_frames / n_columns).max(first + 1).min(spectrogram.n_frames());
        for frame in first..end {
            for (power, value) in power.iter_mut().zip(spectrogram.frame(frame)) {
                *power = value.norm_sqr() / reference;
            }
            bank.apply(&power, &mut bands);
            for (level, band) in levels.iter_mut().zip(&bands) {
                *level = level.max(10.0 * band.max(1e-12).log10());
            }
        }
    }
    Ok(Waterfall {
        n_bands: N_MELS,
        first_frame: 0,
        frame_secs: rate.secs(n_samples as u64) / n_columns as f64,
        mask: vec![1.0; level_db.len()],
        level_db,
        centre_hz: bank.centre_hz(),
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn tone(secs: f64) -> Sample {
        let rate = SampleRate::new(22_050).unwrap();
        let step = std::f32::consts::TAU * 1000.0 / 22_050.0;
        Sample { rate, samples: (0..rate.samples(secs)).map(|i| (i as f32 * step).sin()).collect() }
    }

    #[test]
    fn a_picture_has_as_many_columns_as_are_asked_for() {
        for (secs, n_columns) in [(0.01, 60), (0.5, 1), (3.0, 77), (60.0, 40)] {
            let picture = picture(&tone(secs), n_columns).unwrap();
            assert_eq!(picture.n_columns(), n_columns);
            assert!((picture.frame_secs * n_columns as f64 - secs).abs() < 1e-3, "{secs}");
        }
    }

    #[test]
    fn a_tone_shines_in_its_band_at_its_level() {
        let picture = picture(&tone(2.0), 10).unwrap();
        let column = &picture.level_db[5 * N_MELS..6 * N_MELS];
        let loudest = (0..N_MELS).max_by(|&a, &b| column[a].total_cmp(&column[b])).unwrap();
        assert!((picture.centre_hz[loudest] - 1000.0).abs() < 60.0, "{}", picture.centre_hz[loudest]);
        assert!((-6.0..=6.0).contains(&column[loudest]), "{}", column[loudest]);
        assert!(column[0] < -60.0, "{}", column[0]);
    }

    #[test]
    fn an_empty_sound_is_dark() {
        let nothing = Sample { rate: SampleRate::new(8000).unwrap(), samples: Vec::new().into() };
        assert!(picture(&nothing, 5).unwrap().level_db.iter().all(|&level| level <= FLOOR_DB));
    }
}
