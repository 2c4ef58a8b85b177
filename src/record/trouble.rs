//! What goes wrong with files, and what a person can do about it.

use std::io;

use crate::error::Error;

/// A failure of the system as one of ours.
pub(super) fn io_error(e: io::Error) -> Error {
    Error::output(e.to_string()).with_source(e)
}

/// What a person can do about `e`.
pub(super) fn remedy(e: &io::Error) -> &'static str {
    match e.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "free some space or record elsewhere",
        io::ErrorKind::PermissionDenied => "give this user write permission there or record elsewhere",
        io::ErrorKind::ReadOnlyFilesystem => "make the disk writable or record elsewhere",
        io::ErrorKind::NotADirectory => {
            "a file stands where a folder should be, or a link: move it away or record elsewhere"
        }
        io::ErrorKind::FileTooLarge => "raise the limit on the length of files (ulimit -f)",
        io::ErrorKind::AlreadyExists => "something of that name is already there: move it away",
        _ => "check the folder and its disk",
    }
}

/// The operating system's error behind `e`, if there is one.
pub(super) fn io_cause(e: &Error) -> Option<&io::Error> {
    let mut cause = std::error::Error::source(e);
    while let Some(error) = cause {
        if let Some(hound::Error::IoError(io)) = error.downcast_ref() {
            return Some(io);
        }
        if let Some(io) = error.downcast_ref() {
            return Some(io);
        }
        cause = error.source();
    }
    None
}
