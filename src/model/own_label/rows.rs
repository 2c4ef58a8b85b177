//! One more row for arrays that have one a label.

use crate::model::tensors::Arrays;
use crate::{Error, Result};

/// Appends a row to an array `[rows, …]`.
pub(super) fn push_row(arrays: &mut Arrays, name: &str, row: &[f32]) -> Result<()> {
    let array = arrays.0.get_mut(name).filter(|array| array.shape.iter().skip(1).product::<usize>() == row.len());
    let array = array.ok_or_else(|| {
        Error::model(format!("the weights have no '{name}' with rows of {}; copy the model again", row.len()))
    })?;
    array.values.extend_from_slice(row);
    if let Some(rows) = array.shape.first_mut() {
        *rows += 1;
    }
    Ok(())
}
