//! Thresholds from evidence: what people said of recorded events, and streams of which it is known what sounds when.
//!
//! For each label the lowest threshold is chosen that keeps false alarms within the rate that is wanted. Where there is too
//! little to tell, the label is left alone, and it is said why.

mod choose;
mod marked;
mod settings_file;
mod stream;

pub use choose::{Advice, Evidence, LEAST_RIGHT, Source, Step, Wanted, choose};
pub use marked::{Marked, Span, read_marked};
pub use settings_file::{Line, with_thresholds};
pub use stream::{grid, try_thresholds};
