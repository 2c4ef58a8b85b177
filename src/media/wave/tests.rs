#![allow(clippy::unwrap_used)]

use super::super::decode::Recording;
use super::super::made::{chunk, fixture, floats, format, le16, ramp, read, read_file, read_pipe, riff, wav};

fn samples_of(bytes: &[u8]) -> Vec<f32> {
    let recording = read(bytes);
    assert!(recording.faults.is_none(), "{:?}", recording.faults);
    recording.samples
}

fn sentence(recording: &Recording) -> String {
    recording.faults.sentence("yard.wav").unwrap_or_default()
}

/// A format chunk of the extensible kind.
fn extensible(align: u16, bits: u16, valid_bits: u16, mask: u32, guid: &[u8; 16]) -> Vec<u8> {
    let mut body = format(0xfffe, 1, 8000, align, bits);
    body.extend([22_u16.to_le_bytes(), valid_bits.to_le_bytes()].concat());
    body.extend(mask.to_le_bytes());
    body.extend(guid);
    body
}

const PCM: [u8; 16] = *b"\x01\0\0\0\0\0\x10\0\x80\0\0\xaa\0\x38\x9b\x71";

#[test]
fn samples_narrower_than_their_bytes_are_read_wherever_their_bits_stand() {
    // Every width that recorders write, at the top of its bytes and at the bottom.
    for (bytes, bits) in [(4_usize, 24_u32), (3, 20), (4, 20), (2, 12), (4, 16), (3, 18), (4, 25)] {
        let full = 1_i32 << (bits - 1);
        let values = [0, 1, -1, full / 3, -full / 5, full - 1, -full];
        let want: Vec<f32> = values.iter().map(|&v| v as f32 / full as f32).collect();
        let shift = 8 * bytes as u32 - bits;
        for shift in [shift, 0] {
            // The standard leaves open what cannot be told apart, so something that can comes first.
            let values = [&[full - 1][..], &values].concat();
            let body: Vec<u8> = values.iter().flat_map(|&v| (v << shift).to_le_bytes()[..bytes].to_vec()).collect();
            for format in [
                format(1, 1, 8000, bytes as u16, bits as u16),
                extensible(bytes as u16, 8 * bytes as u16, bits as u16, 4, &PCM),
            ] {
                let samples = samples_of(&riff(&[chunk(b"fmt ", &format), chunk(b"data", &body)]));
                assert_eq!(samples[1..], want, "{bits} bits in {bytes} bytes, shifted by {shift}");
            }
        }
    }
}

#[test]
fn silence_does_not_settle_where_bits_stand_and_all_bits_count_where_all_carry_sound() {
    let values = [0_i32, 0, 0, 0x0012_3456, -0x0012_3456];
    let bytes: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
    let file = |body: &[u8]| riff(&[chunk(b"fmt ", &format(1, 1, 8000, 4, 24)), chunk(b"data", body)]);
    let want = values.map(|v| v as f32 / 8_388_608.0);
    assert_eq!(samples_of(&file(&bytes)), want);
    let wide: Vec<u8> = [0x1234_5678_i32, -0x1234_5678].iter().flat_map(|v| v.to_le_bytes()).collect();
    assert_eq!(samples_of(&file(&wide))[0], 0x1234_5678 as f32 / 2_147_483_648.0);
}

#[test]
fn a_format_chunk_of_any_length_and_mask_is_read() {
    let samples = ramp(500);
    let plain = format(1, 1, 8000, 2, 16);
    let with = |more: &[u8]| [&plain[..], more].concat();
    let mut without_bits = plain.clone();
    without_bits.truncate(14);
    for (what, format) in [
        ("20 bytes", with(&[2, 0, 0, 0])),
        ("18 bytes", with(&[0, 0])),
        ("17 bytes", with(&[0])),
        ("200 bytes", with(&[7; 184])),
        ("without bits", without_bits),
        ("mask with high bits", extensible(2, 16, 16, 0xffff_ffff, &PCM)),
        ("mask of too many speakers", extensible(2, 16, 16, 0x3f, &PCM)),
        ("ambisonic", extensible(2, 16, 16, 0, b"\x01\0\0\0\x21\x07\xd3\x11\x86\x44\xc8\xc1\xca\0\0\0")),
        ("unknown sub-format", extensible(2, 16, 16, 4, &[9; 16])),
        ("valid bits of nonsense", extensible(2, 16, 999, 4, &PCM)),
        ("wrong alignment", self::format(1, 1, 8000, 0, 16)),
        ("impossible alignment", self::format(1, 1, 8000, 1, 16)),
    ] {
        let file = riff(&[chunk(b"fmt ", &format), chunk(b"data", &le16(&samples))]);
        assert_eq!(samples_of(&file), floats(&samples), "{what}");
    }
}

