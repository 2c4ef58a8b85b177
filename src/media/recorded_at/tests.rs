#![allow(clippy::unwrap_used)]

use std::time::{Duration, SystemTime};

use proptest::prelude::*;

use super::*;

/// UTC+2, also where no zone is installed.
fn zone() -> TimeZone {
    TimeZone::fixed(jiff::tz::offset(2))
}

fn at(text: &str) -> SystemTime {
    text.parse::<Timestamp>().unwrap().into()
}

fn in_name(name: &str) -> Option<String> {
    name::time_in(name, &zone()).map(|at| Timestamp::try_from(at).unwrap().to_string())
}

#[test]
fn names_tell_the_time_as_recorders_write_it() {
    for name in [
        "20260702_064404.wav",
        "20260702-064404.flac",
        "20260702T064404.wav",
        "20260702064404.wav",
        "20260702 064404.wav",
        "2026-07-02_06-44-04.wav",
        "2026-07-02 06.44.04.m4a",
        "2026-07-02 06.44.04",
        "2026-07-02T06:44:04.ogg",
        "2026_07_02_06_44_04.wav",
        "2026.07.02-06.44.04.mp3",
        "S4A01234_20260702_064404.wav",
        "yard$20260702_064404_123.wav",
        "yard-north_2026-07-02 at 06.44.04.mp3",
        "2026-07-02-birdnet-RTSP_1-06:44:04.mp3",
        "2026-07-02 06h44m04s.wav",
        "20260702_064404+0200.wav",
        "20260702T064404+02:00.wav",
        "20260702T064404+02.wav",
        "20260702T044404Z.wav",
        "20260702_044404_UTC.wav",
        "2026-07-02_00-44-04-0400.wav",
        // The end stands behind the beginning.
        "20260702_064404_20260702_065404.wav",
        // A running number, no offset.
        "20260702_064404-0001.wav",
        "20260702_064404-02.wav",
        "6A45EC94.WAV",
    ] {
        assert_eq!(in_name(name).as_deref(), Some("2026-07-02T04:44:04Z"), "{name}");
    }
}

#[test]
fn other_numbers_are_no_times() {
    for name in [
        "",
        ".wav",
        "dog.wav",
        "20260702.wav",
        "20260702_0001.wav",
        "20260702_0644.wav",
        "PTT-20260702-WA0001.opus",
        "2026-07-02.wav",
        "20261302_064404.wav",
        "20260230_064404.wav",
        "20260702_246404.wav",
        "20260702_064460.wav",
        "19891231_064404.wav",
        "21010101_064404.wav",
        "120260702_064404.wav",
        "20260702_0644041.wav",
        "2026-0702_064404.wav",
        "2026-07-0206-44-04.wav",
        "20260702_06-4404.wav",
        "5-203128-A-0.wav",
        "1-100032-A-0.wav",
        "a1b2c3d4-1999-1231-1212-000000000000.wav",
        // Digits alone, a number before AudioMoths, too long, more than a number.
        "60123456.wav",
        "4A45EC74.WAV",
        "6A45EC940.WAV",
        "6A45EC94x.WAV",
        "\u{fffd}\u{fffd}20260702\u{fffd}064404.wav",
    ] {
        assert_eq!(in_name(name), None, "{name}");
    }
}

/// A chunk with its head, padded to an even length.
fn chunk(name: &[u8; 4], body: &[u8]) -> Vec<u8> {
    let mut bytes = name.to_vec();
    bytes.extend((body.len() as u32).to_le_bytes());
    bytes.extend(body);
    bytes.resize(bytes.len().next_multiple_of(2), 0);
    bytes
}

/// A format chunk of mono 16-bit samples at 8 kHz.
fn format() -> Vec<u8> {
    let mut body = vec![1, 0, 1, 0];
    body.extend(8000_u32.to_le_bytes());
    body.extend(16_000_u32.to_le_bytes());
    body.extend([2, 0, 16, 0]);
    chunk(b"fmt ", &body)
}

fn bext(date: &str, time: &str, samples: u64) -> Vec<u8> {
    let mut body = vec![0; 602];
    body[320..320 + date.len()].copy_from_slice(date.as_bytes());
    body[330..330 + time.len()].copy_from_slice(time.as_bytes());
    body[338..346].copy_from_slice(&samples.to_le_bytes());
    chunk(b"bext", &body)
}

fn guano(text: &str) -> Vec<u8> {
    chunk(b"guan", text.as_bytes())
}

