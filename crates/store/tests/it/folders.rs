//! The end of packages, and what of a job's folder may be deleted when.

use std::time::Duration;

use domain::audit::Action;
use domain::id::JobId;
use domain::job::law::Conclusion;
use store::{ControlError, FolderPolicy, FolderToSweep, NewPackage, Produced};
use testkit::{organisation, owner, worker};
use uuid::Uuid;

use super::support::{World, collections, reason, whole};

const POLICY: FolderPolicy = FolderPolicy {
    sweep_after: Duration::from_secs(600),
    sweep_again_after: Duration::from_secs(86_400),
    hold: Duration::from_secs(300),
};

fn volume(volume_no: i32) -> NewPackage {
    NewPackage {
        id: Uuid::now_v7(),
        volume_no,
        object_key: format!("organisations/x/jobs/y/2-1/package-{volume_no:03}.zip"),
        file_name: format!("export-{volume_no:03}.zip"),
        size_bytes: 1,
        sha256: "00".repeat(32),
    }
}

/// A completed job with two volumes that are good for so long.
async fn packed(world: &World, valid_for: Option<Duration>) -> JobId {
    let job = world.planned("acme", vec![whole(1)]).await;
    let claimed = world.claim(job, 2).await;
    let packages = vec![volume(1), volume(2)];
    let produced = Produced { packages, packages_valid_for: valid_for, ..Produced::default() };
    world.conclude(&claimed, Conclusion::Completed, produced).await;
    job
}

/// Lets a job have ended so much earlier.
async fn ended_before(world: &World, job: JobId, interval: &str) {
    let aged = format!(
        "BEGIN; SET LOCAL session_replication_role = replica; \
         UPDATE privacy_jobs SET ended_at = ended_at - interval '{interval}', folder_held_until = NULL \
         WHERE id = '{}'; COMMIT",
        job.0
    );
    world.admin.batch_execute(&aged).await.unwrap();
}

async fn packages_end(world: &World) {
    let ended = "UPDATE packages SET expires_at = clock_timestamp() - interval '1 second'";
    world.admin.batch_execute(ended).await.unwrap();
}

async fn taken(world: &World) -> Vec<FolderToSweep> {
    world.scheduler.take_folders_to_sweep(&POLICY, 10).await.unwrap()
}

