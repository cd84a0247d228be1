//! The rows of a step or a look, cut into batches: by key ranges, or by their keys one by one.

use std::collections::BTreeSet;

use connectors::KeyRange;
use connectors::erase::Rows;
use serde::{Deserialize, Serialize};

/// The most rows of a place that are named by their keys where a condition would find them too.
pub(crate) const MOST_KEYS: u32 = 100_000;

/// Fewer batches than these are not worth a query of their own.
const FEWEST_BATCHES: usize = 16;

/// Rows in batches, each of which is one transaction.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Batches {
    /// Those of key ranges.
    Ranges(Vec<KeyRange>),
    /// Those with these primary keys.
    Keys(Vec<Vec<Vec<String>>>),
}

impl Batches {
    /// The same rows at once, if there are any.
    pub fn whole(&self) -> Self {
        match self {
            Self::Ranges(_) => Self::Ranges(vec![KeyRange::whole()]),
            Self::Keys(batches) => {
                let keys: Vec<_> = batches.iter().flatten().cloned().collect();
                Self::Keys(Some(keys).filter(|keys| !keys.is_empty()).into_iter().collect())
            }
        }
    }

    /// The same rows. Where they are named by their keys, a batch has up to `rows` of them.
    pub fn cut(&self, rows: u32) -> Self {
        let size = usize::try_from(rows).unwrap_or(usize::MAX).max(1);
        match self {
            Self::Ranges(ranges) => Self::Ranges(ranges.clone()),
            Self::Keys(batches) => {
                let keys: Vec<_> = batches.iter().flatten().cloned().collect();
                Self::Keys(keys.chunks(size).map(<[_]>::to_vec).collect())
            }
        }
    }

    /// Those of these rows that are among the batches; all of them where these are ranges.
    pub fn keep(&self, keys: Vec<Vec<String>>) -> Vec<Vec<String>> {
        match self {
            Self::Ranges(_) => keys,
            Self::Keys(batches) => {
                let own: BTreeSet<&Vec<String>> = batches.iter().flatten().collect();
                keys.into_iter().filter(|key| own.contains(key)).collect()
            }
        }
    }

    /// Whether any row is named by its key.
    pub fn names_any(&self) -> bool {
        match self {
            Self::Ranges(_) => false,
            Self::Keys(batches) => batches.iter().any(|keys| !keys.is_empty()),
        }
    }

    /// No rows.
    pub fn none() -> Self {
        Self::Keys(Vec::new())
    }

    /// The same rows in up to `most` stretches of several batches each, which can be read side by side.
    pub fn merged(stretches: &[Self], most: usize) -> Self {
        let (mut ranges, mut keys) = (Vec::new(), Vec::new());
        for stretch in stretches {
            match stretch {
                Self::Keys(batches) => keys.extend(batches.iter().cloned()),
                Self::Ranges(cut) => ranges.extend(cut),
            }
        }
        if !keys.is_empty() {
            return Self::Keys(keys);
        }
        let size = ranges.len().div_ceil(most.max(1)).max(FEWEST_BATCHES);
        let merged = ranges.chunks(size).filter_map(|chunk| Some(from_to(chunk.first()?, chunk.last()?)));
        Self::Ranges(merged.collect())
    }

    /// Each batch, with the number that it has in the journal.
    pub fn numbered(&self) -> impl Iterator<Item = (i32, Rows<'_>)> {
        let rows: Vec<Rows<'_>> = match self {
            Self::Ranges(ranges) => ranges.iter().map(Rows::Range).collect(),
            Self::Keys(batches) => batches.iter().map(|keys| Rows::Keys(keys)).collect(),
        };
        (0..).zip(rows)
    }
}

/// Several key ranges as one, which has the same rows. They follow each other: each begins where the one before
/// it ends.
pub(crate) fn join_ranges(rows: &[Rows<'_>]) -> Option<KeyRange> {
    let [Rows::Range(first), .., Rows::Range(last)] = rows else { return None };
    Some(from_to(first, last))
}

/// From where one range begins to where another, which does not come before it, ends.
fn from_to(first: &KeyRange, last: &KeyRange) -> KeyRange {
    KeyRange { to: last.to.clone(), ..first.clone() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_that_are_named_by_their_keys_are_verified_in_every_step() {
        let batches =
            |keys: &[&str]| Batches::Keys(vec![keys.iter().map(|key| vec![(*key).to_owned()]).collect()]);
        let merged = Batches::merged(&[batches(&["1", "2"]), batches(&["3"])], 4);
        let rows: Vec<usize> = merged
            .numbered()
            .map(|(_, rows)| match rows {
                Rows::Keys(keys) => keys.len(),
                Rows::Range(_) => 0,
            })
            .collect();
        assert_eq!(rows, [2, 1]);
    }

    #[test]
    fn joined_ranges_begin_with_the_first_and_end_with_the_last() {
        let range = |from: Option<&str>, to: Option<&str>| {
            let bound = |bound: &str| vec![bound.to_owned()];
            KeyRange { columns: vec!["id".to_owned()], from: from.map(bound), to: to.map(bound) }
        };
        let of = |ranges: &[KeyRange]| join_ranges(&ranges.iter().map(Rows::Range).collect::<Vec<_>>());
        let (first, second, third) =
            (range(Some("1"), Some("5")), range(Some("5"), Some("9")), range(Some("9"), None));
        assert_eq!(of(&[first.clone(), second.clone()]), Some(range(Some("1"), Some("9"))));
        assert_eq!(of(&[first.clone(), second, third]), Some(range(Some("1"), None)));
        assert_eq!((of(&[first]), of(&[])), (None, None), "nothing is saved");
        assert_eq!(join_ranges(&[Rows::Keys(&[]), Rows::Keys(&[])]), None);
    }
}
