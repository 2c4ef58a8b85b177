//! The endpoint that Prometheus reads, and the text it gets.

use std::fmt::Error as FmtError;
use std::net::TcpListener;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::exemplar::Exemplar;
use prometheus_client::registry::Registry;

use super::metrics::{Heard, InputFigures, Metrics};
use crate::engine::health::Health;
use crate::engine::report::StatusReport;
use crate::error::{Error, Result};
use crate::http::{self, Bounds};
use crate::record::SinkState;

/// What the text is: the OpenMetrics format.
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Whoever scrapes comes back.
const BOUNDS: Bounds = Bounds { connections: 16, patience: Some(Duration::from_secs(120)) };

/// Levels are told as no lower than this, so that digital silence can be drawn.
const FLOOR_DBFS: f32 = -200.0;

/// Work that can be shed.
const SHEDDABLE: &[&str] = &["jobs", "interpretation", "every second stride", "three of four strides"];

/// Serves `metrics` on a thread of its own.
///
/// # Errors
/// `Output` where the address cannot be had.
pub(super) fn serve(metrics: Metrics, address: &str) -> Result<()> {
    let failed = |e: std::io::Error| {
        Error::output(format!(
            "the figures for Prometheus cannot be served at {address} ({e}); give another address as listen in [metrics]"
        ))
        .with_source(e)
    };
    let listener = TcpListener::bind(address).map_err(failed)?;
    let mut registry = Registry::default();
    registry.register_collector(Box::new(metrics));
    let app = Router::new().route("/metrics", get(text)).with_state(std::sync::Arc::new(registry));
    http::serve("metrics", "the figures for Prometheus are", listener, app, BOUNDS).map_err(failed)
}

async fn text(State(registry): State<std::sync::Arc<Registry>>) -> Response {
    let mut text = String::new();
    match prometheus_client::encoding::text::encode(&mut text, &registry) {
        Ok(()) => ([(header::CONTENT_TYPE, OPEN_METRICS)], text).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

type Labels = Vec<(&'static str, String)>;
/// Name, help and value of a counter of each input.
type Counter = (&'static str, &'static str, fn(&InputFigures) -> u64);
type Written = std::result::Result<(), FmtError>;

/// Writes metrics one after the other.
struct Writer<'a>(DescriptorEncoder<'a>);

impl Writer<'_> {
    fn metric(&mut self, name: &str, help: &str, kind: MetricType, rows: Vec<(Labels, f64)>) -> Written {
        if rows.is_empty() {
            return Ok(());
        }
        let is_counter = matches!(kind, MetricType::Counter);
        let mut metric = self.0.encode_descriptor(name, help, None, kind)?;
        let number = |metric: &mut MetricEncoder<'_>, value: f64| match is_counter {
            true => metric.encode_counter(&value, None::<&Exemplar<NoLabelSet, f64>>),
            false => metric.encode_gauge(&value),
        };
        for (labels, value) in rows {
            if labels.is_empty() {
                number(&mut metric, value)?;
            } else {
                number(&mut metric.encode_family(&labels)?, value)?;
            }
        }
        Ok(())
    }

    fn gauge(&mut self, name: &str, help: &str, rows: Vec<(Labels, f64)>) -> Written {
        self.metric(name, help, MetricType::Gauge, rows)
    }

    /// The name gets `_total` at its end.
    fn counter(&mut self, name: &str, help: &str, rows: Vec<(Labels, f64)>) -> Written {
        self.metric(name, help, MetricType::Counter, rows)
    }
}

impl Collector for Metrics {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> Written {
        let mut writer = Writer(encoder);
        let heard = self.heard();
        program(&mut writer, &heard, self.started)?;
        inputs(&mut writer, &heard)?;
        worker(&mut writer, &heard)?;
        events(&mut writer, &heard)?;
        recording(&mut writer, &heard)?;
        drop(heard);
        sinks(&mut writer, &self.sinks())
    }
}

fn program(writer: &mut Writer<'_>, heard: &Heard, started: f64) -> Written {
    let mut about = vec![("version", env!("CARGO_PKG_VERSION").to_owned())];
    if let Some(model) = &heard.model {
        about.extend([("model", model.name.clone()), ("model_sha256", model.sha256.clone())]);
    }
    writer.gauge("earwitness_build_info", "The program and its model.", vec![(about, 1.0)])?;
    let help = "When the program started, in seconds since 1970.";
    writer.gauge("process_start_time_seconds", help, vec![(Vec::new(), started)])
}

