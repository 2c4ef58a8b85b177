//! Ids of ALSA devices that stay the same when the kernel numbers its cards in another order.

use std::fs;

/// An ALSA id with the card's name in place of its number, as in `hw:CARD=USB,DEV=0`; other ids as they are.
pub(super) fn stable_id(id: &str) -> String {
    stable(id, card_name)
}

/// Whether two ALSA ids mean the same device, however they are spelt: `hw:1` and `hw:CARD=USB,DEV=0` may.
pub(super) fn same_id(a: &str, b: &str) -> bool {
    a == b || spelt_out(&stable_id(a)) == spelt_out(&stable_id(b))
}

/// What the kernel calls the card with this number.
fn card_name(number: u32) -> Option<String> {
    let name = fs::read_to_string(format!("/proc/asound/card{number}/id")).ok()?;
    Some(name.trim().to_owned()).filter(|name| !name.is_empty())
}

fn stable(id: &str, card_name: impl Fn(u32) -> Option<String>) -> String {
    let named = || {
        let (kind, arguments) = id.split_once(':')?;
        let (card, rest) = arguments.split_once(',').map_or((arguments, None), |(card, rest)| (card, Some(rest)));
        let (key, number) = card.split_once('=').map_or(("", card), |(key, number)| (key, number));
        if !matches!(key, "" | "CARD") {
            return None;
        }
        let name = card_name(number.trim().parse().ok()?)?;
        let equals = if key.is_empty() { "" } else { "=" };
        let comma = if rest.is_some() { "," } else { "" };
        Some(format!("{kind}:{key}{equals}{name}{comma}{}", rest.unwrap_or_default()))
    };
    named().unwrap_or_else(|| id.to_owned())
}

/// `hw:USB,1` and `hw:CARD=USB` in full: `hw:CARD=USB,DEV=1` and `hw:CARD=USB,DEV=0`.
fn spelt_out(id: &str) -> String {
    let Some((kind, arguments)) = id.split_once(':') else { return id.to_owned() };
    let (card, device) = arguments.split_once(',').unwrap_or((arguments, "0"));
    let (card, device) = (card.trim(), device.trim());
    format!(
        "{kind}:CARD={},DEV={}",
        card.strip_prefix("CARD=").unwrap_or(card),
        device.strip_prefix("DEV=").unwrap_or(device)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_become_names() {
        let names = |number| (number == 1).then(|| "USB".to_owned());
        for (id, expected) in [
            ("hw:1", "hw:USB"),
            ("hw:1,2", "hw:USB,2"),
            ("plughw:CARD=1,DEV=0", "plughw:CARD=USB,DEV=0"),
            ("hw:CARD=USB,DEV=0", "hw:CARD=USB,DEV=0"),
            ("sysdefault:CARD=1", "sysdefault:CARD=USB"),
            ("hw:CARD=7,DEV=0", "hw:CARD=7,DEV=0"),
            ("hdmi:DEV=1,CARD=1", "hdmi:DEV=1,CARD=1"),
            ("default", "default"),
        ] {
            assert_eq!(stable(id, names), expected, "{id}");
        }
    }

    #[test]
    fn one_device_may_be_spelt_in_several_ways() {
        for (a, b, same) in [
            ("hw:USB", "hw:CARD=USB,DEV=0", true),
            ("hw:USB,1", "hw:CARD=USB,DEV=1", true),
            ("sysdefault:CARD=USB", "sysdefault:USB", true),
            ("hw:CARD=USB", "hw:CARD=USB,DEV=1", false),
            ("hw:USB", "plughw:USB", false),
            ("hw:7", "hw:CARD=7,DEV=0", true),
            ("default", "default", true),
            ("default", "fifocap", false),
        ] {
            assert_eq!(same_id(a, b), same, "{a} and {b}");
        }
    }
}
