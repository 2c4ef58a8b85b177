//! Matrices in NumPy's `.npy` format, as far as a dictionary needs it: two dimensions, f32 or f64, row by row or column
//! by column. Strict and bounded: what is read may have been written by anyone.

use std::path::Path;

use crate::checked_file::{self, Links};
use crate::error::{Error, Result};

/// The first bytes of every `.npy` file.
const MAGIC: &[u8] = b"\x93NUMPY";
/// Largest file that is taken for meant: 256 MiB.
const MAX_BYTES: u64 = 256 << 20;
/// Longest header that is taken for meant; NumPy's own is 118 bytes for a matrix.
const MAX_HEADER: usize = 4096;
/// Most rows and most columns.
const MAX_SIDE: usize = 1 << 20;

/// A matrix, row by row.
#[derive(Debug, Clone, PartialEq)]
pub struct Matrix {
    /// Rows.
    pub rows: usize,
    /// Columns.
    pub cols: usize,
    /// `[rows, cols]`, all finite.
    pub values: Vec<f32>,
}

/// Reads a matrix from a file.
///
/// # Errors
/// [`crate::ErrorKind::Input`], naming the file: it cannot be read, is too large, or is none that [`parse`] reads.
pub fn read(path: &Path) -> Result<Matrix> {
    let name = path.display().to_string();
    let unreadable =
        |e: std::io::Error| Error::input(format!("cannot read {name} ({e}); name a .npy file")).with_source(e);
    let bytes = checked_file::read(path, Links::Follow, MAX_BYTES).map_err(|e| match e.kind() {
        std::io::ErrorKind::FileTooLarge => Error::input(format!(
            "{name} is larger than {} MiB, too large for a dictionary; save only the matrix W",
            MAX_BYTES >> 20
        )),
        _ => unreadable(e),
    })?;
    parse(&bytes, &name)
}

/// Reads a matrix from a file's bytes; `name` is what errors call the file.
///
/// # Errors
/// [`crate::ErrorKind::Input`]: no `.npy` file, another type than f32 or f64, not two dimensions, a length that does not
/// fit the shape, or a value that is not finite.
pub fn parse(bytes: &[u8], name: &str) -> Result<Matrix> {
    let bad = |what: String| Error::input(format!("{name} {what}; save the matrix again with numpy.save"));
    let (header, data) = split(bytes).ok_or_else(|| bad("is no .npy file, or its beginning is damaged".into()))?;
    let Header { float, big_endian, by_columns, rows, cols } = parse_header(header).map_err(bad)?;
    let n = rows * cols;
    if data.len() != n * float {
        return Err(bad(format!("holds {} bytes of numbers where {rows} × {cols} need {}", data.len(), n * float)));
    }
    let mut values: Vec<f32> = match (float, big_endian) {
        (4, false) => data.as_chunks().0.iter().map(|b| f32::from_le_bytes(*b)).collect(),
        (4, true) => data.as_chunks().0.iter().map(|b| f32::from_be_bytes(*b)).collect(),
        (_, false) => data.as_chunks().0.iter().map(|b| f64::from_le_bytes(*b) as f32).collect(),
        (_, true) => data.as_chunks().0.iter().map(|b| f64::from_be_bytes(*b) as f32).collect(),
    };
    if by_columns {
        values = (0..n).map(|i| values[(i % cols) * rows + i / cols]).collect();
    }
    if let Some(i) = values.iter().position(|v| !v.is_finite()) {
        return Err(bad(format!("holds {} in row {}, column {}", values[i], i / cols, i % cols)));
    }
    Ok(Matrix { rows, cols, values })
}

/// The header's text and the numbers behind it.
fn split(bytes: &[u8]) -> Option<(&str, &[u8])> {
    let (version, rest) = bytes.strip_prefix(MAGIC)?.split_at_checked(2)?;
    let (length, rest) = match version[0] {
        1 => rest.split_first_chunk().map(|(n, rest)| (usize::from(u16::from_le_bytes(*n)), rest))?,
        2 | 3 => rest.split_first_chunk().map(|(n, rest)| (u32::from_le_bytes(*n) as usize, rest))?,
        _ => return None,
    };
    if length > MAX_HEADER {
        return None;
    }
    let (header, data) = rest.split_at_checked(length)?;
    Some((std::str::from_utf8(header).ok()?, data))
}

/// What a header says.
struct Header {
    /// Bytes of a number.
    float: usize,
    big_endian: bool,
    by_columns: bool,
    rows: usize,
    cols: usize,
}