fn inputs(writer: &mut Writer<'_>, heard: &Heard) -> Written {
    let source = |source: &String| vec![("source", source.clone())];
    let of = |value: &dyn Fn(&InputFigures) -> f64| -> Vec<(Labels, f64)> {
        heard.inputs.iter().map(|(name, input)| (source(name), value(input))).collect()
    };
    let told = |value: &dyn Fn(&StatusReport) -> f64| -> Vec<(Labels, f64)> {
        let status = |(name, input): (&String, &InputFigures)| Some((source(name), value(input.status.as_ref()?)));
        heard.inputs.iter().filter_map(status).collect()
    };
    let yes = |is: bool| f64::from(u8::from(is));
    writer.gauge("earwitness_input_running", "Whether the input runs, or has ended.", of(&|i| yes(i.running)))?;
    let health = |i: &InputFigures| i.status.as_ref().map_or(Health::Hearing, |s| s.health);
    writer.gauge(
        "earwitness_input_hearing",
        "Whether the input hears anything: 0 where its device is lost, stalled, silent or stuck.",
        of(&|i| yes(i.running && !health(i).is_deaf())),
    )?;
    let all = [
        Health::Hearing,
        Health::DigitalSilence,
        Health::ConstantOffset,
        Health::Stalled,
        Health::Repeating,
        Health::Lost,
    ];
    let states = heard.inputs.iter().flat_map(|(name, input)| {
        all.map(|state| {
            let labels = vec![("source", name.clone()), ("health", state.as_str().replace(' ', "_"))];
            (labels, yes(health(input) == state))
        })
    });
    writer.gauge("earwitness_input_health", "What the input is able to hear.", states.collect())?;
    writer.counter(
        "earwitness_input_troubles",
        "Times that something went wrong with the input.",
        of(&|i| i.n_troubles as f64),
    )?;
    let level = |s: &StatusReport| f64::from(s.level_dbfs.max(FLOOR_DBFS));
    writer.gauge("earwitness_input_level_dbfs", "RMS level of the last stride in dB full scale.", told(&level))?;
    sound_levels(writer, heard)?;
    writer.gauge(
        "earwitness_input_lag_seconds",
        "How far the analysis is behind the capture.",
        told(&|s| s.lag_secs),
    )?;
    writer.gauge(
        "earwitness_input_report_timestamp_seconds",
        "When the input last reported, in seconds since 1970.",
        of(&|i| i.told),
    )?;
    writer.gauge("earwitness_input_sample_rate_hertz", "The input's own rate.", of(&|i| f64::from(i.rate_hz)))?;
    writer.gauge(
        "earwitness_input_waiting_samples",
        "Samples that wait to be analysed.",
        of(&|i| i.totals.waiting_samples as f64),
    )?;
    input_counters(writer, heard)
}

/// The newest second of each input whose levels are measured.
fn sound_levels(writer: &mut Writer<'_>, heard: &Heard) -> Written {
    let of_input = |(name, input): (&String, &InputFigures)| {
        let of = |what, db: f32| (vec![("source", name.clone()), ("level", String::from(what))], f64::from(db));
        let levels = input
            .levels
            .map(|l| [of("LAeq", l.laeq_db), of("LAFmax", l.lafmax_db), of("LCeq", l.lceq_db), of("LZeq", l.lzeq_db)]);
        levels.into_iter().flatten()
    };
    let rows: Vec<_> = heard.inputs.iter().flat_map(of_input).collect();
    if rows.is_empty() {
        return Ok(());
    }
    writer.gauge(
        "earwitness_input_sound_level_db",
        "Levels of the newest second in dB: sound pressure levels where the input is calibrated, else relative to full scale.",
        rows,
    )
}

fn input_counters(writer: &mut Writer<'_>, heard: &Heard) -> Written {
    let of = |value: fn(&InputFigures) -> u64| -> Vec<(Labels, f64)> {
        let one = |(name, input): (&String, &InputFigures)| (vec![("source", name.clone())], value(input) as f64);
        heard.inputs.iter().map(one).collect()
    };
    let counters: [Counter; 7] = [
        ("captured_samples", "Samples that the source delivered, or skipped while it ran.", |i| {
            i.totals.captured_samples
        }),
        ("analysed_samples", "Samples that reached the worker.", |i| i.totals.analysed_samples),
        ("dropped_samples", "Samples lost.", |i| i.totals.dropped_samples),
        ("away_samples", "Samples that were not captured because the device was away.", |i| i.totals.away_samples),
        ("invalid_samples", "Samples that could not be sound and became silence.", |i| i.totals.invalid_samples),
        ("xruns", "Gaps that the device reported.", |i| i.totals.xruns),
        ("shed_strides", "Strides whose work was shed under overload.", |i| i.totals.shed_strides),
    ];
    for (name, help, value) in counters {
        writer.counter(&format!("earwitness_input_{name}"), help, of(value))?;
    }
    Ok(())
}

