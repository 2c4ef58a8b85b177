//! The latest state of the engine, as plain data for a screen. A new snapshot replaces the one before (latest wins).

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::health::Health;
pub use super::heard::Heard;
use super::report::{ComponentShare, Event, Latency, Totals};
use crate::units::{ClassId, SamplePos, StreamClock};

/// Immutable picture of the engine.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// The input, as in `file:yard.wav`.
    pub source: String,
    /// The model's name.
    pub model: String,
    /// The method that explains, as in `l2i`.
    pub method: String,
    /// Where the stream is.
    pub position: SamplePos,
    /// Ties positions to wall time.
    pub clock: StreamClock,
    /// RMS level of the last moments in dB full scale (−120 for digital silence).
    pub level_dbfs: f32,
    /// Highest sample magnitude of the last moments in dB full scale.
    pub peak_dbfs: f32,
    /// Every class with its newest score, in the model's order; any loud sound last, where that is asked for.
    pub classes: Vec<ClassState>,
    /// The class that `components` explains: the strongest active one, else the top score.
    pub explained: Option<ClassId>,
    /// The most relevant components of the newest stride, most relevant first.
    pub components: Vec<ComponentShare>,
    /// The last seconds as mel columns.
    pub waterfall: Arc<Waterfall>,
    /// The newest events (a bounded number), the one that began last first.
    pub events: Vec<Arc<EventSummary>>,
    /// Processing time ÷ stride time, smoothed, of all inputs together.
    pub load: f64,
    /// Seconds that the worker is behind the capture of this input; 0 where the source waits for it.
    pub lag_secs: f64,
    /// Time from sound to event, of the newest events.
    pub latency: Option<Latency>,
    /// Counters.
    pub totals: Totals,
    /// What is being shed under overload, as in `interpretation`; empty when all is well.
    pub shed: &'static [&'static str],
    /// What the input is able to hear.
    pub health: Health,
    /// What is wrong with the input or its device, as a sentence to show in a banner; none when all is well.
    pub trouble: Option<String>,
    /// All inputs, in order.
    pub inputs: Vec<InputSummary>,
    /// Which of them this snapshot shows.
    pub focus: usize,
    /// Where the interpretation is played live, if it is.
    pub listen: Option<ListenSummary>,
    /// Where the networks run, as in `cpu` or `cuda:0`.
    pub device: String,
    /// Where events are recorded, if they are.
    pub record_dir: Option<String>,
    /// Why events that should be recorded cannot be, as a sentence; none when they are.
    pub recording_fails: Option<String>,
    /// Whether the stream runs.
    pub phase: Phase,
}

/// An input as a list of them shows it.
#[derive(Debug, Clone, PartialEq)]
pub struct InputSummary {
    /// Its name, as in `device:alsa:hw:CARD=USB#1`.
    pub source: String,
    /// RMS level of the last moments in dB full scale (−120 for digital silence).
    pub level_dbfs: f32,
    /// Highest sample magnitude of the last moments in dB full scale.
    pub peak_dbfs: f32,
    /// What it is able to hear.
    pub health: Health,
    /// Whether it runs.
    pub phase: Phase,
    /// Events that have begun and were not reported yet, strongest first.
    pub open: Vec<OpenEvent>,
    /// Counters.
    pub totals: Totals,
}

/// An event that has begun and was not reported yet.
#[derive(Debug, Clone, PartialEq)]
pub struct OpenEvent {
    /// Its label.
    pub label: String,
    /// Highest probability so far.
    pub score: f32,
    /// Where it began.
    pub onset: SamplePos,
    /// The onset's place in the recording, for an input that is one.
    pub in_file: Option<SamplePos>,
    /// Where it was heard last.
    pub until: SamplePos,
    /// Ties positions to wall time.
    pub clock: StreamClock,
}

/// Live playing of the interpretation.
#[derive(Debug, Clone, PartialEq)]
pub struct ListenSummary {
    /// Where to, as in `device` or `jack`.
    pub output: String,
    /// What is played: `interpretation`, `input` or `silence`.
    pub mode: &'static str,
    /// From a sound to its being heard, in seconds; constant.
    pub delay_secs: f64,
    /// How often there was nothing to play.
    pub underruns: u64,
    /// What is wrong with the output, as a sentence; none when all is well.
    pub trouble: Option<String>,
}

/// Whether a stream runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Phase {
    /// Samples arrive.
    Running,
    /// The stream has ended for the reason given.
    Ended(String),
    /// The stream broke, with the sentence to show.
    Failed(String),
    /// It is not open yet: nothing has been written into the pipe.
    Waiting,
}

