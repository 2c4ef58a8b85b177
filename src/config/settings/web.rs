//! The live page.

use serde::Deserialize;

use super::section::{Entry, PutOnto};

section! {
    /// The live page: what the terminal shows, in a browser.
    pub struct WebConfig / WebLayer {
        /// Address to serve it at, as in "127.0.0.1:8787"; "" serves nothing. Only 127.0.0.1 and ::1 work without a token.
        listen: String = String::new(),
        /// File that holds a token of at least 16 letters. Whoever has it may mark events and change thresholds, and look
        /// from other machines; "" allows looking from this machine alone.
        token_file: String = String::new(),
    }
}
