//! What a job was, and what came of it, stands wherever it is told of.

use domain::audit::Action;
use domain::erasure::SubjectRef;
use domain::export::ExportEncryption;
use domain::id::JobId;
use domain::job::law::Conclusion;
use domain::job::{JobName, JobNames, JobOutcome, StepKind};
use serde_json::json;
use store::{Accepted, AuditFilter, CreateError, JobFilter, NewErasure, Produced};
use testkit::{new_erasure, new_export, organisation, owner};

use crate::grace::ORGANISATION;
use crate::support::{World, erasing, planning};

fn named(label: &str) -> JobNames {
    JobNames { label: JobName::parse(label).ok(), external_reference: JobName::parse("DSR-7").ok() }
}

fn person(dry_run: bool) -> NewErasure {
    let mut new = new_erasure(ORGANISATION);
    new.request.subject = Some(SubjectRef { identity_type: "email".to_owned(), tag: "00ff".to_owned() });
    new.request.grace_period_days = 0.try_into().unwrap();
    new.request.dry_run = dry_run;
    new.names = named("web form");
    new
}

/// A planning step that found nobody.
fn nobody() -> Produced {
    Produced { outcome: Some(JobOutcome::NobodyFound), ..planning(Vec::new()) }
}

/// All audit events of a job, as the log shows them once they are there.
async fn logged(world: &World, job: JobId) -> Vec<contracts::http::AuditEntry> {
    world.deliver_audit().await;
    let filter = AuditFilter { job: Some(job.0), limit: 100, ..AuditFilter::default() };
    world.api.audit_entries(&organisation(ORGANISATION), &filter).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_found_stands_in_the_job_the_list_the_timeline_and_the_log() {
    let world = World::new().await;
    let job = world.erasure(&person(false)).await;
    let planned = world.claim_erasure(job, 1).await;
    world.conclude_erasure(&planned, Conclusion::Completed, nobody()).await;
    let whose = organisation(ORGANISATION);
    let view = world.api.job_view(&whose, job).await.unwrap().unwrap();
    assert_eq!(
        (view.summary.state.as_str(), view.summary.outcome.as_deref()),
        ("completed", Some("nobody_found"))
    );
    let last = view.timeline.last().unwrap();
    assert_eq!((last.action.as_str(), last.outcome.as_str()), ("job.completed", "nobody_found"));
    let listed = world.api.jobs(&whose, &JobFilter { limit: 9, ..JobFilter::default() }).await.unwrap();
    assert_eq!(listed[0].outcome.as_deref(), Some("nobody_found"));
    let entries = logged(&world, job).await;
    let outcomes: Vec<_> =
        entries.iter().map(|entry| (entry.action.as_str(), entry.outcome.as_str())).collect();
    assert_eq!(outcomes[0], ("job.completed", "nobody_found"));
    assert!(outcomes.iter().skip(1).all(|(_, outcome)| *outcome == "success"), "{outcomes:?}");
    let view = world.api.job_view(&whose, job).await.unwrap().unwrap();
    assert_eq!(view.timeline.last().unwrap().outcome, "nobody_found", "also once it is in the log");
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_said_of_exports_too_and_of_no_job_that_did_not_end_well() {
    let world = World::new().await;
    let job = world.job(ORGANISATION).await;
    let planned = world.claim(job, 1).await;
    world.conclude(&planned, Conclusion::Completed, nobody()).await;
    let whose = organisation(ORGANISATION);
    let outcome = async |job| {
        let summary = world.api.job_view(&whose, job).await.unwrap().unwrap().summary;
        (summary.state, summary.outcome)
    };
    assert_eq!(outcome(job).await, ("completed".to_owned(), Some("nobody_found".to_owned())));
    // Planned to look once more at the end, where something was found.
    let failing = world.erasure(&person(false)).await;
    let planned = world.claim_erasure(failing, 1).await;
    let verify = planning(vec![erasing(1, StepKind::VerifyErasure, None)]);
    let found_nobody = Produced { outcome: Some(JobOutcome::NobodyFound), ..verify };
    world.conclude_erasure(&planned, Conclusion::Completed, found_nobody).await;
    assert_eq!(outcome(failing).await, ("verifying".to_owned(), None));
    let looked = world.claim_erasure(failing, 2).await;
    let left = Conclusion::Permanent(domain::job::FailureReason::new("not_erased", "a row is left"));
    world.conclude_erasure(&looked, left, Produced::default()).await;
    assert_eq!(outcome(failing).await, ("failed".to_owned(), None));
    // The next pass finds somebody.
    world.api.retry_job(&whose, failing, &owner("owner-1")).await.unwrap();
    let again = world.claim_erasure(failing, 3).await;
    world.conclude_erasure(&again, Conclusion::Completed, planning(Vec::new())).await;
    assert_eq!(outcome(failing).await, ("completed".to_owned(), None));
}

/// What was left of whom the first pass found may be gone by itself before the second looks.
#[tokio::test(flavor = "multi_thread")]
async fn whom_an_earlier_pass_has_found_was_found() {
    let world = World::new().await;
    let whose = organisation(ORGANISATION);
    let job = world.erasure(&person(false)).await;
    let planned = world.claim_erasure(job, 1).await;
    let verify = || planning(vec![erasing(1, StepKind::VerifyErasure, None)]);
    world.conclude_erasure(&planned, Conclusion::Completed, verify()).await;
    let again = async |steps: [i32; 2], ends: bool| {
        let looked = world.claim_erasure(job, steps[0]).await;
        let left = Conclusion::Permanent(domain::job::FailureReason::new("not_erased", "a row is left"));
        world.conclude_erasure(&looked, left, Produced::default()).await;
        world.api.retry_job(&whose, job, &owner("owner-1")).await.unwrap();
        let planned = world.claim_erasure(job, steps[1]).await;
        let planning = if ends { planning(Vec::new()) } else { verify() };
        let nobody = Produced { outcome: Some(JobOutcome::NobodyFound), ..planning };
        world.conclude_erasure(&planned, Conclusion::Completed, nobody).await;
    };
    again([2, 3], false).await;
    again([4, 5], true).await;
    let view = world.api.job_view(&whose, job).await.unwrap().unwrap();
    assert_eq!((view.summary.state.as_str(), view.summary.outcome), ("completed", None));
    assert_eq!(view.timeline.last().unwrap().outcome, "success");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_job_is_stands_in_every_event_and_summary() {
    let world = World::new().await;
    let job = world.erasure(&person(true)).await;
    let planned = world.claim_erasure(job, 1).await;
    world.conclude_erasure(&planned, Conclusion::Completed, planning(Vec::new())).await;
    let whose = organisation(ORGANISATION);
    world.api.record_access((&whose, job), Action::LinkIssued, &owner("owner-1")).await.unwrap();
    let expected = json!({"title": "plan for an erasure of one person", "kind": "erasure", "whose": "person",
        "dry_run": true, "scope": {"identity_type": "email", "media": false}, "label": "web form",
        "external_reference": "DSR-7"});
    let entries = logged(&world, job).await;
    assert_eq!(entries.len(), 5);
    for entry in entries {
        assert_eq!(json!(entry.about), expected, "{}", entry.action);
    }
    let view = world.api.job_view(&whose, job).await.unwrap().unwrap();
    assert_eq!(json!(view.summary.about), expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_and_events_of_earlier_versions_are_read() {
    let world = World::new().await;
    let job = world.job(ORGANISATION).await;
    let whose = organisation(ORGANISATION);
    let view = world.api.job_view(&whose, job).await.unwrap().unwrap();
    let about = json!({"title": "export of the organisation", "kind": "export", "whose": "organisation",
        "dry_run": false, "scope": {"media": false}});
    assert_eq!(json!(view.summary.about), about, "a row without names says what it is by its request");
    let before = "UPDATE audit_logs SET about = NULL";
    world.deliver_audit().await;
    world.admin.batch_execute(&format!("SET session_replication_role = replica; {before}")).await.unwrap();
    let entries = logged(&world, job).await;
    assert!(entries.iter().all(|entry| entry.about.is_none()));
    assert_eq!(entries[0].outcome, "success");
}

#[tokio::test(flavor = "multi_thread")]
async fn names_are_given_once() {
    let world = World::new().await;
    world.erasure(&person(false)).await;
    for role in ["lethe_api", "lethe_export", "lethe_erasure", "lethe_scheduler"] {
        for column in ["label", "external_reference"] {
            let sql = format!("SELECT has_column_privilege('{role}', 'privacy_jobs', '{column}', 'UPDATE')");
            assert!(!world.admin.query_one(&sql, &[]).await.unwrap().get::<_, bool>(0), "{role} {column}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_key_the_equal_open_job_is_the_answer_however_it_is_called() {
    let world = World::new().await;
    let mut plain = new_export(ORGANISATION);
    plain.idempotency = None;
    let Accepted::Created(job) = world.api.create_export(&plain).await.unwrap() else {
        panic!("it is new");
    };
    plain.names = named("another");
    assert_eq!(world.api.create_export(&plain).await.unwrap(), Accepted::Replayed(job));
    let mut erasure = new_erasure(ORGANISATION);
    erasure.idempotency = None;
    let made = world.erasure(&erasure).await;
    assert_eq!(world.api.create_erasure(&erasure).await.unwrap(), Accepted::Replayed(made));
    erasure.request.delete_media = true;
    let other = world.api.create_erasure(&erasure).await.unwrap_err();
    assert!(matches!(other, CreateError::EqualOpen(open) if open == made), "{other:?}");
    plain.request.encryption = Some(ExportEncryption::Passphrase);
    assert!(matches!(world.api.create_export(&plain).await.unwrap(), Accepted::Created(_)));
    let other = world.api.create_export(&plain).await.unwrap_err();
    assert!(matches!(other, CreateError::EqualOpen(_)), "the passphrase may be another: {other:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_run_after_a_release_is_called_as_the_job_that_left_rows() {
    let world = World::new().await;
    let mut new = new_erasure(ORGANISATION);
    new.names = named("case 12");
    let rest = crate::holding::rest_of(&world, new).await;
    let view = world.api.job_view(&organisation(ORGANISATION), rest).await.unwrap().unwrap();
    let about = view.summary.about.unwrap();
    assert_eq!(about.title, "erasure of what a hold had kept of the organisation");
    assert_eq!(
        (about.label.as_deref(), about.external_reference.as_deref()),
        (Some("case 12"), Some("DSR-7"))
    );
}
