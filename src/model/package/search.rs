//! Where model packages are looked for.

use std::env;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use super::{MANIFEST_FILE, Package};
use crate::error::{Error, Result};

/// The model that is used where none is named.
pub const DEFAULT_MODEL: &str = "everyday";

/// Another name for it, where no package has this name.
const DEFAULT: &str = "default";

/// How far above the executable a `models` folder is looked for: a build lies at `target/release/earwitness`, a test
/// one folder deeper.
const LEVELS_ABOVE_EXECUTABLE: usize = 4;

/// Folders that hold packages, one folder a package, first come first served.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SearchPath {
    dirs: Vec<PathBuf>,
}

/// A package that was found.
#[derive(Debug)]
pub struct ModelEntry {
    /// What `--model` calls it: its folder's name.
    pub name: String,
    /// Its folder.
    pub dir: PathBuf,
    /// The verified package, or what is wrong with it.
    pub package: Result<Package>,
}

impl SearchPath {
    /// The folders of this process: those of `EARWITNESS_MODELS` (separated like `PATH`), the user's data folder,
    /// those near the executable, the system's.
    #[must_use]
    pub fn from_environment() -> Self {
        let mut dirs = Vec::new();
        if let Some(list) = env::var_os("EARWITNESS_MODELS") {
            dirs.extend(env::split_paths(&list).filter(|d| !d.as_os_str().is_empty()));
        }
        if let Some(user) = directories::ProjectDirs::from("", "", "earwitness") {
            dirs.push(user.data_dir().join("models"));
        }
        if let Ok(exe) = env::current_exe() {
            dirs.extend(near_executable(&exe));
        }
        dirs.push("/usr/local/share/earwitness/models".into());
        dirs.push("/usr/share/earwitness/models".into());
        Self::new(dirs)
    }

    /// The given folders, first come first served; doubles are dropped.
    #[must_use]
    pub fn new(dirs: impl IntoIterator<Item = PathBuf>) -> Self {
        let mut unique: Vec<PathBuf> = Vec::new();
        for dir in dirs {
            if !unique.contains(&dir) {
                unique.push(dir);
            }
        }
        Self { dirs: unique }
    }

    /// The folder of the package that `name_or_dir` names: a folder with a manifest, or else the first package of
    /// that name on this path.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Model`], saying where was looked and what there is.
    pub fn find(&self, name_or_dir: impl AsRef<OsStr>) -> Result<PathBuf> {
        let as_dir = Path::new(&name_or_dir);
        if is_package(as_dir) {
            return Ok(as_dir.to_path_buf());
        }
        // A name is joined with the folders as it is; what a person reads of it is text.
        let name_or_dir = as_dir.to_string_lossy();
        if name_or_dir.is_empty() || name_or_dir == "." || name_or_dir == ".." || name_or_dir.contains(['/', '\\']) {
            return Err(Error::model(format!(
                "'{name_or_dir}' is not a model package; name a folder that holds a {MANIFEST_FILE}, \
                 or a model of `earwitness model list`"
            )));
        }
        if let Some(dir) = self.dirs.iter().map(|d| d.join(as_dir)).find(|d| is_package(d)) {
            return Ok(dir);
        }
        if name_or_dir == DEFAULT {
            return self.find(DEFAULT_MODEL);
        }
        let known: Vec<String> = self.packages().into_iter().map(|(name, _)| name).collect();
        let known = if known.is_empty() { "there is none yet".to_string() } else { known.join(", ") };
        let looked: Vec<String> = self.dirs.iter().map(|d| d.display().to_string()).collect();
        Err(Error::model(format!(
            "there is no model '{name_or_dir}' in {}; name one of these: {known}, a folder that holds a \
             {MANIFEST_FILE}, or set EARWITNESS_MODELS to the folder that holds your models",
            looked.join(", ")
        )))
    }

    /// Every package on this path, by name; where two have the same name, the one that [`SearchPath::find`] gives.
    #[must_use]
    pub fn list(&self) -> Vec<ModelEntry> {
        let open = |(name, dir): (String, PathBuf)| ModelEntry { name, package: Package::open(&dir), dir };
        self.packages().into_iter().map(open).collect()
    }

