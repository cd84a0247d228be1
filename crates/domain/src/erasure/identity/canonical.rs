//! The one form of what people write in many ways.
//!
//! Each function gives the same for the same text however it is written, and leaves what it gave as it is:
//! what was brought to its form by one service is read again by another.

use idna::AsciiDenyList;
use idna::uts46::{DnsLength, Hyphens, Uts46};
use unicode_normalization::UnicodeNormalization as _;

/// What a label of a domain begins with that is written in punycode.
const PUNYCODE: &str = "xn--";

/// A text in Unicode's composed form (NFC), without the characters that nobody sees and without the blanks
/// around it.
pub(super) fn text(value: &str) -> String {
    if value.is_ascii() {
        return value.trim().to_owned();
    }
    let composed: String = value.chars().filter(|letter| !is_invisible(*letter)).nfc().collect();
    composed.trim().to_owned()
}

/// An address in small letters, its domain as people read it.
pub(super) fn email(value: &str) -> String {
    let small: String = text(value).to_lowercase().nfc().collect();
    match small.rsplit_once('@') {
        Some((local, domain)) => format!("{local}@{}", readable(domain)),
        None => small,
    }
}

/// The address with its domain in punycode: the only way to write it in ASCII, where there is one.
pub(super) fn email_in_ascii(canonical: &str) -> Option<String> {
    let (local, domain) = canonical.rsplit_once('@')?;
    let domain = Uts46::new().to_ascii(domain.as_bytes(), DENIED, Hyphens::Allow, DnsLength::Ignore).ok()?;
    Some(format!("{local}@{domain}")).filter(|address| address.is_ascii())
}

/// Of a telephone number its digits, with `+` before a country code.
pub(super) fn phone(value: &str) -> String {
    let text = text(value);
    let digits = digits(&text);
    match digits.strip_prefix("00") {
        _ if text.starts_with('+') => format!("+{digits}"),
        Some(international) => format!("+{international}"),
        None => digits,
    }
}

/// The digits of ASCII.
pub(super) fn digits(text: &str) -> String {
    text.chars().filter(char::is_ascii_digit).collect()
}

/// What no name of a host has: an address stays as it is where its domain comes to have any of these.
const DENIED: AsciiDenyList = AsciiDenyList::URL;

/// A domain in the letters that its punycode stands for (UTS 46), without the dots of the root. What is no
/// domain stays as it is.
fn readable(domain: &str) -> String {
    let bare = without_root(domain);
    if bare.is_ascii() && !bare.contains(PUNYCODE) {
        return bare.to_owned();
    }
    match Uts46::new().to_unicode(bare.as_bytes(), DENIED, Hyphens::Allow) {
        (readable, Ok(())) => without_root(&readable).to_owned(),
        (_, Err(_)) => bare.to_owned(),
    }
}

fn without_root(domain: &str) -> &str {
    domain.trim_end_matches(|letter: char| letter == '.' || letter.is_whitespace())
}

/// Whether it is a character without width: it joins, parts or turns others, or marks the order of bytes.
/// Such come along when an address is copied from a page, a table or a document.
fn is_invisible(letter: char) -> bool {
    matches!(
        letter,
        '\u{ad}'
            | '\u{34f}'
            | '\u{61c}'
            | '\u{180e}'
            | '\u{200b}'..='\u{200f}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{feff}'
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What is likely to be written in several ways.
    fn address() -> impl Strategy<Value = String> {
        prop_oneof![
            any::<String>(),
            "[aA.+ö\u{308}\u{200b} ]{0,4}@[a-zA-ZüÜßς\u{308}\u{feff}。.@ Ａ]{0,8}[. 。]{0,3}",
            "[a-z]{1,3}@(xn--)?[a-zA-Z0-9-]{1,12}(\\.|\\. |\\.xn--p1ai)?",
        ]
    }

    proptest! {
        #[test]
        fn a_form_stays_as_it_is(value in address()) {
            for form in [text, email, phone] {
                let once = form(&value);
                prop_assert_eq!(form(&once), once.clone(), "{:?}", value);
            }
        }

        /// A statement compares texts of ASCII with this one alone.
        #[test]
        fn an_address_is_written_in_ascii_in_one_way(value in address()) {
            let canonical = email(&value);
            if value.is_ascii() && canonical.contains('@') {
                let asked = value.trim().to_ascii_lowercase();
                let asked = without_root(&asked).to_owned();
                let known = if canonical.is_ascii() { Some(canonical) } else { email_in_ascii(&canonical) };
                prop_assert_eq!(known, Some(asked), "{:?}", value);
            }
        }
    }

    #[test]
    fn a_domain_is_one_however_it_is_written() {
        for (written, expected) in [
            ("a@XN--BCHER-KVA.Example.", "a@bücher.example"),
            ("a@bu\u{308}cher.example..", "a@bücher.example"),
            ("a@straße.example", "a@straße.example"),
            ("a@xn--strae-oqa.example", "a@straße.example"),
            ("a@例え。テスト", "a@例え.テスト"),
            // No such punycode: it stays as it is.
            ("a@xn--a.example", "a@xn--a.example"),
            // Two at signs are not made of one.
            ("a@b＠c.example", "a@b＠c.example"),
        ] {
            assert_eq!(email(written), expected);
        }
        assert_eq!(email_in_ascii("a@bücher.example").as_deref(), Some("a@xn--bcher-kva.example"));
        assert_eq!(email_in_ascii("ö@bücher.example"), None);
    }
}
