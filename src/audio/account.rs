//! What an input counts, and where every sample went.

use std::sync::atomic::{AtomicU64, Ordering, fence};

/// What an input has counted since it began. Samples are mono, at the input's own rate, unless said otherwise.
///
/// `captured = read + dropped + pending` at any moment at which no callback runs; [`CapturePull::account`](super::ring::CapturePull::account) catches such
/// a moment.
#[derive(Debug, Default)]
pub struct CaptureCounters {
    /// Odd while the callback moves samples and has not counted them all yet; even, and another number, afterwards.
    pub(super) sequence: AtomicU64,
    /// Samples that the source delivered.
    pub captured_samples: AtomicU64,
    /// Of these, samples lost because the ring was full or the device skipped them.
    pub dropped_samples: AtomicU64,
    /// Gaps that the device reported; how long they were it does not say.
    pub xruns: AtomicU64,
    /// Samples, of any channel, that could not be sound (see [`valid`](super::sample::valid)) and became 0.
    pub invalid_samples: AtomicU64,
    /// Chunks that the source delivered. While it stands still, nothing arrives.
    pub chunks: AtomicU64,
}

impl CaptureCounters {
    /// Begins a change of the counters and the ring that belong together. Only the callback's thread may do so.
    pub(super) fn begin(&self) {
        let sequence = self.sequence.load(Ordering::Relaxed);
        self.sequence.store(sequence.wrapping_add(1), Ordering::Relaxed);
        // Whoever sees what changes from here on also sees the odd number.
        fence(Ordering::Release);
    }

    pub(super) fn end(&self) {
        let sequence = self.sequence.load(Ordering::Relaxed);
        self.sequence.store(sequence.wrapping_add(1), Ordering::Release);
    }
}

/// Where every sample went, at one moment. Always `captured = read + dropped + pending`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Account {
    /// Samples that the source delivered, or skipped.
    pub captured: u64,
    /// Of these, samples that reached the reader.
    pub read: u64,
    /// Of these, samples lost: the ring was full, or the device skipped them.
    pub dropped: u64,
    /// Of these, samples that wait to be read.
    pub pending: u64,
    /// Gaps that the device reported.
    pub xruns: u64,
    /// Samples, of any channel, that could not be sound and became 0.
    pub invalid: u64,
    /// Chunks that the source delivered.
    pub chunks: u64,
}
