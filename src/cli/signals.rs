//! Signals that must not end the program.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// A file that would become longer than the system lets this process write (`ulimit -f`) must not end it: with the signal
/// caught, the write fails instead, and whoever writes knows what to do about that.
pub(super) fn survive_limits() {
    let nobody_asks = Arc::new(AtomicBool::new(false));
    // Where it cannot be caught, it is as it was.
    let _ = signal_hook::flag::register(signal_hook::consts::SIGXFSZ, nobody_asks);
}
