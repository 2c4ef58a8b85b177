//! The score of a monitor's run over a test stream.

use std::collections::BTreeSet;
use std::fmt::Write;

use serde::Serialize;

use super::events::{Span, score_events};
use super::metrics::{mean, median, quantile};
use super::stream::ReferenceEvent;
use super::stream_files::{ReportedEvent, ReportedFaithfulness};
use crate::units::EvidenceVerdict;

/// The score. Shares are 0…1; `None` (JSON `null`) where there was nothing to measure.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StreamScore {
    /// Length of the stream in seconds.
    pub stream_s: f64,
    /// Events that were there.
    pub n_reference: usize,
    /// Events that were reported.
    pub n_detected: usize,
    /// Reports that were right.
    pub n_correct: usize,
    /// Share of the events that were found.
    pub recall: Option<f64>,
    /// Share of the reports that were right.
    pub precision: Option<f64>,
    /// Median of |reported onset − true onset| over the correct reports, in seconds.
    pub onset_error_median_s: Option<f64>,
    /// 90 % of the correct reports have an onset error up to this, in seconds.
    pub onset_error_p90_s: Option<f64>,
    /// Median of reported onset − true onset: positive where reports begin late.
    pub onset_lag_median_s: Option<f64>,
    /// Median of |reported offset − true offset| over the correct reports, in seconds.
    pub offset_error_median_s: Option<f64>,
    /// 90 % of the correct reports have an offset error up to this, in seconds.
    pub offset_error_p90_s: Option<f64>,
    /// Reports that were wrong, for each hour of stream.
    pub false_alarms_per_hour: Option<f64>,
    /// Wrong reports that overlap an event with their label which another report has: one event told twice.
    pub false_repeats: usize,
    /// Other wrong reports that overlap an event: a sound taken for another.
    pub false_labels: usize,
    /// Wrong reports where there is background only.
    pub false_in_background: usize,
    /// Share of the correct reports (of those with faithfulness figures) whose interpretation alone has the same label.
    pub agrees: Option<f64>,
    /// Share of the correct reports (of those with a verdict) whose evidence is enough and needed.
    pub enough_and_needed: Option<f64>,
    /// The same of the wrong reports: evidence does not say that a label is right.
    pub enough_and_needed_of_wrong: Option<f64>,
    /// Median probability of the label on the sound, over the correct reports.
    pub prob_median: Option<f64>,
    /// The same on the interpretation.
    pub prob_in_median: Option<f64>,
    /// The same on what is left without it.
    pub prob_out_median: Option<f64>,
    /// Median latency of all reports, in seconds.
    pub latency_median_s: Option<f64>,
    /// 99 % of all reports have a latency up to this, in seconds.
    pub latency_p99_s: Option<f64>,
    /// Median, over the correct reports, of the time from the true onset to when the detector was sure, in seconds.
    pub true_latency_median_s: Option<f64>,
    /// 90 % of the correct reports came within this after the true onset, in seconds.
    pub true_latency_p90_s: Option<f64>,
    /// 99 % of them.
    pub true_latency_p99_s: Option<f64>,
    /// The score of each class that was there or was reported, by name.
    pub per_class: Vec<ClassScore>,
}

/// One class's score.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ClassScore {
    /// The class's name.
    pub label: String,
    /// Its events that were there.
    pub n_reference: usize,
    /// Its events that were reported.
    pub n_detected: usize,
    /// Those that were right.
    pub n_correct: usize,
    /// Share of the events that were found.
    pub recall: Option<f64>,
    /// Share of the reports that were right.
    pub precision: Option<f64>,
}

/// Scores what a monitor reported on a stream of `stream_s` seconds; what counts as correct, and `collar_s`, are as in
/// [`score_events`].
#[must_use]
pub fn score_stream(
    reference: &[ReferenceEvent],
    reported: &[ReportedEvent],
    stream_s: f64,
    collar_s: f64,
) -> StreamScore {
    score_among(reference, &[], reported, stream_s, collar_s)
}

