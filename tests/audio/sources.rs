//! Inputs from their specification to their last sample: recordings, pipes, and what is refused.
#![allow(clippy::unwrap_used)]

use std::io::Read;
use std::path::Path;
use std::time::{Duration, Instant};

use earwitness::ErrorKind;
use earwitness::audio::source::{
    Account, Capture, CaptureOptions, CaptureState, ChannelChoice, InputSpec, SampleFormat, open, open_raw,
    open_raw_lanes,
};
use earwitness::media::decode::read_recording;
use earwitness::units::SampleRate;
use tempfile::TempDir;

const FAST: CaptureOptions = CaptureOptions {
    fast: true,
    ring_secs: 10.0,
    start_time: None,
    channels: ChannelChoice::Mix,
    #[cfg(feature = "jack")]
    jack_out: None,
};

fn rate(hz: u32) -> SampleRate {
    SampleRate::new(hz).unwrap()
}

/// The only input that `spec` gives.
fn one(spec: &InputSpec, options: CaptureOptions) -> Capture {
    let mut captures = open(spec, options).unwrap();
    assert_eq!(captures.len(), 1);
    captures.remove(0)
}

/// A test that would wait for ever fails instead.
struct Deadline(Instant);

impl Deadline {
    fn new() -> Self {
        Self(Instant::now() + Duration::from_secs(60))
    }

    fn check(&self) {
        assert!(Instant::now() < self.0, "nothing happened for a minute");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Everything the input gives, and how it ended.
fn drain(capture: &mut Capture) -> (Vec<f32>, CaptureState) {
    let (mut all, mut out, deadline) = (Vec::new(), vec![0.0; 999], Deadline::new());
    loop {
        let n = capture.read(&mut out);
        all.extend_from_slice(&out[..n]);
        if n == 0 {
            match capture.state() {
                CaptureState::Running => deadline.check(),
                ended => break (all, ended),
            }
        }
    }
}

fn check_balance(capture: &Capture, read: usize) {
    let Account { captured, read: counted, dropped, pending, .. } = capture.account();
    assert_eq!((counted, pending), (read as u64, capture.pending() as u64));
    assert_eq!(captured, counted + dropped + pending);
}

fn write_stereo(path: &Path, hz: u32, frames: usize) {
    let spec =
        hound::WavSpec { channels: 2, sample_rate: hz, bits_per_sample: 16, sample_format: hound::SampleFormat::Int };
    let mut writer = hound::WavWriter::create(path, spec).unwrap();
    for i in 0..frames {
        writer.write_sample((i % 20_000) as i16).unwrap();
        writer.write_sample((i % 7919) as i16).unwrap();
    }
    writer.finalize().unwrap();
}

/// Gives `bytes` in reads of the lengths in `cuts`, again and again.
struct Pieces {
    bytes: Vec<u8>,
    at: usize,
    cuts: &'static [usize],
    turn: usize,
}

impl Read for Pieces {
    fn read(&mut self, buf: &mut [u8]) -> std::io::Result<usize> {
        self.turn += 1;
        if self.turn.is_multiple_of(5) {
            return Err(std::io::ErrorKind::Interrupted.into());
        }
        let n = self.cuts[self.turn % self.cuts.len()].min(self.bytes.len() - self.at).min(buf.len());
        buf[..n].copy_from_slice(&self.bytes[self.at..self.at + n]);
        self.at += n;
        Ok(n)
    }
}

#[test]
fn a_fast_recording_loses_nothing_in_a_small_ring() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("yard.wav");
    write_stereo(&path, 16_000, 100_000);
    let options = CaptureOptions { ring_secs: 0.1, ..FAST };
    let mut capture = one(&InputSpec::File(path.clone()), options);
    let info = capture.info().clone();
    assert_eq!((info.name.as_str(), info.sample_rate, info.channels), ("file:yard.wav", rate(16_000), 2));
    let (samples, state) = drain(&mut capture);
    assert_eq!(state, CaptureState::Ended);
    assert_eq!(samples, read_recording(&path).unwrap().mono());
    check_balance(&capture, samples.len());
    assert_eq!(capture.account().dropped, 0);
}

#[test]
fn a_recording_at_real_time_pace_is_never_early_and_a_full_ring_loses_the_newest() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("yard.wav");
    write_stereo(&path, 8000, 4000);
    let began = Instant::now();
    let options = CaptureOptions { ring_secs: 0.1, ..CaptureOptions::default() };
    let mut capture = one(&InputSpec::File(path.clone()), options);
    let deadline = Deadline::new();
    // No one reads until the source is through: the ring keeps the first 0.1 s.
    while capture.account().captured < 4000 {
        let counted = capture.account().captured;
        assert!(counted as f64 / 8000.0 <= began.elapsed().as_secs_f64(), "early");
        deadline.check();
    }
    assert!(began.elapsed() >= Duration::from_millis(500));
    let (samples, state) = drain(&mut capture);
    assert_eq!(state, CaptureState::Ended);
    assert_eq!(samples, read_recording(&path).unwrap().mono()[..800]);
    assert_eq!(capture.account().dropped, 3200);
    check_balance(&capture, samples.len());
}

