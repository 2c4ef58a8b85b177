//! What a terminal can show, and what the user wants of it.

use std::fmt;
use std::sync::Arc;

use jiff::tz::TimeZone;

use super::palette::ThemeName;
use crate::engine::controls::TakenSound;
use crate::error::Result;
use crate::local_zone::local_zone;

/// Keeps a sound that a person took, and says what to do next.
type Keep = dyn Fn(&TakenSound) -> Result<String> + Send + Sync;

/// What becomes of a sound that a person takes at the screen.
#[derive(Clone)]
pub struct SoundKeeper(Arc<Keep>);

impl SoundKeeper {
    /// Keeps sounds by `keep`, which returns one line that says what to do next.
    pub fn new(keep: impl Fn(&TakenSound) -> Result<String> + Send + Sync + 'static) -> Self {
        Self(Arc::new(keep))
    }

    pub(super) fn keep(&self, sound: &TakenSound) -> Result<String> {
        (self.0)(sound)
    }
}

impl fmt::Debug for SoundKeeper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SoundKeeper")
    }
}

/// Choices that hold for a whole run of the terminal UI.
#[derive(Debug, Clone)]
pub struct UiOptions {
    /// Use no colour at all: density characters, bold and reverse instead.
    pub no_color: bool,
    /// The terminal shows 24-bit colour; 256 colours otherwise.
    pub true_color: bool,
    /// Write nothing but ASCII.
    pub ascii: bool,
    /// Colours.
    pub theme: ThemeName,
    /// Take the mouse from the start: the terminal's own selecting of text then needs Shift.
    pub mouse: bool,
    /// Leave as soon as the stream has ended or failed, instead of waiting for the user to quit.
    pub exit_on_end: bool,
    /// Keeps the last seconds where a person takes them; without it, they cannot be taken.
    pub keep_sound: Option<SoundKeeper>,
    /// Time zone of every clock shown.
    pub time_zone: TimeZone,
}

impl Default for UiOptions {
    /// 256 colours, Unicode, the machine's time zone; stays after the end.
    fn default() -> Self {
        Self {
            no_color: false,
            true_color: false,
            ascii: false,
            theme: ThemeName::Dark,
            mouse: false,
            exit_on_end: false,
            keep_sound: None,
            time_zone: local_zone(),
        }
    }
}

impl UiOptions {
    /// Reads `NO_COLOR`, `COLORTERM`, `TERM`, `EARWITNESS_ASCII` and the locale (`LC_ALL`, `LC_CTYPE`, `LANG`).
    #[must_use]
    pub fn from_env() -> Self {
        Self::from_lookup(|name| std::env::var_os(name).map(|value| value.to_string_lossy().into_owned()))
    }

    /// As [`from_env`](Self::from_env), with `lookup` in place of the environment.
    #[must_use]
    pub fn from_lookup(lookup: impl Fn(&str) -> Option<String>) -> Self {
        // An empty variable counts as unset (no-color.org says so for NO_COLOR, POSIX for the locale).
        let get = |name: &str| lookup(name).filter(|value| !value.is_empty());
        let dumb = get("TERM").is_some_and(|term| term == "dumb");
        let true_color = get("COLORTERM").is_some_and(|value| value == "truecolor" || value == "24bit");
        let wants_ascii = get("EARWITNESS_ASCII").is_some_and(|value| value != "0" && value != "false");
        let locale = get("LC_ALL").or_else(|| get("LC_CTYPE")).or_else(|| get("LANG")).unwrap_or_default();
        let utf8 = locale.to_ascii_lowercase().replace('-', "").contains("utf8");
        Self { no_color: get("NO_COLOR").is_some() || dumb, true_color, ascii: wants_ascii || !utf8, ..Self::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(pairs: &[(&str, &str)]) -> UiOptions {
        UiOptions::from_lookup(|name| pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned()))
    }

    #[test]
    fn colour_follows_the_environment() {
        assert!(options(&[("COLORTERM", "truecolor")]).true_color);
        assert!(options(&[("COLORTERM", "24bit")]).true_color);
        assert!(!options(&[("COLORTERM", "yes")]).true_color);
        assert!(options(&[("NO_COLOR", "1")]).no_color);
        assert!(!options(&[("NO_COLOR", "")]).no_color, "an empty NO_COLOR counts as unset");
        assert!(options(&[("TERM", "dumb")]).no_color);
    }

    #[test]
    fn ascii_follows_the_locale_and_the_flag() {
        assert!(!options(&[("LANG", "en_GB.UTF-8")]).ascii);
        assert!(!options(&[("LANG", "C"), ("LC_ALL", "C.utf8")]).ascii, "LC_ALL outranks LANG");
        assert!(options(&[("LANG", "en_GB.UTF-8"), ("LC_ALL", "POSIX")]).ascii);
        assert!(!options(&[("LANG", "de_DE.UTF-8"), ("LC_ALL", "")]).ascii, "an empty LC_ALL counts as unset");
        assert!(options(&[]).ascii);
        assert!(options(&[("LANG", "C.UTF-8"), ("EARWITNESS_ASCII", "1")]).ascii);
        assert!(!options(&[("LANG", "C.UTF-8"), ("EARWITNESS_ASCII", "0")]).ascii);
    }
}
