//! How a person names an input: the `--input` specifications of the command line's contract.

use std::ffi::OsStr;
use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use super::net_address::NetAddress;
use super::sample_format::SampleFormat;
use crate::error::{Error, Result};
use crate::units::SampleRate;

/// What `--input` takes, for messages.
const KNOWN: &str = "default, device:ID, jack, jack:PATTERN, the path of a recording or folder that is there, file:PATH, stdin:auto, \
                     stdin:RATExCHANNELS:FORMAT, an rtsp://, rtsps://, http://, https:// or srt:// address, or demo";

/// Which input to open.
///
/// Parses what `--input` takes (`default`, `device:ID`, `jack`, `jack:PATTERN`, `file:PATH`, a plain path, `stdin:auto`,
/// `stdin:RATExCHANNELS:FORMAT`, `rtsp://…` and other addresses, `demo`); displays as the source is named in events, where a file goes by its name without
/// its folders.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InputSpec {
    /// The system's default capture device.
    Default,
    /// The capture device with this id, as `earwitness devices` lists it.
    Device(String),
    /// A recording, a folder of recordings, or a pipe that a recording comes through.
    File(PathBuf),
    /// A recording from standard input; its first bytes say what it is.
    StdinAuto,
    /// Raw samples from standard input.
    Stdin {
        /// Their rate, one of [`SampleRate::HEARD_HZ`].
        rate: SampleRate,
        /// Channels, 1 to 8, interleaved.
        channels: u16,
        /// How each sample is coded.
        format: SampleFormat,
    },
    /// A client of the JACK server, connected to the ports of other clients whose names the pattern matches (a regular
    /// expression), now and whenever one appears; without a pattern, to the system's capture ports.
    Jack(Option<String>),
    /// A network stream, which `ffmpeg` fetches.
    Network(NetAddress),
    /// The scene that the program makes itself.
    Demo,
}

impl InputSpec {
    /// What `--input` says, in a path's own bytes: names of files need not be text.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Usage`], saying what was expected.
    pub fn parse(spec: &OsStr) -> Result<Self> {
        if let Some(text) = spec.to_str() {
            return text.parse();
        }
        // Only a path can be no text; what stands before it is.
        let bytes = spec.as_encoded_bytes();
        match bytes.strip_prefix(b"file:") {
            Some(path) => Ok(Self::File(path_of(path))),
            None => Ok(Self::File(PathBuf::from(spec))),
        }
    }

    /// Whether this input exists without a clock of its own, so that it can be read faster than real time.
    #[must_use]
    pub const fn can_be_fast(&self) -> bool {
        matches!(self, Self::File(_) | Self::StdinAuto | Self::Stdin { .. } | Self::Demo)
    }

    /// Whether it reads standard input.
    #[must_use]
    pub const fn is_stdin(&self) -> bool {
        matches!(self, Self::StdinAuto | Self::Stdin { .. })
    }
}

/// The path of these bytes.
#[cfg(unix)]
fn path_of(bytes: &[u8]) -> PathBuf {
    use std::os::unix::ffi::OsStrExt;
    PathBuf::from(OsStr::from_bytes(bytes))
}

/// The path of these bytes, as far as they are text.
#[cfg(not(unix))]
fn path_of(bytes: &[u8]) -> PathBuf {
    PathBuf::from(String::from_utf8_lossy(bytes).into_owned())
}

impl fmt::Display for InputSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::Device(id) => write!(f, "device:{id}"),
            Self::File(path) => {
                let name = path.file_name().map_or_else(|| path.to_string_lossy(), |name| name.to_string_lossy());
                write!(f, "file:{name}")
            }
            Self::StdinAuto | Self::Stdin { .. } => f.write_str("stdin"),
            Self::Jack(None) => f.write_str("jack"),
            Self::Jack(Some(pattern)) => write!(f, "jack:{pattern}"),
            Self::Network(address) => write!(f, "{address}"),
            Self::Demo => f.write_str("demo"),
        }
    }
}

impl FromStr for InputSpec {
    type Err = Error;

