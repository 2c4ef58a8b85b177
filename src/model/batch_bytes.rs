//! How much a device is given at once.

/// Memory that one convolution of a batch may take on a device, besides its input and output: 1 GiB.
pub(crate) const BATCH_BYTES: usize = 1 << 30;
