//! The review from outside: the program on a folder of events, and its page in a real browser.

#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::print_stderr)]

pub(crate) mod browser;
mod cli;
mod page;
mod terminal;
