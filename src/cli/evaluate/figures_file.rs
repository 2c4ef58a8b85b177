//! The files that figures go to.

use std::path::Path;

use serde::Serialize;

use crate::cli::output;
use crate::error::{Error, Result};

/// Writes `figures` to `path` as JSON.
pub(super) fn write_json(path: &Path, figures: &impl Serialize) -> Result<()> {
    write_file(path, &output::json("the figures", figures)?)
}

/// Writes `text` to `path`.
pub(super) fn write_file(path: &Path, text: &str) -> Result<()> {
    std::fs::write(path, text).map_err(|e| {
        Error::output(format!("cannot write the figures to {} ({e}); choose another file", path.display()))
            .with_source(e)
    })
}