/// As [`score_stream`], where other events sound that are not asked for: a wrong report on one of them is a wrong label,
/// and not one in background.
#[must_use]
pub fn score_among(
    reference: &[ReferenceEvent],
    others: &[Span],
    reported: &[ReportedEvent],
    stream_s: f64,
    collar_s: f64,
) -> StreamScore {
    let there: Vec<Span> = reference.iter().map(|event| event.span.clone()).collect();
    let told: Vec<Span> = reported.iter().map(|event| event.span.clone()).collect();
    let scores = score_events(&there, &told, stream_s, collar_s);
    let correct: BTreeSet<usize> = scores.hits.iter().map(|&(_, d)| d).collect();
    let wrong: Vec<&Span> = (0..told.len()).filter(|d| !correct.contains(d)).map(|d| &told[d]).collect();
    let false_repeats = wrong.iter().filter(|w| there.iter().any(|t| t.label == w.label && t.overlaps(w))).count();
    let false_in_background = wrong.iter().filter(|w| !there.iter().chain(others).any(|t| t.overlaps(w))).count();
    let lags: Vec<f64> = scores.hits.iter().map(|&(r, d)| told[d].onset_s - there[r].onset_s).collect();
    let offset_errors: Vec<f64> =
        scores.hits.iter().map(|&(r, d)| (told[d].offset_s - there[r].offset_s).abs()).collect();
    let figures: Vec<ReportedFaithfulness> = correct.iter().filter_map(|&d| reported[d].faithfulness).collect();
    let agrees: Vec<f64> = figures.iter().map(|f| f64::from(u8::from(f.agrees))).collect();
    let needed = |these: &dyn Fn(usize) -> bool| {
        let verdicts = reported.iter().enumerate().filter(|(d, _)| these(*d)).filter_map(|(_, event)| event.verdict);
        mean(&verdicts.map(|v| f64::from(u8::from(v == EvidenceVerdict::EnoughAndNeeded))).collect::<Vec<_>>())
    };
    let middle =
        |of: fn(&ReportedFaithfulness) -> Option<f64>| median(&figures.iter().filter_map(of).collect::<Vec<f64>>());
    // A report's own latency counts from its own onset.
    let sure = |&(r, d): &(usize, usize)| Some(told[d].onset_s + reported[d].latency_s? - there[r].onset_s);
    let true_latencies: Vec<f64> = scores.hits.iter().filter_map(sure).collect();
    let latencies: Vec<f64> = reported.iter().filter_map(|event| event.latency_s).collect();
    StreamScore {
        stream_s,
        n_reference: scores.n_reference,
        n_detected: scores.n_detected,
        n_correct: scores.hits.len(),
        recall: scores.recall,
        precision: scores.precision,
        onset_error_median_s: scores.onset_error_median_s,
        onset_error_p90_s: scores.onset_error_p90_s,
        onset_lag_median_s: median(&lags),
        offset_error_median_s: scores.offset_error_median_s,
        offset_error_p90_s: quantile(&offset_errors, 0.9),
        false_alarms_per_hour: scores.false_alarms_per_hour,
        false_repeats,
        false_labels: wrong.len() - false_repeats - false_in_background,
        false_in_background,
        agrees: mean(&agrees),
        enough_and_needed: needed(&|d| correct.contains(&d)),
        enough_and_needed_of_wrong: needed(&|d| !correct.contains(&d)),
        prob_median: middle(|f| f.prob),
        prob_in_median: middle(|f| f.prob_in),
        prob_out_median: middle(|f| f.prob_out),
        latency_median_s: median(&latencies),
        latency_p99_s: quantile(&latencies, 0.99),
        true_latency_median_s: median(&true_latencies),
        true_latency_p90_s: quantile(&true_latencies, 0.9),
        true_latency_p99_s: quantile(&true_latencies, 0.99),
        per_class: per_class(&there, &told, &scores.hits),
    }
}

