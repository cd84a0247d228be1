//! A step about the rows of one collection, opened: what it may touch, and where that is.

use std::collections::VecDeque;
use std::sync::Arc;

use chassis::StepError;
use chrono::{DateTime, Utc};
use connectors::Schemas;
use connectors::erase::{EraseScope, Page, PageRead, PageRow, Rows};
use domain::datamap::{Collection, Dataset};
use domain::schema::LiveSchema;
use store::Claimed;

use crate::Erasures;
use crate::before::DoneBefore;
use crate::failure::{broken, plan_failed, store_failed};
use crate::obeyed::Obeyed;
use crate::scope::{StepScope, open};

/// A step that is about to erase.
pub(crate) struct Opened<'a> {
    erasures: &'a Erasures,
    step: &'a Claimed,
    cutoff_at: DateTime<Utc>,
    schemas: Schemas,
    before: DoneBefore,
    /// As it was planned.
    pub planned: StepScope,
    pub dataset: &'a Dataset,
    pub collection: &'a Collection,
}

impl<'a> Opened<'a> {
    pub async fn of(erasures: &'a Erasures, step: &'a Claimed) -> Result<Self, StepError> {
        let planned: StepScope = open(&erasures.sealing, step)?;
        let (dataset, collection) = erasures.find(&planned.erasure.collection)?;
        let cutoff_at = step.cutoff.ok_or_else(|| broken("the job has no cutoff"))?;
        let schemas = erasures.schemas().await?;
        let before = DoneBefore::find(erasures, step, &planned).await?;
        Ok(Self { erasures, step, cutoff_at, schemas, before, planned, dataset, collection })
    }

    /// The holds that the step obeys, to be read again before each batch and page.
    pub fn obeyed(&self) -> Obeyed<'_> {
        let place = (self.dataset, self.collection);
        Obeyed::new((self.erasures, self.step), &self.planned, place, Arc::clone(&self.schemas))
    }

    pub fn schema(&self) -> Result<&LiveSchema, StepError> {
        self.schemas.get(&self.dataset.store).ok_or_else(|| broken("a store has no schema"))
    }

    /// As [`StepScope::rows`].
    pub fn scope(&self) -> EraseScope<'_> {
        self.planned.rows(&self.step.organisation, self.cutoff_at, &self.before)
    }

    /// These columns of every row, so many rows at a time.
    pub fn pages<'o>(&'o self, columns: &'o [String], rows: u32) -> Pages<'o> {
        let left = self.planned.batches.numbered().map(|(_, of)| of).collect();
        Pages { opened: self, obeyed: self.obeyed(), columns, rows, left, after: None }
    }
}

/// Rows that are read page by page, each in a transaction of its own: who works on one may take his time,
/// and a snapshot that is kept hinders the store's own housekeeping. A hold that was placed meanwhile keeps
/// its rows out of the next page.
pub(crate) struct Pages<'o> {
    opened: &'o Opened<'o>,
    obeyed: Obeyed<'o>,
    columns: &'o [String],
    rows: u32,
    /// The batches that are not read to their ends.
    left: VecDeque<Rows<'o>>,
    /// The last key that was read of the first of them.
    after: Option<Vec<String>>,
}

impl Pages<'_> {
    /// The next page, which may be empty; `None` when all rows have been read.
    pub async fn next(&mut self) -> Result<Option<Vec<PageRow>>, StepError> {
        let Some(of) = self.left.front().copied() else { return Ok(None) };
        self.obeyed.read_at_rest().await?;
        let page = Page { of, after: self.after.as_deref(), rows: self.rows };
        let Opened { collection, .. } = self.opened;
        let scope = EraseScope { holds: self.obeyed.holds(), ..self.opened.scope() };
        let read = PageRead::plan(collection, self.opened.schema()?, &scope, self.columns, &page);
        let rows = self.read(&read.map_err(|error| plan_failed(&error))?).await?;
        self.after = rows.last().map(|row| row.key.clone());
        if rows.len() < usize::try_from(self.rows).unwrap_or(usize::MAX) {
            self.left.pop_front();
            self.after = None;
        }
        Ok(Some(rows))
    }

    async fn read(&self, read: &PageRead) -> Result<Vec<PageRow>, StepError> {
        let failed = |error| store_failed(&error);
        let store = self.opened.erasures.store(self.opened.dataset)?;
        let transaction = store.begin_read().await.map_err(failed)?;
        let rows = transaction.page(read).await.map_err(failed)?;
        transaction.finish().await.map_err(failed)?;
        Ok(rows)
    }
}
