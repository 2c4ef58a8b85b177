//! Levels of many seconds together, and the seconds of a stretch of time.

use std::io;
use std::path::Path;

use super::levels::{DAY_SECS, LevelSource, days, read_day};
use crate::units::SecondLevels;

/// Levels of some seconds together, in dB.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LevelSummary {
    /// Seconds with levels.
    pub n_secs: usize,
    /// Equivalent level, A-weighted: the mean of the energy.
    pub laeq_db: f64,
    /// Largest level, A-weighted, time weighting F.
    pub lafmax_db: f64,
    /// Levels that the seconds' LAeq exceeds in 10, 50 and 90 % of them.
    pub exceeded_db: [f64; 3],
    /// Equivalent level, C-weighted.
    pub lceq_db: f64,
    /// Equivalent level without a weighting.
    pub lzeq_db: f64,
}

/// Shares of the time that the three levels of [`LevelSummary::exceeded_db`] are exceeded in.
const EXCEEDED: [f64; 3] = [0.1, 0.5, 0.9];

impl LevelSummary {
    /// Of `seconds`, in any order; none where there are none.
    #[must_use]
    pub fn of(seconds: &[SecondLevels]) -> Option<Self> {
        let mut sorted: Vec<f64> = seconds.iter().map(|s| f64::from(s.laeq_db)).collect();
        sorted.sort_by(f64::total_cmp);
        let mean = |level: fn(&SecondLevels) -> f32| {
            let energy: f64 = seconds.iter().map(|s| 10_f64.powf(f64::from(level(s)) / 10.0)).sum();
            10.0 * (energy / seconds.len() as f64).log10()
        };
        let largest = seconds.iter().map(|s| f64::from(s.lafmax_db)).fold(f64::NEG_INFINITY, f64::max);
        (!seconds.is_empty()).then(|| Self {
            n_secs: seconds.len(),
            laeq_db: mean(|s| s.laeq_db),
            lafmax_db: largest,
            exceeded_db: EXCEEDED.map(|share| quantile(&sorted, 1.0 - share)),
            lceq_db: mean(|s| s.lceq_db),
            lzeq_db: mean(|s| s.lzeq_db),
        })
    }
}

/// The value that a share of sorted values is at most, between two of them in proportion.
fn quantile(sorted: &[f64], share: f64) -> f64 {
    let at = share * (sorted.len() - 1) as f64;
    let (low, high) = (sorted[at.floor() as usize], sorted[at.ceil() as usize]);
    low + (high - low) * at.fract()
}

/// Seconds since 1970 with their levels, in order.
pub type Seconds = Vec<(i64, SecondLevels)>;

/// The levels of an input's folder from `from` up to `to` (seconds since 1970), and where they come from; none where no day of
/// these has a file.
///
/// # Errors
/// Where a file cannot be read or is damaged.
pub fn read_seconds(dir: &Path, input: &str, from: i64, to: i64) -> io::Result<Option<(LevelSource, Seconds)>> {
    let mut found: Option<(LevelSource, Seconds)> = None;
    for day in days(dir, input)? {
        let begin = day_begin(day.day);
        if begin + DAY_SECS <= from || begin >= to {
            continue;
        }
        let (source, levels) = read_day(&day.path)?;
        let (last, seconds) = found.get_or_insert_with(|| (source.clone(), Vec::new()));
        *last = source;
        let timed = levels.into_iter().enumerate().filter_map(|(at, levels)| Some((begin + at as i64, levels?)));
        seconds.extend(timed.filter(|(at, _)| (from..to).contains(at)));
    }
    Ok(found)
}

/// The newest second of an input's folder that has levels, in seconds since 1970; none where no file holds any.
///
/// # Errors
/// Where a file cannot be read or is damaged.
pub fn newest_second(dir: &Path, input: &str) -> io::Result<Option<i64>> {
    for day in days(dir, input)?.into_iter().rev() {
        let (_, levels) = read_day(&day.path)?;
        if let Some(at) = levels.iter().rposition(Option::is_some) {
            return Ok(Some(day_begin(day.day) + at as i64));
        }
    }
    Ok(None)
}

/// When a day of UTC begins, in seconds since 1970.
fn day_begin(day: jiff::civil::Date) -> i64 {
    day.to_zoned(jiff::tz::TimeZone::UTC).map_or(0, |begin| begin.timestamp().as_second())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::levels::{LevelWriter, day_path};
    use super::*;

    fn second(db: f32) -> SecondLevels {
        SecondLevels { laeq_db: db, lafmax_db: db + 3.0, lceq_db: db + 5.0, lzeq_db: db + 7.0 }
    }

    /// ```python
    /// import numpy as np; l = np.array([40, 50, 60, 45, 42.])
    /// print(10 * np.log10(np.mean(10 ** (l / 10))), np.percentile(l, [90, 50, 10]))
    /// ```
    #[test]
    fn figures_are_numpys() {
        let seconds = [40.0, 50.0, 60.0, 45.0, 42.0].map(second);
        let got = LevelSummary::of(&seconds).unwrap();
        let close = |a: f64, b: f64| (a - b).abs() < 1e-3;
        assert!(close(got.laeq_db, 53.6454) && close(got.lzeq_db, 60.6454), "{got:?}");
        assert!(got.exceeded_db.iter().zip([56.0, 45.0, 40.8]).all(|(a, b)| close(*a, b)), "{got:?}");
        assert_eq!((got.n_secs, got.lafmax_db), (5, 63.0));
        assert_eq!(LevelSummary::of(&[]), None);
    }

    #[test]
    fn a_stretch_may_cross_midnight() {
        let dir = tempfile::tempdir().unwrap();
        let source = LevelSource { name: "demo".to_owned(), calibration_db: 0.0 };
        for (day, first) in [("1970-01-01", DAY_SECS - 2), ("1970-01-02", 0)] {
            let path = day_path(dir.path(), "demo", day.parse().unwrap());
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            LevelWriter::open(&path, &source).unwrap().write(first, &[second(40.0), second(41.0)]).unwrap();
        }
        let read = |from, to| read_seconds(dir.path(), "demo", from, to).unwrap();
        let (from, seconds) = read(DAY_SECS - 1, DAY_SECS + 1).unwrap();
        assert_eq!(from, source);
        assert_eq!(seconds.iter().map(|(at, _)| *at).collect::<Vec<_>>(), [DAY_SECS - 1, DAY_SECS]);
        assert_eq!(read(5 * DAY_SECS, 6 * DAY_SECS), None);
        assert_eq!(newest_second(dir.path(), "demo").unwrap(), Some(DAY_SECS + 1));
    }
}
