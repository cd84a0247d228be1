//! By what a data subject is found: an identity of a type that the data map names.
//!
//! People write the same address in many ways. Both sides are brought to one form before they are
//! compared, so that a request for `Ada@Example.org` finds `ada@example.org`.

mod canonical;

use std::fmt;

/// An identity as it was given; its `Debug` shows no value.
#[derive(Clone, PartialEq, Eq)]
pub struct Identity {
    kind: IdentityKind,
    value: String,
}

/// How values of an identity are compared: in Unicode's composed form (NFC), without characters that nobody
/// sees and without the spaces around them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IdentityKind {
    /// An e-mail address (`email`): without regard to case, its domain the same in punycode and in
    /// letters, with and without a dot at the end. RFC 5321 lets the part before the @ depend on case;
    /// no mailbox in use does.
    Email,
    /// A telephone number (`phone_number`, `phone`): its digits, with `+` or `00` before a country
    /// code; what people put between digits does not count.
    Phone,
    /// Any other: to the letter.
    Other,
}

/// A value that can be no identity of its type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoIdentity {
    /// Nothing is left of it.
    #[error("identity_value is empty")]
    Empty,
    /// Not an e-mail address.
    #[error("identity_value is no e-mail address: one has an @ with something on either side")]
    NoEmail,
    /// Not a telephone number.
    #[error("identity_value is no telephone number: one has 3 to 15 digits (E.164)")]
    NoPhone,
}

impl IdentityKind {
    /// How identities of this type, as the data map names it, are compared.
    #[must_use]
    pub fn of(identity_type: &str) -> Self {
        match identity_type {
            "email" => Self::Email,
            "phone" | "phone_number" => Self::Phone,
            _ => Self::Other,
        }
    }

    /// The one form of a value; `None` when nothing of it counts. Stored values go through the same.
    #[must_use]
    pub fn normalise(self, value: &str) -> Option<String> {
        let normal = match self {
            Self::Email => canonical::email(value),
            Self::Phone => canonical::phone(value),
            Self::Other => canonical::text(value),
        };
        Some(normal).filter(|normal| !normal.is_empty())
    }
}

impl Identity {
    /// An identity of this type, brought to its one form.
    ///
    /// # Errors
    /// [`NoIdentity`] when the value can be none of its type; the value is not repeated.
    pub fn parse(identity_type: &str, value: &str) -> Result<Self, NoIdentity> {
        let kind = IdentityKind::of(identity_type);
        let value = kind.normalise(value).ok_or(match kind {
            IdentityKind::Phone => NoIdentity::NoPhone,
            _ => NoIdentity::Empty,
        })?;
        let digits = canonical::digits(&value).len();
        match kind {
            IdentityKind::Email if !looks_like_email(&value) => Err(NoIdentity::NoEmail),
            IdentityKind::Phone if !(3..=15).contains(&digits) => Err(NoIdentity::NoPhone),
            _ => Ok(Self { kind, value }),
        }
    }

    /// How it is compared.
    #[must_use]
    pub fn kind(&self) -> IdentityKind {
        self.kind
    }

    /// The one form of its value.
    #[must_use]
    pub fn value(&self) -> &str {
        &self.value
    }

    /// The only text of ASCII that is this identity, but for case and blanks, and the dots at the end of
    /// an address: what a statement can look for. `None` when no text of ASCII is.
    #[must_use]
    pub fn in_ascii(&self) -> Option<String> {
        match self.kind {
            _ if self.value.is_ascii() => Some(self.value.clone()),
            IdentityKind::Email => canonical::email_in_ascii(&self.value),
            IdentityKind::Phone | IdentityKind::Other => None,
        }
    }

    /// Its digits: of a telephone number what a statement can look for, of any other text what all that are
    /// equal to it have in common, addresses aside, whose domain may be in punycode.
    #[must_use]
    pub fn digits(&self) -> String {
        canonical::digits(&self.value)
    }

    /// Whether a stored value is this identity.
    #[must_use]
    pub fn is(&self, stored: &str) -> bool {
        self.kind.normalise(stored).is_some_and(|stored| stored == self.value)
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity").field("kind", &self.kind).finish_non_exhaustive()
    }
}

