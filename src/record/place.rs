//! Whether the recording folder is still where it was.

use std::{
    fs::{self, Metadata},
    io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

/// The recording folder as it was found: which one it is, and on which mounted disk.
#[derive(Debug)]
pub(super) struct Place {
    dir: PathBuf,
    /// Device and number of the folder.
    identity: (u64, u64, bool),
    /// Where its disk is mounted, unless it is the root's.
    mount: Option<PathBuf>,
}

/// What has become of it.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// It is the same.
    Same,
    /// There is another one in its place; this one is remembered from now on.
    Another,
    /// It is not there, and may be made again.
    Missing,
    /// The disk that it was on is not mounted: what is written there now would hide below the disk when it is back.
    Unmounted(PathBuf),
}

impl Place {
    /// Remembers the folder `dir`, which is there.
    ///
    /// # Errors
    /// The system's.
    pub(super) fn of(dir: &Path) -> io::Result<Self> {
        let about = fs::metadata(dir)?;
        let mut mount = fs::canonicalize(dir)?;
        while let Some(parent) = mount.parent() {
            if fs::metadata(parent)?.dev() != about.dev() {
                return Ok(Self { dir: dir.to_owned(), identity: identity(&about), mount: Some(mount) });
            }
            mount.pop();
        }
        Ok(Self { dir: dir.to_owned(), identity: identity(&about), mount: None })
    }

    /// Looks at it.
    ///
    /// # Errors
    /// The system's, where it can be told neither to be there nor to be gone.
    pub(super) fn look(&mut self) -> io::Result<Found> {
        let about = match fs::metadata(&self.dir) {
            Ok(about) if identity(&about) == self.identity => return Ok(Found::Same),
            Ok(about) => Some(about),
            Err(e) if e.kind() == io::ErrorKind::NotFound => None,
            Err(e) => return Err(e),
        };
        // A disk that is back may have another number; a mount point without a disk has that of the folder it lies in.
        if let Some(mount) = &self.mount
            && !is_mounted(mount)
        {
            return Ok(Found::Unmounted(mount.clone()));
        }
        if about.is_none() {
            return Ok(Found::Missing);
        }
        *self = Self::of(&self.dir)?;
        Ok(Found::Another)
    }
}

/// Disk and number, and whether it is a folder: a number may be given to a file when its folder is gone.
fn identity(about: &Metadata) -> (u64, u64, bool) {
    (about.dev(), about.ino(), about.is_dir())
}

fn is_mounted(mount: &Path) -> bool {
    let dev = |path: &Path| fs::metadata(path).map(|about| about.dev());
    match (dev(mount), mount.parent().map(dev)) {
        (Ok(disk), Some(Ok(parent))) => disk != parent,
        _ => false,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_the_same_another_or_missing() {
        let tmp = tempfile::tempdir().unwrap();
        let dir = tmp.path().join("a/b");
        fs::create_dir_all(&dir).unwrap();
        let mut place = Place::of(&dir).unwrap();
        fs::write(dir.join("x"), "").unwrap();
        assert_eq!(place.look().unwrap(), Found::Same);
        fs::rename(tmp.path().join("a"), tmp.path().join("c")).unwrap();
        assert_eq!(place.look().unwrap(), Found::Missing);
        fs::create_dir_all(&dir).unwrap();
        assert_eq!((place.look().unwrap(), place.look().unwrap()), (Found::Another, Found::Same));
        fs::remove_dir(&dir).unwrap();
        fs::write(&dir, "a file").unwrap();
        assert_eq!(place.look().unwrap(), Found::Another, "whoever writes there is told what it is");
    }

    #[test]
    fn a_folder_on_the_roots_disk_has_no_mount() {
        let root = Place::of(Path::new("/")).unwrap();
        assert_eq!(root.mount, None);
        // Another file system on every Linux.
        assert_eq!(Place::of(Path::new("/proc/self")).unwrap().mount.as_deref(), Some(Path::new("/proc")));
    }
}
