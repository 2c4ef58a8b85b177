//! All trainings of a remove-and-retrain test, kept in a folder: one JSON file for each that is done, and a checkpoint of the
//! one that runs. The same call goes on where an earlier one stopped.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use serde::{Deserialize, Serialize};

use super::roar::{Inputs, Retraining, band_means, remove, retrain};
use crate::error::{Error, Result};
use crate::eval::probe::input_map::RANDOM;

/// What stands for a method where nothing is removed.
pub const NOTHING: &str = "nothing";

/// One training's result, as its file holds it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RoarResult {
    /// Whose explanations decided what was removed; [`NOTHING`] with a share of 0.
    pub method: String,
    /// Share of each input that was removed, in percent.
    pub percent: u8,
    /// Accuracy of the retrained classifier on the test clips.
    pub accuracy: Option<f64>,
    /// Clips trained on.
    pub n_train: usize,
    /// Clips tested on.
    pub n_test: usize,
    /// Passes over the training clips.
    pub epochs: usize,
    /// Seed of the training.
    pub seed: u64,
    /// Hex sha256 of the manifest of the model that was explained.
    pub model: String,
    /// Which clips were trained and tested on: [`RoarPlan::clips`].
    #[serde(default)]
    pub clips: String,
    /// How long it took; since the last start, where it was interrupted.
    pub seconds: f64,
}

/// Clips as the classifier hears them, and what a method finds relevant in them.
#[derive(Debug, Clone, Default)]
pub struct Explained {
    /// Inputs and classes.
    pub inputs: Inputs,
    /// `[n_frames, n_mels]` each.
    pub relevance: Vec<Arc<[f32]>>,
}

/// What is tested.
#[derive(Debug, Clone, PartialEq)]
pub struct RoarPlan {
    /// How to train, each time.
    pub how: Retraining,
    /// Hex sha256 of the manifest of the model that is explained.
    pub model: String,
    /// What tells the clips that are trained and tested on from others, such as a hash of their names.
    pub clips: String,
    /// The methods to compare; a random choice is added.
    pub methods: Vec<String>,
    /// Shares to remove, in percent, 1 to 100.
    pub percents: Vec<u8>,
}

/// How far it is.
#[derive(Debug, Clone, PartialEq)]
pub enum RoarProgress<'a> {
    /// A training runs: trainings done and their number, epochs done and their number.
    Training(usize, usize, usize, usize),
    /// A training is done.
    Done(&'a RoarResult),
}

/// Explains the training and the test clips by one method, by name.
pub type Explain<'a> = &'a mut dyn FnMut(&str) -> Result<(Explained, Explained)>;

impl RoarPlan {
    /// Every training there is, in order: first the one without removal.
    fn cases(&self) -> Vec<(&str, u8)> {
        let mut methods: Vec<&str> = self.methods.iter().map(String::as_str).filter(|m| *m != RANDOM).collect();
        methods.push(RANDOM);
        let pairs = methods.into_iter().flat_map(|method| self.percents.iter().map(move |percent| (method, *percent)));
        std::iter::once((NOTHING, 0)).chain(pairs).collect()
    }

