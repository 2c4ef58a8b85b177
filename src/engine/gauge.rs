//! What a worker knows of itself: how busy it is, what it told when, and the newest events.

use std::cmp::Reverse;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::report::{Event, Latency};
use super::snapshot::EventSummary;

/// The load is taken over this much audio, in seconds.
const LOAD_SECS: f64 = 10.0;

/// Events that a snapshot holds.
const MAX_EVENTS: usize = 50;

/// Events whose latency is remembered.
const MAX_LATENCIES: usize = 1000;

/// Clocks and lists of one run.
#[derive(Debug)]
pub(super) struct Gauge {
    began: Instant,
    busy: Duration,
    /// Audio so far and time computed so far, in seconds; from the last [`LOAD_SECS`] on.
    marks: VecDeque<(f64, f64)>,
    told: Instant,
    snapshot: Option<Instant>,
    watched: Option<Instant>,
    events: VecDeque<Arc<EventSummary>>,
    /// Time from sound to event of the newest events, in seconds.
    latencies: VecDeque<f64>,
}

impl Gauge {
    pub(super) fn new() -> Self {
        let now = Instant::now();
        Self {
            began: now,
            busy: Duration::ZERO,
            marks: VecDeque::from([(0.0, 0.0)]),
            told: now,
            snapshot: None,
            watched: None,
            events: VecDeque::new(),
            latencies: VecDeque::new(),
        }
    }

    /// Time was spent computing.
    pub(super) fn worked(&mut self, spent: Duration) {
        self.busy += spent;
    }

    /// The audio of the input that is furthest is now at `audio_secs`.
    pub(super) fn heard(&mut self, audio_secs: f64) {
        if self.marks.back().is_some_and(|(last, _)| *last >= audio_secs) {
            return;
        }
        self.marks.push_back((audio_secs, self.busy.as_secs_f64()));
        while self.marks.len() > 2 && self.marks[1].0 <= audio_secs - LOAD_SECS {
            self.marks.pop_front();
        }
    }

    /// Time computed ÷ audio, over the last 10 s; 0 before there was any.
    pub(super) fn load(&self) -> f64 {
        match (self.marks.front(), self.marks.back()) {
            (Some((audio_0, busy_0)), Some((audio_1, busy_1))) if audio_1 > audio_0 => {
                (busy_1 - busy_0) / (audio_1 - audio_0)
            }
            _ => 0.0,
        }
    }

    pub(super) const fn busy_secs(&self) -> f64 {
        self.busy.as_secs_f64()
    }

    pub(super) fn wall_secs(&self) -> f64 {
        self.began.elapsed().as_secs_f64()
    }

    /// A status report went out.
    pub(super) fn told(&mut self) {
        self.told = Instant::now();
    }

    pub(super) fn a_second_since_told(&self) -> bool {
        self.told.elapsed() >= Duration::from_secs(1)
    }

    /// Whether the last snapshot is older than `every`; the next one then counts as made.
    pub(super) fn snapshot_due(&mut self, every: Duration) -> bool {
        is_due(&mut self.snapshot, every)
    }

    /// The same of snapshots for those who look from elsewhere.
    pub(super) fn watched_due(&mut self, every: Duration) -> bool {
        is_due(&mut self.watched, every)
    }

    /// Time from sound to event; none before the first.
    pub(super) fn latency(&self) -> Option<Latency> {
        let mut sorted: Vec<f64> = self.latencies.iter().copied().collect();
        sorted.sort_by(f64::total_cmp);
        let at = |share: f64| sorted.get(((share * sorted.len() as f64).ceil() as usize).saturating_sub(1)).copied();
        Some(Latency { p50_secs: at(0.5)?, p99_secs: at(0.99)? })
    }

    /// An event was found.
    pub(super) fn event(&mut self, event: &Event) {
        self.latencies.push_back(event.latency_secs + event.lag_secs);
        if self.latencies.len() > MAX_LATENCIES {
            self.latencies.pop_front();
        }
        self.events.push_front(Arc::new(EventSummary { event: event.clone(), dir: None }));
        self.events.truncate(MAX_EVENTS);
    }
}

/// Whether `last` is longer ago than `every`; it is now, then.
fn is_due(last: &mut Option<Instant>, every: Duration) -> bool {
    let due = last.is_none_or(|last| last.elapsed() >= every);
    if due {
        *last = Some(Instant::now());
    }
    due
}

impl Gauge {
    /// The newest events, the one that began last first: a long one is reported after shorter ones that began later.
    pub(super) fn newest_events(&self) -> Vec<Arc<EventSummary>> {
        let mut events: Vec<_> = self.events.iter().cloned().collect();
        events.sort_by_key(|summary| Reverse(summary.event.clock.wall(summary.event.onset)));
        events
    }

    /// An event was explained, or will not be.
    pub(super) fn explained(&mut self, event: &Event) {
        if let Some(summary) = self.events.iter_mut().find(|summary| summary.event.id == event.id) {
            *summary = Arc::new(EventSummary { event: event.clone(), dir: summary.dir.clone() });
        }
    }
}
