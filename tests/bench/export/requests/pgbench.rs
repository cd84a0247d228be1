//! The statements of the accepting transaction, sent by pgbench under the API's role.

use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tests::System;

/// In the order of `create` in crates/store/src/job/create.rs, locks and reads included, so that
/// rows, indexes, triggers and round trips are the same. `{audit}` and the like are filled in with
/// what the API wrote for the last request it accepted.
const SCRIPT: &str = r"
\set a random(1, 9000000000000000000)
\set b random(1, 9000000000000000000)
BEGIN;
SELECT set_config('lethe.organisation', 'bench-' || to_hex(:a::bigint), true);
SELECT pg_advisory_xact_lock(hashtextextended('bench-' || to_hex(:a::bigint) || :b::text, 0));
SELECT body_sha256, job_id FROM idempotency_keys
 WHERE organisation_id = 'bench-' || to_hex(:a::bigint) AND client = 'tester-1'
   AND route = 'POST /api/v1/privacy/export' AND key = to_hex(:b::bigint);
SELECT clock_timestamp() AS now;
INSERT INTO privacy_jobs (id, organisation_id, kind, state, request, requested_by, requested_role, trace_headers)
VALUES ((lpad(to_hex(:a::bigint), 16, '0') || lpad(to_hex(:b::bigint), 16, '0'))::uuid,
        'bench-' || to_hex(:a::bigint), 'export', 'pending', '{request}', 'tester-1', 'owner', '{headers}')
RETURNING id, organisation_id, kind, state, version, request, requested_by, not_before, cutoff, failure_code,
          failure_detail, created_at, updated_at, ended_at, sweeps_done;
SELECT pg_advisory_xact_lock(hashtextextended('export quota' || to_hex(:a::bigint), 0));
SELECT created_at FROM privacy_jobs
 WHERE organisation_id = 'bench-' || to_hex(:a::bigint) AND kind = 'export'
   AND id <> (lpad(to_hex(:a::bigint), 16, '0') || lpad(to_hex(:b::bigint), 16, '0'))::uuid
 ORDER BY created_at DESC LIMIT 1 OFFSET 49;
INSERT INTO job_steps (job_id, step_no, organisation_id, phase, kind, state, not_before, announced_at)
VALUES ((lpad(to_hex(:a::bigint), 16, '0') || lpad(to_hex(:b::bigint), 16, '0'))::uuid, 1,
        'bench-' || to_hex(:a::bigint), 0, '{step_kind}', 'due', clock_timestamp(), clock_timestamp())
RETURNING job_id, step_no, organisation_id, phase, kind, collection, part_no, rows_planned, rows_done, bytes_done, state,
          attempts, not_before, epoch, lease_owner, lease_expires_at, failure_code, failure_detail, started_at,
          ended_at, skip_reason;
INSERT INTO outbox (event_id, kind, routing_key, body, headers, job_id, job_version)
VALUES ((lpad(to_hex(:b::bigint), 16, '0') || lpad(to_hex(:a::bigint), 16, '0'))::uuid, 'audit.event',
        'audit.event', decode('{audit}', 'hex'), '{headers}',
        (lpad(to_hex(:a::bigint), 16, '0') || lpad(to_hex(:b::bigint), 16, '0'))::uuid, 1);
INSERT INTO outbox (event_id, kind, routing_key, body, headers, job_id)
VALUES ((lpad(to_hex(:b::bigint), 16, '0') || lpad(to_hex(:b::bigint), 16, '0'))::uuid, 'step.due',
        'step.export', decode('{step}', 'hex'), '{headers}',
        (lpad(to_hex(:a::bigint), 16, '0') || lpad(to_hex(:b::bigint), 16, '0'))::uuid);
INSERT INTO idempotency_keys (organisation_id, client, route, key, body_sha256, job_id)
VALUES ('bench-' || to_hex(:a::bigint), 'tester-1', 'POST /api/v1/privacy/export', to_hex(:b::bigint),
        decode(repeat('ab', 32), 'hex'),
        (lpad(to_hex(:a::bigint), 16, '0') || lpad(to_hex(:b::bigint), 16, '0'))::uuid);
COMMIT;
";

/// What the API wrote last, as text for the script.
const WRITTEN: &str = "
SELECT j.request::text, j.trace_headers::text, s.kind, encode(a.body, 'hex'), encode(d.body, 'hex')
FROM privacy_jobs j JOIN job_steps s ON s.job_id = j.id
JOIN outbox a ON a.job_id = j.id AND a.kind = 'audit.event'
JOIN outbox d ON d.job_id = j.id AND d.kind = 'step.due'
ORDER BY j.created_at DESC LIMIT 1";

/// Runs the script and answers its transactions per second, connecting left out.
pub async fn transactions_per_second(system: &System, clients: usize, duration: Duration) -> Result<f64> {
    let row = system.control.client.query_one(WRITTEN, &[]).await.context("what the API wrote")?;
    let mut script = SCRIPT.to_owned();
    for (at, name) in ["{request}", "{headers}", "{step_kind}", "{audit}", "{step}"].into_iter().enumerate() {
        script = script.replace(name, row.try_get::<_, &str>(at)?);
    }
    let file = system.path("accept.sql");
    std::fs::write(&file, script)?;
    let output = Command::new(program())
        .args(["-n", "-M", "prepared", "-j", "2", "-c", &clients.to_string()])
        .args(["-T", &duration.as_secs().to_string(), "-f"])
        .arg(&file)
        .arg(system.control.url_as("lethe_api")?)
        .output()
        .context("pgbench cannot be run; it comes with PostgreSQL")?;
    let (said, complained) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    ensure!(output.status.success(), "pgbench: {complained}");
    let tps = said.lines().find_map(|line| line.strip_prefix("tps = ")).context("pgbench gave no tps")?;
    Ok(tps.split_whitespace().next().context("pgbench gave no number")?.parse()?)
}

/// The one beside psql.
fn program() -> std::path::PathBuf {
    let psql = std::env::var("LETHE_TEST_PSQL").unwrap_or_else(|_| "psql".to_owned());
    std::path::Path::new(&psql).with_file_name("pgbench")
}
