//! Values that a statement cannot compute: read in pages, computed here, written back set by set.

use chassis::StepError;
use connectors::erase::{
    EraseScope, EraseStatement, EraseTransaction, Page, PageRead, PageRow, Rows, in_statement,
};
use domain::anonymise::Anonymiser;
use domain::datamap::Collection;
use domain::erasure::FieldChange;
use domain::schema::{LiveColumn, LiveSchema, Table};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

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
        let anonymisers = self.anonymisers(table)?;
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
            found.iter_mut().try_for_each(|row| self.replace(&anonymisers, row))?;
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
                .map_err(|misfit| refused("store_schema", misfit.to_string()))
        };
        self.changes.iter().map(one).collect()
    }

    fn replace(&self, anonymisers: &[Anonymiser<'_>], row: &mut PageRow) -> Result<(), StepError> {
        let mac = |message: &[u8]| digest(self.key, message);
        for (value, anonymiser) in row.values.iter_mut().zip(anonymisers) {
            let replaced = anonymiser.apply(value.as_deref(), &mac);
            let replaced =
                replaced.map_err(|unreadable| refused("value_unreadable", unreadable.to_string()))?;
            let replaced = replaced.map(|text| text.into_owned());
            *value = replaced;
        }
        Ok(())
    }
}

/// What takes the place of one value by a change that makes pseudonyms.
pub(crate) fn pseudonym(
    change: &FieldChange,
    column: &LiveColumn,
    value: &str,
    key: &[u8; 32],
) -> Option<String> {
    let anonymiser = Anonymiser::new(&change.strategy, column, false).ok()?;
    let mac = |message: &[u8]| digest(key, message);
    anonymiser.apply(Some(value), &mac).ok()?.map(|text| text.into_owned())
}

fn digest(key: &[u8; 32], message: &[u8]) -> [u8; 32] {
    let keyed = Hmac::<Sha256>::new_from_slice(key);
    keyed.map_or([0; 32], |mac| mac.chain_update(message).finalize().into_bytes().into())
}
