//! Reports on the user's own labels: how far a new one can be trusted, and the list of all.

use std::collections::BTreeMap;
use std::path::Path;

use crate::cli::output;
use crate::error::Result;
use crate::model::own_label::{OwnLabel, OwnLabels};
use crate::model::package::{Package, find_model};
use crate::train::enroll::{FALSE_ALARMS_PER_HOUR, Trust};

/// As many examples as a label should have.
const ENOUGH: usize = 5;
/// A label whose nearest other sounds are of one of the model's labels in such a share is like that label.
const ALIKE: f64 = 0.4;

/// What was learned, how far it can be trusted, and what would make it better.
pub(super) fn learned(name: &str, trust: &Trust, package: &Package, path: &Path) -> String {
    let n = trust.n_examples;
    let recordings = if n == 1 { "1 recording".to_owned() } else { format!("{n} recordings") };
    let found = if n == 1 {
        let of = |found: usize| if found == 1 { "found again" } else { "not found again" };
        format!(
            "{} clear of noise and {} little above it, by a label learned from half of its variants; how well another \
             recording is found, one recording cannot say",
            of(trust.clear),
            of(trust.faint)
        )
    } else {
        format!(
            "{} of {n} recordings are found by labels that were learned from the others, and {} little above noise",
            trust.clear, trust.faint
        )
    };
    let alarms = format!(
        "the threshold is set for {FALSE_ALARMS_PER_HOUR} an hour among the {} other sounds that the model brings; {} of \
         them exceed it",
        trust.n_bank, trust.bank_above
    );
    let mut text = format!(
        "{name} is learned from {recordings}, on the model {}, and kept in {}\nsure: {found}\nfalse alarms: {alarms}\n",
        package.manifest().name,
        path.display()
    );
    let alike = trust.nearest.filter(|(_, share)| *share >= ALIKE);
    if let Some(label) = alike.and_then(|(label, _)| package.manifest().labels.get(label)) {
        text += &format!("like it: {}, which the model knows; the two may be mistaken for each other\n", label.name);
    }
    if let Some(hint) = hint(trust) {
        text += &format!("better: {hint}\n");
    }
    text
}

/// What would make a label better, where anything would.
fn hint(trust: &Trust) -> Option<String> {
    let (n, missed) = (trust.n_examples, trust.n_examples - trust.clear);
    let faint = 2 * trust.faint < n;
    if n < ENOUGH {
        let more = ENOUGH - n;
        let farther = if faint { ", some of them farther away" } else { ", of other days and distances" };
        return Some(format!("give {more} more{farther}"));
    }
    if 3 * missed > n {
        return Some(
            "the recordings are not alike; give more of them, cut to the sound alone, or enroll two kinds under two names"
                .to_owned(),
        );
    }
    faint.then(|| "give three more, farther away, or with --noise recordings of the place without the sound".to_owned())
}

/// The table of the labels.
pub(super) fn list(own: &OwnLabels) -> Result<String> {
    if own.labels().is_empty() {
        output::note(&format!(
            "there are no labels of your own in {}; learn one with 'earwitness enroll NAME CLIP…'",
            own.dir().display()
        ));
        return Ok(String::new());
    }
    // Each model is opened once, however many labels it has.
    let mut networks: BTreeMap<&str, Option<String>> = BTreeMap::new();
    let mut rows = vec![["label", "group", "model", "learned from", "on", "state"].map(str::to_owned).to_vec()];
    for label in own.labels() {
        let network = networks.entry(&label.model).or_insert_with(|| network_of(&label.model));
        rows.push(vec![
            label.name.clone(),
            label.group.clone().unwrap_or_else(|| "-".to_owned()),
            label.model.clone(),
            label.examples.len().to_string(),
            label.date.clone(),
            state(label, network.as_deref()).to_owned(),
        ]);
    }
    Ok(output::columns(&rows))
}

/// What names a model's network; `None` where the model cannot be opened.
fn network_of(model: &str) -> Option<String> {
    find_model(model).and_then(|dir| Package::open(&dir)).and_then(|package| package.network_sha256()).ok()
}

fn state(label: &OwnLabel, network: Option<&str>) -> &'static str {
    match network {
        Some(network) if network == label.network => "ready",
        Some(_) => "left out: the model has changed; enroll it again",
        None => "left out: the model is not there",
    }
}
