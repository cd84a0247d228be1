//! Workers that come back from the dead in the middle of an erasure.

use tests::{Servers, System, eventually};
use uuid::Uuid;

use crate::erasing::{Company, Left, asked, ended, ended_well, owner, reached, seen, told, undisturbed};
use crate::erasure_kills::setting;
use crate::support::PATIENCE;

const WORKER: &str = "erasure-worker";
const ROWS: u64 = 6_000;
/// Organisations that are erased, beside one that is not: one for each way to come back, and in `make soak` more.
const ERASED: usize = 2;
const ERASED_IN_SOAK: usize = 6;

/// When a zombie comes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Back {
    /// While another worker is at the steps that it held.
    Amid,
    /// When the erasure is over.
    After,
}

/// The worker is stopped in the middle of steps until another one has taken them over. When it goes on,
/// it goes on with what it was doing, and finds out that it is not its own any more.
#[tokio::test(flavor = "multi_thread")]
async fn workers_back_from_the_dead_change_nothing() {
    let servers = Servers::shared().unwrap();
    let erased = if setting("LETHE_TEST_KILLS", 0) > 0 { ERASED_IN_SOAK } else { ERASED };
    let expected = undisturbed(&servers, erased + 1, erased, ROWS).await;
    let company = Company::new(&servers.pg_url, erased + 1, ROWS).await;
    let (options, organisations) = (company.options(), company.organisations);
    let system = System::start(servers, company.database, &options).await.unwrap();
    for (turn, organisation) in organisations[..erased].iter().enumerate() {
        let back = if turn % 2 == 0 { Back::Amid } else { Back::After };
        let api = owner(&system, organisation);
        let job = asked(&api, organisation).await;
        let batches = expected[turn + 1].journal.0 - expected[turn].journal.0;
        // A third of the job is left on the last turn, should the worker have to be stopped more than once.
        let point = batches * i64::try_from(turn + 1).unwrap() / i64::try_from(erased + 3).unwrap();
        let fenced = fenced(&system).await;
        let lost = stopped_in_a_step(&system, job, point, back).await;
        let another = system.start_another(WORKER, turn + 2, &[]).await.unwrap();
        match back {
            Back::Amid => taken_over(&system, job, &lost).await,
            Back::After => drop(ended(&system, &api, job).await),
        }
        system.signal(WORKER, "CONT").unwrap();
        ended_well(&system, &api, job).await;
        lost_it(&system, fenced).await;
        drop(another);
        let left = Left::of(&system.subjects.client, &organisations).await;
        assert_eq!(left, expected[turn + 1], "as when nobody is in the way ({back:?})");
        left.spares(&expected[0], &organisations[turn + 1..]);
    }
}

/// Stops the worker in the middle of steps of the job, once the journal has so many batches, and waits
/// until some of them are not its own any more; those.
///
/// A step whose end was on its way to the server when the worker was stopped still ends well: when there
/// was no other, nothing was lost, and the worker is stopped once more.
async fn stopped_in_a_step(system: &System, job: Uuid, point: i64, back: Back) -> Vec<i32> {
    assert!(reached(system, job, point).await, "the job ended before its worker could be stopped");
    let stopping = eventually(PATIENCE * 3, "the worker is stopped in a step", || async {
        system.signal(WORKER, "STOP")?;
        let held = held(system, job).await?;
        if !held.is_empty() && back == Back::After {
            close_what_is_open(system).await?;
        }
        let lost = lost(system, job, &held).await?;
        if !lost.is_empty() {
            return Ok(Some(lost));
        }
        system.signal(WORKER, "CONT")?;
        anyhow::ensure!(!seen(system, job).await?.1, "the job ended before its worker was stopped in a step");
        Ok(None)
    });
    told(system, stopping.await).await
}

/// The steps that somebody is at.
async fn held(system: &System, job: Uuid) -> anyhow::Result<Vec<i32>> {
    let sql = "SELECT step_no FROM job_steps WHERE job_id = $1 AND kind = 'erase_rows' AND state = 'running'";
    system.control.client.query(sql, &[&job]).await?.iter().map(|row| Ok(row.try_get(0)?)).collect()
}

/// Which of the steps were taken from the stopped worker, once it is known of each.
async fn lost(system: &System, job: Uuid, held: &[i32]) -> anyhow::Result<Vec<i32>> {
    let sql = "SELECT step_no, state FROM job_steps WHERE job_id = $1 AND step_no = ANY ($2)";
    eventually(PATIENCE, "the lease of the stopped worker lapses", || async {
        let rows = system.control.client.query(sql, &[&job, &held]).await?;
        let steps: Vec<(i32, String)> = rows.iter().map(|row| (row.get(0), row.get(1))).collect();
        let in_state = |wanted: &str| {
            steps.iter().filter(|(_, state)| state == wanted).map(|(step, _)| *step).collect::<Vec<_>>()
        };
        Ok(in_state("running").is_empty().then(|| in_state("due")))
    })
    .await
}

/// Ends what workers have open. What a stopped one has open stays so, and its locks with it, until the
/// server's own limit for the idle ends it after a minute: for one that is to be dead until the end, that
/// minute is made short.
async fn close_what_is_open(system: &System) -> anyhow::Result<()> {
    let end = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity \
               WHERE datname IN ($1, $2) AND xact_start IS NOT NULL \
               AND usename IN ('vantage_eraser', 'lethe_erasure')";
    let (subjects, control) = (&system.subjects.name, &system.control.name);
    system.control.client.execute(end, &[subjects, control]).await?;
    Ok(())
}

/// Waits until somebody else has started a step that the dead worker lost.
async fn taken_over(system: &System, job: Uuid, lost: &[i32]) {
    let sql = "SELECT count(*) FROM job_steps WHERE job_id = $1 AND step_no = ANY ($2) \
               AND state IN ('running', 'completed')";
    let taking = eventually(PATIENCE, "another worker has taken a step over", || async {
        let taken: i64 = system.control.client.query_one(sql, &[&job, &lost]).await?.get(0);
        Ok((taken > 0).then_some(()))
    });
    told(system, taking.await).await;
}

/// How many steps the first worker lost, by its own count.
async fn fenced(system: &System) -> u64 {
    let url = format!("{}/metrics", system.admin(WORKER).unwrap());
    let text = reqwest::get(url).await.unwrap().text().await.unwrap();
    let line = text.lines().find(|line| line.starts_with("privacy_fence_rejected_total"));
    line.and_then(|line| line.rsplit(' ').next()).unwrap().parse().unwrap()
}

async fn lost_it(system: &System, before: u64) {
    let losing = eventually(PATIENCE, "the worker finds out that it lost a step", || async {
        Ok((fenced(system).await > before).then_some(()))
    });
    told(system, losing.await).await;
}
