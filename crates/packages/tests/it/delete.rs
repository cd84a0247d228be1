//! Deleting media: from a directory, and from buckets with versions, without, and with locks.

use std::sync::atomic::{AtomicUsize, Ordering};

use futures::{StreamExt as _, stream};
use object_store::ObjectStoreExt as _;
use object_store::aws::{AmazonS3, AmazonS3Builder, AmazonS3ConfigKey};
use packages::{Bucket, Deleted, MediaDeleteError, MediaDeletion, MediaReadError, delete_media};
use testkit::s3::{BUCKET, Faults, Lock, S3Server};
use url::Url;

/// What an application may call its users' files.
const KEYS: &[&str] = &[
    "uploads/plain.jpg",
    "uploads/jane+doe@example.com/a b & c=d.jpg",
    "uploads/\u{fc}mlaut 100%25.png",
    "uploads/quote'\"<>~[]{}^`|#1?.pdf",
    "uploads/snow \u{2603} \u{1f600}",
];

const GONE: Deleted = Deleted { objects: 1, versions: 1, markers: 0 };
const NOTHING: Deleted = Deleted { objects: 0, versions: 0, markers: 0 };

fn bucket_with(server: &S3Server, more: &[(&str, &str)]) -> Bucket {
    let more = more.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Bucket::open(&server.url(), server.options().into_iter().chain(more)).unwrap()
}

fn bucket(server: &S3Server) -> Bucket {
    bucket_with(server, &[("retry_timeout", "1s"), ("max_retries", "3")])
}

/// The application, which writes its own objects into the bucket that its media are in.
fn application(server: &S3Server) -> AmazonS3 {
    let mut builder = AmazonS3Builder::new().with_bucket_name(BUCKET);
    for (name, value) in server.options() {
        builder = builder.with_config(name.parse::<AmazonS3ConfigKey>().unwrap(), value);
    }
    builder.build().unwrap()
}

async fn put(server: &S3Server, key: &str, times: usize) {
    for time in 0..times {
        let path = object_store::path::Path::parse(format!("exports/{key}")).unwrap();
        application(server).put(&path, format!("content {time}").into()).await.unwrap();
    }
}

async fn hide(server: &S3Server, key: &str) {
    let path = object_store::path::Path::parse(format!("exports/{key}")).unwrap();
    application(server).delete(&path).await.unwrap();
}

/// A directory with a file for each key, and the bucket that it is.
fn directory(keys: &[&str]) -> (tempfile::TempDir, Bucket) {
    let parent = tempfile::tempdir().unwrap();
    let root = parent.path().join("media");
    for key in keys {
        std::fs::create_dir_all(root.join(key).parent().unwrap()).unwrap();
        std::fs::write(root.join(key), b"content").unwrap();
    }
    std::fs::write(parent.path().join("secret"), b"not below the bucket").unwrap();
    let bucket = Bucket::open(Url::from_file_path(&root).unwrap().as_str(), []).unwrap();
    (parent, bucket)
}

#[tokio::test]
async fn a_directory_loses_the_file_and_what_became_empty() {
    let (parent, bucket) = directory(KEYS);
    let root = parent.path().join("media");
    assert_eq!(bucket.delete(KEYS[1]).await, Ok(GONE));
    assert!(!root.join("uploads/jane+doe@example.com").exists(), "the directory's name is personal");
    assert!(root.join(KEYS[0]).exists());
    for key in KEYS {
        let expected = if *key == KEYS[1] { NOTHING } else { GONE };
        assert_eq!(bucket.delete(key).await, Ok(expected), "{key}");
    }
    assert_eq!(std::fs::read_dir(&root).unwrap().count(), 0);
}

#[tokio::test]
async fn a_file_of_any_name_is_deleted() {
    let (parent, bucket) = directory(&["uploads/a\tb\n", "uploads/x"]);
    assert_eq!(bucket.delete("uploads/a\tb\n").await, Ok(GONE));
    assert_eq!(bucket.delete("./uploads/./x").await, Ok(GONE), "that is the file's name too");
    assert_eq!(std::fs::read_dir(parent.path().join("media")).unwrap().count(), 0);
}

