//! Signals that must not end the program, or not at once.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use crate::error::{Error, Result};

/// Set when somebody interrupts the program, which then ends by itself in good order.
///
/// # Errors
/// [`crate::ErrorKind::Bug`] where signals cannot be watched.
pub(super) fn interrupted() -> Result<Arc<AtomicBool>> {
    let interrupted = Arc::new(AtomicBool::new(false));
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
        signal_hook::flag::register(signal, Arc::clone(&interrupted))
            .map_err(|e| Error::bug(format!("signals cannot be watched ({e}); please report this")))?;
    }
    Ok(interrupted)
}

/// A file that would become longer than the system lets this process write (`ulimit -f`) must not end it: with the signal
/// caught, the write fails instead, and whoever writes knows what to do about that.
pub(super) fn survive_limits() {
    let nobody_asks = Arc::new(AtomicBool::new(false));
    // Where it cannot be caught, it is as it was.
    let _ = signal_hook::flag::register(signal_hook::consts::SIGXFSZ, nobody_asks);
}