#[test]
fn damaged_chunks_before_the_sound_do_no_harm() {
    let samples = ramp(500);
    let (fmt, data) = (chunk(b"fmt ", &format(1, 1, 8000, 2, 16)), chunk(b"data", &le16(&samples)));
    // An entry longer than its list, one of odd length at its end, a list of odd length that is not filled up.
    let long = chunk(b"LIST", b"INFOISFT\x90\x01\0\0Short\0");
    let odd = chunk(b"LIST", b"INFOISFT\x05\0\0\0Short");
    let mut unfilled = chunk(b"LIST", b"INFOISFT\x05\0\0\0Short");
    unfilled.pop();
    for (what, list) in [("long", &long), ("odd", &odd), ("unfilled", &unfilled)] {
        let file = riff(&[fmt.clone(), list.clone(), data.clone()]);
        assert_eq!(samples_of(&file), floats(&samples), "{what}");
    }
    // Lists whose own length leads behind the samples' chunk, or behind the file: only a file can be searched again.
    for len in [700_u32, 5000, 0xffff_fff0] {
        let mut list = long.clone();
        list[4..8].copy_from_slice(&len.to_le_bytes());
        let recording = read_file(&riff(&[fmt.clone(), list, data.clone()]));
        if len > 1200 {
            assert_eq!(recording.unwrap().samples, floats(&samples), "a list of {len} bytes");
        }
    }
}

#[test]
fn formats_for_more_than_4_gib_are_read() {
    let samples = ramp(500);
    let (fmt, body) = (format(1, 1, 8000, 2, 16), le16(&samples));
    let sizes = |riff: u64, data: u64, frames: u64| {
        let words = [riff, data, frames].map(u64::to_le_bytes).concat();
        chunk(b"ds64", &[&words[..], &[0; 4]].concat())
    };
    for id in [b"RF64", b"BW64"] {
        for riff in [0, 1090, u64::MAX] {
            let head = [&id[..], &[0xff; 4], b"WAVE"].concat();
            let data = [&b"data\xff\xff\xff\xff"[..], &body, &chunk(b"LIST", b"adtl")].concat();
            let file = [head, sizes(riff, 1000, 500), chunk(b"fmt ", &fmt), data].concat();
            assert_eq!(samples_of(&file), floats(&samples));
        }
        // Never completed.
        let head = [&id[..], &[0xff; 4], b"WAVE"].concat();
        let file =
            [head, sizes(0, 0, 0), chunk(b"fmt ", &fmt), b"data\xff\xff\xff\xff".to_vec(), body.clone()].concat();
        let recording = read_file(&file).unwrap();
        assert_eq!(recording.samples, floats(&samples));
        assert!(recording.faults.ends_early);
    }
    let tail = b"\xf3\xac\xd3\x11\x8c\xd1\0\xc0\x4f\x8e\xdb\x8a";
    let part = |name: &[u8; 4], body: &[u8]| {
        let mut part = [&name[..], tail, &(body.len() as u64 + 24).to_le_bytes(), body].concat();
        part.resize(part.len().next_multiple_of(8), 0);
        part
    };
    let head = |len: u64| {
        let riff = b"riff\x2e\x91\xcf\x11\xa5\xd6\x28\xdb\x04\xc1\0\0";
        [&riff[..], &len.to_le_bytes(), b"wave", tail].concat()
    };
    let odd = &body[..body.len() - 2];
    let file =
        [head(1184), part(b"fact", &[0; 8]), part(b"fmt ", &fmt), part(b"data", odd), part(b"list", b"x")].concat();
    assert_eq!(samples_of(&file), floats(&samples[..499]));
}

