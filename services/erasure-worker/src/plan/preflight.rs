//! What must hold before anything is decided: a data map that fits, an organisation that is there.

use std::collections::BTreeMap;

use chassis::StepError;
use chrono::{DateTime, Utc};
use connectors::{OrganisationRead, Schemas};
use domain::datamap::{Blocks, check};
use domain::erasure::Obstacle;
use domain::erasure::facts::StoreFacts;
use domain::schema::TableName;
use store::Claimed;

use crate::Erasures;
use crate::failure::{broken, plan_failed, refused, store_failed};

/// So many obstacles are named in the reason of a refusal.
const SHOWN: usize = 10;

/// What is known of the stores at this moment.
pub(crate) struct Checked {
    pub schemas: Schemas,
    pub facts: BTreeMap<String, StoreFacts>,
    /// Rows made later are a matter for another erasure.
    pub cutoff_at: DateTime<Utc>,
}

pub(super) async fn run(erasures: &Erasures, step: &Claimed) -> Result<Checked, StepError> {
    let schemas = erasures.read_schemas().await?;
    fits(erasures, &schemas)?;
    let cutoff_at = find_organisation(erasures, step, &schemas).await?;
    let facts = facts(erasures).await?;
    Ok(Checked { schemas, facts, cutoff_at })
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
    let (dataset, _) =
        map.organisation().ok_or_else(|| broken("the data map names no table of organisations"))?;
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
