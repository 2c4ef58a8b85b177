//! Whether anything is still heard.

use crate::engine::snapshot::{Phase, Snapshot};

/// Whether nothing is listened to any more.
pub(super) fn is_over(snapshot: &Snapshot) -> bool {
    let over = |phase: &Phase| matches!(phase, Phase::Ended(_) | Phase::Failed(_));
    over(&snapshot.phase) && snapshot.inputs.iter().all(|input| over(&input.phase))
}
