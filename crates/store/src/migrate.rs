//! The control database's own schema, embedded in the program that installs it.

use diesel_async::{AsyncMigrationHarness, AsyncPgConnection, RunQueryDsl};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};

use crate::conn::{be_patient, set_up};
use crate::error::StoreError;
use crate::pool::Store;

/// Every migration, in order.
pub const MIGRATIONS: EmbeddedMigrations = embed_migrations!("../../migrations");

/// Any number that no other program takes a lock under.
const LOCK: i64 = 0x6c65_7468;

impl Store {
    /// Runs the migrations that the database lacks and names them. Two at once wait for each other.
    ///
    /// Must run on a multi-threaded runtime: Diesel's harness blocks its thread.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be reached or a migration fails.
    pub async fn migrate(&self) -> Result<Vec<String>, StoreError> {
        let mut conn = self.conn().await?;
        be_patient(&mut conn).await?;
        lock(&mut conn, "SELECT pg_advisory_lock($1)").await?;
        let mut harness = AsyncMigrationHarness::new(conn);
        let ran = harness
            .run_pending_migrations(MIGRATIONS)
            .map(|versions| versions.iter().map(ToString::to_string).collect())
            .map_err(|error| StoreError::Migration(error.to_string()));
        let mut conn = harness.into_inner();
        lock(&mut conn, "SELECT pg_advisory_unlock($1)").await?;
        set_up(&mut conn).await?;
        ran
    }

    /// How many migrations the database lacks; an empty database lacks all of them.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn missing_migrations(&self) -> Result<usize, StoreError> {
        let all = embedded_versions()?;
        let mut conn = self.conn().await?;
        let begun: Begun =
            diesel::sql_query("SELECT to_regclass('__diesel_schema_migrations') IS NOT NULL AS begun")
                .get_result(&mut conn)
                .await?;
        if !begun.begun {
            return Ok(all.len());
        }
        let ran: Vec<Version> =
            diesel::sql_query("SELECT version FROM __diesel_schema_migrations").load(&mut conn).await?;
        let known = |version: &String| ran.iter().any(|row| row.version == *version);
        Ok(all.into_iter().filter(|version| !known(version)).count())
    }
}

#[derive(diesel::QueryableByName)]
struct Begun {
    #[diesel(sql_type = diesel::sql_types::Bool)]
    begun: bool,
}

#[derive(diesel::QueryableByName)]
struct Version {
    #[diesel(sql_type = diesel::sql_types::Text)]
    version: String,
}

fn embedded_versions() -> Result<Vec<String>, StoreError> {
    use diesel::migration::MigrationSource;
    let all = MigrationSource::<diesel::pg::Pg>::migrations(&MIGRATIONS)
        .map_err(|error| StoreError::Migration(error.to_string()))?;
    Ok(all.iter().map(|migration| migration.name().version().to_string()).collect())
}

async fn lock(conn: &mut AsyncPgConnection, statement: &str) -> Result<(), StoreError> {
    diesel::sql_query(statement).bind::<diesel::sql_types::Int8, _>(LOCK).execute(conn).await?;
    Ok(())
}
