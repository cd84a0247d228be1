//! kill -9 of everything that runs, at many points spread over an export.

use std::collections::BTreeSet;
use std::time::Duration;

use testkit::s3::{Faults, S3Server};
use tests::{Api, Options, SERVICES, Servers, System, eventually};
use uuid::Uuid;

use crate::support::{PATIENCE, audited, complete, downloaded, vantage};

/// How often each victim is killed.
const POINTS: u32 = 20;
/// A broker takes its time to come back; `make soak` kills it as often as the others.
const POINTS_OF_A_BROKER: u32 = 6;
const ROWS: u64 = 60_000;
/// Long enough for an export that is disturbed so often.
const LONG: Duration = Duration::from_secs(600);

/// Many short steps, so that the points lie in different ones.
fn options() -> Options {
    Options { whole_export_rows: 1_000, part_rows: 4_000, lease: "2s", ..Options::default() }
}

/// Waits until the job has done `point` of `points` and one parts of its steps; false when it ended before.
async fn reached(api: &Api, job: Uuid, (point, points): (u32, u32)) -> bool {
    eventually(LONG, "the export goes on", || async {
        // What was killed a moment ago may be the API, or what it stands on.
        let Ok(job) = api.job(job).await else {
            return Ok(None);
        };
        let done = job.steps.iter().filter(|step| step.state == "completed").count();
        let (done, all) = (u32::try_from(done)?, u32::try_from(job.steps.len())?);
        // A plan is more than its first step.
        let far = all > 1 && done * (points + 1) >= all * point;
        Ok(match job.summary.ended_at {
            Some(_) => Some(false),
            None => far.then_some(true),
        })
    })
    .await
    .unwrap()
}

/// Runs exports until the victim was killed at every point; each of them must end well.
async fn killed_at_every_point(
    system: &mut System,
    organisation: &sample::SeededOrganisation,
    points: u32,
    mut kill: impl FnMut(&mut System),
) {
    let api = system.api(&organisation.id.to_string(), "owner").unwrap();
    let mut point = 1;
    while point <= points {
        let job = asked(&api).await;
        while point <= points && reached(&api, job, (point, points)).await {
            kill(system);
            point += 1;
        }
        let job = api.wait(job, &["completed", "failed"], LONG).await.unwrap();
        assert_eq!(job.summary.state, "completed", "{:?}", job.failure);
        let mut archive = downloaded(&api, job.summary.id).await;
        complete(&mut archive, organisation);
        system.control.reconnect().await.unwrap();
        audited(system, &job).await;
    }
}

/// Asks for an export as soon as there is somebody to ask.
async fn asked(api: &Api) -> Uuid {
    eventually(PATIENCE, "an export is accepted", || async { Ok(api.export("both").await.ok()) })
        .await
        .unwrap()
}

