//! What is wrong with a recording that could be read all the same.

/// What a recording lacks. It is known for sure only once the recording has been read to its end.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
#[non_exhaustive]
pub struct Faults {
    /// Whether the file breaks off: it is shorter than its own header says, or lacks its last page (Ogg).
    pub ends_early: bool,
    /// Seconds that were read.
    pub read_secs: f64,
    /// Seconds that the file promises, where it does.
    pub promised_secs: Option<f64>,
    /// Damaged pieces that could not be decoded and became silence.
    pub damaged_packets: u64,
    /// How long that silence is, in seconds.
    pub damaged_secs: f64,
}

impl Faults {
    /// Whether nothing is missing.
    #[must_use]
    pub const fn is_none(&self) -> bool {
        !self.ends_early && self.damaged_packets == 0
    }

    /// One sentence, without a full stop, that says what of `name` is missing and how much; `None` where nothing is.
    #[must_use]
    pub fn sentence(&self, name: &str) -> Option<String> {
        let short = match self.promised_secs {
            Some(promised) if promised > self.read_secs => {
                format!("{name} ends too early: {:.1} of {promised:.1} s are there", self.read_secs)
            }
            _ => format!("{name} ends too early: {:.1} s are there", self.read_secs),
        };
        let (n, secs) = (self.damaged_packets, self.damaged_secs);
        let pieces = if n == 1 { "1 damaged piece" } else { &format!("{n} damaged pieces") };
        match (self.ends_early, n > 0) {
            (true, true) => Some(format!("{short}, and {pieces} ({secs:.2} s) became silence")),
            (true, false) => Some(short),
            (false, true) => Some(format!("{name} has {pieces}, {secs:.2} s in all, that became silence")),
            (false, false) => None,
        }
    }
}
