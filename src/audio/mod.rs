//! Sources of samples: capture devices, files, standard input, the demo scene; the ring that carries them, and its counters.
//! Playback devices, and the ring that feeds them.
//!
//! # The real-time rule
//!
//! A capture callback converts the format, downmixes and pushes. It does not allocate, free, lock, log, block, panic or do
//! I/O. A full ring drops the *new* samples and counts them. Any chunk length is accepted. What went wrong is told
//! through counters and flags; the reader's side turns them into words.
//!
//! A playback callback reads, mixes and converts under the same rule; what it does not find in time is silence.
//!
//! Everything that runs inside a callback is [`fan::CaptureFan`], [`ring::CapturePush`], `channel_tally.rs`,
//! [`playback::PlaybackPull`], `mixer.rs`, [`playback_clock::ClockFollower`], `jack_cycle.rs`, the closures in `cpal_source.rs` and
//! `cpal_playback.rs`, and what stands between the marks in `jack_client.rs`.
//! `tests/realtime.rs` runs the former under an allocator that aborts, and reads the latter for what must not be there.
//!
//! Channel frames end here: behind the ring there is one channel, at the input's own rate. Resampling is the worker's.

mod account;
mod capture;
mod capture_clock;
mod capture_options;
mod channel_tally;
pub mod channel_watch;
#[cfg(feature = "cpal")]
mod cpal_choice;
#[cfg(feature = "cpal")]
mod cpal_host;
#[cfg(feature = "cpal")]
mod cpal_list;
#[cfg(feature = "cpal")]
mod cpal_playback;
#[cfg(feature = "cpal")]
mod cpal_source;
mod dated;
pub mod demo;
#[cfg(feature = "cpal")]
mod device_ids;
mod device_info;
pub mod devices;
pub mod fan;
mod file_source;
#[cfg(feature = "jack")]
mod jack_client;
#[cfg(feature = "jack")]
pub mod jack_cycle;
#[cfg(feature = "jack")]
mod jack_list;
#[cfg(feature = "jack")]
mod jack_log;
#[cfg(feature = "jack")]
pub mod jack_out;
#[cfg(feature = "jack")]
mod jack_ports;
#[cfg(feature = "jack")]
mod jack_shared;
#[cfg(feature = "jack")]
mod jack_thread;
mod keeper;
mod listen_control;
pub mod listen_spec;
mod live;
mod mixer;
mod net_address;
mod net_source;
pub mod opening;
pub mod playback;
pub mod playback_clock;
pub mod playback_device;
#[cfg(feature = "cpal")]
mod playback_keeper;
#[cfg(all(feature = "pulseaudio", unix))]
mod pulse_probe;
pub mod ring;
pub mod sample;
mod sample_format;
pub mod source;
mod spec;
mod stdin_source;
mod thread_source;