/// A WAV with `secs` seconds of silence behind the chunks, and `behind` at its end.
fn wav(chunks: &[Vec<u8>], secs: usize, behind: &[u8]) -> Vec<u8> {
    let mut body = b"WAVE".to_vec();
    body.extend(format());
    body.extend(chunks.concat());
    body.extend(chunk(b"data", &vec![0; secs * 16_000]));
    body.extend(behind);
    let mut file = b"RIFF".to_vec();
    file.extend((body.len() as u32).to_le_bytes());
    file.extend(body);
    file
}

/// The same sound as W64, whose sizes count the heads and whose chunks begin at multiples of 8.
fn w64(chunks: &[(&[u8; 4], &[u8])]) -> Vec<u8> {
    let tail = [0xf3, 0xac, 0xd3, 0x11, 0x8c, 0xd1, 0, 0xc0, 0x4f, 0x8e, 0xdb, 0x8a];
    let guid = |name: &[u8; 4]| [name.as_slice(), tail.as_slice()].concat();
    let mut file = [0x72, 0x69, 0x66, 0x66, 0x2e, 0x91, 0xcf, 0x11, 0xa5, 0xd6, 0x28, 0xdb, 0x04, 0xc1, 0, 0].to_vec();
    file.extend([0; 8]);
    file.extend(guid(b"wave"));
    for (name, body) in chunks {
        file.extend(guid(name));
        file.extend((body.len() as u64 + 24).to_le_bytes());
        file.extend(*body);
        file.resize(file.len().next_multiple_of(8), 0);
    }
    file
}

fn of_bytes(bytes: &[u8]) -> chunks::Chunks {
    chunks::read(&mut std::io::Cursor::new(bytes)).unwrap()
}

#[test]
fn a_bext_chunk_tells_the_time_to_the_sample_where_it_agrees_with_itself() {
    let time = |date, time, samples| of_bytes(&wav(&[bext(date, time, samples)], 1, &[])).bext_time(&zone());
    let told = Some(at("2026-07-02T04:44:04Z"));
    assert_eq!(time("2026-07-02", "06:44:04", 0), told);
    assert_eq!(time("2026:07:02", "06-44-04", 0), told);
    let exact = (6 * 3600 + 44 * 60 + 4) * 8000;
    assert_eq!(time("2026-07-02", "06:44:04", exact + 4000), Some(at("2026-07-02T04:44:04.5Z")));
    assert_eq!(time("2026-07-02", "06:44:04", exact - 4000), Some(at("2026-07-02T04:44:03.5Z")));
    // A time code that runs by itself.
    assert_eq!(time("2026-07-02", "06:44:04", 36_000 * 8000), told);
    assert_eq!(time("2026-07-02", "", exact), told);
    assert_eq!(time("2026-07-02", "", u64::MAX), None);
    for wrong in ["", "0000-00-00", "2026-13-02", "1970-01-01", "20260702", "2026-07-0x"] {
        assert_eq!(time(wrong, "06:44:04", 0), None, "{wrong}");
    }
    assert_eq!(time("2026-07-02", "25:44:04", 0), None);
    // Too short for a time.
    assert_eq!(of_bytes(&wav(&[chunk(b"bext", &[b'2'; 333])], 1, &[])).bext_time(&zone()), None);
}

#[test]
fn a_guano_chunk_tells_the_time_with_an_offset_or_without() {
    let time = |value: &str| {
        let text = format!("GUANO|Version: 1.0\nMake: Anabat\nTimestamp: {value}\nNote: Timestamp: 1999-01-01\n");
        of_bytes(&wav(&[], 1, &guano(&text))).guano_time(&zone())
    };
    let told = Some(at("2026-07-02T04:44:04Z"));
    for value in ["2026-07-02T06:44:04+02:00", "2026-07-02T04:44:04Z", "2026-07-02T06:44:04", "2026-07-02 06:44:04"] {
        assert_eq!(time(value), told, "{value}");
    }
    assert_eq!(time("2026-07-02T06:44:04.25"), Some(at("2026-07-02T04:44:04.25Z")));
    for value in ["", "yesterday", "1970-01-01T00:00:00Z", "2026-07-32T06:44:04"] {
        assert_eq!(time(value), None, "{value}");
    }
    let without = of_bytes(&wav(&[], 1, &guano("GUANO|Version: 1.0\n\0")));
    assert_eq!(without.guano_time(&zone()), None);
    let padded = of_bytes(&wav(&[], 1, &guano("Timestamp: 2026-07-02T06:44:04\0\0")));
    assert_eq!(padded.guano_time(&zone()), told);
}