    /// Does what is not done yet and gives all results. `explain` is asked only for methods with something left to do.
    /// `progress` returns whether to go on; after an interrupt the same call goes on.
    ///
    /// # Errors
    /// A usage error where `dir` holds results of another model or other settings, and on an interrupt; an input error where a
    /// result there cannot be read; an output error where it cannot be written; what `explain` and training fail with.
    pub fn run(
        &self,
        dir: &Path,
        explain: Explain<'_>,
        progress: &mut dyn FnMut(RoarProgress<'_>) -> bool,
    ) -> Result<Vec<RoarResult>> {
        fs::create_dir_all(dir).map_err(|e| unwritable(dir, e))?;
        let cases = self.cases();
        let mut results: Vec<RoarResult> = Vec::with_capacity(cases.len());
        let mut explained: Option<(&str, Explained, Explained)> = None;
        for (i, (method, percent)) in cases.iter().enumerate() {
            let file = file(dir, method, *percent);
            let result = match self.finished(&file, method)? {
                Some(result) => result,
                None => {
                    let asked = if *method == NOTHING { RANDOM } else { method };
                    let (_, train, test) = match explained.take().filter(|(m, ..)| *m == asked) {
                        Some(kept) => explained.insert(kept),
                        None => {
                            let (train, test) = explain(asked)?;
                            explained.insert((asked, train, test))
                        }
                    };
                    let epochs = &mut |done, all| progress(RoarProgress::Training(i, cases.len(), done, all));
                    let result = self.one(dir, (method, *percent), train, test, epochs)?;
                    write(&file, &result)?;
                    // Only now: what is not written must be trained on.
                    let _ = fs::remove_file(checkpoint(dir));
                    result
                }
            };
            progress(RoarProgress::Done(&result));
            results.push(result);
        }
        Ok(results)
    }

    fn one(
        &self,
        dir: &Path,
        (method, percent): (&str, u8),
        train: &Explained,
        test: &Explained,
        epochs: &mut dyn FnMut(usize, usize) -> bool,
    ) -> Result<RoarResult> {
        let began = Instant::now();
        let means = band_means(&train.inputs.features, self.how.net.n_mels);
        let without = |of: &Explained| {
            let mut left = of.inputs.clone();
            for (item, (input, relevance)) in left.features.iter_mut().zip(&of.relevance).enumerate() {
                remove(input, relevance, f64::from(percent) / 100.0, &means, self.how.seed, item);
            }
            left
        };
        let checkpoint = checkpoint(dir);
        let (train, test) = (without(train), without(test));
        let what = format!("{method} {percent} {} {}", self.model, self.clips);
        let accuracy = retrain(&self.how, &what, &train, &test, Some(&checkpoint), epochs)?;
        Ok(RoarResult {
            method: method.to_owned(),
            percent,
            accuracy,
            n_train: train.features.len(),
            n_test: test.features.len(),
            epochs: self.how.epochs,
            seed: self.how.seed,
            model: self.model.clone(),
            clips: self.clips.clone(),
            seconds: began.elapsed().as_secs_f64(),
        })
    }

    /// The result of a method in a file, if there is one.
    fn finished(&self, file: &Path, method: &str) -> Result<Option<RoarResult>> {
        let text = match fs::read_to_string(file) {
            Ok(text) => text,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(Error::input(format!("cannot read {} ({e})", file.display())).with_source(e)),
        };
        let result: RoarResult = serde_json::from_str(&text).map_err(|e| {
            Error::input(format!("{} is damaged ({e}); delete it and start again", file.display())).with_source(e)
        })?;
        let same = result.model == self.model && result.clips == self.clips && result.method == method;
        if !same || result.epochs != self.how.epochs || result.seed != self.how.seed {
            return Err(Error::usage(format!(
                "{} is of another model, method, seed or number of epochs, or of other clips; use the same ones, or another folder",
                file.display()
            )));
        }
        Ok(Some(result))
    }
}

/// Where a result lies; a method's name may hold what is no good in a file's.
fn file(dir: &Path, method: &str, percent: u8) -> PathBuf {
    let safe: String = method.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    dir.join(format!("{safe}-{percent:02}.json"))
}

fn checkpoint(dir: &Path) -> PathBuf {
    dir.join("running.checkpoint")
}

/// Writes under another name, then renames: a result is there whole or not at all.
fn write(file: &Path, result: &RoarResult) -> Result<()> {
    let json = serde_json::to_string_pretty(result)
        .map_err(|e| Error::bug(format!("a result cannot be written as JSON ({e}); please report this")))?;
    let part = file.with_extension("part");
    fs::write(&part, format!("{json}\n")).and_then(|()| fs::rename(&part, file)).map_err(|e| unwritable(file, e))
}

fn unwritable(path: &Path, e: std::io::Error) -> Error {
    Error::output(format!("{} cannot be written ({e}); choose another folder", path.display())).with_source(e)
}

/// The results as a table for the terminal: a row a method, a column a share. Plain ASCII.
#[must_use]
pub fn table(results: &[RoarResult]) -> String {
    let mut percents: Vec<u8> = results.iter().map(|r| r.percent).filter(|p| *p > 0).collect();
    percents.sort_unstable();
    percents.dedup();
    let accuracy = |method: &str, percent: u8| {
        let result = results.iter().find(|r| r.method == method && r.percent == percent);
        let share = result.and_then(|r| r.accuracy);
        share.map_or_else(|| "-".to_owned(), |a| format!("{:.1} %", 100.0 * a))
    };
    let mut methods: Vec<&str> = Vec::new();
    for result in results.iter().filter(|r| r.percent > 0) {
        if !methods.contains(&result.method.as_str()) {
            methods.push(&result.method);
        }
    }
    let mut rows =
        vec![std::iter::once("removed".to_owned()).chain(percents.iter().map(|p| format!("{p} %"))).collect()];
    for method in methods {
        let cells = percents.iter().map(|p| accuracy(method, *p));
        rows.push(std::iter::once(method.to_owned()).chain(cells).collect::<Vec<String>>());
    }
    format!(
        "remove and retrain: accuracy of a classifier that learnt from what is left, lower is better\n\
         nothing removed: {}\n\n{}",
        accuracy(NOTHING, 0),
        crate::eval::probe::table::columns(&rows)
    )
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::model::manifest::Activation;
    use crate::model::vgg::VggConfig;

    fn plan() -> RoarPlan {
        let net = VggConfig { n_mels: 8, input_pool: 1, widths: vec![2, 2, 2], time_pools: vec![2, 2], n_classes: 2 };
        let how = Retraining { batch: 4, ..Retraining::new(net, Activation::Sigmoid, 2, 3) };
        let methods = vec!["lrp:a+b".to_owned(), RANDOM.to_owned()];
        RoarPlan { how, model: "abc".into(), clips: "fold 4".into(), methods, percents: vec![10, 90] }
    }

    fn explained(n: usize, relevance: f32) -> Explained {
        let features: Vec<Vec<f32>> =
            (0..n).map(|i| (0..64).map(|k| ((i * 7 + k * 5) % 11) as f32).collect()).collect();
        let targets = (0..n).map(|i| vec![i % 2]).collect();
        let relevance = (0..n).map(|i| (0..64).map(|k| relevance * ((i + k) % 5) as f32).collect()).collect();
        Explained { inputs: Inputs { features, targets }, relevance }
    }

    /// Runs until `stop` says so; gives the outcome and the methods that were explained.
    fn run(dir: &Path, plan: &RoarPlan, stop: impl Fn(usize) -> bool) -> (Result<Vec<RoarResult>>, Vec<String>) {
        let mut asked = Vec::new();
        let mut explain = |method: &str| {
            asked.push(method.to_owned());
            let relevance = if method == RANDOM { 0.0 } else { 1.0 };
            Ok((explained(8, relevance), explained(6, relevance)))
        };
        let outcome = plan.run(dir, &mut explain, &mut |p| match p {
            RoarProgress::Training(done, all, ..) => {
                assert_eq!(all, 5);
                !stop(done)
            }
            RoarProgress::Done(_) => true,
        });
        (outcome, asked)
    }

    #[test]
    fn a_run_goes_on_where_it_was_stopped() {
        let dir = tempfile::tempdir().unwrap();
        let (whole, asked) = run(&dir.path().join("whole"), &plan(), |_| false);
        let whole = whole.unwrap();
        assert_eq!(asked, [RANDOM, "lrp:a+b", RANDOM]);
        let what: Vec<(&str, u8)> = whole.iter().map(|r| (r.method.as_str(), r.percent)).collect();
        let expected = [(NOTHING, 0), ("lrp:a+b", 10), ("lrp:a+b", 90), (RANDOM, 10), (RANDOM, 90)];
        assert_eq!(what, expected);

        let parts = dir.path().join("parts");
        let (stopped, _) = run(&parts, &plan(), |done| done == 2);
        assert_eq!(stopped.unwrap_err().kind(), crate::ErrorKind::Usage);
        let (resumed, asked) = run(&parts, &plan(), |_| false);
        assert_eq!(asked, ["lrp:a+b", RANDOM], "what is done is not explained again");
        let accuracy = |of: &[RoarResult]| of.iter().map(|r| r.accuracy).collect::<Vec<_>>();
        assert_eq!(accuracy(&resumed.unwrap()), accuracy(&whole));
        let (again, asked) = run(&parts, &plan(), |_| true);
        assert!(again.is_ok() && asked.is_empty(), "all is done");
        let mut names: Vec<_> = fs::read_dir(&parts).unwrap().map(|e| e.unwrap().file_name()).collect();
        names.sort();
        assert_eq!(
            names,
            ["lrp-a-b-10.json", "lrp-a-b-90.json", "nothing-00.json", "random-10.json", "random-90.json"]
        );
        let text = table(&whole);
        assert!(text.is_ascii() && text.contains("lrp:a+b") && text.contains("90 %"), "{text}");
    }

    #[test]
    fn results_of_another_run_and_damaged_ones_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        run(dir.path(), &plan(), |_| false).0.unwrap();
        for other in [RoarPlan { model: "def".into(), ..plan() }, RoarPlan { clips: "fold 1".into(), ..plan() }] {
            let e = run(dir.path(), &other, |_| false).0.unwrap_err();
            assert!(e.to_string().contains("another model"), "{e}");
        }
        fs::write(dir.path().join("random-10.json"), "{").unwrap();
        let e = run(dir.path(), &plan(), |_| false).0.unwrap_err();
        assert!(e.to_string().contains("random-10.json is damaged"), "{e}");
    }
}
