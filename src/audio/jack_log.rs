//! What libjack says, which it would write onto the terminal, goes to the log.

use std::sync::Once;

use log::{LevelFilter, Log, Metadata, Record};

struct Chatter;

impl Log for Chatter {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("jack")
    }

    fn log(&self, record: &Record<'_>) {
        if self.enabled(record.metadata()) {
            // Nothing of it is for the person in front of the screen: what matters comes as an error from a call, too.
            tracing::debug!("JACK: {}", record.args());
        }
    }

    fn flush(&self) {}
}

/// From here on libjack's words, which the crate `jack` hands to the crate `log`, go to our log. To be called before the
/// library is.
pub(super) fn catch() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // Where the program has a logger of its own already, that one gets them.
        if log::set_logger(&Chatter).is_ok() {
            log::set_max_level(LevelFilter::Info);
        }
    });
}
