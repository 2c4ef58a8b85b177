//! Why a class that has a noteworthy score is not reported.

use std::fmt;

use crate::units::ClassId;

/// Why nothing is reported of a class although its score is noteworthy (at least half of its threshold).
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub enum Reason {
    /// There is nothing to explain: the score is low, or an event is open.
    #[default]
    None,
    /// The class is switched off.
    Off,
    /// The class is only shown: neither the model nor the settings report it.
    OnlyShown,
    /// The stride is gated: it, and those before it, are quieter than this, in dBFS.
    Gate {
        /// The gate's level.
        dbfs: f32,
    },
    /// The score is below the threshold.
    Below {
        /// The threshold.
        threshold: f32,
    },
    /// Too few strides so far.
    Strides {
        /// Strides that spoke for the class.
        n: usize,
        /// Strides that must.
        of: usize,
    },
    /// The class stays silent after an event.
    Cooldown {
        /// For so many seconds still.
        left_secs: f64,
    },
    /// What speaks for the class is what is left of the last event.
    NothingNew,
    /// Nothing in the segment speaks for the class.
    NoEvidence,
    /// An event ended that was too short to be one.
    TooShort {
        /// It lasted so many seconds.
        secs: f64,
    },
    /// An event is open that belongs to one which was reported already.
    Reported,
    /// Another class of the same group was clearly surer over nearly the same span.
    Outdone {
        /// That class.
        by: ClassId,
        /// Its score.
        score: f32,
    },
    /// An event is open and will not be told: quiet hours.
    Quiet,
}

impl Reason {
    /// Its word in lines that scripts read; empty for [`Reason::None`].
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::None => "",
            Self::Off => "switched_off",
            Self::OnlyShown => "only_shown",
            Self::Gate { .. } => "level_gate",
            Self::Below { .. } => "below_threshold",
            Self::Strides { .. } => "too_few_strides",
            Self::Cooldown { .. } => "cooldown",
            Self::NothingNew => "nothing_new",
            Self::NoEvidence => "no_evidence",
            Self::TooShort { .. } => "too_short",
            Self::Reported => "already_reported",
            Self::Outdone { .. } => "surer_label_of_group",
            Self::Quiet => "quiet_hours",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => Ok(()),
            Self::Off => f.write_str("switched off"),
            Self::OnlyShown => f.write_str("only shown"),
            Self::Gate { dbfs } => write!(f, "level gate: quieter than {dbfs:.0} dBFS"),
            Self::Below { threshold } => write!(f, "below {threshold:.2}"),
            Self::Strides { n, of } => write!(f, "{n} of {of} strides"),
            Self::Cooldown { left_secs } => write!(f, "cooldown {left_secs:.0} s left"),
            Self::NothingNew => f.write_str("nothing new since the last"),
            Self::NoEvidence => f.write_str("no evidence"),
            Self::TooShort { secs } => write!(f, "too short: {secs:.2} s"),
            Self::Reported => f.write_str("part of the last event"),
            Self::Outdone { score, .. } => write!(f, "a label of its group is surer: {score:.2}"),
            Self::Quiet => f.write_str("quiet hours"),
        }
    }
}
