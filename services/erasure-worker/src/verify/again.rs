//! Asking about a person again: whether rows lead to the person now that were not planned.

use std::collections::BTreeSet;

use chassis::StepError;
use connectors::erase::{Looked, Remainder, Rows, SubjectRows};
use domain::erasure::traversal;
use domain::schema::TableName;
use store::Claimed;

use super::places::Place;
use crate::Erasures;
use crate::batches::Batches;
use crate::plan::preflight::{facts, refused_by};
use crate::plan::subject::{self, Asked};
use crate::scope::{FoundPerson, StepScope};

/// What there is of rows that lead to the person and were not planned, by collection.
pub(super) async fn unplanned(
    erasures: &Erasures,
    step: &Claimed,
    (person, places): (&FoundPerson, &[StepScope]),
) -> Result<Vec<(String, Looked)>, StepError> {
    let rows = find(erasures, step, person).await?;
    let mut found = Vec::new();
    for scope in places {
        let planned: BTreeSet<&Vec<String>> = match &scope.batches {
            Batches::Keys(batches) => batches.iter().flatten().collect(),
            Batches::Ranges(_) => continue,
        };
        let now = rows.of(&scope.erasure);
        let new: Vec<Vec<String>> = now.iter().filter(|key| !planned.contains(key)).cloned().collect();
        if !new.is_empty() {
            // Rows that were made after the cutoff are a matter for another erasure.
            let scope = &StepScope { whenever: false, ..scope.clone() };
            let mut looked = Place::of(erasures, step, scope).await?.look(&[Rows::Keys(&new)]).await?;
            looked.remainders.extend(held_for_nobody(&scope.erasure.table, &looked));
            found.push((scope.erasure.collection.clone(), looked));
        }
    }
    Ok(found)
}

/// Rows that a hold keeps and that no plan names: nobody would erase them after its release. A further pass
/// names them.
fn held_for_nobody(table: &TableName, looked: &Looked) -> Option<Remainder> {
    let rows = looked.held.values().fold(0_i64, |sum, rows| sum.saturating_add(*rows));
    (rows > 0).then(|| Remainder { table: table.clone(), column: None, rows })
}

/// The person's rows as they are found now, whenever they were made, with those that were planned.
async fn find(erasures: &Erasures, step: &Claimed, person: &FoundPerson) -> Result<SubjectRows, StepError> {
    let identity = subject::identity_of_job(erasures, step, &person.identity_type).await?;
    let (schemas, facts) = (erasures.schemas().await?, facts(erasures).await?);
    let way = traversal(erasures.sources.map(), &schemas, &facts, &person.identity_type);
    let way = way.map_err(|obstacles| refused_by(&obstacles))?;
    let asked = Asked { way: &way, cutoff_at: None };
    subject::find_again(erasures, step, &schemas, (&asked, &identity, person)).await
}