fn per_class(there: &[Span], told: &[Span], hits: &[(usize, usize)]) -> Vec<ClassScore> {
    let labels: BTreeSet<&str> = there.iter().chain(told).map(|span| span.label.as_str()).collect();
    let one = |label: &str| {
        let count = |spans: &[Span]| spans.iter().filter(|span| span.label == label).count();
        let (n_reference, n_detected) = (count(there), count(told));
        let n_correct = hits.iter().filter(|&&(r, _)| there[r].label == label).count();
        let share = |of: usize| if of == 0 { None } else { Some(n_correct as f64 / of as f64) };
        let (recall, precision) = (share(n_reference), share(n_detected));
        ClassScore { label: label.to_owned(), n_reference, n_detected, n_correct, recall, precision }
    };
    labels.into_iter().map(one).collect()
}

impl StreamScore {
    /// The score as readable text, a newline at the end of each line.
    #[must_use]
    pub fn table(&self) -> String {
        let mut text = String::new();
        // Writing to a String cannot fail.
        let _ = self.write_table(&mut text);
        text
    }

    fn write_table(&self, text: &mut String) -> std::fmt::Result {
        let (s2, s3) = (|v| form(v, 2, " s"), |v| form(v, 3, ""));
        let percent = |v: Option<f64>| form(v.map(|v| 100.0 * v), 1, " %");
        writeln!(
            text,
            "{} events in {:.1} min, {} reported, {} of them correct",
            self.n_reference,
            self.stream_s / 60.0,
            self.n_detected,
            self.n_correct
        )?;
        writeln!(text, "recall           {}", percent(self.recall))?;
        writeln!(text, "precision        {}", percent(self.precision))?;
        writeln!(
            text,
            "onset error      {} median, {} for 90 % (median lag {})",
            s2(self.onset_error_median_s),
            s2(self.onset_error_p90_s),
            s2(self.onset_lag_median_s)
        )?;
        writeln!(
            text,
            "offset error     {} median, {} for 90 %",
            s2(self.offset_error_median_s),
            s2(self.offset_error_p90_s)
        )?;
        writeln!(
            text,
            "false alarms     {} an hour ({} repeats, {} wrong labels, {} in background)",
            form(self.false_alarms_per_hour, 1, ""),
            self.false_repeats,
            self.false_labels,
            self.false_in_background
        )?;
        writeln!(text, "interpretation   {} of the correct have the same label on it alone", percent(self.agrees))?;
        writeln!(
            text,
            "evidence         enough and needed in {} of the correct, {} of the wrong",
            percent(self.enough_and_needed),
            percent(self.enough_and_needed_of_wrong)
        )?;
        writeln!(
            text,
            "probability      {} heard, {} interpretation, {} without it (medians)",
            s3(self.prob_median),
            s3(self.prob_in_median),
            s3(self.prob_out_median)
        )?;
        writeln!(text, "latency          {} median, {} for 99 %", s2(self.latency_median_s), s2(self.latency_p99_s))?;
        writeln!(
            text,
            "from true onset  {} median, {} for 90 %, {} for 99 % of the correct",
            s2(self.true_latency_median_s),
            s2(self.true_latency_p90_s),
            s2(self.true_latency_p99_s)
        )?;
        self.write_classes(text)
    }

    fn write_classes(&self, text: &mut String) -> std::fmt::Result {
        let percent = |v: Option<f64>| form(v.map(|v| 100.0 * v), 1, " %");
        let width = self.per_class.iter().map(|c| c.label.chars().count()).max().unwrap_or(0).max(5);
        writeln!(
            text,
            "\n{:<width$}{:>8}{:>10}{:>9}{:>9}{:>11}",
            "class", "events", "reported", "correct", "recall", "precision"
        )?;
        for c in &self.per_class {
            let (recall, precision) = (percent(c.recall), percent(c.precision));
            let (events, told, correct) = (c.n_reference, c.n_detected, c.n_correct);
            writeln!(text, "{:<width$}{events:>8}{told:>10}{correct:>9}{recall:>9}{precision:>11}", c.label)?;
        }
        Ok(())
    }
}

/// A number with its unit, or a dash.
fn form(value: Option<f64>, decimals: usize, unit: &str) -> String {
    value.map_or_else(|| "-".to_owned(), |v| format!("{v:.decimals$}{unit}"))
}
