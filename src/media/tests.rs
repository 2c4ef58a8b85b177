#![allow(clippy::unwrap_used)]

use std::ops::ControlFlow;

use super::decode::Recording;
use super::made::{OPUS_PRE_SKIP, fixture, floats, opus, ramp, read, read_file, read_pipe, wav};
use super::mono::read_mono;
use super::sniff::{EXTENSIONS, Kind, SNIFF_BYTES, sniff};

/// The fixtures were made of `tone.flac`, and the numbers by ffmpeg 5.1 (with `-c:a libopus` for Opus):
/// ```sh
/// ffmpeg -i tone.flac -c:a aac -b:a 48k -fflags +bitexact -flags:a +bitexact tone.m4a
/// ffmpeg -i tone.flac -c:a alac -fflags +bitexact tone-alac.caf
/// ffmpeg -i tone.flac -c:a libopus -b:a 24k -fflags +bitexact tone.webm
/// ffmpeg -i tone.flac -ac 1 -c:a mp2 -b:a 32k tone.mp2
/// opusenc --bitrate 24 tone.flac tone.opus
/// ffmpeg -i tone.m4a -f f32le - # frames 1000, 5000 and 9000, and the root mean square of all
/// ```
#[test]
fn every_coding_agrees_with_ffmpeg() {
    for (name, hz, n_frames, numbers, rms, tolerance) in [
        (
            "tone.m4a",
            22_050,
            11_264,
            [-0.553_896, -0.093_637, -0.481_427, -0.385_02, -0.020_11, -0.472_211],
            0.388_751,
            1e-5,
        ),
        (
            "tone-alac.caf",
            22_050,
            11_025,
            [-0.374_542, -0.106_049, -0.438_171, -0.438_263, -0.023_926, -0.469_238],
            0.375,
            1e-6,
        ),
        (
            "tone.webm",
            48_000,
            24_648,
            [0.470_825, -0.328_461, -0.136_169, -0.098_114, -0.339_63, -0.285_339],
            0.308_63,
            5e-4,
        ),
        (
            "tone.opus",
            48_000,
            24_000,
            [0.326_66, -0.290_466, -0.631_866, 0.301_666, -0.206_177, -0.348_389],
            0.359_64,
            5e-4,
        ),
    ] {
        let recording = read_file(&fixture(name)).unwrap();
        assert!(recording.faults.is_none(), "{name}: {:?}", recording.faults);
        assert_eq!((recording.sample_rate.hz(), recording.channels), (hz, 2), "{name}");
        // WebM says in no way that can be read how much of the last packet is meant.
        assert_eq!(recording.samples.len(), 2 * n_frames, "{name}");
        for (i, want) in [2000, 2001, 10_000, 10_001, 18_000, 18_001].into_iter().zip(numbers) {
            let got: f32 = recording.samples[i];
            assert!((got - want).abs() <= tolerance, "{name}: sample {i} is {got}, not {want}");
        }
        let power: f64 = recording.samples.iter().map(|&x| f64::from(x).powi(2)).sum();
        let got = (power / recording.samples.len() as f64).sqrt();
        assert!((got - rms).abs() < 5e-3, "{name}: {got} is not {rms}");
    }
    let mono = read(&fixture("tone.mp2"));
    assert_eq!((mono.sample_rate.hz(), mono.channels, mono.samples.len()), (22_050, 1, 11_520));
    assert!(read_file(&fixture("tone-alac.caf")).unwrap().samples == read(&fixture("tone.flac")).samples);
}

/// How far `got` is from `want`, in dB below it.
fn distance_db(got: &[f32], want: &[f32]) -> f64 {
    assert_eq!(got.len(), want.len());
    let power = |x: &mut dyn Iterator<Item = f64>| x.map(|x| x * x).sum::<f64>();
    let error = power(&mut got.iter().zip(want).map(|(a, b)| f64::from(a - b)));
    10.0 * (power(&mut want.iter().map(|&x| f64::from(x))) / error.max(1e-12)).log10()
}

fn tone(n: usize, hz: f64, size: f64) -> Vec<i16> {
    (0..n).map(|i| ((i as f64 * hz * std::f64::consts::TAU / 48_000.0).sin() * size) as i16).collect()
}

