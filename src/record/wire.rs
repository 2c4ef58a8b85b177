//! The JSON objects of the contract, as serialisable twins of the engine's reports.
//!
//! Field order is the order of the fields here. Fields are only ever added. A number that is not finite becomes `null`,
//! because JSON has no other word for it.

use std::{path::Path, time::SystemTime};

use jiff::{
    Timestamp, Unit,
    tz::{Offset, TimeZone},
};
use serde::Serialize;

use super::relay::SinkState;
use super::store::RecordingState;
use crate::{
    engine::report::{
        ComponentShare, Event, Explained, Faithfulness, ModelRef, OnsetReport, ReasonReport, RecordWhat, StartReport,
        StatusReport, StopReport, Totals,
    },
    units::{SamplePos, StreamClock},
};

/// `value` rounded to `decimals`; `None` (JSON `null`) where it is not finite. Never `-0.0`.
pub(crate) fn rounded(value: f64, decimals: i32) -> Option<f64> {
    let scale = 10f64.powi(decimals);
    let scaled = (value * scale).round() / scale;
    // A value too large to scale has no decimals to lose.
    let result = if scaled.is_finite() { scaled } else { value };
    result.is_finite().then_some(result + 0.0)
}

/// Seconds as the contract writes them: 6 decimals.
pub(crate) fn secs(value: f64) -> Option<f64> {
    rounded(value, 6)
}

/// Scores, probabilities, relevances: 4 decimals.
fn share(value: f32) -> Option<f64> {
    rounded(f64::from(value), 4)
}

/// A level in dB, 1 decimal. Digital silence has no level: it is written as -200, so that a script can compare it.
fn level_db(value: f32) -> Option<f64> {
    if value.is_nan() { None } else { rounded(f64::from(value.clamp(-200.0, 200.0)), 1) }
}

/// Wall time to the millisecond, the resolution of everything written; `None` outside the years 0 to 9999.
pub(crate) fn timestamp(wall: SystemTime) -> Option<Timestamp> {
    let exact = Timestamp::try_from(wall).ok()?;
    let rounded = exact.round(Unit::Millisecond).ok()?;
    (0..=9999).contains(&Offset::UTC.to_datetime(rounded).year()).then_some(rounded)
}

/// RFC 3339 in UTC with milliseconds, as in `2026-11-20T15:00:12.341Z`.
pub(crate) fn rfc3339(clock: &StreamClock, pos: SamplePos) -> Option<String> {
    timestamp(clock.wall(pos)).map(|at| at.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string())
}

/// The zone's offset from UTC at `pos`, as in `+01:00`.
pub(crate) fn local_offset(clock: &StreamClock, pos: SamplePos, zone: &TimeZone) -> Option<String> {
    timestamp(clock.wall(pos)).map(|at| at.to_zoned(zone.clone()).strftime("%:z").to_string())
}

/// Whether a field can be left out.
// serde hands over a reference.
#[allow(clippy::trivially_copy_pass_by_ref)]
const fn is_false(value: &bool) -> bool {
    !*value
}

/// A path as JSON can hold it.
pub(crate) fn path_text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

#[derive(Debug, Serialize)]
pub(crate) struct ModelJson<'a> {
    name: &'a str,
    sha256: &'a str,
}

impl<'a> From<&'a ModelRef> for ModelJson<'a> {
    fn from(model: &'a ModelRef) -> Self {
        Self { name: &model.name, sha256: &model.sha256 }
    }
}

#[derive(Debug, Serialize)]
struct ComponentJson<'a> {
    index: usize,
    relevance: Option<f64>,
    #[serde(skip_serializing_if = "str::is_empty")]
    name: &'a str,
}

impl<'a> From<&'a ComponentShare> for ComponentJson<'a> {
    fn from(component: &'a ComponentShare) -> Self {
        Self { index: component.index, relevance: share(component.relevance), name: &component.name }
    }
}

#[derive(Debug, Serialize)]
struct FaithfulnessJson {
    agrees: bool,
    prob: Option<f64>,
    prob_in: Option<f64>,
    prob_out: Option<f64>,
}

