//! Today's levels of an input, minute by minute.

use std::io;
use std::path::Path;

use axum::extract::State;
use axum::http::Uri;
use axum::response::Response;
use jiff::Timestamp;
use serde::Serialize;
use tokio::task::spawn_blocking;

use super::answers::{Failure, json};
use super::query;
use super::served::Served;
use crate::archive::level_day::LevelDay;
use crate::archive::level_summary::LevelSummary;
use crate::archive::levels::{LevelSource, inputs};
use crate::local_zone::local_zone;
use crate::record::rounded;

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
fn read(dir: &Path, name: &str) -> io::Result<DayJson> {
    let zone = local_zone();
    let now = Timestamp::now().to_zoned(zone.clone());
    let mut day = None;
    for folder in inputs(dir)? {
        let found = LevelDay::read(dir, &folder, Some(now.date()), &zone)?;
        day = found.filter(|day| day.source.name == name).or(day);
    }
    let minute =
        |(begin, levels): (i64, LevelSummary)| (begin, rounded(levels.laeq_db, 1), rounded(levels.lafmax_db, 1));
    let unknown = LevelSource { name: name.to_owned(), calibration_db: 0.0 };
    let source = day.as_ref().map_or(&unknown, |day| &day.source);
    Ok(DayJson {
        unit: source.unit(),
        calibration_db: rounded(source.calibration_db, 2),
        day: now.strftime("%Y-%m-%d").to_string(),
        local_offset: now.strftime("%:z").to_string(),
        minutes: day.iter().flat_map(|day| day.spans(60)).map(minute).collect(),
    })
}
