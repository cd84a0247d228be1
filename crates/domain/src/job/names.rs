//! What the caller calls a job: never who it is about.

use serde::{Deserialize, Serialize};

/// The most characters of a label or a reference.
pub const LONGEST_NAME: usize = 80;
/// What a label or a reference looks like, as a regular expression: one line of letters without accents,
/// digits, and signs that neither mail addresses nor markup need.
pub const NAME_PATTERN: &str = r"^[A-Za-z0-9]([A-Za-z0-9 ._:/#-]{0,78}[A-Za-z0-9])?$";
/// So many digits without a letter among them may be a telephone number (the shortest that are in use).
const FEWEST_PHONE_DIGITS: usize = 6;
/// Shorter identities occur within other words by chance.
const SHORTEST_WITHIN: usize = 4;

/// A label or a reference: kept in the clear, in lists and in the audit log, so it names nobody.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct JobName(String);

/// Why a text is no label and no reference. What it was is not repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadName {
    /// It does not look like one.
    #[error(
        "expected 1 to {LONGEST_NAME} letters (A to Z), digits, spaces and the signs . _ : / # -, a letter or a digit at both ends"
    )]
    Pattern,
    /// It may be somebody's telephone number or address in a network.
    #[error(
        "this could be a telephone number or a network address; labels and references are kept in the clear, so expected a name with a letter in it, as `DSR-2026-0117`"
    )]
    Identity,
    /// It says who the job is about.
    #[error(
        "this says who the job is about; labels and references are kept in the clear, so expected a name of the request"
    )]
    Person,
}

impl JobName {
    /// The name that a text is.
    ///
    /// # Errors
    /// [`BadName`] when it has another form, or could be somebody's identity.
    pub fn parse(text: &str) -> Result<Self, BadName> {
        let sign = |letter: char| letter.is_ascii_alphanumeric() || " ._:/#-".contains(letter);
        let edge = |letter: Option<char>| letter.is_some_and(|letter| letter.is_ascii_alphanumeric());
        let fits = text.len() <= LONGEST_NAME && text.chars().all(sign);
        if !fits || !edge(text.chars().next()) || !edge(text.chars().next_back()) {
            return Err(BadName::Pattern);
        }
        let digits = text.chars().filter(char::is_ascii_digit).count();
        let lettered = text.chars().any(|letter| letter.is_ascii_alphabetic());
        let address = text.parse::<std::net::IpAddr>().is_ok();
        if address || !lettered && digits >= FEWEST_PHONE_DIGITS {
            return Err(BadName::Identity);
        }
        Ok(Self(text.to_owned()))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it says the value by which a person is found.
    #[must_use]
    pub fn tells(&self, identity: &str) -> bool {
        let (name, identity) = (self.0.to_lowercase(), identity.trim().to_lowercase());
        let digits = |text: &str| text.chars().filter(char::is_ascii_digit).collect::<String>();
        let number = digits(&identity);
        let is_number = !identity.chars().any(char::is_alphabetic) && number.len() >= FEWEST_PHONE_DIGITS;
        // A name has no `@`: what stands before it tells as much.
        let said = identity.split_once('@').map_or(identity.as_str(), |(local, _)| local);
        name == identity
            || is_number && digits(&name).contains(number.trim_start_matches('0'))
            || said.chars().count() >= SHORTEST_WITHIN && name.contains(said)
    }
}

impl TryFrom<String> for JobName {
    type Error = BadName;

    fn try_from(text: String) -> Result<Self, BadName> {
        Self::parse(&text)
    }
}

impl From<JobName> for String {
    fn from(name: JobName) -> Self {
        name.0
    }
}

/// What the caller calls a job.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobNames {
    /// For people who look at a list.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<JobName>,
    /// The request's name in another system.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external_reference: Option<JobName>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_requests_are_taken() {
        for text in ["DSR-2026-0117", "ticket #4711: web form", "a", "12345", "jira/PRIV-7", "2026 Q1"] {
            assert_eq!(JobName::parse(text).unwrap().as_str(), text);
        }
        let longest = "a".repeat(LONGEST_NAME);
        assert!(JobName::parse(&longest).is_ok());
    }

    #[test]
    fn what_could_be_somebody_is_refused_and_not_repeated() {
        for (text, why) in [
            ("ada@example.org", BadName::Pattern),
            ("Søn", BadName::Pattern),
            ("", BadName::Pattern),
            (" a", BadName::Pattern),
            ("a\n", BadName::Pattern),
            ("+49 30 123456", BadName::Pattern),
            ("0049 30 1234567", BadName::Identity),
            ("030-1234567", BadName::Identity),
            ("115115", BadName::Identity),
            ("1.2.3.4", BadName::Identity),
            ("2001:db8::1", BadName::Identity),
        ] {
            assert_eq!(JobName::parse(text), Err(why), "{text}");
            assert!(text.len() < 3 || !why.to_string().contains(text), "{why}");
        }
        assert_eq!(JobName::parse(&"a".repeat(LONGEST_NAME + 1)), Err(BadName::Pattern));
        assert!(serde_json::from_str::<JobName>("\"1234567\"").is_err());
    }

    #[test]
    fn a_name_that_tells_who_it_is_about_is_known() {
        let name = JobName::parse("request of User-4711").unwrap();
        for (identity, tells) in
            [("user-4711", true), ("4711", true), (" 4711 ", true), ("47", false), ("9999", false)]
        {
            assert_eq!(name.tells(identity), tells, "{identity}");
        }
        assert!(JobName::parse("47").unwrap().tells("47"));
        for (name, identity, tells) in [
            ("case 49301234567", "+49301234567", true),
            ("tel 0049 30 1234567", "+49301234567", true),
            ("case 4930", "+49301234567", false),
            ("about mira.kunde", "mira.kunde@shop.example", true),
            ("about mira", "mira.kunde@shop.example", false),
        ] {
            assert_eq!(JobName::parse(name).unwrap().tells(identity), tells, "{name} {identity}");
        }
    }
}
