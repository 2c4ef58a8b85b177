//! Reads which objects each clip of a synthetic set is made of, and where each sounds alone.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::set::PARTS_TABLE;
use crate::checked_file::{self, Links};
use crate::error::{Error, Result};

/// Longest table, in bytes.
const MAX_BYTES: u64 = 256 << 20;

/// The objects of one clip: number, from 1, and recording.
pub type Parts = Vec<(usize, PathBuf)>;

/// The objects of every clip of the set in `dir`, by the clip's file name.
///
/// # Errors
/// An input error where the set has no table of its parts, or a line that cannot be used.
pub fn parts_of_clips(dir: &Path) -> Result<BTreeMap<String, Parts>> {
    let path = dir.join("meta").join(PARTS_TABLE);
    let text = checked_file::read_text(&path, Links::Follow, MAX_BYTES).map_err(|e| {
        Error::input(format!(
            "cannot read {}: {e}; only sets of 'earwitness train synthetic' list the objects of their clips",
            path.display()
        ))
        .with_source(e)
    })?;
    let mut parts: BTreeMap<String, Parts> = BTreeMap::new();
    for (i, line) in text.lines().enumerate().skip(1) {
        let (clip, number, file) = fields(line).ok_or_else(|| {
            Error::input(format!(
                "line {} of {} does not name a clip, an object and a file; make the set again",
                i + 1,
                path.display()
            ))
        })?;
        parts.entry(clip.to_owned()).or_default().push((number, dir.join("parts").join(file)));
    }
    Ok(parts)
}

/// Clip, number of the object, and a file's name without folders.
fn fields(line: &str) -> Option<(&str, usize, &str)> {
    let mut fields = line.split('\t');
    let (clip, number, file) = (fields.next()?, fields.next()?.parse().ok()?, fields.next()?);
    let plain = !file.is_empty() && file != ".." && !file.contains(['/', '\\']);
    (plain && number > 0 && fields.next().is_none()).then_some((clip, number, file))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::{SyntheticParams, write_set};
    use super::*;

    #[test]
    fn a_written_set_names_the_objects_of_each_clip() {
        let dir = tempfile::tempdir().unwrap();
        write_set(dir.path(), 3, &SyntheticParams { noise: 0.1, seed: 4 }, &mut |_, _| ()).unwrap();
        let parts = parts_of_clips(dir.path()).unwrap();
        assert_eq!(parts.len(), 6);
        for (clip, parts) in &parts {
            assert!(dir.path().join("audio").join(clip).is_file());
            assert!(!parts.is_empty() && parts.iter().all(|(n, path)| (1..=4).contains(n) && path.is_file()));
        }
    }

    #[test]
    fn hostile_tables_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        assert!(parts_of_clips(dir.path()).unwrap_err().to_string().contains("train synthetic"));
        std::fs::create_dir(dir.path().join("meta")).unwrap();
        for line in ["a.wav\t1", "a.wav\t0\tb.wav", "a.wav\tx\tb.wav", "a.wav\t1\t../b.wav", "a.wav\t1\tb.wav\tc"] {
            std::fs::write(dir.path().join("meta").join(PARTS_TABLE), format!("clip\tobject\tfile\n{line}\n")).unwrap();
            assert!(parts_of_clips(dir.path()).unwrap_err().to_string().contains("line 2"), "{line}");
        }
    }
}
