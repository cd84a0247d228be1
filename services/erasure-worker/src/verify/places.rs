//! Looking at the rows of one place of a plan.

use std::collections::BTreeMap;
use std::sync::Arc;

use chassis::StepError;
use chrono::{DateTime, Utc};
use connectors::Schemas;
use connectors::erase::{
    DanglingRead, EraseScope, Expected, Looked, PseudonymKey, RowKeys, Rows, Verification, Writers,
    can_verify, dangling as count_dangling, look_and_name, look_for_keys,
};
use domain::datamap::{Collection, Dataset};
use domain::erasure::RowAction;
use domain::hold::{HeldRows, Hold};
use domain::id::JobId;
use domain::schema::LiveSchema;
use store::Claimed;
use uuid::Uuid;

use super::reader;
use crate::Erasures;
use crate::batches::{MOST_KEYS, join_ranges};
use crate::before::DoneBefore;
use crate::failure::{broken, plan_failed, refused, store_failed, trial_failed};
use crate::obeyed::Obeyed;
use crate::scope::{LooseReference, Noted, StepScope};

/// A place, with what it takes to look at it.
pub(crate) struct Place<'a> {
    erasures: &'a Erasures,
    step: &'a Claimed,
    scope: &'a StepScope,
    pub dataset: &'a Dataset,
    collection: &'a Collection,
    schemas: Schemas,
    cutoff_at: DateTime<Utc>,
    key: PseudonymKey,
    before: DoneBefore,
}

impl<'a> Place<'a> {
    pub async fn of(
        erasures: &'a Erasures,
        step: &'a Claimed,
        scope: &'a StepScope,
    ) -> Result<Self, StepError> {
        let cutoff_at = step.cutoff.ok_or_else(|| broken("the job has no cutoff"))?;
        Self::at(erasures, step, (scope, cutoff_at)).await
    }

