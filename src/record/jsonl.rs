//! Reports as JSON lines: one object a line, as the contract for events says.

use std::{
    io::{self, Write},
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use jiff::tz::TimeZone;
use serde::Serialize;
use serde_json::Value;

use super::{
    relay::{Aside, SinkState},
    store::RecordingState,
    wire::{EventJson, FolderJson, LevelsJson, OnsetJson, ReasonJson, StartJson, StatusJson, StopJson},
};
use crate::{
    engine::report::{Event, Report, StatusReport},
    error::{Error, Result},
    local_zone::local_zone,
};

/// The object that [`JsonLines`] writes for `report`; without what sinks add to a status.
///
/// # Errors
/// `Bug` when it cannot be written as JSON.
pub fn report_json(report: &Report, aside: &Aside<'_>) -> Result<Value> {
    let value = match report {
        Report::Start(start) => serde_json::to_value(StartJson::new(start, &TimeZone::UTC)),
        Report::Reason(reason) => serde_json::to_value(ReasonJson::from(reason)),
        Report::Onset(onset) => serde_json::to_value(OnsetJson::from(onset)),
        Report::Event(event) => {
            serde_json::to_value(EventJson::new(&event.event, aside.dir.map(FolderJson::from), aside.continues))
        }
        Report::Explained(event) => {
            serde_json::to_value(EventJson::explained(&event.event, aside.dir.map(FolderJson::from), aside.continues))
        }
        Report::Status(status) => serde_json::to_value(StatusJson::new(status, aside.recording, &[])),
        Report::Levels(levels) => serde_json::to_value(LevelsJson::from(levels)),
        Report::Stop(stop) => serde_json::to_value(StopJson::from(stop)),
    };
    value.map_err(no_json)
}

fn no_json(e: serde_json::Error) -> Error {
    Error::bug(format!("a report could not be written as JSON ({e}); please report this"))
}

/// Writes each report as one JSON object on a line of its own, and flushes it, so that a reader sees it at once.
///
/// Numbers: seconds have at most 6 decimals, scores and relevances 4. A number that is not finite is written as `null`,
/// except a level, whose infinities are cut to ±200 dB.
///
/// A line is whole or absent: what a failed write left half-done is completed before the next line begins. A failure is
/// returned once, when it begins; while it lasts, lines are dropped in silence and counted, so that the caller can report
/// every error it gets without a storm. A closed pipe lasts for ever ([`JsonLines::is_closed`]); anything else (a full
/// disk) is tried again with every line.
///
/// `out` should not buffer: a buffer may hold back lines, or repeat them after an error.
pub struct JsonLines<W: Write> {
    out: W,
    zone: TimeZone,
    onsets: Arc<AtomicBool>,
    sinks: Vec<SinkState>,
    state: State,
    /// The end of a line whose beginning is already out.
    unfinished: Vec<u8>,
    written: u64,
    lost: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Working,
    Failing,
    Closed,
}

impl<W: Write> JsonLines<W> {
    /// Lines to `out`; the local offset in the `start` line is the system's.
    pub fn new(out: W) -> Self {
        Self {
            out,
            zone: local_zone(),
            onsets: Arc::new(AtomicBool::new(true)),
            sinks: Vec::new(),
            state: State::Working,
            unfinished: Vec::new(),
            written: 0,
            lost: 0,
        }
    }

    /// Takes the local offset from `zone` instead of the system.
    #[must_use]
    pub fn with_time_zone(mut self, zone: TimeZone) -> Self {
        self.zone = zone;
        self
    }

    /// Writes lines of type `onset` only while `wanted` says so: others may have asked for these reports.
    #[must_use]
    pub fn with_onsets_if(mut self, wanted: Arc<AtomicBool>) -> Self {
        self.onsets = wanted;
        self
    }

    /// What the next `status` lines tell of the sinks; they say nothing of them where there are none.
    pub fn set_sinks(&mut self, sinks: Vec<SinkState>) {
        self.sinks = sinks;
    }

    /// Writes `report`. `dir` is the folder that holds an event's evidence, if it was recorded; other reports have none.
    ///
    /// # Errors
    /// `Output` when the writer stops accepting lines; `Ok` while that lasts, and again once it accepts them.
    pub fn write(&mut self, report: &Report, dir: Option<&Path>) -> Result<()> {
        match report {
            Report::Start(start) => {
                let line = StartJson::new(start, &self.zone);
                self.write_object(&line)
            }
            Report::Reason(reason) => self.write_object(&ReasonJson::from(reason)),
            Report::Onset(_) if !self.onsets.load(Ordering::Relaxed) => Ok(()),
            Report::Onset(onset) => self.write_object(&OnsetJson::from(onset)),
            Report::Event(event) => self.write_event(&event.event, dir, None),
            Report::Explained(event) => self.write_explained(&event.event, dir, None),
            Report::Status(status) => self.write_status(status, None),
            Report::Levels(levels) => self.write_object(&LevelsJson::from(levels)),
            Report::Stop(stop) => self.write_object(&StopJson::from(stop)),
        }
    }

    /// Writes the line of `event` (its audio is not needed); `dir` as in [`JsonLines::write`], `continues` the id of the
    /// event that it goes on from.
    ///
    /// # Errors
    /// As [`JsonLines::write`].
    pub fn write_event(&mut self, event: &Event, dir: Option<&Path>, continues: Option<&str>) -> Result<()> {
        self.write_object(&EventJson::new(event, dir.map(FolderJson::from), continues))
    }

    /// Writes that `event`, whose line came before, is explained or will not be; otherwise as [`JsonLines::write_event`].
    ///
    /// # Errors
    /// As [`JsonLines::write`].
    pub fn write_explained(&mut self, event: &Event, dir: Option<&Path>, continues: Option<&str>) -> Result<()> {
        self.write_object(&EventJson::explained(event, dir.map(FolderJson::from), continues))
    }

    /// Writes a status line; `recording` says how recording goes, where events are recorded.
    ///
    /// # Errors
    /// As [`JsonLines::write`].
    pub fn write_status(&mut self, status: &StatusReport, recording: Option<&RecordingState>) -> Result<()> {
        let sinks = std::mem::take(&mut self.sinks);
        let written = self.write_object(&StatusJson::new(status, recording, &sinks));
        self.sinks = sinks;
        written
    }

    /// Whether the reader has gone away for good (a closed pipe).
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.state == State::Closed
    }

    /// Lines that went out.
    #[must_use]
    pub fn written_lines(&self) -> u64 {
        self.written
    }

    /// Lines that could not be written.
    #[must_use]
    pub fn lost_lines(&self) -> u64 {
        self.lost
    }

    /// The writer, as it is; an unfinished line stays unfinished.
    pub fn into_inner(self) -> W {
        self.out
    }

    fn write_object(&mut self, object: &impl Serialize) -> Result<()> {
        if self.state == State::Closed {
            self.lost += 1;
            return Ok(());
        }
        let mut line = serde_json::to_vec(object).map_err(no_json)?;
        line.push(b'\n');
        let was = self.state;
        match self.write_line(line) {
            Ok(()) => self.state = State::Working,
            Err(e) if e.kind() == io::ErrorKind::BrokenPipe => {
                self.lost += u64::from(!std::mem::take(&mut self.unfinished).is_empty());
                self.state = State::Closed;
                return Err(self.error(e));
            }
            Err(e) => {
                self.state = State::Failing;
                if was == State::Working {
                    return Err(self.error(e));
                }
            }
        }
        Ok(())
    }

    /// Writes what was left of an earlier line, then `line`; keeps the rest of a line that got out only in part.
    fn write_line(&mut self, line: Vec<u8>) -> io::Result<()> {
        let mut bytes = std::mem::take(&mut self.unfinished);
        let old = bytes.len();
        bytes.extend_from_slice(&line);
        let mut done = 0;
        let outcome = loop {
            if done == bytes.len() {
                break Ok(());
            }
            match self.out.write(&bytes[done..]) {
                Ok(0) => break Err(io::Error::from(io::ErrorKind::WriteZero)),
                Ok(n) => done += n,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => break Err(e),
            }
        };
        self.written += u64::from(old > 0 && done >= old) + u64::from(done == bytes.len());
        // A line that began to go out is completed later; one that did not is gone.
        if done < old {
            self.unfinished = bytes[done..old].to_vec();
        } else if done > old {
            self.unfinished = bytes[done..].to_vec();
        }
        self.lost += u64::from(done <= old);
        outcome?;
        self.out.flush()
    }

    /// The one error of a new state.
    fn error(&self, e: io::Error) -> Error {
        let message = if self.state == State::Closed {
            "the reader of the JSON lines has closed its end; nothing more is written there".to_owned()
        } else {
            format!("JSON lines cannot be written ({e}); free some space or check where the output goes")
        };
        Error::output(message).with_source(e)
    }
}

impl<W: Write> std::fmt::Debug for JsonLines<W> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { state, written, lost, .. } = self;
        f.debug_struct("JsonLines")
            .field("state", state)
            .field("written", written)
            .field("lost", lost)
            .finish_non_exhaustive()
    }
}
