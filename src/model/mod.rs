//! Model packages, classifiers, dictionaries.

pub mod manifest;
pub mod package;
