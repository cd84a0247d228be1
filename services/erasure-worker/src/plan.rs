//! The first step: check everything, decide everything, fix the rows, and write the other steps down.
//! Nothing is written to a subject store here; whatever would stop the erasure half-way stops it now.

mod survey;

use std::collections::BTreeMap;

use chassis::{StepError, StepProgress};
use chrono::{DateTime, Utc};
use connectors::{OrganisationRead, Schemas};
use domain::datamap::{Blocks, check};
use domain::erasure::document::{PlanDocument, decided};
use domain::erasure::facts::StoreFacts;
use domain::erasure::steps::erasure_steps;
use domain::erasure::{ErasurePlan, plan};
use domain::schema::TableName;
use sha2::{Digest as _, Sha256};
use store::{Claimed, Plan, Produced};

use crate::failure::{broken, plan_failed, refused, store_failed};
use crate::scope::seal;
use crate::{Erasures, request};

use survey::{Survey, Surveyed};

/// So many obstacles are named in the reason of a refusal.
const SHOWN: usize = 10;

pub(crate) async fn run(
    erasures: &Erasures,
    step: &Claimed,
    progress: &StepProgress,
) -> Result<Produced, StepError> {
    let request = request(step)?;
    let schemas = erasures.read_schemas().await?;
    progress.pulse();
    fits(erasures, &schemas)?;
    let cutoff_at = find_organisation(erasures, step, &schemas).await?;
    let facts = facts(erasures).await?;
    progress.pulse();
    let planned = plan(erasures.sources.map(), &schemas, &facts).map_err(|obstacles| {
        let told: Vec<String> = obstacles.iter().map(ToString::to_string).collect();
        refused("erasure_refused", format!("nothing was erased: {}", listed(&told)))
    })?;
    let survey = Survey { erasures, step, schemas: &schemas, cutoff_at, progress };
    let surveyed = survey.of(&planned).await?;
    produced(erasures, step, &request, &planned, surveyed, cutoff_at)
}

/// Puts the plan together: what people see, and what the steps get to know.
fn produced(
    erasures: &Erasures,
    step: &Claimed,
    request: &domain::erasure::ErasureRequest,
    planned: &ErasurePlan,
    surveyed: Surveyed,
    cutoff_at: DateTime<Utc>,
) -> Result<Produced, StepError> {
    let Surveyed { work, scopes, verify, collections, sizes } = surveyed;
    let identity_type = request.subject.as_ref().map(|subject| subject.identity_type.clone());
    let scope = identity_type.as_deref().unwrap_or("organisation");
    let plan_hash = Sha256::digest(decided(scope, &planned.waves, &[], &[]));
    let document = PlanDocument {
        identity_type,
        tokens: Vec::new(),
        media: Vec::new(),
        collections,
        plan_hash: plan_hash.iter().map(|byte| format!("{byte:02x}")).collect(),
    };
    let result = serde_json::to_value(&document).map_err(|_| broken("the plan cannot be written down"))?;
    let mut plan = Plan { cutoff: cutoff_at, steps: Vec::new(), sizes, scopes: Vec::new() };
    if !request.dry_run {
        plan.steps = erasure_steps(&work);
        let first = work.tokens.len().saturating_add(work.media.len());
        for (place, scope) in (first..).zip(&scopes) {
            plan.scopes.push((place, seal(&erasures.sealing, step, scope)?));
        }
        let last = plan.steps.len().saturating_sub(1);
        plan.scopes.push((last, seal(&erasures.sealing, step, &verify)?));
    }
    Ok(Produced { plan: Some(plan), result: Some(result), ..Produced::default() })
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
        "the data map does not fit the store: {}; `lethe data-map check` shows all",
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
async fn facts(erasures: &Erasures) -> Result<BTreeMap<String, StoreFacts>, StepError> {
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
