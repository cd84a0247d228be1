//! What must hold before the first write: every case that would fail half-way, or do more than the
//! plan says, is found here and refused whole.

mod fired;

use crate::datamap::category::personal;
use crate::datamap::{Strategy, TenantPath};
use crate::schema::{LiveSchema, TableName};

use super::change::FieldChange;
use super::facts::{ReferentialAction, StoreFacts, TableFacts};
use super::keys;
use super::obstacle::{Obstacle, ObstacleKind as Kind};
use super::plan::{Target, Ways};

/// Reports a store that does not count what a transaction changes: that nothing else changed along with the
/// rows of a batch is seen by these counts alone.
pub(super) fn counts(targets: &[Target<'_>], facts: &StoreFacts, obstacles: &mut Vec<Obstacle>) {
    if let Some(target) = targets.first().filter(|_| facts.uncounted) {
        obstacles.push(Obstacle::new(
            Kind::Counts,
            (target.table(), None),
            format!(
                "`track_counts` is off for the eraser's sessions in the store `{}`, so that nobody could tell what else changes along with its rows",
                target.store
            ),
            "turn it on with `ALTER DATABASE … SET track_counts = on`, or for the role with `ALTER ROLE … SET track_counts = on`, and restart the erasure-worker",
        ));
    }
}

/// Reports everything that stands in the way of erasing these collections.
pub(super) fn check(
    targets: &[Target<'_>],
    ways: &Ways<'_>,
    (schema, facts): (&LiveSchema, &StoreFacts),
    obstacles: &mut Vec<Obstacle>,
) {
    for target in targets {
        let mut checker = Checker { target, targets, ways, schema, facts, obstacles };
        let Some(known) = facts.tables.get(target.table()).filter(|facts| facts.writable_kind) else {
            checker.report(
                (Kind::Table, None),
                "it is not a table that can be written",
                "name the table behind it, or set `fides_meta: {skip_processing: true}`",
            );
            continue;
        };
        checker.table(known);
        checker.triggers(known);
        match &target.changes {
            None => {
                checker.references();
                checker.fired_by_keys();
            }
            Some(changes) => changes.iter().for_each(|change| checker.change(known, change)),
        }
    }
}

struct Checker<'a> {
    target: &'a Target<'a>,
    targets: &'a [Target<'a>],
    ways: &'a Ways<'a>,
    schema: &'a LiveSchema,
    facts: &'a StoreFacts,
    obstacles: &'a mut Vec<Obstacle>,
}

impl Checker<'_> {
    fn report(
        &mut self,
        (kind, column): (Kind, Option<&str>),
        what: impl Into<String>,
        remedy: impl Into<String>,
    ) {
        self.obstacles.push(Obstacle::new(kind, (self.target.table(), column), what, remedy));
    }

    fn table(&mut self, known: &TableFacts) {
        if known.row_security {
            self.report(
                (Kind::RowSecurity, None),
                "row-level security would hide rows from the eraser's role",
                "give the role BYPASSRLS",
            );
        }
        if self.target.deletes() && !known.deletable {
            let table = self.target.table();
            self.report(
                (Kind::Privilege, None),
                "the eraser's role may not delete its rows",
                format!("grant it: GRANT DELETE ON {table} TO the role"),
            );
        }
    }

    fn change(&mut self, known: &TableFacts, change: &FieldChange) {
        let column = change.column.as_str();
        let live = self.schema.tables.get(self.target.table());
        let Some(found) = live.and_then(|table| table.column(column)) else {
            let remedy = "correct the name, or grant SELECT on it";
            return self.report(
                (Kind::Column, Some(column)),
                "there is no such column that the role can read",
                remedy,
            );
        };
        let distinct = live.is_some_and(|table| table.must_stay_distinct(column));
        if let Some(reason) = change.strategy.misfit(found, distinct) {
            let what = format!("the strategy `{}` cannot apply: {reason}", change.strategy.name());
            self.report((Kind::Strategy, Some(column)), what, Strategy::fitting(found, distinct));
        }
        if !known.updatable.contains(column) {
            let table = self.target.table();
            let remedy = format!("grant it: GRANT UPDATE ({column}) ON {table} TO the role");
            self.report((Kind::Privilege, Some(column)), "the eraser's role may not change it", remedy);
        }
        if let Some(role) = self.holds_together(known, change) {
            let what = format!("the strategy `{}` would change {role}", change.strategy.name());
            self.report((Kind::Strategy, Some(column)), what, self.remedy(column));
        }
    }

    /// What to do with a column that must stay what it is.
    fn remedy(&self, column: &str) -> &'static str {
        let mut categories =
            self.target.collection.field(column).into_iter().flat_map(|f| &f.data_categories);
        match categories.any(|category| personal(category)) {
            true => {
                "let the rows be deleted with `lethe: {erase: delete}`, give them a key that says nothing of anybody, or say that it stays with `lethe: {strategy: keep}`: plans and results list it then"
            }
            false => {
                "keep it with `lethe: {strategy: keep}`: with the columns around it erased it points at nobody"
            }
        }
    }

    /// What a column is to other rows, when changing it would break that.
    fn holds_together(&self, known: &TableFacts, change: &FieldChange) -> Option<String> {
        let (table, column) = (self.target.table(), &change.column);
        let live = self.schema.tables.get(table);
        if live.is_some_and(|table| table.primary_key.contains(column)) {
            return Some("the primary key".to_owned());
        }
        let leads = |path: &TenantPath, from: &TableName| {
            keys::on_the_way(path, from, table).contains(&column.as_str())
        };
        let mut ways = self.ways.iter();
        let led = ways.find(|(_, any)| any.tenant.as_ref().is_some_and(|path| leads(path, &any.table)));
        if let Some((path, _)) = led {
            return Some(format!("how rows of {path} lead to their organisation"));
        }
        if let Some((referring, _)) =
            keys::referring(self.facts, table).find(|(_, key)| key.target_columns.contains(column))
        {
            return Some(format!("a key that {referring} refers to"));
        }
        let refers = known.foreign_keys.iter().find(|key| key.columns.contains(column));
        refers
            .filter(|_| change.strategy != Strategy::Null)
            .map(|key| format!("a reference to {}", key.target))
    }

    /// Rows that refer to rows which are deleted must be gone, or have let go, by then.
    fn references(&mut self) {
        let referring: Vec<_> = keys::referring(self.facts, self.target.table())
            .filter(|(table, _)| *table != self.target.table())
            .map(|(table, key)| (table.clone(), key.clone()))
            .collect();
        for (table, key) in referring {
            let gone = self.targets.iter().any(|other| {
                *other.table() == table
                    && (other.deletes() || key.columns.iter().any(|column| other.nulls(column)))
            });
            if gone {
                continue;
            }
            let by_itself = match key.on_delete {
                ReferentialAction::Refuse => "the server would refuse to delete what they refer to",
                ReferentialAction::Cascade => "the server would delete them along, uncounted",
                ReferentialAction::SetNull | ReferentialAction::SetDefault => {
                    "the server would change them along, uncounted"
                }
            };
            let columns = key.columns.join(", ");
            self.report(
                (Kind::Reference, None),
                format!("rows of {table} ({columns}) refer to its rows by `{}` and stay: {by_itself}", key.name),
                format!("delete the rows of {table} too, give ({columns}) the strategy `null`, or anonymise these rows instead of deleting them"),
            );
        }
    }
}
