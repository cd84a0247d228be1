//! An export that has to be complete before an erasure: the erasure waits for its end, and its worker learns
//! how it ended.

use chrono::TimeDelta;
use domain::erasure::SubjectRef;
use domain::id::JobId;
use store::{CreateError, NewErasure};
use testkit::{new_erasure, new_export, organisation, owner};
use tokio_postgres::error::SqlState;

use crate::grace::{ORGANISATION, now, release, state, steps};
use crate::support::{World, collections, whole};

/// An erasure without a grace period that comes after this export.
fn after(export: JobId) -> NewErasure {
    let mut new = new_erasure(ORGANISATION);
    new.request.grace_period_days = 0.try_into().unwrap();
    new.request.after_export = Some(export);
    new
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_not_released_while_the_export_runs_and_is_once_that_has_ended() {
    let world = World::new().await;
    let export = world.planned(ORGANISATION, vec![whole(1)]).await;
    let erasure = world.erasure(&after(export)).await;
    assert_eq!(
        state(&world, erasure).await,
        "scheduled",
        "it can be seen and called off, even without grace"
    );
    assert_eq!(steps(&world, erasure).await, ["soft_delete due", "plan_erasure waiting"]);
    assert_eq!(release(&world, now(&world).await).await, 0);
    let other = world.erasure(&new_erasure("other")).await;
    world.db.end_grace(other, now(&world).await).await;
    assert_eq!(release(&world, now(&world).await).await, 1, "nobody else waits for it");
    world.complete(export, 2).await;
    assert_eq!(release(&world, now(&world).await).await, 1);
    assert_eq!(state(&world, erasure).await, "pending");
    assert_eq!(world.eraser.state_of_export_before(erasure).await.unwrap().as_deref(), Some("completed"));
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_released_too_when_the_export_fails_and_waits_again_when_that_is_tried_again() {
    let world = World::new().await;
    let export = world.planned(ORGANISATION, vec![whole(1)]).await;
    let erasure = world.erasure(&after(export)).await;
    world.fail(export, 2).await;
    world.api.retry_job(&organisation(ORGANISATION), export, &owner("owner-1")).await.unwrap();
    assert_eq!(release(&world, now(&world).await).await, 0);
    world.fail(export, 2).await;
    assert_eq!(release(&world, now(&world).await).await, 1);
    assert_eq!(world.eraser.state_of_export_before(erasure).await.unwrap().as_deref(), Some("failed"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_completed_export_does_not_cut_the_grace_period_short() {
    let world = World::new().await;
    let mut new = after(world.completed(ORGANISATION).await);
    new.request.grace_period_days = 1.try_into().unwrap();
    let erasure = world.erasure(&new).await;
    assert_eq!(release(&world, now(&world).await + TimeDelta::days(2)).await, 0);
    world.db.end_grace(erasure, now(&world).await).await;
    assert_eq!(release(&world, now(&world).await).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_called_off_while_it_waits() {
    let world = World::new().await;
    let export = world.planned(ORGANISATION, vec![whole(1)]).await;
    let erasure = world.erasure(&after(export)).await;
    world.api.cancel_job(&organisation(ORGANISATION), erasure, &owner("owner-1")).await.unwrap();
    world.complete(export, 2).await;
    assert_eq!(release(&world, now(&world).await).await, 0);
    assert_eq!(state(&world, erasure).await, "cancelled");
}

#[tokio::test(flavor = "multi_thread")]
async fn those_that_wait_for_exports_leave_room_for_those_that_do_not() {
    let world = World::new().await;
    // More than are released in one call, all of them due before the last.
    for number in 0..101 {
        let of = format!("org-{number}");
        let mut waiting = after(world.planned(&of, collections(1, 1)).await);
        waiting.organisation = organisation(&of);
        world.erasure(&waiting).await;
    }
    let free = world.erasure(&new_erasure("free")).await;
    world.db.end_grace(free, now(&world).await).await;
    assert_eq!(release(&world, now(&world).await).await, 1);
    assert_eq!(state(&world, free).await, "pending");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_does_not_wait() {
    let world = World::new().await;
    let mut dry = after(world.planned(ORGANISATION, vec![whole(1)]).await);
    dry.request.dry_run = true;
    let dry = world.erasure(&dry).await;
    assert_eq!(
        (state(&world, dry).await, steps(&world, dry).await),
        ("pending".into(), vec!["plan_erasure due".into()])
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_come_first_is_refused_and_a_repetition_is_not() {
    let world = World::new().await;
    let nothing_yet = JobId(uuid::Uuid::now_v7());
    let foreign = world.job("globex").await;
    let dry = {
        let mut dry = new_erasure(ORGANISATION);
        dry.request.dry_run = true;
        world.erasure(&dry).await
    };
    let mut of_a_person = new_export(ORGANISATION);
    of_a_person.request.subject =
        Some(SubjectRef { identity_type: "email".to_owned(), tag: "aa".to_owned() });
    let (store::Accepted::Created(of_a_person) | store::Accepted::Replayed(of_a_person)) =
        world.api.create_export(&of_a_person).await.unwrap();
    for export in [nothing_yet, foreign, dry, of_a_person] {
        let refused = world.api.create_erasure(&after(export)).await.unwrap_err();
        assert!(matches!(refused, CreateError::NoExportBefore), "{refused:?}");
    }
    let export = world.planned(ORGANISATION, vec![whole(1)]).await;
    let new = after(export);
    let erasure = world.erasure(&new).await;
    world.fail(export, 2).await;
    let again = world.api.create_erasure(&new).await.unwrap();
    assert!(matches!(again, store::Accepted::Replayed(job) if job == erasure), "{again:?}");
    let refused = world.api.create_erasure(&after(export)).await.unwrap_err();
    assert!(matches!(refused, CreateError::ExportEnded(ref state) if state == "failed"), "{refused:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_eraser_learns_the_state_of_that_export_and_of_no_other() {
    let world = World::new().await;
    let export = world.planned(ORGANISATION, vec![whole(1)]).await;
    let erasure = world.erasure(&after(export)).await;
    let learn = async |job: JobId| world.eraser.state_of_export_before(job).await.unwrap();
    assert_eq!(learn(erasure).await.as_deref(), Some("running"));
    assert_eq!(learn(export).await, None);
    assert_eq!(learn(world.erasure(&new_erasure("other")).await).await, None);
    // Nobody can write such a request; if somebody could, it would not lead into another organisation.
    let foreign = world.job("globex").await;
    let aimed = format!(
        "BEGIN; SET LOCAL session_replication_role = replica; \
         UPDATE privacy_jobs SET request = jsonb_set(request, '{{after_export}}', '\"{foreign}\"') WHERE id = '{erasure}'; COMMIT"
    );
    world.admin.batch_execute(&aimed).await.unwrap();
    assert_eq!(learn(erasure).await, None);
    for role in testkit::SERVICE_ROLES.into_iter().filter(|role| *role != "lethe_erasure") {
        let ask = format!("SELECT state_of_export_before('{erasure}')");
        let refused = world.db.client_as(role).await.batch_execute(&ask).await.unwrap_err();
        assert_eq!(refused.code(), Some(&SqlState::INSUFFICIENT_PRIVILEGE), "{role}");
    }
}