impl From<&Faithfulness> for FaithfulnessJson {
    fn from(figures: &Faithfulness) -> Self {
        Self {
            agrees: figures.agrees,
            prob: share(figures.prob),
            prob_in: share(figures.prob_in),
            prob_out: share(figures.prob_out),
        }
    }
}

/// The `files` of an event line: where its folder is.
#[derive(Debug, Serialize)]
pub(crate) struct FolderJson {
    dir: String,
}

impl From<&Path> for FolderJson {
    fn from(dir: &Path) -> Self {
        Self { dir: path_text(dir) }
    }
}

/// An event, as a line and (with a longer `files`) as the head of `event.json`.
#[derive(Debug, Serialize)]
pub(crate) struct EventJson<'a, F> {
    r#type: &'static str,
    id: &'a str,
    label: &'a str,
    class: usize,
    score: Option<f64>,
    onset_s: Option<f64>,
    offset_s: Option<f64>,
    onset: Option<String>,
    offset: Option<String>,
    /// Of a recording: where the event begins in it.
    #[serde(skip_serializing_if = "Option::is_none")]
    offset_in_file_s: Option<f64>,
    source: &'a str,
    model: ModelJson<'a>,
    method: &'a str,
    components: Vec<ComponentJson<'a>>,
    faithfulness: Option<FaithfulnessJson>,
    #[serde(skip_serializing_if = "Option::is_none")]
    verdict: Option<&'static str>,
    /// Where the explanation is not there with the event: what has become of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    explanation: Option<&'static str>,
    latency_s: Option<f64>,
    lag_s: Option<f64>,
    /// Of any loud sound.
    #[serde(skip_serializing_if = "Option::is_none")]
    level_dbfs: Option<f64>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    groups: &'a [String],
    #[serde(skip_serializing_if = "is_false")]
    quiet: bool,
    /// Why no audio of it is kept, where that does not follow from the settings alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    no_audio: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    continues: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    files: Option<F>,
}

impl<'a, F> EventJson<'a, F> {
    /// `event` with `files`, which is left out where nothing was recorded; `continues` is the id of the event that it goes
    /// on from, where a long one was reported in pieces.
    pub(crate) fn new(event: &'a Event, files: Option<F>, continues: Option<&'a str>) -> Self {
        Self {
            r#type: "event",
            id: &event.id,
            label: &event.label,
            class: event.class.0,
            score: share(event.score),
            onset_s: secs(event.clock.secs(event.onset)),
            offset_s: secs(event.clock.secs(event.offset)),
            onset: rfc3339(&event.clock, event.onset),
            offset: rfc3339(&event.clock, event.offset),
            offset_in_file_s: event.in_file.and_then(|at| secs(event.clock.secs(at))),
            source: &event.source,
            model: (&event.model).into(),
            method: &event.method,
            components: event.components.iter().map(Into::into).collect(),
            faithfulness: event.faithfulness.as_ref().map(Into::into),
            verdict: event.faithfulness.as_ref().map(|figures| figures.verdict().word()),
            explanation: match event.explanation {
                Explained::Done => None,
                Explained::Pending => Some("pending"),
                Explained::Missed => Some("missed"),
            },
            latency_s: secs(event.latency_secs),
            lag_s: secs(event.lag_secs),
            level_dbfs: event.level_dbfs.and_then(level_db),
            groups: &event.handling.groups,
            quiet: event.handling.quiet,
            no_audio: (event.handling.record == RecordWhat::NoSpeech).then_some("speech"),
            continues,
            files,
        }
    }
}

impl<'a, F> EventJson<'a, F> {
    /// As [`EventJson::new`], as a line of its own that says what has become of the explanation.
    pub(crate) fn explained(event: &'a Event, files: Option<F>, continues: Option<&'a str>) -> Self {
        let line = Self::new(event, files, continues);
        Self { r#type: "explained", explanation: line.explanation.or(Some("done")), ..line }
    }
}

/// The beginning of an event.
#[derive(Debug, Serialize)]
pub(crate) struct OnsetJson<'a> {
    r#type: &'static str,
    id: &'a str,
    label: &'a str,
    class: usize,
    score: Option<f64>,
    onset_s: Option<f64>,
    onset: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    offset_in_file_s: Option<f64>,
    source: &'a str,
    latency_s: Option<f64>,
    lag_s: Option<f64>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    groups: &'a [String],
    #[serde(skip_serializing_if = "is_false")]
    quiet: bool,
}

