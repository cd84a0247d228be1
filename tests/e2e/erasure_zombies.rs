//! Workers that come back from the dead in the middle of an erasure.

use tests::{Servers, System, eventually};
use uuid::Uuid;

use crate::erasing::{Company, Left, asked, ended_well, owner, reached, undisturbed};
use crate::support::PATIENCE;

const ROWS: u64 = 6_000;
/// Organisations that are erased, beside one that is not.
const ERASED: usize = 6;

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
    let expected = undisturbed(&servers, ERASED + 1, ERASED, ROWS).await;
    let company = Company::new(&servers.pg_url, ERASED + 1, ROWS).await;
    let (options, organisations) = (company.options(), company.organisations);
    let mut system = System::start(servers, company.database, &options).await.unwrap();
    for (turn, organisation) in organisations[..ERASED].iter().enumerate() {
        let back = if turn % 2 == 0 { Back::Amid } else { Back::After };
        let api = owner(&system, organisation);
        let job = asked(&api, organisation).await;
        let batches = expected[turn + 1].journal.0 - expected[turn].journal.0;
        let point = batches * i64::try_from(turn + 1).unwrap() / i64::try_from(ERASED + 1).unwrap();
        let fenced = fenced(&system).await;
        stopped_in_a_step(&mut system, job, point, back).await;
        let another = system.start_another("erasure-worker", turn + 2, &[]).await.unwrap();
        match back {
            Back::Amid => taken_over(&system, job).await,
            Back::After => drop(api.wait(job, &["completed", "failed"], PATIENCE * 3).await.unwrap()),
        }
        system.process("erasure-worker").unwrap().signal("CONT").unwrap();
        ended_well(&system, &api, job).await;
        lost_it(&system, fenced).await;
        drop(another);
        let left = Left::of(&system.subjects.client, &organisations).await;
        assert_eq!(left, expected[turn + 1], "as when nobody is in the way ({back:?})");
        left.spares(&expected[0], &organisations[turn + 1..]);
    }
}

/// Stops the worker while it holds a step of the job, once the journal has so many batches.
///
/// What it had open stays open, and its locks with it, until the server's own limit for the idle ends it
/// after a minute. For one that is to be dead until the end, that minute is made short.
async fn stopped_in_a_step(system: &mut System, job: Uuid, point: i64, back: Back) {
    assert!(reached(system, job, point).await, "the job ended before its worker could be stopped");
    let worker = system.process("erasure-worker").unwrap().id().to_string();
    let signal = |name: &str| {
        let done = std::process::Command::new("kill").args([&format!("-{name}"), worker.as_str()]).status();
        assert!(done.unwrap().success());
    };
    let held = "SELECT count(*) FILTER (WHERE s.state = 'running'), count(*) FILTER (WHERE j.ended_at IS NOT NULL) \
                FROM job_steps s JOIN privacy_jobs j ON j.id = s.job_id \
                WHERE s.job_id = $1 AND s.kind = 'erase_rows'";
    eventually(PATIENCE, "the worker is stopped in a step", || async {
        signal("STOP");
        let row = system.control.client.query_one(held, &[&job]).await?;
        let (held, ended): (i64, i64) = (row.get(0), row.get(1));
        if held > 0 {
            return Ok(Some(()));
        }
        signal("CONT");
        anyhow::ensure!(ended == 0, "the job ended before its worker was stopped in a step");
        Ok(None)
    })
    .await
    .unwrap();
    if back == Back::After {
        let end = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity \
                   WHERE datname IN ($1, $2) AND xact_start IS NOT NULL \
                   AND usename IN ('vantage_eraser', 'lethe_erasure')";
        let names: [&str; 2] = [&system.subjects.name, &system.control.name];
        system.control.client.execute(end, &[&names[0], &names[1]]).await.unwrap();
    }
}

/// Waits until somebody else has started a step that the dead worker held.
async fn taken_over(system: &System, job: Uuid) {
    let sql = "SELECT count(*) FROM job_steps WHERE job_id = $1 AND kind = 'erase_rows' AND epoch > 1 \
               AND state IN ('running', 'completed')";
    eventually(PATIENCE, "another worker has taken a step over", || async {
        let taken: i64 = system.control.client.query_one(sql, &[&job]).await?.get(0);
        Ok((taken > 0).then_some(()))
    })
    .await
    .unwrap();
}

/// How many steps the first worker lost, by its own count.
async fn fenced(system: &System) -> u64 {
    let url = format!("{}/metrics", system.admin("erasure-worker").unwrap());
    let text = reqwest::get(url).await.unwrap().text().await.unwrap();
    let line = text.lines().find(|line| line.starts_with("privacy_fence_rejected_total"));
    line.and_then(|line| line.rsplit(' ').next()).unwrap().parse().unwrap()
}

async fn lost_it(system: &System, before: u64) {
    eventually(PATIENCE, "the worker finds out that it lost a step", || async {
        Ok((fenced(system).await > before).then_some(()))
    })
    .await
    .unwrap();
}
