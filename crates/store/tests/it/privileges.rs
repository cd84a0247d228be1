//! What each service's role may do with each table: all of it listed here, everything else refused.

use std::collections::{BTreeMap, BTreeSet};

use testkit::{ControlDatabase, SERVICE_ROLES};
use tokio_postgres::Client;

/// `role table: verbs`, where a verb on some columns only has them in brackets. What is not here is
/// forbidden.
const ALLOWED: &str = "
lethe_api __diesel_schema_migrations: SELECT
lethe_api audit_logs: SELECT
lethe_api idempotency_keys: SELECT INSERT
lethe_api job_progress: SELECT
lethe_api job_retained: SELECT
lethe_api job_secrets: INSERT
lethe_api job_steps: SELECT INSERT UPDATE(announced_at attempts ended_at failure_code failure_detail lease_expires_at lease_owner not_before skip_reason state waits waived_reason)
lethe_api job_transitions: SELECT
lethe_api legal_holds: SELECT(ground id organisation_id owner placed_at placed_by released_at released_by review_on scope) INSERT UPDATE(released_at released_by)
lethe_api outbox: SELECT INSERT UPDATE(published_at)
lethe_api packages: SELECT
lethe_api privacy_jobs: SELECT INSERT UPDATE(ended_at failure_code failure_detail state sweeps_done updated_at version)
lethe_api step_transitions: SELECT
lethe_audit __diesel_schema_migrations: SELECT
lethe_audit audit_head: SELECT UPDATE(size)
lethe_audit audit_logs: SELECT INSERT
lethe_erasure __diesel_schema_migrations: SELECT
lethe_erasure job_progress: SELECT INSERT UPDATE(bytes_done rows_done rows_planned updated_at)
lethe_erasure job_retained: SELECT INSERT
lethe_erasure job_secrets: SELECT
lethe_erasure job_steps: SELECT INSERT UPDATE(announced_at attempts bytes_done ended_at epoch failure_code failure_detail lease_expires_at lease_owner not_before result rows_done started_at state waits)
lethe_erasure job_transitions: SELECT
lethe_erasure legal_holds: SELECT
lethe_erasure outbox: SELECT INSERT UPDATE(published_at)
lethe_erasure packages: SELECT
lethe_erasure privacy_jobs: SELECT INSERT UPDATE(cutoff ended_at failure_code failure_detail outcome state sweeps_done updated_at version)
lethe_erasure retained_rows: SELECT INSERT
lethe_erasure revoked_tokens: SELECT INSERT
lethe_erasure step_scopes: SELECT INSERT
lethe_erasure step_transitions: SELECT
lethe_export __diesel_schema_migrations: SELECT
lethe_export job_progress: SELECT INSERT UPDATE(bytes_done rows_done rows_planned updated_at)
lethe_export job_secrets: SELECT
lethe_export job_steps: SELECT INSERT UPDATE(announced_at attempts bytes_done ended_at epoch failure_code failure_detail lease_expires_at lease_owner not_before result rows_done started_at state waits)
lethe_export job_transitions: SELECT
lethe_export outbox: SELECT INSERT UPDATE(published_at)
lethe_export packages: SELECT INSERT
lethe_export privacy_jobs: SELECT UPDATE(cutoff ended_at failure_code failure_detail outcome state sweeps_done updated_at version)
lethe_export step_transitions: SELECT
lethe_scheduler __diesel_schema_migrations: SELECT
lethe_scheduler audit_logs: SELECT(event_id)
lethe_scheduler idempotency_keys: SELECT(created_at) DELETE
lethe_scheduler job_secrets: SELECT(job_id) DELETE
lethe_scheduler job_steps: SELECT UPDATE(announced_at attempts ended_at failure_code failure_detail lease_expires_at lease_owner not_before state waits)
lethe_scheduler job_transitions: SELECT
lethe_scheduler outbox: SELECT INSERT UPDATE(published_again published_at) DELETE
lethe_scheduler packages: SELECT(expires_at job_id object_key)
lethe_scheduler privacy_jobs: SELECT UPDATE(ended_at failure_code failure_detail folder_held_until state sweeps_done updated_at version)
lethe_scheduler step_transitions: SELECT
";

const ON_COLUMNS: [&str; 4] = ["SELECT", "INSERT", "UPDATE", "REFERENCES"];
const ON_TABLES: [&str; 3] = ["DELETE", "TRUNCATE", "TRIGGER"];

async fn tables(client: &Client) -> BTreeMap<String, BTreeSet<String>> {
    let columns = "SELECT c.relname::text, a.attname::text FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid \
                   WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm', 'f') \
                     AND a.attnum > 0 AND NOT a.attisdropped";
    let mut tables: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for row in client.query(columns, &[]).await.unwrap() {
        tables.entry(row.get(0)).or_default().insert(row.get(1));
    }
    tables
}

