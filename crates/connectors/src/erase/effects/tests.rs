use super::*;

fn table(name: &str) -> TableName {
    TableName { schema: "public".to_owned(), table: name.to_owned() }
}

fn changed(inserted: i64, updated: i64, deleted: i64) -> Changed {
    Changed { inserted, updated, deleted }
}

fn effects(tables: &[(&str, (i64, i64, i64))]) -> Effects {
    tables.iter().fold(Effects::default(), |effects, (name, (inserted, updated, deleted))| {
        effects.and(&table(name), changed(*inserted, *updated, *deleted))
    })
}

fn told(found: &Effects, planned: &Effects) -> Vec<String> {
    found.unplanned(planned).iter().map(ToString::to_string).collect()
}

#[test]
fn what_earlier_transactions_did_is_not_this_ones() {
    let before = effects(&[("person", (0, 7, 0)), ("card", (1, 0, 2))]);
    let after = effects(&[("person", (0, 9, 0)), ("card", (1, 0, 2)), ("bill", (0, 0, 4))]);
    assert_eq!(after.since(&before), effects(&[("person", (0, 2, 0)), ("bill", (0, 0, 4))]));
    assert_eq!(after.since(&after), Effects::default());
}

#[test]
fn what_was_planned_is_not_told() {
    let planned = effects(&[("person", (0, 3, 0)), ("card", (0, 0, 2))]);
    assert_eq!(told(&planned, &planned), Vec::<String>::new());
    assert_eq!(told(&Effects::default(), &effects(&[("person", (0, 0, 0))])), Vec::<String>::new());
    let journal = TableName { schema: "lethe".to_owned(), table: "journal".to_owned() };
    assert_eq!(Effects::default().with_entry().of(&journal), changed(1, 0, 0));
}

#[test]
fn everything_else_is_told_in_words() {
    let planned = effects(&[("person", (0, 5, 0)), ("card", (0, 0, 2))]);
    let found = effects(&[
        ("person", (0, 3, 0)),
        ("card", (0, 0, 3)),
        ("history", (5, 0, 0)),
        ("bill", (1, 2, 0)),
        ("note", (0, 1, 0)),
    ]);
    assert_eq!(
        told(&found, &planned),
        [
            "public.bill: 1 row inserted that was not planned, 2 rows updated that were not planned",
            "public.card: 3 rows deleted where 2 were planned",
            "public.history: 5 rows inserted that were not planned",
            "public.note: 1 row updated that was not planned",
            "public.person: only 3 of 5 rows counted as updated",
        ]
    );
}

#[test]
fn a_partition_counts_for_its_root_and_rows_may_move_between_them() {
    let roots = BTreeMap::from([(table("log_2024"), table("log"))]);
    let found = |inserted, updated, deleted| Effects {
        roots: roots.clone(),
        ..effects(&[("log", (inserted, updated, deleted))])
    };
    for name in ["log", "log_2024"] {
        let planned = effects(&[(name, (0, 5, 0))]);
        assert_eq!(told(&found(0, 5, 0), &planned), Vec::<String>::new());
        assert_eq!(told(&found(2, 3, 2), &planned), Vec::<String>::new(), "two moved");
        assert_eq!(told(&found(2, 5, 2), &planned).len(), 1, "two were replaced besides");
        assert_eq!(told(&found(2, 3, 1), &planned).len(), 1);
    }
    // Only partitioned tables have rows that move.
    assert_eq!(told(&effects(&[("log", (2, 3, 2))]), &effects(&[("log", (0, 5, 0))])).len(), 1);
}
