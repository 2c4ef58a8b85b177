//! Sound levels by the second, a file a day and input: `DIR/levels/INPUT/2026-11-30.levels`, days in UTC.
//!
//! A file is a header of [`HEADER_BYTES`] and a place of eight bytes for every second of the day, so that a second is found
//! without looking and what was never written is a hole that takes no room. A value is a 16-bit number of hundredths of a dB,
//! little-endian; 0 is none.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use jiff::civil::Date;

use super::files::{is_folder, open_regular};
use crate::units::SecondLevels;

/// The folder beside those of events.
pub const FOLDER: &str = "levels";
/// Seconds of a day.
pub const DAY_SECS: i64 = 86_400;
/// What files are called behind their day.
const EXTENSION: &str = "levels";
/// Length of the header: eight bytes that name the format, the calibration in hundredths of a dB (a 32-bit number), the length
/// of the input's name, and the name in UTF-8.
const HEADER_BYTES: usize = 256;
const MAGIC: &[u8; 8] = b"EWLEVEL1";
/// Where the name begins.
const NAME_AT: usize = 14;
/// Bytes of a second.
const SECOND_BYTES: usize = 8;
/// Length of the longest file.
const MAX_BYTES: u64 = HEADER_BYTES as u64 + DAY_SECS as u64 * SECOND_BYTES as u64;

/// Where levels come from.
#[derive(Debug, Clone, PartialEq)]
pub struct LevelSource {
    /// The input, as in `file:yard.wav`.
    pub name: String,
    /// What was added to levels relative to full scale; 0 where nobody calibrated the input.
    pub calibration_db: f64,
}

impl LevelSource {
    /// What levels are relative to.
    #[must_use]
    pub fn unit(&self) -> &'static str {
        if self.calibration_db == 0.0 { "dB relative to full scale" } else { "dB" }
    }
}

/// A day's file: which day, and where.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct DayFile {
    /// In UTC.
    pub day: Date,
    /// The file.
    pub path: PathBuf,
}

/// The file of a day for an input whose folder has this name.
#[must_use]
pub fn day_path(dir: &Path, input: &str, day: Date) -> PathBuf {
    dir.join(FOLDER).join(input).join(format!("{day}.{EXTENSION}"))
}

/// The folders of inputs that have levels in `dir`, by name. None where there are no levels.
///
/// # Errors
/// Where the folder cannot be read.
pub fn inputs(dir: &Path) -> io::Result<Vec<String>> {
    let folder = dir.join(FOLDER);
    if !is_folder(&folder) {
        return Ok(Vec::new());
    }
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        if is_folder(&entry.path()) {
            names.extend(entry.file_name().into_string().ok());
        }
    }
    names.sort_unstable();
    Ok(names)
}

/// The days of an input, oldest first.
///
/// # Errors
/// Where the folder cannot be read.
pub fn days(dir: &Path, input: &str) -> io::Result<Vec<DayFile>> {
    let mut days = Vec::new();
    for entry in std::fs::read_dir(dir.join(FOLDER).join(input))? {
        let path = entry?.path();
        let stem = path.file_stem().and_then(|stem| stem.to_str());
        let day = stem.filter(|_| path.extension().is_some_and(|e| e == EXTENSION)).and_then(|stem| stem.parse().ok());
        days.extend(day.map(|day| DayFile { day, path: path.clone() }));
    }
    days.sort_unstable();
    Ok(days)
}

/// What a day's file holds: where the levels come from, and those of each second of the day, where there are any.
///
/// # Errors
/// Where the file cannot be read or is none of these.
pub fn read_day(path: &Path) -> io::Result<(LevelSource, Vec<Option<SecondLevels>>)> {
    let mut bytes = Vec::new();
    open_regular(path, MAX_BYTES)?.take(MAX_BYTES).read_to_end(&mut bytes)?;
    let source = bytes.get(..HEADER_BYTES).and_then(parse_header).ok_or_else(damaged)?;
    let mut levels: Vec<_> = bytes[HEADER_BYTES..].chunks_exact(SECOND_BYTES).map(decode).collect();
    levels.resize(DAY_SECS as usize, None);
    Ok((source, levels))
}

/// Whether there is a file at `path` that holds the levels of another input than `name`.
#[must_use]
pub fn is_of_another(path: &Path, name: &str) -> bool {
    let mut header = [0; HEADER_BYTES];
    let read = open_regular(path, MAX_BYTES).and_then(|mut file| file.read_exact(&mut header));
    let source = read.ok().and_then(|()| parse_header(&header));
    source.is_some_and(|other| other.name != cut(name))
}

/// As much of an input's name as a header holds.
fn cut(name: &str) -> &str {
    let longest = (HEADER_BYTES - NAME_AT).min(name.len());
    let end = (0..=longest).rev().find(|end| name.is_char_boundary(*end)).unwrap_or(0);
    &name[..end]
}

fn damaged() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "it is no file of levels")
}

/// A day's file that is being written.
#[derive(Debug)]
pub struct LevelWriter {
    file: File,
}

impl LevelWriter {
    /// Opens the file at `path`, or makes it. What is in it stays, except that the header becomes that of `source`.
    ///
    /// # Errors
    /// Where it cannot be opened or written.
    pub fn open(path: &Path, source: &LevelSource) -> io::Result<Self> {
        let mut file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
        file.write_all(&header(source))?;
        Ok(Self { file })
    }

