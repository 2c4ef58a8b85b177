//! What an imported graph hears: the front end that makes its input, and how a stream is cut into segments for it.

use std::path::Path;

use crate::checked_file::{self, Links};
use crate::dsp::{
    Compression, FrontEnd, FrontEndParams, MelNorm, MelParams, MelScale, SpectrumPower, StftParams, WindowKind,
};
use crate::error::{Error, Result};
use crate::model::manifest::{FrontEndSpec, Segment};
use crate::model::onnx::{Axis, GraphValue};
use crate::units::SampleRate;

/// Longest file with a front end, in bytes.
const MAX_BYTES: u64 = 4 << 20;

/// Seconds that a graph hears at once, where neither it nor a person says so.
const SEGMENT_SECS: f64 = 1.0;

/// Longest stride that is taken without being asked, in seconds.
const MOST_STRIDE_SECS: f64 = 0.5;

/// Shortest and longest hop of a waveform's frames, as shares of a second.
const HOPS_A_SEC: [usize; 2] = [125, 50];

/// Most samples or frames of a segment that are taken for meant.
const MAX_LENGTH: usize = 1 << 20;

/// A front end, how many of its frames are a segment, and how many of a segment's samples a graph of fixed length hears.
#[derive(Debug, Clone)]
pub(super) struct Hearing {
    pub(super) front_end: FrontEndSpec,
    pub(super) segment: Segment,
    pub(super) samples: Option<usize>,
}

/// The `[front_end]` table of a TOML file, such as a `model.toml`; other tables are passed over.
///
/// # Errors
/// A model error where the file cannot be read or has no such table.
pub(super) fn read_front_end(path: &Path) -> Result<FrontEndSpec> {
    #[derive(serde::Deserialize)]
    struct Whole {
        front_end: FrontEndSpec,
    }
    let text = checked_file::read_text(path, Links::Follow, MAX_BYTES).map_err(|e| {
        let name = path.display();
        Error::model(format!("the front end {name} cannot be read ({e}); name a file with a table [front_end]"))
            .with_source(e)
    })?;
    let whole: Whole = toml::from_str(&text).map_err(|e| {
        let why = e.message().to_owned();
        Error::model(format!(
            "{} describes no front end ({why}); give a table [front_end] as a model.toml has",
            path.display()
        ))
    })?;
    Ok(whole.front_end)
}

/// For a graph that hears spectrograms: `front_end`, in segments of the length that `input` fixes, or of `segment_secs`.
///
/// # Errors
/// A usage error for a length that cannot be.
pub(super) fn of_spectrogram(
    front_end: FrontEndSpec,
    input: &GraphValue,
    axes: &[Axis],
    [segment_secs, stride_secs]: [Option<f64>; 2],
) -> Result<Hearing> {
    let frames = |secs: f64| ((secs / front_end.frame_secs()).round() as usize).max(1);
    let n_frames = fixed(input, axes, Axis::Frames).unwrap_or_else(|| frames(segment_secs.unwrap_or(SEGMENT_SECS)));
    check_length(n_frames, "frames")?;
    let stride = stride_secs.unwrap_or_else(|| (n_frames as f64 * front_end.frame_secs() / 2.0).min(MOST_STRIDE_SECS));
    let stride_frames = frames(stride).min(n_frames);
    Ok(Hearing { front_end, segment: Segment { n_frames, stride_frames, clip_frames: None }, samples: None })
}

/// For a graph that hears a waveform at `rate_hz`: columns that are the samples themselves.
///
/// # Errors
/// A usage error for a rate or a length that cannot be.
pub(super) fn of_waveform(
    rate_hz: u32,
    input: &GraphValue,
    axes: &[Axis],
    [segment_secs, stride_secs]: [Option<f64>; 2],
) -> Result<Hearing> {
    let sample_rate = SampleRate::new(rate_hz).ok_or_else(|| Error::usage("give a --rate above 0 Hz"))?;
    let rate = f64::from(rate_hz);
    let fixed = fixed(input, axes, Axis::Samples);
    let window = fixed.unwrap_or_else(|| (segment_secs.unwrap_or(SEGMENT_SECS) * rate).round() as usize);
    check_length(window, "samples")?;
    let stride_secs = stride_secs.unwrap_or_else(|| (window as f64 / rate / 2.0).min(MOST_STRIDE_SECS));
    let stride = ((stride_secs * rate).round() as usize).clamp(1, window);
    let hop = hop(rate_hz as usize, window, stride);
    let n_frames = window.div_ceil(hop);
    let stride_frames = ((stride as f64 / hop as f64).round() as usize).clamp(1, n_frames);
    let n_fft = (3 * hop).next_power_of_two();
    let front_end = FrontEndParams {
        sample_rate,
        stft: StftParams { n_fft, hop, win_length: n_fft, window: WindowKind::Hann, centred: true },
        pre_emphasis: 0.0,
        mel: MelParams {
            n_mels: hop,
            scale: MelScale::Samples,
            norm: MelNorm::None,
            f_min_hz: 0.0,
            f_max_hz: rate_hz as f32 / 2.0,
        },
        power: SpectrumPower::Magnitude,
        compression: Compression::None,
    };
    Ok(Hearing {
        front_end: FrontEndSpec::from(&front_end),
        segment: Segment { n_frames, stride_frames, clip_frames: None },
        samples: fixed.or(segment_secs.map(|_| window)).filter(|n| *n != n_frames * hop),
    })
}

