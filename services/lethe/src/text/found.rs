//! What the look at the end of an erasure found.

use contracts::http::{
    FoundView, KeptColumnsView, LeftView, NotWaitedForView, OpenTransactionView, UndecidedView,
};

use super::amount::count;
use super::table::Table;

/// Everything that it found, one a line; nothing where it found nothing.
pub(super) fn found(
    FoundView { left, kept, unreached, undecided, not_waited_for }: &FoundView,
) -> Option<String> {
    let mut table = Table::of(&["  WHERE", "ROWS", "WHY"]);
    for LeftView { collection, why, rows } in left {
        table.row([format!("  {collection}"), count(*rows), in_words(why).to_owned()]);
    }
    for KeptColumnsView { collection, columns } in kept {
        let why = "the data map keeps what they hold, which is personal data";
        table.row([format!("  {collection} ({})", columns.join(", ")), "-".to_owned(), why.to_owned()]);
    }
    for KeptColumnsView { collection, columns } in unreached {
        let why = "not looked for: nothing in the data map leads there from the identity";
        table.row([format!("  {collection} ({})", columns.join(", ")), "-".to_owned(), why.to_owned()]);
    }
    for UndecidedView { collection, column, rows } in undecided {
        let why = "written by others since; nobody can tell whether the value was put back";
        table.row([format!("  {collection}.{column}"), count(*rows), why.to_owned()]);
    }
    if let Some(NotWaitedForView { reason, transactions }) = not_waited_for {
        for OpenTransactionView { pid, role, .. } in transactions {
            let pid = pid.map_or_else(|| "prepared".to_owned(), |pid| format!("pid {pid}"));
            let why = format!("was open at the cutoff and not waited for ({reason})");
            table.row([format!("  transaction of {role}, {pid}"), "-".to_owned(), why]);
        }
    }
    let columns = !kept.is_empty() || !unreached.is_empty() || !undecided.is_empty();
    (!left.is_empty() || columns || not_waited_for.is_some()).then(|| table.text())
}

fn in_words(why: &str) -> &str {
    match why {
        "shared" => "they are of somebody else too",
        "referred" => "a row that stays refers to them",
        "later" => "they were made after the cutoff",
        "dangling" => "they refer to a row that is gone",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_is_said_with_its_reason() {
        assert_eq!(found(&FoundView::default()), None);
        let left = LeftView { collection: "shop.orders".to_owned(), why: "later".to_owned(), rows: 1_200 };
        let undecided =
            UndecidedView { collection: "shop.users".to_owned(), column: "phone".to_owned(), rows: 2 };
        let open = |pid| OpenTransactionView { pid, role: "app".to_owned(), since: None };
        let not_waited_for = NotWaitedForView {
            reason: "transaction_harmless".to_owned(),
            transactions: vec![open(Some(4711)), open(None)],
        };
        let kept = KeptColumnsView {
            collection: "shop.users".to_owned(),
            columns: vec!["id".to_owned(), "email".to_owned()],
        };
        let unreached =
            KeptColumnsView { collection: "shop.letters".to_owned(), columns: vec!["body".to_owned()] };
        let all = FoundView {
            left: vec![left],
            kept: vec![kept],
            unreached: vec![unreached],
            undecided: vec![undecided],
            not_waited_for: Some(not_waited_for),
        };
        let expected = [
            "  WHERE                         ROWS   WHY\n",
            "  shop.orders                   1,200  they were made after the cutoff\n",
            "  shop.users (id, email)        -      the data map keeps what they hold, which is personal data\n",
            "  shop.letters (body)           -      not looked for: nothing in the data map leads there from the identity\n",
            "  shop.users.phone              2      written by others since; nobody can tell whether the value was put back\n",
            "  transaction of app, pid 4711  -      was open at the cutoff and not waited for (transaction_harmless)\n",
            "  transaction of app, prepared  -      was open at the cutoff and not waited for (transaction_harmless)\n",
        ];
        assert_eq!(found(&all), Some(expected.concat()));
    }
}
