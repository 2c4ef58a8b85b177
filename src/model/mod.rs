//! Model packages, classifiers, dictionaries.