/// The length that the graph fixes for an axis.
fn fixed(input: &GraphValue, axes: &[Axis], axis: Axis) -> Option<usize> {
    let at = axes.iter().position(|a| *a == axis)?;
    input.shape.get(at).copied().flatten()
}

fn check_length(n: usize, what: &str) -> Result<()> {
    if (1..=MAX_LENGTH).contains(&n) {
        return Ok(());
    }
    Err(Error::usage(format!("a segment of {n} {what} cannot be; give --segment-secs for 1 to {MAX_LENGTH} {what}")))
}

/// Samples from frame to frame: of those between 8 and 20 ms one that both window and stride are multiples of, or one of them,
/// if there is one; the nearest to 16 ms.
fn hop(rate: usize, window: usize, stride: usize) -> usize {
    let (shortest, longest) = ((rate / HOPS_A_SEC[0]).max(1), (rate / HOPS_A_SEC[1]).max(1));
    let wanted = rate * 2 / HOPS_A_SEC[0];
    (shortest..=longest)
        .min_by_key(|hop| (!window.is_multiple_of(*hop), !stride.is_multiple_of(*hop), hop.abs_diff(wanted)))
        .unwrap_or(shortest)
}

/// Three segments that have nothing in common: silence, noise, and tones that follow each other.
///
/// # Errors
/// As the front end itself.
pub(super) fn sounds(hearing: &Hearing) -> Result<Vec<Vec<f32>>> {
    let params = hearing.front_end.params()?;
    let params = FrontEndParams { stft: StftParams { centred: false, ..params.stft }, ..params };
    let mut front_end = FrontEnd::new(&params)?;
    let n = params.stft.n_fft + (hearing.segment.n_frames - 1) * params.stft.hop;
    let rate = f64::from(params.sample_rate.hz());
    let mut state = 1_u32;
    let noise = |_| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        0.1 * (f64::from(state) / f64::from(1_u32 << 31) - 1.0) as f32
    };
    let tone = |i: usize| {
        let hz = [200.0, 1000.0, 3000.0][i * 3 / n];
        (0.3 * (std::f64::consts::TAU * hz * i as f64 / rate).sin()) as f32
    };
    let sounds = [vec![0.0; n], (0..n).map(noise).collect(), (0..n).map(tone).collect()];
    sounds.iter().map(|sound| front_end.batch(sound)).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn input(shape: &[Option<usize>]) -> GraphValue {
        GraphValue { name: "x".into(), shape: shape.to_vec(), is_float: true }
    }

    #[test]
    fn a_waveform_is_cut_where_window_and_stride_meet() {
        // YAMNet's window and stride: both are whole numbers of 15 ms.
        let of = |shape: &[Option<usize>], secs| of_waveform(16_000, &input(shape), &[Axis::Samples], secs).unwrap();
        let yamnet = of(&[None], [Some(0.975), Some(0.48)]);
        let grid = |h: &Hearing| (h.front_end.hop, h.segment.n_frames, h.segment.stride_frames, h.samples);
        assert_eq!(grid(&yamnet), (240, 65, 32, None));
        // A length that nothing divides: the graph hears the newest of a few samples more.
        let prime = of(&[Some(15_601)], [None, None]);
        assert_eq!((prime.samples, prime.segment.n_frames * prime.front_end.hop >= 15_601), (Some(15_601), true));
        let open = of(&[None], [None, None]);
        assert_eq!((open.samples, open.segment.n_frames * open.front_end.hop), (None, 16_000));
        assert_eq!(open.segment.stride_frames * open.front_end.hop, 8000);
        assert!(of_waveform(16_000, &input(&[Some(1 << 30)]), &[Axis::Samples], [None, None]).is_err());
        for hearing in [yamnet, prime, open] {
            assert!(FrontEnd::new(&hearing.front_end.params().unwrap()).is_ok(), "{hearing:?}");
        }
    }

    #[test]
    fn sounds_are_as_long_as_a_segment() {
        let hearing = of_waveform(16_000, &input(&[None]), &[Axis::Samples], [None, None]).unwrap();
        let sounds = sounds(&hearing).unwrap();
        assert!(sounds.iter().all(|sound| sound.len() == 16_000));
        assert!(sounds[0].iter().all(|v| *v == 0.0) && sounds[1].iter().any(|v| v.abs() > 0.05));
    }
}
