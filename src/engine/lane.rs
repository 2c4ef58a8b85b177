//! Lanes: what is heard at the same time. A lane has one source, or one after another, as the recordings of a folder.

use super::snapshot::{InputSummary, Phase};
use crate::audio::source::Capture;

/// What comes next on a lane.
pub enum Next {
    /// The inputs of one source: at least one.
    Inputs(Vec<Capture>),
    /// That is not known yet; to be asked again.
    NotYet,
    /// Nothing any more.
    Nothing,
}

/// Opens what comes next on a lane. Whatever cannot be opened is its business to tell.
pub trait Supply: Send {
    /// What comes next. Must not wait for anything that may never come.
    fn next(&mut self) -> Next;

    /// What is waited for, as in events, where [`next`](Self::next) says [`Next::NotYet`].
    fn name(&self) -> String;
}

/// What a worker hears at the same time as other lanes.
pub struct Lane {
    /// The inputs that are open; none where they are waited for.
    pub inputs: Vec<Capture>,
    /// What comes after them, if anything does.
    pub supply: Option<Box<dyn Supply>>,
}

impl Lane {
    /// A lane of one source.
    #[must_use]
    pub fn of(capture: Capture) -> Self {
        Self { inputs: vec![capture], supply: None }
    }
}

/// How far a lane has come.
pub(super) struct LaneState {
    /// Gone when nothing more is to be opened.
    supply: Option<Box<dyn Supply>>,
    /// What has been opened and is not heard yet.
    pub(super) ready: Vec<Capture>,
    /// Seconds of the sources before the present one.
    pub(super) secs_before: f64,
    /// Events in them.
    pub(super) events_before: u64,
}

impl LaneState {
    pub(super) fn new(supply: Option<Box<dyn Supply>>) -> Self {
        Self { supply, ready: Vec::new(), secs_before: 0.0, events_before: 0 }
    }

    /// Whether something may follow.
    pub(super) const fn goes_on(&self) -> bool {
        self.supply.is_some() || !self.ready.is_empty()
    }

    /// Nothing more is opened.
    pub(super) fn close(&mut self) {
        self.supply = None;
        self.ready.clear();
    }

    /// Opens what comes next, unless that has been done.
    pub(super) fn look_ahead(&mut self) {
        if !self.ready.is_empty() {
            return;
        }
        match self.supply.as_mut().map(|supply| supply.next()) {
            Some(Next::Inputs(captures)) => self.ready = captures,
            Some(Next::NotYet) => {}
            Some(Next::Nothing) | None => self.supply = None,
        }
    }

    /// What is waited for.
    pub(super) fn waiting(&self) -> Option<InputSummary> {
        let supply = self.supply.as_ref()?;
        Some(InputSummary {
            source: supply.name(),
            level_dbfs: -120.0,
            peak_dbfs: -120.0,
            health: Default::default(),
            phase: Phase::Waiting,
            open: Vec::new(),
            totals: Default::default(),
        })
    }
}
