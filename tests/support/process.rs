//! Tests that run themselves again in a process of their own, and tests that need the machine's time.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Hold this in a test that hears or plays in real time and fails where samples are late: such tests wait for each other.
pub(crate) fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    // A test that failed leaves nothing behind that matters to the next one.
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The full name of a test, as this program's `--exact` wants it. `module` is `module_path!()` where the test stands.
pub(crate) fn full_name(module: &str, test: &str) -> String {
    // The program's own name is no part of it.
    match module.split_once("::") {
        Some((_, module)) => format!("{module}::{test}"),
        None => test.to_owned(),
    }
}
