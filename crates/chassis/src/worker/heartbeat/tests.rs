use std::time::Duration;

use domain::id::{JobId, StepNo};
use store::{Accepted, Claim, CollectionAmount};
use testkit::{ControlDatabase, PATIENCE, new_export, organisation, owner, worker};
use tokio::time::timeout;

use super::*;
use crate::testing::{NOBODY_AMQP, context, no_database};

struct Held {
    database: ControlDatabase,
    context: Context,
    step: Claimed,
    progress: StepProgress,
    asked_at: Instant,
}

/// A step that is claimed with a short lease.
async fn held() -> Held {
    let database = ControlDatabase::create().await;
    let accepted = database.store_as("lethe_api").create_export(&new_export("acme")).await.unwrap();
    let Accepted::Created(job) = accepted else { panic!("{accepted:?} is not new") };
    let mut context = context(database.store_as("lethe_export"), NOBODY_AMQP);
    context.worker.lease = Duration::from_secs(2);
    let step = claim(&context, job).await;
    Held { database, context, step, progress: StepProgress::default(), asked_at: Instant::now() }
}

async fn claim(context: &Context, job: JobId) -> Claimed {
    let (ours, origin) = ((context.instance.as_str(), context.worker.lease), worker("export-worker"));
    let claim = context.store.claim_step((job, StepNo(1)), ours, &context.worker.policy(), &origin).await;
    let Claim::Granted(step) = claim.unwrap() else { panic!("the step is due") };
    *step
}

impl Held {
    async fn hold(&self) -> Lost {
        let holding = hold(&self.context, &self.step, &self.progress, self.asked_at);
        timeout(PATIENCE, holding).await.expect("the step is let go")
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_step_that_shows_no_progress_is_given_up() {
    let mut held = held().await;
    held.context.worker.longest_silence = Duration::from_millis(500);
    assert_eq!(held.hold().await, Lost::Silent);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_step_that_shows_progress_is_held_as_long_as_it_does() {
    let mut held = held().await;
    held.context.worker.longest_silence = Duration::from_secs(2);
    let began = Instant::now();
    let mut beats = 0;
    let beating = async {
        // As long as the lease and the silence together, in beats far shorter than either.
        while began.elapsed() < Duration::from_secs(4) {
            tokio::time::sleep(Duration::from_millis(100)).await;
            held.progress.pulse();
            beats += 1;
        }
        // Then it falls silent.
        std::future::pending::<()>().await;
    };
    let lost = tokio::select! {
        lost = held.hold() => lost,
        () = beating => unreachable!("it is pending"),
    };
    assert_eq!(lost, Lost::Silent);
    assert!(began.elapsed() > Duration::from_secs(4), "after {:?} and {beats} beats", began.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_renewal_tells_how_far_the_step_is() {
    let mut held = held().await;
    held.context.worker.longest_silence = Duration::from_millis(700);
    let client = held.database.client().await;
    let planned = "INSERT INTO job_progress (job_id, collection, organisation_id, position) \
                   SELECT id, 'shop.orders', organisation_id, 0 FROM privacy_jobs";
    client.execute(planned, &[]).await.unwrap();
    held.progress.set("shop.orders", 3, 300);
    held.progress.set("shop.orders", 7, 700);
    let told = [CollectionAmount { collection: "shop.orders".to_owned(), rows: 7, bytes: 700 }];
    assert_eq!(held.progress.amounts(), told);
    assert_eq!(held.hold().await, Lost::Silent);
    let row = client.query_one("SELECT rows_done, bytes_done FROM job_progress", &[]).await.unwrap();
    assert_eq!((row.get::<_, i64>(0), row.get::<_, i64>(1)), (7, 700));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_step_that_was_called_off_is_let_go_at_the_next_renewal() {
    let mut held = held().await;
    // So long that who only stopped to believe in the lease would be found out.
    held.context.worker.lease = 10 * PATIENCE;
    let api = held.database.store_as("lethe_api");
    api.cancel_job(&organisation("acme"), held.step.job_id, &owner("owner-1")).await.unwrap();
    assert_eq!(held.hold().await, Lost::Fenced);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_step_that_another_worker_has_is_let_go_at_the_next_renewal() {
    let mut held = held().await;
    held.context.worker.lease = 10 * PATIENCE;
    let lapsed = "UPDATE job_steps SET epoch = epoch + 1, lease_owner = 'another'";
    let client = held.database.client().await;
    client.batch_execute(&format!("SET session_replication_role = replica; {lapsed}")).await.unwrap();
    assert_eq!(held.hold().await, Lost::Fenced);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_step_is_let_go_before_its_lease_ends_when_it_cannot_be_renewed() {
    let mut held = held().await;
    held.context.store = no_database();
    assert_eq!(held.hold().await, Lost::Fenced);
    let kept = held.asked_at.elapsed();
    assert!(kept >= trust(held.context.worker.lease), "one failed renewal is not the end: {kept:?}");
    assert!(trust(held.context.worker.lease) < held.context.worker.lease);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_claim_that_took_as_long_as_its_lease_is_not_trusted() {
    let mut held = held().await;
    held.context.store = no_database();
    held.context.worker.lease = Duration::from_secs(60);
    held.asked_at = Instant::now().checked_sub(held.context.worker.lease).unwrap();
    let began = Instant::now();
    assert_eq!(held.hold().await, Lost::Fenced);
    assert!(began.elapsed() < Duration::from_secs(30));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_stops_lets_its_step_run_on_for_a_moment() {
    let mut held = held().await;
    held.context.worker.finish_within = Duration::from_millis(800);
    let told_at = Instant::now();
    held.context.stopping.cancel();
    assert_eq!(held.hold().await, Lost::Stopping);
    assert!(told_at.elapsed() >= Duration::from_millis(800));
}