/// Reads the header, a Python dictionary such as `{'descr': '<f4', 'fortran_order': True, 'shape': (513, 100), }`; where
/// it is another, says what is wrong with the file.
fn parse_header(text: &str) -> Result<Header, String> {
    let mut scan = Scan(text.trim_end());
    let broken = || "has a header that cannot be read".to_string();
    let (mut descr, mut by_columns, mut shape) = (None, None, None);
    scan.take("{").ok_or_else(broken)?;
    while scan.take("}").is_none() {
        let key = scan.quoted().ok_or_else(broken)?;
        scan.take(":").ok_or_else(broken)?;
        match key {
            "descr" if descr.is_none() => descr = Some(scan.quoted().ok_or_else(|| type_refused("a structure"))?),
            "fortran_order" if by_columns.is_none() => {
                by_columns = Some(if scan.take("True").is_some() {
                    true
                } else {
                    scan.take("False").map(|()| false).ok_or_else(broken)?
                });
            }
            "shape" if shape.is_none() => shape = Some(scan.tuple().ok_or_else(broken)?),
            _ => return Err(broken()),
        }
        if scan.take(",").is_none() && !scan.0.trim_start().starts_with('}') {
            return Err(broken());
        }
    }
    let (Some(descr), Some(by_columns), Some(shape), "") = (descr, by_columns, shape, scan.0.trim()) else {
        return Err(broken());
    };
    let (float, big_endian) = match descr {
        "<f4" => (4, false),
        ">f4" => (4, true),
        "<f8" => (8, false),
        ">f8" => (8, true),
        other => return Err(type_refused(other)),
    };
    let &[rows, cols] = shape.as_slice() else {
        return Err(format!("has {} dimensions where a matrix has 2", shape.len()));
    };
    // Sides as bounded as this cannot overflow.
    if rows == 0 || cols == 0 || rows > MAX_SIDE || cols > MAX_SIDE {
        return Err(format!("has {rows} rows and {cols} columns, and 1 to {MAX_SIDE} of each are read"));
    }
    Ok(Header { float, big_endian, by_columns, rows, cols })
}

fn type_refused(descr: &str) -> String {
    let safe: String = descr.chars().filter(|c| !c.is_control()).take(20).collect();
    format!("holds numbers of type {safe:?}, and only float32 and float64 are read")
}

/// What is left of a header's text.
struct Scan<'a>(&'a str);

impl<'a> Scan<'a> {
    /// Takes `word` behind any spaces, if it is there.
    fn take(&mut self, word: &str) -> Option<()> {
        self.0 = self.0.trim_start().strip_prefix(word)?;
        Some(())
    }