impl<'a> From<&'a OnsetReport> for OnsetJson<'a> {
    fn from(report: &'a OnsetReport) -> Self {
        Self {
            r#type: "onset",
            id: &report.id,
            label: &report.label,
            class: report.class.0,
            score: share(report.score),
            onset_s: secs(report.clock.secs(report.onset)),
            onset: rfc3339(&report.clock, report.onset),
            offset_in_file_s: report.in_file.and_then(|at| secs(report.clock.secs(at))),
            source: &report.source,
            latency_s: secs(report.latency_secs),
            lag_s: secs(report.lag_secs),
            groups: &report.handling.groups,
            quiet: report.handling.quiet,
        }
    }
}

/// Why a class is not reported.
#[derive(Debug, Serialize)]
pub(crate) struct ReasonJson<'a> {
    r#type: &'static str,
    label: &'a str,
    class: usize,
    score: Option<f64>,
    on_threshold: Option<f64>,
    reason: &'static str,
    text: String,
    t_s: Option<f64>,
    time: Option<String>,
    source: &'a str,
}

impl<'a> From<&'a ReasonReport> for ReasonJson<'a> {
    fn from(report: &'a ReasonReport) -> Self {
        Self {
            r#type: "reason",
            label: &report.label,
            class: report.class.0,
            score: share(report.score),
            on_threshold: share(report.on_threshold),
            reason: report.reason.word(),
            text: report.reason.to_string(),
            t_s: secs(report.clock.secs(report.position)),
            time: rfc3339(&report.clock, report.position),
            source: &report.source,
        }
    }
}

#[derive(Debug, Serialize)]
struct ListenJson<'a> {
    to: &'a str,
    delay_s: Option<f64>,
}

#[derive(Debug, Serialize)]
pub(crate) struct StartJson<'a> {
    r#type: &'static str,
    source: &'a str,
    model: ModelJson<'a>,
    method: &'a str,
    input_rate_hz: u32,
    input_channels: u16,
    sample_rate_hz: u32,
    stride_s: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    listen: Option<ListenJson<'a>>,
    start: Option<String>,
    local_offset: Option<String>,
    version: &'static str,
}

impl<'a> StartJson<'a> {
    pub(crate) fn new(report: &'a StartReport, zone: &TimeZone) -> Self {
        Self {
            r#type: "start",
            source: &report.source,
            model: (&report.model).into(),
            method: &report.method,
            input_rate_hz: report.input_rate.hz(),
            input_channels: report.input_channels,
            sample_rate_hz: report.clock.sample_rate.hz(),
            stride_s: secs(report.stride_secs),
            listen: report
                .listen
                .as_ref()
                .map(|listen| ListenJson { to: &listen.output, delay_s: secs(listen.delay_secs) }),
            start: rfc3339(&report.clock, SamplePos(0)),
            local_offset: local_offset(&report.clock, SamplePos(0), zone),
            version: env!("CARGO_PKG_VERSION"),
        }
    }
}

#[derive(Debug, Serialize)]
struct TotalsJson {
    captured_samples: u64,
    analysed_samples: u64,
    dropped_samples: u64,
    waiting_samples: u64,
    away_samples: u64,
    xruns: u64,
    invalid_samples: u64,
    shed_strides: u64,
    events: u64,
}

impl From<&Totals> for TotalsJson {
    fn from(totals: &Totals) -> Self {
        Self {
            captured_samples: totals.captured_samples,
            analysed_samples: totals.analysed_samples,
            dropped_samples: totals.dropped_samples,
            waiting_samples: totals.waiting_samples,
            away_samples: totals.away_samples,
            xruns: totals.xruns,
            invalid_samples: totals.invalid_samples,
            shed_strides: totals.shed_strides,
            events: totals.events,
        }
    }
}