#[test]
fn chunks_are_found_in_every_flavour_of_wav() {
    let text = b"Timestamp: 2026-07-02T06:44:04\n";
    let told = Some(at("2026-07-02T04:44:04Z"));
    let w64 = w64(&[(b"fmt ", &format()[8..]), (b"guan", text), (b"data", &[0; 16_000])]);
    let found = of_bytes(&w64);
    assert_eq!((found.guano_time(&zone()), found.data.unwrap().1), (told, 16_000));
    let mut rf64 = wav(&[], 1, &guano(std::str::from_utf8(text).unwrap()));
    rf64[..4].copy_from_slice(b"RF64");
    let data = rf64.windows(4).position(|name| name == b"data").unwrap();
    rf64[data + 4..data + 8].fill(0xff);
    let sizes = [[0; 8], 16_000_u64.to_le_bytes(), [0; 8], [0; 8]].concat();
    rf64.splice(12..12, chunk(b"ds64", &sizes[..28]));
    let found = of_bytes(&rf64);
    assert_eq!((found.guano_time(&zone()), found.data.unwrap().1), (told, 16_000));
}

#[test]
fn damaged_chunks_are_passed_over() {
    // Sizes of nothing, of more than there is, and of everything there could be.
    for size in [0_u32, 7, 100_000, u32::MAX - 1, u32::MAX] {
        let mut bytes = wav(&[bext("2026-07-02", "06:44:04", 0)], 1, &[]);
        let name = bytes.windows(4).position(|name| name == b"bext").unwrap();
        bytes[name + 4..name + 8].copy_from_slice(&size.to_le_bytes());
        let _ = of_bytes(&bytes).bext_time(&zone());
    }
    // Chunks without end.
    let mut endless = b"RIFF\0\0\0\0WAVE".to_vec();
    endless.extend(b"junk\0\0\0\0".repeat(100_000));
    assert!(of_bytes(&endless).data.is_none());
}

/// What is found in a file called `name` with these bytes, which was changed then; it is 2026-07-02, 14:00 in UTC.
fn began(name: &str, bytes: &[u8], changed: &str, given: Option<&str>) -> Result<(String, TimeFrom)> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(name);
    std::fs::write(&path, bytes).unwrap();
    File::options().write(true).open(&path).unwrap().set_modified(at(changed)).unwrap();
    let given = given.map(|text| text.parse().unwrap());
    let length = length::of(&path).unwrap();
    let began = recorded_at_in(&path, given, length, (at("2026-07-02T14:00:00Z"), &zone()))?;
    Ok((Timestamp::try_from(began.at).unwrap().to_string(), began.from))
}

#[test]
fn the_first_source_that_gives_a_possible_time_counts() {
    let changed = "2026-07-02T13:30:00Z";
    let (early, name) = ("2026-07-02T03:00:00Z", "20260702_064404.wav");
    let bext = |time| bext("2026-07-02", time, 0);
    let guan = |time| guano(&format!("Timestamp: 2026-07-02T{time}Z\n"));
    let all = wav(&[bext("06:44:01"), guan("04:44:02")], 60, &[]);
    let told = |bytes: &[u8], name, given| began(name, bytes, changed, given).unwrap();
    let is = |time: &str, from| (format!("2026-07-02T{time}Z"), from);
    assert_eq!(told(&all, name, Some(early)), is("03:00:00", TimeFrom::Given));
    assert_eq!(told(&all, name, None), is("04:44:01", TimeFrom::Bext));
    assert_eq!(told(&wav(&[guan("04:44:02")], 60, &[]), name, None), is("04:44:02", TimeFrom::Guano));
    assert_eq!(told(&wav(&[], 60, &[]), name, None), is("04:44:04", TimeFrom::Name));
    assert_eq!(told(&wav(&[], 60, &[]), "yard.wav", None), is("13:29:00", TimeFrom::Changed));
    // 15:59:30 here is 13:59:30 in UTC: what lasts a minute would end in half a minute from now.
    let late = wav(&[bext("15:59:30"), guan("13:59:30")], 60, &[]);
    assert_eq!(told(&late, name, None), is("04:44:04", TimeFrom::Name));
    assert_eq!(told(&late, "20260702_155930.wav", None), is("13:29:00", TimeFrom::Changed));
    assert_eq!(told(&late, "20260702_155900.wav", None), is("13:59:00", TimeFrom::Name));
}

