//! `lethe download`

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::support::api::path;
use crate::support::server::Asked;
use crate::support::{Answer, FakeApi, JOB, Server, job};

/// Enough for several chunks.
fn content() -> Vec<u8> {
    (0..300_000_u32).flat_map(|number| number.to_le_bytes()).collect()
}

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn package(bytes: &[u8]) -> Value {
    json!({"package": {"file_name": "vantage.zip", "size_bytes": bytes.len(), "sha256": sha256(bytes),
        "created_at": "2026-11-21T10:00:04Z"}})
}

/// An API whose package is `bytes`, at the end of a link to `store`.
async fn api(bytes: &[u8], store: &Server) -> FakeApi {
    let (view, link) = (job("completed", package(bytes)), format!("{}/signed?key=1", store.url));
    FakeApi::start(move |asked, _| match asked.path.ends_with("/download") {
        true => Answer::status(303).header("location", link.clone()),
        false => Answer::json(200, &view),
    })
    .await
}

/// What a store answers that knows ranges.
fn serve(bytes: &[u8], asked: &Asked) -> Answer {
    match asked
        .header("range")
        .and_then(|range| range.strip_prefix("bytes=")?.strip_suffix('-')?.parse().ok())
    {
        None => Answer::bytes(200, bytes),
        Some(from) => {
            let range = format!("bytes {from}-{}/{}", bytes.len() - 1, bytes.len());
            Answer::bytes(206, &bytes[from..]).header("content-range", range)
        }
    }
}

fn files(directory: &Path) -> Vec<String> {
    let names =
        std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names.collect();
    names.sort();
    names
}

fn part(directory: &Path, bytes: &[u8]) -> PathBuf {
    directory.join(format!(".vantage.zip.{}.part", &sha256(bytes)[..12]))
}

#[tokio::test]
async fn the_package_is_saved_and_the_token_stays_with_the_api() {
    let bytes = content();
    let served = bytes.clone();
    let elsewhere = Server::start(move |asked, _| serve(&served, asked)).await;
    let further = format!("{}/region?key=2", elsewhere.url);
    let store = Server::start(move |_, _| Answer::status(307).header("location", further.clone())).await;
    let api = api(&bytes, &store).await;
    let directory = tempfile::tempdir().unwrap();
    let run = api.lethe(&["download", JOB]).in_directory(directory.path()).run().await.ended_with(0);
    assert!(run.out.starts_with("saved vantage.zip (1.14 MiB, SHA-256 "), "{}", run.out);
    assert_eq!(files(directory.path()), ["vantage.zip"]);
    assert_eq!(std::fs::read(directory.path().join("vantage.zip")).unwrap(), bytes);
    for asked in [store.asked(), elsewhere.asked()].concat() {
        assert_eq!((asked.header("authorization"), asked.header("referer")), (None, None), "{asked:?}");
        assert!(asked.path.contains("key="));
    }
    assert!(api.0.asked().iter().all(|asked| asked.header("authorization").is_some()));
}

#[tokio::test]
async fn an_interrupted_download_goes_on_where_it_stopped() {
    let bytes = content();
    let served = bytes.clone();
    let store = Server::start(move |asked, number| match number {
        0 => serve(&served, asked).cut_after(500_000),
        1 => Answer::status(503),
        2 => serve(&served, asked).cut_after(300_000),
        _ => serve(&served, asked),
    })
    .await;
    let api = api(&bytes, &store).await;
    let directory = tempfile::tempdir().unwrap();
    let run =
        api.lethe(&["download", JOB, "--json"]).in_directory(directory.path()).run().await.ended_with(0);
    assert_eq!(run.json()["sha256"], sha256(&bytes));
    assert_eq!(std::fs::read(directory.path().join("vantage.zip")).unwrap(), bytes);
    let ranges: Vec<Option<String>> =
        store.asked().iter().map(|asked| asked.header("range").map(str::to_owned)).collect();
    assert_eq!(ranges.len(), 4, "{ranges:?}");
    assert!(ranges[0].is_none() && ranges[1] == ranges[2] && ranges[3] > ranges[2], "{ranges:?}");
    assert_eq!(api.0.times(&format!("GET {}", path(&format!("jobs/{JOB}/download")))), 1);
}

#[tokio::test]
async fn a_later_run_goes_on_where_an_earlier_one_stopped() {
    let bytes = content();
    let served = bytes.clone();
    let store = Server::start(move |asked, _| serve(&served, asked)).await;
    let api = api(&bytes, &store).await;
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(part(directory.path(), &bytes), &bytes[..700_000]).unwrap();
    let run =
        api.lethe(&["download", JOB, "--json"]).in_directory(directory.path()).run().await.ended_with(0);
    assert_eq!(run.json()["resumed_at_bytes"], 700_000);
    assert_eq!(store.asked()[0].header("range"), Some("bytes=700000-"));
    assert_eq!(files(directory.path()), ["vantage.zip"]);
    assert_eq!(std::fs::read(directory.path().join("vantage.zip")).unwrap(), bytes);
}

