//! `earwitness model`, as a person runs it, on a package written by the library.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::support::run::Run;
use earwitness::model::manifest::Manifest;
use earwitness::model::package::Package;
use earwitness::model::tensors::Arrays;

/// Writes a package `tiny` below `models`.
fn package(models: &Path) -> PathBuf {
    let manifest = Manifest::parse(include_str!("../data/model.toml"), "tests/data/model.toml").unwrap();
    let mut weights = Arrays::default();
    weights.insert("fc.bias", [2], vec![0.25, -0.5]);
    let dir = models.join("tiny");
    Package::write(&dir, manifest, &BTreeMap::from([("classifier.safetensors".to_string(), weights)])).unwrap();
    dir
}

#[test]
fn a_model_is_found_by_variable_user_folder_and_path() {
    let run = Run::new();
    let dir = package(&run.home().join("elsewhere"));
    let error = run.fails(4, &["model", "show", "tiny"]);
    assert!(error.contains("there is no model 'tiny'") && error.contains("EARWITNESS_MODELS"), "{error}");
    assert!(run.ok(&["model", "show", "elsewhere/tiny"]).stdout.contains("Two classes, for tests"));
    assert!(run.ok(&["model", "show", dir.to_str().unwrap()]).stdout.contains("Two classes, for tests"));

    let user = Run::new();
    package(&user.home().join(".local/share/earwitness/models"));
    let shown = user.ok(&["model", "show", "tiny"]).stdout;
    for fact in ["16000 Hz", "32 mel bands", "1.00 s every 0.32 s", "dog, starts at 0.6, ends below 0.4", "CC0-1.0"] {
        assert!(shown.contains(fact), "{fact} in:\n{shown}");
    }

    let elsewhere = run.home().join("elsewhere");
    let run = run.env("EARWITNESS_MODELS", elsewhere.to_str().unwrap());
    let listed = run.ok(&["model", "list"]).stdout;
    assert!(listed.lines().any(|l| l.starts_with("tiny ") && l.contains("Two classes, for tests")), "{listed}");
    let listed: serde_json::Value = serde_json::from_str(&run.ok(&["model", "list", "--json"]).stdout).unwrap();
    let tiny = listed.as_array().unwrap().iter().find(|m| m["name"] == "tiny").unwrap();
    assert_eq!(tiny["labels"], serde_json::json!(["dog", "rain"]));
    let shown: serde_json::Value = serde_json::from_str(&run.ok(&["model", "show", "tiny", "--json"]).stdout).unwrap();
    assert_eq!(shown["manifest"]["front_end"]["hop"], 160);
    assert_eq!(shown["sha256"], tiny["sha256"]);
}

#[test]
fn labels_are_shown_in_their_groups_with_those_that_are_only_shown() {
    let run = Run::new();
    let dir = package(run.home());
    let path = dir.join("model.toml");
    let plain = run.ok(&["model", "show", dir.to_str().unwrap()]).stdout;
    assert!(!plain.contains("group") && !plain.contains("only shown"), "{plain}");

    let text = std::fs::read_to_string(&path).unwrap();
    let grouped = text
        .replacen("[[labels]]", "[[labels]]\ngroup = \"zoo\"", 1)
        .replace("name = \"rain\"", "name = \"rain\"\ngroup = \"nature\"\nalarm = false");
    std::fs::write(&path, grouped).unwrap();
    let shown = run.ok(&["model", "show", dir.to_str().unwrap()]).stdout;
    let rows: Vec<Vec<&str>> = shown.lines().map(|line| line.splitn(2, "  ").map(str::trim).collect()).collect();
    let rows: Vec<_> = rows.into_iter().filter(|row| ["group", "label"].contains(&row[0])).collect();
    assert_eq!(rows[0], ["group", "nature, 1 label"], "{shown}");
    assert!(
        rows[1][1].starts_with("rain, ") && rows[1][1].ends_with("only shown, no event by default (alarm = false)")
    );
    assert_eq!(rows[2], ["group", "zoo, 1 label"], "{shown}");
    assert!(rows[3][1].starts_with("dog, ") && !rows[3][1].contains("only shown"), "{shown}");
}

#[test]
fn verify_tells_good_packages_from_damaged_ones() {
    let run = Run::new();
    let dir = package(run.home());
    let path = dir.to_str().unwrap();
    let told = run.ok(&["model", "verify", path]).stdout;
    assert!(told.starts_with(&format!("{path}: ok, tiny, 1 tensors, ")), "{told}");

    let weights = dir.join("classifier.safetensors");
    let mut bytes = std::fs::read(&weights).unwrap();
    bytes[0] ^= 1;
    std::fs::write(&weights, bytes).unwrap();
    let error = run.fails(4, &["model", "verify", path]);
    assert!(error.contains("classifier.safetensors has sha256") && error.contains("copy the whole package"), "{error}");

    std::fs::write(dir.join("model.toml"), "format = 1\nnmae = \"x\"\n").unwrap();
    let error = run.fails(4, &["model", "verify", path]);
    assert!(error.contains("model.toml, line 2: unknown key 'nmae'"), "{error}");
}