async fn expired(world: &World) -> Vec<JobId> {
    let folders = world.scheduler.take_expired_folders(&POLICY, 10).await.unwrap();
    folders.into_iter().map(|folder| folder.job_id).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_package_is_good_for_a_day_or_for_as_long_as_was_said() {
    let world = World::new().await;
    for (valid_for, hours) in [(None, 24), (Some(Duration::from_secs(7_200)), 2)] {
        let job = packed(&world, valid_for).await;
        let acme = organisation("acme");
        let ended_at = world.job_facts(job).await.ended_at.unwrap();
        for volume_no in [1, 2] {
            let package = world.api.package_of(&acme, job, volume_no).await.unwrap().unwrap();
            assert_eq!((package.volume_no, package.sha256.len()), (volume_no, 64));
            assert_eq!((package.expires_at - ended_at).num_hours(), hours);
        }
        assert!(world.api.package_of(&acme, job, 3).await.unwrap().is_none());
        let view = world.api.job_view(&acme, job).await.unwrap().unwrap();
        assert_eq!(view.packages.iter().map(|package| package.volume_no).collect::<Vec<_>>(), [1, 2]);
        assert_eq!(view.package.unwrap().file_name, "export-001.zip");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_expires_once_and_its_version_is_audited() {
    let world = World::new().await;
    let job = packed(&world, None).await;
    assert_eq!(expired(&world).await, []);
    world
        .admin
        .batch_execute("UPDATE packages SET expires_at = clock_timestamp() WHERE volume_no = 1")
        .await
        .unwrap();
    assert_eq!(expired(&world).await, [], "one of its volumes is alive");
    packages_end(&world).await;
    assert_eq!(expired(&world).await, [job]);
    assert_eq!(expired(&world).await, [], "somebody is at it");
    let origin = worker("retention-scheduler");
    assert!(world.scheduler.expire_job(job, &origin).await.unwrap());
    assert!(!world.scheduler.expire_job(job, &origin).await.unwrap());
    assert_eq!(world.job_facts(job).await.state, "expired");
    assert_eq!(world.history(job).await.last(), Some(&Action::JobExpired));
    assert!(world.api.package_of(&organisation("acme"), job, 1).await.unwrap().is_none());
    ended_before(&world, job, "25 hours").await;
    assert_eq!(expired(&world).await, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_one_replica_takes_a_folder_and_a_crash_gives_it_back() {
    let world = World::new().await;
    for _ in 0..4 {
        packed(&world, None).await;
    }
    packages_end(&world).await;
    let (one, other) = tokio::join!(expired(&world), expired(&world));
    let mut all = [one, other].concat();
    assert_eq!(all.len(), 4);
    all.sort_unstable_by_key(|job| job.0);
    all.dedup();
    assert_eq!(all.len(), 4, "each was taken once");
    let over = "UPDATE privacy_jobs SET folder_held_until = clock_timestamp() - interval '1 second'";
    world.admin.batch_execute(over).await.unwrap();
    assert_eq!(expired(&world).await.len(), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_completed_job_is_swept_twice_around_its_packages() {
    let world = World::new().await;
    let job = packed(&world, Some(Duration::from_secs(7 * 86_400))).await;
    assert_eq!(taken(&world).await, []);
    ended_before(&world, job, "11 minutes").await;
    let updated_at = "SELECT extract(epoch FROM updated_at)::bigint FROM privacy_jobs";
    let before = world.count(updated_at).await;
    let [folder] = <[_; 1]>::try_from(taken(&world).await).unwrap();
    assert_eq!((folder.job_id, folder.packages.len()), (job, 2));
    assert!(folder.covers(1, 1) && folder.covers(2, 1));
    assert!(!folder.covers(2, 2) && !folder.covers(3, 1));
    assert_eq!(taken(&world).await, [], "somebody is at it");
    world.scheduler.folder_swept(&folder).await.unwrap();
    assert_eq!(taken(&world).await, []);
    ended_before(&world, job, "1 day").await;
    let [folder] = <[_; 1]>::try_from(taken(&world).await).unwrap();
    assert_eq!(folder.packages.len(), 2);
    world.scheduler.folder_swept(&folder).await.unwrap();
    ended_before(&world, job, "1 day").await;
    assert_eq!(taken(&world).await, []);
    assert_eq!(world.count(updated_at).await, before, "it is no change of the job");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_retry_reads_is_kept_until_it_can_be_refused() {
    let world = World::new().await;
    let job = world.planned("acme", collections(1, 2)).await;
    world.complete(job, 2).await;
    world.fail(job, 3).await;
    assert_eq!(taken(&world).await, []);
    ended_before(&world, job, "11 minutes").await;
    let [folder] = <[_; 1]>::try_from(taken(&world).await).unwrap();
    assert!(!folder.covers(2, 1), "a retry reads what this step wrote");
    assert!(folder.covers(3, 1));

    // Taken up again while the folder is being swept: its attempts are not those that were seen.
    let (acme, origin) = (organisation("acme"), owner("owner-1"));
    world.api.retry_job(&acme, job, &origin).await.unwrap();
    let claimed = world.claim(job, 3).await;
    assert!(!folder.covers(3, claimed.epoch));
    world.scheduler.folder_swept(&folder).await.unwrap();
    assert_eq!(taken(&world).await, [], "it runs");
    world.conclude(&claimed, Conclusion::Permanent(reason("broken")), Produced::default()).await;
    assert_eq!(world.count("SELECT sweeps_done::bigint FROM privacy_jobs").await, 0, "it begins anew");

    ended_before(&world, job, "11 minutes").await;
    let [folder] = <[_; 1]>::try_from(taken(&world).await).unwrap();
    world.scheduler.folder_swept(&folder).await.unwrap();
    assert!(!world.api.job_view(&acme, job).await.unwrap().unwrap().swept);
    ended_before(&world, job, "1 day").await;
    let [folder] = <[_; 1]>::try_from(taken(&world).await).unwrap();
    assert!(folder.covers(2, 1) && folder.covers(3, 2), "now everything goes");
    // Refused from before the first object is deleted.
    let refused = world.api.retry_job(&acme, job, &origin).await.unwrap_err();
    assert!(matches!(refused, ControlError::Swept), "{refused}");
    assert!(world.api.job_view(&acme, job).await.unwrap().unwrap().swept);
    // A crash here: it is found again, and then done.
    ended_before(&world, job, "1 second").await;
    let [folder] = <[_; 1]>::try_from(taken(&world).await).unwrap();
    world.scheduler.folder_swept(&folder).await.unwrap();
    assert_eq!(taken(&world).await, []);
    assert_eq!(world.count("SELECT sweeps_done::bigint FROM privacy_jobs").await, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_running_job_is_never_swept_and_a_called_off_one_whole() {
    let world = World::new().await;
    let job = world.planned("acme", collections(1, 2)).await;
    world.complete(job, 2).await;
    let zombie = world.claim(job, 3).await;
    assert_eq!(taken(&world).await, []);
    world.api.cancel_job(&organisation("acme"), job, &owner("owner-1")).await.unwrap();
    ended_before(&world, job, "11 minutes").await;
    let [folder] = <[_; 1]>::try_from(taken(&world).await).unwrap();
    assert!(folder.covers(2, 1) && folder.covers(3, zombie.epoch));
    // Who still believes to hold the step cannot complete the job over the swept folder.
    let produced = Produced { packages: vec![volume(1)], ..Produced::default() };
    let done = world.conclude(&zombie, Conclusion::Completed, produced).await;
    assert_eq!(done, store::Concluded::Fenced);
    assert_eq!(world.job_facts(job).await.state, "cancelled");
}
