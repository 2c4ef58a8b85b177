//! The rooms of `src/` and what each may use, enforced: this test reads the sources and fails on a forbidden import.
//!
//! The table is the design's, in `ARCHITECTURE.md` in words. To let a room use more, change the table here and say why
//! there: a new arrow between rooms is a decision, not an accident.

#![allow(clippy::unwrap_used)]

mod circles;
mod sizes;
mod source;

use std::fs;
use std::path::Path;

use source::{files, module_path, tokens};

/// What a room may use of this crate. `error` and `units` hold what all speak of; nothing imports `cli`, and nothing
/// that runs live imports `train` and `eval`.
const ROOMS: &[(&str, &[&str])] = &[
    ("units", &[]),
    ("error", &[]),
    ("toml_text", &["error"]),
    // The one way into files that others may have written.
    ("checked_file", &[]),
    // The zone of local times, which must be the same for all.
    ("local_zone", &[]),
    ("dsp", &["units", "error"]),
    ("model", &["checked_file", "units", "error", "toml_text", "dsp"]),
    ("interpret", &["units", "error", "dsp", "model"]),
    ("media", &["checked_file", "units", "error", "local_zone"]),
    ("audio", &["units", "error", "media"]),
    ("engine", &["units", "error", "local_zone", "dsp", "model", "interpret", "audio"]),
    // Recorded events read back, marked, indexed and removed: what `record` and whatever shows recordings share.
    ("archive", &["checked_file", "units", "error"]),
    // Pictures of plain numbers.
    ("plot", &["error"]),
    ("record", &["units", "error", "local_zone", "engine", "media", "archive", "plot"]),
    // A server with bounds.
    ("http", &[]),
    // What pages in a browser have in common.
    ("page_parts", &[]),
    // Who is told besides; it speaks the lines' JSON.
    ("sinks", &["checked_file", "units", "error", "http", "engine", "record"]),
    // The live page: what a terminal shows, through a browser, and the recorded events.
    ("web", &["units", "error", "local_zone", "http", "page_parts", "engine", "archive", "record"]),
    ("ui", &["units", "error", "local_zone", "engine"]),
    // The review draws with the monitor's screen parts (and the engine's plain data that they take), plays through `audio`, and
    // computes its pictures from the recorded sound.
    ("review", &["units", "error", "dsp", "media", "audio", "engine", "archive", "page_parts", "ui"]),
    // Training measures after every epoch.
    ("train", &["checked_file", "units", "error", "dsp", "model", "interpret", "media", "eval"]),
    ("eval", &["checked_file", "units", "error", "dsp", "model", "interpret", "media"]),
    // The detector itself is tried with other thresholds.
    ("tune", &["units", "error", "archive", "engine", "eval"]),
    // Templates are tried where the settings are checked.
    // … and methods are known by name.
    (
        "config",
        &["checked_file", "units", "error", "toml_text", "audio", "model", "interpret", "engine", "sinks", "web"],
    ),
    // What programs that use the library start from.
    ("prelude", &["units", "error", "dsp", "model", "interpret", "media", "engine", "eval"]),
    (
        "cli",
        &[
            "checked_file",
            "units",
            "error",
            "local_zone",
            "dsp",
            "model",
            "interpret",
            "media",
            "audio",
            "engine",
            "archive",
            "tune",
            "plot",
            "record",
            "review",
            "sinks",
            "ui",
            "web",
            "train",
            "eval",
            "config",
        ],
    ),
];

/// Which rooms may use a dependency; one that is not here may be used by none.
const CRATES: &[(&str, &[&str])] = &[
    // `error` turns candle's errors into ours.
    ("candle_core", &["error", "model", "interpret", "train", "eval"]),
    ("gemm", &["model"]),
    ("pulp", &["model"]),
    // The review encodes an event's sounds side by side.
    ("rayon", &["model", "interpret", "review", "train", "eval"]),
    ("realfft", &["dsp"]),
    ("rten", &["model"]),
    ("rten_tensor", &["model"]),
    ("rubato", &["dsp"]),
    ("rand", &["model", "interpret", "audio", "train", "eval"]),
    ("rand_chacha", &["model", "interpret", "audio", "train", "eval"]),
    ("base64", &["review", "web"]),
    ("csv", &["review"]),
    ("rusqlite", &["archive"]),
    ("rustix", &["checked_file", "archive", "record"]),
    ("safetensors", &["model", "train"]),
    ("cpal", &["audio"]),
    ("jack", &["audio"]),
    ("log", &["audio"]),
    ("regex", &["audio"]),
    ("ringbuf", &["audio"]),
    // `record` reads back, in its tests, what it wrote.
    ("hound", &["media", "record"]),
    ("ropus", &["media"]),
    ("symphonia", &["media"]),
    ("clap", &["cli"]),
    ("clap_complete", &["cli"]),
    ("clap_mangen", &["cli"]),
    ("axum", &["http", "sinks", "web"]),
    ("hyper", &["http", "web"]),
    ("hyper_util", &["http"]),
    ("minijinja", &["sinks"]),
    ("prometheus_client", &["sinks"]),
    ("rumqttc", &["sinks"]),
    ("tokio", &["http", "sinks", "web"]),
    ("ureq", &["sinks"]),
    ("sd_notify", &["cli"]),
    ("tracing_journald", &["cli"]),
    ("crossbeam", &["engine", "record", "sinks", "ui", "cli"]),
    ("directories", &["config", "model"]),
    ("indicatif", &["cli"]),
    // In the engine: when quiet hours are, by the local time of an event.
    // In `media`: when a recording began.
    ("jiff", &["local_zone", "engine", "media", "archive", "record", "review", "ui", "tune", "web", "cli"]),
    ("png", &["plot"]),
    ("ratatui", &["ui", "review"]),
    (
        "serde",
        &["toml_text", "dsp", "model", "train", "eval", "archive", "record", "review", "tune", "web", "config", "cli"],
    ),
    ("serde_json", &["archive", "record", "review", "sinks", "web", "train", "eval", "cli"]),
    ("sha2", &["model", "review", "sinks", "web"]),
    ("siphasher", &["interpret"]),
    ("signal_hook", &["cli"]),
    ("thiserror", &["error"]),
    ("toml", &["toml_text", "model", "config", "tune", "cli"]),
    (
        "tracing",
        &[
            "model", "audio", "engine", "archive", "record", "review", "http", "sinks", "ui", "tune", "train", "eval",
            "cli",
        ],
    ),
    ("tracing_subscriber", &["cli"]),
    ("ulid", &["engine", "record"]),
];