#[test]
fn opus_comes_back_in_its_place_and_its_length() {
    // The encoder's own delay is what the header says to skip.
    for n in [48_000, 47_321, 500] {
        let samples = tone(n, 440.0, 12_000.0);
        let recording = read(&opus(1, &samples));
        assert_eq!((recording.sample_rate.hz(), recording.channels), (48_000, 1));
        assert!(recording.faults.is_none(), "{n}");
        assert_eq!(recording.samples.len(), n);
        if n > 1000 {
            let db = distance_db(&recording.samples[960..], &floats(&samples)[960..]);
            assert!(db > 10.0, "{n}: only {db} dB apart");
        }
    }
}

#[test]
fn channels_of_opus_come_in_the_order_of_all_formats() {
    // Left, centre, right, left and right behind, low: the numbers of the channels in the usual order.
    for (channel, place) in [(0, 0), (2, 1), (1, 2), (3, 4), (4, 5)] {
        let sound = tone(9600, 700.0, 12_000.0);
        let samples: Vec<i16> =
            sound.iter().flat_map(|&s| (0..6).map(move |c| if c == channel { s } else { 0 })).collect();
        let recording = read(&opus(6, &samples));
        assert_eq!(recording.channels, 6);
        let power = |c: usize| recording.samples.iter().skip(c).step_by(6).map(|x| x * x).sum::<f32>();
        let loudest = (0..6).max_by(|a, b| power(*a).total_cmp(&power(*b)));
        assert_eq!(loudest, Some(place), "channel {channel} of Opus");
    }
}

#[test]
fn chained_and_truncated_opus_are_read() {
    let samples = tone(20_000, 440.0, 12_000.0);
    let one = opus(1, &samples);
    let mut other = opus(1, &samples);
    // Another serial number, and its checksums.
    other = super::made::ogg(99, &pages(&other));
    let chained = read(&[&one[..], &other].concat());
    assert_eq!((chained.samples.len(), chained.faults.is_none()), (40_000, true));
    let cut = read_file(&one[..one.len() * 2 / 3]).unwrap();
    assert!(cut.faults.ends_early && cut.samples.len() > 10_000);
    assert_eq!(cut.samples, read(&one).samples[..cut.samples.len()]);
    assert!(usize::from(OPUS_PRE_SKIP) < cut.samples.len());
}

/// The packets of a file that [`super::made::ogg`] made.
fn pages(mut file: &[u8]) -> Vec<(Vec<u8>, u64)> {
    let mut packets = Vec::new();
    while file.len() > 27 {
        let n = usize::from(file[26]);
        let len: usize = file[27..27 + n].iter().map(|&l| usize::from(l)).sum();
        let granule = u64::from_le_bytes(*file[6..].first_chunk().unwrap());
        packets.push((file[27 + n..27 + n + len].to_vec(), granule));
        file = &file[27 + n + len..];
    }
    packets
}

#[test]
fn a_longer_recording_than_allowed_is_refused_while_it_is_read() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), wav(&ramp(8000 * 3))).unwrap();
    let n_samples = |max_secs: f64| {
        let mut n = 0;
        read_mono(file.path(), max_secs, |piece| {
            n += piece.mono.len();
            Ok(ControlFlow::Continue(()))
        })
        .map(|_| n)
    };
    assert_eq!(n_samples(3.0).unwrap(), 24_000);
    let error = n_samples(2.5).unwrap_err().to_string();
    assert!(error.contains("longer than the 2.5 s"), "{error}");
}

