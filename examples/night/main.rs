//! A night in fast motion: hours of sound with known events, a disk that is too small for them, and a monitor that is killed
//! again and again. Then everything that was promised about what is recorded is checked.
//!
//! ```sh
//! cargo build --release --bin earwitness --example night
//! target/release/examples/night --hours 8 --events 200 --kills 20 --disk 100MB > night.json
//! ```
//!
//! The sound comes from the demo scene's own sounds, at seeded times and levels in seeded noise, through a pipe: nothing
//! large lies on the disk. `--disk SIZE` records onto a disk in memory of that size (needs root); without it, into a
//! folder of its own, which is removed; `--keep DIR` copies what is left to DIR first. With `--aimed true` every second kill comes at the moment at which the monitor is seen
//! to write or to remove an event. A table goes to stderr, JSON to stdout; the exit code is 1 where a promise was
//! broken. Linux only.

#![allow(clippy::print_stdout, clippy::print_stderr)]

mod checks;
mod disk;
mod monitor;
mod sound;

use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use earwitness::archive::{Filter, Index, Page};
use earwitness::units::{bytes_text, parse_bytes};
use serde_json::json;

use checks::{Broken, Stars};
use disk::Disk;
use monitor::{Limits, Run};
use sound::{Chance, Night, RATE_HZ};

type Fallible<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// What was asked for.
struct Plan {
    hours: f64,
    n_events: usize,
    n_kills: usize,
    /// Whether every second kill waits until an event is being written or removed.
    aimed: bool,
    seed: u64,
    /// Size of the disk in memory.
    disk: Option<u64>,
    /// What events may take together.
    max_bytes: u64,
    /// What stays free in the runs that have a floor instead.
    min_free_bytes: u64,
    /// Where what is left at the end is copied to.
    keep: Option<PathBuf>,
}

impl Plan {
    fn from_args() -> Fallible<Self> {
        let mut plan = Self {
            hours: 8.0,
            n_events: 200,
            n_kills: 20,
            aimed: false,
            seed: 20_261_121,
            disk: None,
            max_bytes: 50_000_000,
            min_free_bytes: 30_000_000,
            keep: None,
        };
        let mut args = std::env::args().skip(1);
        while let Some(flag) = args.next() {
            let value = args.next().ok_or_else(|| format!("{flag} needs a value"))?;
            let bytes = || parse_bytes(&value).ok_or_else(|| format!("{flag} {value}: give bytes, as in 50MB"));
            match flag.as_str() {
                "--hours" => plan.hours = value.parse()?,
                "--events" => plan.n_events = value.parse()?,
                "--kills" => plan.n_kills = value.parse()?,
                "--aimed" => plan.aimed = value.parse()?,
                "--keep" => plan.keep = Some(value.into()),
                "--seed" => plan.seed = value.parse()?,
                "--disk" => plan.disk = Some(bytes()?),
                "--max-bytes" => plan.max_bytes = bytes()?,
                "--min-free-bytes" => plan.min_free_bytes = bytes()?,
                _ => return Err(format!("{flag} is not known").into()),
            }
        }
        Ok(plan)
    }
}