fn looks_like_email(text: &str) -> bool {
    text.rsplit_once('@').is_some_and(|(local, domain)| {
        !local.is_empty() && !domain.is_empty() && !text.chars().any(char::is_whitespace)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_and_format_do_not_hide_a_person() {
        for (kind, given, stored, same) in [
            ("email", "CUSTOMER-1@EXAMPLE.COM", "customer-1@example.com", true),
            ("email", " ada@example.org\n", "Ada@Example.Org", true),
            ("email", "ÅSA@example.org", "åsa@example.org", true),
            ("email", "ada@example.org", "ada@example.org.uk", false),
            ("phone_number", "+49 (30) 1234-567", "+49301234567", true),
            ("phone", "0049 30 1234567", "+49 30 1234567", true),
            ("phone", "030 1234567", "+49 30 1234567", false),
            ("user_id", " 42", "42 ", true),
            ("user_id", "a1", "A1", false),
            ("email", "jörg@bücher.example", "JO\u{308}RG@BU\u{308}CHER.EXAMPLE", true),
            ("email", "mira@bücher.example", "Mira@xn--bcher-kva.example", true),
            ("email", "mira@XN--BCHER-KVA.example", "mira@bu\u{308}cher.example.", true),
            ("email", "mira@kunde.example.", "\u{feff}mira@kunde\u{200b}.example\u{a0}", true),
            ("email", "\u{2068}mira@kunde.example\u{2069}", "mira@kunde.example. ", true),
            ("email", "mira@kunde.example", "mira+shop@kunde.example", false),
            ("email", "mira@kunde.example", "mi.ra@kunde.example", false),
            ("email", "mira@kunde.example", "ｍｉｒａ@kunde.example", false),
            ("email", "mira@kunde.example", "Mira K <mira@kunde.example>", false),
            ("email", "jörg@kunde.example", "joerg@kunde.example", false),
            ("email", "strasse@kunde.example", "straße@kunde.example", false),
            ("phone", "\u{202a}+49 30 1234567\u{202c}", "0049301234567", true),
            ("user_id", "Zoe\u{308}\u{200b} 7", "Zoë 7", true),
            ("user_id", "a.", "a", false),
        ] {
            let identity = Identity::parse(kind, given);
            assert_eq!(identity.clone().unwrap().is(stored), same, "{kind} {given} {stored}");
            // Nor do two requests for one person differ.
            assert_eq!(identity == Identity::parse(kind, stored), same, "{kind} {given} {stored}");
        }
    }

    #[test]
    fn nothing_and_what_is_no_identity_find_nobody() {
        for (kind, value, why) in [
            ("email", "  ", NoIdentity::Empty),
            ("user_id", "", NoIdentity::Empty),
            ("email", "ada", NoIdentity::NoEmail),
            ("email", "@example.org", NoIdentity::NoEmail),
            ("email", "ada lovelace@example.org", NoIdentity::NoEmail),
            ("email", "ada@..", NoIdentity::NoEmail),
            ("user_id", "\u{200b}\u{feff}", NoIdentity::Empty),
            ("phone", "n/a", NoIdentity::NoPhone),
            ("phone", "+1234567890123456", NoIdentity::NoPhone),
        ] {
            assert_eq!(Identity::parse(kind, value), Err(why));
        }
        assert!(
            !Identity::parse("phone", "+49 30 123").unwrap().is("unknown"),
            "a stored value without digits"
        );
    }

    #[test]
    fn a_statement_is_told_what_it_can_compare() {
        for (kind, value, in_ascii, digits) in [
            ("email", "Mira7@Kunde.example.", Some("mira7@kunde.example"), "7"),
            ("email", "mira@bücher.example", Some("mira@xn--bcher-kva.example"), ""),
            ("email", "jörg@bücher.example", None, ""),
            ("phone", "0049 30 1", Some("+49301"), "49301"),
            ("user_id", "Zoë 7", None, "7"),
        ] {
            let identity = Identity::parse(kind, value).unwrap();
            assert_eq!((identity.in_ascii().as_deref(), identity.digits().as_str()), (in_ascii, digits));
        }
    }

    #[test]
    fn it_tells_nobody_who_it_is() {
        let identity = Identity::parse("email", "ada@example.org").unwrap();
        assert_eq!(format!("{identity:?}"), "Identity { kind: Email, .. }");
    }
}
