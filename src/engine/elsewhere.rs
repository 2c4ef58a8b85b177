//! The worker's side of those who look and listen from elsewhere, as through a browser: while nobody does, nothing is made
//! for them.

use std::collections::btree_map::Entry;
use std::sync::Arc;
use std::time::Duration;

use super::broadcast::{BroadcastPush, Broadcasts};
use super::listen::Listener;
use super::outside::Outside;
use super::worker::Worker;
use crate::Result;
use crate::units::{SamplePos, SampleRate};

/// Time between two snapshots for those who look from elsewhere.
const SNAPSHOT_EVERY: Duration = Duration::from_millis(200);

impl Worker {
    /// The names of the inputs that are open.
    #[must_use]
    pub fn input_names(&self) -> Vec<String> {
        self.inputs.iter().map(|input| input.pipeline.params().source.clone()).collect()
    }

    /// The rate at which it hears: the model's.
    #[must_use]
    pub fn sample_rate(&self) -> SampleRate {
        self.inference.classifier().front_end().sample_rate
    }

    /// How many classes it listens for.
    #[must_use]
    pub fn n_classes(&self) -> usize {
        self.options.detector.n_classes()
    }

    /// Where its inputs can be heard from elsewhere.
    #[must_use]
    pub fn broadcasts(&self) -> Arc<Broadcasts> {
        Arc::clone(&self.broadcasts)
    }

    /// Shows each watched input as it is now, where that is due.
    pub(super) fn publish_watched(&mut self, outside: &Outside<'_>) {
        let watched = outside.slot.watched();
        if !watched.is_empty() && self.gauge.watched_due(SNAPSHOT_EVERY) {
            self.publish_all_watched(&watched, outside);
        }
    }

    /// Shows the state in which the worker ends.
    pub(super) fn publish_last(&self, outside: &Outside<'_>) {
        self.publish_all_watched(&outside.slot.watched(), outside);
    }

    fn publish_all_watched(&self, watched: &[usize], outside: &Outside<'_>) {
        for index in watched {
            if let Some(snapshot) = self.snapshot(*index) {
                outside.slot.publish_watched(*index, snapshot);
            }
        }
    }

    /// Renders the sound of an input that somebody hears from elsewhere; its stretch begins at `origin` of its lane.
    pub(super) fn broadcast(&mut self, index: usize, origin: SamplePos) -> Result<()> {
        if !self.broadcasts.is_heard(index) {
            self.broadcast.remove(&index);
            return Ok(());
        }
        let Some(input) = self.inputs.get(index) else { return Ok(()) };
        let (history, rate) = (input.pipeline.history(), input.pipeline.params().clock.sample_rate);
        let listener = match self.broadcast.entry(index) {
            Entry::Occupied(listener) => listener.into_mut(),
            Entry::Vacant(place) => {
                let push = BroadcastPush::new(Arc::clone(&self.broadcasts), index, rate);
                place.insert(Listener::new(history.geometry(), rate, push)?)
            }
        };
        listener.stride(history, origin, &input.pipeline.open_classes())
    }
}
