//! Settings that are one of a few words.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Declares an enum whose values are words: in TOML, on the command line and in `Display` alike.
macro_rules! words {
    ($(#[$meta:meta])* pub enum $name:ident { $($(#[$vmeta:meta])* $variant:ident = $word:literal,)+ }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
        pub enum $name { $($(#[$vmeta])* #[serde(rename = $word)] $variant,)+ }

        impl $name {
            /// All words, in order.
            pub const WORDS: &[&str] = &[$($word),+];

            /// Its word.
            #[must_use]
            pub const fn word(self) -> &'static str {
                match self { $(Self::$variant => $word,)+ }
            }
        }

        impl FromStr for $name {
            type Err = String;

            fn from_str(word: &str) -> Result<Self, String> {
                match word {
                    $($word => Ok(Self::$variant),)+
                    _ => Err(format!("give one of {}", Self::WORDS.join(", "))),
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.word())
            }
        }
    };
}

words! {
    /// What a monitor shows.
    pub enum UiMode {
        /// The terminal UI where stdout is a terminal, JSON lines otherwise.
        Auto = "auto",
        /// The terminal UI.
        Tui = "tui",
        /// JSON lines on stdout.
        Jsonl = "jsonl",
        /// Nothing.
        Silent = "silent",
    }
}

words! {
    /// Whether a terminal gets colours.
    pub enum ColorMode {
        /// Unless `NO_COLOR` is set or the terminal has none.
        Auto = "auto",
        /// Always.
        Always = "always",
        /// Never.
        Never = "never",
    }
}

words! {
    /// The colours of the terminal UI.
    pub enum ThemeChoice {
        /// For dark grounds.
        Dark = "dark",
        /// For light grounds.
        Light = "light",
        /// Bright colours, nothing dim.
        Contrast = "contrast",
        /// For people who confuse red and green.
        Safe = "safe",
    }
}

words! {
    /// What quiet hours keep from happening.
    pub enum QuietMode {
        /// Alarms.
        Alarms = "alarms",
        /// Reports of any kind.
        Events = "events",
    }
}

words! {
    /// What is kept of an event.
    pub enum KeepMode {
        /// Audio, picture and figures.
        Full = "full",
        /// Label and figures only.
        Figures = "figures",
    }
}

words! {
    /// What becomes of audio in which somebody speaks.
    pub enum SpeechMode {
        /// It is kept as any other.
        Keep = "keep",
        /// It is not kept.
        Drop = "drop",
    }
}

words! {
    /// What is logged: this and everything worse.
    pub enum LogLevel {
        /// Nothing.
        Off = "off",
        /// Only what broke.
        Error = "error",
        /// Also what was lost or shed.
        Warn = "warn",
        /// Also what began and ended.
        Info = "info",
        /// Also what a developer wants.
        Debug = "debug",
        /// Everything.
        Trace = "trace",
    }
}

words! {
    /// Where the log goes.
    pub enum LogTo {
        /// A file where one is named, the journal where stderr goes there, stderr otherwise.
        Auto = "auto",
        /// Standard error; nowhere while the terminal UI runs.
        Stderr = "stderr",
        /// The system's journal.
        Journald = "journald",
        /// A file.
        File = "file",
    }
}

words! {
    /// What a sink is told of an event.
    pub enum TellWhen {
        /// One message when it is over.
        Event = "event",
        /// One message as soon as it has begun.
        Onset = "onset",
        /// Both.
        Both = "both",
    }
}

impl UiMode {
    /// `auto` decided by whether stdout is a terminal.
    #[must_use]
    pub const fn decide(self, stdout_is_terminal: bool) -> Self {
        match (self, stdout_is_terminal) {
            (Self::Auto, true) if cfg!(feature = "tui") => Self::Tui,
            (Self::Auto, _) => Self::Jsonl,
            (mode, _) => mode,
        }
    }
}
