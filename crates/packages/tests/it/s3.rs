//! The store on a real S3 protocol: whole and multipart uploads, links of its own, and a server
//! that fails.

use std::time::Duration;

use bytes::Bytes;
use futures::TryStreamExt as _;
use packages::{
    CollectionWriter, Column, Format, Formats, Framing, Layout, ObjectKey, PackageError, PackageStore,
    PartOptions, ValueKind,
};
use testkit::s3::{Faults, S3Server, SECRET_KEY};
use testkit::{PATIENCE, eventually};

const HOUR: Duration = Duration::from_secs(3600);

fn open(server: &S3Server, more: &[(&str, &str)]) -> PackageStore {
    let more = more.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    PackageStore::open(&server.url(), server.options().into_iter().chain(more)).unwrap()
}

fn key(name: &str) -> ObjectKey {
    ObjectKey::parse(&format!("organisations/x/jobs/1/1-1/{name}")).unwrap()
}

/// Does not compress: as many random digits as asked for, one row of ten a line.
fn noise(rows: usize) -> Vec<u8> {
    let mut state = 7_u64;
    let mut text = Vec::new();
    for _ in 0..rows {
        for _ in 0..10 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            text.extend_from_slice(format!("{:016x}", state ^ (state >> 33)).as_bytes());
        }
        text.push(b'\n');
    }
    text
}

/// Streams rows into an object of unknown length.
async fn upload(store: &PackageStore, key: &ObjectKey, rows: &[u8]) -> Result<(), PackageError> {
    let columns = [Column::new("noise", ValueKind::Text)];
    let layout = Layout { formats: Formats::CsvOnly, framing: Framing::Whole };
    let folder = packages::JobFolder::new("acme", uuid::Uuid::nil()).attempt(1, 1);
    let part = folder.part(key.as_str());
    let mut writer = CollectionWriter::new(store, part.clone(), &columns, layout, &PartOptions::default())?;
    for row in rows.split_inclusive(|byte| *byte == b'\n') {
        if let Err(error) = writer.write(row).await {
            writer.abort().await;
            return Err(error);
        }
    }
    for (_, written) in writer.finish().await?.into_parts() {
        written.into_stored(store, part.format(Format::Csv)).await?;
    }
    Ok(())
}