/// One class as it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct ClassState {
    /// Its label.
    pub label: String,
    /// The group that the model puts it into.
    pub group: Option<String>,
    /// Newest probability.
    pub score: f32,
    /// An event starts at this score.
    pub on_threshold: f32,
    /// An event ends below this score.
    pub off_threshold: f32,
    /// Whether an event of this class is open.
    pub active: bool,
    /// Since when, if one is.
    pub since: Option<SamplePos>,
    /// Why nothing is reported although the score is noteworthy, as in `1 of 2 strides`; empty otherwise.
    pub reason: String,
    /// Whether it is listened for.
    pub enabled: bool,
    /// Whether it is reported, and not only shown.
    pub alarm: bool,
    /// When it was heard.
    pub heard: Heard,
    /// Whether a person has changed it for this run.
    pub edited: bool,
}

/// The last seconds as mel columns, oldest first.
#[derive(Debug, Clone, Default)]
pub struct Waterfall {
    /// Bands per column, lowest first.
    pub n_bands: usize,
    /// Stream frame index of the first column.
    pub first_frame: u64,
    /// Seconds from one column to the next.
    pub frame_secs: f64,
    /// Level in dB (full-scale sine = 0), `[n_columns, n_bands]`.
    pub level_db: Vec<f32>,
    /// Mask of the explained class in 0…1, same layout; 0 where it is not known yet.
    pub mask: Vec<f32>,
    /// Centre frequency of each band in Hz.
    pub centre_hz: Vec<f32>,
}

impl Waterfall {
    /// Number of columns.
    #[must_use]
    pub fn n_columns(&self) -> usize {
        self.level_db.len().checked_div(self.n_bands).unwrap_or(0)
    }
}

/// An event as a list shows it.
#[derive(Debug, Clone)]
pub struct EventSummary {
    /// The detection.
    pub event: Event,
    /// Folder it was written to, once it was.
    pub dir: Option<String>,
}

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
    /// Ids of recorded events and their folders, oldest first.
    recorded: VecDeque<(String, String)>,
    recording_fails: Option<String>,
    outside_trouble: Option<String>,
}

impl SnapshotSlot {
    /// Replaces what was there.
    pub fn publish(&self, snapshot: Snapshot) {
        self.slot().publish(snapshot);
    }

    /// The newest snapshot, if there was one yet.
    #[must_use]
    pub fn latest(&self) -> Option<Arc<Snapshot>> {
        self.slot().latest.clone()
    }

    /// The evidence of the event `id` has been written to `dir`.
    pub fn recorded(&self, id: String, dir: String) {
        let mut slot = self.slot();
        slot.recorded.push_back((id, dir));
        if slot.recorded.len() > MAX_RECORDED {
            slot.recorded.pop_front();
        }
        slot.publish_again();
    }

    /// From here on events cannot be recorded, and why; with `None` they can again.
    pub fn set_recording_fails(&self, why: Option<String>) {
        let mut slot = self.slot();
        slot.recording_fails = why;
        slot.publish_again();
    }

    /// What is wrong with whoever else is told, as a sentence; shown while the input itself has no trouble.
    pub fn set_outside_trouble(&self, trouble: Option<String>) {
        self.slot().outside_trouble = trouble;
    }

    fn slot(&self) -> MutexGuard<'_, Slot> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Slot {
    /// The worker may have published its last snapshot before the recorder was done.
    fn publish_again(&mut self) {
        if let Some(latest) = &self.latest {
            self.publish(Snapshot::clone(latest));
        }
    }

    fn publish(&mut self, mut snapshot: Snapshot) {
        snapshot.recording_fails.clone_from(&self.recording_fails);
        if snapshot.trouble.is_none() {
            snapshot.trouble.clone_from(&self.outside_trouble);
        }
        for summary in snapshot.events.iter_mut().filter(|summary| summary.dir.is_none()) {
            if let Some((_, dir)) = self.recorded.iter().find(|(id, _)| *id == summary.event.id) {
                *summary = Arc::new(EventSummary { dir: Some(dir.clone()), ..EventSummary::clone(summary) });
            }
        }
        self.latest = Some(Arc::new(snapshot));
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::time::SystemTime;

    use super::super::report::{Explained, Handling, ModelRef};
    use super::*;
    use crate::units::SampleRate;

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
        assert_eq!(slot.slot().recorded.len(), MAX_RECORDED);
    }
}