/// What all inputs share, as the newest status tells it.
fn worker(writer: &mut Writer<'_>, heard: &Heard) -> Written {
    let told = heard.inputs.values().filter(|input| input.status.is_some());
    let newest = told.max_by(|a, b| a.told.total_cmp(&b.told)).and_then(|input| input.status.as_ref());
    let Some(status) = newest else { return Ok(()) };
    let one = |value: f64| vec![(Vec::new(), value)];
    writer.gauge(
        "earwitness_load_ratio",
        "Processing time by stride time; at 1 the machine is too slow.",
        one(status.load),
    )?;
    if let Some(latency) = status.latency {
        let quantile = |q: &str, secs| (vec![("quantile", q.to_owned())], secs);
        writer.gauge(
            "earwitness_event_latency_seconds",
            "From a sound's onset to its being known, over the newest events.",
            vec![quantile("0.5", latency.p50_secs), quantile("0.99", latency.p99_secs)],
        )?;
    }
    let mut kinds: Vec<&str> = SHEDDABLE.to_vec();
    kinds.extend(status.shed.iter().filter(|work| !SHEDDABLE.contains(work)));
    let shed = |work: &&str| (vec![("work", work.replace(' ', "_"))], f64::from(u8::from(status.shed.contains(work))));
    writer.gauge("earwitness_shed", "Whether this work is left out under overload.", kinds.iter().map(shed).collect())
}

fn events(writer: &mut Writer<'_>, heard: &Heard) -> Written {
    let row = |((source, label), n): (&(String, String), &u64)| {
        (vec![("source", source.clone()), ("label", label.clone())], *n as f64)
    };
    writer.counter("earwitness_events", "Events heard.", heard.events.iter().map(row).collect())?;
    let help = "Events whose evidence was written to disk.";
    writer.counter("earwitness_events_recorded", help, vec![(Vec::new(), heard.recorded as f64)])
}

/// The recording folder, where events are recorded.
fn recording(writer: &mut Writer<'_>, heard: &Heard) -> Written {
    let Some(state) = &heard.recording else { return Ok(()) };
    let one = |value: f64| vec![(Vec::new(), value)];
    let works = f64::from(u8::from(state.error.is_none()));
    writer.gauge("earwitness_recording_working", "Whether events can be recorded.", one(works))?;
    writer.gauge("earwitness_recording_events", "Events in the recording folder.", one(state.events as f64))?;
    writer.gauge("earwitness_recording_bytes", "Length of all that is recorded.", one(state.bytes as f64))?;
    if let Some(free) = state.free_bytes {
        writer.gauge(
            "earwitness_recording_free_bytes",
            "What the disk of the recording folder has free.",
            one(free as f64),
        )?;
    }
    let help = "Events that were removed to keep within the limits.";
    writer.counter("earwitness_recording_removed_events", help, one(state.removed as f64))
}

fn sinks(writer: &mut Writer<'_>, sinks: &[SinkState]) -> Written {
    let of = |value: fn(&SinkState) -> u64| -> Vec<(Labels, f64)> {
        sinks.iter().map(|sink| (vec![("sink", sink.name.clone())], value(sink) as f64)).collect()
    };
    writer.gauge("earwitness_sink_working", "Whether the sink works.", of(|s| u64::from(s.error.is_none())))?;
    writer.gauge("earwitness_sink_waiting_messages", "Messages that wait.", of(|s| s.waiting))?;
    writer.counter("earwitness_sink_sent_messages", "Messages sent.", of(|s| s.sent))?;
    writer.counter("earwitness_sink_dropped_messages", "Messages dropped: too many, or too old.", of(|s| s.dropped))?;
    writer.counter("earwitness_sink_failed_messages", "Messages given up after a failure.", of(|s| s.failed))?;
    writer.counter("earwitness_sink_retries", "Attempts that failed and were made again.", of(|s| s.retries))?;
    writer.counter("earwitness_sink_suppressed_messages", "Messages kept back by the rate limit.", of(|s| s.suppressed))
}
