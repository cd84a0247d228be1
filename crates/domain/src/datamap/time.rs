//! When a row was made: the column that says so, and the zone in which it says it.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::model::DataMap;

/// The column with the creation time of rows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Kept")]
pub struct RowTime {
    /// The column.
    pub column: String,
    /// The zone of the clock that wrote it, by its name in the time zone database. A column that has no
    /// zone of its own may hold the time of any, where none is named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone: Option<String>,
}

impl RowTime {
    /// The time in a column of which nothing more is known.
    #[must_use]
    pub fn of(column: impl Into<String>) -> Self {
        Self { column: column.into(), zone: None }
    }
}

impl DataMap {
    /// The time zones that the collections of a store name.
    #[must_use]
    pub fn zones(&self, store: &str) -> BTreeSet<&str> {
        let datasets = self.datasets.iter().filter(|dataset| dataset.store == store);
        let times = datasets.flat_map(|dataset| &dataset.collections).filter_map(|c| c.created_at.as_ref());
        times.filter_map(|time| time.zone.as_deref()).collect()
    }
}

/// Plans of earlier versions kept the column alone.
#[derive(Deserialize)]
#[serde(untagged)]
enum Kept {
    Column(String),
    Time { column: String, zone: Option<String> },
}

impl From<Kept> for RowTime {
    fn from(kept: Kept) -> Self {
        match kept {
            Kept::Column(column) => Self::of(column),
            Kept::Time { column, zone } => Self { column, zone },
        }
    }
}

/// Whether a text may be the name of a time zone: whether it is one only a server knows.
pub(super) fn may_be_zone(name: &str) -> bool {
    let part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '/' | '+' | '-');
    name.starts_with(|c: char| c.is_ascii_alphabetic()) && name.chars().all(part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_read_as_earlier_versions_kept_it_and_as_this_one_does() {
        let berlin = RowTime { zone: Some("Europe/Berlin".to_owned()), ..RowTime::of("made") };
        for (json, time) in [
            (r#""made""#, RowTime::of("made")),
            (r#"{"column":"made"}"#, RowTime::of("made")),
            (r#"{"column":"made","zone":"Europe/Berlin"}"#, berlin),
        ] {
            let read: RowTime = serde_json::from_str(json).unwrap();
            assert_eq!(read, time);
            let written = serde_json::to_string(&read).unwrap();
            assert_eq!(serde_json::from_str::<RowTime>(&written).unwrap(), time, "{written}");
        }
    }

    #[test]
    fn what_is_no_name_of_a_zone_is_told() {
        for name in ["Europe/Berlin", "UTC", "Etc/GMT+5", "America/Port-au-Prince", "EST5EDT"] {
            assert!(may_be_zone(name), "{name}");
        }
        for name in ["", "+02:00", "Europe/Ber lin", "Берлин", "5", "UTC'"] {
            assert!(!may_be_zone(name), "{name}");
        }
    }
}
