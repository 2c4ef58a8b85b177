//! What people do with recorded events: listen to their evidence, mark them, rate them, and take them elsewhere.
//!
//! [`page`] makes one self-contained web page, [`table`] a CSV, [`lines`] JSON lines, [`tracks`] labels on a recording, `tui` is the
//! terminal's review. What people say in the page
//! comes back through [`feedback`]; [`ratings`] sums up listening tests. All of them speak of events through
//! [`entry::Entry`].

pub mod clip;
pub mod entry;
pub mod feedback;
pub mod lines;
pub mod page;
pub mod ratings;
pub mod sound;
pub mod study;
pub mod table;
pub mod tracks;
pub mod uncertain;

#[cfg(feature = "tui")]
pub mod tui;
