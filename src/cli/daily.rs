//! `earwitness daily`: what a day was like.

mod figures;
mod html;
mod text;

use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use clap::builder::FalseyValueParser;
use jiff::Timestamp;
use jiff::civil::Date;

use figures::{Daily, input, labels};

use super::level_day::{level_days, span_of};
use super::review::made_file::write_whole;
use super::{Globals, output};
use crate::archive::glance::holds_events;
use crate::archive::{Filter, Index, Page, Row};
use crate::error::{Error, ErrorKind, Result};
use crate::local_zone::local_zone;

const AFTER_HELP: &str = "\
Examples:
  earwitness daily events                              today
  earwitness daily events --day 2026-11-30 --html day.html
  earwitness daily events --json | jq '.events'

Events are counted by label and local hour. Loudest minutes and outages come from the levels that
a monitor with --levels keeps; an outage is a hole of five seconds or more between its first second of the
day and its last.";

/// Show what a day was like: events by label and hour, loudest minutes, outages
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct Args {
    /// Folder that the monitor records in
    #[arg(value_name = "DIR")]
    dir: PathBuf,
    /// Show this day, in local time [default: today]
    #[arg(long, value_name = "DATE", env = "EARWITNESS_DAY")]
    day: Option<Date>,
    /// Write a web page to this file
    #[arg(long, value_name = "FILE", env = "EARWITNESS_HTML", conflicts_with = "json")]
    html: Option<PathBuf>,
    /// Print JSON
    #[arg(long, env = "EARWITNESS_JSON", value_parser = FalseyValueParser::new())]
    json: bool,
}

pub(super) fn run(args: &Args, globals: &Globals) -> Result<()> {
    globals.start_log()?;
    let zone = local_zone();
    let day = args.day.unwrap_or_else(|| Timestamp::now().to_zoned(zone.clone()).date());
    let (from, to) =
        span_of(day, &zone).ok_or_else(|| Error::usage(format!("{day} is outside the calendar; give another day")))?;
    let during = |row: &Row| (from..to).contains(&row.onset.as_second());
    let levels = level_days(&args.dir, Some(day))?;
    let rows: Vec<Row> = events(args, from, to)?.into_iter().filter(during).collect();
    if rows.is_empty() && levels.is_empty() {
        return Err(Error::input(format!(
            "{} holds neither events nor levels of {day}; give --day, or the folder of a monitor with --record",
            args.dir.display()
        )));
    }
    let daily = Daily {
        day: day.to_string(),
        n_events: rows.len(),
        events: labels(&rows, |at| at.to_zoned(zone.clone())),
        inputs: levels.iter().filter_map(input).collect(),
    };
    match &args.html {
        Some(file) => {
            // Whoever may not read the recordings may not read what was made of them.
            let mode = args.dir.metadata().map_or(0o600, |about| about.mode()) & 0o666;
            write_whole(mode, file, |out| {
                out.write_all(html::page(&daily).as_bytes()).map_err(|e| {
                    output::io_error(
                        ErrorKind::Output,
                        &format!("cannot write {}", file.display()),
                        "give another file",
                        e,
                    )
                })
            })?;
            output::note(&format!("{day} is in {}", file.display()));
            Ok(())
        }
        None if args.json => output::print(&output::json("the day", &daily)?),
        None => output::print(&text::text(&daily)),
    }
}

/// Reads the events of the UTC days that overlap the local day; none if the folder holds no recorded event.
fn events(args: &Args, from: i64, to: i64) -> Result<Vec<Row>> {
    // The index would be a file that is left in the folder.
    if !matches!(holds_events(&args.dir), Ok(true)) {
        return Ok(Vec::new());
    }
    let utc = |at: i64| Timestamp::from_second(at).ok().map(|at| at.strftime("%Y-%m-%d").to_string());
    let filter = Filter { from_day: utc(from), to_day: utc(to), ..Filter::default() };
    Index::open(&args.dir)?.query(&filter, Page::ALL)
}
