//! The live page.

use serde::Deserialize;

use super::section::PutOnto;
use super::{Config, sink_options::secret};
use crate::config::settings::section::Entry;
use crate::error::{Error, Result};
use crate::web::WebOptions;

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

impl Config {
    /// What the live page is served with; none where it is not wanted.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Usage`] where the token cannot be read or used.
    pub fn web(&self) -> Result<Option<WebOptions>> {
        let WebConfig { listen, token_file } = &self.web;
        if listen.is_empty() {
            return Ok(None);
        }
        let token = match token_file.as_str() {
            "" => String::new(),
            file => secret(file, "token_file in [web]")?.0,
        };
        if token.is_empty() && !token_file.is_empty() {
            return Err(Error::usage(format!("{token_file} is empty; {}", WebOptions::TOKEN_REMEDY)));
        }
        let options = WebOptions { listen: listen.clone(), token };
        match options.fault() {
            Some((key, remedy)) => Err(Error::usage(format!("{key} in [web] cannot be used; {remedy}"))),
            None => Ok(Some(options)),
        }
    }
}
