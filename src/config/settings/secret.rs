//! Passwords and tokens in files of their own.

use std::path::Path;

use crate::checked_file::{self, Links};
use crate::error::{Error, Result};
use crate::sinks::options::Secret;

/// Longest file of a secret, in bytes.
const MAX_SECRET_BYTES: u64 = 64 << 10;

/// The first line of a file that holds nothing else.
pub(super) fn secret(file: &str, key: &str) -> Result<Secret> {
    let text = checked_file::read_text(Path::new(file), Links::Follow, MAX_SECRET_BYTES).map_err(|e| {
        Error::usage(format!("{file} cannot be read ({e}); correct {key}, or let this user read the file"))
            .with_source(e)
    })?;
    Ok(Secret(text.lines().next().unwrap_or_default().trim().to_owned()))
}
