//! A model package: a folder with a manifest and safetensors files, read whole and verified before anything is built.

mod search;
mod tensors;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde::Serialize;
use sha2::{Digest, Sha256};

pub use search::{DEFAULT_MODEL, ModelEntry, SearchPath, find_model, list_models};

use super::manifest::{Classifier, FrontEndSpec, Label, Manifest};
use super::tensors::Arrays;
use crate::checked_file::{self, Links};
use crate::error::{Error, Result};

/// Name of the manifest in a package's folder.
pub const MANIFEST_FILE: &str = "model.toml";

/// Longest manifest, in bytes: one of a thousand labels has some 100 kB.
const MAX_MANIFEST_BYTES: u64 = 4 << 20;

/// Longest other file of a package, in bytes: a network of 250 million weights.
const MAX_FILE_BYTES: u64 = 1 << 30;

/// An opened package: manifest and files in memory, hashes verified.
#[derive(Debug, Clone)]
pub struct Package {
    dir: PathBuf,
    manifest: Manifest,
    sha256: String,
    files: BTreeMap<String, Vec<u8>>,
}

impl Package {
    /// Reads and verifies the package in `dir`: the manifest, then every file that it lists, against its hash.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Model`]: no manifest, a manifest that is wrong ([`Manifest::parse`]), a missing file, a
    /// file whose hash differs.
    pub fn open(dir: &Path) -> Result<Self> {
        let manifest_path = dir.join(MANIFEST_FILE);
        let text = checked_file::read_text(&manifest_path, Links::Follow, MAX_MANIFEST_BYTES).map_err(|e| {
            Error::model(format!(
                "the model manifest {} cannot be read ({e}); name a folder that holds a {MANIFEST_FILE}",
                manifest_path.display()
            ))
            .with_source(e)
        })?;
        let manifest = Manifest::parse(&text, &manifest_path.display().to_string())?;
        let mut files = BTreeMap::new();
        for (name, expected) in &manifest.files {
            let path = dir.join(name);
            let bytes = checked_file::read(&path, Links::Follow, MAX_FILE_BYTES).map_err(|e| {
                Error::model(format!(
                    "the model file {} cannot be read ({e}); copy the whole package again",
                    path.display()
                ))
                .with_source(e)
            })?;
            let found = hex_sha256(&bytes);
            if found != *expected {
                return Err(Error::model(format!(
                    "the model file {} has sha256 {found} where {} lists {expected}; copy the whole package again",
                    path.display(),
                    manifest_path.display()
                )));
            }
            files.insert(name.clone(), bytes);
        }
        Ok(Self { dir: dir.to_path_buf(), manifest, sha256: hex_sha256(text.as_bytes()), files })
    }

    /// Makes or updates the package in `dir`: writes the new files, then the manifest with their hashes. Files that
    /// `manifest.files` already lists and that are not new stay as they lie there. Every file appears whole or not at
    /// all, the manifest last. Gives the package as it now reads.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Model`] where the manifest's values cannot be used or a listed file is missing,
    /// [`crate::ErrorKind::Output`] where the folder cannot be written.
    pub fn write(dir: &Path, manifest: Manifest, new_files: &BTreeMap<String, Arrays>) -> Result<Self> {
        let encode = |(name, arrays): (&String, &Arrays)| Ok((name.clone(), tensors::encode(name, arrays)?));
        Self::write_bytes(dir, manifest, &new_files.iter().map(encode).collect::<Result<_>>()?)
    }

    /// As [`Self::write`], with files of any kind.
    ///
    /// # Errors
    /// As there.
    pub fn write_bytes(dir: &Path, mut manifest: Manifest, new_files: &BTreeMap<String, Vec<u8>>) -> Result<Self> {
        for (name, bytes) in new_files {
            manifest.files.insert(name.clone(), hex_sha256(bytes));
        }
        manifest.check(&dir.join(MANIFEST_FILE).display().to_string())?;
        let text = manifest.to_toml()?;
        fs::create_dir_all(dir).map_err(|e| unwritable(dir, e))?;
        for (name, bytes) in new_files {
            write_whole(&dir.join(name), bytes)?;
        }
        write_whole(&dir.join(MANIFEST_FILE), text.as_bytes())?;
        Self::open(dir)
    }

    /// The same package with segments as long as the clips that the model was trained on; see
    /// [`Manifest::for_clips`].
    #[must_use]
    pub fn for_clips(self) -> Self {
        Self { manifest: self.manifest.for_clips(), ..self }
    }

