//! States that only workers can bring about, put into the database behind the API's back.

use packages::{ObjectKey, Sha256Digest};
use uuid::Uuid;

use super::TestApp;

impl TestApp {
    async fn behind(&self, statements: &str) {
        // As a replica, triggers and foreign keys are asleep; for this transaction only.
        let all = format!("BEGIN; SET LOCAL session_replication_role = replica; {statements}; COMMIT");
        self.database.admin.batch_execute(&all).await.unwrap();
    }

    /// Puts a job into a state.
    pub async fn set_state(&self, job: &str, state: &str) {
        let ended = matches!(state, "completed" | "failed" | "cancelled" | "expired");
        let ended_at = if ended { "clock_timestamp()" } else { "NULL" };
        let code = if state == "failed" { "'store_unreachable'" } else { "NULL" };
        self.behind(&format!(
            "UPDATE privacy_jobs SET state = '{state}', ended_at = {ended_at}, failure_code = {code},
                failure_detail = {code} WHERE id = '{job}'"
        ))
        .await;
    }

    /// Gives a job the versions up to `last`, with an entry in the log for each from `first` on.
    pub async fn advance(&self, organisation: &str, job: &str, first: i64, last: i64) {
        self.audit_rows(organisation, job, first, last - first + 1).await;
        self.behind(&format!(
            "UPDATE privacy_jobs SET version = {last}, state = 'running' WHERE id = '{job}'"
        ))
        .await;
    }

    /// How far a job's only collection is, in rows done and planned; ten bytes each.
    pub async fn progress(&self, organisation: &str, job: &str, (done, planned): (i64, i64)) {
        let bytes = done * 10;
        self.behind(&format!(
            "INSERT INTO job_progress (job_id, collection, organisation_id, position, rows_planned, rows_done, bytes_done)
             VALUES ('{job}', 'app.users', '{organisation}', 0, {planned}, {done}, {bytes})
             ON CONFLICT (job_id, collection) DO UPDATE SET rows_done = {done}, bytes_done = {bytes}"
        ))
        .await;
    }

    /// A job that failed in its first step.
    pub async fn fail(&self, job: &str) {
        self.set_state(job, "failed").await;
        self.behind(&format!(
            "UPDATE job_steps SET state = 'failed', ended_at = clock_timestamp(), not_before = NULL,
                failure_code = 'store_unreachable', failure_detail = 'x' WHERE job_id = '{job}'"
        ))
        .await;
    }

    /// A completed job with its package; the package's id.
    pub async fn complete(&self, organisation: &str, job: &str, content: &[u8]) -> Uuid {
        let id = Uuid::now_v7();
        let key = ObjectKey::parse(&format!("organisations/x/jobs/{job}/1-1/package.zip")).unwrap();
        self.state.packages.put(&key, content.to_vec().into()).await.unwrap();
        let (size, sha256) = (content.len(), Sha256Digest::of(content));
        self.set_state(job, "completed").await;
        self.behind(&format!(
            "INSERT INTO packages (id, organisation_id, job_id, object_key, file_name, size_bytes, sha256)
             VALUES ('{id}', '{organisation}', '{job}', '{key}', 'export-{organisation}.zip', {size}, '{sha256}')"
        ))
        .await;
        id
    }

    /// Another volume of a completed job's package.
    pub async fn add_volume(&self, organisation: &str, job: &str, volume_no: i32, content: &[u8]) {
        let id = Uuid::now_v7();
        let key = ObjectKey::parse(&format!("organisations/x/jobs/{job}/1-1/{volume_no}.zip")).unwrap();
        self.state.packages.put(&key, content.to_vec().into()).await.unwrap();
        let (size, sha256) = (content.len(), Sha256Digest::of(content));
        self.behind(&format!(
            "INSERT INTO packages (id, organisation_id, job_id, volume_no, object_key, file_name, size_bytes, sha256)
             VALUES ('{id}', '{organisation}', '{job}', {volume_no}, '{key}', 'v{volume_no}.zip', {size}, '{sha256}')"
        ))
        .await;
    }

    /// A job whose planning a worker has taken up.
    pub async fn is_being_planned(&self, job: &str) {
        self.set_state(job, "running").await;
        self.behind(&format!(
            "UPDATE job_steps SET state = 'running', attempts = 1, epoch = 1, lease_owner = 'w', not_before = NULL,
                 started_at = clock_timestamp(), lease_expires_at = clock_timestamp() + interval '1 hour'
             WHERE job_id = '{job}'"
        ))
        .await;
    }

    /// Completes the step that plans a job, with this plan, and the mark before it.
    pub async fn planned(&self, job: &str, plan: &serde_json::Value) {
        self.behind(&format!(
            "UPDATE job_steps SET state = 'completed', ended_at = clock_timestamp(), not_before = NULL,
                 result = CASE kind WHEN 'plan_erasure' THEN '{plan}'::jsonb END
             WHERE job_id = '{job}' AND kind IN ('soft_delete', 'plan_erasure')"
        ))
        .await;
    }

