//! A sink's queue and the threads that empty it: retries with growing pauses, a bound on age, a bounded end.

use std::sync::Arc;
use std::thread::Builder;
use std::time::{Duration, Instant};

use crossbeam::channel::{self, Receiver, Sender, TrySendError};

use super::message::Message;
use super::stats::Stats;
use crate::error::{Error, Result};

/// Messages that may wait for a sink.
const QUEUE: usize = 64;

/// The pause before a message is tried again; it doubles …
const FIRST_PAUSE: Duration = Duration::from_millis(500);

/// … up to this.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// Why a message was not told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Failure {
    /// It may go better later.
    Later(String),
    /// It would fail again.
    Never(String),
}

/// One way to tell the outside. Runs on a thread of its own, and may take its time.
pub(super) trait Deliver: Send {
    /// Tells it.
    fn deliver(&mut self, message: &Message) -> Result<(), Failure>;

    /// Does what is due besides messages; says when to be called again at the latest. Called after every message and
    /// whenever [`Deliver::woken_by`] says so.
    fn attend(&mut self) -> Option<Instant> {
        None
    }

    /// What else there is to wake up for: work for [`Deliver::attend`], or a sink that can be reached again.
    fn woken_by(&self) -> Receiver<()> {
        channel::never()
    }

    /// Nothing follows.
    fn close(&mut self) {}
}

/// What the threads of a sink must know of the program's end.
#[derive(Debug, Clone)]
pub(super) struct End {
    /// Closed once no more messages come: nothing is waited for any more.
    pub(super) ending: Receiver<()>,
    /// Closed once even what is under way is to be given up.
    pub(super) abort: Receiver<()>,
}

/// The queue of a sink and its threads. Dropping it lets them end by themselves.
#[derive(Debug)]
pub(super) struct Runner {
    queue: Sender<Message>,
    /// To take the oldest out of a full queue.
    oldest: Receiver<Message>,
    /// Dropped at the end.
    _ending: Sender<()>,
    abort: Sender<()>,
    /// Disconnected once every thread has ended.
    ended: Receiver<()>,
    stats: Arc<Stats>,
}

impl Runner {
    /// Starts `n_threads` threads, each with what `deliver` makes. A message older than `max_age` is dropped.
    ///
    /// # Errors
    /// `Output` when the system gives no thread; what `deliver` says.
    pub(super) fn spawn(
        stats: Arc<Stats>,
        n_threads: usize,
        max_age: Duration,
        mut deliver: impl FnMut(&End) -> Result<Box<dyn Deliver>>,
    ) -> Result<Self> {
        let (queue, incoming) = channel::bounded(QUEUE);
        let (ending, on_ending) = channel::bounded(0);
        let (abort, on_abort) = channel::bounded(0);
        let (alive, ended) = channel::bounded(0);
        let end = End { ending: on_ending, abort: on_abort };
        for _ in 0..n_threads.max(1) {
            let thread = Thread {
                incoming: incoming.clone(),
                deliver: deliver(&end)?,
                end: end.clone(),
                stats: Arc::clone(&stats),
                max_age,
                _alive: alive.clone(),
            };
            Builder::new().name("sink".to_owned()).spawn(move || thread.run()).map_err(|e| {
                let name = stats.name();
                Error::output(format!("{name} could not start ({e}); end other programs and try again")).with_source(e)
            })?;
        }
        Ok(Self { queue, oldest: incoming, _ending: ending, abort, ended, stats })
    }

    /// Takes a message without waiting; where the queue is full, the oldest one gives way.
    pub(super) fn put(&self, message: Message) {
        let mut message = message;
        loop {
            match self.queue.try_send(message) {
                Ok(()) | Err(TrySendError::Disconnected(_)) => return,
                Err(TrySendError::Full(back)) => {
                    message = back;
                    if self.oldest.try_recv().is_ok() {
                        self.stats.dropped("messages arrive faster than they can be sent; the oldest are dropped");
                    }
                }
            }
        }
    }

    /// Messages that wait.
    pub(super) fn waiting(&self) -> usize {
        self.queue.len()
    }

