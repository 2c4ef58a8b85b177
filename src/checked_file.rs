//! Files that somebody else may have put there, opened and read within bounds: the one way into recordings, models, settings,
//! and whatever else comes from outside.
//!
//! Nothing but a regular file is opened (a pipe would make the reader wait, a device would never end), and nothing longer
//! than its reader can use.

use std::{
    fs::{self, File, Metadata, OpenOptions},
    io::{self, Read},
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

use rustix::fs::OFlags;

/// What to do about a path that is a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Links {
    /// Go where it points: a person named the path, or put the link there.
    Follow,
    /// Refuse it: the folder may come from someone else, and what is beyond a link is not part of it.
    Refuse,
}

/// Opens the regular file `path`, which is at most `most` bytes long, for reading.
///
/// # Errors
/// The system's; `InvalidData` where it is no regular file, `FileTooLarge` where it is longer.
pub fn open(path: &Path, links: Links, most: u64) -> io::Result<File> {
    // Before it is opened, because opening alone does something to some devices …
    let about = match links {
        Links::Follow => fs::metadata(path)?,
        Links::Refuse => fs::symlink_metadata(path)?,
    };
    check(&about, most)?;
    let no_links = if links == Links::Refuse { OFlags::NOFOLLOW } else { OFlags::empty() };
    let flags = (no_links | OFlags::NONBLOCK).bits();
    let file = OpenOptions::new().read(true).custom_flags(flags as i32).open(path)?;
    // … and after it, because another file may have taken its place.
    check(&file.metadata()?, most)?;
    Ok(file)
}

/// The bytes of the regular file `path`, at most `most`.
///
/// # Errors
/// As [`open`].
pub fn read(path: &Path, links: Links, most: u64) -> io::Result<Vec<u8>> {
    let file = open(path, links, most)?;
    let mut bytes = Vec::new();
    bytes.try_reserve_exact(usize::try_from(file.metadata()?.len().min(most)).unwrap_or_default())?;
    // It may grow while it is read.
    file.take(most.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > most { Err(too_long(most)) } else { Ok(bytes) }
}

/// The text of the regular file `path`, at most `most` bytes of UTF-8.
///
/// # Errors
/// As [`open`]; also `InvalidData` where it is no text.
pub fn read_text(path: &Path, links: Links, most: u64) -> io::Result<String> {
    String::from_utf8(read(path, links, most)?).map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "it is no text"))
}

/// Whether `about` is a regular file of at most `most` bytes.
fn check(about: &Metadata, most: u64) -> io::Result<()> {
    if about.is_symlink() {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "it is a link, and links are not followed"));
    }
    if !about.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "it is not a regular file"));
    }
    if about.len() > most { Err(too_long(most)) } else { Ok(()) }
}

fn too_long(most: u64) -> io::Error {
    io::Error::new(io::ErrorKind::FileTooLarge, format!("it is longer than {most} bytes"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn only_regular_files_within_bounds_are_read() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        fs::write(at("text"), "four").unwrap();
        fs::write(at("bytes"), [0xff, 0xfe]).unwrap();
        symlink(at("text"), at("link")).unwrap();
        symlink("/dev/zero", at("zero")).unwrap();
        let pipe = at("pipe");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        File::create(at("sparse")).unwrap().set_len(10 << 30).unwrap();
        for links in [Links::Follow, Links::Refuse] {
            assert_eq!(read_text(&at("text"), links, 4).unwrap(), "four");
            let kind = |name: &str, most| read_text(&at(name), links, most).unwrap_err().kind();
            assert_eq!(kind("text", 3), io::ErrorKind::FileTooLarge);
            assert_eq!(kind("sparse", 1 << 30), io::ErrorKind::FileTooLarge);
            assert_eq!(kind("bytes", 9), io::ErrorKind::InvalidData);
            // Nobody writes into the pipe: whoever opened it would wait for ever.
            assert_eq!(kind("pipe", 9), io::ErrorKind::InvalidData);
            assert_eq!(kind("zero", 9), io::ErrorKind::InvalidData);
            assert_eq!(kind("none", 9), io::ErrorKind::NotFound);
            assert!(open(dir.path(), links, 1 << 20).is_err(), "a folder");
        }
        assert_eq!(read_text(&at("link"), Links::Follow, 4).unwrap(), "four");
        assert_eq!(read_text(&at("link"), Links::Refuse, 4).unwrap_err().kind(), io::ErrorKind::InvalidData);
    }
}
