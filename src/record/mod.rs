//! Event folders and JSON lines.
