//! What must hold before anything is decided: an export that was delivered, if one was to come first, a data
//! map that fits, an organisation that is there.

use std::collections::BTreeMap;

use chassis::StepError;
use chrono::{DateTime, Utc};
use connectors::{OrganisationRead, Schemas};
use domain::datamap::{Blocks, Dataset, OrganisationRoot, check};
use domain::erasure::facts::StoreFacts;
use domain::erasure::{ErasureRequest, Obstacle};
use domain::job::FailureReason;
use domain::schema::TableName;
use store::Claimed;

use super::pass::Before;
use crate::failure::{broken, control_failed, plan_failed, refused, store_failed};
use crate::scope::Noted;
use crate::{Erasures, mark};

/// So many obstacles are named in the reason of a refusal.
const SHOWN: usize = 10;

/// What is known of the stores at this moment.
pub(crate) struct Checked {
    pub schemas: Schemas,
    pub facts: BTreeMap<String, StoreFacts>,
    /// Rows made later are a matter for another erasure.
    pub cutoff_at: DateTime<Utc>,
    /// What was under way in each store at the cutoff.
    pub noted: BTreeMap<String, Noted>,
}

/// Goes on only after the export that was to come first, if there is one, and takes the mark on the
/// organisation away when there is not going to be any.
///
/// It is asked at this moment, not when the job was accepted or released: this is the last one before
/// anything is decided, and an export that is complete stays so. The package of an `expired` one has been
/// deleted since; but it was complete, and there for as long as it was promised, which after a grace
/// period of thirty days it cannot be any more.
pub(super) async fn export_is_delivered(
    erasures: &Erasures,
    step: &Claimed,
    request: &ErasureRequest,
) -> Result<(), StepError> {
    let Some(export) = request.after_export.filter(|_| !request.dry_run) else {
        return Ok(());
    };
    let state = erasures.control.state_of_export_before(step.job_id).await;
    let state = state.map_err(|error| control_failed(&error))?;
    let state = match state.as_deref() {
        Some("completed" | "expired") => return Ok(()),
        state => state.unwrap_or("not there"),
    };
    let detail = format!(
        "nothing was erased: the export {export} that was to come first is {state}; ask for the erasure again, after an export that completes"
    );
    let reason = FailureReason::new("export_not_delivered", detail);
    Err(StepError::Permanent(mark::taken_away(erasures, step, reason).await?))
}

pub(super) async fn run(erasures: &Erasures, step: &Claimed, before: &Before) -> Result<Checked, StepError> {
    let schemas = erasures.read_schemas().await?;
    fits(erasures, &schemas)?;
    let cutoff_at = match step.cutoff.filter(|_| before.pass > 1) {
        // The organisation may be gone by now; what is left of it is planned for the same time.
        Some(cutoff_at) => cutoff_at,
        None => find_organisation(erasures, step, &schemas).await?,
    };
    let facts = facts(erasures).await?;
    Ok(Checked { schemas, facts, cutoff_at, noted: BTreeMap::new() })
}

/// What a run after a release needs: a data map that fits. The organisation may be gone. The time is that of
/// the erasure that left the rows.
pub(super) async fn of_deferred(
    erasures: &Erasures,
    cutoff_at: DateTime<Utc>,
    noted: BTreeMap<String, Noted>,
) -> Result<Checked, StepError> {
    let schemas = erasures.read_schemas().await?;
    fits(erasures, &schemas)?;
    Ok(Checked { schemas, facts: facts(erasures).await?, cutoff_at, noted })
}

/// Obstacles as the reason why nothing is erased.
pub(crate) fn refused_by(obstacles: &[Obstacle]) -> StepError {
    let told: Vec<String> = obstacles.iter().map(ToString::to_string).collect();
    refused("erasure_refused", format!("nothing was erased: {}", listed(&told)))
}

/// Refuses a data map that does not agree with the stores: a misnamed column is a value that stays.
fn fits(erasures: &Erasures, schemas: &Schemas) -> Result<(), StepError> {
    let findings: Vec<String> = check(erasures.sources.map(), schemas)
        .iter()
        .filter(|finding| finding.blocks != Blocks::Nothing)
        .map(ToString::to_string)
        .collect();
    if findings.is_empty() {
        return Ok(());
    }
    let detail = format!(
        "nothing was erased: the data map does not fit the store: {}; `lethe data-map check` shows all",
        listed(&findings)
    );
    Err(refused("data_map_mismatch", detail))
}

fn listed(all: &[String]) -> String {
    let shown = all.get(..SHOWN.min(all.len())).unwrap_or_default().join("; ");
    match all.len().saturating_sub(SHOWN) {
        0 => shown,
        more => format!("{shown} (and {more} more)"),
    }
}

/// Makes sure that the organisation is there, and takes the cutoff from the clock of its store.
async fn find_organisation(
    erasures: &Erasures,
    step: &Claimed,
    schemas: &Schemas,
) -> Result<DateTime<Utc>, StepError> {
    let map = erasures.sources.map();
    let (dataset, _) = root(erasures)?;
    let schema = schemas.get(&dataset.store).ok_or_else(|| broken("a store has no schema"))?;
    let read =
        OrganisationRead::plan(map, schema, &step.organisation).map_err(|error| plan_failed(&error))?;
    let failed = |error| store_failed(&error);
    let transaction = erasures.store(dataset)?.begin_read().await.map_err(failed)?;
    let found = transaction.organisation(&read).await.map_err(failed)?;
    if found.is_none() {
        let detail = "the subject store has no organisation with the id of the token's claim";
        return Err(refused("organisation_unknown", detail));
    }
    let cutoff_at = transaction.clock().await.map_err(failed)?;
    transaction.finish().await.map_err(failed)?;
    Ok(cutoff_at)
}

fn root(erasures: &Erasures) -> Result<(&Dataset, &OrganisationRoot), StepError> {
    let root = erasures.sources.map().organisation();
    root.ok_or_else(|| broken("the data map names no table of organisations"))
}

/// What the catalogues of every store say of the tables of the map.
pub(crate) async fn facts(erasures: &Erasures) -> Result<BTreeMap<String, StoreFacts>, StepError> {
    let mut facts = BTreeMap::new();
    for (name, store) in erasures.sources.stores() {
        let tables: Vec<TableName> = erasures
            .sources
            .collections()
            .filter(|(dataset, _)| dataset.store == *name)
            .map(|(_, collection)| collection.table.clone())
            .collect();
        facts.insert(name.clone(), store.facts(&tables).await.map_err(|error| store_failed(&error))?);
    }
    Ok(facts)
}
