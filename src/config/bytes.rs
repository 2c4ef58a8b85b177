//! Settings that are a number of bytes.

use std::fmt;
use std::str::FromStr;

use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::units::parse_bytes;

/// A number of bytes; in TOML a text such as `"20 GB"`, or an integer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct ByteSize(pub u64);

impl ByteSize {
    /// What is wrong with a text that is none.
    const REMEDY: &str = "give bytes, as in \"20 GB\" or \"500 MB\"; 0 is no limit";
}

impl FromStr for ByteSize {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        parse_bytes(text).map(Self).ok_or_else(|| Self::REMEDY.to_owned())
    }
}

/// In the largest unit that says it exactly.
impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let units = [(1_000_000_000_000, " TB"), (1_000_000_000, " GB"), (1_000_000, " MB"), (1000, " kB")];
        let whole = units.iter().find(|(scale, _)| self.0 > 0 && self.0.is_multiple_of(*scale));
        let (scale, unit) = whole.copied().unwrap_or((1, ""));
        write!(f, "{}{unit}", self.0 / scale)
    }
}

/// How much of a disk may be used: so many bytes, or a share of all that it has.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum SpaceLimit {
    /// Bytes; 0 is no limit.
    Bytes(u64),
    /// Percent of the disk, above 0 and at most 100.
    Share(f64),
}

impl SpaceLimit {
    /// What is wrong with a text that is none.
    const REMEDY: &str = "give bytes, as in \"20 GB\", or a share of the disk, as in \"10%\"; 0 is no limit";

    /// The bytes that it names; 0 where it names none.
    #[must_use]
    pub const fn bytes(self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes,
            Self::Share(_) => 0,
        }
    }

    /// The percent that it names; 0 where it names none.
    #[must_use]
    pub const fn percent(self) -> f64 {
        match self {
            Self::Bytes(_) => 0.0,
            Self::Share(percent) => percent,
        }
    }
}

impl FromStr for SpaceLimit {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let Some(number) = text.trim().strip_suffix('%') else {
            return parse_bytes(text).map(Self::Bytes).ok_or_else(|| Self::REMEDY.to_owned());
        };
        match number.trim().parse::<f64>() {
            Ok(0.0) => Ok(Self::Bytes(0)),
            Ok(percent) if percent > 0.0 && percent <= 100.0 => Ok(Self::Share(percent)),
            _ => Err(Self::REMEDY.to_owned()),
        }
    }
}

impl fmt::Display for SpaceLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bytes(bytes) => ByteSize(*bytes).fmt(f),
            Self::Share(percent) => write!(f, "{percent}%"),
        }
    }
}

/// Both are a text in TOML, or an integer, which is bytes.
macro_rules! text_or_bytes {
    ($name:ident, $bytes:expr, $example:literal) => {
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Text;
                impl Visitor<'_> for Text {
                    type Value = $name;

                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        f.write_str($example)
                    }
                    fn visit_str<E: Error>(self, text: &str) -> Result<$name, E> {
                        text.parse().map_err(E::custom)
                    }
                    fn visit_i64<E: Error>(self, number: i64) -> Result<$name, E> {
                        u64::try_from(number).map($bytes).map_err(|_| E::custom($name::REMEDY))
                    }
                    fn visit_u64<E: Error>(self, number: u64) -> Result<$name, E> {
                        Ok($bytes(number))
                    }
                }
                deserializer.deserialize_any(Text)
            }
        }
    };
}
text_or_bytes!(ByteSize, ByteSize, "bytes, as in \"20 GB\" or 500000000");
text_or_bytes!(SpaceLimit, SpaceLimit::Bytes, "bytes or a share of the disk, as in \"20 GB\" or \"10%\"");
