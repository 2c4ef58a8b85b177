//! Numbers drawn as blocks of one line.

/// Lowest first.
const BLOCKS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// The block of a share of the largest, 0…1.
pub(super) fn block(share: f64) -> char {
    BLOCKS[((share * BLOCKS.len() as f64) as usize).min(BLOCKS.len() - 1)]
}
