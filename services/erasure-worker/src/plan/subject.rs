//! One person: who it is, and which rows are this person's.

use chassis::StepError;
use chrono::{DateTime, Utc};
use connectors::erase::{Led, LedBy, SubjectRead, SubjectRows, led_column};
use connectors::{Schemas, SubjectStore};
use domain::datamap::Strategy;
use domain::erasure::{
    CollectionErasure, ErasurePlan, Identity, SubjectRef, Traversal, plan_subject, traversal,
};
use packages::SealedFor;
use serde::Deserialize;
use store::Claimed;

use super::pass::Before;
use super::preflight::{Checked, refused_by};
use crate::Erasures;
use crate::computed::pseudonym;
use crate::failure::{broken, control_failed, plan_failed, refused, store_failed};
use crate::scope::{FoundPerson, unsealed};
use crate::verify::reader;

/// What the API seals for a job that is about one person.
#[derive(Deserialize)]
struct Sealed {
    identity_value: String,
}

/// The identity that the job's request came with.
pub(crate) async fn identity_of_job(
    erasures: &Erasures,
    step: &Claimed,
    identity_type: &str,
) -> Result<Identity, StepError> {
    let sealed = erasures.control.job_secret(step.job_id).await.map_err(|error| control_failed(&error))?;
    let sealed = sealed.ok_or_else(|| {
        refused("identity_gone", "whom the request was about is no longer kept; ask for the erasure anew")
    })?;
    let target = SealedFor { organisation: step.organisation.as_str(), job_id: step.job_id.0 };
    let Sealed { identity_value } = unsealed(&erasures.sealing, target, &sealed)?;
    parse(identity_type, &identity_value)
}

/// Whether the job erases that very person. Who it was that an erasure left rows of is not kept, but by which
/// tag.
pub(crate) async fn is_about(
    erasures: &Erasures,
    step: &Claimed,
    identity_type: &str,
    identity: &Identity,
) -> Result<bool, StepError> {
    let request = crate::request(step)?;
    let Some(subject) = request.subject.filter(|subject| subject.identity_type == identity_type) else {
        return Ok(false);
    };
    if request.deferred.is_none() {
        return Ok(identity_of_job(erasures, step, identity_type).await?.is(identity.value()));
    }
    let content = format!("{identity_type}\0{}", identity.value());
    let tag = erasures.sealing.tag(step.organisation.as_str(), content.as_bytes());
    let tag = tag.map_err(|_| broken("the tag of a person cannot be made"))?;
    Ok(tag.iter().map(|byte| format!("{byte:02x}")).collect::<String>() == subject.tag)
}

/// An identity of a type; its value is not repeated in the error.
pub(crate) fn parse(identity_type: &str, value: &str) -> Result<Identity, StepError> {
    Identity::parse(identity_type, value).map_err(|error| refused("identity_unusable", error.to_string()))
}

/// What happens to the person's rows, and which they are: those that were planned before, and whatever
/// leads to the person now.
pub(super) async fn decide(
    erasures: &Erasures,
    step: &Claimed,
    (checked, before): (&Checked, &Before),
    (identity_type, identity): (&str, &Identity),
) -> Result<(ErasurePlan, SubjectRows), StepError> {
    let planned = plan_subject(erasures.sources.map(), &checked.schemas, &checked.facts, identity_type)
        .map_err(|obstacles| refused_by(&obstacles))?;
    let known = before.verified.as_ref().and_then(|scope| scope.person.as_ref());
    let rows = match known {
        Some(person) => {
            let asked = Asked { way: &planned.traversal, cutoff_at: Some(checked.cutoff_at) };
            find_again(erasures, step, &checked.schemas, (&asked, identity, person)).await?
        }
        None => find(erasures, step, checked, (&planned.traversal, identity)).await?,
    };
    Ok((planned.plan, rows))
}

/// How a person is asked about again.
pub(crate) struct Asked<'a> {
    pub way: &'a Traversal,
    /// Rows made later do not count.
    pub cutoff_at: Option<DateTime<Utc>>,
}

