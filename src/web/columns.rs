//! Which columns of the waterfall a page does not have yet.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::state_lines::ColumnsJson;
use crate::engine::snapshot::Waterfall;

/// Level of a byte of 0, and of one of 255, in dB.
const RANGE_DB: (f32, f32) = (-120.0, 0.0);

/// What a page has of a waterfall.
#[derive(Debug, Default)]
pub(super) struct Sent {
    /// The next frame that it does not have.
    next: Option<u64>,
    /// The first frame that it has without its final mask.
    unmasked: u64,
}

impl Sent {
    /// The columns that are new, or have got their mask since they were sent; none where nothing has changed.
    pub(super) fn take(&mut self, waterfall: &Waterfall) -> Option<ColumnsJson> {
        let n = waterfall.n_columns();
        let (first, end) = (waterfall.first_frame, waterfall.first_frame + n as u64);
        // Where time went back or was left out, the page begins anew.
        let known = self.next.filter(|next| (first..=end).contains(next));
        if n == 0 || known == Some(end) {
            return None;
        }
        let from = known.map_or(first, |next| self.unmasked.clamp(first, next));
        let bands = waterfall.n_bands;
        let values = (from - first) as usize * bands..n * bands;
        let masked = waterfall.mask.rchunks(bands.max(1)).take_while(|column| column.iter().all(|m| *m == 0.0)).count();
        self.next = Some(end);
        self.unmasked = (end - masked as u64).max(end.saturating_sub(MOST_AGAIN));
        let bytes =
            |values: &[f32], byte: fn(&f32) -> u8| STANDARD.encode(values.iter().map(byte).collect::<Vec<u8>>());
        Some(ColumnsJson {
            first_frame: from,
            restart: known.is_none(),
            frame_s: waterfall.frame_secs,
            n_bands: bands,
            level: bytes(waterfall.level_db.get(values.clone())?, level_byte),
            mask: bytes(waterfall.mask.get(values)?, mask_byte),
            centre_hz: if known.is_none() { waterfall.centre_hz.clone() } else { Vec::new() },
        })
    }
}

/// Columns whose mask is looked for again at most: a mask is final a second after its sound.
const MOST_AGAIN: u64 = 96;

fn level_byte(db: &f32) -> u8 {
    let (low, high) = RANGE_DB;
    // A value that is no number becomes 0.
    ((db - low) / (high - low) * 255.0).round() as u8
}

fn mask_byte(mask: &f32) -> u8 {
    (mask * 255.0).round() as u8
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn waterfall(frames: std::ops::Range<u64>, masked_until: u64) -> Waterfall {
        let n = (frames.end - frames.start) as usize;
        let mask = frames.clone().flat_map(|frame| [if frame < masked_until { 1.0 } else { 0.0 }; 2]).collect();
        Waterfall {
            n_bands: 2,
            first_frame: frames.start,
            frame_secs: 0.016,
            level_db: vec![-60.0; 2 * n],
            mask,
            centre_hz: vec![100.0, 200.0],
        }
    }

    fn frames(columns: &ColumnsJson) -> std::ops::Range<u64> {
        let n = STANDARD.decode(&columns.level).unwrap().len() as u64 / 2;
        assert_eq!(STANDARD.decode(&columns.mask).unwrap().len() as u64, 2 * n);
        columns.first_frame..columns.first_frame + n
    }

    #[test]
    fn a_page_gets_what_is_new_and_masks_that_have_become_final() {
        let mut sent = Sent::default();
        let first = sent.take(&waterfall(100..200, 180)).unwrap();
        assert_eq!((frames(&first), first.centre_hz.len(), first.restart), (100..200, 2, true));
        assert!(sent.take(&waterfall(100..200, 180)).is_none());
        let second = sent.take(&waterfall(110..210, 190)).unwrap();
        assert_eq!((frames(&second), second.centre_hz.len(), second.restart), (180..210, 0, false));
        assert_eq!(frames(&sent.take(&waterfall(120..220, 220)).unwrap()), 190..220);
        assert_eq!(frames(&sent.take(&waterfall(130..230, 220)).unwrap()), 220..230);
    }

    #[test]
    fn after_a_jump_the_page_begins_anew() {
        let mut sent = Sent::default();
        sent.take(&waterfall(100..200, 200)).unwrap();
        assert_eq!(frames(&sent.take(&waterfall(500..600, 600)).unwrap()), 500..600);
        assert_eq!(frames(&sent.take(&waterfall(0..50, 0)).unwrap()), 0..50);
        assert!(sent.take(&waterfall(0..0, 0)).is_none());
    }

    #[test]
    fn levels_and_masks_are_bytes() {
        assert_eq!([-200.0, -120.0, -60.0, 0.0, 9.0, f32::NAN].map(|db| level_byte(&db)), [0, 0, 128, 255, 255, 0]);
        assert_eq!([0.0, 0.5, 1.0].map(|mask| mask_byte(&mask)), [0, 128, 255]);
    }
}
