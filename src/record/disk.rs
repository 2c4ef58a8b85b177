//! What is known of a disk, and of its failures.

use std::{io, path::Path};

use super::trouble::io_cause;
use crate::error::Error;

/// The cause of a failure. Two failures with the same cause compare equal, even if their sentences name different events.
pub(super) fn cause(e: &Error) -> String {
    match io_cause(e) {
        Some(io) => format!("{:?}", io.kind()),
        None => e.to_string().chars().filter(|c| !c.is_ascii_digit()).collect(),
    }
}

/// Bytes of the disk below `dir`, used and free.
pub(super) fn disk_bytes(dir: &Path) -> io::Result<u64> {
    let about = rustix::fs::statvfs(dir)?;
    Ok(about.f_blocks.saturating_mul(about.f_frsize))
}

/// Bytes of the disk below `dir` that are free for this user.
pub(super) fn free_bytes(dir: &Path) -> io::Result<u64> {
    let about = rustix::fs::statvfs(dir)?;
    Ok(about.f_bavail.saturating_mul(about.f_frsize))
}
