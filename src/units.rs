//! Newtypes for the numbers that must not be mixed up: sample positions, sample rates, classes; and the
//! verdict on evidence, which every room reports.

use std::time::{Duration, SystemTime};

/// Samples per second and channel, in Hz. Always at least 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SampleRate(u32);

impl SampleRate {
    /// The rates that sound can have to be heard, in Hz: below lies no use, above a slip is likelier than a recorder.
    pub const HEARD_HZ: std::ops::RangeInclusive<u32> = 8_000..=500_000;

    /// Whether sound of this rate can be heard.
    #[must_use]
    pub fn is_heard(self) -> bool {
        Self::HEARD_HZ.contains(&self.0)
    }

    /// A sample rate of `hz`; `None` for 0 Hz, which no stream can have.
    #[must_use]
    pub const fn new(hz: u32) -> Option<Self> {
        if hz == 0 { None } else { Some(Self(hz)) }
    }

    /// The rate in Hz.
    #[must_use]
    pub const fn hz(self) -> u32 {
        self.0
    }

    /// How long `samples` samples last, in seconds.
    #[must_use]
    pub fn secs(self, samples: u64) -> f64 {
        samples as f64 / f64::from(self.0)
    }

    /// The number of samples nearest to `secs` seconds; 0 for a negative duration.
    #[must_use]
    pub fn samples(self, secs: f64) -> u64 {
        (secs.max(0.0) * f64::from(self.0)).round() as u64
    }
}

/// A position in a stream: samples (at the stream's own rate) since it began. The only audio time there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct SamplePos(pub u64);

impl SamplePos {
    /// The position `samples` later.
    #[must_use]
    pub const fn plus(self, samples: u64) -> Self {
        Self(self.0.saturating_add(samples))
    }

    /// The position `samples` earlier, stopping at the stream's beginning.
    #[must_use]
    pub const fn minus(self, samples: u64) -> Self {
        Self(self.0.saturating_sub(samples))
    }

    /// Samples from `earlier` to here; 0 where `earlier` is later.
    #[must_use]
    pub const fn since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

/// Index of a class in its model's label list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClassId(pub usize);

/// Ties sample positions to wall time: the stream's first sample was captured at `start`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StreamClock {
    /// Wall time of sample 0, from the capture clock (never from the moment of processing).
    pub start: SystemTime,
    /// The stream's rate.
    pub sample_rate: SampleRate,
}

impl StreamClock {
    /// Seconds since the stream began.
    #[must_use]
    pub fn secs(&self, pos: SamplePos) -> f64 {
        self.sample_rate.secs(pos.0)
    }

    /// Wall time of `pos`.
    #[must_use]
    pub fn wall(&self, pos: SamplePos) -> SystemTime {
        self.start + Duration::from_secs_f64(self.secs(pos))
    }
}

/// Bytes as a person writes them, as in `20 GB`, `1.5 MB`, `512 KiB` or `1000`; `None` for anything else.
#[must_use]
pub fn parse_bytes(text: &str) -> Option<u64> {
    let text = text.trim();
    let split = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let scale = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1.0,
        "kb" | "k" => 1e3,
        "mb" | "m" => 1e6,
        "gb" | "g" => 1e9,
        "tb" | "t" => 1e12,
        "kib" => 1024.0,
        "mib" => 1_048_576.0,
        "gib" => 1_073_741_824.0,
        "tib" => 1_099_511_627_776.0,
        _ => return None,
    };
    let bytes = (number.parse::<f64>().ok()? * scale).round();
    // Above this not every number of bytes has its own value.
    (0.0..=9e15).contains(&bytes).then_some(bytes as u64)
}