#[test]
fn big_endian_wav_is_read() {
    let fmt = [1_u16.to_be_bytes(), 2_u16.to_be_bytes()].concat();
    let fmt = [&fmt[..], &8000_u32.to_be_bytes(), &32_000_u32.to_be_bytes(), &[0, 4, 0, 16]].concat();
    let part = |id: &[u8; 4], body: &[u8]| [&id[..], &(body.len() as u32).to_be_bytes(), body].concat();
    let body: Vec<u8> = ramp(500).iter().flat_map(|s| s.to_be_bytes()).collect();
    let file = [&part(b"RIFX", b"WAVE")[..], &part(b"fmt ", &fmt), &part(b"data", &body)].concat();
    let recording = read(&file);
    assert_eq!((recording.channels, recording.samples), (2, floats(&ramp(500))));
}

#[test]
fn sound_behind_the_end_that_a_header_names_is_heard_and_said() {
    let samples = ramp(8000);
    let mut file = wav(&samples);
    // A quarter of what is there, as if the rest had run over 32 bits.
    file[4..8].copy_from_slice(&4036_u32.to_le_bytes());
    file[40..44].copy_from_slice(&4000_u32.to_le_bytes());
    let recording = read(&file);
    assert_eq!(recording.samples, floats(&samples));
    assert_eq!(sentence(&recording), "yard.wav goes on behind the 0.2 s that its header names: 1.0 s are there");
    // Channel frames of 6 bytes do not divide what runs over: the sound goes on in the middle of one.
    let body: Vec<u8> = samples.iter().flat_map(|&s| [0, s as u8, (s >> 8) as u8]).collect();
    let mut file = riff(&[chunk(b"fmt ", &format(1, 2, 8000, 6, 24)), chunk(b"data", &body)]);
    file[40..44].copy_from_slice(&4000_u32.to_le_bytes());
    assert_eq!(read(&file).samples, floats(&samples));
}

#[test]
fn chunks_tags_and_zeros_behind_the_sound_are_none() {
    let samples = ramp(999);
    let plain = riff(&[chunk(b"fmt ", &format(1, 1, 8000, 2, 16)), chunk(b"data", &le16(&samples))]);
    let list = chunk(b"LIST", b"INFOIART\x03\0\0\0Me\0\0");
    for (what, behind) in [
        ("a chunk", list.clone()),
        ("chunks", [list.clone(), chunk(b"id3 ", &[1; 3001]), list.clone()].concat()),
        ("a chunk and rubbish of a few bytes", [list.clone(), vec![1; 7]].concat()),
        ("an ID3v1 tag", super::super::made::id3v1()),
        ("an ID3v2 tag", super::super::made::id3v2(&[3; 9000])),
        ("an APE tag", super::super::made::ape(&[3; 9000])),
        ("some rubbish", vec![0x55; 1500]),
    ] {
        let file = [&plain[..], &behind].concat();
        let recording = read_file(&file).unwrap();
        assert!(recording.faults.is_none(), "{what}: {:?}", recording.faults);
        assert_eq!(recording.samples, floats(&samples), "{what}");
    }
    // A recorder that took the space beforehand.
    let recording = read_file(&[&plain[..], &[0; 50_000]].concat()).unwrap();
    assert_eq!((recording.samples.len(), recording.faults.is_none()), (999, true));
    // One channel frame of one byte: the chunk is filled up, or not.
    for filled in [true, false] {
        let mut file = riff(&[chunk(b"fmt ", &format(1, 1, 8000, 1, 8)), chunk(b"data", &[128; 4001])]);
        if !filled {
            file.pop();
        }
        let file = [file, list.clone()].concat();
        assert_eq!(read_file(&file).unwrap().samples, vec![0.0; 4001]);
    }
}

