//! Files as a record needs them: read within bounds, written whole.

use std::{
    fs::{self, File, OpenOptions, Permissions},
    io::{self, Read, Write},
    os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt},
    path::Path,
};

use rustix::fs::OFlags;
use serde::de::DeserializeOwned;

/// Most files that are counted in one event folder.
const MAX_FILES: usize = 4096;

/// The bytes of the regular file `path`, at most `most`.
///
/// Links are not followed and nothing else than a regular file is opened, so that a pipe cannot hold the reader up.
///
/// # Errors
/// The system's; `InvalidData` where it is no regular file, `FileTooLarge` where it is longer.
pub fn read_bounded(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits();
    let file = OpenOptions::new().read(true).custom_flags(flags as i32).open(path)?;
    let about = file.metadata()?;
    if !about.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "it is not a regular file"));
    }
    // It may grow while it is read.
    let mut bytes = Vec::with_capacity(about.len().min(most) as usize);
    file.take(most + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > most {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("it is longer than {most} bytes")));
    }
    Ok(bytes)
}

/// Reads a JSON object; serde would take an array for one, too.
///
/// # Errors
/// What is wrong with it.
pub(super) fn parse_object<T: DeserializeOwned>(json: &[u8]) -> Result<T, String> {
    if json.trim_ascii_start().first() != Some(&b'{') {
        return Err("it is not a JSON object".to_owned());
    }
    serde_json::from_slice(json).map_err(|e| e.to_string())
}

/// Forces a file's or folder's content to disk.
///
/// # Errors
/// The system's.
pub fn sync(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

/// Puts `bytes` at `path`, whole or not at all, by way of `temporary` on the same disk. The file may be read by those who
/// may read the folder it comes to.
///
/// # Errors
/// The system's; then `path` is as it was, and `temporary` is gone if that was possible.
pub fn replace(path: &Path, temporary: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = path.parent().ok_or(io::ErrorKind::InvalidInput)?;
    let mode = fs::metadata(folder)?.mode() & 0o666;
    let write = || {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(temporary)?;
        file.write_all(bytes)?;
        file.set_permissions(Permissions::from_mode(mode))?;
        file.sync_all()?;
        fs::rename(temporary, path)?;
        sync(folder)
    };
    write().inspect_err(|_| {
        let _ = fs::remove_file(temporary);
    })
}

/// The length of all files in `folder` together, in bytes; folders in it are not looked into.
///
/// # Errors
/// The system's.
pub fn folder_bytes(folder: &Path) -> io::Result<u64> {
    let mut total = 0_u64;
    for entry in fs::read_dir(folder)?.take(MAX_FILES) {
        match entry?.metadata() {
            Ok(about) if about.is_file() => total = total.saturating_add(about.len()),
            // A temporary may just have gone.
            _ => {}
        }
    }
    Ok(total)
}
