//! Threads that call libjack. A server that hangs holds every call up for as long as it hangs, so whoever waits for such a
//! thread waits with patience only, and no further ones are started while one is held up.

use std::sync::Arc;
use std::sync::atomic::{AtomicIsize, AtomicU8, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use crate::error::{Error, Result};

/// The threads' name. libjack's own threads are started from them and inherit it.
const NAME: &str = "jack-client";

/// How often those that wait for a thread that is held up look after it.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// Threads that were left to themselves and have not ended.
static HELD_UP: AtomicIsize = AtomicIsize::new(0);

const WAITED_FOR: u8 = 0;
const LEFT: u8 = 1;
const ENDED: u8 = 2;

/// A thread that calls libjack.
pub(super) struct JackThread {
    thread: Thread,
    life: Arc<AtomicU8>,
    ended: Receiver<()>,
}

/// Set when the thread ends, however it does.
struct Ending(Arc<AtomicU8>);

impl Drop for Ending {
    fn drop(&mut self) {
        if self.0.swap(ENDED, Ordering::AcqRel) == LEFT {
            HELD_UP.fetch_sub(1, Ordering::AcqRel);
        }
    }
}

impl JackThread {
    /// Where another thread is held up, waits for that for up to `patience`: a busy machine takes its time, too.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Input`] where another one is still held up, or the system gives no thread.
    pub(super) fn spawn(patience: Duration, body: impl FnOnce() + Send + 'static) -> Result<Self> {
        let until = Instant::now() + patience;
        while HELD_UP.load(Ordering::Acquire) > 0 {
            if Instant::now() >= until {
                return Err(no_answer());
            }
            thread::sleep(LOOK_EVERY);
        }
        let life = Arc::new(AtomicU8::new(WAITED_FOR));
        let (ending, ended) = channel();
        let guard = Ending(Arc::clone(&life));
        let run = move || {
            // Dropped in this order: the count is right before anyone is told.
            let _ending = ending;
            let _guard = guard;
            body();
        };
        let handle = thread::Builder::new().name(NAME.to_owned()).spawn(run).map_err(|e| {
            Error::input(format!("cannot start a thread for JACK: {e}; close other programs")).with_source(e)
        })?;
        Ok(Self { thread: handle.thread().clone(), life, ended })
    }

    /// Wakes the thread where it is parked.
    pub(super) fn wake(&self) {
        self.thread.unpark();
    }

    /// Waits until the thread has ended; after `patience` it is left to itself, and counts as held up until it ends.
    pub(super) fn wait(&self, patience: Duration) -> bool {
        let in_time = !matches!(self.ended.recv_timeout(patience), Err(RecvTimeoutError::Timeout));
        if !in_time {
            self.leave();
        }
        in_time
    }

    /// Leaves the thread to itself.
    fn leave(&self) {
        // Counted before the thread can see it, so that the count never falls below what it is.
        HELD_UP.fetch_add(1, Ordering::AcqRel);
        if self.life.compare_exchange(WAITED_FOR, LEFT, Ordering::AcqRel, Ordering::Acquire).is_err() {
            HELD_UP.fetch_sub(1, Ordering::AcqRel);
        }
    }
}

/// What to say of a server that is there and does not answer.
pub(super) fn no_answer() -> Error {
    Error::input(format!("{} does not answer; restart it", server_name()))
}

/// The server that libjack talks to, in words.
pub(super) fn server_name() -> String {
    match std::env::var("JACK_DEFAULT_SERVER") {
        Ok(name) if !name.is_empty() => format!("the JACK server '{name}'"),
        _ => "the JACK server".to_owned(),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn while_a_thread_is_held_up_no_other_is_started() {
        let (release, held) = channel::<()>();
        let thread = JackThread::spawn(Duration::ZERO, move || {
            let _ = held.recv();
        })
        .unwrap();
        assert!(!thread.wait(Duration::from_millis(10)), "it cannot have ended");
        assert!(!thread.wait(Duration::from_millis(10)), "and is counted once");
        let error = JackThread::spawn(Duration::ZERO, || ()).map(|_| ()).unwrap_err();
        assert!(error.to_string().contains("does not answer; restart it"), "{error}");
        drop(release);
        // One that waits finds that it has ended.
        assert!(JackThread::spawn(Duration::from_secs(60), || ()).is_ok());
        assert!(thread.wait(Duration::from_secs(60)));
        assert_eq!(HELD_UP.load(Ordering::Acquire), 0);
    }
}
