//! `earwitness model`: list, show and verify model packages, import into them, and name what is in them.

mod graph_hearing;
mod import;
mod import_labels;
mod import_network;
mod import_onnx;
mod name_concept;

use std::ffi::OsString;

use clap::Subcommand;
use clap::builder::FalseyValueParser;
use serde_json::json;

use super::{Globals, output};
use crate::dsp::MelScale;
use crate::error::{Error, Result};
use crate::model::classifier::Classifier as LoadedClassifier;
use crate::model::manifest::{Architecture, Classifier, FrontEndSpec, Label, by_group};
use crate::model::package::{DEFAULT_MODEL, ModelEntry, Package, SearchPath, find_model};

const AFTER_HELP: &str = "\
Examples:
  earwitness model list
  earwitness model show default
  earwitness model verify models/mine
  earwitness model import W.npy --model models/mine --from-rate 44100
  earwitness model name-concept 0 'deep bark' --label dog --model models/mine
  earwitness model import mn04_as.pt --architecture efficientat --labels class_labels_indices.csv \\
      --licence MIT --out models/mn04

Models are looked for in the folders of EARWITNESS_MODELS, in the user's data folder, near the
program, and in /usr/local/share/earwitness/models and /usr/share/earwitness/models.";

/// What to do with model packages.
#[derive(Debug, Subcommand)]
#[command(after_help = AFTER_HELP)]
pub(super) enum ModelCommand {
    /// List the models that can be named
    List(ListArgs),
    /// Print what a model is, hears and was trained with
    Show(ShowArgs),
    /// Check packages: manifest, hashes, tensors
    Verify(VerifyArgs),
    /// Make a package of a published network, or put a dictionary of another program into a package
    Import(Box<import::ImportArgs>),
    /// Name what a method found, a concept or a component
    NameConcept(name_concept::NameArgs),
}

#[derive(Debug, clap::Args)]
pub(super) struct ListArgs {
    /// Print JSON
    #[arg(long, env = "EARWITNESS_JSON", value_parser = FalseyValueParser::new())]
    json: bool,
}

#[derive(Debug, clap::Args)]
pub(super) struct ShowArgs {
    /// Name of a model, or a package's folder
    #[arg(value_name = "NAME|DIR", default_value = DEFAULT_MODEL)]
    model: OsString,
    /// Print JSON
    #[arg(long, env = "EARWITNESS_JSON", value_parser = FalseyValueParser::new())]
    json: bool,
}

#[derive(Debug, clap::Args)]
pub(super) struct VerifyArgs {
    /// Names of models, or packages' folders [default: all that can be named]
    #[arg(value_name = "NAME|DIR")]
    models: Vec<OsString>,
}

pub(super) fn run(command: ModelCommand, globals: &Globals) -> Result<()> {
    globals.start_log()?;
    match command {
        ModelCommand::List(args) => list(args.json),
        ModelCommand::Show(args) => show(&args),
        ModelCommand::Verify(args) => verify(&args.models),
        ModelCommand::Import(args) => import::run(&args),
        ModelCommand::NameConcept(args) => name_concept::run(&args),
    }
}

fn list(as_json: bool) -> Result<()> {
    let models = SearchPath::from_environment().list();
    if models.is_empty() {
        output::note("there is no model yet; train one, or set EARWITNESS_MODELS to the folder that holds your models");
    }
    if as_json {
        let rows: Vec<_> = models.iter().map(entry_json).collect();
        return output::print(&format!("{:#}\n", serde_json::Value::from(rows)));
    }
    let row = |m: &ModelEntry| match &m.package {
        Ok(p) => vec![m.name.clone(), p.manifest().description.clone(), m.dir.display().to_string()],
        Err(e) => vec![m.name.clone(), format!("broken: {e}"), m.dir.display().to_string()],
    };
    output::print(&output::columns(&models.iter().map(row).collect::<Vec<_>>()))
}

fn entry_json(entry: &ModelEntry) -> serde_json::Value {
    let dir = entry.dir.display().to_string();
    match &entry.package {
        Ok(p) => json!({
            "name": entry.name, "dir": dir, "sha256": p.sha256(), "description": p.manifest().description,
            "licence": p.manifest().licence, "labels": p.manifest().label_names().collect::<Vec<_>>(),
        }),
        Err(e) => json!({ "name": entry.name, "dir": dir, "error": e.to_string() }),
    }
}

fn show(args: &ShowArgs) -> Result<()> {
    let package = Package::open(&find_model(&args.model)?)?;
    if args.json {
        let manifest = serde_json::to_value(package.manifest())
            .map_err(|e| Error::bug(format!("the manifest cannot be written as JSON ({e}); please report this")))?;
        let whole = json!({
            "dir": package.dir().display().to_string(), "sha256": package.sha256(), "manifest": manifest,
        });
        return output::print(&format!("{whole:#}\n"));
    }
    let rows: Vec<Vec<String>> = facts(&package).into_iter().map(|(k, v)| vec![k.to_string(), v]).collect();
    output::print(&output::columns(&rows))
}

