//! JSON inside a page.

use std::io::Write;

/// Writes JSON so that no browser takes anything in it for markup: in JSON, these characters stand in strings only, where an
/// escape means the same.
pub(super) struct Escaping<W>(pub(super) W);

impl<W: Write> Write for Escaping<W> {
    // What comes here is whole characters: JSON is made of texts.
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let mut rest = bytes;
        while let Some(at) = rest.iter().position(|byte| matches!(byte, b'<' | b'>' | b'&' | 0xe2)) {
            let (before, special) = rest.split_at(at);
            self.0.write_all(before)?;
            let length = match special {
                [0xe2, 0x80, 0xa8 | 0xa9, ..] => {
                    write!(self.0, "\\u20{:02x}", special[2] - 0x80)?;
                    3
                }
                [0xe2, ..] => {
                    self.0.write_all(&special[..1])?;
                    1
                }
                _ => {
                    write!(self.0, "\\u{:04x}", special[0])?;
                    1
                }
            };
            rest = &special[length..];
        }
        self.0.write_all(rest)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.0.flush()
    }
}
