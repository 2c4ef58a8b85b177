//! Lines about a run: its start, how it goes, its end.

use jiff::tz::TimeZone;
use serde::Serialize;

use super::{
    model::ModelJson,
    values::{level_db, local_offset, rfc3339, rounded, secs},
};
use crate::{
    engine::report::{StartReport, StatusReport, StopReport, Totals},
    record::states::{RecordingState, SinkState},
    units::SamplePos,
};

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
