//! Methods that say what a classifier heard.
