//! Which events are pieces of one long one.

use std::collections::HashMap;

use crate::{
    engine::report::Event,
    units::{ClassId, SamplePos},
};

/// Remembers where the last event of each class of each input ended.
///
/// A long event is reported in pieces, each of which begins at the very sample at which the one before ended; two events
/// have the merge gap between them.
#[derive(Debug, Default)]
pub(super) struct Pieces(HashMap<(String, ClassId), (SamplePos, String)>);

impl Pieces {
    /// Nothing more comes of `source`.
    pub(super) fn ended(&mut self, source: &str) {
        self.0.retain(|(of, _), _| of != source);
    }

    /// The id of the event that `event` goes on from, if it is a piece of a longer one.
    pub(super) fn before(&mut self, event: &Event) -> Option<String> {
        let last = self.0.insert((event.source.clone(), event.class), (event.offset, event.id.clone()));
        last.filter(|(offset, _)| *offset == event.onset).map(|(_, id)| id)
    }
}
