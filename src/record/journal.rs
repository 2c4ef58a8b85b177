//! The log at `info`, so that a service's journal shows what it heard: sinks, inputs, events, the end.

use super::relay::{Aside, Relay};
use super::wire::rfc3339;
use crate::engine::report::{Event, Explained, Report, StartReport, StopReport};
use crate::units::SamplePos;

/// Begins of hashes are enough to tell models apart.
const HASH_SHOWN: usize = 12;

/// Logs the sinks, if there are any.
pub(super) fn sinks(relays: &[Box<dyn Relay>]) {
    let names: Vec<String> = relays.iter().flat_map(|relay| relay.states()).map(|sink| sink.name).collect();
    if !names.is_empty() {
        tracing::info!("events go to {}", names.join(", "));
    }
}

/// Logs a report, unless reports of its kind come again and again.
pub(super) fn report(report: &Report, aside: &Aside<'_>) {
    if tracing::enabled!(tracing::Level::INFO)
        && let Some(sentence) = sentence(report, aside)
    {
        tracing::info!("{sentence}");
    }
}

fn sentence(report: &Report, aside: &Aside<'_>) -> Option<String> {
    match report {
        Report::Start(start) => Some(started(start)),
        Report::Event(event) => Some(heard(&event.event, aside)),
        Report::Explained(event) => Some(explained(&event.event)),
        Report::Stop(stop) => Some(stopped(stop)),
        Report::Onset(_) | Report::Reason(_) | Report::Status(_) | Report::Levels(_) => None,
    }
}

fn started(start: &StartReport) -> String {
    let StartReport { source, model, method, input_rate, input_channels, clock, .. } = start;
    let since = rfc3339(clock, SamplePos(0)).unwrap_or_default();
    let hash: String = model.sha256.chars().take(HASH_SHOWN).collect();
    let played = start.listen.as_ref().map_or_else(String::new, |listen| format!(", played to {}", listen.output));
    format!(
        "hearing {source} since {since} ({} Hz, {input_channels} channels): model {} {hash}, method {method}{played}; earwitness {}",
        input_rate.hz(),
        model.name,
        env!("CARGO_PKG_VERSION")
    )
}

fn heard(event: &Event, aside: &Aside<'_>) -> String {
    let mut text =
        format!("{}, for {:.1} s", named(event), event.clock.secs(event.offset) - event.clock.secs(event.onset));
    text += &match (event.explanation, &event.faithfulness) {
        (Explained::Pending, _) => ", explanation pending".to_owned(),
        (Explained::Missed, _) => ", not explained".to_owned(),
        (Explained::Done, Some(figures)) => format!(", evidence {}", figures.verdict().words()),
        (Explained::Done, None) => String::new(),
    };
    if let Some(dir) = aside.dir {
        text += &format!("; {}", dir.display());
    }
    text
}

fn explained(event: &Event) -> String {
    match (event.explanation, &event.faithfulness) {
        (Explained::Done, Some(figures)) => {
            format!("{} is explained by {}: evidence {}", named(event), event.method, figures.verdict().words())
        }
        (Explained::Done, None) => format!("{} is explained by {}", named(event), event.method),
        _ => format!("{} was not explained by {}", named(event), event.method),
    }
}

/// An event as a person names it.
fn named(event: &Event) -> String {
    let onset = rfc3339(&event.clock, event.onset).unwrap_or_default();
    format!("{} {:.2} on {} at {onset}", event.label, event.score, event.source)
}

fn stopped(stop: &StopReport) -> String {
    let StopReport { source, reason, totals, clock, position, .. } = stop;
    format!(
        "stopped hearing {source} ({reason}): {} events in {:.1} s, {} samples dropped, {} xruns",
        totals.events,
        clock.secs(*position),
        totals.dropped_samples,
        totals.xruns
    )
}
