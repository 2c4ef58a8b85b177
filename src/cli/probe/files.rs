//! The files that probes write.

use std::path::Path;

use crate::error::{Error, Result};

/// A method's or a clip's name as it can stand in a file's.
pub(super) fn file_name(name: &str) -> String {
    name.chars().map(|c| if c.is_alphanumeric() || c == '-' || c == '_' { c } else { '-' }).collect()
}

/// Writes `bytes` to `path`.
pub(super) fn write_file(path: &Path, bytes: &[u8]) -> Result<()> {
    std::fs::write(path, bytes).map_err(|e| {
        Error::output(format!("cannot write {} ({e}); choose another place", path.display())).with_source(e)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_method_with_options_has_a_name_for_a_file() {
        assert_eq!(file_name("lrp:thesis+gain"), "lrp-thesis-gain");
        assert_eq!(file_name("../a/b"), "---a-b");
    }
}
