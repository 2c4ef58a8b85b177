#![allow(clippy::unwrap_used)]

use super::super::made::{ape, fixture, id3v1, id3v2, read, read_file, read_pipe};

/// Where the first frame of the fixture begins, behind its metadata.
fn first_frame(flac: &[u8]) -> usize {
    flac.windows(2).position(|w| w == [0xff, 0xf8]).unwrap()
}

fn plain() -> (Vec<u8>, Vec<f32>) {
    let flac = fixture("tone.flac");
    let recording = read(&flac);
    assert!(recording.faults.is_none());
    (flac, recording.samples)
}

#[test]
fn a_header_that_says_wrong_things_of_the_lengths_does_no_harm() {
    let (flac, want) = plain();
    // Least and most channel frames of a block, least and most bytes of a frame.
    for (what, lengths) in [
        ("least 0", [0, 0, 0x10, 0, 0, 0, 0, 0, 0, 0]),
        ("all 0", [0; 10]),
        ("most too small", [0, 16, 0, 16, 0, 0, 0, 0, 0, 0]),
        ("swapped", [0xff, 0xff, 0, 16, 0, 0, 9, 0, 0, 1]),
        ("frames too short", [0x10, 0, 0x10, 0, 0, 0, 1, 0, 0, 2]),
    ] {
        let mut file = flac.clone();
        file[8..18].copy_from_slice(&lengths);
        let recording = read(&file);
        assert!(recording.samples == want && recording.faults.is_none(), "{what}");
    }
    // The total is unknown, as in a stream.
    let mut file = flac.clone();
    file[21] &= 0xf0;
    file[22..26].fill(0);
    let recording = read(&file);
    assert!(recording.samples == want && recording.faults.promised_secs.is_none());
    // A block of metadata whose length leads astray: the frames are found, in a file.
    let mut file = flac;
    let last = first_frame(&file);
    let padding = [0x81, 0xff, 0xff, 0xff];
    file[4] &= 0x7f;
    file.splice(42..last, padding);
    assert!(read_file(&file).unwrap().samples == want);
}

#[test]
fn tags_and_rubbish_around_it_are_no_sound() {
    let (flac, want) = plain();
    let noise: Vec<u8> = (0..9000_u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    for (what, tag) in [
        ("ID3v1", id3v1()),
        ("APE", ape(&noise)),
        ("APE and ID3v1", [ape(&noise), id3v1()].concat()),
        ("ID3v2", id3v2(&noise)),
        ("zeros", vec![0; 7000]),
        ("noise", noise.clone()),
        ("a little", vec![3; 5]),
    ] {
        let recording = read(&[&flac[..], &tag].concat());
        assert!(recording.faults.is_none(), "{what}: {:?}", recording.faults);
        assert!(recording.samples == want, "{what}");
    }
    let recording = read(&[id3v2(&noise), flac].concat());
    assert!(recording.samples == want);
}

#[test]
fn a_damaged_frame_becomes_silence_of_its_length() {
    let (flac, want) = plain();
    let frames: Vec<usize> =
        (0..flac.len() - 5).filter(|&i| flac[i..].starts_with(&[0xff, 0xf8]) && flac[i + 4] < 3).collect();
    let second = *frames.iter().find(|&&i| flac[i + 4] == 1).unwrap();
    let third = *frames.iter().find(|&&i| flac[i + 4] == 2).unwrap();
    // Bits in the middle, the mark of its beginning, the whole of it.
    let mut bits = flac.clone();
    bits[(second + third) / 2] ^= 0x55;
    let mut mark = flac.clone();
    mark[second..second + 4].fill(0);
    let whole = [&flac[..second], &flac[third..]].concat();
    for (what, file) in [("bits", bits), ("mark", mark), ("whole", whole)] {
        let recording = read(&file);
        let (from, to) = (2 * 4096, 2 * 8192);
        assert_eq!(recording.samples.len(), want.len(), "{what}");
        assert!(recording.samples[..from] == want[..from] && recording.samples[to..] == want[to..], "{what}");
        assert!(recording.samples[from..to].iter().all(|&x| x == 0.0), "{what}");
        assert_eq!(
            recording.faults.sentence("yard.flac").unwrap(),
            "yard.flac has a damaged piece (0.19 s), which became silence",
            "{what}"
        );
    }
}

#[test]
fn what_is_missing_is_said() {
    let (flac, want) = plain();
    for keep in [flac.len() - 1, flac.len() * 3 / 4, flac.len() / 2] {
        let recording = read(&flac[..keep]);
        assert!(recording.faults.ends_early && recording.samples.len() < want.len());
        assert_eq!(recording.samples, want[..recording.samples.len()]);
        assert_eq!(recording.faults.promised_secs, Some(0.5));
    }
    // Without a promise a frame that is cut in two tells.
    let mut file = flac[..flac.len() - 100].to_vec();
    file[21] &= 0xf0;
    file[22..26].fill(0);
    assert!(read(&file).faults.ends_early);
}

#[test]
fn joined_streams_are_all_heard() {
    let (flac, want) = plain();
    let twice = [&want[..], &want].concat();
    for between in [Vec::new(), id3v2(&[0xff; 400]), id3v1()] {
        let recording = read(&[&flac[..], &between, &flac].concat());
        assert!(recording.samples == twice && recording.faults.is_none());
        assert_eq!(recording.faults.promised_secs, Some(1.0));
    }
}

#[test]
fn a_stream_that_begins_in_the_middle_has_no_silence_before_it() {
    let (flac, want) = plain();
    let second = (0..flac.len() - 5).find(|&i| flac[i..].starts_with(&[0xff, 0xf8]) && flac[i + 4] == 1).unwrap();
    let file = [&flac[..first_frame(&flac)], &flac[second..]].concat();
    let recording = read_pipe(&file).unwrap();
    assert!(recording.samples == want[2 * 4096..]);
}
