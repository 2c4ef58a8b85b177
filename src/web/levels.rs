//! Today's levels of an input, minute by minute.

use axum::extract::State;
use axum::http::Uri;
use axum::response::Response;
use jiff::{Timestamp, ToSpan};
use serde::Serialize;
use tokio::task::spawn_blocking;

use super::answers::{Failure, json};
use super::query;
use super::served::Served;
use crate::archive::level_summary::{LevelSummary, Seconds, read_seconds};
use crate::archive::levels::inputs;
use crate::local_zone::local_zone;
use crate::record::rounded;
use crate::units::SecondLevels;

#[derive(Serialize)]
struct DayJson {
    unit: &'static str,
    calibration_db: Option<f64>,
    day: String,
    local_offset: String,
    /// Begin in seconds since 1970, LAeq, LAFmax.
    minutes: Vec<(i64, Option<f64>, Option<f64>)>,
}

pub(super) async fn today(State(served): State<Served>, uri: Uri) -> Result<Response, Failure> {
    let about = &served.monitored().about;
    let dir = about.record_dir.clone().filter(|_| about.levels);
    let none = || Failure::gone("no levels are kept; start the monitor with --levels and --record");
    let dir = dir.ok_or_else(none)?;
    let name = served.input_name(query::input(&uri)?).ok_or_else(none)?;
    let day = spawn_blocking(move || read(&dir, &name)).await.map_err(|_| none())?;
    Ok(json(&day.map_err(|e| Failure::gone(format!("the levels cannot be read ({e})")))?))
}

/// The day of the input called `name`; without minutes where nothing was measured yet.
fn read(dir: &std::path::Path, name: &str) -> std::io::Result<DayJson> {
    let now = Timestamp::now().to_zoned(local_zone());
    let begin = now.start_of_day().map_err(std::io::Error::other)?;
    let end = begin.checked_add(1.day()).map_err(std::io::Error::other)?;
    let (from, to) = (begin.timestamp().as_second(), end.timestamp().as_second());
    let mut day = of(0.0, &Vec::new());
    for folder in inputs(dir)? {
        let found = read_seconds(dir, &folder, from, to)?;
        if let Some((source, seconds)) = found.filter(|(source, _)| source.name == name) {
            day = of(source.calibration_db, &seconds);
        }
    }
    day.day = now.strftime("%Y-%m-%d").to_string();
    day.local_offset = now.strftime("%:z").to_string();
    Ok(day)
}

fn of(calibration: f64, seconds: &Seconds) -> DayJson {
    let minutes = seconds.chunk_by(|(a, _), (b, _)| a.div_euclid(60) == b.div_euclid(60));
    let minute = |chunk: &[(i64, SecondLevels)]| {
        let levels: Vec<SecondLevels> = chunk.iter().map(|(_, levels)| *levels).collect();
        let summary = LevelSummary::of(&levels)?;
        let level = |db: f64| rounded(db, 1);
        Some((chunk.first()?.0.div_euclid(60) * 60, level(summary.laeq_db), level(summary.lafmax_db)))
    };
    DayJson {
        unit: if calibration == 0.0 { "dB relative to full scale" } else { "dB" },
        calibration_db: rounded(calibration, 2),
        day: String::new(),
        local_offset: String::new(),
        minutes: minutes.filter_map(minute).collect(),
    }
}
