//! Inputs without a clock of their own: a named thread fetches chunks and pushes them, at real-time pace or as fast as the
//! reader reads.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread::{self, JoinHandle, Thread};
use std::time::{Duration, Instant};

use super::fan::CaptureFan;
use crate::error::{Error, Result};
use crate::units::SampleRate;

/// Longest piece pushed at once at real-time pace, in seconds: about what a sound card delivers.
const PIECE_SECS: f64 = 0.02;

/// Longest nap, so that a request to stop is soon heard even where no one wakes the thread.
const NAP: Duration = Duration::from_millis(50);

/// How an input ended. Written once by the source, read by the worker.
#[derive(Debug, Default)]
pub(super) struct EndState {
    ended: AtomicBool,
    failure: OnceLock<Failure>,
}

#[derive(Debug)]
enum Failure {
    /// A whole sentence.
    Sentence(String),
    /// What the input did, to stand behind its name: made without allocating, for callbacks.
    Device(&'static str),
}

impl EndState {
    /// Nothing more will be pushed.
    pub(super) fn end(&self) {
        self.ended.store(true, Ordering::Release);
    }

    /// Nothing more will be pushed, for the reason in `sentence`. The first reason stands.
    pub(super) fn fail(&self, sentence: String) {
        let _ = self.failure.set(Failure::Sentence(sentence));
        self.end();
    }

    /// As [`fail`](Self::fail), for callbacks: `what` goes behind the input's name. Only one thread may call it.
    #[cfg_attr(not(feature = "cpal"), allow(dead_code))]
    pub(super) fn fail_device(&self, what: &'static str) {
        let _ = self.failure.set(Failure::Device(what));
        self.end();
    }

    /// Whether nothing more will be pushed; whatever was pushed is then visible.
    pub(super) fn has_ended(&self) -> bool {
        self.ended.load(Ordering::Acquire)
    }

    /// Why the input called `name` failed, if it did.
    pub(super) fn failure(&self, name: &str) -> Option<String> {
        self.failure.get().map(|failure| match failure {
            Failure::Sentence(sentence) => sentence.clone(),
            Failure::Device(what) => format!("{name} {what}"),
        })
    }
}

/// Where a thread's samples come from.
pub(super) trait Feed: Send + 'static {
    /// The next chunk, interleaved, in whole channel frames; `None` at the end.
    fn next_chunk(&mut self) -> Result<Option<&[f32]>>;

    /// Called once there is no next chunk: the feed may log what is to be said of it as a whole.
    fn ended(&self) {}
}

/// How quickly samples are handed over.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Pace {
    /// As quickly as the reader reads; a full ring makes the source wait, nothing is lost.
    Fast,
    /// At `speed` times real time, counted from the beginning (a source that was late may catch up); a full ring loses
    /// samples, as it does for a sound card.
    RealTime {
        /// 1 for real time.
        speed: f64,
    },
}

/// A running source thread.
pub(super) struct ThreadSource {
    stop: Arc<AtomicBool>,
    handle: Option<JoinHandle<()>>,
    /// Whether the thread may be inside a read that nothing can interrupt.
    may_block: bool,
}

impl ThreadSource {
    /// Starts the thread `name`. `may_block` says that the feed can wait for ever; [`stop`](Self::stop) then does not
    /// wait for it.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Input`] where the system gives no thread.
    pub(super) fn spawn(
        name: &str,
        feed: impl Feed,
        fan: CaptureFan,
        sample_rate: SampleRate,
        pace: Pace,
        state: Arc<EndState>,
        may_block: bool,
    ) -> Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let mut run = Run { fan, sample_rate, pace, stop: Arc::clone(&stop), began: Instant::now(), handed_over: 0 };
        let body = move || {
            let mut feed = feed;
            match run.all(&mut feed) {
                Ok(()) => state.end(),
                Err(e) => state.fail(e.to_string()),
            }
        };
        let handle = thread::Builder::new().name(name.to_owned()).spawn(body).map_err(|e| {
            Error::input(format!("cannot start the thread that reads the input: {e}; close other programs"))
                .with_source(e)
        })?;
        Ok(Self { stop, handle: Some(handle), may_block })
    }

    /// The thread: to be unparked when a ring has room again.
    pub(super) fn thread(&self) -> Option<Thread> {
        self.handle.as_ref().map(|handle| handle.thread().clone())
    }

    /// Whether its feed can wait for ever.
    pub(super) const fn may_block(&self) -> bool {
        self.may_block
    }

    /// Stops the thread and, where that cannot take for ever, waits for it.
    pub(super) fn stop(&mut self) {
        self.stop.store(true, Ordering::Release);
        let Some(handle) = self.handle.take() else { return };
        handle.thread().unpark();
        if !self.may_block {
            // A panic in it has already been reported by the panic hook.
            let _ = handle.join();
        }
    }
}

impl Drop for ThreadSource {
    fn drop(&mut self) {
        self.stop();
    }
}

/// The thread's side.
struct Run {
    fan: CaptureFan,
    sample_rate: SampleRate,
    pace: Pace,
    stop: Arc<AtomicBool>,
    began: Instant,
    /// Channel frames so far.
    handed_over: u64,
}

impl Run {
    fn all(&mut self, feed: &mut impl Feed) -> Result<()> {
        while !self.stopped() {
            let Some(chunk) = feed.next_chunk()? else {
                feed.ended();
                return Ok(());
            };
            match self.pace {
                Pace::Fast => self.hand_over(chunk),
                Pace::RealTime { speed } => self.hand_over_in_time(chunk, speed),
            }
        }
        Ok(())
    }

    fn stopped(&self) -> bool {
        self.stop.load(Ordering::Acquire)
    }

    fn hand_over(&mut self, mut chunk: &[f32]) {
        let channels = usize::from(self.fan.channels());
        while !chunk.is_empty() && !self.stopped() {
            let room = self.fan.vacant().saturating_mul(channels).min(chunk.len());
            if room == 0 {
                thread::park_timeout(NAP);
                continue;
            }
            let (now, later) = chunk.split_at(room);
            self.fan.push_interleaved(now);
            chunk = later;
        }
    }

    fn hand_over_in_time(&mut self, chunk: &[f32], speed: f64) {
        let channels = usize::from(self.fan.channels());
        let piece = self.sample_rate.samples(PIECE_SECS).max(1) as usize * channels;
        for piece in chunk.chunks(piece) {
            self.handed_over += (piece.len() / channels) as u64;
            // A sound card hands a chunk over once its last sample has been heard.
            let due = self.began + Duration::from_secs_f64(self.sample_rate.secs(self.handed_over) / speed);
            loop {
                if self.stopped() {
                    return;
                }
                let wait = due.saturating_duration_since(Instant::now());
                if wait.is_zero() {
                    break;
                }
                thread::park_timeout(wait.min(NAP));
            }
            self.fan.push_interleaved(piece);
        }
    }
}
