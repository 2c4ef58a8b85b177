//! What every reader of a format does: gives sound step by step until it ends.

use std::error::Error;
use std::fmt;

/// What one packet said of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Spec {
    pub(super) rate_hz: u32,
    pub(super) channels: usize,
}

/// What comes next.
pub(super) enum Step {
    /// Samples are in the buffer.
    Sound(Spec),
    /// A piece could not be decoded; it claims to last `frames` channel frames.
    Damaged { frames: u64 },
    /// Nothing follows.
    End(Ending),
    /// The container cannot be read any further.
    Failed(Trouble),
}

/// How a recording ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Ending {
    /// How many channel frames the recording promised, where it made a promise of its own.
    pub(super) promised_frames: Option<u64>,
    /// Whether it broke off, whatever it promised.
    pub(super) is_cut: bool,
}

/// A format being decoded.
pub(super) trait Steps: Send + Sync {
    /// Decodes the next piece into `out`, interleaved, in place of what was there.
    fn next(&mut self, out: &mut Vec<f32>) -> Step;
}

/// Why something is not a recording that can be read, for the middle of a sentence.
#[derive(Debug)]
pub(super) struct Trouble {
    why: String,
    source: Option<Box<dyn Error + Send + Sync>>,
}

impl Trouble {
    pub(super) fn new(why: impl Into<String>) -> Self {
        Self { why: why.into(), source: None }
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.why)
    }
}

impl Error for Trouble {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|e| e as &(dyn Error + 'static))
    }
}

impl From<std::io::Error> for Trouble {
    fn from(e: std::io::Error) -> Self {
        let why = match e.kind() {
            std::io::ErrorKind::UnexpectedEof => "it ends too early".to_owned(),
            _ => e.to_string(),
        };
        Self { why, source: Some(Box::new(e)) }
    }
}

impl From<symphonia::core::errors::Error> for Trouble {
    fn from(e: symphonia::core::errors::Error) -> Self {
        use symphonia::core::errors::Error;
        match e {
            Error::IoError(e) => e.into(),
            Error::DecodeError("isomp4: missing moov atom") | Error::Unsupported("isomp4: missing moov atom") => {
                Self::new("it lacks its index (moov): it was never completed, or it comes through a pipe")
            }
            Error::DecodeError(why) | Error::Unsupported(why) => Self::new(why),
            e => Self { why: e.to_string(), source: Some(Box::new(e)) },
        }
    }
}
