//! What several tests need.

use std::collections::BTreeMap;
use std::time::Duration;

use contracts::http::JobView;
use tests::{Api, Database, System, eventually};
use uuid::Uuid;

use crate::archive::Archive;

/// Long enough for a loaded machine; nothing is timed.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// A sample company's database with organisations of these sizes.
pub async fn vantage(pg_url: &str, sizes: &[u64]) -> (Database, sample::Seeded) {
    let mut database = Database::create(pg_url, "vantage").await.unwrap();
    sample::create(&database.client).await.unwrap();
    roles(&database).await;
    let scale = sample::Scale::organisations_of_rows(sizes);
    let seeded = sample::seed(&mut database.client, &scale, 7, |_| {}).await.unwrap();
    (database, seeded)
}

/// Makes the roles of the sample company; they belong to the server, so that tests can meet there.
async fn roles(database: &Database) {
    database
        .client
        .batch_execute(&format!(
            "SELECT pg_advisory_lock(77); {}; SELECT pg_advisory_unlock(77)",
            sample::ROLES_SQL
        ))
        .await
        .unwrap();
}

/// Waits until every version of the job is in the audit log, exactly once, and says which actions.
pub async fn audited(system: &System, job: &JobView) -> Vec<String> {
    let id = job.summary.id;
    eventually(PATIENCE, "the audit log holds every version", || async {
        let versions = versions(system, id).await?;
        Ok((versions.len() >= usize::try_from(job.summary.version)?).then_some(()))
    })
    .await
    .unwrap();
    let found = versions(system, id).await.unwrap();
    let numbers: Vec<i64> = found.iter().map(|(version, _)| *version).collect();
    let expected: Vec<i64> = (1..=job.summary.version).collect();
    assert_eq!(numbers, expected, "each version exactly once");
    let gaps = system.control.number("SELECT max(seq) - count(*) FROM audit_logs").await.unwrap();
    assert_eq!(gaps, 0, "the log is numbered without gaps");
    found.into_iter().map(|(_, action)| action).collect()
}

async fn versions(system: &System, job: Uuid) -> anyhow::Result<Vec<(i64, String)>> {
    let sql =
        "SELECT job_version, action FROM audit_logs WHERE job_id = $1 AND job_version IS NOT NULL ORDER BY 1";
    let rows = system.control.client.query(sql, &[&job]).await?;
    rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect()
}

/// The number of rows per collection that an archive holds, by its data files.
pub async fn downloaded(api: &Api, job: Uuid) -> Archive {
    let download = api.download(job).await.unwrap();
    Archive::open(&download.bytes)
}

/// That an archive holds exactly the rows of the sample company's organisation.
pub fn complete(archive: &mut Archive, organisation: &sample::SeededOrganisation) {
    let mut rows: BTreeMap<String, u64> = BTreeMap::new();
    for file in archive.manifest().files {
        let records = match file.format.as_str() {
            "json" => archive.json(&file.collection).len(),
            _ => archive.csv(&file.collection).len(),
        };
        assert_eq!(file.rows, u64::try_from(records).unwrap(), "{}", file.path);
        rows.insert(file.collection, file.rows);
    }
    let expected: BTreeMap<String, u64> =
        organisation.rows.iter().map(|(table, rows)| ((*table).to_owned(), *rows)).collect();
    assert_eq!(rows, expected);
}
