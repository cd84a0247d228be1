//! A package store on a disk that is full.

use std::collections::BTreeSet;
use std::path::Path;

use contracts::http::JobView;
use reqwest::{Method, StatusCode};
use tests::{Api, Options, Servers, System, eventually};
use uuid::Uuid;

use crate::small_disk::{Disk, with_mounts};
use crate::support::{PATIENCE, audited, complete, downloaded, vantage};

const MIB: u64 = 1024 * 1024;
const ROWS: u64 = 12_000;

/// Several steps, and few attempts: nobody makes room meanwhile.
fn options() -> Options {
    Options { whole_export_rows: 1_000, part_rows: 2_000, lease: "2s", max_attempts: 3, ..Options::default() }
}

#[test]
fn a_full_disk_fails_the_job_with_the_reason_and_more_room_completes_it() {
    with_mounts("full::a_full_disk_fails_the_job_with_the_reason_and_more_room_completes_it", || {
        tokio::runtime::Runtime::new().unwrap().block_on(full_disk());
    });
}

async fn full_disk() {
    let servers = Servers::shared().unwrap();
    let (database, seeded) = vantage(&servers.pg_url, &[ROWS]).await;
    let system = System::start(servers, database, &options()).await.unwrap();
    let organisation = seeded.organisations.first().unwrap();
    let api = system.api(&organisation.id.to_string(), "owner").unwrap();
    // Mounted after the services began, as an operator would; declared later, so gone first.
    let disk = Disk::mount(&system.path("packages"), 64 * MIB);
    let job = api.export("both").await.unwrap();
    let job = api.wait(job, &["completed", "failed"], PATIENCE).await.unwrap();
    assert_eq!(job.summary.state, "completed", "{:?}", job.failure);
    let package = u64::try_from(job.package.unwrap().size_bytes).unwrap();
    let mut kept = vec![job.summary.id];
    // Room for half of the parts; then for all of them, and half of the archive beside.
    for room in [package / 2, package * 3 / 2] {
        packages_alone(&system, kept.len()).await;
        disk.resize(disk.used() + room);
        let job = api.export("both").await.unwrap();
        let job = api.wait(job, &["completed", "failed"], PATIENCE).await.unwrap();
        fails_for_want_of_room(&api, &job).await;
        nothing_half_written(&system, &job, &kept).await;
        disk.resize(64 * MIB);
        let id = job.summary.id;
        retried(&api, id).await;
        let job = api.wait(id, &["completed", "failed"], PATIENCE).await.unwrap();
        assert_eq!(job.summary.state, "completed", "{:?}", job.failure);
        complete(&mut downloaded(&api, id).await, organisation);
        audited(&system, &job).await;
        kept.push(id);
    }
    packages_alone(&system, kept.len()).await;
}

/// The reason says what is the matter and what to do, and there is no package to be had.
async fn fails_for_want_of_room(api: &Api, job: &JobView) {
    assert_eq!(job.summary.state, "failed");
    let failure = job.failure.as_ref().unwrap();
    assert_eq!(failure.code, "storage_full", "{failure:?}");
    assert!(failure.detail.contains("make room"), "{failure:?}");
    assert!(job.package.is_none());
    let path = format!("/jobs/{}/download", job.summary.id);
    assert_eq!(api.send(Method::GET, &path, None).await.unwrap().status(), StatusCode::CONFLICT);
}

/// After the sweep only what completed steps wrote is there, for the retry, and the earlier packages.
async fn nothing_half_written(system: &System, job: &JobView, earlier: &[Uuid]) {
    let completed: BTreeSet<i32> =
        job.steps.iter().filter(|step| step.state == "completed").map(|step| step.step_no).collect();
    eventually(PATIENCE, "nothing half-written is left", || async {
        let left = system.objects()?;
        let own = left.iter().filter(|path| !earlier.iter().any(|id| is_of(path, *id)));
        Ok(own.clone().all(|path| step_of(path).is_some_and(|no| completed.contains(&no))).then_some(()))
    })
    .await
    .unwrap();
    assert!(system.objects().unwrap().iter().all(|path| !path.display().to_string().contains('#')));
}

fn is_of(path: &Path, job: Uuid) -> bool {
    path.components().any(|part| part.as_os_str().to_str() == Some(&job.to_string()))
}

/// The step that wrote an object: attempts have folders named `step-epoch`.
fn step_of(path: &Path) -> Option<i32> {
    let mut parts = path.components().rev().filter_map(|part| part.as_os_str().to_str());
    parts.find_map(|part| {
        part.split_once('-').and_then(|(step, epoch)| epoch.parse::<u32>().ok().and(step.parse().ok()))
    })
}

async fn packages_alone(system: &System, packages: usize) {
    eventually(PATIENCE, "only packages are left", || async {
        Ok((system.objects()?.len() == packages).then_some(()))
    })
    .await
    .unwrap();
}

async fn retried(api: &Api, job: Uuid) {
    let answer = api.send(Method::POST, &format!("/jobs/{job}/retry"), None).await.unwrap();
    assert_eq!(answer.status(), StatusCode::ACCEPTED);
}
