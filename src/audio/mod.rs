//! Sources of samples, the ring and its counters.
