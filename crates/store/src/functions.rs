//! Functions of PostgreSQL that diesel does not bring. Declared, their statements are prepared once for
//! each connection; raw text is parsed every time.

use diesel::query_builder::QueryId;
use diesel::result::Error as DieselError;
use diesel::sql_types::{BigInt, Bool, SqlType, Text, Uuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};

/// What a function returns that returns nothing.
#[derive(Debug, Clone, Copy, SqlType, QueryId)]
#[diesel(postgres_type(name = "void", schema = "pg_catalog"))]
pub struct Void;

diesel::define_sql_function! {
    /// The time now; unlike `now()` it moves on inside a transaction.
    fn clock_timestamp() -> Timestamptz;
}
diesel::define_sql_function! {
    /// Sets a parameter, for the transaction alone when it is local.
    fn set_config(name: Text, value: Text, is_local: Bool) -> Text;
}
diesel::define_sql_function! {
    /// What a parameter is set to.
    fn current_setting(name: Text) -> Text;
}
diesel::define_sql_function! {
    fn hashtextextended(text: Text, seed: BigInt) -> BigInt;
}
diesel::define_sql_function! {
    fn pg_advisory_xact_lock(key: BigInt) -> Void;
}
diesel::define_sql_function! {
    fn pg_advisory_xact_lock_shared(key: BigInt) -> Void;
}

diesel::define_sql_function! {
    /// The state of the export that an erasure names as to come first, for the erasure-worker, who sees
    /// no exports.
    fn state_of_export_before(erasure: Uuid) -> Nullable<Text>;
}

/// Waits for whoever holds the lock of that name, and holds it until the transaction ends.
pub(crate) async fn lock(conn: &mut AsyncPgConnection, name: &str) -> Result<(), DieselError> {
    diesel::select(pg_advisory_xact_lock(hashtextextended(name, 0))).execute(conn).await.map(drop)
}
