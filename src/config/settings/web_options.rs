//! What the live page is served with.

use super::Config;
use super::secret::secret;
use super::web::WebConfig;
use crate::error::{Error, Result};
use crate::web::WebOptions;

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
