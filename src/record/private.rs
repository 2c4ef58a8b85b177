//! Folders and files that are their owner's alone, whatever the umask says.

use std::{
    fs::{self, DirBuilder, OpenOptions, Permissions},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt},
    path::Path,
};

use crate::archive::files::is_folder;

/// Makes the folder `path` if it is not there; whether it was made. Its parent has to be there, and it must not be a link:
/// what is written into a recording folder stays in it. `private`: for its owner alone (0700); without it, the umask
/// decides.
pub(super) fn make_dir(path: &Path, private: bool) -> io::Result<bool> {
    match DirBuilder::new().mode(if private { 0o700 } else { 0o777 }).create(path) {
        Ok(()) if private => fs::set_permissions(path, Permissions::from_mode(0o700)).map(|()| true),
        Ok(()) => Ok(true),
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists && is_folder(path) => Ok(false),
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists => Err(io::ErrorKind::NotADirectory.into()),
        Err(e) => Err(e),
    }
}

/// Makes the folder `path` and its parents, if they are not there; only the folder itself can be private. It may be a link
/// to a folder.
pub(super) fn make_dirs(path: &Path, private: bool) -> io::Result<bool> {
    if let Some(parent) = path.parent() {
        match fs::create_dir_all(parent) {
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => return Err(io::ErrorKind::NotADirectory.into()),
            made => made?,
        }
    }
    if path.is_dir() { Ok(false) } else { make_dir(path, private) }
}

/// Writes a new file.
pub(super) fn write_file(path: &Path, bytes: &[u8], private: bool) -> io::Result<()> {
    let mode = if private { 0o600 } else { 0o666 };
    let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(path)?;
    file.write_all(bytes)?;
    if private { close_to_others(path) } else { Ok(()) }
}

/// Takes the rights of others from a file that was made by someone who does not know of them.
pub(super) fn close_to_others(path: &Path) -> io::Result<()> {
    fs::set_permissions(path, Permissions::from_mode(0o600))
}
