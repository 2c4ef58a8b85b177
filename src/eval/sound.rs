//! Recordings at a model's rate, read and converted piece by piece: memory holds the result and no more.

use std::ops::ControlFlow;
use std::path::Path;

use crate::dsp::StreamingResampler;
use crate::media::mono::{Piece, Told, read_mono};
use crate::units::SampleRate;
use crate::{Error, Result};

/// A recording of one channel at another rate.
#[derive(Debug, Clone)]
pub struct AtRate {
    /// The samples.
    pub samples: Vec<f32>,
    /// What there is to say of it.
    pub told: Told,
}

/// What to do about a long recording; both in seconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Limit {
    /// Refuse one that is longer.
    Refuse(f64),
    /// Leave out what comes later, without reading it.
    Cut(f64),
}

/// Reads the recording at `path` as the channels' mean at `rate`; `look` is shown every piece.
///
/// # Errors
/// As [`read_mono`], and where the recording's rate cannot be converted.
pub fn read_at(path: &Path, rate: SampleRate, limit: Limit, mut look: impl FnMut(&Piece<'_>)) -> Result<AtRate> {
    let (max_secs, most) = match limit {
        Limit::Refuse(secs) => (secs, usize::MAX),
        Limit::Cut(secs) => (f64::INFINITY, usize::try_from(rate.samples(secs)).unwrap_or(usize::MAX)),
    };
    let (mut resampler, mut samples) = (None, Vec::new());
    let told = read_mono(path, max_secs, |piece| {
        look(piece);
        let resampler = match &mut resampler {
            Some(resampler) => resampler,
            None => {
                let made = StreamingResampler::new(piece.sample_rate, rate);
                let named = |e: Error| Error::new(e.kind(), format!("{}: {e}", path.display()));
                resampler.insert(made.map_err(named)?)
            }
        };
        resampler.push(piece.mono, &mut samples);
        Ok(if samples.len() >= most { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    })?;
    if let Some(resampler) = resampler.as_mut().filter(|_| samples.len() < most) {
        resampler.finish(&mut samples);
    }
    samples.truncate(most);
    Ok(AtRate { samples, told })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::dsp::resample;
    use crate::media::wav::write_wav;

    #[test]
    fn a_recording_is_what_its_samples_are_at_another_rate_and_ends_where_it_is_cut() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.wav");
        let (from, to) = (SampleRate::new(44_100).unwrap(), SampleRate::new(22_050).unwrap());
        let samples: Vec<f32> = (0..100_000_u64).map(|i| 0.5 * ((i * i % 7919) as f32 * 1e-2).sin()).collect();
        write_wav(&path, from, &samples).unwrap();
        let as_written: Vec<f32> = crate::media::decode::read_recording(&path).unwrap().samples;
        let want = resample(&as_written, from, to).unwrap();
        let mut seen = 0;
        let whole = read_at(&path, to, Limit::Refuse(60.0), |piece| seen += piece.mono.len()).unwrap();
        assert_eq!((&whole.samples, seen), (&want, samples.len()));
        assert!(read_at(&path, to, Limit::Refuse(2.0), |_| {}).is_err());
        for secs in [0.1, 1.0, 2.2, 100.0] {
            let cut = read_at(&path, to, Limit::Cut(secs), |_| {}).unwrap().samples;
            assert_eq!(cut[..], want[..(to.samples(secs) as usize).min(want.len())], "{secs} s");
        }
    }
}
