//! How sections are declared, and how layers are put onto each other.

use std::collections::BTreeMap;

use crate::config::bytes::{ByteSize, SpaceLimit};
use crate::config::os_text::OsText;
use crate::config::values::{ColorMode, LogLevel, LogTo, QuietMode, SpeechMode, TellWhen, ThemeChoice, UiMode};

/// How a given value is put onto the one below it.
pub(super) trait PutOnto: Sized {
    fn put_onto(self, below: &mut Self);
}

macro_rules! replaces {
    ($($t:ty),+) => { $(impl PutOnto for $t { fn put_onto(self, below: &mut Self) { *below = self; } })+ };
}
replaces!(
    String,
    OsText,
    bool,
    u32,
    f64,
    UiMode,
    ColorMode,
    ThemeChoice,
    LogLevel,
    Vec<String>,
    ByteSize,
    SpaceLimit,
    QuietMode,
    SpeechMode,
    u16,
    LogTo,
    TellWhen
);

/// Tables are put together key by key.
impl<V> PutOnto for BTreeMap<String, V> {
    fn put_onto(self, below: &mut Self) {
        below.extend(self);
    }
}

/// A setting for the documented file: its comment, name and value.
pub(in crate::config) struct Entry {
    pub(in crate::config) doc: &'static [&'static str],
    pub(in crate::config) name: &'static str,
    pub(in crate::config) value: Result<toml::Value, toml::ser::Error>,
}

/// Declares a section twice, as checked settings with defaults and as a layer in which each may be absent; the doc
/// comments are also what the documented file says.
macro_rules! section {
    (
        $(#[doc = $about:literal])+
        pub struct $config:ident / $layer:ident {
            $($(#[doc = $doc:literal])+ $name:ident: $type:ty = $default:expr,)+
        }
    ) => {
        $(#[doc = $about])+
        #[derive(Debug, Clone, PartialEq)]
        pub struct $config { $($(#[doc = $doc])+ pub $name: $type,)+ }

        impl Default for $config {
            fn default() -> Self {
                Self { $($name: $default,)+ }
            }
        }

        impl $config {
            pub(in crate::config) const ABOUT: &[&str] = &[$($about),+];

            pub(in crate::config) fn entries(&self) -> Vec<Entry> {
                vec![$(Entry {
                    doc: &[$($doc),+],
                    name: stringify!($name),
                    value: toml::Value::try_from(&self.$name),
                }),+]
            }
        }

        #[doc = concat!("[`", stringify!($config), "`] as far as it is given.")]
        #[derive(Debug, Clone, Default, PartialEq, Deserialize)]
        #[serde(deny_unknown_fields)]
        pub struct $layer { $(
            #[doc = concat!("See [`", stringify!($config), "::", stringify!($name), "`].")]
            pub $name: Option<$type>,
        )+ }

        impl $layer {
            pub(in crate::config) fn put_onto(self, config: &mut $config) {
                $(if let Some(value) = self.$name {
                    value.put_onto(&mut config.$name);
                })+
            }
        }
    };
}