    /// No more messages come: what waits is told once more, without retries.
    pub(super) fn end(self) -> Ending {
        let Self { abort, ended, stats, oldest, .. } = self;
        Ending { abort, ended, stats, left: oldest }
    }
}

/// A sink that is ending.
pub(super) struct Ending {
    abort: Sender<()>,
    ended: Receiver<()>,
    stats: Arc<Stats>,
    left: Receiver<Message>,
}

impl Ending {
    /// Waits for the threads until `deadline`, and gives up what is under way then; whatever they do, this returns soon.
    pub(super) fn wait(self, deadline: Instant) {
        /// For what is aborted to be cleared away.
        const CLEARING: Duration = Duration::from_secs(1);
        let Self { abort, ended, stats, left } = self;
        if ended.recv_deadline(deadline) == Err(channel::RecvTimeoutError::Disconnected) {
            return;
        }
        drop(abort);
        let _ = ended.recv_timeout(CLEARING);
        let lost = left.try_iter().count();
        tracing::warn!("{} did not end in time; {lost} messages that waited for it are lost", stats.name());
    }
}

/// One of a sink's threads.
struct Thread {
    incoming: Receiver<Message>,
    deliver: Box<dyn Deliver>,
    end: End,
    stats: Arc<Stats>,
    max_age: Duration,
    _alive: Sender<()>,
}

impl Thread {
    fn run(mut self) {
        let woken = self.deliver.woken_by();
        loop {
            let timer = self.deliver.attend().map_or_else(channel::never, channel::at);
            channel::select! {
                recv(self.incoming) -> message => match message {
                    Ok(message) => self.tell(&message, &woken),
                    Err(_) => break,
                },
                recv(woken) -> _ => {}
                recv(timer) -> _ => {}
            }
        }
        self.deliver.close();
    }

