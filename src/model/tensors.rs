//! Named arrays as they lie in a checkpoint, by PyTorch's names and layouts.

use std::collections::BTreeMap;

use crate::{Error, Result};

/// One array: row-major values with their shape.
#[derive(Debug, Clone, PartialEq)]
pub struct Array {
    /// Length of each dimension.
    pub shape: Vec<usize>,
    /// As many values as the shape's product.
    pub values: Vec<f32>,
}

impl Array {
    /// An array of `shape`.
    #[must_use]
    pub fn new(shape: impl Into<Vec<usize>>, values: Vec<f32>) -> Self {
        Self { shape: shape.into(), values }
    }
}

/// Arrays by name.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Arrays(pub BTreeMap<String, Array>);

impl Arrays {
    /// Adds or replaces an array.
    pub fn insert(&mut self, name: impl Into<String>, shape: impl Into<Vec<usize>>, values: Vec<f32>) {
        self.0.insert(name.into(), Array::new(shape, values));
    }

    /// The values of `name`, which must have `shape`.
    ///
    /// # Errors
    /// A model error that names the array where it is missing, misshapen or not finite.
    pub fn get(&self, name: &str, shape: &[usize]) -> Result<&[f32]> {
        let array = self.0.get(name).ok_or_else(|| {
            Error::model(format!("the weights have no '{name}'; the file does not fit the manifest's architecture"))
        })?;
        if array.shape != shape {
            return Err(Error::model(format!(
                "'{name}' in the weights has shape {:?} where the manifest's architecture needs {shape:?}",
                array.shape
            )));
        }
        if array.values.iter().any(|v| !v.is_finite()) {
            return Err(Error::model(format!(
                "'{name}' in the weights holds values that are not finite; the file is damaged"
            )));
        }
        Ok(&array.values)
    }

    /// As [`Self::get`] for an array that may be absent.
    ///
    /// # Errors
    /// As [`Self::get`], except where the array is missing.
    pub fn get_optional(&self, name: &str, shape: &[usize]) -> Result<Option<&[f32]>> {
        if self.0.contains_key(name) { self.get(name, shape).map(Some) } else { Ok(None) }
    }
}
