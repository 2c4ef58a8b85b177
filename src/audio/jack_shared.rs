//! What the threads of a JACK client share with its owner, and how they leave it.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// After ports have come, others of the same client may follow: they are connected together, in their order.
pub(super) const SETTLE: Duration = Duration::from_millis(50);

/// How long closing may take before the client is left to itself.
pub(super) const CLOSE_PATIENCE: Duration = Duration::from_millis(500);

/// What the client's threads and its owner share.
#[derive(Default)]
pub(super) struct Shared {
    /// The owner is done with it.
    pub(super) stop: AtomicBool,
    /// The server is gone, or is no longer what it was.
    pub(super) dead: AtomicBool,
    /// What the system calls the thread of the callback; 0 while it has not begun.
    pub(super) process_thread: AtomicU32,
    /// Callbacks of ours that libjack's threads are in.
    pub(super) inside: AtomicU32,
    /// The process callback is to end its thread …
    pub(super) quit: AtomicBool,
    /// … and has said so to libjack.
    pub(super) has_quit: AtomicBool,
}

/// While it lives, a thread of libjack's is in a callback of ours.
pub(super) struct Inside<'a>(&'a Shared);

impl<'a> Inside<'a> {
    pub(super) fn new(shared: &'a Shared) -> Self {
        shared.inside.fetch_add(1, Ordering::AcqRel);
        Self(shared)
    }
}

impl Drop for Inside<'_> {
    fn drop(&mut self) {
        self.0.inside.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Shared {
    pub(super) fn is_over(&self) -> bool {
        self.stop.load(Ordering::Acquire) || self.dead.load(Ordering::Acquire)
    }

    /// Waits until libjack's threads are in no callback of ours. Closing a client cancels these threads wherever they are, and a
    /// cancelled thread that is inside Rust takes the program with it.
    pub(super) fn leave_callbacks(&self) {
        self.quit.store(true, Ordering::Release);
        let wait = |patience: Duration, done: &dyn Fn() -> bool| {
            let until = Instant::now() + patience;
            while !done() && Instant::now() < until {
                thread::sleep(Duration::from_millis(1));
            }
        };
        // The server of a client that lives calls it again within a cycle.
        wait(QUIT_PATIENCE, &|| self.has_quit.load(Ordering::Acquire) || self.dead.load(Ordering::Acquire));
        wait(CLOSE_PATIENCE, &|| self.inside.load(Ordering::Acquire) == 0);
        // From a callback's last line it is some way back into libjack.
        thread::sleep(SETTLE);
    }
}

/// How long the callback may take to hear that it is over; a server with long cycles calls it seldom.
const QUIT_PATIENCE: Duration = Duration::from_millis(300);
