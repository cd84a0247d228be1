//! Values that a statement cannot compute: read in pages, computed here, written back set by set.

use chassis::StepError;
use connectors::erase::{
    EraseScope, EraseStatement, EraseTransaction, Page, PageRead, PageRow, PseudonymKey, Rows, in_statement,
};
use domain::anonymise::{Anonymiser, Digests};
use domain::datamap::Collection;
use domain::erasure::FieldChange;
use domain::schema::{LiveColumn, LiveSchema, Table};

use crate::failure::{broken, plan_failed, refused, store_failed};

/// Rows of one page, and of one statement.
const PAGE_ROWS: u32 = 5_000;

/// What the values of a collection are computed with.
pub(crate) struct Computing<'a> {
    /// The transaction in which the values are read, and will be written.
    pub transaction: &'a EraseTransaction,
    pub collection: &'a Collection,
    pub schema: &'a LiveSchema,
    pub changes: &'a [FieldChange],
    /// The organisation's key for pseudonyms.
    pub key: &'a [u8; 32],
}

/// Whether the changes need values that a statement cannot compute.
pub(crate) fn needed(changes: &[FieldChange]) -> bool {
    changes.iter().any(|change| !in_statement(&change.strategy))
}

impl Computing<'_> {
    /// The statements that write what takes the place of the values of these rows, all columns at once,
    /// so that each row is changed once.
    pub async fn statements(
        &self,
        scope: &EraseScope<'_>,
        rows: Rows<'_>,
    ) -> Result<Vec<EraseStatement<'static>>, StepError> {
        let table = self.schema.tables.get(&self.collection.table);
        let table = table.ok_or_else(|| broken("a table that was planned for is gone"))?;
        let (anonymisers, key) = (self.anonymisers(table)?, PseudonymKey::new(self.key));
        let columns: Vec<String> = self.changes.iter().map(|change| change.column.clone()).collect();
        let failed = |error| store_failed(&error);
        let (mut statements, mut after) = (Vec::new(), None::<Vec<String>>);
        loop {
            let page = Page { of: rows, after: after.as_deref(), rows: PAGE_ROWS };
            let read = PageRead::plan(self.collection, self.schema, scope, &columns, &page);
            let read = read.map_err(|error| plan_failed(&error))?;
            let mut found = self.transaction.page(&read).await.map_err(failed)?;
            let last = found.len() < usize::try_from(PAGE_ROWS).unwrap_or(usize::MAX);
            after = found.last().map(|row| row.key.clone());
            key.digesting(|digests| {
                found.iter_mut().try_for_each(|row| replace(&anonymisers, digests, row))
            })?;
            if !found.is_empty() {
                let Self { collection, schema, .. } = *self;
                let statement = EraseStatement::write(collection, schema, scope, &columns, &rows, &found);
                statements.push(statement.map_err(|error| plan_failed(&error))?);
            }
            if last {
                break;
            }
        }
        Ok(statements)
    }

    fn anonymisers<'t>(&'t self, table: &'t Table) -> Result<Vec<Anonymiser<'t>>, StepError> {
        let one = |change: &'t FieldChange| {
            let column = table.column(&change.column);
            let column = column.ok_or_else(|| broken("a column that was planned for is gone"))?;
            // Whether pseudonyms may meet was decided by planning, which knows all unique keys.
            Anonymiser::new(&change.strategy, column, false)
                .map(|anonymiser| anonymiser.giving(change.token))
                .map_err(|misfit| refused("store_schema", misfit.to_string()))
        };
        self.changes.iter().map(one).collect()
    }
}

/// Puts in the place of each value what its strategy gives in this row.
fn replace(
    anonymisers: &[Anonymiser<'_>],
    digests: Digests<'_>,
    PageRow { key, values }: &mut PageRow,
) -> Result<(), StepError> {
    for (value, anonymiser) in values.iter_mut().zip(anonymisers) {
        let replaced = anonymiser.apply(value.as_deref(), digests, key);
        let replaced = replaced.map_err(|unreadable| refused("value_unreadable", unreadable.to_string()))?;
        let replaced = replaced.map(|text| text.into_owned());
        *value = replaced;
    }
    Ok(())
}

/// What takes the place of one value by a change that makes pseudonyms; `None` where that depends on the
/// row.
pub(crate) fn pseudonym(
    change: &FieldChange,
    column: &LiveColumn,
    value: &str,
    key: &[u8; 32],
) -> Option<String> {
    if change.token.needs_row() {
        return None;
    }
    let anonymiser = Anonymiser::new(&change.strategy, column, false).ok()?.giving(change.token);
    let made = PseudonymKey::new(key).digesting(|digests| {
        anonymiser.apply(Some(value), digests, &[]).map(|text| text.map(|text| text.into_owned()))
    });
    made.ok()?
}
