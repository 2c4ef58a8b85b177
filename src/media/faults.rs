//! What is wrong with a recording that could be read all the same.

/// What a recording lacks, or has more of than it says. It is known for sure only once the recording has been read to its
/// end.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
#[non_exhaustive]
pub struct Faults {
    /// Whether the recording breaks off: it is shorter than its own header says, or lacks what marks its end.
    pub ends_early: bool,
    /// Seconds that were read.
    pub read_secs: f64,
    /// Seconds that the recording promises, where it does.
    pub promised_secs: Option<f64>,
    /// Damaged pieces that could not be decoded and became silence.
    pub damaged_packets: u64,
    /// How long that silence is, in seconds.
    pub damaged_secs: f64,
}

impl Faults {
    /// Whether there is nothing to say.
    #[must_use]
    pub fn is_none(&self) -> bool {
        !self.ends_early && self.damaged_packets == 0 && !self.goes_on()
    }

    /// Whether more was read than the recording's header promises. All of it is sound.
    #[must_use]
    pub fn goes_on(&self) -> bool {
        !self.ends_early && self.promised_secs.is_some_and(|promised| promised < self.read_secs)
    }

    /// One sentence, without a full stop, that says what is wrong with the recording `name`, and how much of it; `None` where
    /// nothing is.
    #[must_use]
    pub fn sentence(&self, name: &str) -> Option<String> {
        let (read, promised) = (self.read_secs, self.promised_secs.unwrap_or_default());
        let length = match (self.ends_early, self.goes_on()) {
            (true, _) if promised > read => Some(format!("ends too early: {read:.1} of {promised:.1} s are there")),
            (true, _) => Some(format!("ends too early: {read:.1} s are there")),
            (_, true) => {
                Some(format!("goes on behind the {promised:.1} s that its header names: {read:.1} s are there"))
            }
            _ => None,
        };
        let secs = if self.damaged_secs > 0.0 { format!(" ({:.2} s)", self.damaged_secs) } else { String::new() };
        let damage = match self.damaged_packets {
            0 => None,
            1 => Some(format!("has a damaged piece{secs}, which became silence")),
            n => Some(format!("has {n} damaged pieces{secs}, which became silence")),
        };
        let what = match (length, damage) {
            (Some(length), Some(damage)) => format!("{length}, and it {damage}"),
            (length, damage) => length.or(damage)?,
        };
        Some(format!("{name} {what}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sentence_says_what_is_wrong_and_how_much() {
        let whole = Faults { read_secs: 10.0, promised_secs: Some(10.0), ..Faults::default() };
        assert!(whole.is_none());
        assert_eq!(whole.sentence("yard.wav"), None);
        let say = |faults: Faults| {
            assert!(!faults.is_none());
            faults.sentence("yard.wav").unwrap_or_default()
        };
        let short = Faults { ends_early: true, read_secs: 3.21, ..whole };
        assert_eq!(say(short), "yard.wav ends too early: 3.2 of 10.0 s are there");
        assert_eq!(say(Faults { promised_secs: None, ..short }), "yard.wav ends too early: 3.2 s are there");
        let long = Faults { read_secs: 12.0, promised_secs: Some(3.0), ..whole };
        assert_eq!(say(long), "yard.wav goes on behind the 3.0 s that its header names: 12.0 s are there");
        let damaged = Faults { damaged_packets: 2, damaged_secs: 0.04, ..whole };
        assert_eq!(say(damaged), "yard.wav has 2 damaged pieces (0.04 s), which became silence");
        let both = Faults { damaged_packets: 1, ..short };
        assert_eq!(
            say(both),
            "yard.wav ends too early: 3.2 of 10.0 s are there, and it has a damaged piece, which became silence"
        );
    }
}