#[test]
fn a_second_samples_chunk_and_a_second_recording_are_heard() {
    let (one, two) = (ramp(700), ramp(300));
    let all = floats(&[&one[..], &two].concat());
    let fmt = chunk(b"fmt ", &format(1, 1, 8000, 2, 16));
    let list = chunk(b"LIST", b"adtl");
    let file = riff(&[fmt.clone(), chunk(b"data", &le16(&one)), list.clone(), chunk(b"data", &le16(&two)), list]);
    assert_eq!(samples_of(&file), all);
    assert_eq!(samples_of(&[wav(&one), wav(&two)].concat()), all);
    // Both promises count.
    let mut cut = [wav(&one), wav(&two)].concat();
    cut.truncate(cut.len() - 200);
    let recording = read(&cut);
    assert_eq!(recording.samples, all[..900]);
    assert_eq!(recording.faults.promised_secs, Some(0.125));
    // Recordings that do not go together are not mixed up.
    let other = riff(&[chunk(b"fmt ", &format(1, 2, 8000, 4, 16)), chunk(b"data", &le16(&two))]);
    let error = read_file(&[wav(&one), other].concat()).unwrap_err().to_string();
    assert!(error.contains("changes its sample rate or channels"), "{error}");
}

#[test]
fn lengths_that_stand_for_unknown_are_no_promise() {
    let samples = ramp(3000);
    // All ones, and what sox and arecord write into a pipe.
    for len in [0xffff_ffff_u32, 0xffff_ffdb, 0x7fff_ffff, 0x7fff_f024, 0x8000_0000, 0x7fff_f000] {
        let mut file = wav(&samples);
        file[4..8].copy_from_slice(&len.wrapping_add(36).to_le_bytes());
        file[40..44].copy_from_slice(&len.to_le_bytes());
        assert_eq!(samples_of(&file), floats(&samples), "{len:#x}");
    }
    // Nothing was filled in. In a pipe nobody could; in a file a recorder crashed.
    let mut file = wav(&samples);
    file[4..8].fill(0);
    file[40..44].fill(0);
    let pipe = read_pipe(&file).unwrap();
    assert_eq!((pipe.samples, pipe.faults.is_none()), (floats(&samples), true));
    let file = read_file(&file).unwrap();
    assert_eq!((file.samples.len(), sentence(&file)), (3000, "yard.wav ends too early: 0.4 s are there".to_owned()));
}

#[test]
fn what_is_missing_is_said() {
    let mut file = wav(&ramp(80_000));
    file.truncate(44 + 2 * 25_600 + 1);
    let recording = read(&file);
    assert_eq!(sentence(&recording), "yard.wav ends too early: 3.2 of 10.0 s are there");
    assert_eq!(recording.samples.len(), 25_600);
}

#[test]
fn something_before_the_header_is_skipped() {
    let samples = ramp(500);
    let file = [b"not a header, RIFF but no wave ".to_vec(), wav(&samples)].concat();
    assert_eq!(samples_of(&file), floats(&samples));
}

#[test]
fn both_laws_of_telephones_are_read() {
    // The extremes and the smallest steps of ITU-T G.711, as numbers of 16 bits.
    for (tag, known) in [
        (6, [(0xaa_u8, 32_256_i16), (0x2a, -32_256), (0xd5, 8), (0x55, -8)]),
        (7, [(0x80, 32_124), (0x00, -32_124), (0xfe, 8), (0x7e, -8)]),
    ] {
        let bytes: Vec<u8> = known.iter().map(|(byte, _)| *byte).collect();
        let want: Vec<i16> = known.iter().map(|(_, value)| *value).collect();
        let file = riff(&[chunk(b"fmt ", &format(tag, 1, 8000, 1, 8)), chunk(b"data", &bytes)]);
        assert_eq!(samples_of(&file), floats(&want));
    }
}

#[test]
fn floats_of_8_bytes_are_read() {
    let values = [0.5_f64, -0.25, 1e300, f64::NAN];
    let body: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
    let samples =
        read_file(&riff(&[chunk(b"fmt ", &format(3, 1, 8000, 8, 64)), chunk(b"data", &body)])).unwrap().samples;
    assert_eq!(samples[..2], [0.5, -0.25]);
    assert!(samples[2] == f32::INFINITY && samples[3].is_nan());
}

