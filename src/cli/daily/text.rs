//! A day as text.

use std::fmt::Write as _;

use super::figures::{Daily, Input, Label};
use crate::cli::blocks::block;
use crate::cli::level_day::length;
use crate::cli::output::{columns, printable};

/// Outages that are listed.
const LISTED: usize = 10;

/// The day for people.
pub(super) fn text(daily: &Daily) -> String {
    let events = if daily.n_events == 1 { "event" } else { "events" };
    let mut text = format!("{}: {} {events}\n", daily.day, daily.n_events);
    if !daily.events.is_empty() {
        let most = daily.most();
        let header = ["label", "events", "wrong", "first", "last", "0     6     12    18"].map(str::to_owned).to_vec();
        let rows: Vec<Vec<String>> =
            std::iter::once(header).chain(daily.events.iter().map(|label| row(label, most))).collect();
        text += "\n";
        text += &columns(&rows);
    }
    daily.inputs.iter().for_each(|input| text += &levels(input));
    text
}

fn row(label: &Label, most: usize) -> Vec<String> {
    let wrong = if label.wrong > 0 { label.wrong.to_string() } else { String::new() };
    vec![
        printable(&label.label).into_owned(),
        label.n.to_string(),
        wrong,
        label.first.clone(),
        label.last.clone(),
        strip(&label.by_hour, most),
    ]
}

/// A block for each hour; a dot where nothing was.
fn strip(by_hour: &[usize], most: usize) -> String {
    let drawn = |n: &usize| if *n == 0 { '·' } else { block(*n as f64 / most as f64) };
    by_hour.iter().map(drawn).collect()
}

fn levels(input: &Input) -> String {
    let Input { unit, laeq_db, lafmax_db, l90_db, loudest, outages, .. } = input;
    // Writing to a String cannot fail.
    let mut text =
        format!("\n{}, {unit}: LAeq {laeq_db:.1}, LAFmax {lafmax_db:.1}, L90 {l90_db:.1}\n", printable(&input.input));
    let minutes: Vec<String> = loudest.iter().map(|m| format!("{} {:.1}", m.time, m.laeq_db)).collect();
    let _ = writeln!(text, "  loudest minutes: {}", minutes.join(", "));
    let all: i64 = outages.iter().map(|outage| outage.seconds).sum();
    if outages.is_empty() {
        text += "  no outage\n";
    } else {
        let listed: Vec<String> =
            outages.iter().take(LISTED).map(|outage| format!("{} for {} s", outage.from, outage.seconds)).collect();
        let more = if outages.len() > LISTED { ", …" } else { "" };
        let _ = writeln!(text, "  outages: {}, {} in all: {}{more}", outages.len(), length(all), listed.join(", "));
    }
    text
}
