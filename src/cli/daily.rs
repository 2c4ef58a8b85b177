//! `earwitness daily`: what a day was like.

mod figures;
mod gather;
mod html;
mod text;

use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use clap::builder::FalseyValueParser;
use jiff::Timestamp;
use jiff::civil::Date;

pub(super) use gather::of_day;

use super::review::made_file::write_whole;
use super::{Globals, output};
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
    let day = args.day.unwrap_or_else(|| Timestamp::now().to_zoned(local_zone()).date());
    let daily = of_day(&args.dir, day)?;
    if daily.n_events == 0 && daily.inputs.is_empty() {
        return Err(Error::input(format!(
            "{} holds neither events nor levels of {day}; give --day, or the folder of a monitor with --record",
            args.dir.display()
        )));
    }
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