/// Bytes for a person, to three digits: `1.24 GB`.
#[must_use]
pub fn bytes_text(bytes: u64) -> String {
    let units = [(1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB")];
    let Some((scale, unit)) = units.iter().find(|(scale, _)| bytes as f64 >= *scale) else {
        return format!("{bytes} B");
    };
    let number = bytes as f64 / scale;
    let decimals = if number >= 99.95 {
        0
    } else if number >= 9.995 {
        1
    } else {
        2
    };
    let text = format!("{number:.decimals$}");
    let text = if decimals > 0 { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    format!("{text} {unit}")
}

/// What the classifier's second look says of an event's evidence. It says what the decision rests on, not whether the
/// decision is right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EvidenceVerdict {
    /// Alone the evidence gives the label, and without it less than half of the probability is left.
    EnoughAndNeeded,
    /// Alone it gives the label, and the rest does so as well.
    Enough,
    /// Alone it does not give the label.
    NotEnough,
}

impl EvidenceVerdict {
    /// All of them, the best first.
    pub const ALL: [Self; 3] = [Self::EnoughAndNeeded, Self::Enough, Self::NotEnough];

    /// Of evidence that alone gives the label or does not, where the sound has probability `prob` and the rest without the
    /// evidence `prob_out`.
    #[must_use]
    pub fn of(enough: bool, prob: f64, prob_out: f64) -> Self {
        match enough {
            false => Self::NotEnough,
            true if prob_out < 0.5 * prob => Self::EnoughAndNeeded,
            true => Self::Enough,
        }
    }

    /// Its name in JSON.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::EnoughAndNeeded => "enough_and_needed",
            Self::Enough => "enough",
            Self::NotEnough => "not_enough",
        }
    }

    /// The verdict of a name in JSON.
    #[must_use]
    pub fn named(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|verdict| verdict.word() == word)
    }

    /// The same for people.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::EnoughAndNeeded => "enough and needed",
            Self::Enough => "enough only",
            Self::NotEnough => "not enough",
        }
    }

    /// A sign of one cell.
    #[must_use]
    pub const fn sign(self) -> &'static str {
        match self {
            Self::EnoughAndNeeded => "✓",
            Self::Enough => "≈",
            Self::NotEnough => "✗",
        }
    }
}

/// Levels of one second of sound, in dB: sound pressure levels where the input is calibrated, else relative to full scale (where
/// a mean square of 1 is 0 dB).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SecondLevels {
    /// Equivalent level, A-weighted (LAeq,1s).
    pub laeq_db: f32,
    /// Largest level, A-weighted, time weighting F (LAFmax).
    pub lafmax_db: f32,
    /// Equivalent level, C-weighted.
    pub lceq_db: f32,
    /// Equivalent level without a weighting.
    pub lzeq_db: f32,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_of_zero_does_not_exist() {
        assert!(SampleRate::new(0).is_none());
        assert_eq!(SampleRate::new(22_050).map(SampleRate::hz), Some(22_050));
    }

    #[test]
    fn positions_stop_at_the_beginning() {
        assert_eq!(SamplePos(5).minus(9), SamplePos(0));
        assert_eq!(SamplePos(5).since(SamplePos(9)), 0);
        assert_eq!(SamplePos(9).since(SamplePos(5)), 4);
    }

    #[test]
    fn bytes_are_read_and_written_as_people_do() {
        let cases: [(&str, u64); 9] = [
            ("0", 0),
            ("1000", 1000),
            ("20 GB", 20_000_000_000),
            ("20GB", 20_000_000_000),
            ("1.5 mb", 1_500_000),
            (" 512 KiB ", 524_288),
            ("2 TiB", 2_199_023_255_552),
            ("7 k", 7000),
            ("3b", 3),
        ];
        for (text, bytes) in cases {
            assert_eq!(parse_bytes(text), Some(bytes), "{text}");
        }
        for text in ["", "GB", "-1", "1 XB", "1,5 GB", "1e9", "nan", "1..2", "99999999 TB", "1 GB more"] {
            assert_eq!(parse_bytes(text), None, "{text}");
        }
        let told = [0, 999, 1000, 1_240_000_000, 500_000_000, 99_960, 123_456].map(bytes_text);
        assert_eq!(told, ["0 B", "999 B", "1 kB", "1.24 GB", "500 MB", "100 kB", "123 kB"]);
    }

    #[test]
    fn evidence_is_needed_where_less_than_half_is_left_without_it() {
        let of = |enough, prob_out| EvidenceVerdict::of(enough, 0.9, prob_out);
        assert_eq!(of(true, 0.44), EvidenceVerdict::EnoughAndNeeded);
        assert_eq!(of(true, 0.45), EvidenceVerdict::Enough);
        assert_eq!(of(false, 0.0), EvidenceVerdict::NotEnough);
        assert!(EvidenceVerdict::ALL.iter().all(|v| EvidenceVerdict::named(v.word()) == Some(*v)));
        assert_eq!(EvidenceVerdict::named("right"), None);
    }
}
