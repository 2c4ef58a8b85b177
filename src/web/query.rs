//! The few words that may stand behind a question mark.

use axum::http::Uri;

use super::answers::Failure;
use crate::engine::broadcast::Channel;

/// Most inputs that a page can name.
const MAX_INPUT: usize = 1024;

/// The value of `key` in the query; values here need no escapes.
fn value<'a>(uri: &'a Uri, key: &str) -> Option<&'a str> {
    let pairs = uri.query()?.split('&');
    pairs.filter_map(|pair| pair.split_once('=')).find(|(name, _)| *name == key).map(|(_, value)| value)
}

/// The index of the input in `input=N`; the first where none is named.
pub(super) fn input(uri: &Uri) -> Result<usize, Failure> {
    let Some(text) = value(uri, "input") else { return Ok(0) };
    let index = text.parse().ok().filter(|index| *index < MAX_INPUT);
    index.ok_or_else(|| Failure::wrong("input must be the number of an input, as in input=0"))
}

/// The channel that `what=…` names; the input itself by default.
pub(super) fn channel(uri: &Uri) -> Result<Channel, Failure> {
    match value(uri, "what") {
        None | Some("input") => Ok(Channel::Input),
        Some("interpretation") => Ok(Channel::Interpretation),
        Some(_) => Err(Failure::wrong("what must be input or interpretation")),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn inputs_and_channels_are_read_within_bounds() {
        let uri = |text: &str| text.parse::<Uri>().unwrap();
        assert_eq!(input(&uri("/x")).unwrap(), 0);
        assert_eq!(input(&uri("/x?what=input&input=7")).unwrap(), 7);
        for wrong in ["/x?input=-1", "/x?input=", "/x?input=99999999999999999999", "/x?input=1024"] {
            assert!(input(&uri(wrong)).is_err(), "{wrong}");
        }
        assert_eq!(channel(&uri("/x")).unwrap(), Channel::Input);
        assert_eq!(channel(&uri("/x?what=interpretation")).unwrap(), Channel::Interpretation);
        assert!(channel(&uri("/x?what=all")).is_err());
    }
}
