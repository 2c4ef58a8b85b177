//! Raw samples from a pipe, and the words that describe them.

use std::io::{Cursor, Read};
use std::time::Duration;

use earwitness::audio::source::{CaptureOptions, CaptureState, InputSpec, open_raw};

use crate::harness::fuzz;

/// Gives what it has in pieces of odd lengths.
struct Pieces(Cursor<Vec<u8>>, usize);

impl Read for Pieces {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        self.1 = self.1 * 31 % 4093 + 1;
        let n = self.1.min(into.len());
        self.0.read(&mut into[..n])
    }
}

/// The first line is what follows `--input`, the rest is what is piped in.
#[test]
fn pipes() {
    let seed = |spec: &str, bytes: &[u8]| [spec.as_bytes(), b"\n", bytes].concat();
    let sound: Vec<u8> = (0..6000_u32).map(|i| (i * i) as u8).collect();
    let seeds = [
        seed("stdin:48000x1:s16le", &sound),
        seed("stdin:8000x8:f32le", &sound),
        seed("stdin:500000x2:S24_3LE", &sound),
        seed("stdin:48000x3:s24le", &sound),
        seed("stdin:22050x1:u8", &sound),
        seed("stdin:44100x2:s32le", &sound),
        seed("stdin:44100x1:FLOAT64_LE", &sound),
        seed("stdin:192000x2:f32le", b""),
        seed("stdin:48000x1:s16le", b"RIFF\x24\x00\x00\x00WAVEfmt and more than forty bytes in all"),
        seed("stdin:auto", b""),
        seed("file:yard.wav", b""),
        seed("card/yard.wav", b""),
        seed("device:alsa:hw:CARD=USB,DEV=0", b""),
        seed("jack:system:capture_[0-9]+", b""),
    ];
    let words = [
        "stdin:", "x1:", ":s16le", ":f32le", ":s24_3le", ":u8", ":F64LE", "auto", "RIFF", "WAVE", "48000", "default",
        "demo", "jack:", "device:", "file:",
    ];
    fuzz("stdin", &seeds, &words, |case| {
        let end = case.iter().position(|b| *b == b'\n').unwrap_or(case.len());
        let spec: InputSpec = String::from_utf8_lossy(&case[..end]).parse()?;
        // Standard input has one name, whatever comes through it; every other name leads back to the same input.
        if !spec.is_stdin() {
            let again: InputSpec = spec.to_string().parse()?;
            assert_eq!(again.to_string(), spec.to_string());
        }
        let InputSpec::Stdin { rate, channels, format } = spec else { return Ok(()) };
        let bytes = case.get(end + 1..).unwrap_or_default().to_vec();
        let frame_bytes = format.n_bytes() * usize::from(channels);
        let whole = bytes.len() / frame_bytes;
        let options = CaptureOptions { fast: true, ..CaptureOptions::default() };
        let mut capture = open_raw("stdin".into(), Pieces(Cursor::new(bytes), 7), rate, channels, format, &options)?;
        let (mut n, mut chunk) = (0, vec![0.0; 1024]);
        loop {
            let state = capture.state();
            let ended = state == CaptureState::Ended;
            let read = capture.read(&mut chunk);
            assert!(chunk[..read].iter().all(|s| s.is_finite()));
            n += read;
            if let CaptureState::Failed(sentence) = state {
                // A header is the only thing that is refused, and before the first sample.
                assert!(sentence.contains("stdin:auto") && n == 0, "{sentence}");
                return Ok(());
            }
            if read == 0 && ended {
                break;
            }
            if read == 0 {
                std::thread::sleep(Duration::from_micros(50));
            }
        }
        assert_eq!(n, whole, "every whole channel frame is one sample of the mean");
        Ok(())
    });
}
