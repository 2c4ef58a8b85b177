//! How finely levels are shown.

use clap::ValueEnum;

/// How many seconds a row is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum By {
    Hour,
    Minute,
    Second,
}

impl By {
    /// Its seconds.
    pub(super) const fn secs(self) -> i64 {
        match self {
            Self::Hour => 3600,
            Self::Minute => 60,
            Self::Second => 1,
        }
    }
}
