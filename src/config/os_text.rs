//! Settings that name files: what the system calls a name need not be text.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::path::Path;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A setting that is, or may be, the name of a file.
///
/// Names of files are bytes, and not all of them are UTF-8. Flags and variables give them as they are. TOML is UTF-8: a
/// settings file can name only what is, and where other names are written, U+FFFD stands for what is not.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct OsText(OsString);

impl OsText {
    /// As the system takes it.
    #[must_use]
    pub fn as_os_str(&self) -> &OsStr {
        &self.0
    }

    /// As a path.
    #[must_use]
    pub fn as_path(&self) -> &Path {
        Path::new(&self.0)
    }

    /// Whether it says nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether TOML can hold it.
    #[must_use]
    pub fn is_text(&self) -> bool {
        self.0.to_str().is_some()
    }
}

impl AsRef<OsStr> for OsText {
    fn as_ref(&self) -> &OsStr {
        &self.0
    }
}

impl From<OsString> for OsText {
    fn from(name: OsString) -> Self {
        Self(name)
    }
}

impl From<String> for OsText {
    fn from(name: String) -> Self {
        Self(name.into())
    }
}

impl From<&str> for OsText {
    fn from(name: &str) -> Self {
        Self(name.into())
    }
}

impl PartialEq<str> for OsText {
    fn eq(&self, other: &str) -> bool {
        self.0 == *other
    }
}

impl PartialEq<&str> for OsText {
    fn eq(&self, other: &&str) -> bool {
        self.0 == **other
    }
}

/// In quotes, with what is no text as escapes.
impl fmt::Debug for OsText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// With U+FFFD for what is no text.
impl fmt::Display for OsText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.to_string_lossy())
    }
}

impl Serialize for OsText {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for OsText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::from)
    }
}
