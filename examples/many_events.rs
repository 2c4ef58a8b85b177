//! How quick the index is over very many recorded events.
//!
//! ```sh
//! cargo run --release --example many_events -- /tmp/many 100000
//! ```
//!
//! Arguments: a folder, and how many synthetic events (records without audio, over 100 days) to write into it where it does
//! not hold them yet. Prints one line for each thing measured. The folder stays; it is also good for trying `review` on.

#![allow(clippy::print_stdout)]

use std::error::Error;
use std::fs;
use std::path::Path;
use std::time::Instant;

use earwitness::archive::{Filter, Index, Judged, Marks, Page, Verdict};
use serde_json::json;

const LABELS: [&str; 13] = [
    "dog",
    "rain",
    "siren",
    "rooster",
    "sneezing",
    "chainsaw",
    "car_horn",
    "clock_tick",
    "sea_waves",
    "helicopter",
    "crying_baby",
    "glass_breaking",
    "crackling_fire",
];

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [dir, n] = &args[..] else { return Err("say a folder and how many events".into()) };
    let (dir, n): (&Path, u64) = (Path::new(dir), n.parse()?);
    let begin: jiff::Timestamp = "2026-01-01T00:00:00Z".parse()?;
    let step = jiff::SignedDuration::from_millis(100 * 86_400_000 / i64::try_from(n.max(1))?);
    let began = Instant::now();
    let mut at = begin;
    for i in 0..n {
        write(dir, i, at)?;
        at = at.checked_add(step)?;
    }
    say("writing the folders", began);

    let _ = fs::remove_file(dir.join(".index.sqlite"));
    let began = Instant::now();
    let index = Index::open(dir)?;
    say(&format!("first opening: reading {} events", index.caught_up().added), began);
    drop(index);
    for what in ["second opening (the days are new: looked into again)", "third opening"] {
        let began = Instant::now();
        let index = Index::open(dir)?;
        say(&format!("{what}, {} events", index.totals()?.events), began);
    }
    let mut index = Index::open(dir)?;
    let all = Filter::default();
    let some =
        Filter { labels: vec!["dog".into(), "siren".into()], agrees: Some(true), min_score: Some(0.7), ..all.clone() };
    let page = Page { skip: 0, limit: 100 };
    let began = Instant::now();
    let newest = index.query(&all, page)?;
    say("the newest 100", began);
    let began = Instant::now();
    index.query(&all, Page { skip: n / 2, limit: 100 })?;
    say("100 from the middle", began);
    let began = Instant::now();
    let count = index.count(&some)?;
    say(&format!("counting {count} of two labels, sure, whose interpretation agrees"), began);
    let began = Instant::now();
    index.labels(&all)?;
    say("counts by label", began);
    let began = Instant::now();
    index.count(&Filter { judged: Some(Judged::Right), ..all.clone() })?;
    say("counting those marked right", began);
    let began = Instant::now();
    if let Some(row) = newest.first() {
        index.set_marks(&row.dir, &Marks { verdict: Some(Verdict::Right), ..Marks::default() })?;
    }
    say("marking one", began);
    let began = Instant::now();
    index.removable(None, 1)?;
    index.totals()?;
    say("what retention asks before a write", began);
    Ok(())
}

fn write(dir: &Path, i: u64, at: jiff::Timestamp) -> Result<(), Box<dyn Error>> {
    let label = LABELS[i as usize % LABELS.len()];
    let id = format!("SYN{i:09}");
    let folder = dir.join(at.strftime("%Y-%m-%d").to_string()).join(format!("{}-{label}-{id}", at.strftime("%H%M%SZ")));
    if folder.exists() {
        return Ok(());
    }
    fs::create_dir_all(&folder)?;
    let score = 0.3 + 0.7 * ((i * 7919 % 1000) as f64 / 1000.0);
    let end = at.checked_add(jiff::SignedDuration::from_millis(1500))?;
    let event = json!({
        "type": "event", "id": id, "label": label, "class": i % 13, "score": score, "onset_s": i, "offset_s": i + 1,
        "onset": at.to_string(), "offset": end.to_string(), "source": if i.is_multiple_of(3) { "yard" } else { "gate" },
        "model": {"name": "synthetic", "sha256": ""}, "method": "l2i", "components": [{"index": i % 64, "relevance": 1.0}],
        "faithfulness": {"agrees": !i.is_multiple_of(5), "prob": score, "prob_in": score, "prob_out": 0.1},
        "latency_s": 1.0, "files": {"dir": ""}, "local_offset": "+00:00", "version": "",
    });
    Ok(fs::write(folder.join("event.json"), serde_json::to_vec(&event)?)?)
}

fn say(what: &str, began: Instant) {
    println!("{:>9.1} ms  {what}", began.elapsed().as_secs_f64() * 1e3);
}