#[derive(Debug, Serialize)]
struct SinkJson<'a> {
    name: &'a str,
    error: Option<&'a str>,
    sent: u64,
    dropped: u64,
    failed: u64,
    retries: u64,
    suppressed: u64,
    waiting: u64,
}

impl<'a> From<&'a SinkState> for SinkJson<'a> {
    fn from(sink: &'a SinkState) -> Self {
        Self {
            name: &sink.name,
            error: sink.error.as_deref(),
            sent: sink.sent,
            dropped: sink.dropped,
            failed: sink.failed,
            retries: sink.retries,
            suppressed: sink.suppressed,
            waiting: sink.waiting,
        }
    }
}

#[derive(Debug, Serialize)]
pub(crate) struct StatusJson<'a> {
    r#type: &'static str,
    source: &'a str,
    t_s: Option<f64>,
    time: Option<String>,
    level_dbfs: Option<f64>,
    load: Option<f64>,
    #[serde(flatten)]
    totals: TotalsJson,
    lag_s: Option<f64>,
    latency_p50_s: Option<f64>,
    latency_p99_s: Option<f64>,
    health: &'static str,
    trouble: Option<&'a str>,
    shed: &'a [&'static str],
    device: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    recording: Option<RecordingJson<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    sinks: Vec<SinkJson<'a>>,
}

/// How recording goes, where events are recorded.
#[derive(Debug, Serialize)]
struct RecordingJson<'a> {
    state: &'static str,
    error: Option<&'a str>,
    events: u64,
    bytes: u64,
    free_bytes: Option<u64>,
    removed: u64,
    recorded: u64,
    unrecorded: u64,
    waiting: u64,
}

impl<'a> From<&'a RecordingState> for RecordingJson<'a> {
    fn from(state: &'a RecordingState) -> Self {
        Self {
            state: if state.error.is_some() { "failing" } else { "recording" },
            error: state.error.as_deref(),
            events: state.events,
            bytes: state.bytes,
            free_bytes: state.free_bytes,
            removed: state.removed,
            recorded: state.recorded,
            unrecorded: state.unrecorded,
            waiting: state.waiting,
        }
    }
}

impl<'a> StatusJson<'a> {
    pub(crate) fn new(report: &'a StatusReport, recording: Option<&'a RecordingState>, sinks: &'a [SinkState]) -> Self {
        Self {
            r#type: "status",
            source: &report.source,
            t_s: secs(report.clock.secs(report.position)),
            time: rfc3339(&report.clock, report.position),
            level_dbfs: level_db(report.level_dbfs),
            load: rounded(report.load, 4),
            totals: (&report.totals).into(),
            lag_s: secs(report.lag_secs),
            latency_p50_s: report.latency.and_then(|l| secs(l.p50_secs)),
            latency_p99_s: report.latency.and_then(|l| secs(l.p99_secs)),
            health: report.health.as_str(),
            trouble: report.trouble.as_deref(),
            shed: report.shed,
            device: &report.device,
            recording: recording.map(Into::into),
            sinks: sinks.iter().map(Into::into).collect(),
        }
    }
}

#[derive(Debug, Serialize)]
pub(crate) struct StopJson<'a> {
    r#type: &'static str,
    source: &'a str,
    t_s: Option<f64>,
    time: Option<String>,
    reason: &'a str,
    #[serde(flatten)]
    totals: TotalsJson,
    busy_s: Option<f64>,
    wall_s: Option<f64>,
    /// Seconds of audio ÷ seconds on the wall clock; `null` where no time passed.
    realtime_factor: Option<f64>,
}

impl<'a> From<&'a StopReport> for StopJson<'a> {
    fn from(report: &'a StopReport) -> Self {
        let heard_secs = report.clock.secs(report.position);
        Self {
            r#type: "stop",
            source: &report.source,
            t_s: secs(heard_secs),
            time: rfc3339(&report.clock, report.position),
            reason: &report.reason,
            totals: (&report.totals).into(),
            busy_s: secs(report.busy_secs),
            wall_s: secs(report.wall_secs),
            realtime_factor: rounded(heard_secs / report.wall_secs, 3),
        }
    }
}
