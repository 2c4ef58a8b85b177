//! How a person names an input: the `--input` specifications of the command line's contract.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use crate::error::{Error, Result};
use crate::units::SampleRate;

/// Rates that a stream may have, in Hz. Outside of them a typing error is likelier than a sound card.
const RATES_HZ: std::ops::RangeInclusive<u32> = 8_000..=192_000;

/// Which input to open.
///
/// Parses what `--input` takes (`default`, `device:ID`, `jack`, `jack:PATTERN`, `file:PATH`,
/// `stdin:RATExCHANNELS:FORMAT`, `demo`); displays as the
/// source is named in events, where a file goes by its name without its folders.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InputSpec {
    /// The system's default capture device.
    Default,
    /// The capture device with this id, as `earwitness devices` lists it.
    Device(String),
    /// A recording.
    File(PathBuf),
    /// Raw samples from standard input.
    Stdin {
        /// Their rate, 8 to 192 kHz.
        rate: SampleRate,
        /// Channels, 1 to 8, interleaved.
        channels: u16,
        /// How each sample is coded.
        format: SampleFormat,
    },
    /// A client of the JACK server, connected to the ports of other clients whose names the pattern matches (a regular
    /// expression), now and whenever one appears; without a pattern, to the system's capture ports.
    Jack(Option<String>),
    /// The scene that the program makes itself.
    Demo,
}

/// How raw samples are coded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SampleFormat {
    /// Signed 16-bit integers, little-endian.
    S16Le,
    /// 32-bit floats, little-endian, full scale ±1.
    F32Le,
}

impl SampleFormat {
    /// Bytes of one sample.
    #[must_use]
    pub const fn n_bytes(self) -> usize {
        match self {
            Self::S16Le => 2,
            Self::F32Le => 4,
        }
    }
}

impl InputSpec {
    /// Whether this input exists without a clock of its own, so that it can be read faster than real time.
    #[must_use]
    pub const fn can_be_fast(&self) -> bool {
        matches!(self, Self::File(_) | Self::Stdin { .. } | Self::Demo)
    }
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
            Self::Stdin { .. } => f.write_str("stdin"),
            Self::Jack(None) => f.write_str("jack"),
            Self::Jack(Some(pattern)) => write!(f, "jack:{pattern}"),
            Self::Demo => f.write_str("demo"),
        }
    }
}

impl FromStr for InputSpec {
    type Err = Error;

    /// # Errors
    /// [`crate::ErrorKind::Usage`], saying what was expected.
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
            _ => Err(Error::usage(format!(
                "--input '{spec}' is not known; use default, device:ID, jack, jack:PATTERN, file:PATH, \
                 stdin:RATExCHANNELS:FORMAT or demo"
            ))),
        }
    }
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

/// `RATExCHANNELS:FORMAT`, as in `48000x2:s16le`.
fn parse_stdin(text: &str) -> Result<InputSpec> {
    let shape = || {
        Error::usage(format!(
            "--input 'stdin:{text}' is not complete; write stdin:RATExCHANNELS:FORMAT, for instance stdin:48000x1:s16le"
        ))
    };
    let (size, format) = text.split_once(':').ok_or_else(shape)?;
    let (rate, channels) = size.split_once('x').ok_or_else(shape)?;
    let format = match format {
        "s16le" => SampleFormat::S16Le,
        "f32le" => SampleFormat::F32Le,
        other => {
            return Err(Error::usage(format!("--input stdin: knows the formats s16le and f32le, not '{other}'")));
        }
    };
    let in_range = rate.parse().ok().filter(|hz| RATES_HZ.contains(hz)).and_then(SampleRate::new);
    let rate = in_range.ok_or_else(|| {
        let (low, high) = (RATES_HZ.start(), RATES_HZ.end());
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

    #[test]
    fn every_input_of_the_contract_parses_and_names_itself() {
        let stdin =
            InputSpec::Stdin { rate: SampleRate::new(44_100).unwrap(), channels: 2, format: SampleFormat::F32Le };
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
            ("stdin:44100x2:f32le", stdin, "stdin"),
        ] {
            let parsed: InputSpec = text.parse().unwrap();
            assert_eq!((&parsed, parsed.to_string().as_str()), (&spec, name));
        }
    }

    #[test]
    fn what_does_not_parse_says_what_would() {
        for (text, hint) in [
            ("", "use default"),
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
            ("stdin", "stdin:48000x1:s16le"),
            ("stdin:48000", "stdin:48000x1:s16le"),
            ("stdin:48000x1", "stdin:48000x1:s16le"),
            ("stdin:48000:s16le", "stdin:48000x1:s16le"),
            ("stdin:48000x1:s24le", "s16le and f32le"),
            ("stdin:0x1:s16le", "8000 to 192000"),
            ("stdin:-5x1:s16le", "8000 to 192000"),
            ("stdin:48kx1:s16le", "8000 to 192000"),
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