#[test]
fn no_recording_ends_in_the_future() {
    let minute = wav(&[], 60, &[]);
    let (at, from) = began("yard.wav", &minute, "2026-07-03T00:00:00Z", None).unwrap();
    assert_eq!((at.as_str(), from), ("2026-07-02T13:59:00Z", TimeFrom::Opened));
    for given in ["2026-07-02T13:59:01Z", "2126-07-02T13:59:01Z"] {
        let error = began("yard.wav", &minute, "2026-07-02T00:00:00Z", Some(given)).unwrap_err();
        assert_eq!(error.kind(), crate::ErrorKind::Usage);
        assert!(error.to_string().contains("yard.wav would end in the future"), "{error}");
    }
    assert!(began("yard.wav", &minute, "2026-07-02T00:00:00Z", Some("2026-07-02T15:59:00+02:00")).is_ok());
}

#[test]
fn the_length_is_that_of_the_sound() {
    let length = |bytes: &[u8]| {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.wav");
        std::fs::write(&path, bytes).unwrap();
        length::of(&path)
    };
    let secs = |secs| Some(Duration::from_secs(secs));
    assert_eq!(length(&wav(&[], 3, &guano("Timestamp: none"))), secs(3));
    // What follows the end that the header names is sound, too, and a second data chunk is.
    let mut longer = wav(&[], 3, &[]);
    longer.extend(vec![1; 16_000]);
    assert_eq!(length(&longer), secs(4));
    assert_eq!(length(&wav(&[], 3, &chunk(b"data", &vec![0; 32_000]))), secs(5));
    for unfilled in [0, u32::MAX] {
        let mut crashed = wav(&[], 3, &[]);
        let data = crashed.windows(4).position(|name| name == b"data").unwrap();
        crashed[data + 4..data + 8].copy_from_slice(&unfilled.to_le_bytes());
        assert_eq!(length(&crashed), secs(3), "{unfilled}");
    }
    // A rate in bytes that is wrong.
    let mut strange = wav(&[], 3, &[]);
    strange[28..32].fill(0);
    assert_eq!(length(&strange), secs(3));
    assert_eq!(length(b"no recording"), None);
    assert_eq!(length::of(Path::new("/dev/zero")), None);
    assert_eq!(length::of(Path::new("nothing/here.wav")), None);
}

#[test]
fn a_start_time_has_an_offset() {
    assert_eq!("2026-07-02T06:44:04+02:00".parse::<StartTime>().unwrap().0, at("2026-07-02T04:44:04Z"));
    for wrong in ["", "now", "2026-07-02", "2026-07-02T06:44:04", "06:44:04", "0026-07-02T06:44:04Z"] {
        let error = wrong.parse::<StartTime>().unwrap_err();
        assert_eq!(error.kind(), crate::ErrorKind::Usage);
        assert!(error.to_string().contains("2026-07-02T06:44:04+02:00"), "{error}");
    }
}

proptest! {
    #[test]
    fn any_name_is_read(name in "\\PC{0,60}") {
        let _ = in_name(&name);
    }

    #[test]
    fn any_time_of_this_century_is_found(secs in 946_684_800_i64..4_102_444_800, ext in "(wav|flac|mp3)?") {
        let time = Timestamp::from_second(secs).unwrap();
        let local = time.to_zoned(zone());
        for format in ["%Y%m%d_%H%M%S", "yard_%Y-%m-%d %H.%M.%S", "%Y%m%dT%H%M%S%z"] {
            let name = format!("{}.{ext}", local.strftime(format));
            prop_assert_eq!(in_name(&name), Some(time.to_string()), "{}", name);
        }
    }

    #[test]
    fn any_bytes_are_read(bytes in proptest::collection::vec(any::<u8>(), 0..600), flavour in 0..4) {
        let empty_w64 = w64(&[]);
        let heads: [&[u8]; 4] = [b"RIFF\0\0\0\0WAVE", b"RF64\0\0\0\0WAVE", b"", &empty_w64];
        let head = heads[flavour as usize];
        let chunks = of_bytes(&[head, &bytes].concat());
        let _ = (chunks.bext_time(&zone()), chunks.guano_time(&zone()));
    }

    #[test]
    fn a_damaged_file_is_read(at in 0_usize..1500, byte in any::<u8>(), cut in 0_usize..1500) {
        let mut bytes = wav(&[bext("2026-07-02", "06:44:04", 5), guano("Timestamp: 2026-07-02T06:44:04\n")], 0, &[]);
        let n = bytes.len();
        bytes[at % n] = byte;
        bytes.truncate(cut);
        let chunks = of_bytes(&bytes);
        let _ = (chunks.bext_time(&zone()), chunks.guano_time(&zone()));
    }
}
