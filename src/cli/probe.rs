//! The probes of `earwitness evaluate`: model randomisation, flipping, stability, remove and retrain, and pictures.

mod args;
mod balanced;
mod bar;
mod concepts;
mod files;
mod frequency;
mod objects;
mod plots;
mod roar;
mod subject;

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Value, json};

pub use self::args::ProbeArgs;
pub(super) use self::balanced::balanced;
pub use self::subject::Common;

use self::bar::Bar;
use self::files::{file_name, write_file};
use self::subject::Subject;
use super::output;
use crate::error::{Error, Result};
use crate::eval::probe::{concept_flipping, flipping, sanity, stability, table, vectors};
use crate::interpret::methods::BASELINES;
use crate::train::roar_run;

/// Probes, prints tables, and writes the JSON file and the pictures.
///
/// # Errors
/// Where data, model or a file cannot be used, and on an interrupt of `--roar`.
pub fn run(args: &ProbeArgs, common: &Common<'_>) -> Result<()> {
    if let Some(dir) = &args.plots {
        output::make_folder(dir, "--plots")?;
    }
    let subject = Subject::open(common)?;
    let chosen = balanced(&subject.targets, args.probe_clips);
    let some: Vec<&[f32]> = chosen.iter().map(|i| subject.clips[*i].as_slice()).collect();
    let mut report = Report::new(&subject, common.seed);
    let plots = args.plots.as_deref();
    if args.sanity {
        report.sanity(&some, plots)?;
    }
    if args.flipping || plots.is_some() {
        report.flipping(&some, plots)?;
    }
    if args.flip_concepts {
        report.concepts(&some)?;
    }
    if args.objects {
        report.objects(common.data, &chosen)?;
    }
    if args.stability {
        report.stability(&some)?;
    }
    if !args.scale_frequency.is_empty() {
        let results = frequency::run(&subject, &chosen, &args.scale_frequency)?;
        report.add("frequency_scale", &table::frequency_scale(&results), &results)?;
    }
    if let Some(dir) = plots {
        report.pictures(dir, &chosen)?;
    }
    if let Some(dir) = &args.roar {
        report.roar(dir, args)?;
    }
    let Report { text, figures, .. } = report;
    let json = output::json("the figures", &figures)?;
    let written = common.json.map_or(Ok(()), |path| write_file(path, json.as_bytes()));
    output::print(&format!("{}\n", text.trim_end_matches('\n')))?;
    written?;
    subject.left_out.outcome()
}

/// What the probes have found so far.
struct Report<'a> {
    subject: &'a Subject,
    seed: u64,
    /// Tables.
    text: String,
    /// The same and more, for programs.
    figures: Value,
}

impl<'a> Report<'a> {
    fn new(subject: &'a Subject, seed: u64) -> Self {
        let figures = json!({
            "model": { "name": subject.package.manifest().name, "sha256": subject.package.sha256() },
            "folds": subject.folds,
            "seed": seed,
            "methods": subject.methods,
        });
        Self { subject, seed, text: String::new(), figures }
    }

    fn add(&mut self, key: &str, table: &str, of: &impl serde::Serialize) -> Result<()> {
        self.text += &format!("{}\n\n", table.trim_end());
        self.figures[key] = serde_json::to_value(of).map_err(unwritten)?;
        Ok(())
    }

    fn sanity(&mut self, clips: &[&[f32]], plots: Option<&Path>) -> Result<()> {
        let bar = Bar::new("randomising");
        let (Subject { package, methods, .. }, seed) = (self.subject, self.seed);
        let results = sanity::cascade(package, methods, clips, seed, &mut |done, all| bar.at(done, all))?;
        if let Some(dir) = plots {
            plots::write(dir, "randomisation", &plots::randomisation(&results))?;
        }
        self.add("sanity", &table::sanity(&results), &results)
    }

    fn flipping(&mut self, clips: &[&[f32]], plots: Option<&Path>) -> Result<()> {
        let bar = Bar::new("flipping");
        let (Subject { package, methods, .. }, seed) = (self.subject, self.seed);
        let results = flipping::flip(package, methods, clips, seed, &mut |done, all| bar.at(done, all))?;
        if let Some(dir) = plots {
            plots::write(dir, "flipping-patches", &plots::flipping(&results, "patches of 16 x 16", |r| &r.patches))?;
            plots::write(dir, "flipping-pixels", &plots::flipping(&results, "single values", |r| &r.pixels))?;
        }
        self.add("flipping", &table::flipping(&results), &results)
    }

    fn concepts(&mut self, clips: &[&[f32]]) -> Result<()> {
        let bar = Bar::new("flipping by concept");
        let (Subject { package, .. }, seed) = (self.subject, self.seed);
        let systems = concepts::systems(package, seed)?;
        let results = concept_flipping::flip(package, &systems, clips, seed, &mut |done, all| bar.at(done, all))?;
        self.add("concepts", &table::concepts(&results), &results)
    }

    /// What is kept of the objects of the clips `chosen`, in the set in `data`.
    fn objects(&mut self, data: &Path, chosen: &[usize]) -> Result<()> {
        let results = objects::find(self.subject, data, chosen, self.seed)?;
        self.add("objects", &table::objects(&results), &results)
    }

    fn stability(&mut self, clips: &[&[f32]]) -> Result<()> {
        let bar = Bar::new("changing sounds");
        let (Subject { package, methods, .. }, seed) = (self.subject, self.seed);
        let results = stability::stability(package, methods, clips, seed, &mut |done, all| bar.at(done, all))?;
        self.add("stability", &table::stability(&results), &results)
    }

    /// A page for each of the clips `chosen`, and the relevance vectors of each method on all clips.
    fn pictures(&mut self, dir: &Path, chosen: &[usize]) -> Result<()> {
        let (subject, seed) = (self.subject, self.seed);
        plots::pages(dir, subject, chosen, seed)?;
        let all: Vec<&[f32]> = subject.clips.iter().map(Vec::as_slice).collect();
        let mut coherence = Vec::new();
        for method in subject.methods.iter().filter(|m| !BASELINES.contains(&m.as_str())) {
            let bar = Bar::new("relevance vectors");
            let mut step = |done, all| bar.at(done, all);
            let vectors = vectors::relevance_vectors(&subject.package, method, &all, seed, &mut step)?;
            coherence.push((method.clone(), vectors.coherence()));
            plots::write(dir, &format!("tsne-{}", file_name(method)), &plots::tsne(&vectors, &subject.labels, seed))?;
        }
        let table = table::coherence(&coherence);
        self.add("coherence", &table, &coherence.into_iter().collect::<BTreeMap<_, _>>())
    }

    /// Removes what is relevant and retrains, with results in `dir`.
    fn roar(&mut self, dir: &Path, args: &ProbeArgs) -> Result<()> {
        let results = roar::run(dir, args, self.subject, self.seed)?;
        if let Some(dir) = &args.plots {
            plots::write(dir, "roar", &plots::roar(&results))?;
        }
        self.add("roar", &roar_run::table(&results), &results)
    }
}

fn unwritten(e: serde_json::Error) -> Error {
    Error::bug(format!("the figures cannot be written as JSON ({e}); please report this"))
}
