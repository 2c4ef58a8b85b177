//! Where screens find the newest snapshots, of the input that a terminal shows and of those that others look at.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::snapshot::{EventSummary, Snapshot};

/// A latest-wins slot: the worker publishes, screens take the newest. Neither side is a real-time callback.
///
/// What the recorder makes of events comes later than the events, and from elsewhere: the slot completes snapshots with it.
#[derive(Debug, Default)]
pub struct SnapshotSlot(Mutex<Slot>);

/// Events whose folder is remembered: more than a snapshot lists.
const MAX_RECORDED: usize = 200;

#[derive(Debug, Default)]
struct Slot {
    latest: Option<Arc<Snapshot>>,
    /// Inputs that somebody looks at from elsewhere, by their indices.
    watched: BTreeMap<usize, Watched>,
    known: Known,
}

/// What the worker does not know.
#[derive(Debug, Default)]
struct Known {
    /// Ids of recorded events and their folders, oldest first.
    recorded: VecDeque<(String, String)>,
    recording_fails: Option<String>,
    outside_trouble: Option<String>,
}

/// An input that somebody looks at from elsewhere.
#[derive(Debug, Default)]
struct Watched {
    viewers: usize,
    latest: Option<Arc<Snapshot>>,
}

/// Somebody looks at an input for as long as this lives.
#[derive(Debug)]
pub struct Watch {
    slot: Arc<SnapshotSlot>,
    input: usize,
}

impl Watch {
    /// Looks at the input of index `input`: the worker then publishes snapshots of it.
    #[must_use]
    pub fn new(slot: Arc<SnapshotSlot>, input: usize) -> Self {
        slot.slot().watched.entry(input).or_default().viewers += 1;
        Self { slot, input }
    }

    /// The newest snapshot of the input, if there was one yet.
    #[must_use]
    pub fn latest(&self) -> Option<Arc<Snapshot>> {
        self.slot.slot().watched.get(&self.input)?.latest.clone()
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let mut slot = self.slot.slot();
        if let Some(watched) = slot.watched.get_mut(&self.input) {
            watched.viewers -= 1;
            if watched.viewers == 0 {
                slot.watched.remove(&self.input);
            }
        }
    }
}

impl SnapshotSlot {
    /// Replaces what was there.
    pub fn publish(&self, snapshot: Snapshot) {
        let mut slot = self.slot();
        slot.latest = Some(Arc::new(slot.known.complete(snapshot)));
    }

    /// Replaces the snapshot of a watched input; nothing where nobody looks at it any more.
    pub fn publish_watched(&self, input: usize, snapshot: Snapshot) {
        let mut slot = self.slot();
        let snapshot = Arc::new(slot.known.complete(snapshot));
        if let Some(watched) = slot.watched.get_mut(&input) {
            watched.latest = Some(snapshot);
        }
    }

    /// Indices of the inputs that somebody looks at from elsewhere.
    #[must_use]
    pub fn watched(&self) -> Vec<usize> {
        self.slot().watched.keys().copied().collect()
    }

    /// Where the event `id` was recorded, if it was, lately.
    #[must_use]
    pub fn folder_of(&self, id: &str) -> Option<String> {
        self.slot().known.recorded.iter().find(|(recorded, _)| recorded == id).map(|(_, dir)| dir.clone())
    }

    /// The newest snapshot, if there was one yet.
    #[must_use]
    pub fn latest(&self) -> Option<Arc<Snapshot>> {
        self.slot().latest.clone()
    }

    /// The evidence of the event `id` has been written to `dir`.
    pub fn recorded(&self, id: String, dir: String) {
        let mut slot = self.slot();
        slot.known.recorded.push_back((id, dir));
        if slot.known.recorded.len() > MAX_RECORDED {
            slot.known.recorded.pop_front();
        }
        slot.publish_again();
    }

    /// From here on events cannot be recorded, and why; with `None` they can again.
    pub fn set_recording_fails(&self, why: Option<String>) {
        let mut slot = self.slot();
        slot.known.recording_fails = why;
        slot.publish_again();
    }

    /// What is wrong with sinks, as a sentence; shown while the input itself has no trouble.
    pub fn set_outside_trouble(&self, trouble: Option<String>) {
        self.slot().known.outside_trouble = trouble;
    }

    fn slot(&self) -> MutexGuard<'_, Slot> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Slot {
    /// The worker may have published its last snapshots before the recorder was done.
    fn publish_again(&mut self) {
        let watched = self.watched.values_mut().filter_map(|watched| watched.latest.as_mut());
        for latest in self.latest.iter_mut().chain(watched) {
            *latest = Arc::new(self.known.complete(Snapshot::clone(latest)));
        }
    }
}

