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

/// Of one-digit values one in ten would be drawn as it was.
#[test]
fn what_is_drawn_is_never_what_was_there() {
    let mut values: Vec<String> = (0..2_000).map(|n| n.to_string()).collect();
    values.extend((0..100).map(|n| format!("{n:02}")));
    values.extend(["a", "Z", "é", "a-", "-7-", "zz", "9", "(0)"].map(str::to_owned));
    values.extend(
        ('a'..='z').flat_map(|one| [one.to_string(), format!("{one}9"), one.to_uppercase().to_string()]),
    );
    for value in &values {
        for sql_type in ["text", "ext.citext"] {
            let replaced = made(&FormatPreserving, sql_type, TypeFamily::Text, value);
            assert_ne!(replaced.to_lowercase(), value.to_lowercase(), "{sql_type}");
            assert_eq!(format(&replaced), format(&value.replace('é', "e")), "{value}");
        }
    }
    let edges = [
        "32767",
        "10000",
        "-32768",
        "2147483647",
        "1000000000",
        "9223372036854775807",
        "1e+38",
        "1e-45",
        "9",
    ];
    let numbers = (1..2_000).flat_map(|n| [n.to_string(), format!("-{n}.5"), format!("0.0{n}")]);
    for value in numbers.chain(edges.map(str::to_owned)) {
        let replaced = made(&FormatPreserving, "numeric", TypeFamily::Number, &value);
        assert_ne!(replaced, value);
        assert_eq!(format(&replaced), format(&value), "{value}");
    }
}

#[test]
fn equal_texts_of_a_domain_over_citext_get_one_token() {
    let mut domain = column("public.email_address", TypeFamily::Text);
    domain.equality = Equality::WithoutCase;
    for strategy in [Pseudonymise, FormatPreserving] {
        let bound = Anonymiser::new(&strategy, &domain, false).unwrap();
        let (one, other) = (made_by(&bound, "ADA@example.org", &[]), made_by(&bound, "ada@Example.org", &[]));
        assert_eq!(one.to_lowercase(), other.to_lowercase());
        assert_eq!(one.to_lowercase(), made(&strategy, "ext.citext", TypeFamily::Text, "ada@example.org"));
        let collated = LiveColumn { equality: Equality::ByCollation, ..domain.clone() };
        assert_eq!(keeps_equal(&strategy, &collated), Err(Misfit::Collation));
        assert!(strategy.misfit(&collated, false).unwrap().contains("not deterministic"));
    }
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

/// A token with its check, of these bytes of the digest.
fn checked(head: &[u8]) -> String {
    let check = with_digests(1, |digests| (digests.check)(head));
    head.iter().chain(&check[..6]).map(|byte| format!("{byte:02x}")).collect()
}

fn digest(use_for: &str, value: &str) -> [u8; 32] {
    mac(1)(&[use_for.as_bytes(), b"\0", value.as_bytes()].concat())
}

fn in_row(sql_type: &str, form: TokenForm, value: &str, row: &[&str]) -> String {
    let family = if sql_type == "uuid" { TypeFamily::Uuid } else { TypeFamily::Text };
    let column = column(sql_type, family);
    let bound = Anonymiser::new(&Pseudonymise, &column, true).unwrap().giving(form);
    let row: Vec<String> = row.iter().map(|part| (*part).to_owned()).collect();
    made_by(&bound, value, &row)
}

#[test]
fn a_token_with_a_check_is_twenty_digits_of_the_digest_and_twelve_of_the_check() {
    let text = "lethe/1/pseudonym/text";
    let plain = |value: &str| checked(&digest(text, value)[..10]);
    for form in [TokenForm::Checked, TokenForm::CheckedByRow] {
        let key: &[&str] = if form.by_row() { &["7", "eu"] } else { &[] };
        let value =
            |value: &str| if form.by_row() { format!("{value}\x007\x00eu") } else { value.to_owned() };
        assert_eq!(in_row("text", form, "Ada", key), plain(&value("Ada")));
        assert_eq!(in_row("character varying(32)", form, "Ada", key), plain(&value("Ada")));
        assert_eq!(in_row("ext.citext", form, "ADA", key), plain(&value("ada")));
        // No room for the check, and no need of it.
        assert_eq!(in_row("character varying(31)", form, "Ada", key), token(&value("Ada"), 31));
        let address = format!("{}@erased.invalid", token(&value("ada@example.org"), 32));
        assert_eq!(in_row("text", form, "ada@example.org", key), address);
        assert_eq!(in_row("text", form, &address, &["8"]), address);
        let bare = in_row("text", form, "Ada", key);
        assert_eq!(in_row("text", form, &bare, &["8"]), bare);
        assert_ne!(in_row("text", TokenForm::Plain, &bare, key), bare, "as it was planned");
    }
}

#[test]
fn a_uuid_with_a_check_is_still_one_of_version_8() {
    let value = "6d7a1f4e-8f2b-4c55-9d0e-0123456789ab";
    let token = in_row("uuid", TokenForm::Checked, value, &[]);
    let parsed = uuid::Uuid::try_parse(&token).unwrap();
    assert_eq!((parsed.get_version_num(), parsed.get_variant()), (8, uuid::Variant::RFC4122));
    let mut head = digest("lethe/1/pseudonym/uuid", value)[..10].to_vec();
    (head[6], head[8]) = (head[6] & 0x0f | 0x80, head[8] & 0x3f | 0x80);
    assert_eq!(token.replace('-', ""), checked(&head));
    assert_eq!(in_row("uuid", TokenForm::Checked, &token.to_uppercase(), &[]), token);
    assert_ne!(in_row("uuid", TokenForm::CheckedByRow, value, &["1"]), token);
}

#[test]
fn rows_are_told_apart_whatever_their_keys_hold() {
    let of = |sql_type: &str, row: &[&str]| in_row(sql_type, TokenForm::CheckedByRow, "Ada", row);
    for sql_type in ["text", "character varying(16)"] {
        assert_ne!(of(sql_type, &["1", "23"]), of(sql_type, &["12", "3"]));
        assert_ne!(of(sql_type, &["", "1"]), of(sql_type, &["1", ""]));
        assert_eq!(of(sql_type, &["1", "23"]), of(sql_type, &["1", "23"]));
    }
}

#[test]
fn what_only_looks_like_a_token_is_replaced() {
    let cookie = "0cc175b9c0f1b6a831c399e269772661";
    for value in [
        cookie,
        "0cc175b9c0f1b6a831c399e269772661@example.org",
        "0cc175b9c0f1b6a@erased.invalid",
        "0cc175b9c0f1b6a831c399e2697726610@erased.invalid",
        "0CC175B9C0F1B6A831C399E269772661@erased.invalid",
        "ada@erased.invalid",
        "@erased.invalid",
    ] {
        assert_ne!(in_row("text", TokenForm::Checked, value, &[]), value);
    }
    let tells =
        |sql_type| tells_tokens(&Pseudonymise, &column(sql_type, TypeFamily::Text), TokenForm::Checked);
    assert!(tells("text") && tells("character varying(32)") && !tells("character varying(31)"));
    let uuid = column("uuid", TypeFamily::Uuid);
    assert!(tells_tokens(&FormatPreserving, &uuid, TokenForm::Checked));
    assert!(!tells_tokens(&Pseudonymise, &uuid, TokenForm::Plain));
}