/// Blocks of IMA ADPCM: the header's sample, then differences of which the first table entry makes the steps.
#[test]
fn adpcm_is_read_to_the_last_sample_that_is_meant() {
    // A block of 8 bytes holds 1 + 8 samples: the first is in the header, and code 0 adds an eighth of the step (7).
    let block = |first: i16| [&first.to_le_bytes()[..], &[0, 0, 0, 0, 0, 0]].concat();
    let blocks = [block(100), block(-3000), block(20_000)].concat();
    let mut fmt = format(0x11, 1, 8000, 8, 4);
    fmt.extend([2, 0, 9, 0]);
    let file =
        |n: u32, blocks: &[u8]| riff(&[chunk(b"fmt ", &fmt), chunk(b"fact", &n.to_le_bytes()), chunk(b"data", blocks)]);
    let samples = samples_of(&file(27, &blocks));
    assert_eq!(samples.len(), 27);
    assert_eq!([samples[0], samples[9], samples[18]], [100, -3000, 20_000].map(|v: i16| f32::from(v) / 32_768.0));
    assert_eq!(samples_of(&file(20, &blocks)), samples[..20]);
    // A last block that is shorter than the others, and a length that is said wrongly.
    assert_eq!(samples_of(&file(0, &blocks[..22])), samples[..23]);
    assert_eq!(samples_of(&file(1, &blocks)).len(), 27);
    let mut cut = file(27, &blocks);
    cut.truncate(cut.len() - 8);
    let recording = read(&cut);
    assert_eq!((recording.samples.len(), recording.faults.ends_early), (18, true));
}

#[test]
fn mpeg_audio_in_wav_is_heard() {
    let mp3 = fixture("tone.mp3");
    let plain = read_file(&mp3).unwrap();
    let file = riff(&[chunk(b"fmt ", &format(0x55, 2, 22_050, 1, 0)), chunk(b"data", &mp3)]);
    assert_eq!(samples_of(&file), plain.samples);
}

#[test]
fn a_coding_that_is_not_known_is_named() {
    let file = riff(&[chunk(b"fmt ", &format(0x161, 1, 8000, 2, 16)), chunk(b"data", &[0; 100])]);
    let error = read_file(&file).unwrap_err().to_string();
    assert!(error.contains("0x0161") && error.contains("convert it"), "{error}");
    let error = read_file(&riff(&[chunk(b"data", &[0; 100])])).unwrap_err().to_string();
    assert!(error.contains("how its samples are coded"), "{error}");
}

/// An AIFF of `samples`, big endian, with `n` frames promised.
fn aiff(kind: Option<&[u8; 4]>, channels: u16, bits: u16, body: &[u8]) -> Vec<u8> {
    let part = |id: &[u8; 4], body: &[u8]| {
        let mut part = [&id[..], &(body.len() as u32).to_be_bytes(), body].concat();
        part.resize(part.len().next_multiple_of(2), 0);
        part
    };
    // 8000 Hz: 1.953125 times 2 to the power of 12.
    let rate = [0x40, 0x0b, 0xfa, 0, 0, 0, 0, 0, 0, 0];
    let common = [&channels.to_be_bytes()[..], &[0; 4], &bits.to_be_bytes(), &rate].concat();
    let common =
        [&common[..], kind.map_or(&[][..], |kind| &kind[..]), if kind.is_some() { b"\0\0" } else { b"" }].concat();
    let sound = part(b"SSND", &[&[0; 8], body].concat());
    let parts = [part(b"COMM", &common), part(b"NAME", b"odd"), sound, part(b"ANNO", b"end")].concat();
    let form = if kind.is_some() { b"AIFC" } else { b"AIFF" };
    part(b"FORM", &[&form[..], &parts].concat())
}