    /// A string in quotes, without escapes.
    fn quoted(&mut self) -> Option<&'a str> {
        let text = self.0.trim_start();
        let quote = text.chars().next().filter(|c| matches!(c, '\'' | '"'))?;
        let (inside, rest) = text[1..].split_once(quote)?;
        self.0 = rest;
        (!inside.contains('\\')).then_some(inside)
    }

    /// Whole numbers in brackets, as in `(513, 100)`.
    fn tuple(&mut self) -> Option<Vec<usize>> {
        self.take("(")?;
        let (inside, rest) = self.0.split_once(')')?;
        self.0 = rest;
        let inside = inside.trim();
        let inside = inside.strip_suffix(',').unwrap_or(inside);
        if inside.is_empty() {
            return Some(Vec::new());
        }
        inside.split(',').map(|n| n.trim().parse().ok()).collect()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn file(header: &str, data: &[u8]) -> Vec<u8> {
        let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
        bytes.extend((header.len() as u16).to_le_bytes());
        bytes.extend(header.as_bytes());
        bytes.extend(data);
        bytes
    }

    fn le(values: &[f32]) -> Vec<u8> {
        values.iter().flat_map(|v| v.to_le_bytes()).collect()
    }

    const SIX: [f32; 6] = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];

    /// ```python
    /// np.save("f.npy", np.asfortranarray(np.arange(1, 7, dtype=np.float32).reshape(2, 3)))
    /// print(open("f.npy", "rb").read().hex(" ", 1))
    /// ```
    #[test]
    fn what_numpy_saved_column_by_column_is_read_row_by_row() {
        let header = format!("{{'descr': '<f4', 'fortran_order': True, 'shape': (2, 3), }}{}\n", " ".repeat(59));
        let bytes = file(&header, &le(&[1.0, 4.0, 2.0, 5.0, 3.0, 6.0]));
        assert_eq!((&bytes[6..10], bytes.len()), (&[1, 0, 118, 0][..], 152), "NumPy's own length");
        assert_eq!(parse(&bytes, "f").unwrap(), Matrix { rows: 2, cols: 3, values: SIX.to_vec() });
    }

    #[test]
    fn every_float_order_and_version_is_read() {
        let want = Matrix { rows: 2, cols: 3, values: SIX.to_vec() };
        let header = |descr: &str| format!("{{'shape': (2, 3), \"descr\": \"{descr}\", 'fortran_order': False}}\n");
        assert_eq!(parse(&file(&header("<f4"), &le(&SIX)), "f").unwrap(), want);
        let f8: Vec<u8> = SIX.iter().flat_map(|v| f64::from(*v).to_le_bytes()).collect();
        assert_eq!(parse(&file(&header("<f8"), &f8), "f").unwrap(), want);
        let big: Vec<u8> = SIX.iter().flat_map(|v| v.to_be_bytes()).collect();
        assert_eq!(parse(&file(&header(">f4"), &big), "f").unwrap(), want);
        let big: Vec<u8> = SIX.iter().flat_map(|v| f64::from(*v).to_be_bytes()).collect();
        assert_eq!(parse(&file(&header(">f8"), &big), "f").unwrap(), want);
        let mut second = b"\x93NUMPY\x02\x00".to_vec();
        second.extend((header("<f4").len() as u32).to_le_bytes());
        second.extend(header("<f4").as_bytes());
        second.extend(le(&SIX));
        assert_eq!(parse(&second, "f").unwrap(), want);
    }

    #[test]
    fn broken_files_are_refused_in_words() {
        let good = "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }\n";
        let refused = |bytes: &[u8]| {
            let e = parse(bytes, "w.npy").unwrap_err();
            assert_eq!(e.kind(), crate::ErrorKind::Input);
            let e = e.to_string();
            assert!(e.starts_with("w.npy ") && e.ends_with("; save the matrix again with numpy.save"), "{e}");
            e
        };
        assert!(refused(b"").contains("is no .npy file"));
        assert!(refused(b"PK\x03\x04").contains("is no .npy file"));
        // Cut anywhere, it is never a matrix.
        let whole = file(good, &le(&SIX));
        assert!(parse(&whole, "w.npy").is_ok());
        for n in 0..whole.len() {
            refused(&whole[..n]);
        }
        let mut long = whole.clone();
        long.push(0);
        assert!(refused(&long).contains("holds 25 bytes of numbers where 2 × 3 need 24"));
        for (header, what) in [
            ("{'descr': '<i8', 'fortran_order': False, 'shape': (2, 3), }", "type \"<i8\""),
            ("{'descr': '|O', 'fortran_order': False, 'shape': (2, 3), }", "type \"|O\""),
            ("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (2, 3), }", "type \"a structure\""),
            ("{'descr': '<f4', 'fortran_order': False, 'shape': (6,), }", "has 1 dimensions"),
            ("{'descr': '<f4', 'fortran_order': False, 'shape': (), }", "has 0 dimensions"),
            ("{'descr': '<f4', 'fortran_order': False, 'shape': (0, 3), }", "has 0 rows"),
            ("{'descr': '<f4', 'fortran_order': False, 'shape': (99999999, 99999999), }", "rows and"),
            ("{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999, 3), }", "header"),
            ("{'descr': '<f4', 'fortran_order': False, 'shape': (-2, 3), }", "header"),
            ("{'descr': '<f4', 'fortran_order': 1, 'shape': (2, 3), }", "header"),
            ("{'descr': '<f4', 'shape': (2, 3), }", "header"),
            ("{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }", "header"),
            ("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), 'more': 1}", "header"),
            ("{'descr': '<f4' 'fortran_order': False, 'shape': (2, 3), }", "header"),
            ("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), } x", "header"),
            ("__import__('os')", "header"),
            ("{", "header"),
        ] {
            let e = refused(&file(header, &le(&SIX)));
            assert!(e.contains(what), "{header}: {e}");
        }
        let mut nan = SIX;
        nan[4] = f32::NAN;
        assert!(refused(&file(good, &le(&nan))).contains("holds NaN in row 1, column 1"));
        // A double too large for f32 would become infinite.
        let wide: Vec<u8> = [1e300_f64; 6].iter().flat_map(|v| v.to_le_bytes()).collect();
        let header = "{'descr': '<f8', 'fortran_order': False, 'shape': (2, 3), }\n";
        assert!(refused(&file(header, &wide)).contains("holds inf in row 0"));
    }
}
