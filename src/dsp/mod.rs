//! Signal processing on plain slices: windows, STFT, mel, level, resampling.
