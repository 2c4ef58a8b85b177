//! Listen to Interpret.
