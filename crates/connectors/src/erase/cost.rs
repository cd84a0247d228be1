//! One question or several side by side: what the server itself expects of each.

use domain::schema::TableName;
use serde_json::Value;
use tokio_postgres::types::{ToSql, Type};

use crate::erase::journal::Writers;
use crate::erase::verify::Verification;
use crate::error::StoreError;
use crate::pool::SubjectStore;
use crate::session::Session;

/// How many times the work of one look at the whole the looks at its parts may be, since they run side by side.
/// Less than their number: after an erasure the time goes into reading changed pages, often from one disk.
const WORTH: f64 = 1.5;

/// Whether to look at the whole at once rather than at its parts, of which up to `at_once` go on side by side, by
/// what the server expects of either. An index that knows the organisation but not the range of keys is read once
/// for the whole; for each part the server would read the table by its keys.
///
/// # Errors
/// When the store fails.
pub(super) async fn whole_is_cheaper(
    store: &SubjectStore,
    at_once: usize,
    whole: &Verification,
    parts: &[Verification],
    writers: &Writers,
) -> Result<bool, StoreError> {
    let worth = if at_once > 1 { WORTH } else { 1.0 };
    let transaction = store.begin_read().await?;
    let session = transaction.session()?;
    let cheaper = match whole.cost(session, writers).await? {
        Some(once) => cost_more(session, parts, once * worth, writers).await?,
        None => false,
    };
    transaction.finish().await?;
    Ok(cheaper)
}

/// Whether the parts together cost more than the limit; not if the server does not say what one of them costs.
async fn cost_more(
    session: &Session,
    parts: &[Verification],
    limit: f64,
    writers: &Writers,
) -> Result<bool, StoreError> {
    let mut all = 0.0;
    for part in parts {
        let Some(cost) = part.cost(session, writers).await? else { return Ok(false) };
        all += cost;
        if all > limit {
            return Ok(true);
        }
    }
    Ok(false)
}

/// What the server expects a query to cost, in its own unit, if it says so. Nothing is read.
///
/// # Errors
/// When the store fails.
pub(super) async fn expected(
    session: &Session,
    (sql, parameters): (&str, &[(&(dyn ToSql + Sync), Type)]),
    tables: &[TableName],
) -> Result<Option<f64>, StoreError> {
    let failed = |error| session.failed(error).reading(tables);
    let sql = format!("EXPLAIN (FORMAT JSON) {sql}");
    let row = session.client()?.query_typed_one(&sql, parameters).await.map_err(failed)?;
    let plan: Value = row.try_get(0).map_err(failed)?;
    Ok(plan.pointer("/0/Plan/Total Cost").and_then(Value::as_f64))
}
