//! Lines about events: an event, its onset, its explanation, and why there is none.

use std::path::Path;

use serde::Serialize;

use super::{
    model::ModelJson,
    values::{is_false, level_db, path_text, rfc3339, secs, share},
};
use crate::engine::report::{ComponentShare, Event, Explained, Faithfulness, OnsetReport, ReasonReport, RecordWhat};

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

/// When an event was.
#[derive(Debug, Serialize)]
struct SpanJson {
    onset_s: Option<f64>,
    offset_s: Option<f64>,
    onset: Option<String>,
    offset: Option<String>,
    /// Of a recording: where the event begins in it.
    #[serde(skip_serializing_if = "Option::is_none")]
    offset_in_file_s: Option<f64>,
}

impl From<&Event> for SpanJson {
    fn from(event: &Event) -> Self {
        Self {
            onset_s: secs(event.clock.secs(event.onset)),
            offset_s: secs(event.clock.secs(event.offset)),
            onset: rfc3339(&event.clock, event.onset),
            offset: rfc3339(&event.clock, event.offset),
            offset_in_file_s: event.in_file.and_then(|at| secs(event.clock.secs(at))),
        }
    }
}

/// What explains an event.
#[derive(Debug, Serialize)]
struct WhyJson<'a> {
    method: &'a str,
    components: Vec<ComponentJson<'a>>,
    faithfulness: Option<FaithfulnessJson>,
    #[serde(skip_serializing_if = "Option::is_none")]
    verdict: Option<&'static str>,
    /// Where the explanation is not there with the event: what has become of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    explanation: Option<&'static str>,
}

impl<'a> From<&'a Event> for WhyJson<'a> {
    fn from(event: &'a Event) -> Self {
        Self {
            method: &event.method,
            components: event.components.iter().map(Into::into).collect(),
            faithfulness: event.faithfulness.as_ref().map(Into::into),
            verdict: event.faithfulness.as_ref().map(|figures| figures.verdict().word()),
            explanation: match event.explanation {
                Explained::Done => None,
                Explained::Pending => Some("pending"),
                Explained::Missed => Some("missed"),
            },
        }
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
    #[serde(flatten)]
    span: SpanJson,
    source: &'a str,
    model: ModelJson<'a>,
    #[serde(flatten)]
    why: WhyJson<'a>,
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
            span: event.into(),
            source: &event.source,
            model: (&event.model).into(),
            why: event.into(),
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

    /// As [`EventJson::new`], as a line of its own that says what has become of the explanation.
    pub(crate) fn explained(event: &'a Event, files: Option<F>, continues: Option<&'a str>) -> Self {
        let mut line = Self::new(event, files, continues);
        line.r#type = "explained";
        line.why.explanation.get_or_insert("done");
        line
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
