//! How recording and sinks go, for status lines and figures.

/// How recording goes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RecordingState {
    /// Why events cannot be recorded, as a sentence; none when they can.
    pub error: Option<String>,
    /// Events in the recording folder, whoever recorded them.
    pub events: u64,
    /// Length of their files together, in bytes.
    pub bytes: u64,
    /// Bytes that the disk has free for this user, where that is known.
    pub free_bytes: Option<u64>,
    /// Events that this run has removed to keep within its limits.
    pub removed: u64,
    /// Events that this run has recorded.
    pub recorded: u64,
    /// Events that this run could not record.
    pub unrecorded: u64,
    /// Events that wait for the disk.
    pub waiting: u64,
}

/// How a sink is, and what became of its messages since it began.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SinkState {
    /// What it is called, as in `mqtt broker.lan:1883`.
    pub name: String,
    /// Why it cannot be told now; none when all is well.
    pub error: Option<String>,
    /// Messages told.
    pub sent: u64,
    /// Messages dropped, because too many waited or they had become too old.
    pub dropped: u64,
    /// Messages given up after a failure.
    pub failed: u64,
    /// Attempts that failed and were made again.
    pub retries: u64,
    /// Messages kept back by the rate limit.
    pub suppressed: u64,
    /// Messages that wait.
    pub waiting: u64,
}