#[tokio::test]
async fn a_store_without_ranges_begins_anew() {
    let bytes = content();
    let served = bytes.clone();
    let store = Server::start(move |_, _| Answer::bytes(200, &served)).await;
    let api = api(&bytes, &store).await;
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(part(directory.path(), &bytes), b"what another server sent").unwrap();
    api.lethe(&["download", JOB]).in_directory(directory.path()).run().await.ended_with(0);
    assert_eq!(std::fs::read(directory.path().join("vantage.zip")).unwrap(), bytes);
}

#[tokio::test]
async fn a_wrong_hash_leaves_nothing_behind() {
    let bytes = content();
    let mut changed = bytes.clone();
    changed[1_000_000] ^= 1;
    let longer = [bytes.as_slice(), b"!"].concat();
    for served in [changed, longer] {
        let store = Server::start(move |asked, _| serve(&served, asked)).await;
        let api = api(&bytes, &store).await;
        let directory = tempfile::tempdir().unwrap();
        let run = api.lethe(&["download", JOB]).in_directory(directory.path()).run().await.ended_with(1);
        assert!(run.err.contains("what has arrived was deleted"), "{}", run.err);
        assert!(files(directory.path()).is_empty(), "{:?}", files(directory.path()));
    }
}

#[tokio::test]
async fn a_link_that_has_ended_is_asked_for_anew_once() {
    let bytes = content();
    let served = bytes.clone();
    let store = Server::start(move |asked, number| match number {
        0 => Answer::status(403),
        _ => serve(&served, asked),
    })
    .await;
    let working = api(&bytes, &store).await;
    let directory = tempfile::tempdir().unwrap();
    working.lethe(&["download", JOB]).in_directory(directory.path()).run().await.ended_with(0);
    let link = format!("GET {}", path(&format!("jobs/{JOB}/download")));
    assert_eq!(working.0.times(&link), 2);

    let refusing = Server::start(|_, _| Answer::status(410)).await;
    let refused = api(&bytes, &refusing).await;
    let run = refused
        .lethe(&["download", JOB, "-o", "other.zip"])
        .in_directory(directory.path())
        .run()
        .await
        .ended_with(1);
    assert!(run.err.contains("link was refused"), "{}", run.err);
    assert_eq!(refused.0.times(&link), 2);
}

#[tokio::test]
async fn a_file_that_is_there_is_overwritten_only_when_forced() {
    let bytes = content();
    let served = bytes.clone();
    let store = Server::start(move |asked, _| serve(&served, asked)).await;
    let api = api(&bytes, &store).await;
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("mine.zip");
    std::fs::write(&file, "mine").unwrap();
    let output = file.to_str().unwrap();
    let run = api.lethe(&["download", JOB, "--output", output]).run().await.ended_with(1);
    assert!(run.err.contains("--force"), "{}", run.err);
    assert_eq!(std::fs::read(&file).unwrap(), b"mine");
    assert!(store.asked().is_empty());
    api.lethe(&["download", JOB, "--output", output, "--force"]).run().await.ended_with(0);
    assert_eq!(std::fs::read(&file).unwrap(), bytes);
    let into = directory.path().to_str().unwrap();
    api.lethe(&["download", JOB, "--output", into]).run().await.ended_with(0);
    assert_eq!(files(directory.path()), ["mine.zip", "vantage.zip"]);
}

#[tokio::test]
async fn a_job_without_a_package_says_what_to_do() {
    for (state, next) in [("running", "--watch"), ("expired", "lethe export"), ("failed", "lethe jobs show")]
    {
        let view = job(state, json!({}));
        let api = FakeApi::start(move |_, _| Answer::json(200, &view)).await;
        let run = api.lethe(&["download", JOB]).run().await.ended_with(1);
        assert!(run.err.contains(next), "{}", run.err);
        assert_eq!(api.0.asked().len(), 1);
    }
}

#[tokio::test]
async fn the_api_does_not_choose_the_directory() {
    let bytes = content();
    let mut view = job("completed", package(&bytes));
    view["package"]["file_name"] = json!("../vantage.zip");
    let api = FakeApi::start(move |_, _| Answer::json(200, &view)).await;
    let directory = tempfile::tempdir().unwrap();
    let run = api.lethe(&["download", JOB]).in_directory(directory.path()).run().await.ended_with(1);
    assert!(run.err.contains("--output"), "{}", run.err);
}

#[tokio::test]
async fn export_with_output_downloads_too() {
    let bytes = content();
    let served = bytes.clone();
    let store = Server::start(move |asked, _| serve(&served, asked)).await;
    let (view, link) = (job("completed", package(&bytes)), format!("{}/signed", store.url));
    let api = FakeApi::start(move |asked, _| match asked.path.rsplit('/').next() {
        Some("export") => Answer::status(202).header("location", path(&format!("jobs/{JOB}"))),
        Some("download") => Answer::status(302).header("location", link.clone()),
        _ => Answer::json(200, &view),
    })
    .await;
    let directory = tempfile::tempdir().unwrap();
    let lethe = api.lethe(&["export", "--output", "mine.zip", "--json"]).in_directory(directory.path());
    let document = lethe.run().await.ended_with(0).json();
    assert_eq!((&document["id"], &document["download"]["file"]), (&json!(JOB), &json!("mine.zip")));
    assert_eq!(std::fs::read(directory.path().join("mine.zip")).unwrap(), bytes);
}
