//! Model packages: the manifest, and folders whose files do not fit it.

use std::fs;
use std::path::Path;

use earwitness::model::classifier::Classifier;
use earwitness::model::manifest::Manifest;
use earwitness::model::package::Package;

use crate::harness::fuzz;

fn default_package() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("models/esc13")
}

#[test]
fn manifests() {
    let seeds = [
        fs::read(default_package().join("model.toml")).unwrap(),
        fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/model.toml")).unwrap(),
    ];
    let words = [
        "[front_end]",
        "[segment]",
        "[[labels]]",
        "[classifier]",
        "n_frames = ",
        "hop = ",
        "sha256",
        "file = \"../x\"",
        "softmax",
    ];
    let dir = tempfile::tempdir().unwrap();
    fuzz("manifest", &seeds, &words, |case| {
        let manifest = Manifest::parse(&String::from_utf8_lossy(case), "case")?;
        manifest.check("case")?;
        manifest.front_end.params()?;
        // A package of it, without its files.
        fs::write(dir.path().join("model.toml"), case).unwrap();
        match Package::open(dir.path()) {
            Ok(package) => assert!(package.manifest().referenced_files().is_empty()),
            Err(e) => assert_eq!(e.kind().exit_code(), 4, "{e}"),
        }
        Ok(())
    });
}

/// Weights: the arrays of a file, damaged.
#[test]
fn weights() {
    let dir = tempfile::tempdir().unwrap();
    let text = fs::read_to_string(default_package().join("model.toml")).unwrap();
    let mut header = fs::read(default_package().join("classifier.safetensors")).unwrap();
    header.truncate(1 << 16);
    fuzz("weights", &[header], &["F32", "F64", "BF16", "shape", "data_offsets", "[0,", "{"], |case| {
        fs::write(dir.path().join("classifier.safetensors"), case).unwrap();
        // The hash fits, so that the file itself is looked at.
        let package = sealed(dir.path(), &text, case)?;
        Classifier::load(&package).map(|_| ())
    });
}

/// The package in `dir` with a manifest that names the hash of `weights` and no interpreter.
fn sealed(dir: &Path, text: &str, weights: &[u8]) -> Result<Package, earwitness::Error> {
    let mut manifest = Manifest::parse(text, "case")?;
    manifest.l2i = None;
    manifest.lmac = None;
    manifest.files = [("classifier.safetensors".to_owned(), sha256(weights))].into();
    fs::write(dir.join("model.toml"), manifest.to_toml()?).unwrap();
    Package::open(dir)
}

fn sha256(bytes: &[u8]) -> String {
    use sha2::{Digest, Sha256};
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}
