//! What a store's catalogues say of tables beyond their columns, as far as erasing needs it.

use std::collections::{BTreeMap, BTreeSet};

use crate::schema::TableName;

use super::plan::RowAction;

/// The facts about the tables of one store: those of the data map, and every table that refers to
/// one of them, whether the map names it or not.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StoreFacts {
    /// By name.
    pub tables: BTreeMap<TableName, TableFacts>,
    /// Whether the server does not count what the eraser's transactions change: `track_counts` is off
    /// for its session.
    pub uncounted: bool,
}

/// The facts about one table.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TableFacts {
    /// The foreign keys that point away from it.
    pub foreign_keys: Vec<ForeignKey>,
    /// The enabled triggers of the company's own that an UPDATE or DELETE would fire, those of its
    /// partitions too, and the rewrite rules, which change what such a statement does.
    pub triggers: Vec<Trigger>,
    /// The columns that the eraser's role may update.
    pub updatable: BTreeSet<String>,
    /// Whether the role may delete rows.
    pub deletable: bool,
    /// Whether it is a table that can be written: plain or partitioned, no view, no foreign table.
    pub writable_kind: bool,
    /// Whether row-level security would apply to the role.
    pub row_security: bool,
}

/// A foreign key of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForeignKey {
    /// The constraint's name.
    pub name: String,
    /// The referring columns, in the constraint's order.
    pub columns: Vec<String>,
    /// The table referred to.
    pub target: TableName,
    /// The columns referred to, in the same order.
    pub target_columns: Vec<String>,
    /// What happens to the referring row when the row referred to is deleted.
    pub on_delete: ReferentialAction,
    /// What happens to the referring row when the key referred to changes.
    pub on_update: ReferentialAction,
}

/// What the server does to referring rows by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReferentialAction {
    /// Refuses, at once or at the end of the transaction.
    Refuse,
    /// Deletes or changes them along.
    Cascade,
    /// Sets the referring columns to NULL.
    SetNull,
    /// Sets the referring columns to their defaults.
    SetDefault,
}

/// A trigger that an erasing statement would fire, or a rewrite rule.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Trigger {
    /// Its name.
    pub name: String,
    /// Whether it fires on UPDATE of these columns (empty: any column); `None` when not on UPDATE. Those
    /// from which the server computes one of them are among them.
    pub on_update_of: Option<BTreeSet<String>>,
    /// Whether it fires on DELETE.
    pub on_delete: bool,
    /// Whether it fires for each row, and so only where there is one; a trigger FOR EACH STATEMENT and a
    /// rule need none.
    pub per_row: bool,
    /// Whether it fires only where a condition of its own (WHEN) holds.
    pub conditional: bool,
}

impl Trigger {
    /// Whether it fires when these columns are updated.
    #[must_use]
    pub fn fires_on_update_of<'c>(&self, mut changed: impl Iterator<Item = &'c String>) -> bool {
        let of = self.on_update_of.as_ref();
        of.is_some_and(|columns| columns.is_empty() || changed.any(|column| columns.contains(column)))
    }
}

impl Trigger {
    /// Whether that, done to a row, fires it.
    #[must_use]
    pub fn fires(&self, action: &RowAction) -> bool {
        match (action, &self.on_update_of) {
            (RowAction::Delete, _) => self.on_delete,
            (RowAction::Anonymise(_) | RowAction::Unlink(_), None) => false,
            (RowAction::Anonymise(_) | RowAction::Unlink(_), Some(columns)) => {
                columns.is_empty() || action.changes().iter().any(|change| columns.contains(&change.column))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::datamap::Strategy;
    use crate::erasure::FieldChange;

    use super::*;

    #[test]
    fn a_trigger_fires_by_what_is_done_and_to_which_column() {
        let change = FieldChange::new("email", Strategy::Null);
        let actions = [
            RowAction::Delete,
            RowAction::Anonymise(vec![change]),
            RowAction::Unlink(vec!["boss".to_owned()]),
        ];
        let columns = |names: &[&str]| Some(names.iter().map(|name| (*name).to_owned()).collect());
        for (on_update_of, on_delete, fires) in [
            (None, true, [true, false, false]),
            (columns(&[]), false, [false, true, true]),
            (columns(&["email", "phone"]), false, [false, true, false]),
            (columns(&["boss"]), true, [true, false, true]),
        ] {
            let trigger = Trigger { name: "watch".to_owned(), on_update_of, on_delete, ..Trigger::default() };
            assert_eq!(actions.each_ref().map(|action| trigger.fires(action)), fires, "{trigger:?}");
        }
    }
}
