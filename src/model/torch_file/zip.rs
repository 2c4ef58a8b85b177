//! Zip archives as far as `torch.save` makes them: entries stored as they are, found by the directory at the end.

use std::collections::BTreeMap;

/// Most entries that are taken for meant.
const MAX_ENTRIES: usize = 1 << 16;

/// Bytes of the record that ends a directory, without its comment, which is at most as long as 16 bits say.
const END: usize = 22;

/// An archive in memory.
pub(super) struct Archive<'a> {
    entries: BTreeMap<&'a str, &'a [u8]>,
}

impl<'a> Archive<'a> {
    /// Reads the directory. An error says what is wrong with the file.
    pub(super) fn open(bytes: &'a [u8]) -> Result<Self, String> {
        if !bytes.starts_with(b"PK\x03\x04") {
            return Err("is no file of torch.save (PyTorch 1.6 or later)".into());
        }
        let damaged = || "is damaged: its directory cannot be read".to_string();
        let (n_entries, mut at) = end_of_directory(bytes).ok_or_else(damaged)?;
        let mut entries = BTreeMap::new();
        for _ in 0..n_entries {
            let (name, content, next) = entry(bytes, at).ok_or_else(damaged)?;
            let content = content.ok_or_else(|| "holds entries that are packed or encrypted".to_string())?;
            if entries.insert(name, content).is_some() {
                return Err("is damaged: two entries have one name".into());
            }
            at = next;
        }
        Ok(Self { entries })
    }

    /// What is stored under `name`.
    pub(super) fn get(&self, name: &str) -> Option<&'a [u8]> {
        self.entries.get(name).copied()
    }

    /// The first entry of this name in any folder, with the folder's name (which ends with `/`, or is empty).
    pub(super) fn find(&self, name: &str) -> Option<(&'a str, &'a [u8])> {
        self.entries.iter().find_map(|(path, content)| {
            let folder = path.strip_suffix(name)?;
            (folder.is_empty() || folder.ends_with('/')).then_some((folder, *content))
        })
    }
}

/// How many entries the directory has, and where it begins.
fn end_of_directory(bytes: &[u8]) -> Option<(usize, usize)> {
    let last = bytes.len().checked_sub(END)?;
    let first = last.saturating_sub(usize::from(u16::MAX));
    let at = (first..=last).rev().find(|at| bytes[*at..].starts_with(b"PK\x05\x06"))?;
    let n_entries = usize::from(u16_at(bytes, at + 10)?);
    let directory = u32_at(bytes, at + 16)?;
    // The larger form of the directory is for files beyond what is read here.
    (n_entries < MAX_ENTRIES - 1 && directory != u32::MAX).then_some((n_entries, directory as usize))
}

/// The directory's entry at `at`: its name, its content where that is stored as it is, and where the next entry begins.
#[allow(clippy::type_complexity)]
fn entry(bytes: &[u8], at: usize) -> Option<(&str, Option<&[u8]>, usize)> {
    if !bytes.get(at..)?.starts_with(b"PK\x01\x02") {
        return None;
    }
    let (flags, method) = (u16_at(bytes, at + 8)?, u16_at(bytes, at + 10)?);
    let (packed, length) = (u32_at(bytes, at + 20)? as usize, u32_at(bytes, at + 24)? as usize);
    let [name, extra, comment] = [28, 30, 32].map(|from| u16_at(bytes, at + from).map(usize::from));
    let (name_len, extra, comment) = (name?, extra?, comment?);
    let name = std::str::from_utf8(bytes.get(at + 46..)?.get(..name_len)?).ok()?;
    let next = at + 46 + name_len + extra + comment;
    if method != 0 || flags & 1 != 0 || packed != length {
        return Some((name, None, next));
    }
    let local = u32_at(bytes, at + 42)? as usize;
    if !bytes.get(local..)?.starts_with(b"PK\x03\x04") {
        return None;
    }
    let skipped = 30 + usize::from(u16_at(bytes, local + 26)?) + usize::from(u16_at(bytes, local + 28)?);
    let content = bytes.get(local + skipped..)?.get(..length)?;
    Some((name, Some(content), next))
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..)?.first_chunk().map(|b| u16::from_le_bytes(*b))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|b| u32::from_le_bytes(*b))
}
