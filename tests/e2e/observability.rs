//! What operators see: one trace per request, metrics, and logs without personal data.

use std::collections::BTreeSet;
use std::time::Duration;

use telemetry::testing::OtlpReceiver;
use tests::{Options, SERVICES, Servers, System, eventually};

use crate::support::{PATIENCE, audited, downloaded, vantage};

#[tokio::test(flavor = "multi_thread")]
async fn one_trace_leads_from_the_request_to_the_audit_row() {
    let receiver = OtlpReceiver::start().await.unwrap();
    let servers = Servers::shared().unwrap();
    let (database, seeded) = vantage(&servers.pg_url, &[300]).await;
    let options = Options { otlp_endpoint: Some(receiver.endpoint()), ..Options::default() };
    let system = System::start(servers, database, &options).await.unwrap();
    let api = system.api(&seeded.organisations[0].id.to_string(), "owner").unwrap();
    let job = api.export("json").await.unwrap();
    let job = api.wait(job, &["completed"], PATIENCE).await.unwrap();
    audited(&system, &job).await;
    let sql = "SELECT DISTINCT trace_id FROM audit_logs WHERE job_id = $1 AND job_version IS NOT NULL";
    let rows = system.control.client.query(sql, &[&job.summary.id]).await.unwrap();
    assert_eq!(rows.len(), 1, "every audit row of the job is in one trace");
    let trace: Option<String> = rows[0].get(0);
    let trace = trace.expect("the audit rows name their trace");
    let services = eventually(Duration::from_secs(60), "the services report their spans", || async {
        let of_trace: BTreeSet<String> = receiver
            .spans()
            .into_iter()
            .filter(|span| span.trace_id == trace)
            .map(|span| span.service)
            .collect();
        Ok(["privacy-api", "export-worker", "audit-sink"]
            .iter()
            .all(|s| of_trace.contains(*s))
            .then_some(of_trace))
    });
    services.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn logs_metrics_messages_and_audit_rows_hold_no_personal_data() {
    let servers = Servers::shared().unwrap();
    let (database, seeded) = vantage(&servers.pg_url, &[600, 300]).await;
    let system = System::start(servers, database, &Options::default()).await.unwrap();
    let organisation = &seeded.organisations[0];
    let api = system.api(&organisation.id.to_string(), "owner").unwrap();
    let job = api.export("both").await.unwrap();
    let job = api.wait(job, &["completed"], PATIENCE).await.unwrap();
    downloaded(&api, job.summary.id).await;
    audited(&system, &job).await;
    let mut said = String::new();
    for service in SERVICES {
        said.push_str(&system.log(service).unwrap());
        let metrics = reqwest::get(format!("{}/metrics", system.admin(service).unwrap())).await.unwrap();
        assert!(metrics.status().is_success());
        said.push_str(&metrics.text().await.unwrap());
    }
    for sql in [
        "SELECT coalesce(string_agg(encode(body, 'escape'), ' '), '') FROM outbox",
        "SELECT coalesce(string_agg(a::text, ' '), '') FROM audit_logs a",
        "SELECT coalesce(string_agg(s::text, ' '), '') FROM job_steps s",
        "SELECT coalesce(string_agg(j::text, ' '), '') FROM privacy_jobs j",
    ] {
        said.push_str(system.control.client.query_one(sql, &[]).await.unwrap().get(0));
    }
    for canary in canaries(&system).await {
        assert!(!said.contains(&canary), "personal data was said: {canary}");
    }
    assert!(said.contains("privacy_step_duration_seconds"), "metrics were read");
    for line in system.log("export-worker").unwrap().lines() {
        let parsed: serde_json::Value = serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"));
        assert!(parsed.is_object());
    }
}

/// Values that identify people, from the database itself.
async fn canaries(system: &System) -> Vec<String> {
    let sql = "SELECT email::text FROM users UNION SELECT name::text FROM organisations";
    let rows = system.subjects.client.query(sql, &[]).await.unwrap();
    let found: Vec<String> =
        rows.iter().map(|row| row.get(0)).filter(|value: &String| value.len() > 4).collect();
    assert!(found.len() > 5);
    found
}