/// One object per completed job and nothing else, once the scheduler has swept.
async fn nothing_is_left(system: &System) {
    let packages = system.control.number("SELECT count(*) FROM packages").await.unwrap();
    eventually(PATIENCE, "only packages are left", || async {
        let left = system.objects()?;
        Ok((i64::try_from(left.len())? == packages).then_some(()))
    })
    .await
    .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn services_killed_at_twenty_points_lose_nothing() {
    let servers = Servers::shared().unwrap();
    let (database, seeded) = vantage(&servers.pg_url, &[ROWS, 300]).await;
    let mut system = System::start(servers, database, &options()).await.unwrap();
    for name in SERVICES {
        killed_at_every_point(&mut system, &seeded.organisations[0], POINTS, |system| {
            system.process(name).unwrap().kill().unwrap();
            system.spawn(name).unwrap();
        })
        .await;
        nothing_is_left(&system).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_killed_at_twenty_points_loses_nothing() {
    server_killed("postgres", POINTS).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_killed_at_many_points_loses_nothing() {
    let soak = std::env::var_os("LETHE_TEST_KILLS").is_some();
    server_killed("broker", if soak { POINTS } else { POINTS_OF_A_BROKER }).await;
}

async fn server_killed(server: &str, points: u32) {
    let directory = tempfile::Builder::new().prefix("lethe-kills-").tempdir_in("/var/tmp").unwrap();
    let servers = Servers::start(directory.path()).unwrap();
    let (database, seeded) = vantage(&servers.pg_url, &[ROWS, 300]).await;
    let mut system = System::start(servers, database, &options()).await.unwrap();
    killed_at_every_point(&mut system, seeded.organisations.first().unwrap(), points, |system| {
        system.servers.command(&format!("kill-{server}")).unwrap();
        system.servers.command(&format!("start-{server}")).unwrap();
    })
    .await;
    nothing_is_left(&system).await;
}

/// Packages in a bucket whose parts are as small as allowed, so that an archive is several.
fn in_bucket(server: &S3Server) -> Options {
    let mut store = server.options();
    store.push(("part_bytes".to_owned(), "5242880".to_owned()));
    Options { packages: Some((server.url(), store)), ..options() }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_killed_at_twenty_points_leaves_only_packages_in_its_bucket() {
    let server = S3Server::start();
    let servers = Servers::shared().unwrap();
    let (database, seeded) = vantage(&servers.pg_url, &[ROWS, 300]).await;
    let mut system = System::start(servers, database, &in_bucket(&server)).await.unwrap();
    // Which of the kills hit an upload of several parts is up to chance.
    let mut begun = BTreeSet::new();
    killed_at_every_point(&mut system, &seeded.organisations[0], POINTS, |system| {
        system.process("export-worker").unwrap().kill().unwrap();
        begun.extend(server.uploads());
        system.spawn("export-worker").unwrap();
    })
    .await;
    packages_alone(&system, &server).await;
    let left: BTreeSet<String> = server.uploads().into_iter().collect();
    assert!(left.is_subset(&begun), "an upload was left unfinished that no kill interrupted");
}

/// No object is left of an upload that its worker's death interrupted. The upload itself stays, seen by
/// nobody, until the bucket's lifecycle rule ends it: no interface of the object store lists it.
#[tokio::test(flavor = "multi_thread")]
async fn a_worker_killed_in_the_middle_of_an_upload_leaves_that_upload_and_nothing_else() {
    let server = S3Server::start();
    let servers = Servers::shared().unwrap();
    let (database, seeded) = vantage(&servers.pg_url, &[ROWS, 300]).await;
    let mut system = System::start(servers, database, &in_bucket(&server)).await.unwrap();
    let organisation = &seeded.organisations[0];
    let api = system.api(&organisation.id.to_string(), "owner").unwrap();
    server.set_faults(Faults { stalls: 1.0, only: Some("partNumber=2"), ..Faults::default() });
    let job = asked(&api).await;
    eventually(PATIENCE, "an upload waits for its second part", || async {
        Ok((server.faults() > 0).then_some(()))
    })
    .await
    .unwrap();
    system.process("export-worker").unwrap().kill().unwrap();
    server.set_faults(Faults::default());
    let interrupted = server.uploads();
    assert_eq!(interrupted.len(), 1);
    system.spawn("export-worker").unwrap();
    let job = api.wait(job, &["completed", "failed"], LONG).await.unwrap();
    assert_eq!(job.summary.state, "completed", "{:?}", job.failure);
    complete(&mut downloaded(&api, job.summary.id).await, organisation);
    audited(&system, &job).await;
    packages_alone(&system, &server).await;
    assert_eq!(server.uploads(), interrupted);
}

/// One object per completed job and no other in the bucket, once the scheduler has swept.
async fn packages_alone(system: &System, server: &S3Server) {
    let packages = system.control.number("SELECT count(*) FROM packages").await.unwrap();
    eventually(PATIENCE, "only packages are left", || async {
        Ok((i64::try_from(server.objects().len())? == packages).then_some(()))
    })
    .await
    .unwrap();
}
