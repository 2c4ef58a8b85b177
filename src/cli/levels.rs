//! `earwitness levels`: the sound levels that a monitor kept.

mod by;
mod strip;

use std::path::PathBuf;

use clap::builder::FalseyValueParser;
use jiff::civil::Date;
use serde::Serialize;

use by::By;

use super::level_day::level_days;
use super::{Globals, output};
use crate::archive::level_day::LevelDay;
use crate::archive::level_summary::LevelSummary;
use crate::error::{Error, Result};

const AFTER_HELP: &str = "\
Examples:
  earwitness monitor --record events --levels        keep levels
  earwitness levels events                           the newest day, by hour
  earwitness levels events --day 2026-11-30 --by minute --csv > day.csv

LAeq is the equivalent level, LAFmax the largest with time weighting F; L10, L50 and L90 are the levels
that the seconds' LAeq exceeds in 10, 50 and 90 % of the time. Levels are sound pressure levels where
the input is calibrated (`earwitness devices calibrate`), and relative to full scale elsewhere.";

/// Show sound levels that a monitor kept
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct Args {
    /// Folder that the monitor records in
    #[arg(value_name = "DIR")]
    dir: PathBuf,
    /// Show this input, as the monitor calls it [default: all]
    #[arg(long, value_name = "NAME", env = "EARWITNESS_SOURCE")]
    source: Option<String>,
    /// Show this day, in local time [default: the newest]
    #[arg(long, value_name = "DATE", env = "EARWITNESS_DAY")]
    day: Option<Date>,
    /// A row for each hour, minute or second
    #[arg(long, value_name = "SPAN", env = "EARWITNESS_BY", default_value = "hour")]
    by: By,
    /// Print CSV
    #[arg(long, env = "EARWITNESS_CSV", value_parser = FalseyValueParser::new(), conflicts_with = "json")]
    csv: bool,
    /// Print JSON
    #[arg(long, env = "EARWITNESS_JSON", value_parser = FalseyValueParser::new())]
    json: bool,
}

/// A row of CSV and JSON.
#[derive(Debug, Serialize)]
struct Row {
    time: String,
    input: String,
    calibrated: bool,
    seconds: usize,
    laeq_db: f64,
    lafmax_db: f64,
    l10_db: f64,
    l50_db: f64,
    l90_db: f64,
    lceq_db: f64,
    lzeq_db: f64,
}

/// The columns of CSV.
const COLUMNS: &str = "time,input,calibrated,seconds,laeq_db,lafmax_db,l10_db,l50_db,l90_db,lceq_db,lzeq_db";

pub(super) fn run(args: &Args, globals: &Globals) -> Result<()> {
    globals.start_log()?;
    let mut found = level_days(&args.dir, args.day)?;
    if let Some(name) = &args.source {
        let names: Vec<&str> = found.iter().map(|day| day.source.name.as_str()).collect();
        if !names.is_empty() && !names.contains(&name.as_str()) {
            return Err(Error::usage(format!(
                "there is no input '{name}' that day; choose among {}",
                names.join(", ")
            )));
        }
        found.retain(|day| day.source.name == *name);
    }
    if found.is_empty() {
        let day = args.day.map_or_else(String::new, |day| format!(" of {day}"));
        return Err(Error::input(format!(
            "{} holds no levels{day}; a monitor with --record {0} --levels keeps them",
            args.dir.display()
        )));
    }
    let rows = || found.iter().flat_map(|day| rows(day, args.by));
    if args.json {
        return output::print(&output::json("levels", &rows().collect::<Vec<_>>())?);
    }
    if args.csv {
        let lines = rows().map(|row| row.line());
        return output::print(&std::iter::once(format!("{COLUMNS}\n")).chain(lines).collect::<String>());
    }
    output::print(&found.iter().map(|day| strip::text(day, args.by)).collect::<Vec<_>>().join("\n"))
}

/// The rows of an input's day.
fn rows(day: &LevelDay, by: By) -> Vec<Row> {
    let rounded = |db: f64| (db * 10.0).round() / 10.0;
    let row = |(at, s): (i64, LevelSummary)| Row {
        time: day.clock(at, "%Y-%m-%dT%H:%M:%S%:z"),
        input: day.source.name.clone(),
        calibrated: day.source.calibration_db != 0.0,
        seconds: s.n_secs,
        laeq_db: rounded(s.laeq_db),
        lafmax_db: rounded(s.lafmax_db),
        l10_db: rounded(s.exceeded_db[0]),
        l50_db: rounded(s.exceeded_db[1]),
        l90_db: rounded(s.exceeded_db[2]),
        lceq_db: rounded(s.lceq_db),
        lzeq_db: rounded(s.lzeq_db),
    };
    day.spans(by.secs()).into_iter().map(row).collect()
}

impl Row {
    fn line(&self) -> String {
        let Self { time, input, calibrated, seconds, laeq_db, lafmax_db, l10_db, l50_db, l90_db, lceq_db, lzeq_db } =
            self;
        let input = if input.contains([',', '"', '\n']) {
            format!("\"{}\"", input.replace('"', "\"\""))
        } else {
            input.clone()
        };
        format!(
            "{time},{input},{calibrated},{seconds},{laeq_db},{lafmax_db},{l10_db},{l50_db},{l90_db},{lceq_db},{lzeq_db}\n"
        )
    }
}