/// Parts of the standard library that a room must not touch: the core computes, it does not reach outside.
const STD: &[(&str, &[&str])] = &[
    ("dsp", &["fs", "thread", "net", "process", "env"]),
    ("interpret", &["fs", "thread", "net", "process", "env"]),
    ("engine", &["fs", "net", "process", "env"]),
    ("ui", &["fs", "net", "process"]),
];

#[test]
fn no_room_imports_what_it_must_not_know() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut faults = Vec::new();
    let mut n_files = 0;
    for path in files(&src) {
        let modules = module_path(path.strip_prefix(&src).unwrap());
        let Some(room) = modules.first() else { continue };
        n_files += 1;
        let text = fs::read_to_string(&path).unwrap();
        if !ROOMS.iter().any(|(name, _)| name == room) {
            faults.push(format!("{}: the room {room} is not in tests/layering/main.rs; place it", path.display()));
        }
        faults.extend(check(&modules, &text).into_iter().map(|f| format!("{}:{f}", path.display())));
    }
    assert!(n_files > 30, "only {n_files} files were read");
    assert!(faults.is_empty(), "forbidden imports:\n{}", faults.join("\n"));
}

#[test]
fn the_program_is_only_its_command_line() {
    let main = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/main.rs")).unwrap();
    let uses: Vec<String> = paths(&tokens(&main), "earwitness").into_iter().map(|(_, part)| part).collect();
    assert_eq!(uses, ["cli"]);
}

#[test]
fn every_dependency_has_its_rooms() {
    let manifest = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml")).unwrap();
    let manifest: toml::Table = manifest.parse().unwrap();
    for name in manifest["dependencies"].as_table().unwrap().keys() {
        let name = name.replace('-', "_");
        assert!(CRATES.iter().any(|(c, _)| *c == name), "say in tests/layering/main.rs which rooms may use {name}");
    }
}

#[test]
fn forbidden_lines_are_caught() {
    let caught = |room: &[&str], text: &str| check(&room.iter().map(ToString::to_string).collect::<Vec<_>>(), text);
    let forbidden: &[(&[&str], &str)] = &[
        (&["dsp", "stft"], "use crate::model::Vgg;"),
        (&["dsp"], "fn f() {\n    crate::audio::open();\n}"),
        (&["dsp"], "use crate::{error::Error, audio::Ring};"),
        (&["dsp"], "pub use crate::{self as all, ui};"),
        (&["dsp", "stft"], "use super::super::model::Vgg;"),
        (&["dsp"], "mod tests { use super::super::model::Vgg; }"),
        (&["dsp"], "use std::fs::File;"),
        (&["dsp"], "use std::{cmp, thread::spawn};"),
        (&["dsp"], "use candle_core::Tensor;"),
        (&["ui"], "fn f(t: candle_core::Tensor) {}"),
        (&["ui"], "use ::candle_core::Tensor;"),
        (&["ui", "app"], "use crate::model::package::Package;"),
        (&["engine"], "use crate::record::Recorder;"),
        (&["audio"], "use crate::dsp::stft;"),
        (&["media"], "use crate::audio::Source;"),
        (&["interpret"], "use crate::train::Loss;"),
        (&["record"], "use crate::cli::main;"),
        (&["train"], "use crate::engine::Engine;"),
        (&["record"], "use cpal;"),
    ];
    for (room, text) in forbidden {
        assert_eq!(caught(room, text).len(), 1, "{room:?}: {text}");
    }
    let allowed: &[(&[&str], &str)] = &[
        (&["dsp", "stft"], "use crate::units::SampleRate; use super::window; use realfft::RealFftPlanner;"),
        (&["dsp"], "// use crate::model::Vgg;\n/* crate::ui */ /// [`crate::engine`]\nfn f() {}"),
        (
            &["dsp"],
            "const S: &str = \"use crate::model;\"; const R: &str = r#\"crate::ui \"::\"#; const C: char = '\"';",
        ),
        (&["dsp"], "fn f<'a>(x: &'a str) -> &'a str { x } mod tests { use super::*; }"),
        (&["engine"], "use crate::audio::Source; use crate::interpret::Interpreter;"),
        (&["model", "package", "search"], "use super::super::manifest::Manifest; use super::Package;"),
    ];
    for (room, text) in allowed {
        assert_eq!(caught(room, text), Vec::<String>::new(), "{room:?}: {text}");
    }
    assert_eq!(
        caught(&["dsp", "mel"], "\n\nuse crate::ui::App;"),
        ["3: dsp must not use crate::ui"],
        "the line and both rooms are named"
    );
}