#[test]
fn a_pipe_may_cut_its_bytes_anywhere() {
    let frames: Vec<[i16; 3]> = (0..5000_i16).map(|i| [i, -i, i * 5]).collect();
    let mut bytes: Vec<u8> = frames.as_flattened().iter().flat_map(|v| v.to_le_bytes()).collect();
    // Two thirds of a channel frame at the end are no sample.
    bytes.extend_from_slice(&[1, 2, 3, 4]);
    let want: Vec<f32> =
        frames.iter().map(|f| (f.iter().map(|&v| f64::from(v) / 32_768.0).sum::<f64>() / 3.0) as f32).collect();
    for cuts in [&[1][..], &[5, 1, 7], &[6], &[4096, 1], &[100_000]] {
        let reader = Pieces { bytes: bytes.clone(), at: 0, cuts, turn: 0 };
        let mut capture = open_raw("stdin".into(), reader, rate(48_000), 3, SampleFormat::S16Le, &FAST).unwrap();
        let (samples, state) = drain(&mut capture);
        assert_eq!((samples.len(), state), (5000, CaptureState::Ended), "{cuts:?}");
        assert_eq!(samples, want, "{cuts:?}");
    }
}

#[test]
fn floats_from_a_pipe_are_cleaned_and_counted() {
    let values = [0.25, f32::NAN, -0.5, f32::INFINITY, 1e-41, 3e38];
    let bytes = values.iter().flat_map(|v: &f32| v.to_le_bytes()).collect();
    let reader = Pieces { bytes, at: 0, cuts: &[3], turn: 0 };
    let mut capture = open_raw("stdin".into(), reader, rate(48_000), 1, SampleFormat::F32Le, &FAST).unwrap();
    let (samples, _) = drain(&mut capture);
    assert_eq!(samples, [0.25, 0.0, -0.5, 0.0, 0.0, 0.0]);
    assert_eq!(capture.account().invalid, 3);
}

#[test]
fn a_pipe_that_breaks_says_so_after_its_last_sample() {
    struct Breaks(u32);
    impl Read for Breaks {
        fn read(&mut self, buf: &mut [u8]) -> std::io::Result<usize> {
            self.0 += 1;
            if self.0 > 2 {
                return Err(std::io::Error::other("wire cut"));
            }
            buf[..4].fill(0);
            Ok(4)
        }
    }
    let mut capture = open_raw("stdin".into(), Breaks(0), rate(8000), 1, SampleFormat::S16Le, &FAST).unwrap();
    let deadline = Deadline::new();
    while capture.pending() < 4 {
        assert_eq!(capture.state(), CaptureState::Running);
        deadline.check();
    }
    assert_eq!(capture.state(), CaptureState::Running, "there is something left to read");
    let (samples, state) = drain(&mut capture);
    assert_eq!(samples.len(), 4);
    assert!(matches!(&state, CaptureState::Failed(why) if why.contains("wire cut")), "{state:?}");
}

#[test]
fn stopping_waits_for_no_one_who_may_never_come() {
    struct Silent;
    impl Read for Silent {
        fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
            loop {
                std::thread::park();
            }
        }
    }
    let mut capture = open_raw("stdin".into(), Silent, rate(8000), 1, SampleFormat::S16Le, &FAST).unwrap();
    capture.stop();
    assert_eq!(capture.state(), CaptureState::Ended);
    // A source that waits for room in the ring.
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("long.wav");
    write_stereo(&path, 8000, 100_000);
    let mut capture = one(&InputSpec::File(path), CaptureOptions { ring_secs: 0.1, ..FAST });
    let deadline = Deadline::new();
    while capture.pending() < 800 {
        deadline.check();
    }
    capture.stop();
    capture.stop();
    let (samples, state) = drain(&mut capture);
    assert_eq!((samples.len(), state), (800, CaptureState::Ended), "what was captured can still be read");
}

