//! Batches wait for no disk but the last one does: what a server loses that crashes, the step does again.

use testkit::organisation;

use crate::binding::{STANDING, completed, world};

/// As a crash undoes what was committed last: rows and their entry in the journal together.
const CRASH: &str = "
    WITH lost AS (DELETE FROM lethe.journal WHERE batch_no = 0 RETURNING 1)
    UPDATE note SET body = 'note ' || id FROM lost WHERE org = 1 AND body NOT LIKE 'note %'";

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_that_the_server_lost_in_a_crash_is_carried_out_again() {
    let world = world().await;
    let job = world.planned().await;
    let sql = "SELECT min(step_no) FROM job_steps WHERE job_id = $1 AND collection = 'shop.note'";
    let step: i32 = world.admin.query_one(sql, &[&job.0]).await.unwrap().get(0);
    let blocker = world.another().await;
    blocker.batch_execute("BEGIN; SELECT FROM note WHERE id = 700 FOR UPDATE").await.unwrap();
    let claimed = world.claim(job, step).await;
    let crash = async {
        world.blocked(1).await;
        assert!(world.client.execute(CRASH, &[]).await.unwrap() > 0, "the first batch was done");
        blocker.batch_execute("COMMIT").await.unwrap();
    };
    tokio::join!(world.step(&claimed), crash);
    let reason = "SELECT failure_code FROM job_steps WHERE job_id = $1 AND step_no = $2 AND state = 'due'";
    let reason = world.admin.query_one(reason, &[&job.0, &step]).await.unwrap();
    assert_eq!(reason.get::<_, Option<String>>(0).as_deref(), Some("batches_lost"));
    completed(&world.finish(job, &organisation("1")).await);
    assert_eq!(world.rows(STANDING).await, [""; 0]);
    assert_eq!(world.journalled(job).await, 5_000, "2,500 customers and their notes, each once");
}