fn main() -> Fallible<ExitCode> {
    let plan = Plan::from_args()?;
    let disk = Disk::open(plan.disk)?;
    let mut night = Night::new(plan.hours, plan.n_events, plan.seed)?;
    let mut chance = Chance::new(plan.seed ^ 0x5eed);
    let mut kills = kills(&plan, &night, &mut chance);
    kills.push(night.n_samples());
    let mut stars = Stars::default();
    let (mut broken, mut rows) = (Broken::default(), Vec::new());
    let began = Instant::now();
    eprintln!("  run   audio    told  stayed  starred      MB   most MB  least free  found again  temporaries");
    for (number, until) in kills.iter().enumerate() {
        let last = number + 1 == kills.len();
        // Half of the runs have to keep a total, half of them a floor of the disk, where there is one of their own.
        let limits = match plan.disk {
            Some(_) if number % 2 == 1 => Limits { max_bytes: 0, min_free_bytes: plan.min_free_bytes },
            _ => Limits { max_bytes: plan.max_bytes, min_free_bytes: 0 },
        };
        let wait = Duration::from_millis((chance.next() * 150.0) as u64);
        let mut run = Run::start(&disk.dir, limits)?;
        let from = night.position();
        // A star while the monitor is at work, on whatever is newest then.
        let star_at = from + (until.saturating_sub(from)) / 2;
        night.feed(&mut run, star_at.min(*until))?;
        if number % 2 == 0 {
            stars.newest(&disk.dir)?;
        }
        night.feed(&mut run, *until)?;
        if plan.aimed && !last && number % 2 == 0 {
            run.aim(&disk.dir);
            // At most up to the next moment, if nothing happens until then.
            night.feed(&mut run, kills[number + 1])?;
        }
        let ended = if last { run.finish()? } else { run.kill(wait)? };
        if last && ended.exit_code != Some(0) {
            broken.add(format!("the last run ended with {:?}: {}", ended.exit_code, ended.stderr));
        }
        night.told(&ended.events, from);
        checks::limits(&disk, limits, &ended, &mut broken);
        let found = checks::folders(&disk.dir, last, &stars, &mut broken)?;
        if !last {
            stars.least(&disk.dir)?;
        }
        let row = json!({
            "run": number + 1, "audio_h": hours(night.position()), "told": ended.events.len(), "stayed": found.events,
            "starred": found.starred, "bytes": found.bytes, "most_bytes": ended.most_bytes, "least_free_bytes": ended.least_free,
            "caught_up": found.caught_up, "temporaries": found.temporaries, "limit": if limits.max_bytes > 0 { "max_bytes" } else { "min_free_bytes" },
            "removed": ended.removed, "wall_s": ended.wall_secs,
        });
        eprintln!(
            "  {:>3} {:>6.2} h {:>6} {:>7} {:>8} {:>7.1} {:>9.1} {:>11.1} {:>12} {:>12}",
            number + 1,
            hours(night.position()),
            ended.events.len(),
            found.events,
            found.starred,
            found.bytes as f64 / 1e6,
            ended.most_bytes as f64 / 1e6,
            ended.least_free.unwrap_or(0) as f64 / 1e6,
            found.caught_up,
            found.temporaries
        );
        rows.push(row);
    }
    let rebuilt = checks::rebuilt(&disk.dir, &mut broken)?;
    let (heard, labelled) = night.heard();
    let removed: u64 = rows.iter().filter_map(|row| row["removed"].as_u64()).sum();
    let told: u64 = rows.iter().filter_map(|row| row["told"].as_u64()).sum();
    let index = Index::open(&disk.dir)?;
    let starred = index.count(&Filter { starred: Some(true), ..Filter::default() })?;
    if index.query(&Filter::default(), Page::ALL)?.is_empty() {
        broken.add("nothing was recorded at all".into());
    }
    let minutes = began.elapsed().as_secs_f64() / 60.0;
    eprintln!(
        "\n{} h of sound in {minutes:.1} min: {} of {} known events were heard ({labelled} under their own label); {told} events were told, \
         {removed} removed to make room, {} stayed ({} of them starred, {} were starred in all), {}; {} promises broken",
        plan.hours,
        heard,
        plan.n_events,
        rebuilt.events,
        starred,
        stars.len(),
        bytes_text(rebuilt.bytes),
        broken.all.len()
    );
    broken.all.iter().for_each(|what| eprintln!("  broken: {what}"));
    if let Some(keep) = &plan.keep {
        disk.copy_to(keep)?;
    }
    let ok = broken.all.is_empty();
    println!(
        "{}",
        json!({
            "ok": ok, "broken": broken.all, "hours": plan.hours, "seed": plan.seed, "kills": plan.n_kills, "known_events": plan.n_events,
            "heard": heard, "heard_under_their_label": labelled, "told": told, "removed": removed, "stayed": rebuilt.events,
            "bytes": rebuilt.bytes, "max_bytes": plan.max_bytes, "disk_bytes": plan.disk, "min_free_bytes": plan.min_free_bytes,
            "starred": stars.len(), "folders_checked": checks::n_checked(), "wall_min": (minutes * 10.0).round() / 10.0, "runs": rows,
        })
    );
    Ok(if ok { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Where in the sound the monitor is killed: half of the moments lie anywhere, half shortly after a known event has ended,
/// when it is likely to be at its folder.
fn kills(plan: &Plan, night: &Night, chance: &mut Chance) -> Vec<u64> {
    let mut all: Vec<u64> = (0..plan.n_kills)
        .map(|i| {
            if i % 2 == 0 {
                return (chance.next() * night.n_samples() as f64) as u64;
            }
            let event = (chance.next() * plan.n_events as f64) as usize;
            let after_secs = 3.0 + 15.0 * chance.next();
            night.end_of(event) + (after_secs * f64::from(RATE_HZ)) as u64
        })
        .map(|at| at.min(night.n_samples()))
        .collect();
    all.sort_unstable();
    all
}

fn hours(samples: u64) -> f64 {
    samples as f64 / f64::from(RATE_HZ) / 3600.0
}
