//! The anonymisation strategies that a data map may name.
//!
//! This is the vocabulary; what a strategy promises and does is in [`crate::anonymise`].

use std::fmt;

use serde::de::{Deserializer, Error as _, MapAccess, Visitor};
use serde::{Deserialize, Serialize};

use crate::anonymise;
use crate::schema::LiveColumn;

/// What erasure does with the values of a field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Strategy {
    /// Replace by NULL.
    Null,
    /// Replace by one fixed text, cast to the column's type.
    Constant {
        /// The replacement.
        value: String,
    },
    /// Cover by stars, roughly as many as there were characters.
    Mask,
    /// Replace free text whole by a marker.
    RedactText,
    /// Replace by a keyed token, equal for equal inputs of one organisation (Art. 4(5)).
    Pseudonymise,
    /// Replace by another value of the same format.
    FormatPreserving,
    /// Reduce precision: a date to its year, an address to its network, a number to its bucket.
    Generalise,
    /// Leave as it is.
    Keep,
}

/// What a strategy makes of the data, in the words of the law.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// Irreversible: no longer personal data (Recital 26).
    Anonymised,
    /// Replaced by a token that a key holder can recompute: still personal data (Art. 4(5)).
    Pseudonymised,
    /// Unchanged.
    Kept,
}

impl Strategy {
    /// The name used in a data map.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Constant { .. } => "constant",
            Self::Mask => "mask",
            Self::RedactText => "redact_text",
            Self::Pseudonymise => "pseudonymise",
            Self::FormatPreserving => "format_preserving",
            Self::Generalise => "generalise",
            Self::Keep => "keep",
        }
    }

    /// What this strategy may claim.
    #[must_use]
    pub fn effect(&self) -> Effect {
        anonymise::rule(self).effect()
    }

    /// Why this strategy cannot apply to the column, or `None` when it can, as far as can be told
    /// without asking the server.
    ///
    /// `distinct` tells whether its values must stay as distinct as they are, because of a unique key.
    #[must_use]
    pub fn misfit(&self, column: &LiveColumn, distinct: bool) -> Option<String> {
        let fits =
            anonymise::check(self, column, distinct).and_then(|()| anonymise::keeps_equal(self, column));
        fits.err().map(|misfit| misfit.to_string())
    }

    /// What to write into the data map instead: the strategies that do fit the column. `constant` is
    /// among them where some constant can be.
    #[must_use]
    pub fn fitting(column: &LiveColumn, distinct: bool) -> String {
        let fits = |name: &&str| {
            Self::plain(name).is_some_and(|strategy| strategy.misfit(column, distinct).is_none())
        };
        let names: Vec<&str> = PLAIN.into_iter().filter(fits).collect();
        format!("name one that fits with `lethe: {{strategy: …}}`: {}", names.join(", "))
    }

    fn plain(name: &str) -> Option<Self> {
        Some(match name {
            "null" | "null_rewrite" => Self::Null,
            "mask" => Self::Mask,
            "redact_text" => Self::RedactText,
            "pseudonymise" => Self::Pseudonymise,
            "format_preserving" => Self::FormatPreserving,
            "generalise" => Self::Generalise,
            "keep" => Self::Keep,
            _ => return None,
        })
    }
}

/// Those that take no configuration.
const PLAIN: [&str; 7] =
    ["null", "mask", "redact_text", "pseudonymise", "format_preserving", "generalise", "keep"];

const NAMES: &str =
    "null, constant: {value: …}, mask, redact_text, pseudonymise, format_preserving, generalise, keep";

/// Reads a strategy where the key is present; a bare YAML `null` means the strategy of that name.
pub(super) fn named<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Strategy>, D::Error> {
    deserializer.deserialize_any(StrategyVisitor).map(Some)
}

struct StrategyVisitor;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ConstantConfig {
    value: String,
}

impl<'de> Visitor<'de> for StrategyVisitor {
    type Value = Strategy;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a strategy: one of {NAMES}")
    }

    fn visit_unit<E>(self) -> Result<Strategy, E> {
        Ok(Strategy::Null)
    }

    fn visit_none<E>(self) -> Result<Strategy, E> {
        Ok(Strategy::Null)
    }

    fn visit_str<E: serde::de::Error>(self, name: &str) -> Result<Strategy, E> {
        Strategy::plain(name)
            .ok_or_else(|| E::custom(format!("unknown strategy `{name}`; use one of {NAMES}")))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Strategy, A::Error> {
        match map.next_key::<String>()?.as_deref() {
            Some("constant") => {
                let ConstantConfig { value } = map.next_value()?;
                if map.next_key::<String>()?.is_some() {
                    return Err(A::Error::custom("a field has one strategy"));
                }
                Ok(Strategy::Constant { value })
            }
            Some(name) => {
                Err(A::Error::custom(format!("strategy `{name}` takes no configuration; use one of {NAMES}")))
            }
            None => Err(A::Error::custom(format!("name a strategy: one of {NAMES}"))),
        }
    }
}
