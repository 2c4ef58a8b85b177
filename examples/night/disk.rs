//! Where the night is recorded.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Fallible;

/// A disk in memory, or a folder; gone when this is dropped.
pub(crate) struct Disk {
    /// The recording folder.
    pub(crate) dir: PathBuf,
    base: PathBuf,
    mounted: bool,
}

impl Disk {
    pub(crate) fn open(size: Option<u64>) -> Fallible<Self> {
        let base = std::env::temp_dir().join(format!("earwitness-night-{}", std::process::id()));
        fs::create_dir_all(&base)?;
        let mut disk = Self { dir: base.join("events"), base, mounted: false };
        if let Some(size) = size {
            let mut mount = Command::new("mount");
            mount.args(["-t", "tmpfs", "-o", &format!("size={size}"), "tmpfs"]).arg(&disk.base);
            disk.mounted = mount.status().is_ok_and(|status| status.success());
            if !disk.mounted {
                return Err("a disk in memory cannot be mounted here; leave out --disk".into());
            }
        }
        fs::create_dir_all(&disk.dir)?;
        Ok(disk)
    }

    /// Copies the recording folder to `keep`, which must not be there.
    pub(crate) fn copy_to(&self, keep: &Path) -> Fallible<()> {
        let copied = Command::new("cp").arg("-a").arg(&self.dir).arg(keep).status()?;
        if copied.success() {
            Ok(())
        } else {
            Err(format!("the recording could not be copied to {}", keep.display()).into())
        }
    }

    pub(crate) const fn is_its_own(&self) -> bool {
        self.mounted
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        if self.mounted {
            let _ = Command::new("umount").arg("-l").arg(&self.base).status();
        }
        let _ = fs::remove_dir_all(&self.base);
    }
}