    /// Writes the levels of successive seconds from `first` on, counted from the beginning of the day. What lies beyond the day
    /// is left out.
    ///
    /// # Errors
    /// Where they cannot be written.
    pub fn write(&mut self, first: i64, seconds: &[SecondLevels]) -> io::Result<()> {
        if !(0..DAY_SECS).contains(&first) {
            return Ok(());
        }
        let left = (DAY_SECS - first) as usize;
        let bytes: Vec<u8> = seconds.iter().take(left).flat_map(encode).collect();
        self.file.seek(SeekFrom::Start(HEADER_BYTES as u64 + first as u64 * SECOND_BYTES as u64))?;
        self.file.write_all(&bytes)
    }
}

fn header(source: &LevelSource) -> Vec<u8> {
    let name = cut(&source.name).as_bytes();
    let mut header = MAGIC.to_vec();
    header.extend(((source.calibration_db * 100.0).round() as i32).to_le_bytes());
    header.extend((name.len() as u16).to_le_bytes());
    header.extend(name);
    header.resize(HEADER_BYTES, 0);
    header
}

fn parse_header(header: &[u8]) -> Option<LevelSource> {
    let rest = header.strip_prefix(MAGIC)?;
    let calibration = i32::from_le_bytes(rest.get(..4)?.try_into().ok()?);
    let length = u16::from_le_bytes(rest.get(4..6)?.try_into().ok()?);
    let name = std::str::from_utf8(header.get(NAME_AT..NAME_AT + usize::from(length))?).ok()?;
    Some(LevelSource { name: name.to_owned(), calibration_db: f64::from(calibration) / 100.0 })
}

fn encode(levels: &SecondLevels) -> [u8; SECOND_BYTES] {
    let SecondLevels { laeq_db, lafmax_db, lceq_db, lzeq_db } = *levels;
    let mut bytes = [0; SECOND_BYTES];
    for (place, db) in bytes.chunks_exact_mut(2).zip([laeq_db, lafmax_db, lceq_db, lzeq_db]) {
        // 0 says that there is nothing; conversion cuts what is too large.
        let value = (db * 100.0).round() as i16;
        place.copy_from_slice(&if value == 0 { 1_i16 } else { value }.to_le_bytes());
    }
    bytes
}

fn decode(bytes: &[u8]) -> Option<SecondLevels> {
    let value = |at: usize| {
        let value = i16::from_le_bytes([bytes[at], bytes[at + 1]]);
        (value != 0).then(|| f32::from(value) / 100.0)
    };
    Some(SecondLevels { laeq_db: value(0)?, lafmax_db: value(2)?, lceq_db: value(4)?, lzeq_db: value(6)? })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn levels(db: f32) -> SecondLevels {
        SecondLevels { laeq_db: db, lafmax_db: db + 3.21, lceq_db: db + 5.0, lzeq_db: db + 7.5 }
    }

    fn source() -> LevelSource {
        LevelSource { name: "device:Hof-Mikrofon ü".to_owned(), calibration_db: 121.37 }
    }

    #[test]
    fn seconds_are_found_again_where_they_were() {
        let dir = tempfile::tempdir().unwrap();
        let day: Date = "2026-11-30".parse().unwrap();
        let path = day_path(dir.path(), "yard", day);
        assert_eq!(inputs(dir.path()).unwrap(), Vec::<String>::new());
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        let mut writer = LevelWriter::open(&path, &source()).unwrap();
        writer.write(3600, &[levels(40.0), levels(-5.0)]).unwrap();
        drop(writer);
        let mut writer = LevelWriter::open(&path, &source()).unwrap();
        writer.write(DAY_SECS - 1, &[levels(60.0), levels(61.0)]).unwrap();
        writer.write(DAY_SECS, &[levels(1.0)]).unwrap();
        writer.write(-1, &[levels(1.0)]).unwrap();

        let (from, found) = read_day(&path).unwrap();
        assert_eq!((from, found.len()), (source(), DAY_SECS as usize));
        assert!(!is_of_another(&path, &source().name) && is_of_another(&path, "demo"));
        assert!(!is_of_another(&dir.path().join("none"), "demo"));
        let there: Vec<usize> = (0..found.len()).filter(|second| found[*second].is_some()).collect();
        assert_eq!(there, [3600, 3601, 86_399]);
        let back = found[3600].unwrap();
        assert!((back.lafmax_db - 43.21).abs() < 0.006 && (back.lzeq_db - 47.5).abs() < 0.006, "{back:?}");
        // −5.0 + 5.0: nothing is 0.
        assert!((found[3601].unwrap().lceq_db - 0.01).abs() < 1e-6);
        assert_eq!(inputs(dir.path()).unwrap(), ["yard"]);
        assert_eq!(days(dir.path(), "yard").unwrap(), [DayFile { day, path }]);
    }

    #[test]
    fn what_is_no_such_file_is_refused_and_a_long_name_is_cut() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.levels");
        for bytes in [&b""[..], &[7; 300], b"EWLEVEL1"] {
            std::fs::write(&path, bytes).unwrap();
            assert!(read_day(&path).is_err());
        }
        std::fs::remove_file(&path).unwrap();
        let long = LevelSource { name: "ü".repeat(400), calibration_db: 0.0 };
        LevelWriter::open(&path, &long).unwrap();
        assert_eq!(read_day(&path).unwrap().0.name, "ü".repeat(121));
        assert!(!is_of_another(&path, &long.name));
    }
}
