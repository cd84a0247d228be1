//! Keyed strategies, by example and against independent reckoning.

use super::*;
use crate::anonymise::laws::mac;
use crate::datamap::Strategy::{FormatPreserving, Pseudonymise};

/// The token as its definition says: the beginning of the digest's hexadecimal digits.
fn token(value: &str, digits: usize) -> String {
    let message = [b"lethe/1/pseudonym/text\0", value.as_bytes()].concat();
    let whole: String = mac(1)(&message).iter().map(|byte| format!("{byte:02x}")).collect();
    whole[..digits].to_owned()
}

fn pseudonym(sql_type: &str, value: &str) -> String {
    made(&Pseudonymise, sql_type, TypeFamily::Text, value)
}

#[test]
fn a_token_is_as_long_as_the_column_allows() {
    assert_eq!(pseudonym("text", "Ada"), token("Ada", 32));
    assert_eq!(pseudonym("text", ""), token("", 32));
    assert_eq!(pseudonym("character varying(40)", "Ada"), token("Ada", 32));
    assert_eq!(pseudonym("character varying(20)", "Ada"), token("Ada", 20));
    assert_eq!(pseudonym("character varying(16)", "Ada"), token("Ada", 16));
    assert_eq!(pseudonym("character(24)", "Ada                     "), token("Ada", 24));
    assert_eq!(pseudonym("ext.citext", "ADA"), pseudonym("ext.citext", "ada"));
    assert_ne!(pseudonym("text", "ADA"), pseudonym("text", "ada"));
}

#[test]
fn an_address_stays_an_address_where_it_fits() {
    let address = "ada@example.org";
    assert_eq!(pseudonym("text", address), format!("{}@erased.invalid", token(address, 32)));
    assert_eq!(pseudonym("character varying(40)", address), format!("{}@erased.invalid", token(address, 25)));
    assert_eq!(pseudonym("character varying(31)", address), format!("{}@erased.invalid", token(address, 16)));
    assert_eq!(pseudonym("character varying(30)", address), token(address, 30));
    for none in ["@ada", "ada@", "@", "@@"] {
        assert_eq!(pseudonym("text", none), token(none, 32), "{none}");
    }
}

#[test]
fn a_uuid_becomes_one_of_version_8() {
    for strategy in [Pseudonymise, FormatPreserving] {
        let of = |value| made(&strategy, "uuid", TypeFamily::Uuid, value);
        let replaced = of("6d7a1f4e-8f2b-4c55-9d0e-0123456789ab");
        let parsed = uuid::Uuid::try_parse(&replaced).unwrap();
        assert_eq!(parsed.get_version_num(), 8);
        assert_eq!(parsed.get_variant(), uuid::Variant::RFC4122);
        assert_eq!(replaced, of("6D7A1F4E8F2B4C559D0E0123456789AB"), "by the value, not its spelling");
        assert_eq!(of("Ada"), "!");
    }
}

/// `a` for a small letter, `A` for a capital, `0` for a digit; the rest as it is.
fn format(text: &str) -> String {
    let class = |c: char| match c {
        'a'..='z' => 'a',
        'A'..='Z' => 'A',
        '0'..='9' => '0',
        other => other,
    };
    text.chars().map(class).collect()
}

#[test]
fn a_text_keeps_its_format_and_nothing_else() {
    for (value, expected) in [
        ("+49 (30) 1234-567", "+00 (00) 0000-000"),
        ("Élodie O'Hara", "Aaaaaa A'Aaaa"),
        ("大神 ٣½ 🎻", "aa 00 a"),
        ("AB-12\tcd", "AA-00\taa"),
        ("", ""),
    ] {
        let replaced = made(&FormatPreserving, "text", TypeFamily::Text, value);
        assert_eq!(format(&replaced), expected, "{value}");
    }
    let long = "a".repeat(500);
    let replaced = made(&FormatPreserving, "text", TypeFamily::Text, &long);
    assert!(!replaced.contains(&replaced[..32].repeat(2)), "the draws do not repeat");
}

#[test]
fn a_number_keeps_sign_digits_and_size() {
    for value in ["-12.50", "7", "100", "0.0037", "1.5e+20", "1e-310", "-123456789012345678901.5"] {
        let replaced = made(&FormatPreserving, "numeric", TypeFamily::Number, value);
        let exponent = |text: &str| text.split_once('e').map(|(_, exponent)| exponent.to_owned());
        assert_eq!(format(&replaced), format(value), "{value}");
        assert_eq!(exponent(&replaced), exponent(value));
        let zeros = |text: &str| text.find(|c| matches!(c, '1'..='9'));
        assert_eq!(zeros(&replaced), zeros(value), "{value} {replaced}");
    }
    for same in ["0", "0.00", "-0", "NaN", "Infinity", "-Infinity"] {
        assert_eq!(made(&FormatPreserving, "numeric", TypeFamily::Number, same), same);
    }
    assert_eq!(made(&FormatPreserving, "numeric", TypeFamily::Number, "12 apples"), "!");
}

#[test]
fn digits_are_drawn_evenly() {
    let mut counts = [0_u32; 10];
    for n in 0..2_000_u32 {
        let replaced = made(&FormatPreserving, "text", TypeFamily::Text, &format!("{n:05}"));
        for digit in replaced.chars() {
            counts[usize::try_from(digit.to_digit(10).unwrap()).unwrap()] += 1;
        }
    }
    // 10,000 draws: 1,000 each, with a standard deviation of 30.
    assert!(counts.iter().all(|count| (850..1150).contains(count)), "{counts:?}");
}
