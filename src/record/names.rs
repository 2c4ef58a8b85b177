//! Names that are safe in any folder.

/// Longest part of a file name made here, in bytes: three of them and a time stay far below the usual limit of 255.
const MAX_BYTES: usize = 64;

/// Makes one part of a file name out of any text: letters and digits of any script, `_` and `-` stay, every run of
/// anything else (slashes, dots, blanks, control characters) becomes one `_`, and the result is never longer than
/// 64 bytes, never empty (`fallback` stands in) and never begins or ends with `_` or `-`.
///
/// `fallback` must itself be such a name.
pub(crate) fn safe_part(text: &str, fallback: &str) -> String {
    let mut name = String::with_capacity(text.len().min(MAX_BYTES));
    for c in text.chars() {
        let c = if c.is_alphanumeric() || c == '-' { c } else { '_' };
        if c == '_' && (name.is_empty() || name.ends_with('_')) {
            continue;
        }
        if name.len() + c.len_utf8() > MAX_BYTES {
            break;
        }
        name.push(c);
    }
    let trimmed = name.trim_matches(['_', '-']);
    if trimmed.is_empty() { fallback.to_owned() } else { trimmed.to_owned() }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn ordinary_labels_stay_and_the_rest_is_made_safe() {
        assert_eq!(safe_part("crying_baby", "event"), "crying_baby");
        assert_eq!(safe_part("Türklingel", "event"), "Türklingel");
        assert_eq!(safe_part("Dog bark, indoors (loud)", "event"), "Dog_bark_indoors_loud");
        assert_eq!(safe_part("a/b", "event"), "a_b");
        assert_eq!(safe_part("../../etc/passwd", "event"), "etc_passwd");
        assert_eq!(safe_part("..", "event"), "event");
        assert_eq!(safe_part("", "event"), "event");
        assert_eq!(safe_part("-rf", "event"), "rf");
        assert_eq!(safe_part("a\0b\nc", "event"), "a_b_c");
        assert_eq!(safe_part("🐕", "event"), "event");
    }

    #[test]
    fn long_labels_are_cut_between_letters() {
        let name = safe_part(&"ü".repeat(500), "event");
        assert_eq!(name, "ü".repeat(32));
    }

    proptest! {
        #[test]
        fn any_label_is_one_safe_path_component(label in "\\PC{0,120}|.{0,120}|[./\\\\_ -]{0,20}") {
            let name = safe_part(&label, "event");
            prop_assert!(!name.is_empty() && name.len() <= MAX_BYTES);
            prop_assert!(!name.contains(['/', '\\', '.', '\0', ' ', '\n']));
            let parts: Vec<_> = std::path::Path::new(&name).components().collect();
            prop_assert!(matches!(parts.as_slice(), [std::path::Component::Normal(part)] if *part == name.as_str()));
            // Making a safe name safe again changes nothing.
            prop_assert_eq!(safe_part(&name, "event"), name);
        }
    }
}
