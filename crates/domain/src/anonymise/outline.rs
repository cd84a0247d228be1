//! The outline of a value: what a plan may show of it.

/// So many characters of a value are outlined at most.
pub const OUTLINE_LENGTH: usize = 24;

/// The form of a value without its content: every letter becomes `x` and every digit `9`, whatever
/// else ASCII has stays, and so does nothing beyond ASCII. `Ada-7@example.org` is
/// `xxx-9@xxxxxxx.xxx`.
#[must_use]
pub fn outline(value: &str) -> String {
    let covered = |character: char| match character {
        '0'..='9' => '9',
        kept if kept.is_ascii() && !kept.is_ascii_alphabetic() => kept,
        _ => 'x',
    };
    value.chars().take(OUTLINE_LENGTH).map(covered).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn letters_and_digits_are_covered_and_the_form_remains() {
        for (value, outlined) in [
            ("Ada-7@example.org", "xxx-9@xxxxxxx.xxx"),
            ("+49 (30) 1234-567", "+99 (99) 9999-999"),
            ("Łódź, ul. Ñ 5", "xxxx, xx. x 9"),
            ("नमस्ते ٣", "xxxxxx x"),
            ("", ""),
            ("abcdefghijklmnopqrstuvwxyz", "xxxxxxxxxxxxxxxxxxxxxxxx"),
        ] {
            assert_eq!(outline(value), outlined, "{value}");
        }
    }

    proptest! {
        #[test]
        fn no_letter_or_digit_survives(value in ".{0,40}") {
            let outlined = outline(&value);
            prop_assert!(outlined.chars().count() <= OUTLINE_LENGTH);
            prop_assert!(outlined.chars().all(|c| c == 'x' || c == '9' || (c.is_ascii() && !c.is_ascii_alphanumeric())));
            prop_assert_eq!(outline(&outlined), outlined);
        }
    }
}
