//! The sample company's database: made if missing, and nobody else's.

use std::collections::BTreeSet;

use domain::datamap::DataMap;
use tokio_postgres::Client;

use crate::database::PlainDatabase;
use crate::failure::Failure;

/// Databases that belong to the server.
const SERVER_DATABASES: [&str; 3] = ["postgres", "template0", "template1"];

/// What was found where the sample company should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Found {
    /// No tables.
    Nothing,
    /// The sample company's tables without organisations.
    Empty,
    /// The sample company with organisations.
    Seeded,
    /// Somebody else's tables.
    Foreign,
}

/// A session in the database, which is created if it is missing, or anew if that is wanted.
pub(super) async fn open(database: &PlainDatabase, recreate: bool) -> Result<Client, Failure> {
    if SERVER_DATABASES.contains(&database.name()) {
        return Err(Failure::usage(format!("`{}` is the server's own database", database.name())).next(
            "name another one in --database-url, for instance `vantage`; it is created if it is missing",
        ));
    }
    if recreate {
        database.must_be_local("--recreate")?;
        database.remove().await?;
    }
    if let Some(client) = database.session().await? {
        return Ok(client);
    }
    database.create().await?;
    let gone = || Failure::new(format!("the database `{}` was removed by somebody else", database.name()));
    database.session().await?.ok_or_else(gone)
}

/// Looks before anything is touched.
pub(super) async fn look(client: &Client) -> Result<Found, Failure> {
    let failed = |error| Failure::new("the database's tables cannot be listed").because(error);
    let tables = "SELECT n.nspname || '.' || c.relname FROM pg_catalog.pg_class c
        JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
        WHERE c.relkind IN ('r', 'p', 'f') AND NOT c.relispartition AND n.nspname NOT IN ('pg_catalog', 'information_schema')
        AND n.nspname NOT LIKE 'pg\\_toast%' AND n.nspname NOT LIKE 'pg\\_temp%' AND n.nspname <> 'lethe'";
    let mut found = BTreeSet::new();
    for row in client.query(tables, &[]).await.map_err(failed)? {
        found.insert(row.try_get::<_, String>(0).map_err(failed)?);
    }
    if found.is_empty() {
        return Ok(Found::Nothing);
    }
    if found != sample_tables()? {
        return Ok(Found::Foreign);
    }
    let filled =
        client.query_one("SELECT EXISTS (SELECT FROM public.organisations)", &[]).await.map_err(failed)?;
    Ok(if filled.try_get(0).map_err(failed)? { Found::Seeded } else { Found::Empty })
}

/// The tables that the sample company's data map names: all it has.
fn sample_tables() -> Result<BTreeSet<String>, Failure> {
    let map = DataMap::parse(sample::DATA_MAP)
        .map_err(|error| Failure::new("the sample company's data map cannot be read").because(error))?;
    let collections = map.datasets.iter().flat_map(|dataset| &dataset.collections);
    Ok(collections.map(|collection| collection.table.to_string()).collect())
}
