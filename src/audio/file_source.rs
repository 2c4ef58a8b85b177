//! A recording as an input, from a file or through a pipe: decoded while it plays, never held whole.

use std::fs::{File, FileType};
use std::path::Path;

use super::thread_source::Feed;
use crate::error::{Error, Result};
use crate::media::decode::RecordingReader;

/// Feeds a recording's packets.
pub(super) struct FileFeed {
    pub(super) reader: RecordingReader,
    /// As in events, for what there is to say of it.
    pub(super) name: String,
}

impl Feed for FileFeed {
    fn next_chunk(&mut self) -> Result<Option<&[f32]>> {
        self.reader.next_chunk()
    }

    fn ended(&self) {
        if let Some(sentence) = self.reader.faults().sentence(&self.name) {
            tracing::warn!("{sentence}; what is there has been heard");
        }
    }
}

/// What a path leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// A file that lies there whole. Also what cannot be found: to open it says why.
    File,
    /// A pipe, which something may write into, now or later.
    Pipe,
}

impl Place {
    /// # Errors
    /// [`crate::ErrorKind::Input`] for what a recording cannot come from.
    pub(super) fn of(path: &Path) -> Result<Self> {
        let Ok(meta) = std::fs::metadata(path) else { return Ok(Self::File) };
        let name = path.display();
        if meta.is_dir() {
            return Err(Error::input(format!("{name} is a folder; give the name of a recording in it")));
        }
        match special(meta.file_type()) {
            None => Ok(Self::File),
            Some("pipe") => Ok(Self::Pipe),
            Some(what) => Err(Error::input(format!(
                "{name} is a {what} and no recording; give a file or a named pipe, or pipe the sound into --input stdin:auto"
            ))),
        }
    }
}

/// What kind of special file it is, in a word.
#[cfg(unix)]
fn special(kind: FileType) -> Option<&'static str> {
    use std::os::unix::fs::FileTypeExt;
    if kind.is_fifo() {
        Some("pipe")
    } else if kind.is_socket() {
        Some("socket")
    } else if kind.is_char_device() || kind.is_block_device() {
        Some("device")
    } else {
        None
    }
}

/// What kind of special file it is, in a word.
#[cfg(not(unix))]
fn special(_: FileType) -> Option<&'static str> {
    None
}

/// Opens the recording at `path`. A pipe is waited for until something writes a header into it.
///
/// # Errors
/// [`crate::ErrorKind::Input`] naming the path, where it cannot be opened or cannot be heard.
pub(super) fn open_recording(path: &Path, place: Place) -> Result<RecordingReader> {
    let name = path.display().to_string();
    let reader = match place {
        Place::File => RecordingReader::open(path)?,
        Place::Pipe => {
            let pipe = File::open(path).map_err(|e| {
                Error::input(format!("cannot open the pipe {name}: {e}; check its permissions")).with_source(e)
            })?;
            RecordingReader::from_stream(pipe, &name)?
        }
    };
    heard(reader, &name)
}

/// Opens the recording that comes through standard input; waits for its header.
///
/// # Errors
/// [`crate::ErrorKind::Input`] where it is none that can be read.
pub(super) fn open_stdin() -> Result<RecordingReader> {
    let name = "standard input";
    heard(RecordingReader::from_stream(std::io::stdin(), name)?, name)
}

/// The recording, if its rate is one that can be heard.
fn heard(reader: RecordingReader, name: &str) -> Result<RecordingReader> {
    let rate = reader.sample_rate();
    if rate.is_heard() {
        return Ok(reader);
    }
    let (low, high) = crate::units::SampleRate::HEARD_HZ.into_inner();
    Err(Error::input(format!(
        "{name} has a sample rate of {} Hz, and only {low} to {high} Hz can be heard; convert it with another program first",
        rate.hz()
    )))
}
