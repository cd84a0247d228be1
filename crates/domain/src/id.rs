//! Identifiers that travel between services.

use std::fmt;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// One request for a privacy operation, from acceptance to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct JobId(pub Uuid);

impl fmt::Display for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The position of a step inside its job, counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct StepNo(pub i32);

impl fmt::Display for StepNo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A tenant of the company whose data we work on.
///
/// Text at our edge, cast to its key's own type in SQL, so that any key type can be a tenant.
/// Between 1 and 200 characters, without control characters.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct OrganisationId(String);

/// Why a text cannot be an organisation's id.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("an organisation id must have 1 to 200 characters and no control characters")]
pub struct InvalidOrganisationId;

impl OrganisationId {
    /// Parses an organisation's id.
    ///
    /// # Errors
    /// [`InvalidOrganisationId`] when the text is empty, too long or holds control characters.
    pub fn parse(text: impl Into<String>) -> Result<Self, InvalidOrganisationId> {
        let text = text.into();
        let length = text.chars().count();
        if (1..=200).contains(&length) && !text.chars().any(char::is_control) {
            Ok(Self(text))
        } else {
            Err(InvalidOrganisationId)
        }
    }

    /// The id as it came.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for OrganisationId {
    type Error = InvalidOrganisationId;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(text)
    }
}

impl From<OrganisationId> for String {
    fn from(id: OrganisationId) -> Self {
        id.0
    }
}

impl fmt::Display for OrganisationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