    /// Tells until it is told, it is too old, it would never be told, or the program ends.
    fn tell(&mut self, message: &Message, woken: &Receiver<()>) {
        let mut pause = FIRST_PAUSE;
        loop {
            if message.age() > self.max_age {
                self.stats.dropped("messages became too old to send and are dropped");
                return;
            }
            let why = match self.deliver.deliver(message) {
                Ok(()) => return self.stats.sent(),
                Err(Failure::Never(why)) => return self.stats.failed(&why),
                Err(Failure::Later(why)) => why,
            };
            // No later than when it would be too old anyway.
            let nap = pause.min(self.max_age.saturating_sub(message.age()) + Duration::from_millis(1));
            channel::select! {
                recv(self.end.ending) -> _ => return self.stats.failed(&why),
                recv(woken) -> _ => {
                    self.stats.retries(&why);
                    self.deliver.attend();
                    // It may be that it can be reached again.
                    pause = FIRST_PAUSE;
                    continue;
                }
                default(nap) => self.stats.retries(&why),
            }
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::sync::Mutex;

    use super::super::message::Kind;
    use super::super::message::tests::message;
    use super::*;

    /// Tells what it is asked, as the script says; then well.
    struct Scripted {
        script: Arc<Mutex<Vec<Result<(), Failure>>>>,
        told: Sender<String>,
        hang: Option<Receiver<()>>,
    }

    impl Deliver for Scripted {
        fn deliver(&mut self, message: &Message) -> Result<(), Failure> {
            if let Some(hang) = &self.hang {
                let _ = hang.recv();
            }
            let next = self.script.lock().unwrap().pop().unwrap_or(Ok(()));
            if next.is_ok() {
                self.told.send(message.id.clone()).unwrap();
            }
            next
        }
    }

    fn event(id: usize) -> Message {
        message(Kind::Event, &id.to_string(), "dog", 0.9)
    }

    fn runner(
        script: Vec<Result<(), Failure>>,
        max_age: Duration,
        hang: Option<Receiver<()>>,
    ) -> (Runner, Receiver<String>) {
        let (told, heard) = channel::unbounded();
        let script = Arc::new(Mutex::new(script));
        let stats = Arc::new(Stats::new("test".into()));
        let runner = Runner::spawn(stats, 1, max_age, |_| {
            Ok(Box::new(Scripted { script: Arc::clone(&script), told: told.clone(), hang: hang.clone() }))
        });
        (runner.unwrap(), heard)
    }

    const HOUR: Duration = Duration::from_secs(3600);

    fn soon() -> Instant {
        Instant::now() + Duration::from_secs(60)
    }

    #[test]
    fn messages_are_told_in_order_and_a_failure_is_tried_again() {
        let later = || Err(Failure::Later("busy".into()));
        let (runner, heard) = runner(vec![later(), later()], HOUR, None);
        (0..3).for_each(|id| runner.put(event(id)));
        assert_eq!((0..3).map(|_| heard.recv().unwrap()).collect::<Vec<_>>(), ["0", "1", "2"]);
        let stats = Arc::clone(&runner.stats);
        runner.end().wait(soon());
        let state = stats.state(0);
        assert_eq!((state.sent, state.retries, state.failed, state.dropped), (3, 2, 0, 0));
        assert_eq!(state.error, None);
    }

    #[test]
    fn what_would_always_fail_is_given_up_at_once() {
        let (runner, heard) = runner(vec![Err(Failure::Never("no such thing".into()))], HOUR, None);
        runner.put(event(0));
        runner.put(event(1));
        assert_eq!(heard.recv().unwrap(), "1");
        let stats = Arc::clone(&runner.stats);
        runner.end().wait(soon());
        assert_eq!((stats.state(0).sent, stats.state(0).failed), (1, 1));
    }

    #[test]
    fn an_alarm_that_is_too_old_is_not_told() {
        let later = vec![Err(Failure::Later("down".into())); 100];
        let (runner, heard) = runner(later, Duration::from_millis(100), None);
        runner.put(event(0));
        let stats = Arc::clone(&runner.stats);
        let deadline = soon();
        while stats.state(0).dropped == 0 {
            assert!(Instant::now() < deadline);
            std::thread::yield_now();
        }
        runner.end().wait(soon());
        assert!(heard.try_recv().is_err());
        assert_eq!(stats.state(0).error.as_deref(), Some("down"));
    }

    #[test]
    fn a_full_queue_loses_its_oldest_and_blocks_no_one() {
        let (release, hang) = channel::bounded::<()>(0);
        let (runner, heard) = runner(Vec::new(), HOUR, Some(hang));
        // One is held by the thread, or will be.
        for id in 0..=3 * QUEUE {
            runner.put(event(id));
        }
        drop(release);
        let stats = Arc::clone(&runner.stats);
        runner.end().wait(soon());
        let told: Vec<usize> = heard.try_iter().map(|id| id.parse().unwrap()).collect();
        let state = stats.state(0);
        assert_eq!(told.len() as u64 + state.dropped, 3 * QUEUE as u64 + 1);
        assert!(state.dropped >= 2 * QUEUE as u64, "{state:?}");
        assert!(told.is_sorted() && told[told.len() - QUEUE..] == (2 * QUEUE + 1..=3 * QUEUE).collect::<Vec<_>>());
    }

    #[test]
    fn the_end_waits_for_no_one_who_hangs() {
        let (release, hang) = channel::bounded::<()>(0);
        let (runner, _heard) = runner(Vec::new(), HOUR, Some(hang));
        runner.put(event(0));
        let began = Instant::now();
        runner.end().wait(Instant::now() + Duration::from_millis(50));
        assert!(began.elapsed() < Duration::from_secs(30), "{:?}", began.elapsed());
        drop(release);
    }

    #[test]
    fn the_end_gives_up_retries() {
        let later = vec![Err(Failure::Later("down".into())); 1000];
        let (runner, _heard) = runner(later, HOUR, None);
        (0..QUEUE).for_each(|id| runner.put(event(id)));
        let stats = Arc::clone(&runner.stats);
        let began = Instant::now();
        runner.end().wait(soon());
        assert!(began.elapsed() < Duration::from_secs(30), "{:?}", began.elapsed());
        assert_eq!(stats.state(0).failed, QUEUE as u64);
    }
}
