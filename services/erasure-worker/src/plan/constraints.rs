//! Constraints, asked of all planned rows before the first is changed: the row that alone breaks one may be
//! any of them. What cannot be asked is named in the plan, and left to the rehearsal.

use std::time::Duration;

use chassis::{StepError, StepProgress};
use connectors::erase::{About, Asked, PseudonymKey, Question, Writes};
use connectors::{StoreError, StoreErrorKind, SubjectStore};
use domain::erasure::document::Unproven;
use domain::erasure::{Obstacle, ObstacleKind};
use store::Claimed;

use super::preflight::{Checked, refused_by};
use crate::Erasures;
use crate::before::DoneBefore;
use crate::failure::{broken, plan_failed, store_failed};
use crate::scope::StepScope;

/// How long one question may take. It is asked of all rows, while nobody hears of the step; what is not known
/// by then is left to the rehearsal.
const LONGEST: Duration = Duration::from_secs(60);

/// What an answer is.
enum Answer {
    Holds,
    Broken(i64),
    Unproven(String),
}

/// Refuses what would break a constraint; what could not be asked.
pub(super) async fn of(
    erasures: &Erasures,
    step: &Claimed,
    (Checked { schemas, cutoff_at, .. }, progress): (&Checked, &StepProgress),
    places: &[StepScope],
) -> Result<Vec<Unproven>, StepError> {
    let raw = erasures.pseudonym_key(&step.organisation)?;
    let key = PseudonymKey::new(&raw);
    let (mut obstacles, mut unproven) = (Vec::new(), Vec::new());
    for place in places {
        let changes = place.erasure.action.changes();
        if changes.is_empty() {
            continue;
        }
        let (dataset, collection) = erasures.find(&place.erasure.collection)?;
        let schema = schemas.get(&dataset.store).ok_or_else(|| broken("a store has no schema"))?;
        let all = place.batches.whole();
        let Some((_, rows)) = all.numbered().next() else { continue };
        let (store, before) = (erasures.store(dataset)?, DoneBefore::find(erasures, step, place).await?);
        let scope = place.rows(&step.organisation, *cutoff_at, &before);
        let writes = Writes { collection, schema, scope: &scope, rows: &rows, changes: &changes, key: &key };
        for asked in asked(store, &writes).await? {
            let (about, answer) = match asked {
                Asked::Query(about, question) => (about, answer(store, &question).await?),
                Asked::Unproven(about, why) => (about, Answer::Unproven(why)),
            };
            progress.pulse();
            match answer {
                Answer::Holds => {}
                Answer::Broken(rows) => obstacles.push(obstacle(about, rows)),
                Answer::Unproven(why) => unproven.push(unknown(about, why)),
            }
        }
    }
    unproven.sort();
    unproven.dedup();
    if obstacles.is_empty() { Ok(unproven) } else { Err(refused_by(&obstacles)) }
}

async fn asked<'a>(store: &SubjectStore, writes: &Writes<'a>) -> Result<Vec<Asked<'a>>, StepError> {
    let columns: Vec<String> = writes.changes.iter().map(|change| change.column.clone()).collect();
    let failed = |error| store_failed(&error);
    let transaction = store.begin_read().await.map_err(failed)?;
    let constraints = transaction.constraints(&writes.collection.table, &columns).await.map_err(failed)?;
    transaction.finish().await.map_err(failed)?;
    constraints.asked(writes).map_err(|error| plan_failed(&error))
}

/// Asks in a transaction of its own, since one that failed answers nothing more.
async fn answer(store: &SubjectStore, question: &Question<'_>) -> Result<Answer, StepError> {
    let transaction = store.begin_read().await.map_err(|error| store_failed(&error))?;
    match transaction.broken(question, LONGEST).await {
        Ok(rows) => {
            transaction.finish().await.map_err(|error| store_failed(&error))?;
            Ok(if rows > 0 { Answer::Broken(rows) } else { Answer::Holds })
        }
        Err(error) => unanswered(&error),
    }
}

/// What is so where the server does not answer. The write itself may be allowed to what a question is not:
/// it asks for no SELECT on what only a constraint reads, and is done batch by batch.
fn unanswered(error: &StoreError) -> Result<Answer, StepError> {
    let why = match error.kind() {
        StoreErrorKind::Permission => {
            "the eraser's role may not read, or call, what it is made of".to_owned()
        }
        StoreErrorKind::Timeout | StoreErrorKind::Cancelled => {
            format!("to ask it of all rows takes longer than it may ({} s at most)", LONGEST.as_secs())
        }
        _ if error.is_retryable() => return Err(store_failed(error)),
        _ => format!("the question failed ({error})"),
    };
    Ok(Answer::Unproven(why))
}

fn obstacle(About { table, constraint, columns }: About, rows: i64) -> Obstacle {
    let (what, remedy) = match columns.as_slice() {
        [] => (
            format!(
                "{constraint} does not hold for {rows} rows as they are, so that no change of them is taken"
            ),
            "mend these rows, or the constraint".to_owned(),
        ),
        columns => (
            format!(
                "{constraint} would not hold for {rows} rows with the new values of {}",
                columns.join(", ")
            ),
            format!(
                "name another strategy for {} with `lethe: {{strategy: …}}`, or keep the values with `keep`",
                columns.join(" or ")
            ),
        ),
    };
    let column = match columns.as_slice() {
        [only] => Some(only.clone()),
        _ => None,
    };
    Obstacle { table, column, kind: ObstacleKind::Constraint, what, remedy }
}

fn unknown(About { table, constraint, columns }: About, why: String) -> Unproven {
    Unproven { table, constraint, columns, why }
}
