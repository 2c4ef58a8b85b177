//! Trained arrays, in the fixed order of a network's list of names and shapes, and the arrays of its package.

use crate::Result;
use crate::model::tensors::Arrays;
use crate::model::vgg::Param;

/// The arrays of `shapes` as parameters; `decays` says of a name and shape whether weight decay applies.
///
/// # Errors
/// A model error that names the array which is missing or does not fit.
pub(super) fn from_arrays<N: Into<String>>(
    shapes: Vec<(N, Vec<usize>)>,
    arrays: &Arrays,
    decays: impl Fn(&str, &[usize]) -> bool,
) -> Result<Vec<Param>> {
    let one = |(name, shape): (N, Vec<usize>)| {
        let name = name.into();
        let values = arrays.get(&name, &shape)?.to_vec();
        let decays = decays(&name, &shape);
        Ok(Param::new(name, values, decays))
    };
    shapes.into_iter().map(one).collect()
}

/// The parameters by the names of `shapes`.
pub(super) fn to_arrays<N: Into<String>>(shapes: Vec<(N, Vec<usize>)>, params: &[Param]) -> Arrays {
    let mut arrays = Arrays::default();
    for (param, (name, shape)) in params.iter().zip(shapes) {
        arrays.insert(name, shape, param.values.clone());
    }
    arrays
}