    /// # Errors
    /// As [`InputSpec::parse`].
    fn from_str(spec: &str) -> Result<Self> {
        let (kind, rest) = spec.split_once(':').map_or((spec, None), |(kind, rest)| (kind, Some(rest)));
        match (kind, rest) {
            ("default", None) => Ok(Self::Default),
            ("demo", None) => Ok(Self::Demo),
            // As `earwitness devices` lists them.
            ("device", Some(id)) if id.starts_with("jack:") => id.parse(),
            ("device", Some(id)) if !id.is_empty() => Ok(Self::Device(id.to_owned())),
            ("device", _) => Err(Error::usage(
                "--input device: needs the id of a capture device behind the colon; `earwitness devices` lists them",
            )),
            ("file", Some(path)) if !path.is_empty() => Ok(Self::File(PathBuf::from(path))),
            ("file", _) => Err(Error::usage("--input file: needs the path of a recording behind the colon")),
            ("stdin", rest) => parse_stdin(rest.unwrap_or_default()),
            ("jack", None) => Ok(Self::Jack(None)),
            ("jack", Some(pattern)) => parse_jack(pattern),
            ("default" | "demo", Some(_)) | ("", _) => Err(unknown(spec)),
            _ if NetAddress::looks_like_one(spec) => Ok(Self::Network(NetAddress::parse(spec)?)),
            _ => parse_path(spec),
        }
    }
}

/// A path, unless it is a word that seems to be misspelt.
fn parse_path(spec: &str) -> Result<InputSpec> {
    let path = Path::new(spec);
    // A single word without an ending can be a folder in this one, or a keyword with a slip in it.
    if !spec.contains(['/', '.', std::path::MAIN_SEPARATOR]) && !path.exists() {
        return Err(unknown(spec));
    }
    Ok(InputSpec::File(path.to_path_buf()))
}

fn unknown(spec: &str) -> Error {
    Error::usage(format!("--input '{spec}' is not known; use {KNOWN}"))
}

/// A regular expression over port names, as in `system:capture_[12]`.
fn parse_jack(pattern: &str) -> Result<InputSpec> {
    if pattern.is_empty() {
        return Err(Error::usage(
            "--input jack: needs a pattern of port names behind the colon, for instance jack:system:capture_.*; \
             leave the colon out for the system's capture ports",
        ));
    }
    match regex::Regex::new(pattern) {
        Ok(_) => Ok(InputSpec::Jack(Some(pattern.to_owned()))),
        Err(e) => {
            // The library draws an arrow below the pattern; its last line says what is wrong.
            let text = e.to_string();
            let why = text.lines().next_back().unwrap_or_default().trim_start_matches("error: ");
            Err(Error::usage(format!(
                "--input 'jack:{pattern}' is no regular expression ({why}); write \\ before a character that stands for itself"
            )))
        }
    }
}

