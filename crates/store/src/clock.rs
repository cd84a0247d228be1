//! The one wall clock of Lethe: the control database's.

use chrono::{DateTime, Utc};
use diesel::QueryableByName;
use diesel::result::Error as DieselError;
use diesel_async::{AsyncPgConnection, RunQueryDsl};

#[derive(QueryableByName)]
struct Now {
    #[diesel(sql_type = diesel::sql_types::Timestamptz)]
    now: DateTime<Utc>,
}

/// The time now; unlike `now()` it moves on inside a transaction.
pub(crate) async fn now(conn: &mut AsyncPgConnection) -> Result<DateTime<Utc>, DieselError> {
    diesel::sql_query("SELECT clock_timestamp() AS now").get_result::<Now>(conn).await.map(|row| row.now)
}
