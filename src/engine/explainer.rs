//! Explains events after they were reported: for methods that are too slow for every stride.
//!
//! A thread of its own with networks of its own, so that the worker never waits for it. What waits is bounded: when more comes,
//! the oldest is given up. Under overload, which sheds jobs first, nothing new is begun.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use crossbeam::channel::{Receiver, Sender, unbounded};

use super::inference::Inference;
use super::offline::{RecordingParams, explain_unless_stopped};
use super::report::{Clip, EventReport, Explained};
use crate::{Error, Result};

/// Events that may wait, each with its sound. Where a source waits for the worker, the worker waits for a place instead.
const MAX_WAITING: usize = 32;

/// Whoever waits looks again after so long.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// The thread, as the worker sees it.
pub(super) struct Explainer {
    shared: Arc<Shared>,
    done: Receiver<EventReport>,
    thread: Option<JoinHandle<()>>,
    /// Events handed over so far.
    pushed: usize,
    /// Of those, events that are not back yet.
    pending: usize,
}

/// An event and its number.
type Job = (usize, EventReport);

#[derive(Default)]
struct Shared {
    queue: Mutex<VecDeque<Job>>,
    changed: Condvar,
    /// Whether nothing new is to be begun.
    held: AtomicBool,
    /// Events up to this number are not wanted any more.
    called_off: AtomicUsize,
    ending: AtomicBool,
}

impl Shared {
    fn queue(&self) -> MutexGuard<'_, VecDeque<Job>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Explainer {
    /// Starts the thread; `inference` has the method, and `max_components` is the most components with audio of their own.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Bug`] where the system gives no thread.
    pub(super) fn start(inference: Inference, max_components: usize) -> Result<Self> {
        let shared = Arc::<Shared>::default();
        let (results, done) = unbounded();
        let theirs = Arc::clone(&shared);
        let thread = Builder::new().name("explainer".to_owned());
        let thread = thread.spawn(move || work(&theirs, inference, max_components, &results)).map_err(|e| {
            Error::bug(format!("the explainer's thread could not start ({e}); end other programs")).with_source(e)
        })?;
        Ok(Self { shared, done, thread: Some(thread), pushed: 0, pending: 0 })
    }

    /// Takes an event, and gives back the one that has waited longest where too many wait; with `patient` it waits for a
    /// place instead.
    pub(super) fn push(&mut self, report: EventReport, patient: bool) -> Option<EventReport> {
        let mut queue = self.shared.queue();
        while patient && queue.len() >= MAX_WAITING && !self.is_broken() {
            let waited = self.shared.changed.wait_timeout(queue, LOOK_EVERY);
            queue = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        self.pushed += 1;
        self.pending += 1;
        queue.push_back((self.pushed, report));
        let given_up = if queue.len() > MAX_WAITING { queue.pop_front() } else { None };
        drop(queue);
        self.shared.changed.notify_all();
        self.pending -= usize::from(given_up.is_some());
        given_up.map(|(_, report)| missed(report))
    }

    /// Whether nothing new is begun for now.
    pub(super) fn hold(&self, held: bool) {
        if self.shared.held.swap(held, Ordering::Relaxed) != held {
            self.shared.changed.notify_all();
        }
    }

    /// Gives up what waits, which comes back at once, and what is under way, which comes back unexplained.
    pub(super) fn call_off(&mut self) -> Vec<EventReport> {
        let waiting = std::mem::take(&mut *self.shared.queue());
        self.pending -= waiting.len();
        self.shared.called_off.store(self.pushed, Ordering::Relaxed);
        waiting.into_iter().map(|(_, report)| missed(report)).collect()
    }

    /// Events that have been explained, or given up, since this was last asked.
    pub(super) fn explained(&mut self) -> Vec<EventReport> {
        let back: Vec<EventReport> = self.done.try_iter().collect();
        self.pending -= back.len();
        back
    }

    /// Whether anything is still to come back; what waits is begun, whatever was held.
    pub(super) fn is_at_work(&mut self) -> bool {
        self.hold(false);
        // A thread that broke down gives nothing back.
        self.pending > 0 && !self.is_broken()
    }

    fn is_broken(&self) -> bool {
        self.thread.as_ref().is_none_or(JoinHandle::is_finished)
    }
}

impl Drop for Explainer {
    fn drop(&mut self) {
        self.call_off();
        self.shared.ending.store(true, Ordering::Relaxed);
        self.shared.changed.notify_all();
        if let Some(thread) = self.thread.take() {
            // It has said what there was to say.
            let _ = thread.join();
        }
    }
}

fn missed(mut report: EventReport) -> EventReport {
    report.event.explanation = Explained::Missed;
    report
}

/// The thread's life.
fn work(shared: &Shared, mut inference: Inference, max_components: usize, results: &Sender<EventReport>) {
    loop {
        let mut queue = shared.queue();
        let (number, report) = loop {
            if shared.ending.load(Ordering::Relaxed) {
                return;
            }
            if !shared.held.load(Ordering::Relaxed)
                && let Some(job) = queue.pop_front()
            {
                break job;
            }
            // With a limit, because what is waited for is not all changed under the lock.
            let waited = shared.changed.wait_timeout(queue, LOOK_EVERY);
            queue = waited.unwrap_or_else(PoisonError::into_inner).0;
        };
        drop(queue);
        shared.changed.notify_all();
        let goes_on = |_| shared.called_off.load(Ordering::Relaxed) < number;
        if results.send(explain(&mut inference, max_components, report, &goes_on)).is_err() {
            return;
        }
    }
}

/// The event with its explanation: its clip is explained as a recording is.
fn explain(
    inference: &mut Inference,
    max_components: usize,
    mut report: EventReport,
    goes_on: &dyn Fn(f32) -> bool,
) -> EventReport {
    let params = RecordingParams {
        source: report.event.source.clone(),
        model: report.event.model.clone(),
        clock: report.event.clock,
        max_components,
    };
    let class = Some(report.event.class);
    match explain_unless_stopped(&report.clip.heard, inference, class, &params, goes_on) {
        Ok(Some(explained)) => {
            report.clip = Clip { start: report.clip.start, ..explained.clip };
            report.event.components = explained.event.components;
            report.event.faithfulness = explained.event.faithfulness;
            report.event.explanation = Explained::Done;
            report
        }
        Ok(None) => missed(report),
        Err(e) => {
            tracing::warn!("the event {} could not be explained ({e})", report.event.id);
            missed(report)
        }
    }
}