    /// A job whose step 9 waits for a provider that is down.
    pub async fn waits_for_provider(&self, organisation: &str, job: &str) {
        self.planned(job, &serde_json::json!({})).await;
        self.set_state(job, "retrying").await;
        self.behind(&format!(
            "INSERT INTO job_steps (job_id, step_no, organisation_id, phase, kind, collection, state, attempts, epoch,
                not_before, failure_code, failure_detail)
             VALUES ('{job}', 9, '{organisation}', 1, 'revoke_tokens', 'shop.customers', 'due', 3, 3,
                clock_timestamp() + interval '1 hour', 'provider_unavailable', 'x')"
        ))
        .await;
    }

    /// A job whose step 9 waits for transactions to end before it looks at the result.
    pub async fn waits_for_transactions(&self, organisation: &str, job: &str) {
        self.planned(job, &serde_json::json!({})).await;
        self.set_state(job, "verifying").await;
        self.begun(job).await;
        self.behind(&format!(
            "INSERT INTO job_steps (job_id, step_no, organisation_id, phase, kind, state, attempts, epoch,
                not_before, waits, failure_code, failure_detail)
             VALUES ('{job}', 9, '{organisation}', 4, 'verify_erasure', 'due', 0, 3,
                clock_timestamp() + interval '5 seconds', true, 'open_transactions', 'x')"
        ))
        .await;
    }

    /// A job that failed because its step 9 found something left.
    pub async fn left_something(&self, organisation: &str, job: &str) {
        self.set_state(job, "failed").await;
        self.begun(job).await;
        self.behind(&format!(
            "UPDATE privacy_jobs SET failure_code = 'not_erased' WHERE id = '{job}';
             INSERT INTO job_steps (job_id, step_no, organisation_id, phase, kind, state, attempts, epoch,
                failure_code, failure_detail, ended_at)
             VALUES ('{job}', 9, '{organisation}', 4, 'verify_erasure', 'failed', 1, 1, 'not_erased', 'x',
                clock_timestamp())"
        ))
        .await;
    }

    /// A job that a legal hold stopped at its step 9.
    pub async fn on_hold(&self, organisation: &str, job: &str) {
        self.waits_for_transactions(organisation, job).await;
        self.set_state(job, "on_hold").await;
        self.behind(&format!(
            "UPDATE job_steps SET failure_code = 'legal_hold', failure_detail = 'x' WHERE job_id = '{job}' AND step_no = 9"
        ))
        .await;
    }

    /// Fixes a job's cutoff, as planning does.
    async fn begun(&self, job: &str) {
        self.behind(&format!("UPDATE privacy_jobs SET cutoff = clock_timestamp() WHERE id = '{job}'")).await;
    }

    /// A completed job that left so many rows because of a hold.
    pub async fn retained(&self, organisation: &str, (job, hold): (&str, &str), rows: i64) {
        self.set_state(job, "completed").await;
        self.behind(&format!(
            "INSERT INTO job_retained (job_id, hold_id, collection, organisation_id, rows)
             VALUES ('{job}', '{hold}', 'shop.customers', '{organisation}', {rows})"
        ))
        .await;
    }

    /// Lets every package end so long from now.
    pub async fn packages_end_in(&self, interval: &str) {
        let end = format!("UPDATE packages SET expires_at = clock_timestamp() + interval '{interval}'");
        self.database.admin.batch_execute(&end).await.unwrap();
    }

    /// A completed job's signed link.
    pub async fn signed_link(&self, organisation: &str, job: &str) -> String {
        let answer = self.owner(organisation, "GET", &format!("/jobs/{job}/download")).send().await;
        assert_eq!(answer.status, 303, "{}", answer.text());
        answer.header("location").to_owned()
    }

    /// Entries of the audit log, as the sink writes them; numbered from `first` on.
    pub async fn audit_rows(&self, organisation: &str, job: &str, first: i64, count: i64) {
        self.behind(&format!(
            "INSERT INTO audit_logs (seq, event_id, organisation_id, actor, actor_role, action, outcome, job_id, job_version,
                occurred_at, body)
             SELECT n, gen_random_uuid(), '{organisation}', 'export-worker', 'service',
                CASE WHEN n % 2 = 0 THEN 'step.completed' ELSE 'job.started' END, 'success', '{job}', n, clock_timestamp(), ''
             FROM generate_series({first}::bigint, {first}::bigint + {count} - 1) n"
        ))
        .await;
    }

    /// How many audit events of an action wait in the outbox or were published.
    pub async fn events(&self, action: &str) -> i64 {
        let like = format!("outbox WHERE kind = 'audit.event' AND position('{action}'::bytea IN body) > 0");
        self.database.count(&like).await
    }
}