#[test]
fn what_cannot_be_opened_says_why() {
    for (spec, options, kind, hint) in [
        ("default", FAST, ErrorKind::Usage, "--fast"),
        ("device:hw:0", FAST, ErrorKind::Usage, "--fast"),
        ("jack", FAST, ErrorKind::Usage, "--fast"),
        ("demo", CaptureOptions { channels: ChannelChoice::Only(vec![2]), ..FAST }, ErrorKind::Input, "no channel 2"),
        ("file:no/such.wav", FAST, ErrorKind::Input, "no/such.wav"),
        ("demo", CaptureOptions { ring_secs: 0.0, ..FAST }, ErrorKind::Usage, "ring"),
        ("demo", CaptureOptions { ring_secs: f64::NAN, ..FAST }, ErrorKind::Usage, "ring"),
        ("demo", CaptureOptions { ring_secs: 1e12, ..FAST }, ErrorKind::Usage, "ring"),
    ] {
        let error = open(&spec.parse().unwrap(), options).map(|_| ()).unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
        assert!(error.to_string().contains(hint), "{error}");
    }
}

#[test]
fn a_capture_can_move_to_the_worker() {
    fn is_send<T: Send>() {}
    is_send::<Capture>();
}

/// The channels of a recording or a pipe as inputs of their own: they share a thread, and none loses anything.
#[test]
fn channels_become_inputs_of_their_own() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("yard.wav");
    write_stereo(&path, 8000, 30_000);
    let options = |channels| CaptureOptions { ring_secs: 0.1, channels, ..FAST };
    let captures = open(&InputSpec::File(path.clone()), options(ChannelChoice::Each)).unwrap();
    let names: Vec<_> = captures.iter().map(|capture| capture.info().name.clone()).collect();
    assert_eq!(names, ["file:yard.wav#1", "file:yard.wav#2"]);
    assert!(captures.iter().all(|capture| capture.info().channels == 2));
    let both = drain_all(captures);
    let sample = |i: usize, modulus: usize| (i % modulus) as f32 / 32_768.0;
    for (samples, modulus) in both.iter().zip([20_000, 7919]) {
        assert_eq!(samples.len(), 30_000);
        assert!(samples.iter().enumerate().all(|(i, &s)| s == sample(i, modulus)));
    }

    let captures = open(&InputSpec::File(path), options(ChannelChoice::Only(vec![2]))).unwrap();
    assert_eq!(captures[0].info().name, "file:yard.wav#2");
    assert_eq!(drain_all(captures), both[1..]);

    let bytes = (0..6000_i16).flat_map(|v| v.to_le_bytes()).collect();
    let reader = Pieces { bytes, at: 0, cuts: &[5, 1, 4001], turn: 0 };
    let choice = options(ChannelChoice::Only(vec![3, 1]));
    let captures = open_raw_lanes("stdin".into(), reader, rate(8000), 3, SampleFormat::S16Le, &choice).unwrap();
    assert_eq!(captures[0].info().name, "stdin#3");
    let lanes = drain_all(captures);
    for (samples, offset) in lanes.iter().zip([2, 0]) {
        assert!(samples.iter().enumerate().all(|(i, &s)| s == (3 * i + offset) as f32 / 32_768.0));
        assert_eq!(samples.len(), 2000);
    }
}

/// A reader that goes away must not hold up the others.
#[test]
fn a_channel_that_no_one_reads_any_more_holds_no_one_up() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("yard.wav");
    write_stereo(&path, 8000, 30_000);
    let options = CaptureOptions { ring_secs: 0.1, channels: ChannelChoice::Each, ..FAST };
    let mut captures = open(&InputSpec::File(path), options).unwrap();
    captures.remove(0);
    assert_eq!(drain_all(captures)[0].len(), 30_000);
}

/// What the inputs of one device give, read in turns.
fn drain_all(mut captures: Vec<Capture>) -> Vec<Vec<f32>> {
    let mut all = vec![Vec::new(); captures.len()];
    let (mut out, deadline) = (vec![0.0; 333], Deadline::new());
    while captures.iter().any(|capture| capture.state() == CaptureState::Running) {
        let mut any = 0;
        for (capture, all) in captures.iter_mut().zip(&mut all) {
            let n = capture.read(&mut out);
            assert_eq!(capture.gap_before(), 0);
            all.extend_from_slice(&out[..n]);
            any += n;
        }
        if any == 0 {
            deadline.check();
        }
    }
    assert!(captures.iter().all(|capture| capture.state() == CaptureState::Ended));
    captures.iter().zip(&all).for_each(|(capture, all)| check_balance(capture, all.len()));
    all
}