/// The verbs of a role on a table, written as in [`ALLOWED`].
async fn verbs(client: &Client, role: &str, table: &str, columns: &BTreeSet<String>) -> Vec<String> {
    let mut verbs = Vec::new();
    for verb in ON_COLUMNS {
        let mut granted = BTreeSet::new();
        for column in columns {
            let may = "SELECT has_column_privilege($1::text, $2::text, $3::text, $4::text)";
            if client.query_one(may, &[&role, &table, column, &verb]).await.unwrap().get(0) {
                granted.insert(column.clone());
            }
        }
        if granted == *columns {
            verbs.push(verb.to_owned());
        } else if !granted.is_empty() {
            verbs.push(format!("{verb}({})", granted.into_iter().collect::<Vec<_>>().join(" ")));
        }
    }
    for verb in ON_TABLES {
        let may = "SELECT has_table_privilege($1::text, $2::text, $3::text)";
        if client.query_one(may, &[&role, &table, &verb]).await.unwrap().get(0) {
            verbs.push(verb.to_owned());
        }
    }
    verbs
}

#[tokio::test(flavor = "multi_thread")]
async fn every_role_may_do_what_is_listed_and_nothing_else() {
    let database = ControlDatabase::create().await;
    let client = database.client().await;
    let mut found = Vec::new();
    for (table, columns) in tables(&client).await {
        for role in SERVICE_ROLES.into_iter().chain(["public"]) {
            let verbs = verbs(&client, role, &table, &columns).await;
            if !verbs.is_empty() {
                found.push(format!("{role} {table}: {}", verbs.join(" ")));
            }
        }
    }
    found.sort();
    let allowed: Vec<&str> = ALLOWED.trim().lines().collect();
    similar(&allowed, &found);
}

/// Equal, or a panic that shows only the differing lines.
fn similar(allowed: &[&str], found: &[String]) {
    let missing: Vec<_> = allowed.iter().filter(|line| !found.iter().any(|other| other == *line)).collect();
    let surplus: Vec<_> = found.iter().filter(|line| !allowed.contains(&line.as_str())).collect();
    assert!(
        missing.is_empty() && surplus.is_empty(),
        "not granted: {missing:#?}\ngranted beyond the list: {surplus:#?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_has_no_power_beside_its_grants() {
    let database = ControlDatabase::create().await;
    let client = database.client().await;
    for role in SERVICE_ROLES {
        let powers = "SELECT rolsuper OR rolbypassrls OR rolcreatedb OR rolcreaterole OR rolreplication \
                        OR EXISTS (SELECT FROM pg_auth_members m WHERE m.member = r.oid) \
                        OR EXISTS (SELECT FROM pg_class c WHERE c.relowner = r.oid) \
                        OR has_schema_privilege(r.oid, 'public', 'CREATE') \
                      FROM pg_roles r WHERE rolname = $1";
        let has_some: bool = client.query_one(powers, &[&role]).await.unwrap().get(0);
        assert!(!has_some, "{role}");
        let sequences = "SELECT count(*) FROM pg_sequence \
                         WHERE has_sequence_privilege($1::text, seqrelid, 'USAGE, SELECT, UPDATE')";
        let sequences: i64 = client.query_one(sequences, &[&role]).await.unwrap().get(0);
        assert_eq!(sequences, 0, "{role}");
    }
}

/// Functions that do what their owner may, and the roles that may call them; the others are triggers'.
const CALLABLE: &str = "
lethe_audit audit_events(uuid[])
lethe_erasure state_of_export_before(uuid)
";

#[tokio::test(flavor = "multi_thread")]
async fn a_function_of_the_owners_is_called_by_whom_it_was_made_for() {
    let database = ControlDatabase::create().await;
    let client = database.client().await;
    let callable = "SELECT p.oid::regprocedure::text FROM pg_proc p \
                    WHERE p.pronamespace = 'public'::regnamespace AND p.prosecdef \
                      AND has_function_privilege($1::text, p.oid, 'EXECUTE') ORDER BY 1";
    let mut found = Vec::new();
    for role in SERVICE_ROLES.into_iter().chain(["public"]) {
        let functions = client.query(callable, &[&role]).await.unwrap();
        found.extend(functions.iter().map(|row| format!("{role} {}", row.get::<_, String>(0))));
    }
    similar(&CALLABLE.trim().lines().collect::<Vec<_>>(), &found);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_table_with_an_organisation_has_row_security() {
    let database = ControlDatabase::create().await;
    let client = database.client().await;
    let open = "SELECT c.relname::text FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid \
                WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' \
                  AND a.attname = 'organisation_id' AND NOT c.relrowsecurity";
    let open: Vec<String> = client.query(open, &[]).await.unwrap().iter().map(|row| row.get(0)).collect();
    assert_eq!(open, Vec::<String>::new());
}
