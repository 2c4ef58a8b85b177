//! Listening tests summed up: what people gave to interpretations, to the hidden reference and to the anchor.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::archive::files::{read_bounded, replace};
use crate::archive::names::temporary;
use crate::error::{Error, Result};

/// The name of the ratings in an event folder.
pub const RATINGS_FILE: &str = "ratings.json";

/// Longest `ratings.json` that is read, in bytes.
const MAX_RATINGS_BYTES: u64 = 4 << 20;

/// Longest text in a rating, in bytes.
const MAX_TEXT_BYTES: usize = 4096;

/// What one person gave to one sound.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Rating {
    /// Who rated.
    pub rater: String,
    /// What the order came from.
    #[serde(default)]
    pub seed: String,
    /// The event's id.
    pub event: String,
    /// The event's folder, `DAY/NAME`.
    #[serde(default)]
    pub dir: String,
    /// The label that the sound was to correspond to.
    pub label: String,
    /// The method that explained, as in `l2i`.
    #[serde(default)]
    pub method: String,
    /// `interpretation`, `reference` (the recording itself, hidden) or `rest` (the recording without the interpretation).
    pub condition: String,
    /// 0…100.
    pub score: f64,
    /// In the study of what people can tell of the model: what this person believes it said. The score is 100 where that is the
    /// label, else 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<String>,
    /// Which sample it was, from 1.
    #[serde(default)]
    pub page: u64,
    /// Which place the sound had in the sample, from 1.
    #[serde(default)]
    pub place: u64,
    /// How often it was played.
    #[serde(default)]
    pub plays: u64,
    /// Seconds spent on the sample.
    #[serde(default)]
    pub seconds: f64,
    /// When it was given, RFC 3339.
    #[serde(default)]
    pub time: String,
}

impl Rating {
    /// What is wrong with it, if anything is.
    pub(super) fn fault(&self) -> Option<String> {
        if !(0.0..=100.0).contains(&self.score) {
            return Some(format!("a rating of {} is not in 0 to 100", self.score));
        }
        let Self { rater, seed, event, dir, label, method, condition, time, .. } = self;
        let mut texts = [rater, seed, event, dir, label, method, condition, time].into_iter().chain(&self.answer);
        texts.any(|t| t.len() > MAX_TEXT_BYTES).then(|| "a rating holds a text that is too long".to_owned())
    }

    /// When it was given, where that is a time.
    fn given(&self) -> Option<Timestamp> {
        self.time.parse().ok()
    }

    /// Whether it says that it was given later than `latest`.
    pub(super) fn is_after(&self, latest: Timestamp) -> bool {
        self.given().is_some_and(|given| given > latest)
    }

    /// Ratings of the same by the same person.
    fn key(&self) -> (String, String, String, String) {
        (self.rater.clone(), self.event.clone(), self.method.clone(), self.condition.clone())
    }

    /// The condition, with the method where it matters.
    #[must_use]
    pub fn name(&self) -> String {
        let explains = self.condition == "interpretation" || self.condition.starts_with("explanation");
        if explains && !self.method.is_empty() {
            format!("{} {}", self.condition, self.method)
        } else {
            self.condition.clone()
        }
    }
}

/// Each person's newest rating of each sound. A time that is no time, or later than `latest`, is older than any other: it
/// would be the newest for ever.
#[must_use]
pub fn newest(ratings: impl IntoIterator<Item = Rating>, latest: Timestamp) -> Vec<Rating> {
    let mut kept: BTreeMap<_, (Option<Timestamp>, Rating)> = BTreeMap::new();
    for rating in ratings {
        let given = rating.given().filter(|given| *given <= latest);
        match kept.entry(rating.key()) {
            std::collections::btree_map::Entry::Vacant(place) => {
                place.insert((given, rating));
            }
            std::collections::btree_map::Entry::Occupied(mut place) => {
                if given >= place.get().0 {
                    place.insert((given, rating));
                }
            }
        }
    }
    kept.into_values().map(|(_, rating)| rating).collect()
}

