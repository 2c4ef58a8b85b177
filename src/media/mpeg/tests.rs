#![allow(clippy::unwrap_used)]

use super::super::made::{ape, fixture, id3v1, id3v2, read, read_file, read_pipe};

fn samples_of(bytes: &[u8]) -> Vec<f32> {
    let recording = read(bytes);
    assert!(recording.faults.is_none(), "{:?}", recording.faults);
    recording.samples
}

/// The first frame of the fixture, which says how long it is.
fn first_frame_len() -> usize {
    let mp3 = fixture("tone.mp3");
    super::Header::parse(&mp3).unwrap().n_bytes
}

#[test]
fn tags_are_no_sound_wherever_they_stand_and_whatever_they_hold() {
    let plain = fixture("tone.mp3");
    let want = samples_of(&plain);
    let other = read_file(&fixture("tone.mp2")).unwrap().samples;
    assert!(other.len() > 10_000);
    for (what, tag) in [
        ("another recording", id3v2(&[&[0; 20][..], &fixture("tone.mp2")].concat())),
        ("a flac", id3v2(&fixture("tone.flac"))),
        ("words", id3v2(b"it speaks of fLaC, OggS and RIFF....WAVE")),
        ("a picture of more than a mebibyte", id3v2(&vec![0xff; 1_300_000])),
        ("several tags", [id3v2(&[1; 40]), id3v2(&[]), ape(b"words"), id3v2(&[0xff; 4000])].concat()),
        ("zeros", vec![0; 5000]),
    ] {
        assert!(samples_of(&[&tag[..], &plain].concat()) == want, "{what} in front");
    }
    let lyrics = b"LYRICSBEGININD0000200LYR00003la 000034LYRICS200";
    for (what, tag) in [
        ("ID3v1", id3v1()),
        ("APE", ape(&[0xff; 700])),
        ("APE and ID3v1", [ape(b"words"), id3v1()].concat()),
        ("Lyrics3 and ID3v1", [&lyrics[..], &id3v1()].concat()),
        ("ID3v2 at the end", id3v2(&[0xff; 700])),
        ("zeros", vec![0; 9000]),
    ] {
        assert!(samples_of(&[&plain[..], &tag].concat()) == want, "{what} behind");
    }
}

#[test]
fn joined_recordings_are_all_heard_and_each_is_trimmed_by_itself() {
    let plain = fixture("tone.mp3");
    let want = samples_of(&plain);
    let twice = [&want[..], &want].concat();
    assert!(samples_of(&[&plain[..], &plain].concat()) == twice);
    let tagged = [&id3v2(&[0xff; 999])[..], &plain, &id3v1()].concat();
    assert!(samples_of(&[&tagged[..], &tagged].concat()) == twice);
    // A second one that says nothing of its length: nothing is trimmed of it.
    let bare = &plain[first_frame_len()..];
    let joined = read(&[&plain[..], bare].concat());
    assert_eq!(joined.samples[..want.len()], want);
    assert!(joined.samples.len() >= twice.len());
    // Behind a first one that says nothing.
    let joined = samples_of(&[bare, &plain].concat());
    assert!(joined.ends_with(&want) && joined.len() >= twice.len());
}

#[test]
fn what_is_missing_of_a_promise_is_said() {
    let plain = fixture("tone.mp3");
    let want = samples_of(&plain);
    let joined = [&plain[..], &plain, &plain, &plain].concat();
    let cut = read(&joined[..joined.len() * 5 / 8]);
    let sentence = cut.faults.sentence("yard.mp3").unwrap();
    assert!(sentence.starts_with("yard.mp3 ends too early: 1.2 of 1.5 s"), "{sentence}");
    assert_eq!(cut.samples[..2 * want.len()], [&want[..], &want].concat());
}

#[test]
fn rubbish_between_frames_is_skipped_and_a_stream_may_begin_anywhere() {
    let plain = fixture("tone.mp3");
    let want = samples_of(&plain);
    let first = first_frame_len();
    // Into a stream, in the middle of a frame: all frames but that one.
    let from_inside = read_file(&plain[first + 40..]).unwrap();
    assert!(from_inside.samples.len() > want.len() / 2);
    // A gap in the file, as a bad block leaves it.
    let mut holed = plain.clone();
    let at = plain.len() / 2;
    holed[at..at + 300].fill(0);
    let recording = read_file(&holed).unwrap();
    assert!(recording.samples.len() > want.len() * 3 / 4);
    assert!(!recording.faults.is_none(), "it is said");
}

#[test]
fn two_bytes_of_a_frame_are_not_enough_to_make_a_recording() {
    let noise: Vec<u8> = (0..40_000_u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let mut noise = [&noise[..], &[0xff, 0xfb, 0x90, 0x00], &noise].concat();
    assert!(read_file(&noise).unwrap_err().to_string().contains("no known kind"));
    noise.truncate(8192);
    assert!(read_pipe(&noise).is_err());
}