/// Finds a person's rows in every store, by what was found before and by what leads to the person now, as
/// the role that verifies.
pub(crate) async fn find_again(
    erasures: &Erasures,
    step: &Claimed,
    schemas: &Schemas,
    (asked, identity, person): (&Asked<'_>, &Identity, &FoundPerson),
) -> Result<SubjectRows, StepError> {
    let (map, failed) = (erasures.sources.map(), |error| store_failed(&error));
    let mut rows = SubjectRows::default();
    for name in erasures.sources.stores().keys() {
        let schema = schemas.get(name).ok_or_else(|| broken("a store has no schema"))?;
        let read = SubjectRead::plan(asked.way, map, (name, schema), &step.organisation, asked.cutoff_at);
        let read = read.map_err(|error| plan_failed(&error))?;
        let store = SubjectStore::connect(reader(erasures, name)?).map_err(failed)?;
        let transaction = store.begin_read().await.map_err(failed)?;
        let found = transaction.resolve_again(&read, identity, (&person.own, &person.led)).await;
        rows = rows.and(found.map_err(failed)?);
        transaction.finish().await.map_err(failed)?;
    }
    Ok(rows)
}

/// What is kept of a person to ask again at the end: the rows, and the values by which they lead on and that
/// the erasure takes away, with the pseudonyms that take their place.
pub(super) async fn found(
    erasures: &Erasures,
    step: &Claimed,
    checked: &Checked,
    (subject, planned, rows): (&SubjectRef, &ErasurePlan, &SubjectRows),
) -> Result<FoundPerson, StepError> {
    let (identity_type, map) = (subject.identity_type.clone(), erasures.sources.map());
    let way = traversal(map, &checked.schemas, &checked.facts, &identity_type);
    let way = way.map_err(|obstacles| refused_by(&obstacles))?;
    let erased: Vec<_> = planned.waves.iter().flatten().collect();
    let (mut led, failed) = (Led::default(), |error| store_failed(&error));
    for (name, store) in erasures.sources.stores() {
        let schema = checked.schemas.get(name).ok_or_else(|| broken("a store has no schema"))?;
        let read = SubjectRead::plan(&way, map, (name, schema), &step.organisation, None);
        let read = read.map_err(|error| plan_failed(&error))?;
        let transaction = store.begin_read().await.map_err(failed)?;
        led = led.and(read.leading(&transaction, rows, &erased).await.map_err(failed)?);
        transaction.finish().await.map_err(failed)?;
    }
    let raw = erasures.pseudonym_key(&step.organisation)?;
    led.add(|led| tokens(erasures, checked, (&erased, &raw), led));
    Ok(FoundPerson { identity_type, own: rows.own.clone(), led })
}

/// The pseudonyms that take the place of values by which rows lead. One that depends on its row leads
/// nowhere.
fn tokens(
    erasures: &Erasures,
    checked: &Checked,
    (erased, raw): (&[&CollectionErasure], &[u8; 32]),
    led: &LedBy,
) -> Vec<Vec<String>> {
    let [name] = led.columns.as_slice() else { return Vec::new() };
    let of = erased.iter().filter(|erasure| erasure.collection == led.from);
    let changes = of.flat_map(|erasure| erasure.action.changes().into_owned());
    let change = changes.into_iter().find(|change| change.column == *name);
    let Some(change) = change.filter(|change| change.strategy == Strategy::Pseudonymise) else {
        return Vec::new();
    };
    let dataset = erasures.find(&led.from).map(|(dataset, _)| dataset).ok();
    let schema = dataset.and_then(|dataset| checked.schemas.get(&dataset.store));
    let column = schema.and_then(|schema| led_column(erasures.sources.map(), schema, (&led.from, name)).ok());
    let Some(column) = column else { return Vec::new() };
    let tokens = led.values.iter().flatten().filter_map(|value| pseudonym(&change, column, value, raw));
    tokens.map(|token| vec![token]).collect()
}

/// Finds a person's rows in every store, whatever their times are: they are known by their keys from here on.
pub(super) async fn find(
    erasures: &Erasures,
    step: &Claimed,
    checked: &Checked,
    (traversal, identity): (&Traversal, &Identity),
) -> Result<SubjectRows, StepError> {
    let map = erasures.sources.map();
    let mut rows = SubjectRows::default();
    for (name, store) in erasures.sources.stores() {
        let schema = checked.schemas.get(name).ok_or_else(|| broken("a store has no schema"))?;
        let read = SubjectRead::plan(traversal, map, (name, schema), &step.organisation, None);
        let read = read.map_err(|error| plan_failed(&error))?;
        let failed = |error| store_failed(&error);
        let transaction = store.begin_read().await.map_err(failed)?;
        rows = rows.and(transaction.resolve(&read, identity).await.map_err(failed)?);
        transaction.finish().await.map_err(failed)?;
    }
    Ok(rows)
}