/// Every fault of one file, as `line: what`.
fn check(modules: &[String], text: &str) -> Vec<String> {
    let room = modules[0].as_str();
    let tokens = tokens(text);
    let allowed = |table: &[(&str, &[&str])], key: &str, value: &str| {
        table.iter().find(|(k, _)| *k == key).is_some_and(|(_, list)| list.contains(&value))
    };
    let mut faults = Vec::new();
    let own = paths(&tokens, "crate").into_iter().chain(super_paths(&tokens, modules.len()));
    for (line, used) in own {
        let is_room = ROOMS.iter().any(|(name, _)| *name == used);
        if is_room && used != room && !allowed(ROOMS, room, &used) {
            faults.push(format!("{line}: {room} must not use crate::{used}"));
        }
    }
    for (line, used) in paths(&tokens, "std") {
        if allowed(STD, room, &used) {
            faults.push(format!("{line}: {room} must not use std::{used}"));
        }
    }
    for (i, (line, token)) in tokens.iter().enumerate() {
        let Some((name, rooms)) = CRATES.iter().find(|(name, _)| token == name) else { continue };
        let before = |n: usize| i.checked_sub(n).map_or("", |j| tokens[j].1.as_str());
        let after = tokens.get(i + 1).map_or("", |t| t.1.as_str());
        // `::name` begins at the root where nothing stands before the colons.
        let at_root = before(1) != "::" || ["use", "(", "<", ",", "=", "&", ""].contains(&before(2));
        if at_root && (after == "::" || before(1) == "use") && !rooms.contains(&room) {
            faults.push(format!("{line}: {room} must not use the crate {name}"));
        }
    }
    faults
}

/// The first name behind each `root::`, for each name of a group `root::{…}`, with its line.
fn paths(tokens: &[(usize, String)], root: &str) -> Vec<(usize, String)> {
    let at = |i: usize| tokens.get(i).map_or("", |t| t.1.as_str());
    let starts = (0..tokens.len()).filter(|&i| at(i) == root && at(i + 1) == "::");
    starts.flat_map(|i| names_at(tokens, i + 2)).collect()
}

/// As [`paths`], for chains of `super` that reach the crate's root. `depth` is the number of modules the file is in.
fn super_paths(tokens: &[(usize, String)], depth: usize) -> Vec<(usize, String)> {
    let at = |i: usize| tokens.get(i).map_or("", |t| t.1.as_str());
    let mut found = Vec::new();
    let mut braces = 0;
    let mut inline: Vec<usize> = Vec::new();
    let mut i = 0;
    while i < tokens.len() {
        match at(i) {
            "{" => {
                braces += 1;
                if i >= 2 && at(i - 2) == "mod" {
                    inline.push(braces);
                }
            }
            "}" => {
                if inline.last() == Some(&braces) {
                    inline.pop();
                }
                braces = braces.saturating_sub(1);
            }
            "super" => {
                let mut n = 1;
                while at(i + 1) == "::" && at(i + 2) == "super" {
                    n += 1;
                    i += 2;
                }
                if n == depth + inline.len() && at(i + 1) == "::" {
                    found.extend(names_at(tokens, i + 2));
                }
            }
            _ => {}
        }
        i += 1;
    }
    found
}

/// The name at `i`, or the first names of the group at `i`.
fn names_at(tokens: &[(usize, String)], i: usize) -> Vec<(usize, String)> {
    let Some((_, first)) = tokens.get(i) else { return Vec::new() };
    if first != "{" {
        return vec![tokens[i].clone()];
    }
    let mut depth = 0;
    let mut names = Vec::new();
    for (j, (_, token)) in tokens.iter().enumerate().skip(i) {
        match token.as_str() {
            "{" => depth += 1,
            "}" => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            break;
        }
        if depth == 1 && (token == "{" || token == ",") {
            names.extend(tokens.get(j + 1).filter(|t| t.1 != "}").cloned());
        }
    }
    names
}