impl Known {
    /// Adds it to a snapshot.
    fn complete(&self, mut snapshot: Snapshot) -> Snapshot {
        snapshot.recording_fails.clone_from(&self.recording_fails);
        if snapshot.trouble.is_none() {
            snapshot.trouble.clone_from(&self.outside_trouble);
        }
        for summary in snapshot.events.iter_mut().filter(|summary| summary.dir.is_none()) {
            if let Some((_, dir)) = self.recorded.iter().find(|(id, _)| *id == summary.event.id) {
                *summary = Arc::new(EventSummary { dir: Some(dir.clone()), ..EventSummary::clone(summary) });
            }
        }
        snapshot
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::time::SystemTime;

    use super::*;
    use crate::engine::health::Health;
    use crate::engine::report::{Event, Explained, Handling, ModelRef, Totals};
    use crate::engine::snapshot::Phase;
    use crate::units::{ClassId, SamplePos, SampleRate, StreamClock};

    fn snapshot(ids: &[&str]) -> Snapshot {
        let clock = StreamClock { start: SystemTime::UNIX_EPOCH, sample_rate: SampleRate::new(22_050).unwrap() };
        let event = |id: &&str| {
            let event = Event {
                id: (*id).to_owned(),
                label: String::new(),
                class: ClassId(0),
                score: 0.0,
                onset: SamplePos(0),
                in_file: None,
                offset: SamplePos(1),
                source: String::new(),
                model: ModelRef { name: String::new(), sha256: String::new() },
                method: String::new(),
                components: Vec::new(),
                faithfulness: None,
                latency_secs: 0.0,
                lag_secs: 0.0,
                level_dbfs: None,
                explanation: Explained::Done,
                handling: Handling::default(),
                clock,
            };
            Arc::new(EventSummary { event, dir: None })
        };
        Snapshot {
            source: String::new(),
            model: String::new(),
            method: String::new(),
            position: SamplePos(0),
            clock,
            level_dbfs: 0.0,
            peak_dbfs: 0.0,
            classes: Vec::new(),
            explained: None,
            components: Vec::new(),
            waterfall: Arc::default(),
            events: ids.iter().map(event).collect(),
            load: 0.0,
            lag_secs: 0.0,
            latency: None,
            totals: Totals::default(),
            shed: &[],
            health: Health::Hearing,
            trouble: None,
            inputs: Vec::new(),
            focus: 0,
            listen: None,
            device: "cpu".to_owned(),
            record_dir: None,
            recording_fails: None,
            phase: Phase::Running,
        }
    }

    fn dirs(slot: &SnapshotSlot) -> Vec<Option<String>> {
        slot.latest().unwrap().events.iter().map(|summary| summary.dir.clone()).collect()
    }

    #[test]
    fn events_get_their_folder_whether_it_is_known_before_or_after_the_snapshot() {
        let slot = SnapshotSlot::default();
        slot.recorded("a".into(), "/a".into());
        assert!(slot.latest().is_none());
        slot.publish(snapshot(&["b", "a"]));
        assert_eq!(dirs(&slot), [None, Some("/a".to_owned())]);
        slot.recorded("b".into(), "/b".into());
        assert_eq!(dirs(&slot), [Some("/b".to_owned()), Some("/a".to_owned())]);
        slot.publish(snapshot(&["c", "b"]));
        assert_eq!(dirs(&slot), [None, Some("/b".to_owned())]);
    }

    #[test]
    fn a_recording_that_fails_shows_until_it_works_again() {
        let slot = SnapshotSlot::default();
        slot.publish(snapshot(&[]));
        slot.set_recording_fails(Some("the disk is full".into()));
        assert_eq!(slot.latest().unwrap().recording_fails.as_deref(), Some("the disk is full"));
        slot.publish(snapshot(&[]));
        assert_eq!(slot.latest().unwrap().recording_fails.as_deref(), Some("the disk is full"));
        slot.set_recording_fails(None);
        assert_eq!(slot.latest().unwrap().recording_fails, None);
    }

    #[test]
    fn trouble_outside_shows_where_the_input_has_none() {
        let slot = SnapshotSlot::default();
        slot.set_outside_trouble(Some("the broker is down".into()));
        slot.publish(snapshot(&[]));
        assert_eq!(slot.latest().unwrap().trouble.as_deref(), Some("the broker is down"));
        slot.publish(Snapshot { trouble: Some("deaf".into()), ..snapshot(&[]) });
        assert_eq!(slot.latest().unwrap().trouble.as_deref(), Some("deaf"));
        slot.set_outside_trouble(None);
        slot.publish(snapshot(&[]));
        assert_eq!(slot.latest().unwrap().trouble, None);
    }

    #[test]
    fn no_more_folders_are_remembered_than_a_list_can_show() {
        let slot = SnapshotSlot::default();
        (0..2 * MAX_RECORDED).for_each(|i| slot.recorded(i.to_string(), String::new()));
        assert_eq!(slot.slot().known.recorded.len(), MAX_RECORDED);
    }

    #[test]
    fn an_input_is_watched_for_as_long_as_somebody_looks() {
        let slot = Arc::new(SnapshotSlot::default());
        slot.publish_watched(1, snapshot(&["a"]));
        let first = Watch::new(Arc::clone(&slot), 1);
        let second = Watch::new(Arc::clone(&slot), 1);
        assert_eq!(slot.watched(), [1]);
        assert!(first.latest().is_none(), "what came before nobody looked at");
        slot.publish_watched(1, snapshot(&["a"]));
        slot.recorded("a".into(), "/a".into());
        assert_eq!(second.latest().unwrap().events[0].dir.as_deref(), Some("/a"));
        assert_eq!((slot.folder_of("a").as_deref(), slot.folder_of("b")), (Some("/a"), None));
        assert!(slot.latest().is_none(), "the terminal's snapshot is another one");
        drop(first);
        assert_eq!(slot.watched(), [1]);
        drop(second);
        assert!(slot.watched().is_empty());
    }
}
