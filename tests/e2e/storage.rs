//! Packages in a bucket, on a server that fails and stalls; volumes; limits.

use testkit::s3::{Faults, S3Server};
use tests::{Options, Servers, System, eventually};

use crate::archive::Archive;
use crate::support::{PATIENCE, audited, complete, downloaded, vantage};

const ROWS: u64 = 6_000;

/// Several steps, some of them over key ranges.
fn options(server: &S3Server) -> Options {
    Options {
        whole_export_rows: 1_000,
        part_rows: 500,
        lease: "2s",
        packages: Some((server.url(), server.options())),
        ..Options::default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_that_fails_and_stalls_at_thirty_percent_costs_nothing_but_time() {
    let server = S3Server::start();
    let servers = Servers::shared().unwrap();
    let (database, seeded) = vantage(&servers.pg_url, &[ROWS, 300]).await;
    let system = System::start(servers, database, &options(&server)).await.unwrap();
    let organisation = &seeded.organisations[0];
    let api = system.api(&organisation.id.to_string(), "owner").unwrap();
    server.set_faults(Faults { errors: 0.25, stalls: 0.05, seed: 11, ..Faults::default() });
    let job = api.export("both").await.unwrap();
    let job = api.wait(job, &["completed", "failed"], PATIENCE * 4).await.unwrap();
    assert!(server.faults() > 0, "nothing was disturbed");
    server.set_faults(Faults::default());
    assert_eq!(job.summary.state, "completed", "{:?}", job.failure);
    let download = api.download(job.summary.id).await.unwrap();
    assert!(
        download.link.contains("X-Amz-Signature="),
        "the bucket signs its links itself: {}",
        download.link
    );
    complete(&mut Archive::open(&download.bytes), organisation);
    audited(&system, &job).await;
    eventually(PATIENCE, "the package alone is left", || async {
        Ok((server.objects().len() == 1 && server.uploads().is_empty()).then_some(()))
    })
    .await
    .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_package_comes_in_volumes_that_are_complete_in_themselves() {
    const VOLUME: u64 = 200_000;
    let servers = Servers::shared().unwrap();
    let (database, seeded) = vantage(&servers.pg_url, &[ROWS]).await;
    let options = Options {
        whole_export_rows: 1_000,
        part_rows: 500,
        volume_bytes: Some(VOLUME),
        ..Options::default()
    };
    let system = System::start(servers, database, &options).await.unwrap();
    let organisation = &seeded.organisations[0];
    let api = system.api(&organisation.id.to_string(), "owner").unwrap();
    let job = api.export("csv").await.unwrap();
    let job = api.wait(job, &["completed", "failed"], PATIENCE).await.unwrap();
    assert_eq!(job.summary.state, "completed", "{:?}", job.failure);
    assert!(job.packages.len() > 1, "{:?}", job.packages);
    let mut rows = 0;
    for package in &job.packages {
        let download = api.download_volume(job.summary.id, package.volume_no).await.unwrap();
        assert!(u64::try_from(download.bytes.len()).unwrap() <= VOLUME, "{package:?}");
        let mut archive = Archive::open(&download.bytes);
        for told in ["index.html", "README.txt"] {
            assert!(!archive.file(told).is_empty());
        }
        for file in archive.manifest().files {
            assert_eq!(u64::try_from(archive.file(&file.path).len()).unwrap(), file.size_bytes);
            rows += file.rows;
        }
    }
    assert_eq!(rows, organisation.rows.values().sum::<u64>());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_archive_that_would_be_too_large_fails_with_the_reason_and_leaves_nothing() {
    let servers = Servers::shared().unwrap();
    let (database, seeded) = vantage(&servers.pg_url, &[ROWS]).await;
    let options = Options { max_archive_bytes: Some(10_000), ..Options::default() };
    let system = System::start(servers, database, &options).await.unwrap();
    let api = system.api(&seeded.organisations[0].id.to_string(), "owner").unwrap();
    let job = api.export("json").await.unwrap();
    let job = api.wait(job, &["completed", "failed"], PATIENCE).await.unwrap();
    assert_eq!(job.failure.unwrap().code, "archive_too_large");
    assert!(job.package.is_none());
    assert_eq!(system.objects().unwrap(), Vec::<std::path::PathBuf>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn media_are_copied_and_what_is_missing_is_listed() {
    let bucket = tempfile::tempdir().unwrap();
    let url = format!("file://{}", bucket.path().display());
    for whole_export_rows in [20_000, 100] {
        let servers = Servers::shared().unwrap();
        let (database, seeded) = vantage(&servers.pg_url, &[1_500, 300]).await;
        let options = Options { whole_export_rows, bucket: Some(url.clone()), ..Options::default() };
        let system = System::start(servers, database, &options).await.unwrap();
        let organisation = &seeded.organisations[0];
        let keys = keys(&system, organisation.id).await;
        let (here, gone) = keys.split_at(keys.len() / 2);
        let here: Vec<&String> = here.iter().filter(|key| plain(key)).collect();
        for key in &here {
            let path = bucket.path().join(key);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, content(key)).unwrap();
        }
        let api = system.api(&organisation.id.to_string(), "owner").unwrap();
        let body = serde_json::json!({"include_media": true, "format": "json"});
        let job = api.export_of(body).await.unwrap();
        let job = api.wait(job, &["completed", "failed"], PATIENCE).await.unwrap();
        assert_eq!(job.summary.state, "completed", "{:?}", job.failure);
        let mut archive = downloaded(&api, job.summary.id).await;
        complete(&mut archive, organisation);
        let listed: Vec<serde_json::Value> =
            serde_json::from_slice(&archive.file("media/index.json")).unwrap();
        assert_eq!(listed.len(), here.len());
        for object in listed {
            let key = object["key"].as_str().unwrap().to_owned();
            assert_eq!(archive.file(object["path"].as_str().unwrap()), content(&key));
        }
        let manifest: serde_json::Value = serde_json::from_slice(&archive.file("manifest.json")).unwrap();
        let missing = manifest["media"]["missing"].as_array().unwrap();
        assert_eq!(missing.len(), keys.len() - here.len());
        assert!(missing.iter().any(|object| {
            gone.iter().any(|key| object["key"] == **key)
                && object["reason"].as_str().unwrap().contains("no such object")
        }));
        std::fs::remove_dir_all(bucket.path().join("uploads")).unwrap();
    }
}

/// The keys that the organisation's rows name, each once.
async fn keys(system: &System, organisation: uuid::Uuid) -> Vec<String> {
    let from = sample::rows_of_organisation("media_assets").unwrap();
    let sql = format!("SELECT DISTINCT t.storage_key {from}").replace("$1", &format!("'{organisation}'"));
    let rows = system.subjects.client.query(&sql, &[]).await.unwrap();
    let mut keys: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
    keys.sort_unstable();
    keys
}

/// Whether a key can be a file's name on this machine.
fn plain(key: &str) -> bool {
    key.len() < 200
        && !key.contains("//")
        && !key.ends_with('/')
        && !key.contains("..")
        && !key.contains('\0')
}

fn content(key: &str) -> Vec<u8> {
    key.as_bytes().repeat(1 + key.len() * 7)
}
