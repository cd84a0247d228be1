//! Creating the schema.

use tokio_postgres::Client;

use crate::SCHEMA_SQL;
use crate::error::{During, SampleError};

/// Creates the sample company's tables in the schema `public` of an empty database: all or nothing.
///
/// Roles are another matter, since they belong to the whole server: run [`ROLES_SQL`](crate::ROLES_SQL) afterwards.
///
/// # Errors
/// [`SampleError::Database`] when a table is there already or the session may not create any.
pub async fn create(client: &Client) -> Result<(), SampleError> {
    // Several statements in one query are one transaction.
    let script = format!("SET LOCAL search_path TO public;\n{SCHEMA_SQL}");
    client.batch_execute(&script).await.during("creating the tables")
}
