//! Model packages, classifiers, dictionaries.

pub mod kernels;
pub mod ops;
