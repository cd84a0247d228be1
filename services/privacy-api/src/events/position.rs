//! Where in a job's story a client is: the `id:` of an event.

use std::fmt;

/// How far a client has been told: the job's version, and a number that grows between two versions.
///
/// Grows with every event, and survives a lost connection as `Last-Event-ID`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    version: i64,
    number: u64,
}

impl Position {
    /// Reads an id exactly as we write it; `None` for anything else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (version, number) = text.split_once('.')?;
        let position = Self { version: version.parse().ok()?, number: number.parse().ok()? };
        (position.version >= 0 && position.to_string() == text).then_some(position)
    }

    /// The version that was told of last; 0 before the first.
    #[must_use]
    pub fn version(self) -> i64 {
        self.version
    }

    /// The position of the change that leads to `version`.
    pub(super) fn at_change(&mut self, version: i64) -> Self {
        *self = Self { version, number: 0 };
        *self
    }

    /// The position of an event between two changes.
    pub(super) fn at_next(&mut self) -> Self {
        self.number = self.number.saturating_add(1);
        *self
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.version, self.number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_leads_back_to_its_position_and_nothing_else_does() {
        let mut position = Position::default();
        let told = [position.at_next(), position.at_change(1), position.at_next(), position.at_change(2)];
        assert!(told.is_sorted());
        for position in told {
            assert_eq!(Position::parse(&position.to_string()), Some(position));
        }
        for garbled in [
            "",
            "1",
            "1.",
            ".1",
            "-1.0",
            "+1.0",
            "01.0",
            "1.0.0",
            "1.-1",
            " 1.0",
            "a.b",
            "9223372036854775808.0",
        ] {
            assert_eq!(Position::parse(garbled), None, "{garbled}");
        }
    }
}
