//! Keys that refer to rows which are deleted, and that no index finds.

use serde::{Deserialize, Serialize};

use crate::schema::{LiveSchema, TableName};

use super::plan::{CollectionErasure, RowAction};

/// A reference to rows that are deleted of which no index finds what refers: the server may read all of the
/// referring table for each row that goes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Unindexed {
    /// The referring table.
    pub table: TableName,
    /// The columns by which it refers.
    pub columns: Vec<String>,
    /// The table of which rows are deleted.
    pub target: TableName,
}

/// Those of one collection. Nothing is said of a table that the live schema does not have.
#[must_use]
pub fn unindexed(erasure: &CollectionErasure, schema: &LiveSchema) -> Vec<Unindexed> {
    if erasure.action != RowAction::Delete {
        return Vec::new();
    }
    let keys = erasure.guards.iter().chain(&erasure.threads);
    let slow =
        keys.filter(|key| schema.tables.get(&key.table).is_some_and(|table| !table.finds(&key.columns)));
    let one = |key: &super::guard::Guard| Unindexed {
        table: key.table.clone(),
        columns: key.columns.clone(),
        target: erasure.table.clone(),
    };
    let mut found: Vec<Unindexed> = slow.map(one).collect();
    found.sort_unstable();
    found.dedup();
    found
}

#[cfg(test)]
mod tests {
    use crate::erasure::Guard;
    use crate::schema::Table;

    use super::*;

    fn table(name: &str) -> TableName {
        TableName { schema: "public".to_owned(), table: name.to_owned() }
    }

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    fn key(columns: &[&str]) -> Guard {
        Guard { table: table("status"), columns: names(columns), target_columns: names(columns), aside: None }
    }

    #[test]
    fn what_refers_to_deleted_rows_is_found_by_an_index_or_told() {
        let live = Table {
            primary_key: names(&["id"]),
            indexed: ["id", "account_id"].map(str::to_owned).into(),
            ..Table::default()
        };
        let schema = LiveSchema { tables: [(table("status"), live)].into(), ..LiveSchema::default() };
        let mut erasure = CollectionErasure {
            collection: "shop.account".to_owned(),
            store: "shop".to_owned(),
            table: table("account"),
            action: RowAction::Delete,
            exclusive: false,
            unsplit: false,
            threads: vec![key(&["parent_id"])],
            guards: vec![
                key(&["account_id"]),
                key(&["org", "account_id"]),
                key(&["reply_to"]),
                key(&["reply_to"]),
                Guard { table: table("unseen"), ..key(&["account"]) },
            ],
        };
        let told = |erasure: &CollectionErasure| -> Vec<Vec<String>> {
            unindexed(erasure, &schema).into_iter().map(|one| one.columns).collect()
        };
        assert_eq!(told(&erasure), [names(&["parent_id"]), names(&["reply_to"])]);
        erasure.action = RowAction::Unlink(names(&["x"]));
        assert_eq!(told(&erasure), Vec::<Vec<String>>::new(), "no row goes");
    }
}
