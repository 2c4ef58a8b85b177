//! How a person names what plays the interpretation: the `--listen` specifications of the command line's contract.

use std::fmt;
use std::str::FromStr;

use crate::error::{Error, Result};

/// Where the interpretation is heard while it happens.
///
/// Parses what `--listen` takes (`off`, `device`, `device:ID`, `jack`), and displays as it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum ListenSpec {
    /// Nowhere.
    #[default]
    Off,
    /// The playback device with this id, as `earwitness devices` lists it; `None` is the system's default.
    Device(Option<String>),
    /// The port `interpretation` of the JACK client.
    Jack,
}

impl fmt::Display for ListenSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Off => f.write_str("off"),
            Self::Device(None) => f.write_str("device"),
            Self::Device(Some(id)) => write!(f, "device:{id}"),
            Self::Jack => f.write_str("jack"),
        }
    }
}

impl FromStr for ListenSpec {
    type Err = Error;

    /// # Errors
    /// [`crate::ErrorKind::Usage`], saying what was expected.
    fn from_str(spec: &str) -> Result<Self> {
        match spec.split_once(':').map_or((spec, None), |(kind, rest)| (kind, Some(rest))) {
            ("off", None) => Ok(Self::Off),
            ("device", None) => Ok(Self::Device(None)),
            ("device", Some(id)) if !id.is_empty() => Ok(Self::Device(Some(id.to_owned()))),
            ("device", Some(_)) => Err(Error::usage(
                "--listen device: needs the id of a playback device behind the colon; `earwitness devices` lists them",
            )),
            ("jack", None) => Ok(Self::Jack),
            _ => Err(Error::usage(format!("--listen '{spec}' is not known; use off, device, device:ID or jack"))),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn what_is_parsed_displays_as_it_was_written() {
        let spec = |text: &str| text.parse::<ListenSpec>();
        assert_eq!(spec("off").unwrap(), ListenSpec::default());
        assert_eq!(spec("device").unwrap(), ListenSpec::Device(None));
        assert_eq!(spec("device:alsa:hw:1,0").unwrap(), ListenSpec::Device(Some("alsa:hw:1,0".into())));
        for text in ["off", "device", "device:alsa:hw:1,0", "jack"] {
            assert_eq!(spec(text).unwrap().to_string(), text);
        }
        for wrong in ["", "on", "device:", "jack:x", "off:1", "Device"] {
            let error = spec(wrong).unwrap_err();
            assert_eq!(error.kind(), crate::ErrorKind::Usage);
            assert!(error.to_string().contains("device"), "{error}");
        }
    }
}
