//! Which events to mark first: those whose marks would teach most.

use std::collections::BTreeMap;

use crate::Result;
use crate::archive::{Filter, Index, Judged, Page, Row};

/// Events that are chosen.
pub const CHOSEN: usize = 20;
/// Events that are chosen among, the newest.
const AMONG: u64 = 2000;
/// What a mark of an event of the highest score is worth, where one of the score 0 is worth 1 more.
const SURE: f64 = 0.1;

/// Keys of the events of `filter` without a verdict whose marks would teach most, at most [`CHOSEN`]. A mark is worth more
/// where the score is lower, and where more events of its label are unmarked; each that is chosen makes the next of its label
/// worth less.
///
/// # Errors
/// As [`Index::query`].
pub fn uncertain(index: &Index, filter: &Filter) -> Result<Vec<String>> {
    let unmarked = Filter { judged: Some(Judged::No), ..filter.clone() };
    let rows = index.query(&unmarked, Page { skip: 0, limit: AMONG })?;
    Ok(chosen(rows).into_iter().map(|row| row.dir).collect())
}

fn chosen(rows: Vec<Row>) -> Vec<Row> {
    let mut by_label: BTreeMap<String, Vec<Row>> = BTreeMap::new();
    for row in rows {
        by_label.entry(row.label.clone()).or_default().push(row);
    }
    let mut labels: Vec<(usize, Vec<Row>)> = by_label
        .into_values()
        .map(|mut rows| {
            // The last one is worth most.
            rows.sort_by(|a, b| worth(a).total_cmp(&worth(b)));
            (rows.len(), rows)
        })
        .collect();
    let mut chosen = Vec::new();
    while chosen.len() < CHOSEN {
        let gain = |(n, rows): &(usize, Vec<Row>)| {
            rows.last().map_or(0.0, |row| worth(row) * *n as f64 / (1 + n - rows.len()) as f64)
        };
        let best = labels.iter_mut().max_by(|a, b| gain(a).total_cmp(&gain(b)));
        let Some(row) = best.and_then(|(_, rows)| rows.pop()) else { break };
        chosen.push(row);
    }
    chosen
}

fn worth(row: &Row) -> f64 {
    1.0 - row.score.unwrap_or(1.0).clamp(0.0, 1.0) + SURE
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn row(label: &str, score: f64) -> Row {
        Row {
            dir: format!("2026-11-20/{label}{score}"),
            day: "2026-11-20".into(),
            id: String::new(),
            label: label.into(),
            groups: Vec::new(),
            score: Some(score),
            onset: jiff::Timestamp::UNIX_EPOCH,
            duration_secs: 1.0,
            in_file_secs: None,
            local_offset: None,
            source: String::new(),
            method: String::new(),
            agrees: None,
            evidence: None,
            prob: None,
            prob_in: None,
            prob_out: None,
            has_clip: true,
            continues: None,
            bytes: 0,
            marks: Default::default(),
        }
    }

    fn order(rows: Vec<Row>) -> Vec<String> {
        chosen(rows).into_iter().map(|row| row.dir["2026-11-20/".len()..].to_owned()).collect()
    }

    #[test]
    fn low_scores_of_frequent_labels_come_first_and_no_label_takes_all() {
        let mut rows: Vec<Row> = [0.9, 0.6, 0.7, 0.8].map(|score| row("rain", score)).into();
        rows.extend([row("dog", 0.55), row("cat", 0.95)]);
        assert_eq!(order(rows), ["rain0.6", "rain0.7", "dog0.55", "rain0.8", "rain0.9", "cat0.95"]);
        let many = (0..40).map(|i| row("rain", 0.5 + f64::from(i) / 100.0)).collect();
        assert_eq!(order(many).len(), CHOSEN);
        assert!(order(Vec::new()).is_empty());
    }
}