#[test]
fn aiff_is_read_in_all_its_codings() {
    let samples = ramp(600);
    let want = floats(&samples);
    let be: Vec<u8> = samples.iter().flat_map(|s| s.to_be_bytes()).collect();
    let wide = |bytes: &dyn Fn(f32) -> Vec<u8>| want.iter().flat_map(|&x| bytes(x)).collect::<Vec<u8>>();
    for (what, file) in [
        ("plain", aiff(None, 1, 16, &be)),
        ("NONE", aiff(Some(b"NONE"), 1, 16, &be)),
        ("sowt", aiff(Some(b"sowt"), 1, 16, &le16(&samples))),
        ("fl32", aiff(Some(b"fl32"), 1, 32, &wide(&|x| x.to_be_bytes().to_vec()))),
        ("FL64", aiff(Some(b"FL64"), 1, 64, &wide(&|x| f64::from(x).to_be_bytes().to_vec()))),
        ("24 bits", aiff(None, 1, 24, &samples.iter().flat_map(|s| [(s >> 8) as u8, *s as u8, 0]).collect::<Vec<_>>())),
        ("20 bits", aiff(None, 1, 20, &samples.iter().flat_map(|s| [(s >> 8) as u8, *s as u8, 0]).collect::<Vec<_>>())),
    ] {
        let recording = read(&file);
        assert_eq!((recording.sample_rate.hz(), recording.channels), (8000, 1), "{what}");
        assert!(recording.samples == want && recording.faults.is_none(), "{what}");
    }
    // A single byte has a sign here.
    assert_eq!(samples_of(&aiff(None, 1, 8, &[0, 64, 0xc0, 127])), [0.0, 0.5, -0.5, 127.0 / 128.0]);
    let mut cut = aiff(None, 2, 16, &be);
    cut.truncate(cut.len() - 600);
    let recording = read(&cut);
    assert!(recording.faults.ends_early && recording.samples == want[..recording.samples.len()]);
    let error = read_file(&aiff(Some(b"ima4"), 1, 16, &be)).unwrap_err().to_string();
    assert!(error.contains("ima4"), "{error}");
}

#[test]
fn caf_is_read() {
    let samples = ramp(600);
    let part = |id: &[u8; 4], body: &[u8]| [&id[..], &(body.len() as u64).to_be_bytes(), body].concat();
    let file = |name: &[u8; 4], flags: u32, bytes: u32, bits: u32, body: &[u8], len: Option<i64>| {
        let words = [flags, 2 * bytes, 1, 2, bits].map(u32::to_be_bytes).concat();
        let desc = [&8000_f64.to_be_bytes()[..], name, &words].concat();
        let mut data = part(b"data", &[&[0; 4], body].concat());
        if let Some(len) = len {
            data[4..12].copy_from_slice(&len.to_be_bytes());
        }
        [&b"caff\0\x01\0\0"[..], &part(b"desc", &desc), &part(b"free", &[1; 77]), &data].concat()
    };
    let be: Vec<u8> = samples.iter().flat_map(|s| s.to_be_bytes()).collect();
    let floats_le: Vec<u8> = floats(&samples).iter().flat_map(|x| x.to_le_bytes()).collect();
    for file in [
        file(b"lpcm", 0, 2, 16, &be, None),
        file(b"lpcm", 2, 2, 16, &le16(&samples), None),
        file(b"lpcm", 3, 4, 32, &floats_le, None),
        // Never completed, or written into a pipe: minus one.
        file(b"lpcm", 0, 2, 16, &be, Some(-1)),
    ] {
        let recording = read(&file);
        assert_eq!((recording.sample_rate.hz(), recording.channels), (8000, 2));
        assert!(recording.samples == floats(&samples) && recording.faults.is_none());
    }
    let behind = [file(b"lpcm", 0, 2, 16, &be, None), part(b"info", &[0; 40])].concat();
    assert_eq!(samples_of(&behind), floats(&samples));
    let mut cut = file(b"lpcm", 0, 2, 16, &be, None);
    cut.truncate(cut.len() - 402);
    let recording = read(&cut);
    assert_eq!((recording.samples.len(), recording.faults.ends_early), (398, true));
}
