//! `earwitness learn`: what people said of recorded events changes what a model reports.

mod events;
mod report;

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::builder::FalseyValueParser;

use super::train::data::today;
use super::{Globals, output};
use crate::error::{Error, Result};
use crate::model::learned::{Change, Learned, Mark, Versions, row_name};
use crate::model::package::{DEFAULT_MODEL, Package};
use crate::train::enroll::{Bank, Hearing, Row};
use crate::train::learn::{Label, Lesson, Marked, learn};

const AFTER_HELP: &str = "\
Examples:
  earwitness review events                 mark events: x for wrong, and what it was
  earwitness learn events                  learn from the marks
  earwitness learn events --dry-run        show what would change
  earwitness learn --list
  earwitness learn --undo

An event marked wrong becomes an example of what its label is not, an event marked right of what
it is, and the label that you give for a wrong event learns what it missed. Nothing else changes:
the model's own sounds are checked each time, and a label that would lose more than 2 of 100 of
them stays as it was. Marks are remembered after retention has removed their events; a mark that
you take back is forgotten at the next run.

What is learned is a small file beside the labels of your own (--labels); the model's package
stays. The last five versions are kept. A monitor that runs already has to be started again;
docs/service.md has a timer that does both each night.

`earwitness tune events` sets thresholds from the same marks; run it after this.";

/// Learn from events that were marked right or wrong.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct Args {
    /// Folder that `monitor --record` wrote, with events that were marked right or wrong
    #[arg(value_name = "DIR", required_unless_present = "instead")]
    dir: Option<PathBuf>,
    /// The model: a name of `earwitness model list`, or a package's folder
    #[arg(long, value_name = "NAME|DIR", env = "EARWITNESS_MODEL", default_value = DEFAULT_MODEL)]
    model: OsString,
    /// Show what would change, and change nothing
    #[arg(long, env = "EARWITNESS_DRY_RUN", value_parser = FalseyValueParser::new())]
    dry_run: bool,
    /// Print the report as JSON
    #[arg(long, env = "EARWITNESS_JSON", value_parser = FalseyValueParser::new())]
    json: bool,
    /// Take the newest version back, so that the one before it is in force
    #[arg(long, group = "instead", env = "EARWITNESS_UNDO", value_parser = FalseyValueParser::new(), conflicts_with = "dir")]
    undo: bool,
    /// List the versions
    #[arg(long, group = "instead", env = "EARWITNESS_LIST", value_parser = FalseyValueParser::new(), conflicts_with = "dir")]
    list: bool,
}

/// Learns, lists, or takes back.
///
/// # Errors
/// Where model, marks or folder cannot be used.
pub(super) fn run(args: &Args, globals: &Globals) -> Result<()> {
    globals.start_log()?;
    let labels_dir = globals
        .labels_dir()
        .ok_or_else(|| Error::usage("this user has no home folder for what is learned; name a folder with --labels"))?;
    let (package, network) = globals.open_untaught(&args.model)?;
    let mut versions = Versions::open(&labels_dir, &package.manifest().name)?;
    if args.list {
        return output::print(&report::list(&versions)?);
    }
    if args.undo {
        return undo(&mut versions, &package);
    }
    let dir = args.dir.as_deref().ok_or_else(|| Error::usage("name the folder of the recorded events"))?;
    learn_from(args, dir, &package, network, &mut versions)
}

fn undo(versions: &mut Versions, package: &Package) -> Result<()> {
    let Some(number) = versions.undo()? else {
        return output::print(&format!(
            "the model {} has learned nothing that could be taken back\n",
            package.manifest().name
        ));
    };
    let now = match versions.numbers().last() {
        Some(before) => format!("version {before} is in force"),
        None => "the model is as it came".to_owned(),
    };
    output::print(&format!("version {number} is taken back; {now}\n"))
}

fn learn_from(args: &Args, dir: &Path, package: &Package, network: String, versions: &mut Versions) -> Result<()> {
    let hearing = Hearing::load(package)?;
    let bank = Bank::of_package(package, &network, hearing.width())?;
    let labels = labels(package)?;
    let before = versions.newest()?.filter(|learned| learned.network == network);
    let remembered = before.as_ref().map_or(&[][..], |learned| &learned.marks);
    let read = events::read(dir, &package.manifest().name, remembered, &hearing, &labels)?;
    read.left_out.iter().for_each(|sentence| output::note(sentence));
    let marked: Vec<Marked> = read.marks.iter().map(marked).collect();
    let lessons = learn(&labels, &bank, &marked)?;
    let learned = Learned {
        labels: lessons.iter().filter_map(|lesson| changed(lesson, &labels)).collect(),
        marks: read.marks,
        ..Learned::new(package.manifest().name.clone(), network, today())
    };
    let is_new = match before {
        Some(before) => (before.labels, before.marks) != (learned.labels.clone(), learned.marks.clone()),
        None => !learned.marks.is_empty(),
    };
    let outcome = match (args.dry_run, is_new) {
        (true, _) => report::Outcome::Tried,
        (false, false) => report::Outcome::NothingNew,
        (false, true) => report::Outcome::InForce(versions.add(&learned)?),
    };
    let report = report::Report::new(&lessons, learned.marks.len(), outcome);
    output::print(&if args.json { output::json("what was learned", &report)? } else { report.text() })
}

/// The package's labels with their rows.
fn labels(package: &Package) -> Result<Vec<Label>> {
    let rows = package.label_rows()?.into_iter().map(|(weights, bias)| Row { weights, bias });
    let labels = package.manifest().labels.iter().zip(rows);
    Ok(labels.map(|(label, row)| Label { name: label.name.clone(), row, on_threshold: label.on_threshold }).collect())
}

fn marked(mark: &Mark) -> Marked {
    Marked { label: mark.label.clone(), right: mark.right, truth: mark.truth.clone(), embeddings: mark.embeddings() }
}

fn changed(lesson: &Lesson, labels: &[Label]) -> Option<Change> {
    let change = lesson.change.clone()?;
    let Row { weights, bias } = &labels.iter().find(|label| label.name == lesson.label)?.row;
    Some(Change {
        name: lesson.label.clone(),
        row: row_name(weights, *bias),
        bias: change.bias,
        weights: change.weights,
    })
}
