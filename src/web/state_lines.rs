//! A snapshot as the lines that a page reads. Text in them is untrusted; the page makes text nodes of it.

use std::collections::BTreeMap;

use jiff::tz::TimeZone;
use serde::Serialize;

use crate::engine::report::{ComponentShare, Explained, Latency};
use crate::engine::snapshot::{ClassState, EventSummary, InputSummary, OpenEvent, Phase, Snapshot};
use crate::record::{local_offset, rfc3339, rounded};
use crate::units::ClassId;

/// A line of the stream.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub(super) enum Line<'a> {
    Labels { labels: Vec<LabelJson<'a>> },
    State(Box<StateJson<'a>>),
    Events { events: Vec<EventJson<'a>> },
    Columns(ColumnsJson),
}

/// What a label is listened for with; changes seldom.
#[derive(Serialize)]
pub(super) struct LabelJson<'a> {
    label: &'a str,
    group: Option<&'a str>,
    on: Option<f64>,
    off: Option<f64>,
    enabled: bool,
    alarm: bool,
    edited: bool,
}

impl<'a> From<&'a ClassState> for LabelJson<'a> {
    fn from(class: &'a ClassState) -> Self {
        Self {
            label: &class.label,
            group: class.group.as_deref(),
            on: share(class.on_threshold),
            off: share(class.off_threshold),
            enabled: class.enabled,
            alarm: class.alarm,
            edited: class.edited,
        }
    }
}

/// What changes all the time.
#[derive(Serialize)]
pub(super) struct StateJson<'a> {
    input: usize,
    source: &'a str,
    at: Option<String>,
    local_offset: Option<String>,
    position_s: Option<f64>,
    #[serde(flatten)]
    level: LevelJson,
    #[serde(flatten)]
    work: WorkJson<'a>,
    #[serde(flatten)]
    condition: ConditionJson<'a>,
    events_total: u64,
    inputs: Vec<InputJson<'a>>,
    #[serde(flatten)]
    classes: ClassesJson<'a>,
}

#[derive(Serialize)]
struct LevelJson {
    level_dbfs: Option<f64>,
    peak_dbfs: Option<f64>,
}

impl LevelJson {
    fn of(level_dbfs: f32, peak_dbfs: f32) -> Self {
        Self { level_dbfs: rounded(level_dbfs.into(), 1), peak_dbfs: rounded(peak_dbfs.into(), 1) }
    }
}

/// How the worker keeps up.
#[derive(Serialize)]
struct WorkJson<'a> {
    load: Option<f64>,
    lag_s: Option<f64>,
    latency: Option<LatencyJson>,
    shed: &'a [&'a str],
    device: &'a str,
}

#[derive(Serialize)]
struct LatencyJson {
    p50_s: Option<f64>,
    p99_s: Option<f64>,
}

impl From<Latency> for LatencyJson {
    fn from(latency: Latency) -> Self {
        Self { p50_s: rounded(latency.p50_secs, 3), p99_s: rounded(latency.p99_secs, 3) }
    }
}

/// What is wrong, if anything is.
#[derive(Serialize)]
struct ConditionJson<'a> {
    health: &'static str,
    phase: &'static str,
    phase_text: Option<&'a str>,
    trouble: Option<&'a str>,
    recording_fails: Option<&'a str>,
}

#[derive(Serialize)]
struct InputJson<'a> {
    source: &'a str,
    #[serde(flatten)]
    level: LevelJson,
    health: &'static str,
    phase: &'static str,
    open: Vec<OpenJson<'a>>,
}

#[derive(Serialize)]
struct OpenJson<'a> {
    label: &'a str,
    score: Option<f64>,
    since: Option<String>,
}

/// Figures of the labels, in their order.
#[derive(Serialize)]
struct ClassesJson<'a> {
    scores: Vec<Option<f64>>,
    active: Vec<usize>,
    today: Vec<u64>,
    last: Vec<Option<String>>,
    reasons: BTreeMap<usize, &'a str>,
    explained: Option<usize>,
    components: Vec<ComponentJson<'a>>,
}

#[derive(Serialize)]
struct ComponentJson<'a> {
    index: usize,
    name: &'a str,
    relevance: Option<f64>,
}

impl<'a> From<&'a ComponentShare> for ComponentJson<'a> {
    fn from(component: &'a ComponentShare) -> Self {
        Self { index: component.index, name: &component.name, relevance: share(component.relevance) }
    }
}

/// A reported event.
#[derive(Serialize)]
pub(super) struct EventJson<'a> {
    id: &'a str,
    label: &'a str,
    groups: &'a [String],
    score: Option<f64>,
    onset: Option<String>,
    duration_s: Option<f64>,
    in_file_s: Option<f64>,
    source: &'a str,
    method: &'a str,
    verdict: Option<&'static str>,
    prob: Option<f64>,
    prob_in: Option<f64>,
    prob_out: Option<f64>,
    pending: bool,
    recorded: bool,
    quiet: bool,
    components: Vec<ComponentJson<'a>>,
}

