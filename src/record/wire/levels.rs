//! The line of sound levels.

use serde::Serialize;

use super::values::{level_db, rfc3339};
use crate::engine::report::{LevelsReport, TimedLevels};
use crate::units::StreamClock;

#[derive(Debug, Serialize)]
struct SecondJson {
    time: Option<String>,
    laeq_db: Option<f64>,
    lafmax_db: Option<f64>,
    lceq_db: Option<f64>,
    lzeq_db: Option<f64>,
}

impl SecondJson {
    fn new(clock: &StreamClock, second: &TimedLevels) -> Self {
        let levels = &second.levels;
        Self {
            time: rfc3339(clock, second.begin),
            laeq_db: level_db(levels.laeq_db),
            lafmax_db: level_db(levels.lafmax_db),
            lceq_db: level_db(levels.lceq_db),
            lzeq_db: level_db(levels.lzeq_db),
        }
    }
}

#[derive(Debug, Serialize)]
pub(crate) struct LevelsJson<'a> {
    r#type: &'static str,
    source: &'a str,
    calibrated: bool,
    seconds: Vec<SecondJson>,
}

impl<'a> From<&'a LevelsReport> for LevelsJson<'a> {
    fn from(report: &'a LevelsReport) -> Self {
        Self {
            r#type: "levels",
            source: &report.source,
            calibrated: report.calibration_db != 0.0,
            seconds: report.seconds.iter().map(|second| SecondJson::new(&report.clock, second)).collect(),
        }
    }
}
