//! Checkpoints: everything a run needs to go on, in one safetensors file that appears whole or not at all.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use safetensors::tensor::{Dtype, SafeTensors, TensorView};

use super::adam::Adam;
use crate::checked_file::{self, Links};
use crate::model::tensors::{Array, Arrays};
use crate::{Error, Result};

/// Longest checkpoint, in bytes.
const MAX_BYTES: u64 = 8 << 30;

/// State of a run between two epochs.
#[derive(Debug, Clone, Default)]
pub struct Checkpoint {
    /// Epochs done.
    pub epoch: usize,
    /// What the run was started with, as text: a run may only go on with the same.
    pub settings: String,
    /// The trained arrays.
    pub arrays: Arrays,
    /// The optimiser's memory.
    pub adam: Adam,
}

impl Checkpoint {
    /// Writes the checkpoint.
    ///
    /// # Errors
    /// An output error that names the file.
    pub fn save(&self, path: &Path) -> Result<()> {
        let mut raw: Vec<(String, Vec<usize>, Vec<u8>)> = Vec::new();
        let bytes = |values: &[f32]| values.iter().flat_map(|v| v.to_le_bytes()).collect::<Vec<u8>>();
        for (name, array) in &self.arrays.0 {
            raw.push((format!("net.{name}"), array.shape.clone(), bytes(&array.values)));
        }
        for (i, (m, v)) in self.adam.moments.iter().enumerate() {
            raw.push((format!("adam.{i}.m"), vec![m.len()], bytes(m)));
            raw.push((format!("adam.{i}.v"), vec![v.len()], bytes(v)));
        }
        let mut views = Vec::with_capacity(raw.len());
        let bug = |e| Error::bug(format!("a checkpoint cannot be written as safetensors ({e}); please report this"));
        for (name, shape, data) in &raw {
            views.push((name.as_str(), TensorView::new(Dtype::F32, shape.clone(), data).map_err(bug)?));
        }
        let about = HashMap::from([
            ("epoch".to_string(), self.epoch.to_string()),
            ("steps".to_string(), self.adam.steps.to_string()),
            ("settings".to_string(), self.settings.clone()),
        ]);
        let data = safetensors::serialize(views, Some(about)).map_err(bug)?;
        let temporary = path.with_extension("tmp");
        let unwritable = |e: std::io::Error| {
            Error::output(format!(
                "cannot write the checkpoint {}: {e}; free some space or choose another folder",
                path.display()
            ))
            .with_source(e)
        };
        fs::write(&temporary, data).map_err(unwritable)?;
        fs::rename(&temporary, path).map_err(unwritable)
    }

    /// Reads a checkpoint; `None` where there is none. `adam` carries the optimiser's settings.
    ///
    /// # Errors
    /// An input error where the file is damaged, a usage error where it belongs to a run with other settings.
    pub fn load(path: &Path, settings: &str, mut adam: Adam) -> Result<Option<Self>> {
        let data = match checked_file::read(path, Links::Follow, MAX_BYTES) {
            Ok(data) => data,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(e) => {
                return Err(Error::input(format!("cannot read the checkpoint {}: {e}", path.display())).with_source(e));
            }
        };
        let damaged =
            || Error::input(format!("the checkpoint {} is damaged; delete it and start again", path.display()));
        let (_, header) = SafeTensors::read_metadata(&data).map_err(|_| damaged())?;
        let about = header.metadata().clone().unwrap_or_default();
        if about.get("settings").map(String::as_str) != Some(settings) {
            return Err(Error::usage(format!(
                "the checkpoint {} was made with other settings; use the same ones, or another output folder",
                path.display()
            )));
        }
        let number = |key: &str| about.get(key).and_then(|v| v.parse::<u64>().ok()).ok_or_else(damaged);
        let (epoch, steps) = (number("epoch")?, number("steps")?);
        let file = SafeTensors::deserialize(&data).map_err(|_| damaged())?;
        let floats = |view: &TensorView<'_>| -> Vec<f32> {
            view.data().as_chunks().0.iter().map(|b| f32::from_le_bytes(*b)).collect()
        };
        let mut arrays = Arrays::default();
        for (name, view) in file.iter() {
            if let Some(name) = name.strip_prefix("net.") {
                arrays.0.insert(name.to_string(), Array::new(view.shape().to_vec(), floats(&view)));
            }
        }
        adam.steps = steps;
        adam.moments.clear();
        while let (Ok(m), Ok(v)) = (
            file.tensor(&format!("adam.{}.m", adam.moments.len())),
            file.tensor(&format!("adam.{}.v", adam.moments.len())),
        ) {
            adam.moments.push((floats(&m), floats(&v)));
        }
        Ok(Some(Self { epoch: epoch as usize, settings: settings.to_string(), arrays, adam }))
    }
}