/// The ratings in the event folder `folder`; none where there is no such file.
///
/// # Errors
/// [`crate::ErrorKind::Input`] where the file cannot be read or is not what it should be.
pub fn read_ratings(folder: &Path) -> Result<Vec<Rating>> {
    let path = folder.join(RATINGS_FILE);
    let bytes = match read_bounded(&path, MAX_RATINGS_BYTES) {
        Ok(bytes) => bytes,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(e) => return Err(Error::input(format!("{} cannot be read ({e})", path.display())).with_source(e)),
    };
    let wrong = |why: String| Error::input(format!("{} cannot be used: {why}; mend or remove it", path.display()));
    let ratings: Vec<Rating> = serde_json::from_slice(&bytes).map_err(|e| wrong(e.to_string()))?;
    match ratings.iter().find_map(Rating::fault) {
        Some(fault) => Err(wrong(fault)),
        None => Ok(ratings),
    }
}

/// Adds `ratings` to those in the event folder `folder`; of one person's ratings of the same sound the newest stays. The file
/// is written whole. `latest` is as in [`newest`].
///
/// # Errors
/// As [`read_ratings`]; [`crate::ErrorKind::Output`] where it cannot be written.
pub fn add_ratings(folder: &Path, ratings: &[Rating], latest: Timestamp) -> Result<()> {
    let all = newest(read_ratings(folder)?.into_iter().chain(ratings.iter().cloned()), latest);
    let path = folder.join(RATINGS_FILE);
    let failed = |why: String| Error::output(format!("{} could not be written: {why}", path.display()));
    let day = folder.parent().ok_or_else(|| failed("it has no folder".to_owned()))?;
    let json = serde_json::to_vec(&all).map_err(|e| failed(e.to_string()))?;
    if json.len() as u64 > MAX_RATINGS_BYTES {
        return Err(failed("there would be too many ratings in it".to_owned()));
    }
    replace(&path, &day.join(temporary("ratings")), &json).map_err(|e| failed(e.to_string()).with_source(e))
}

/// Mean and 95 % interval of some ratings.
#[derive(Debug, Clone, PartialEq)]
pub struct Summary {
    /// The label; none for all labels together.
    pub label: Option<String>,
    /// The condition, with the method where it matters.
    pub condition: String,
    /// Ratings.
    pub n: usize,
    /// People.
    pub n_raters: usize,
    /// Mean, 0…100.
    pub mean: f64,
    /// 95 % interval of the mean (Student's t), within 0…100; none of a single rating.
    pub interval: Option<(f64, f64)>,
}

/// Sums up `ratings` for each condition: first over all labels, then label by label. Answers of a study are left out.
#[must_use]
pub fn summarize(ratings: &[Rating]) -> Vec<Summary> {
    let mut groups: BTreeMap<(Option<&str>, String), Vec<&Rating>> = BTreeMap::new();
    for rating in ratings.iter().filter(|rating| rating.answer.is_none()) {
        for label in [None, Some(rating.label.as_str())] {
            groups.entry((label, rating.name())).or_default().push(rating);
        }
    }
    let sum_up = |((label, condition), group): ((Option<&str>, String), Vec<&Rating>)| {
        let scores: Vec<f64> = group.iter().map(|rating| rating.score).collect();
        let raters: BTreeSet<&str> = group.iter().map(|rating| rating.rater.as_str()).collect();
        let mean = scores.iter().sum::<f64>() / scores.len() as f64;
        Summary {
            label: label.map(str::to_owned),
            condition,
            n: scores.len(),
            n_raters: raters.len(),
            mean,
            interval: interval(&scores, mean),
        }
    };
    groups.into_iter().map(sum_up).collect()
}

fn interval(scores: &[f64], mean: f64) -> Option<(f64, f64)> {
    let freedom = scores.len().checked_sub(1).filter(|&freedom| freedom > 0)?;
    let variance = scores.iter().map(|score| (score - mean).powi(2)).sum::<f64>() / freedom as f64;
    let half = t_975(freedom) * (variance / scores.len() as f64).sqrt();
    Some(((mean - half).max(0.0), (mean + half).min(100.0)))
}