    /// The same package with the tensors of one listed file replaced, in memory alone: what [`Self::write`] would give,
    /// without a folder. Hashes follow, so that [`Self::sha256`] names the new weights and not the old ones.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Model`]: the manifest does not list the file.
    pub fn with_tensors(mut self, file: &str, arrays: &Arrays) -> Result<Self> {
        let Some(bytes) = self.files.get_mut(file) else { return Err(self.unlisted(file)) };
        *bytes = tensors::encode(file, arrays)?;
        self.manifest.files.insert(file.to_owned(), hex_sha256(bytes));
        self.sha256 = hex_sha256(self.manifest.to_toml()?.as_bytes());
        Ok(self)
    }

    /// The same package with labels behind its own and the tensors of some listed files replaced, in memory alone. The
    /// package's sha256 stays.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Model`]: the manifest does not list a file, or a label cannot be.
    pub(super) fn extended(mut self, labels: Vec<Label>, files: &BTreeMap<String, Arrays>) -> Result<Self> {
        self.manifest.labels.extend(labels);
        for (file, arrays) in files {
            let Some(bytes) = self.files.get_mut(file) else { return Err(self.unlisted(file)) };
            *bytes = tensors::encode(file, arrays)?;
            self.manifest.files.insert(file.clone(), hex_sha256(bytes));
        }
        self.manifest.check(&self.dir.join(MANIFEST_FILE).display().to_string())?;
        Ok(self)
    }

    /// Hex sha256 of what the network hears with: front end, shape and weights, but not thresholds, interpreters or names. What
    /// was learned on a network's hidden layers fits no other.
    ///
    /// # Errors
    /// A bug where the manifest cannot be written.
    pub fn network_sha256(&self) -> Result<String> {
        #[derive(Serialize)]
        struct Network<'a> {
            front_end: &'a FrontEndSpec,
            classifier: &'a Classifier,
            weights: Option<&'a String>,
        }
        let Manifest { front_end, classifier, files, .. } = &self.manifest;
        let network = Network { front_end, classifier, weights: files.get(&classifier.weights) };
        let text = toml::to_string(&network)
            .map_err(|e| Error::bug(format!("the network of model {} cannot be named: {e}", self.manifest.name)))?;
        Ok(hex_sha256(text.as_bytes()))
    }

    /// The package's folder.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The manifest.
    #[must_use]
    pub const fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Hex sha256 of the manifest, which holds the hashes of all other files: it names the package beyond doubt.
    #[must_use]
    pub fn sha256(&self) -> &str {
        &self.sha256
    }

    /// Names and sizes in bytes of the files that the manifest lists.
    pub fn file_sizes(&self) -> impl Iterator<Item = (&str, usize)> {
        self.files.iter().map(|(name, bytes)| (name.as_str(), bytes.len()))
    }

    /// The bytes of a file, where the manifest lists it.
    #[must_use]
    pub fn bytes(&self, file: &str) -> Option<&[u8]> {
        self.files.get(file).map(Vec::as_slice)
    }

    /// The tensors of one file. Half precision and f64 become f32; integer
    /// tensors (PyTorch's `num_batches_tracked`) are left out.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Model`]: the manifest does not list the file, it is no safetensors file, a tensor has
    /// another type or a value that is not finite.
    pub fn tensors(&self, file: &str) -> Result<Arrays> {
        let bytes = self.files.get(file).ok_or_else(|| self.unlisted(file))?;
        tensors::decode(&self.dir.join(file).display().to_string(), bytes)
    }

    fn unlisted(&self, file: &str) -> Error {
        Error::model(format!(
            "the model file {} is not listed under [files] of {MANIFEST_FILE}; list it with its sha256",
            self.dir.join(file).display()
        ))
    }
}

/// Writes under a temporary name in the same folder, then renames.
fn write_whole(path: &Path, bytes: &[u8]) -> Result<()> {
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(".part");
    let temporary = PathBuf::from(temporary);
    fs::write(&temporary, bytes).and_then(|()| fs::rename(&temporary, path)).map_err(|e| unwritable(path, e))
}

fn unwritable(path: &Path, e: std::io::Error) -> Error {
    Error::output(format!("{} cannot be written ({e}); choose a folder with room that you may write", path.display()))
        .with_source(e)
}

/// The sha256 of `bytes` in hex digits, as `sha256sum` prints it.
#[must_use]
pub fn hex_sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|b| format!("{b:02x}")).collect()
}

#[cfg(test)]
mod tests;
