//! Filling the tables.

use std::collections::BTreeMap;
use std::pin::pin;

use bytes::Bytes;
use futures::SinkExt;
use tokio_postgres::{Client, Transaction};
use uuid::Uuid;

use crate::copy_text::CopyText;
use crate::deferred::Deferred;
use crate::error::{During, SampleError};
use crate::scale::Scale;
use crate::tables::{Rows, TABLES, Table};
use crate::world::World;

/// Bytes of rows that are sent at a time, and about all that seeding keeps in memory.
const CHUNK_SIZE_BYTES: usize = 256 * 1024;

/// How far seeding has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// Rows are being loaded.
    Rows {
        /// The table.
        table: &'static str,
        /// Rows loaded so far, over all tables.
        done: u64,
        /// Rows of the whole sample.
        total: u64,
    },
    /// Keys, indexes and foreign keys are being built.
    Indexes {
        /// Those that stand.
        done: usize,
        /// All of them.
        total: usize,
    },
    /// Statistics for the planner are being collected.
    Statistics,
}

/// What was seeded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seeded {
    /// The organisations, in the order of the scale.
    pub organisations: Vec<SeededOrganisation>,
    /// Rows per table, those of nobody included.
    ///
    /// A user who is a member of two organisations counts once here and in each organisation.
    pub rows: BTreeMap<&'static str, u64>,
}

/// An organisation that was seeded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeededOrganisation {
    /// Its key.
    pub id: Uuid,
    /// Its name.
    pub name: String,
    /// Rows that lead to it, per table: what its export has to hold.
    pub rows: BTreeMap<&'static str, u64>,
}

impl Seeded {
    fn of(world: &World) -> Self {
        let organisations = world
            .organisations()
            .filter_map(|tenant| {
                let rows = TABLES.iter().map(|table| (table.name, (table.exported)(&tenant.size))).collect();
                tenant.id.map(|id| SeededOrganisation { id, name: tenant.name.clone(), rows })
            })
            .collect();
        Self { organisations, rows: TABLES.iter().map(|table| (table.name, table.total(world))).collect() }
    }
}

/// Fills the empty tables of the sample company: the same rows for the same `scale` and `seed`, whatever the day.
///
/// One transaction: all or nothing. The session must own the tables. Statistics are collected at the end.
///
/// # Errors
/// [`SampleError::NotEmpty`] when there are organisations already, [`SampleError::Database`] with the step that failed.
pub async fn seed(
    client: &mut Client,
    scale: &Scale,
    seed: u64,
    mut on_progress: impl FnMut(Progress),
) -> Result<Seeded, SampleError> {
    let world = World::new(scale, seed);
    let transaction = client.transaction().await.during("beginning")?;
    prepare(&transaction).await?;
    let deferred = Deferred::take(&transaction).await?;
    empty(&transaction).await?;
    let total = TABLES.iter().map(|table| table.total(&world)).sum();
    let mut done = 0;
    for (place, table) in (0..).zip(&TABLES) {
        let report = |loaded| on_progress(Progress::Rows { table: table.name, done: done + loaded, total });
        done += load(&transaction, table, Rows::new(&world, table, place), report).await?;
    }
    deferred.put_back(&transaction, |done, total| on_progress(Progress::Indexes { done, total })).await?;
    advance_sequences(&transaction).await?;
    transaction.commit().await.during("committing")?;
    on_progress(Progress::Statistics);
    client.batch_execute(&format!("ANALYZE {}", table_list())).await.during("collecting statistics")?;
    Ok(Seeded::of(&world))
}

/// Settings that the values are written for, and a look whether there is anything to lose.
async fn prepare(transaction: &Transaction<'_>) -> Result<(), SampleError> {
    let settings = "SET LOCAL search_path TO public; SET LOCAL datestyle TO 'ISO, YMD'; SET LOCAL intervalstyle TO 'postgres'; \
                    SET LOCAL timezone TO 'UTC'; SET LOCAL statement_timeout TO 0; SET LOCAL maintenance_work_mem TO '128MB'";
    transaction.batch_execute(settings).await.during("setting up the session")?;
    let filled = transaction.query_one("SELECT EXISTS (SELECT FROM organisations)", &[]).await;
    if filled.during("looking for organisations")?.get(0) { Err(SampleError::NotEmpty) } else { Ok(()) }
}

/// Truncates tables that are empty but for rows of nobody, so that COPY may write frozen rows.
async fn empty(transaction: &Transaction<'_>) -> Result<(), SampleError> {
    transaction.batch_execute(&format!("TRUNCATE {}", table_list())).await.during("emptying the tables")
}

async fn load(
    transaction: &Transaction<'_>,
    table: &Table,
    mut rows: Rows<'_>,
    mut report: impl FnMut(u64),
) -> Result<u64, SampleError> {
    let step = || format!("loading {}", table.name);
    let sink = transaction.copy_in::<_, Bytes>(&table.copy_command()).await.during(step())?;
    let mut sink = pin!(sink);
    let mut out = CopyText::with_capacity(CHUNK_SIZE_BYTES * 2);
    let mut loaded = 0;
    loop {
        let written = rows.fill(&mut out, CHUNK_SIZE_BYTES);
        if written == 0 {
            break;
        }
        sink.send(out.take()).await.during(step())?;
        loaded += written;
        report(loaded);
    }
    sink.finish().await.during(step())?;
    Ok(loaded)
}

/// Rows that the product would add take the next key.
async fn advance_sequences(transaction: &Transaction<'_>) -> Result<(), SampleError> {
    for table in TABLES.iter().filter(|table| table.counted) {
        let name = table.name;
        let command = format!(
            "SELECT setval(pg_get_serial_sequence('{name}', 'id'), (SELECT coalesce(max(id), 0) + 1 FROM {name}), false)"
        );
        transaction.batch_execute(&command).await.during(format!("advancing the keys of {name}"))?;
    }
    Ok(())
}

fn table_list() -> String {
    TABLES.map(|table| table.quoted_name()).join(", ")
}

#[cfg(test)]
mod tests;
