//! What became of a sink's messages, and whether it works.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::record::SinkState;

/// Counters and state of one sink; its threads and the recorder's share it.
#[derive(Debug)]
pub(super) struct Stats {
    name: String,
    sent: AtomicU64,
    dropped: AtomicU64,
    failed: AtomicU64,
    retries: AtomicU64,
    suppressed: AtomicU64,
    trouble: Mutex<Trouble>,
}

/// What is wrong now. Each kind of trouble is said once when it begins.
#[derive(Debug, Default)]
struct Trouble {
    error: Option<String>,
    dropping: bool,
}

impl Stats {
    pub(super) fn new(name: String) -> Self {
        Self {
            name,
            sent: AtomicU64::new(0),
            dropped: AtomicU64::new(0),
            failed: AtomicU64::new(0),
            retries: AtomicU64::new(0),
            suppressed: AtomicU64::new(0),
            trouble: Mutex::default(),
        }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// A message arrived.
    pub(super) fn sent(&self) {
        self.sent.fetch_add(1, Ordering::Relaxed);
        self.works();
        if std::mem::take(&mut self.trouble().dropping) {
            tracing::info!("{} works again; {} messages were dropped so far", self.name, self.count(&self.dropped));
        }
    }

    /// The sink can be reached.
    pub(super) fn works(&self) {
        if self.trouble().error.take().is_some() {
            tracing::info!("{} works again", self.name);
        }
    }

    /// The sink cannot be told; said when it begins.
    pub(super) fn fails(&self, sentence: &str) {
        let before = self.trouble().error.replace(sentence.to_owned());
        match before {
            None => tracing::warn!("{}: {sentence}; the monitor goes on", self.name),
            Some(before) if before != sentence => tracing::debug!("{}: {sentence}", self.name),
            Some(_) => {}
        }
    }

    /// A message could not be told and is given up.
    pub(super) fn failed(&self, sentence: &str) {
        self.failed.fetch_add(1, Ordering::Relaxed);
        self.fails(sentence);
    }

    /// A message will be tried again.
    pub(super) fn retries(&self, sentence: &str) {
        self.retries.fetch_add(1, Ordering::Relaxed);
        self.fails(sentence);
    }

    /// A message was given up unsent: the queue was full, or it had become too old.
    pub(super) fn dropped(&self, why: &str) {
        self.dropped.fetch_add(1, Ordering::Relaxed);
        if !std::mem::replace(&mut self.trouble().dropping, true) {
            tracing::warn!("{}: {why}", self.name);
        }
    }

    /// The rate limit kept a message back.
    pub(super) fn suppressed(&self) {
        self.suppressed.fetch_add(1, Ordering::Relaxed);
    }

    /// As status lines and figures tell it.
    pub(super) fn state(&self, waiting: usize) -> SinkState {
        SinkState {
            name: self.name.clone(),
            error: self.trouble().error.clone(),
            sent: self.count(&self.sent),
            dropped: self.count(&self.dropped),
            failed: self.count(&self.failed),
            retries: self.count(&self.retries),
            suppressed: self.count(&self.suppressed),
            waiting: waiting as u64,
        }
    }

    fn count(&self, counter: &AtomicU64) -> u64 {
        counter.load(Ordering::Relaxed)
    }

    fn trouble(&self) -> MutexGuard<'_, Trouble> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
