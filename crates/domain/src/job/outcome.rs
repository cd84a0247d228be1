//! What came of a job that ended well, where there is more to say than that.

use serde::{Deserialize, Serialize};

/// What came of a job that ended well, where there is more to say than that.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JobOutcome {
    /// No row led to the person, so there was nothing to export or to erase.
    NobodyFound,
}

impl JobOutcome {
    /// Every outcome.
    pub const ALL: [Self; 1] = [Self::NobodyFound];

    /// The name in the database, in the audit log and in the API.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::NobodyFound => "nobody_found",
        }
    }

    /// The outcome of that name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|outcome| outcome.name() == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_messages() {
        for outcome in JobOutcome::ALL {
            assert_eq!(serde_json::to_value(outcome).unwrap(), outcome.name());
            assert_eq!(JobOutcome::parse(outcome.name()), Some(outcome));
        }
        assert_eq!(JobOutcome::parse("success"), None);
    }
}