impl<'a> From<&'a EventSummary> for EventJson<'a> {
    fn from(summary: &'a EventSummary) -> Self {
        let event = &summary.event;
        let rate = event.clock.sample_rate;
        let faithfulness = event.faithfulness.as_ref();
        let probs = |of: fn(&crate::engine::report::Faithfulness) -> f32| faithfulness.and_then(|f| share(of(f)));
        Self {
            id: &event.id,
            label: &event.label,
            groups: &event.handling.groups,
            score: share(event.score),
            onset: rfc3339(&event.clock, event.onset),
            duration_s: rounded(rate.secs(event.offset.0.saturating_sub(event.onset.0)), 3),
            in_file_s: event.in_file.and_then(|at| rounded(rate.secs(at.0), 3)),
            source: &event.source,
            method: &event.method,
            verdict: faithfulness.map(|f| f.verdict().word()),
            prob: probs(|f| f.prob),
            prob_in: probs(|f| f.prob_in),
            prob_out: probs(|f| f.prob_out),
            pending: event.explanation == Explained::Pending,
            recorded: summary.dir.is_some(),
            quiet: event.handling.quiet,
            components: event.components.iter().map(ComponentJson::from).collect(),
        }
    }
}

/// Columns of the waterfall, each value a byte.
#[derive(Serialize)]
pub(super) struct ColumnsJson {
    pub(super) first_frame: u64,
    /// Whether nothing that was sent before belongs to these.
    pub(super) restart: bool,
    pub(super) frame_s: f64,
    pub(super) n_bands: usize,
    pub(super) level: String,
    pub(super) mask: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) centre_hz: Vec<f32>,
}

/// The state line of a snapshot; local times are in `zone`.
pub(super) fn state<'a>(snapshot: &'a Snapshot, zone: &TimeZone) -> Line<'a> {
    let clock = &snapshot.clock;
    let (phase, phase_text) = phase(&snapshot.phase);
    Line::State(Box::new(StateJson {
        input: snapshot.focus,
        source: &snapshot.source,
        at: rfc3339(clock, snapshot.position),
        local_offset: local_offset(clock, snapshot.position, zone),
        position_s: rounded(clock.sample_rate.secs(snapshot.position.0), 3),
        level: LevelJson::of(snapshot.level_dbfs, snapshot.peak_dbfs),
        work: WorkJson {
            load: rounded(snapshot.load, 4),
            lag_s: rounded(snapshot.lag_secs, 3),
            latency: snapshot.latency.map(LatencyJson::from),
            shed: snapshot.shed,
            device: &snapshot.device,
        },
        condition: ConditionJson {
            health: snapshot.health.as_str(),
            phase,
            phase_text,
            trouble: snapshot.trouble.as_deref(),
            recording_fails: snapshot.recording_fails.as_deref(),
        },
        events_total: snapshot.totals.events,
        inputs: snapshot.inputs.iter().map(input).collect(),
        classes: classes(snapshot),
    }))
}

fn classes(snapshot: &Snapshot) -> ClassesJson<'_> {
    let all = &snapshot.classes;
    let with_reason = all.iter().enumerate().filter(|(_, class)| !class.reason.is_empty());
    ClassesJson {
        scores: all.iter().map(|class| share(class.score)).collect(),
        active: all.iter().enumerate().filter(|(_, class)| class.active).map(|(index, _)| index).collect(),
        today: all.iter().map(|class| class.heard.today).collect(),
        last: all.iter().map(|class| class.heard.last.and_then(|at| rfc3339(&snapshot.clock, at))).collect(),
        reasons: with_reason.map(|(index, class)| (index, &*class.reason)).collect(),
        explained: snapshot.explained.map(|ClassId(class)| class),
        components: snapshot.components.iter().map(ComponentJson::from).collect(),
    }
}

fn input(summary: &InputSummary) -> InputJson<'_> {
    let open = |event: &'_ OpenEvent| rfc3339(&event.clock, event.onset);
    InputJson {
        source: &summary.source,
        level: LevelJson::of(summary.level_dbfs, summary.peak_dbfs),
        health: summary.health.as_str(),
        phase: phase(&summary.phase).0,
        open: summary
            .open
            .iter()
            .map(|event| OpenJson { label: &event.label, score: share(event.score), since: open(event) })
            .collect(),
    }
}

fn phase(phase: &Phase) -> (&'static str, Option<&str>) {
    match phase {
        Phase::Running => ("running", None),
        Phase::Waiting => ("waiting", None),
        Phase::Ended(why) => ("ended", Some(why)),
        Phase::Failed(why) => ("failed", Some(why)),
    }
}

/// A share to four decimals; none where it is no number.
fn share(value: f32) -> Option<f64> {
    rounded(value.into(), 4)
}
