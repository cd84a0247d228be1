//! Reading one recipient, and telling what is wrong with it.

use age::x25519::Recipient;
use aws_lc_rs::agreement::{EphemeralPrivateKey, UnparsedPublicKey, X25519, agree_ephemeral};
use aws_lc_rs::rand::SystemRandom;

/// Reads an X25519 public key as `age-keygen` prints it.
pub(super) fn parse(text: &str) -> Result<Recipient, &'static str> {
    let recipient: Recipient = text.parse().map_err(|_| objection(text))?;
    match is_usable(&recipient) {
        true => Ok(recipient),
        false => Err("is a key that protects nothing; expected one that age-keygen made"),
    }
}

fn objection(text: &str) -> &'static str {
    let begins =
        |prefix: &str| text.get(..prefix.len()).is_some_and(|head| head.eq_ignore_ascii_case(prefix));
    if begins("AGE-SECRET-KEY-") {
        return "is a secret key; expected its public key (age1…), and since this one has now been sent, make a new pair";
    }
    if begins("ssh-") {
        return "is an SSH key; expected a key of age (age1…), as age-keygen makes it";
    }
    if begins("age1") && text.matches('1').count() > 1 {
        return "is a key of another kind, or of a plugin; expected an X25519 key (age1… and 58 characters)";
    }
    if begins("age1") {
        return "is mistyped or cut; expected age1 and 58 characters, as age-keygen prints them";
    }
    "is no key of age; expected age1 and 58 characters, as age-keygen prints them"
}

/// Whether a secret can be agreed on with the holder of this key and nobody else. A point of small
/// order makes every agreement the same (RFC 7748, 6.1), and the `age` crate panics on it.
fn is_usable(recipient: &Recipient) -> bool {
    let Some(point) = point(&recipient.to_string()) else {
        return false;
    };
    let Ok(ours) = EphemeralPrivateKey::generate(&X25519, &SystemRandom::new()) else {
        return false;
    };
    let theirs = UnparsedPublicKey::new(&X25519, point.as_slice());
    agree_ephemeral(
        ours,
        theirs,
        (),
        |shared| if shared.iter().all(|byte| *byte == 0) { Err(()) } else { Ok(()) },
    )
    .is_ok()
}

/// The 32 bytes of a key whose text was read before: Bech32 (BIP 173), five bits a character, the
/// last six of them a checksum.
fn point(text: &str) -> Option<Vec<u8>> {
    const ALPHABET: &str = "qpzry9x8gf2tvdw0s3jn54khce6mua7l";
    let digits = text.strip_prefix("age1")?;
    let digits = digits.get(..digits.len().checked_sub(6)?)?;
    let (mut bytes, mut bits, mut held) = (Vec::with_capacity(32), 0_u32, 0_u32);
    for digit in digits.chars() {
        bits = (bits << 5) | u32::try_from(ALPHABET.find(digit)?).ok()?;
        held += 5;
        if held >= 8 {
            held -= 8;
            bytes.push(u8::try_from((bits >> held) & 0xff).ok()?);
            bits &= (1 << held) - 1;
        }
    }
    (bytes.len() == 32).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use age::secrecy::ExposeSecret as _;

    use super::*;

    #[test]
    fn a_key_of_age_is_read() {
        for _ in 0..20 {
            let key = age::x25519::Identity::generate().to_public().to_string();
            assert_eq!(parse(&key).unwrap().to_string(), key);
            assert_eq!(point(&key).unwrap().len(), 32);
        }
    }

    #[test]
    fn what_is_wrong_is_said() {
        let key = age::x25519::Identity::generate().to_public().to_string();
        let secret = age::x25519::Identity::generate().to_string().expose_secret().to_owned();
        for (text, word) in [
            (secret.as_str(), "secret key"),
            ("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHsKLqeplhpW+uObz5dvMgjz1OxfM/XXUB+VHtZ6isGN", "SSH"),
            ("age1yubikey1qwt50d05nh5vutpdzmlg5wn80xq5negm4uj9ghv0snvdd3yysf5yw3rhl3t", "another kind"),
            (&key[..61], "mistyped"),
            (&format!("{key} "), "mistyped"),
            ("", "no key of age"),
            ("ada@example.com", "no key of age"),
        ] {
            assert!(parse(text).unwrap_err().contains(word), "{text}");
        }
    }

    /// The points of small order, each way in which 32 bytes can say them: https://cr.yp.to/ecdh.html#validate
    #[test]
    fn a_point_that_protects_nothing_is_refused() {
        for key in [
            "age1qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqq5cu47z",
            "age1qyqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqj7vrya",
            "age1ur4h5lpmgxu2u9jku0a0r87ydtdqnr0tnsetrlvxvgz3vh6fhqqqzyt4v9",
            "age1t7wft09r2zxzfvwsk92eeql0tvzyghxytqwgapkcyf8dm5ylz9ts6wm9s8",
            "age1anlllllllllllllllllllllllllllllllllllllllllllllllals4n2t7m",
            "age1ahlllllllllllllllllllllllllllllllllllllllllllllllalsn46ayy",
            "age1amlllllllllllllllllllllllllllllllllllllllllllllllalselrwrv",
        ] {
            assert!(key.parse::<Recipient>().is_ok(), "well formed: {key}");
            assert!(parse(key).unwrap_err().contains("protects nothing"), "{key}");
        }
    }
}
