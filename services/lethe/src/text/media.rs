//! What became of media.

use contracts::http::{MediaCounts, MediaView};

use super::amount::count;
use super::table::Table;

/// The counts of each step, as a table.
pub(super) fn media(steps: &[MediaView]) -> String {
    let mut table = Table::of(&[
        "  COLLECTION",
        "DELETED",
        "VERSIONS",
        "MARKERS",
        "MISSING",
        "OUTSIDE",
        "LOCKED",
        "IMPOSSIBLE",
    ]);
    for step in steps {
        let MediaCounts { objects, versions, markers, missing, outside, locked, impossible } = step.counts;
        let counts = [objects, versions, markers, missing, outside, locked, impossible];
        table.row(std::iter::once(format!("  {}", step.collection)).chain(counts.into_iter().map(count)));
    }
    table.text()
}

/// The counts in a few words: what is deleted, and what is not and why.
pub(super) fn in_words(counts: &MediaCounts) -> String {
    let MediaCounts { objects, missing, outside, locked, impossible, .. } = *counts;
    let left = [(missing, "missing"), (outside, "outside"), (locked, "locked"), (impossible, "impossible")];
    let left = left.into_iter().filter(|(number, _)| *number > 0);
    let words: Vec<String> = std::iter::once((objects, "deleted"))
        .chain(left)
        .map(|(number, word)| format!("{} {word}", count(number)))
        .collect();
    words.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stays_is_said_with_its_reason() {
        let counts = MediaCounts { objects: 1_041, missing: 2, locked: 1, ..MediaCounts::default() };
        assert_eq!(in_words(&counts), "1,041 deleted, 2 missing, 1 locked");
        assert_eq!(in_words(&MediaCounts::default()), "0 deleted");
        let counts = MediaCounts { versions: 47, markers: 3, outside: 6, impossible: 4, ..counts };
        let view = MediaView { step_no: 3, collection: "shop.photo".to_owned(), counts };
        let expected = [
            "  COLLECTION  DELETED  VERSIONS  MARKERS  MISSING  OUTSIDE  LOCKED  IMPOSSIBLE\n",
            "  shop.photo  1,041    47        3        2        6        1       4\n",
        ];
        assert_eq!(media(&[view]), expected.concat());
    }
}
