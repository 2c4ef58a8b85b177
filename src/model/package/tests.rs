#![allow(clippy::unwrap_used)]

use super::*;
use crate::error::ErrorKind;

const MANIFEST: &str = include_str!("../../../tests/data/model.toml");

fn tensors(value: f32) -> Arrays {
    let mut arrays = Arrays::default();
    arrays.insert("fc.bias", [2], vec![value, 0.5]);
    arrays
}

fn manifest() -> Manifest {
    Manifest::parse(MANIFEST, "tests/data/model.toml").unwrap()
}

fn files(value: f32) -> BTreeMap<String, Arrays> {
    BTreeMap::from([("classifier.safetensors".to_string(), tensors(value))])
}

/// A package in a folder of its own.
fn written() -> (tempfile::TempDir, Package) {
    let tmp = tempfile::tempdir().unwrap();
    let package = Package::write(tmp.path(), manifest(), &files(1.0)).unwrap();
    (tmp, package)
}

fn open_error(dir: &Path) -> String {
    let e = Package::open(dir).unwrap_err();
    assert_eq!(e.kind(), ErrorKind::Model);
    e.to_string()
}

#[test]
fn what_is_written_opens_with_its_tensors() {
    let (tmp, package) = written();
    let again = Package::open(tmp.path()).unwrap();
    assert_eq!(again.sha256(), package.sha256());
    assert_eq!(again.sha256().len(), 64);
    assert_eq!(again.manifest(), package.manifest());
    assert_eq!(again.tensors("classifier.safetensors").unwrap(), tensors(1.0));
    let names: Vec<_> = fs::read_dir(tmp.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(names.len(), 2, "no temporary file stays: {names:?}");
}

#[test]
fn an_update_keeps_the_files_that_are_not_new() {
    let (tmp, package) = written();
    let more = BTreeMap::from([("more.safetensors".to_string(), tensors(3.0))]);
    let updated = Package::write(tmp.path(), package.manifest().clone(), &more).unwrap();
    assert_eq!(updated.tensors("classifier.safetensors").unwrap(), tensors(1.0));
    assert_eq!(updated.tensors("more.safetensors").unwrap(), tensors(3.0));
    assert_ne!(updated.sha256(), package.sha256());
    let replaced = Package::write(tmp.path(), updated.manifest().clone(), &files(2.0)).unwrap();
    assert_eq!(replaced.tensors("classifier.safetensors").unwrap(), tensors(2.0));
}

#[test]
fn a_missing_manifest_is_named() {
    let tmp = tempfile::tempdir().unwrap();
    let e = open_error(tmp.path());
    assert!(e.contains("model.toml cannot be read") && e.contains("name a folder"), "{e}");
}

#[test]
fn a_missing_file_is_named() {
    let (tmp, _) = written();
    fs::remove_file(tmp.path().join("classifier.safetensors")).unwrap();
    let e = open_error(tmp.path());
    assert!(e.contains("classifier.safetensors cannot be read") && e.contains("copy the whole package"), "{e}");
}

#[test]
fn a_changed_file_is_named_with_both_hashes() {
    let (tmp, package) = written();
    let path = tmp.path().join("classifier.safetensors");
    let mut bytes = fs::read(&path).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&path, &bytes).unwrap();
    let e = open_error(tmp.path());
    let listed = &package.manifest().files["classifier.safetensors"];
    assert!(e.contains(listed) && e.contains(&hex_sha256(&bytes)), "{e}");
}

#[test]
fn a_file_that_is_not_listed_cannot_be_read() {
    let (_tmp, package) = written();
    let e = package.tensors("other.safetensors").unwrap_err().to_string();
    assert!(e.contains("other.safetensors is not listed under [files]"), "{e}");
}

#[test]
fn a_wrong_manifest_is_not_written() {
    let tmp = tempfile::tempdir().unwrap();
    let mut wrong = manifest();
    wrong.labels.clear();
    let e = Package::write(&tmp.path().join("new"), wrong, &files(1.0)).unwrap_err();
    assert_eq!(e.kind(), ErrorKind::Model);
    assert!(!tmp.path().join("new").exists());
}

#[test]
fn a_folder_that_cannot_be_made_is_an_output_error() {
    let tmp = tempfile::tempdir().unwrap();
    let file = tmp.path().join("file");
    fs::write(&file, "").unwrap();
    let e = Package::write(&file.join("model"), manifest(), &files(1.0)).unwrap_err();
    assert_eq!(e.kind(), ErrorKind::Output);
}

#[test]
fn the_hash_is_sha256() {
    // sha256sum </dev/null
    assert_eq!(hex_sha256(b""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

#[test]
fn replaced_tensors_are_those_of_a_package_written_with_them() {
    let (tmp, package) = written();
    let replaced = package.clone().with_tensors("classifier.safetensors", &tensors(7.0)).unwrap();
    assert_eq!(replaced.tensors("classifier.safetensors").unwrap(), tensors(7.0));
    assert_eq!(package.tensors("classifier.safetensors").unwrap(), tensors(1.0), "the original keeps its own");
    assert_eq!(Package::open(tmp.path()).unwrap().sha256(), package.sha256(), "nothing is written");
    let other = tempfile::tempdir().unwrap();
    assert_eq!(replaced.sha256(), Package::write(other.path(), manifest(), &files(7.0)).unwrap().sha256());
    let e = package.with_tensors("more.safetensors", &tensors(7.0)).unwrap_err();
    assert!(e.to_string().contains("more.safetensors is not listed"), "{e}");
}
