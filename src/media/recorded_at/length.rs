//! How long a recording lasts, without decoding it.

use std::fs::File;
use std::path::Path;
use std::time::Duration;

use symphonia::core::formats::probe::Hint;
use symphonia::core::formats::{FormatOptions, FormatReader, Track, TrackType};
use symphonia::core::io::MediaSourceStream;
use symphonia::core::meta::MetadataOptions;

use super::chunks;

/// The length of the recording in `path`, as far as anyone can tell.
pub(super) fn of(path: &Path) -> Option<Duration> {
    let mut file = File::open(path).ok()?;
    if !file.metadata().ok()?.is_file() {
        return None;
    }
    of_wav(&mut file).or_else(|| of_packets(file, path))
}

fn of_wav(file: &mut File) -> Option<Duration> {
    let found = chunks::read(file).ok()?;
    let (format, (_, n_bytes)) = (found.format?, found.data?);
    if format.bytes_per_sec == 0 {
        return None;
    }
    Duration::try_from_secs_f64(n_bytes as f64 / format.bytes_per_sec as f64).ok()
}

/// What the container says, or what its packets add up to where it says nothing.
fn of_packets(file: File, path: &Path) -> Option<Duration> {
    let mut hint = Hint::new();
    if let Some(extension) = path.extension().and_then(|e| e.to_str()) {
        hint.with_extension(extension);
    }
    let stream = MediaSourceStream::new(Box::new(file), Default::default());
    let (options, metadata) = (FormatOptions::default(), MetadataOptions::default());
    let mut format = symphonia::default::get_probe().probe(&hint, stream, options, metadata).ok()?;
    let track = format.default_track(TrackType::Audio)?.clone();
    said(&track).or_else(|| counted(format.as_mut(), &track))
}

fn said(track: &Track) -> Option<Duration> {
    let rate_hz = track.codec_params.as_ref()?.audio()?.sample_rate.filter(|hz| *hz > 0)?;
    Duration::try_from_secs_f64(track.num_frames? as f64 / f64::from(rate_hz)).ok()
}

fn counted(format: &mut dyn FormatReader, track: &Track) -> Option<Duration> {
    let base = track.time_base?;
    let mut ticks: u64 = 0;
    while let Ok(Some(packet)) = format.next_packet() {
        if packet.track_id == track.id {
            ticks = ticks.saturating_add(packet.dur.get());
        }
    }
    let secs = ticks as f64 * f64::from(base.numer.get()) / f64::from(base.denom.get());
    Duration::try_from_secs_f64(secs).ok()
}