/// The 97.5 % point of Student's t distribution with `freedom` degrees of freedom (at least 1).
fn t_975(freedom: usize) -> f64 {
    // scipy.stats.t.ppf(0.975, df) for df = 1…12, rounded; from there on Cornish and Fisher's expansion is exact to 0.001.
    const SMALL: [f64; 12] = [12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179];
    if let Some(&t) = SMALL.get(freedom.saturating_sub(1)) {
        return t;
    }
    let (z, n): (f64, f64) = (1.959_964, freedom as f64);
    z + (z.powi(3) + z) / (4.0 * n) + (5.0 * z.powi(5) + 16.0 * z.powi(3) + 3.0 * z) / (96.0 * n * n)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
pub(super) mod tests {
    use super::*;

    pub(in crate::review) fn rating(rater: &str, condition: &str, score: f64) -> Rating {
        Rating {
            rater: rater.into(),
            seed: "1".into(),
            event: "01A".into(),
            dir: "2026-11-20/150012Z-x-01A".into(),
            label: "dog".into(),
            method: "l2i".into(),
            condition: condition.into(),
            score,
            answer: None,
            page: 1,
            place: 1,
            plays: 2,
            seconds: 9.5,
            time: "2026-11-21T10:00:00.000Z".into(),
        }
    }

    #[test]
    fn means_and_intervals_are_those_of_students_t() {
        let mut ratings: Vec<Rating> =
            [62.0, 70.0, 78.0].iter().zip(["a", "b", "c"]).map(|(s, r)| rating(r, "interpretation", *s)).collect();
        ratings.push(rating("a", "rest", 5.0));
        let all = summarize(&ratings);
        assert_eq!(all.len(), 4);
        let first = &all[0];
        assert_eq!(
            (first.label.as_deref(), first.condition.as_str(), first.n, first.n_raters),
            (None, "interpretation l2i", 3, 3)
        );
        assert_eq!(first.mean, 70.0);
        // scipy.stats.t.interval(0.95, 2, 70, 8 / 3**.5) = (50.127, 89.873)
        let (low, high) = first.interval.unwrap();
        assert!((low - 50.127).abs() < 0.01 && (high - 89.873).abs() < 0.01, "{low} {high}");
        assert_eq!((all[1].condition.as_str(), all[1].interval), ("rest", None));
        assert_eq!(all[2].label.as_deref(), Some("dog"));
    }

    #[test]
    fn t_points_are_right() {
        // scipy.stats.t.ppf(0.975, df)
        for (freedom, t) in [(1, 12.7062), (13, 2.1604), (20, 2.0860), (30, 2.0423), (120, 1.9799)] {
            assert!((t_975(freedom) - t).abs() < 0.002, "{freedom}: {}", t_975(freedom));
        }
    }

    #[test]
    fn the_newest_rating_of_a_person_counts() {
        let old = Rating { time: "2026-11-20T10:00:00.000Z".into(), ..rating("a", "rest", 90.0) };
        let kept = newest([rating("a", "rest", 10.0), old, rating("b", "rest", 20.0)], Timestamp::MAX);
        assert_eq!(kept.iter().map(|r| r.score).collect::<Vec<_>>(), [10.0, 20.0]);
    }

    #[test]
    fn ratings_are_kept_beside_the_event() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("event");
        std::fs::create_dir(&folder).unwrap();
        assert_eq!(read_ratings(&folder).unwrap(), []);
        add_ratings(&folder, &[rating("a", "rest", 10.0)], Timestamp::MAX).unwrap();
        add_ratings(&folder, &[rating("b", "rest", 20.0), rating("a", "rest", 12.0)], Timestamp::MAX).unwrap();
        assert_eq!(read_ratings(&folder).unwrap(), [rating("a", "rest", 12.0), rating("b", "rest", 20.0)]);
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1, "no temporary stays");
        std::fs::write(folder.join(RATINGS_FILE), "[{\"rater\": 1}]").unwrap();
        assert!(read_ratings(&folder).unwrap_err().to_string().contains("mend or remove it"));
    }
}