#[tokio::test]
async fn no_key_leaves_its_directory() {
    let (parent, bucket) = directory(&["uploads/a", "keep"]);
    let long = "k".repeat(300);
    for key in [
        "../secret",
        "uploads/../../secret",
        "/etc/hostname",
        "uploads//a",
        "uploads/a/",
        "",
        ".",
        "uploads/a/.",
        &long,
    ] {
        assert_eq!(bucket.delete(key).await, Err(MediaDeleteError::Key), "{key}");
        assert_eq!(bucket.read(key).await.err(), Some(MediaReadError::Key), "{key}");
    }
    for key in ["%2e%2e/secret", "..%2fsecret", "uploads", "uploads/a/b", "secret", "a\n"] {
        assert_eq!(bucket.delete(key).await, Ok(NOTHING), "{key}");
    }
    for left in ["secret", "media/uploads/a", "media/keep"] {
        assert!(parent.path().join(left).exists(), "{left}");
    }
    std::fs::remove_dir_all(parent.path().join("media")).unwrap();
    assert_eq!(
        bucket.delete("keep").await,
        Err(MediaDeleteError::NoBucket),
        "an unmounted disk is not empty"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_version_goes_and_no_other_key() {
    let server = S3Server::with_versions(1000);
    let bucket = bucket(&server);
    for key in KEYS {
        put(&server, key, 2).await;
        put(&server, &format!("{key}2"), 1).await;
    }
    hide(&server, KEYS[0]).await;
    hide(&server, KEYS[1]).await;
    put(&server, KEYS[1], 1).await;
    let others: Vec<_> = KEYS.iter().map(|key| (format!("exports/{key}2"), 1, 0)).collect();

    assert_eq!(bucket.delete(KEYS[0]).await, Ok(Deleted { objects: 1, versions: 2, markers: 1 }));
    assert_eq!(bucket.delete(KEYS[1]).await, Ok(Deleted { objects: 1, versions: 3, markers: 1 }));
    for key in &KEYS[2..] {
        assert_eq!(bucket.delete(key).await, Ok(Deleted { objects: 1, versions: 2, markers: 0 }), "{key}");
    }
    for key in KEYS {
        assert_eq!(bucket.delete(key).await, Ok(NOTHING), "{key}");
    }
    let mut left = server.versions();
    left.sort();
    let mut expected = others;
    expected.sort();
    assert_eq!(left, expected);
    assert_eq!(server.objects().len(), KEYS.len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_long_history_is_followed_over_pages() {
    let server = S3Server::with_versions(3);
    for key in ["photo", "photo.jpg", "photos/large", "phot"] {
        put(&server, key, 2).await;
    }
    put(&server, "photo", 8).await;
    hide(&server, "photo").await;
    let deleted = bucket(&server).delete("photo").await;
    assert_eq!(deleted, Ok(Deleted { objects: 1, versions: 10, markers: 1 }));
    let left: Vec<_> = server.versions().into_iter().map(|(key, versions, _)| (key, versions)).collect();
    let kept = ["exports/phot", "exports/photo.jpg", "exports/photos/large"];
    assert_eq!(left, kept.map(|key| (key.to_owned(), 2)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_older_than_versioning_goes_too() {
    let server = S3Server::with_versions(1000);
    server.keep_versions(false);
    put(&server, "old", 2).await;
    put(&server, "older", 1).await;
    assert_eq!(bucket(&server).delete("older").await, Ok(GONE));
    server.keep_versions(true);
    put(&server, "old", 1).await;
    assert_eq!(bucket(&server).delete("old").await, Ok(Deleted { objects: 1, versions: 2, markers: 0 }));
    assert_eq!((server.versions(), server.objects()), (Vec::new(), Vec::new()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_knows_no_versions_deletes_the_object() {
    let server = S3Server::start();
    let bucket = bucket(&server);
    for key in ["photo", "photo.jpg"] {
        put(&server, key, 1).await;
    }
    assert_eq!(bucket.delete("photo").await, Ok(GONE));
    assert_eq!(bucket.delete("photo").await, Ok(NOTHING));
    assert_eq!(server.objects(), ["exports/photo.jpg"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_locked_version_is_an_exception_and_stays_hidden() {
    let server = S3Server::with_versions(1000);
    let bucket = bucket(&server);
    for lock in [Lock::Retention, Lock::LegalHold] {
        let key = format!("{lock:?}");
        put(&server, &key, 2).await;
        server.lock(&format!("exports/{key}"), lock);
        put(&server, &key, 2).await;
        hide(&server, &key).await;
        let error = bucket.delete(&key).await.unwrap_err();
        assert_eq!(error, MediaDeleteError::Locked);
        assert!(!error.is_retryable());
    }
    let left = server.versions();
    assert_eq!(left, ["exports/LegalHold", "exports/Retention"].map(|key| (key.to_owned(), 1, 1)));
    assert_eq!(server.objects(), Vec::<String>::new(), "no older version came to light");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refusal_is_told_apart_from_nothing_there() {
    let server = S3Server::with_versions(1000);
    put(&server, "photo", 1).await;
    let stranger = bucket_with(&server, &[("aws_secret_access_key", "another secret")]);
    assert_eq!(stranger.delete("photo").await, Err(MediaDeleteError::Refused));
    assert_eq!(server.versions().len(), 1);
    assert!(!format!("{stranger:?}").contains("secret"));
    let elsewhere = |server: &S3Server| Bucket::open("s3://no-such-bucket", server.options()).unwrap();
    assert_eq!(elsewhere(&server).delete("photo").await, Err(MediaDeleteError::NoBucket));
    assert_eq!(elsewhere(&S3Server::start()).delete("photo").await, Err(MediaDeleteError::NoBucket));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn errors_and_lost_answers_are_survived() {
    let server = S3Server::with_versions(4);
    let bucket = bucket_with(&server, &[("read_timeout", "1s")]);
    put(&server, "photo", 12).await;
    hide(&server, "photo").await;
    server.set_faults(Faults { errors: 0.2, lost_answers: 0.1, seed: 5, ..Faults::default() });
    let deleted = bucket.delete("photo").await.unwrap();
    assert!(server.faults() > 2, "{} of {}", server.faults(), server.requests());
    // What was deleted without an answer is found to be gone, and S3 does not say when.
    assert_eq!(deleted.objects, 1);
    assert_eq!(server.versions(), Vec::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bucket_that_is_away_is_retryable_and_ends_the_run() {
    let server = S3Server::with_versions(1000);
    let bucket = bucket_with(&server, &[("max_retries", "1")]);
    server.set_faults(Faults { errors: 1.0, ..Faults::default() });
    let error = bucket.delete("photo").await.unwrap_err();
    assert!(error == MediaDeleteError::Unavailable && error.is_retryable());
    let before = server.requests();
    let keys = stream::iter((0..10_000).map(|number| Ok::<_, ()>((bucket.clone(), number.to_string()))));
    let deletion = delete_media(keys, 4).await.unwrap();
    assert!(deletion.broke_off && deletion.is_retryable());
    assert_eq!(deletion.failed, [(MediaDeleteError::Unavailable, 8)].into());
    assert!(server.requests() - before <= 2 * 12, "{}", server.requests() - before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_are_counted_by_what_became_of_them() {
    let server = S3Server::with_versions(1000);
    let bucket = bucket(&server);
    for number in 0..20 {
        put(&server, &number.to_string(), 2).await;
    }
    hide(&server, "3").await;
    server.lock("exports/4", Lock::LegalHold);
    let keys: Vec<_> = (0..22).map(|number| number.to_string()).chain(["k".repeat(1025)]).collect();
    let keys = stream::iter(keys.into_iter().map(|key| Ok::<_, ()>((bucket.clone(), key))));
    let deletion = delete_media(keys, 4).await.unwrap();
    assert_eq!(
        deletion,
        MediaDeletion {
            deleted: Deleted { objects: 19, versions: 38, markers: 1 },
            missing: 2,
            failed: [(MediaDeleteError::Locked, 1), (MediaDeleteError::Key, 1)].into(),
            broke_off: false,
        }
    );
    assert!(!deletion.is_retryable());
    assert_eq!(server.versions(), [("exports/4".to_owned(), 1, 0)]);
}

/// Each of two takes the directory away under the other.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_last_files_of_a_directory_may_go_at_the_same_time() {
    for _ in 0..500 {
        let (parent, bucket) = directory(&["people/jane/photo", "people/jane/scan"]);
        let (photo, scan) =
            tokio::join!(bucket.delete("people/jane/photo"), bucket.delete("people/jane/scan"));
        assert_eq!((photo, scan), (Ok(GONE), Ok(GONE)));
        assert_eq!(std::fs::read_dir(parent.path().join("media")).unwrap().count(), 0);
    }
}

#[tokio::test]
async fn keys_are_taken_no_faster_than_they_are_done_with() {
    const AT_ONCE: usize = 4;
    let keys: Vec<String> = (0..200).map(|number| format!("uploads/{number}")).collect();
    let (parent, bucket) = directory(&keys.iter().map(String::as_str).collect::<Vec<_>>());
    let media = parent.path().join("media");
    let taken = AtomicUsize::new(0);
    let stream = stream::iter(&keys).map(|key| {
        // Asked one by one: what the listing of a directory shows while it changes is not defined.
        let gone = keys.iter().filter(|key| !media.join(key).exists()).count();
        let before = taken.fetch_add(1, Ordering::Relaxed);
        assert!(before - gone < AT_ONCE, "{before} taken, {gone} gone");
        Ok::<_, ()>((bucket.clone(), key.clone()))
    });
    let deletion = delete_media(stream, AT_ONCE).await.unwrap();
    assert_eq!(deletion.deleted, Deleted { objects: 200, versions: 200, markers: 0 });
    let broken = stream::iter([Ok((bucket.clone(), "x".to_owned())), Err("the store went away")]);
    assert_eq!(delete_media(broken, AT_ONCE).await, Err("the store went away"));
}