#[test]
fn beginnings_are_known_by_their_bytes() {
    for (name, kind) in [
        ("tone.flac", Kind::Flac),
        ("tone.ogg", Kind::Ogg),
        ("tone.opus", Kind::Ogg),
        ("tone.mp3", Kind::Mpeg),
        ("tone.mp2", Kind::Mpeg),
        ("tone.m4a", Kind::Mp4),
        ("tone-alac.caf", Kind::Caf),
        ("tone.webm", Kind::Matroska),
    ] {
        let file = fixture(name);
        assert_eq!(sniff(&file[..SNIFF_BYTES.min(file.len())]), Some(kind), "{name}");
        assert!(EXTENSIONS.contains(&name.rsplit_once('.').unwrap().1), "{name}");
    }
    assert_eq!(sniff(&wav(&ramp(9))), Some(Kind::Wave));
    assert_eq!(sniff(&wav(&ramp(9))[..12]), Some(Kind::Wave));
    assert_eq!(sniff(b"ID3\x03\0\0\0\0\0\x7fabc"), Some(Kind::Tag));
    assert_eq!(sniff(b"FORM\0\0\0\0AIFC"), Some(Kind::Aiff));
    assert_eq!(sniff(b"wvpk1234"), Some(Kind::Foreign("WavPack")));
    for no in [&b""[..], b"RIF", b"RIFF1234AVI ", b"fLaC is a word", b"OggSpeak", b"TAG", b"ID3 is one"] {
        assert_eq!(sniff(no), None, "{no:?}");
    }
}

/// Raw samples must not be taken for a recording.
#[test]
fn raw_samples_begin_no_known_format() {
    let mut state = 7_u64;
    for loudness in [1, 8, 255] {
        for _ in 0..200 {
            let bytes: Vec<u8> = (0..SNIFF_BYTES)
                .map(|_| {
                    state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                    // Quiet samples are mostly 0x00.. and 0xff.., as frames begin.
                    if (state >> 60) & 1 == 0 { 0xff } else { (state >> 33) as u8 % loudness }
                })
                .collect();
            assert_eq!(sniff(&bytes), None);
        }
    }
}

#[test]
fn what_cannot_be_read_is_named_with_what_can() {
    for (bytes, part) in [
        (&b"wvpk rest of it"[..], "it is WavPack, which is not read"),
        (b"\x30\x26\xb2\x75\x8e\x66\xcf\x11\xa6\xd9", "Windows Media"),
        (b"\0\0\0\x14ftypM4A \0\0\0\0M4A \0\0\0\x08free", "lacks its index"),
        (b"nothing of the kind", "no known kind"),
    ] {
        let error = read_file(bytes).unwrap_err().to_string();
        assert!(error.contains(part), "{error}");
        for known in ["RF64", "flac", "Opus", "mp3", "m4a", "AIFF", "CAF", "webm"] {
            assert!(error.contains(known), "{known} is not in: {error}");
        }
    }
    assert!(read_pipe(b"").unwrap_err().to_string().contains("ended before the first byte"));
}

#[test]
fn an_mp4_whose_index_comes_first_gives_what_is_there() {
    // As in a stream: the index moved before the samples. Places in it are counted from the beginning.
    let file = fixture("tone.m4a");
    let moved = index_first(&file);
    let (whole, want) = (read_file(&moved).unwrap(), read_file(&file).unwrap());
    assert!(whole.samples == want.samples && whole.faults.is_none());
    let cut: Recording = read_file(&moved[..moved.len() - 1200]).unwrap();
    assert!(cut.faults.ends_early && cut.samples.len() > 4000);
    assert_eq!(cut.samples, want.samples[..cut.samples.len()]);
    assert!(cut.faults.sentence("yard.m4a").unwrap().contains(" of 0.5 s are there"), "{:?}", cut.faults);
}

/// An MP4 with its `moov` box before its `mdat` box, and the places of the chunks moved by as much.
fn index_first(file: &[u8]) -> Vec<u8> {
    let (mut boxes, mut at) = (Vec::new(), 0);
    while at + 8 <= file.len() {
        let len = u32::from_be_bytes(*file[at..].first_chunk().unwrap()) as usize;
        boxes.push(&file[at..at + len]);
        at += len;
    }
    let index = boxes.iter().position(|b| &b[4..8] == b"moov").unwrap();
    let mut moov = boxes.remove(index).to_vec();
    let by = moov.len() as u32;
    let table = moov.windows(4).position(|w| w == b"stco").unwrap();
    let n = u32::from_be_bytes(*moov[table + 8..].first_chunk().unwrap()) as usize;
    for i in 0..n {
        let place = &mut moov[table + 12 + 4 * i..table + 16 + 4 * i];
        let moved = u32::from_be_bytes(*place.first_chunk().unwrap()) + by;
        place.copy_from_slice(&moved.to_be_bytes());
    }
    boxes.insert(1, &moov);
    boxes.concat()
}