    async fn at(
        erasures: &'a Erasures,
        step: &'a Claimed,
        (scope, cutoff_at): (&'a StepScope, DateTime<Utc>),
    ) -> Result<Self, StepError> {
        let (dataset, collection) = erasures.find(&scope.erasure.collection)?;
        let raw = erasures.pseudonym_key(&step.organisation)?;
        let (schemas, key) = (erasures.schemas().await?, PseudonymKey::new(&raw));
        let before = DoneBefore::find(erasures, step, scope).await?;
        Ok(Self { erasures, step, scope, dataset, collection, schemas, cutoff_at, key, before })
    }

    fn schema(&self) -> Result<&LiveSchema, StepError> {
        self.schemas.get(&self.dataset.store).ok_or_else(|| broken("a store has no schema"))
    }

    /// The holds on its rows: those of the plan, and any placed since.
    async fn holds(&self) -> Result<Vec<Hold>, StepError> {
        let place = (self.dataset, self.collection);
        let mut obeyed =
            Obeyed::new((self.erasures, self.step), self.scope, place, Arc::clone(&self.schemas));
        obeyed.read_at_rest().await?;
        Ok(obeyed.holds().to_vec())
    }

    /// The verification of some of its rows.
    fn verification(&self, holds: &[Hold], rows: &Rows<'_>) -> Result<Verification, StepError> {
        let scope = EraseScope {
            holds,
            guards: &self.scope.erasure.guards,
            ..self.scope.rows(&self.step.organisation, self.cutoff_at, &self.before)
        };
        let expected = match &self.scope.erasure.action {
            RowAction::Delete => Expected::Deleted,
            RowAction::Anonymise(changes) => Expected::Anonymised { changes, key: &self.key },
            RowAction::Unlink(columns) => Expected::Unlinked(columns),
        };
        let planned = Verification::plan(self.collection, self.schema()?, &scope, rows, expected);
        planned.map_err(|error| plan_failed(&error))
    }

    /// What is left of these rows, and why.
    pub async fn look(&self, rows: &[Rows<'_>]) -> Result<Looked, StepError> {
        Ok(self.look_and_name(rows, 0).await?.0)
    }

    /// As [`Place::look`], with the holds, and the keys of what each keeps where there are up to `most`.
    async fn look_and_name(&self, rows: &[Rows<'_>], most: u32) -> Result<(Looked, Vec<Hold>), StepError> {
        let holds = self.holds().await?;
        let planned: Result<Vec<_>, _> = rows.iter().map(|rows| self.verification(&holds, rows)).collect();
        let planned = planned?;
        let unverifiable = planned.iter().any(|planned| !planned.unverifiable().is_empty());
        let writers = if unverifiable { self.writers().await? } else { Writers::default() };
        let reader = reader(self.erasures, &self.dataset.store)?;
        let whole =
            join_ranges(rows).map(|range| self.verification(&holds, &Rows::Range(&range))).transpose()?;
        let looked = look_and_name(reader, &planned, whole.as_ref(), &writers, most).await;
        let looked = looked.map_err(|error| store_failed(&error))?;
        Ok((looked.into_iter().fold(Looked::default(), Looked::and), holds))
    }

    async fn writers(&self) -> Result<Writers, StepError> {
        writers_of(self.erasures, self.step.job_id, &self.dataset.store).await
    }
}

/// The transactions in which a job has changed rows of a store.
pub(crate) async fn writers_of(erasures: &Erasures, job: JobId, name: &str) -> Result<Writers, StepError> {
    let store = erasures.sources.stores().get(name).ok_or_else(|| broken("a store is not configured"))?;
    let found = store.writers(job).await;
    found.map_err(|error| match error.sqlstate() {
        Some("42703") => {
            let detail = format!(
                "nothing was erased: the table lethe.journal of store `{name}` is of an earlier version and does not keep \
                 the transactions; run again what `lethe data-map journal` prints, then try the job again"
            );
            refused("journal_outdated", detail)
        }
        _ => store_failed(&error),
    })
}

/// Whether the journals keep by which transactions a job has changed rows, before it changes any.
pub(crate) async fn journals_name_writers(erasures: &Erasures, step: &Claimed) -> Result<(), StepError> {
    for name in erasures.sources.stores().keys() {
        writers_of(erasures, step.job_id, name).await?;
    }
    Ok(())
}

/// What is left of the rows of a place, and why.
pub(crate) async fn look_at(
    erasures: &Erasures,
    step: &Claimed,
    scope: &StepScope,
) -> Result<Looked, StepError> {
    let rows = any_rows(scope);
    if rows.is_empty() {
        return Ok(Looked::default());
    }
    Place::of(erasures, step, scope).await?.look(&rows).await
}

/// As [`look_at`], and which rows each hold keeps: by their keys, unless those are too many; then by what the
/// hold says.
pub(super) async fn look_for_kept(
    erasures: &Erasures,
    step: &Claimed,
    scope: &StepScope,
) -> Result<(Looked, BTreeMap<Uuid, HeldRows>), StepError> {
    let rows = any_rows(scope);
    if rows.is_empty() {
        return Ok((Looked::default(), BTreeMap::new()));
    }
    let (mut looked, holds) = Place::of(erasures, step, scope).await?.look_and_name(&rows, MOST_KEYS).await?;
    let mut kept = BTreeMap::new();
    for hold in holds {
        let count = looked.held.get(&hold.id).and_then(|rows| usize::try_from(*rows).ok()).unwrap_or(0);
        let listed = matches!(hold.rows, HeldRows::Keys(_));
        let few = listed || u32::try_from(count).is_ok_and(|count| count <= MOST_KEYS);
        let keys = looked.keys.remove(&hold.id).filter(|RowKeys(keys)| few && keys.len() == count);
        match keys {
            _ if count == 0 => {}
            Some(RowKeys(keys)) => drop(kept.insert(hold.id, HeldRows::Keys(keys))),
            None if listed => return Err(broken("the rows that a hold keeps have no keys")),
            None => drop(kept.insert(hold.id, hold.rows)),
        }
    }
    Ok((looked, kept))
}

fn any_rows(scope: &StepScope) -> Vec<Rows<'_>> {
    scope.batches.numbered().map(|(_, rows)| rows).filter(is_any).collect()
}

fn is_any(rows: &Rows<'_>) -> bool {
    match rows {
        Rows::Range(_) => true,
        Rows::Keys(keys) => !keys.is_empty(),
    }
}

/// The keys of up to `most` rows of a place in which something is left; `None` where its table has no
/// primary key.
pub(crate) async fn keys_left(
    erasures: &Erasures,
    step: &Claimed,
    (scope, most): (&StepScope, u32),
) -> Result<Option<Vec<Vec<String>>>, StepError> {
    let place = Place::of(erasures, step, scope).await?;
    let (holds, writers) = (place.holds().await?, place.writers().await?);
    let mut left = Vec::new();
    for (_, rows) in scope.batches.numbered().filter(|(_, rows)| is_any(rows)) {
        let planned = place.verification(&holds, &rows)?;
        let found = look_for_keys(reader(erasures, &place.dataset.store)?, &planned, (&writers, most)).await;
        match found.map_err(|error| store_failed(&error))? {
            Some(keys) => left.extend(keys),
            None => return Ok(None),
        }
    }
    Ok(Some(left))
}

/// Whether the roles that only read can look for all of this, before there is something to look for.
pub(crate) async fn can_look(
    erasures: &Erasures,
    step: &Claimed,
    cutoff_at: DateTime<Utc>,
    scopes: &[StepScope],
) -> Result<(), StepError> {
    for scope in scopes {
        let place = Place::at(erasures, step, (scope, cutoff_at)).await?;
        let Some((_, rows)) = scope.batches.numbered().next() else { continue };
        let planned = [place.verification(&scope.holds, &rows)?];
        let tried = can_verify(reader(erasures, &place.dataset.store)?, &planned).await;
        tried.map_err(|error| {
            trial_failed(&error, "the role that verifies could not look for what is left; grant it SELECT")
        })?;
    }
    Ok(())
}

/// How many rows that came meanwhile refer by this reference to a row that is gone.
pub(super) async fn dangling(
    (erasures, step): (&Erasures, &Claimed),
    LooseReference { store, target, reference, .. }: &LooseReference,
    noted: &BTreeMap<String, Noted>,
) -> Result<i64, StepError> {
    let Some(noted) = noted.get(store) else { return Ok(0) };
    let schemas = erasures.schemas().await?;
    let schema = schemas.get(store).ok_or_else(|| broken("a store has no schema"))?;
    let read = DanglingRead::plan(schema, target, reference).map_err(|error| plan_failed(&error))?;
    let writers = writers_of(erasures, step.job_id, store).await?;
    let counted = count_dangling(reader(erasures, store)?, &read, (&noted.horizon, &writers)).await;
    counted.map_err(|error| store_failed(&error))
}
