//! Finds out what a recording is and gives it to the reader of that format.

use super::bytes::Bytes;
use super::container::Container;
use super::flac::Flac;
use super::mpeg::Mpeg;
use super::sniff::{Kind, SNIFF_BYTES, sniff};
use super::steps::{Steps, Trouble};
use super::tags;
use super::wave::{Content, Wave};

/// So many bytes of a file are searched for the beginning of a recording, behind whatever lies there. Of a pipe only the
/// first [`SNIFF_BYTES`]: more may be long in coming.
const SEARCHED_BYTES: usize = 1 << 20;

/// The reader for what follows in `bytes`.
pub(super) fn open(mut bytes: Bytes) -> Result<Box<dyn Steps>, Trouble> {
    tags::skip_all(&mut bytes)?;
    let kind = match sniff(bytes.peek(SNIFF_BYTES)?) {
        Some(kind) => kind,
        None => search(&mut bytes)?,
    };
    if let Some(end) = tags::end_before(&mut bytes)? {
        bytes.end_at(end);
    }
    Ok(match kind {
        Kind::Wave | Kind::Aiff | Kind::Caf => match Wave::open(kind, bytes)? {
            Content::Samples(wave) => wave,
            Content::Mpeg(bytes) => Box::new(Mpeg::new(bytes)),
            Content::Other(bytes) => Box::new(Container::open(kind, bytes)?),
        },
        Kind::Flac => Box::new(Flac::open(bytes)?),
        Kind::Mpeg => Box::new(Mpeg::new(bytes)),
        Kind::Foreign(name) => return Err(Trouble::new(format!("it is {name}, which is not read"))),
        kind => Box::new(Container::open(kind, bytes)?),
    })
}

/// Goes to where a recording begins behind something else.
fn search(bytes: &mut Bytes) -> Result<Kind, Trouble> {
    let n_bytes = if bytes.is_file() { SEARCHED_BYTES } else { SNIFF_BYTES };
    let known = bytes.peek(n_bytes)?;
    let found = (1..known.len()).find_map(|at| match sniff(&known[at..]) {
        None | Some(Kind::Foreign(_)) => None,
        Some(kind) => Some((at, kind)),
    });
    let (at, kind) = found.ok_or_else(|| Trouble::new("its content is of no known kind"))?;
    bytes.skip(at as u64)?;
    if kind == Kind::Tag {
        tags::skip_all(bytes)?;
        let behind = sniff(bytes.peek(SNIFF_BYTES)?);
        return behind.ok_or_else(|| Trouble::new("nothing known follows its tag"));
    }
    Ok(kind)
}