async fn content(store: &PackageStore, key: &ObjectKey) -> Result<Vec<u8>, PackageError> {
    let chunks: Vec<Bytes> = store.get(key, None).await?.chunks.try_collect().await?;
    Ok(chunks.concat())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bucket_keeps_the_contract() {
    let server = S3Server::start();
    crate::store::keeps_the_contract(&open(&server, &[])).await;
    assert_eq!(server.objects(), ["exports/organisations/x/jobs/11/1-1/p"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_large_object_goes_in_parts_and_nothing_is_left() {
    let server = S3Server::start();
    let store = open(&server, &[("part_bytes", "5242880")]);
    upload(&store, &key("large"), &noise(200_000)).await.unwrap();
    assert_eq!(server.uploads(), Vec::<String>::new());
    let [object] = <[_; 1]>::try_from(store.list("organisations").await.unwrap()).unwrap();
    assert!(object.size_bytes > 3 * 5_242_880, "{}", object.size_bytes);
    assert_eq!(u64::try_from(content(&store, &object.key).await.unwrap().len()).unwrap(), object.size_bytes);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upload_that_fails_is_aborted() {
    let server = S3Server::start();
    let store = open(&server, &[("part_bytes", "5242880"), ("max_retries", "0")]);
    // It begins, a part is on its way, and then one request fails.
    let rows = noise(400_000);
    let failing = async {
        eventually(PATIENCE, "the first part", async || server.requests() >= 2).await;
        server.set_faults(Faults { errors: 1.0, most: Some(1), ..Faults::default() });
    };
    let broken = key("broken");
    let (uploaded, ()) = tokio::join!(upload(&store, &broken, &rows), failing);
    let error = uploaded.unwrap_err();
    assert!(error.is_retryable(), "{error}");
    assert_eq!((server.faults(), server.objects(), server.uploads()), (1, Vec::new(), Vec::new()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dropped_upload_is_aborted() {
    let server = S3Server::start();
    let store = open(&server, &[("part_bytes", "5242880")]);
    let rows = noise(400_000);
    let dropped = async {
        // Only then does the writer know the upload's id.
        eventually(PATIENCE, "the first part", async || server.requests() >= 2).await;
    };
    let begun = key("begun");
    tokio::select! {
        done = upload(&store, &begun, &rows) => panic!("{done:?}"),
        () = dropped => {}
    }
    eventually(PATIENCE, "the abort", async || server.uploads().is_empty()).await;
    assert_eq!(server.objects(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn errors_and_lost_answers_at_thirty_per_cent_are_survived() {
    let server = S3Server::start();
    let store = open(&server, &[("part_bytes", "5242880"), ("read_timeout", "2s")]);
    server.set_faults(Faults { errors: 0.2, lost_answers: 0.1, seed: 11, ..Faults::default() });
    let rows = noise(150_000);
    upload(&store, &key("large"), &rows).await.unwrap();
    for number in 0..20 {
        store.put(&key(&format!("small-{number}")), Bytes::from_static(b"abc")).await.unwrap();
    }
    let listed = store.list("organisations").await.unwrap();
    assert_eq!(listed.len(), 21);
    for object in &listed {
        let bytes = content(&store, &object.key).await.unwrap();
        assert_eq!(u64::try_from(bytes.len()).unwrap(), object.size_bytes);
    }
    store.sweep("organisations", &[]).await.unwrap();
    assert!(server.faults() > 10, "{} of {}", server.faults(), server.requests());
    assert_eq!(server.objects(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stalled_store_ends_in_a_retryable_error_within_its_limits() {
    let server = S3Server::start();
    let store = open(&server, &[("read_timeout", "200ms"), ("retry_timeout", "1s"), ("max_retries", "3")]);
    store.put(&key("there"), Bytes::from_static(b"abc")).await.unwrap();
    server.set_faults(Faults { stalls: 1.0, ..Faults::default() });
    let begun = std::time::Instant::now();
    for result in [
        store.put(&key("new"), Bytes::from_static(b"abc")).await,
        store.get(&key("there"), None).await.map(drop),
        store.list("organisations").await.map(drop),
        store.sweep("organisations", &[]).await.map(drop),
    ] {
        let error = result.unwrap_err();
        assert!(error.is_retryable(), "{error}");
    }
    assert!(begun.elapsed() < Duration::from_secs(30), "{:?}", begun.elapsed());
    server.set_faults(Faults::default());
    assert_eq!(content(&store, &key("there")).await.unwrap(), b"abc");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_objects_are_deleted_in_few_requests() {
    let server = S3Server::start();
    let store = open(&server, &[]);
    for number in 0..120 {
        store.put(&key(&format!("part-{number}")), Bytes::from_static(b"abc")).await.unwrap();
    }
    let before = server.requests();
    let kept = key("part-7");
    let swept = store.sweep("organisations/x/jobs/1", std::slice::from_ref(&kept)).await.unwrap();
    assert_eq!((swept.objects, swept.size_bytes), (119, 357));
    assert!(server.requests() - before <= 3, "{}", server.requests() - before);
    assert_eq!(store.list("organisations").await.unwrap()[0].key, kept);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_presigned_link_opens_one_object_for_a_while() {
    let server = S3Server::start();
    let store = open(&server, &[]);
    store.put(&key("package.zip"), Bytes::from_static(b"archive")).await.unwrap();
    let url = store.presign(&key("package.zip"), HOUR, "export \u{fc}.zip").await.unwrap().unwrap();
    let answer = reqwest::get(url.clone()).await.unwrap();
    assert_eq!(answer.status(), 200);
    let header = |name: &str| answer.headers()[name].to_str().unwrap().to_owned();
    assert_eq!(
        header("content-disposition"),
        "attachment; filename=\"export _.zip\"; filename*=UTF-8''export%20%C3%BC.zip"
    );
    assert_eq!(header("content-type"), "application/zip");
    assert_eq!(answer.bytes().await.unwrap(), b"archive".as_slice());
    let part = reqwest::Client::new().get(url.clone()).header("range", "bytes=2-3").send().await.unwrap();
    assert_eq!((part.status().as_u16(), part.bytes().await.unwrap().as_ref()), (206, b"ch".as_slice()));
    let signature = url.as_str().split_once("X-Amz-Signature=").unwrap().1;
    let flipped: String = signature.chars().map(|digit| if digit == '0' { '1' } else { '0' }).collect();
    for (from, to) in [
        ("package.zip", "package-2.zip"),
        ("X-Amz-Expires=3600", "X-Amz-Expires=7200"),
        ("filename%3D", "filename%3Dx"),
        (signature, flipped.as_str()),
    ] {
        let changed = url.as_str().replace(from, to);
        assert_ne!(changed, url.as_str(), "{from}");
        assert_eq!(reqwest::get(changed).await.unwrap().status(), 403, "{from}");
    }
    let mut bare = url.clone();
    bare.set_query(None);
    assert_eq!(reqwest::get(bare).await.unwrap().status(), 403);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_presigned_link_ends() {
    let server = S3Server::start();
    let store = open(&server, &[]);
    store.put(&key("package.zip"), Bytes::from_static(b"archive")).await.unwrap();
    let url =
        store.presign(&key("package.zip"), Duration::from_secs(1), "export.zip").await.unwrap().unwrap();
    let ended = async || reqwest::get(url.clone()).await.unwrap().status() == 403;
    eventually(PATIENCE, "the end of the link", ended).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn links_name_the_public_endpoint_and_only_where_they_should() {
    let server = S3Server::start();
    let public = server.endpoint().replace("127.0.0.1", "localhost");
    let store = open(&server, &[("public_endpoint", &public)]);
    store.put(&key("package.zip"), Bytes::from_static(b"archive")).await.unwrap();
    let url = store.presign(&key("package.zip"), HOUR, "export.zip").await.unwrap().unwrap();
    assert!(url.as_str().starts_with(&format!("{public}/packages/exports/organisations/")), "{url}");
    assert_eq!(reqwest::get(url.clone()).await.unwrap().status(), 200);
    let elsewhere = url.as_str().replace("localhost", "127.0.0.1");
    assert_eq!(reqwest::get(elsewhere).await.unwrap().status(), 403, "the host is signed");
    let silent = open(&server, &[("presign", "false")]);
    assert_eq!(silent.presign(&key("package.zip"), HOUR, "export.zip").await.unwrap(), None);
    let memory = PackageStore::open("memory:///", []).unwrap();
    assert_eq!(memory.presign(&key("package.zip"), HOUR, "export.zip").await.unwrap(), None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn secrets_show_nowhere_and_wrong_ones_open_nothing() {
    let server = S3Server::start();
    let store = open(&server, &[]);
    assert!(!format!("{store:?}").contains(SECRET_KEY));
    let wrong = open(&server, &[("aws_secret_access_key", "another secret")]);
    let error = wrong.put(&key("new"), Bytes::from_static(b"abc")).await.unwrap_err();
    let shown = format!("{error} {error:?} {wrong:?}");
    assert!(!shown.contains("another secret"), "{shown}");
}

#[test]
fn google_and_azure_are_opened_with_their_options() {
    let open = |url: &str, options: &[(&str, &str)]| {
        let options = options.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        PackageStore::open(url, options)
    };
    let azure = [("azure_storage_account_name", "lethe"), ("azure_storage_account_key", "a2V5")];
    assert!(open("az://packages/exports", &azure).unwrap().signs_links());
    assert!(open("gs://packages/exports", &[("google_skip_signature", "true")]).unwrap().signs_links());
    assert!(open("gs://packages", &[("aws_region", "x")]).is_err());
    assert!(open("az://packages", &[("public_endpoint", "https://x")]).is_err());
    assert!(open("s3://packages", &[("aws_regoin", "x")]).is_err());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn azure_signs_a_link_with_an_account_key() {
    let options = [("azure_storage_account_name", "lethe"), ("azure_storage_account_key", "a2V5")];
    let options = options.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let store = PackageStore::open("az://packages/exports", options).unwrap();
    let url = store.presign(&key("package.zip"), HOUR, "export.zip").await.unwrap().unwrap();
    assert!(
        url.as_str().starts_with("https://lethe.blob.core.windows.net/packages/exports/organisations/"),
        "{url}"
    );
    assert!(url.query().unwrap().contains("sig="));
}