/// `auto`, or `RATExCHANNELS:FORMAT`, as in `48000x2:s16le`.
fn parse_stdin(text: &str) -> Result<InputSpec> {
    if text == "auto" {
        return Ok(InputSpec::StdinAuto);
    }
    let shape = || {
        Error::usage(format!(
            "--input 'stdin:{text}' is not complete; write stdin:auto for a WAV, FLAC, Ogg or MP3 stream, or \
             stdin:RATExCHANNELS:FORMAT for raw samples, for instance stdin:48000x1:s16le"
        ))
    };
    let (size, format) = text.split_once(':').ok_or_else(shape)?;
    let (rate, channels) = size.split_once('x').ok_or_else(shape)?;
    let format = SampleFormat::parse(format).ok_or_else(|| {
        Error::usage(format!("--input stdin: knows the formats {}, not '{format}'", SampleFormat::ABOUT))
    })?;
    let rate = rate.parse().ok().and_then(SampleRate::new).filter(|rate| rate.is_heard()).ok_or_else(|| {
        let (low, high) = SampleRate::HEARD_HZ.into_inner();
        Error::usage(format!("--input stdin: takes a sample rate from {low} to {high} Hz, not '{rate}'"))
    })?;
    let channels = channels
        .parse()
        .ok()
        .filter(|n| (1..=8).contains(n))
        .ok_or_else(|| Error::usage(format!("--input stdin: takes 1 to 8 channels, not '{channels}'")))?;
    Ok(InputSpec::Stdin { rate, channels, format })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;

    fn stdin(hz: u32, channels: u16, format: SampleFormat) -> InputSpec {
        InputSpec::Stdin { rate: SampleRate::new(hz).unwrap(), channels, format }
    }

    #[test]
    fn every_input_of_the_contract_parses_and_names_itself() {
        for (text, spec, name) in [
            ("default", InputSpec::Default, "default"),
            ("demo", InputSpec::Demo, "demo"),
            (
                "device:alsa:hw:CARD=0,DEV=0",
                InputSpec::Device("alsa:hw:CARD=0,DEV=0".into()),
                "device:alsa:hw:CARD=0,DEV=0",
            ),
            ("jack", InputSpec::Jack(None), "jack"),
            ("device:jack:^system:", InputSpec::Jack(Some("^system:".into())), "jack:^system:"),
            (
                "jack:system:capture_[12]",
                InputSpec::Jack(Some("system:capture_[12]".into())),
                "jack:system:capture_[12]",
            ),
            ("file:a/b:c/yard.wav", InputSpec::File("a/b:c/yard.wav".into()), "file:yard.wav"),
            ("stdin:44100x2:f32le", stdin(44_100, 2, SampleFormat::F32Le), "stdin"),
            ("stdin:500000x1:S24_3LE", stdin(500_000, 1, SampleFormat::S24In3Le), "stdin"),
            ("stdin:8000x8:U8", stdin(8_000, 8, SampleFormat::U8), "stdin"),
            ("stdin:auto", InputSpec::StdinAuto, "stdin"),
            // A plain path is a recording.
            ("yard.wav", InputSpec::File("yard.wav".into()), "file:yard.wav"),
            ("./demo", InputSpec::File("./demo".into()), "file:demo"),
            ("card/2026-05-01", InputSpec::File("card/2026-05-01".into()), "file:2026-05-01"),
            ("12:30.wav", InputSpec::File("12:30.wav".into()), "file:12:30.wav"),
            (
                "rtsp://me:secret@camera.lan/1",
                InputSpec::Network(NetAddress::parse("rtsp://me:secret@camera.lan/1").unwrap()),
                "rtsp://camera.lan/1",
            ),
            ("/dev/stdin", InputSpec::File("/dev/stdin".into()), "file:stdin"),
        ] {
            let parsed: InputSpec = text.parse().unwrap();
            assert_eq!((&parsed, parsed.to_string().as_str()), (&spec, name));
            assert_eq!(InputSpec::parse(OsStr::new(text)).unwrap(), spec);
        }
    }

    #[test]
    fn a_single_word_is_a_path_where_there_is_such_a_file() {
        // Tests run in the repository's folder.
        assert_eq!("src".parse::<InputSpec>().unwrap(), InputSpec::File("src".into()));
        assert!("srcs".parse::<InputSpec>().is_err());
    }

    #[cfg(unix)]
    #[test]
    fn a_path_need_not_be_text() {
        use std::os::unix::ffi::OsStrExt;
        let file = |bytes: &[u8]| InputSpec::File(path_of(bytes));
        for (given, spec) in [
            (&b"caf\xe9.wav"[..], file(b"caf\xe9.wav")),
            (b"file:caf\xe9.wav", file(b"caf\xe9.wav")),
            (b"caf\xe9", file(b"caf\xe9")),
        ] {
            let parsed = InputSpec::parse(OsStr::from_bytes(given)).unwrap();
            assert_eq!(parsed, spec);
            assert!(parsed.to_string().starts_with("file:caf\u{fffd}"), "{parsed}");
        }
    }

    #[test]
    fn what_does_not_parse_says_what_would() {
        for (text, hint) in [
            ("", "use default"),
            (":x", "use default"),
            ("microphone", "use default"),
            ("demo:1", "use default"),
            ("default:1", "use default"),
            ("file", "path"),
            ("file:", "path"),
            ("device", "earwitness devices"),
            ("device:", "earwitness devices"),
            ("jack:", "jack:system:capture_.*"),
            ("jack:(left", "regular expression (unclosed group)"),
            ("jack:a{9999999}", "regular expression"),
            ("ftp://camera.lan/1", "rtsp://, rtsps://"),
            ("stdin", "stdin:48000x1:s16le"),
            ("stdin", "stdin:auto"),
            ("stdin:48000", "stdin:48000x1:s16le"),
            ("stdin:48000x1", "stdin:48000x1:s16le"),
            ("stdin:48000:s16le", "stdin:48000x1:s16le"),
            (
                "stdin:48000x1:s16be",
                "s24le (4 bytes a sample, as arecord's S24_LE), s24_3le (3 bytes, as ffmpeg's s24le)",
            ),
            ("stdin:0x1:s16le", "8000 to 500000"),
            ("stdin:-5x1:s16le", "8000 to 500000"),
            ("stdin:48kx1:s16le", "8000 to 500000"),
            ("stdin:500001x1:s16le", "8000 to 500000"),
            ("stdin:48000x0:s16le", "1 to 8"),
            ("stdin:48000x9:s16le", "1 to 8"),
            ("stdin:48000x:s16le", "1 to 8"),
        ] {
            let error = text.parse::<InputSpec>().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Usage, "{text}");
            assert!(error.to_string().contains(hint), "'{text}' gives: {error}");
        }
    }
}
