//! The one wall clock of Lethe: the control database's.

use chrono::{DateTime, Utc};
use diesel::result::Error as DieselError;
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use crate::functions::clock_timestamp;

/// The time now; unlike `now()` it moves on inside a transaction.
pub(crate) async fn now(conn: &mut AsyncPgConnection) -> Result<DateTime<Utc>, DieselError> {
    diesel::select(clock_timestamp()).get_result(conn).await
}