    /// The folders, in order.
    #[must_use]
    pub fn dirs(&self) -> &[PathBuf] {
        &self.dirs
    }

    fn packages(&self) -> Vec<(String, PathBuf)> {
        let mut found: Vec<(String, PathBuf)> = Vec::new();
        for entry in self.dirs.iter().filter_map(|d| d.read_dir().ok()).flatten().flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            if is_package(&entry.path()) && !found.iter().any(|(n, _)| *n == name) {
                found.push((name, entry.path()));
            }
        }
        found.sort();
        found
    }
}

/// The folder of the package that `name_or_dir` names, looked for on this process's [`SearchPath`].
///
/// # Errors
/// [`crate::ErrorKind::Model`], saying where was looked and what there is.
pub fn find_model(name_or_dir: impl AsRef<OsStr>) -> Result<PathBuf> {
    SearchPath::from_environment().find(name_or_dir)
}

/// Every package on this process's [`SearchPath`], by name.
#[must_use]
pub fn list_models() -> Vec<ModelEntry> {
    SearchPath::from_environment().list()
}

/// An installed program has its models in `../share`; an unpacked or freshly built one has them in `models` beside or
/// above it.
fn near_executable(exe: &Path) -> Vec<PathBuf> {
    let exe = exe.canonicalize().unwrap_or_else(|_| exe.to_path_buf());
    let mut dirs = Vec::new();
    if let Some(prefix) = exe.parent().and_then(Path::parent) {
        dirs.push(prefix.join("share/earwitness/models"));
    }
    dirs.extend(exe.ancestors().skip(1).take(LEVELS_ABOVE_EXECUTABLE).map(|d| d.join("models")));
    dirs
}

fn is_package(dir: &Path) -> bool {
    !dir.as_os_str().is_empty() && dir.join(MANIFEST_FILE).is_file()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn package(dir: &Path) {
        std::fs::create_dir_all(dir).unwrap();
        std::fs::write(dir.join(MANIFEST_FILE), "").unwrap();
    }

    #[test]
    fn a_folder_wins_then_the_path_in_order() {
        let tmp = tempfile::tempdir().unwrap();
        let (first, second) = (tmp.path().join("first"), tmp.path().join("second"));
        package(&second.join("small"));
        let path = SearchPath::new([first.clone(), second.clone(), first.clone()]);
        assert_eq!(path.dirs().len(), 2);
        assert_eq!(path.find("small").unwrap(), second.join("small"));
        package(&first.join("small"));
        assert_eq!(path.find("small").unwrap(), first.join("small"));
        let by_dir = second.join("small");
        assert_eq!(path.find(by_dir.to_str().unwrap()).unwrap(), by_dir);
        assert_eq!(path.list().len(), 1);
        assert_eq!(path.list()[0].dir, first.join("small"));
    }

    #[test]
    fn an_unknown_name_says_where_was_looked_and_what_there_is() {
        let tmp = tempfile::tempdir().unwrap();
        package(&tmp.path().join("yard"));
        let e = SearchPath::new([tmp.path().to_path_buf()]).find("yrad").unwrap_err();
        assert_eq!(e.kind(), crate::ErrorKind::Model);
        let e = e.to_string();
        assert!(e.contains(tmp.path().to_str().unwrap()) && e.contains("name one of these: yard,"), "{e}");
        let e = SearchPath::default().find("some/where").unwrap_err().to_string();
        assert!(e.starts_with("'some/where' is not a model package; "), "{e}");
        assert!(SearchPath::default().find("").is_err());
    }

    #[test]
    fn models_are_found_beside_above_and_in_share() {
        let dirs = near_executable(Path::new("/nowhere/proj/target/release/earwitness"));
        assert!(dirs.contains(&"/nowhere/proj/models".into()));
        let dirs = near_executable(Path::new("/nowhere/usr/bin/earwitness"));
        assert_eq!(dirs[0], Path::new("/nowhere/usr/share/earwitness/models"));
    }
}
