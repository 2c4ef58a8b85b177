//! A panic becomes one sentence, told once the terminal is itself again.

use std::panic::PanicHookInfo;
use std::sync::{Mutex, Once, PoisonError};

use crate::model::onnx::is_contained;

static FIRST: Mutex<Option<String>> = Mutex::new(None);

/// Replaces the panic hook: nothing is printed when a thread panics (the terminal UI may own the screen); the first
/// panic's sentence is kept for [`first`], and every panic is logged.
pub(super) fn install() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| std::panic::set_hook(Box::new(keep)));
}

/// The sentence of the process's first panic.
pub(super) fn first() -> Option<String> {
    FIRST.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

fn keep(info: &PanicHookInfo<'_>) {
    let sentence = sentence(info);
    // Damage in a file of others that the engine did not expect: the caller gets an error that names the file.
    if is_contained() {
        tracing::debug!("{sentence}");
        return;
    }
    tracing::error!("{sentence}");
    FIRST.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(sentence);
}

fn sentence(info: &PanicHookInfo<'_>) -> String {
    let what = info.payload_as_str().unwrap_or("no reason given");
    let place = info.location().map(|l| format!(" at {}:{}", l.file(), l.line())).unwrap_or_default();
    format!("a defect of the program stopped it ({what}{place}); please report this sentence and what you did")
}
