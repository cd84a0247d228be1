//! What an export holds and lacks beside the rows that are counted anyway.

use std::fmt::Write as _;

use contracts::http::ExportedView;

use super::amount::count;

/// The numbers, one a line; `None` where there is nothing to say.
pub(super) fn exported(exported: &ExportedView) -> Option<String> {
    let ExportedView { media_objects, media_left_out, rows_withheld } = *exported;
    let told = [
        ("media objects", media_objects),
        ("media objects that are left out; the manifest says why", media_left_out),
        ("rows withheld for others' sake (Art. 15(4))", rows_withheld),
    ];
    let mut text = String::new();
    for (what, number) in told.into_iter().filter(|(_, number)| *number > 0) {
        // A String takes whatever is written.
        writeln!(text, "  {:<6}{what}", count(i64::try_from(number).unwrap_or(i64::MAX))).ok();
    }
    (!text.is_empty()).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_out_and_withheld_is_counted() {
        assert_eq!(exported(&ExportedView::default()), None);
        let view = ExportedView { media_objects: 1_204, media_left_out: 3, rows_withheld: 41 };
        let expected = "  1,204 media objects\n  3     media objects that are left out; the manifest says why\n  \
                        41    rows withheld for others' sake (Art. 15(4))\n";
        assert_eq!(exported(&view).unwrap(), expected);
    }
}