/// What a person wants to know of a model, row by row.
fn facts(package: &Package) -> Vec<(&'static str, String)> {
    let m = package.manifest();
    let f = &m.front_end;
    let secs = |frames: usize| frames as f64 * f.frame_secs();
    let mut rows = vec![
        ("name", m.name.clone()),
        ("description", m.description.clone()),
        ("licence", m.licence.clone()),
        ("folder", package.dir().display().to_string()),
        ("sha256", package.sha256().to_string()),
        ("hears", format!("{} Hz, {}", f.sample_rate_hz, column(f))),
        ("segment", format!("{:.2} s every {:.2} s", secs(m.segment.n_frames), secs(m.segment.stride_frames))),
        ("classifier", network(&m.classifier)),
        (
            "l2i",
            m.l2i.as_ref().map_or("none".into(), |l| {
                format!("{} components, played above relevance {}", l.n_components, l.relevance_threshold)
            }),
        ),
        (
            "lmac",
            m.lmac.as_ref().map_or("none".into(), |l| {
                let which = if l.conditioned { "each class" } else { "the likeliest class" };
                format!("a decoder of {} channels, a mask for {which}", l.channels)
            }),
        ),
    ];
    rows.extend(m.flint.iter().map(|f| {
        ("flint", format!("{} attributes, played above relevance {}", f.n_attributes, f.relevance_threshold))
    }));
    rows.extend(m.vibi.iter().map(|v| {
        let percent = 100.0 * v.chosen;
        ("vibi", format!("{percent:.0} % of chunks of {} frames and {} bands", v.chunk_frames, v.chunk_bands))
    }));
    rows.extend(m.apnet.iter().map(|a| ("apnet", format!("{} prototypes of {} frames", a.n_prototypes, a.frames))));
    rows.extend(m.iba.iter().map(|i| ("iba", format!("at {}, β {}", i.layer, i.beta))));
    rows.extend(m.drsa.iter().map(|(method, spec)| {
        let named = spec.names.values().flatten().filter(|name| !name.is_empty()).count();
        let names = if named > 0 { format!(", {named} with names") } else { String::new() };
        ("concepts", format!("{} a label by {method}, at {}{names}", spec.concepts, spec.layer))
    }));
    push_labels(&mut rows, &m.labels);
    rows.extend(package.file_sizes().map(|(name, bytes)| ("file", format!("{name}, {bytes} bytes"))));
    if let Some(t) = &m.training {
        rows.push(("trained on", format!("{} ({}, seed {})", t.data, t.date, t.seed)));
        rows.extend(t.commands.iter().map(|c| ("command", c.clone())));
    }
    push_scores(&mut rows, &m.scores, "");
    rows
}

fn column(f: &FrontEndSpec) -> String {
    match f.mel_scale {
        MelScale::Samples => "the samples themselves".into(),
        MelScale::Bins => format!("{} of {} bins", f.n_mels, f.n_bins()),
        _ => format!("{} mel bands from {} to {} Hz", f.n_mels, f.f_min_hz, f.f_max_hz),
    }
}

fn network(c: &Classifier) -> String {
    match c.architecture {
        Architecture::Vgg => format!("vgg, widths {:?}", c.widths),
        Architecture::EfficientAt => format!("efficientat, width {}", c.width.unwrap_or_default()),
        Architecture::Sequential => format!("sequential, {} layers before the logits", c.layers.len()),
        Architecture::Onnx => c.onnx.as_ref().map_or("onnx".into(), |onnx| {
            let axes: Vec<String> = onnx.axes.iter().map(ToString::to_string).collect();
            format!("onnx, input {} of {}, scores from its output {}", onnx.input, axes.join(" × "), onnx.output)
        }),
        Architecture::Causal => match &c.causal {
            Some(shape) => format!("causal, {} blocks", shape.blocks.len() + shape.time_blocks.len()),
            None => "causal".into(),
        },
    }
}

/// The labels in the model's order; below their groups where there are any.
fn push_labels(rows: &mut Vec<(&'static str, String)>, labels: &[Label]) {
    let groups = by_group(labels);
    let grouped = groups.iter().any(|(group, _)| group.is_some());
    for (group, members) in groups {
        if grouped {
            let n = if members.len() == 1 { "1 label".to_owned() } else { format!("{} labels", members.len()) };
            rows.push(("group", format!("{}, {n}", group.unwrap_or("(none)"))));
        }
        rows.extend(members.into_iter().filter_map(|index| labels.get(index)).map(|label| ("label", about(label))));
    }
}

fn about(label: &Label) -> String {
    let shown = if label.alarm { "" } else { ", only shown, no event by default (alarm = false)" };
    format!("{}, starts at {}, ends below {}{shown}", label.name, label.on_threshold, label.off_threshold)
}

fn push_scores(rows: &mut Vec<(&'static str, String)>, scores: &toml::Table, prefix: &str) {
    for (name, value) in scores {
        match value {
            toml::Value::Table(inner) => push_scores(rows, inner, &format!("{prefix}{name} ")),
            value => rows.push(("score", format!("{prefix}{name} {value}"))),
        }
    }
}

fn verify(models: &[OsString]) -> Result<()> {
    let dirs = if models.is_empty() {
        SearchPath::from_environment().list().into_iter().map(|m| m.dir).collect()
    } else {
        models.iter().map(find_model).collect::<Result<Vec<_>>>()?
    };
    if dirs.is_empty() {
        return Err(Error::model("there is no model to verify; name a folder, or set EARWITNESS_MODELS"));
    }
    for dir in dirs {
        let package = Package::open(&dir)?;
        let mut n_tensors = 0;
        let mut n_bytes = 0;
        let graph = package.manifest().classifier.onnx.as_ref().map(|_| package.manifest().classifier.weights.as_str());
        for (file, bytes) in package.file_sizes() {
            n_bytes += bytes;
            if Some(file) == graph {
                LoadedClassifier::load(&package)?;
            } else {
                n_tensors += package.tensors(file)?.0.len();
            }
        }
        let megabytes = n_bytes as f64 / 1e6;
        let name = &package.manifest().name;
        output::print(&format!("{}: ok, {name}, {n_tensors} tensors, {megabytes:.1} MB\n", dir.display()))?;
    }
    Ok(())
}
