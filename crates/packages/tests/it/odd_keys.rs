//! Keys that are no paths: S3 takes any text, and companies have written what they liked.

use futures::TryStreamExt as _;
use packages::{Bucket, Deleted, MediaDeleteError, MediaReadError};
use testkit::s3::{BUCKET, Lock, S3Server};

/// Empty segments, segments that a URL would swallow, and characters that no path has.
const ODD: &[&str] = &[
    "uploads//x",
    "/x",
    "//",
    "x/",
    "a/../x",
    "../x",
    "./x",
    "a/./x",
    "a/..",
    "a\tb",
    "a\nb\r\u{1}",
    "\u{7f}",
    "a\\..\\x",
];
/// What somebody would delete who took them for paths.
const NEIGHBOURS: &[&str] = &["uploads/x", "x", "a/x", "a", "a%09b", "uploads//x2", "a/../x/y", "%2e/x"];

const NOTHING: Deleted = Deleted { objects: 0, versions: 0, markers: 0 };

fn bucket(server: &S3Server, url: &str) -> Bucket {
    let more = [("retry_timeout", "1s"), ("max_retries", "3")];
    let more = more.map(|(name, value)| (name.to_owned(), value.to_owned()));
    Bucket::open(url, server.options().into_iter().chain(more)).unwrap()
}

/// Where a bucket is opened at, and what stands before its keys there.
fn places() -> [(String, &'static str); 2] {
    [(format!("s3://{BUCKET}"), ""), (format!("s3://{BUCKET}/exports"), "exports/")]
}

async fn content(bucket: &Bucket, key: &str) -> Result<Vec<u8>, MediaReadError> {
    Ok(bucket.read(key).await?.try_collect::<Vec<_>>().await?.concat())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_version_and_marker_of_an_odd_key_goes_and_no_neighbour() {
    for (url, prefix) in places() {
        let server = S3Server::with_versions(1000);
        for key in ODD {
            server.put(&format!("{prefix}{key}"), b"old");
            server.hide(&format!("{prefix}{key}"));
            server.put(&format!("{prefix}{key}"), b"new");
        }
        for key in NEIGHBOURS {
            server.put(&format!("{prefix}{key}"), b"another");
        }
        let bucket = bucket(&server, &url);
        for key in ODD {
            let deleted = bucket.delete(key).await;
            assert_eq!(deleted, Ok(Deleted { objects: 1, versions: 2, markers: 1 }), "{key:?} of {url}");
            assert_eq!(bucket.delete(key).await, Ok(NOTHING), "{key:?} of {url}");
        }
        let mut left: Vec<_> = NEIGHBOURS.iter().map(|key| (format!("{prefix}{key}"), 1, 0)).collect();
        left.sort_unstable();
        assert_eq!(server.versions(), left);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_without_versions_deletes_odd_keys_and_no_neighbour() {
    for (url, prefix) in places() {
        let server = S3Server::with_any_keys();
        for key in ODD.iter().chain(NEIGHBOURS) {
            server.put(&format!("{prefix}{key}"), b"content");
        }
        let bucket = bucket(&server, &url);
        for key in ODD {
            let gone = Deleted { objects: 1, versions: 1, markers: 0 };
            assert_eq!(bucket.delete(key).await, Ok(gone), "{key:?} of {url}");
            assert_eq!(bucket.delete(key).await, Ok(NOTHING), "{key:?} of {url}");
        }
        let mut left: Vec<_> = NEIGHBOURS.iter().map(|key| format!("{prefix}{key}")).collect();
        left.sort_unstable();
        assert_eq!(server.objects(), left);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn odd_keys_are_read_as_they_are() {
    for (url, prefix) in places() {
        let server = S3Server::with_any_keys();
        for key in ODD {
            server.put(&format!("{prefix}{key}"), format!("content of {key}").as_bytes());
        }
        let bucket = bucket(&server, &url);
        for key in ODD {
            assert_eq!(content(&bucket, key).await, Ok(format!("content of {key}").into_bytes()), "{key:?}");
        }
        // No path leads from what is not there to something that is.
        for key in ["uploads///x", "b/../x", "././x", "b\tb", "x//"] {
            assert_eq!(content(&bucket, key).await, Err(MediaReadError::Missing), "{key:?}");
        }
        assert_eq!(content(&bucket, "").await, Err(MediaReadError::Key));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn locks_on_odd_keys_are_told() {
    let server = S3Server::with_versions(1000);
    let bucket = bucket(&server, &format!("s3://{BUCKET}"));
    for (key, lock) in [("a/../x", Lock::Retention), ("/x", Lock::LegalHold), ("a\tb", Lock::Retention)] {
        server.put(key, b"kept");
        server.lock(key, lock);
        assert_eq!(bucket.delete(key).await, Err(MediaDeleteError::Locked), "{key:?}");
    }
    assert_eq!(server.objects(), ["/x", "a\tb", "a/../x"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_longest_key_is_deleted_and_a_longer_one_is_impossible() {
    let server = S3Server::with_versions(1000);
    let bucket = bucket(&server, &format!("s3://{BUCKET}/exports"));
    let longest = "k".repeat(1024 - "exports/".len());
    server.put(&format!("exports/{longest}"), b"content");
    assert_eq!(bucket.delete(&longest).await, Ok(Deleted { objects: 1, versions: 1, markers: 0 }));
    let before = server.requests();
    for impossible in [format!("{longest}k"), String::new()] {
        assert_eq!(bucket.delete(&impossible).await, Err(MediaDeleteError::Key));
    }
    assert_eq!(server.requests(), before, "nobody is asked for what cannot be");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wrong_credentials_are_a_refusal_for_odd_keys_too() {
    let server = S3Server::with_versions(1000);
    server.put("a/../x", b"content");
    server.put("/x", b"content");
    let wrong = [("aws_secret_access_key".to_owned(), "another secret".to_owned())];
    let bucket = Bucket::open(&format!("s3://{BUCKET}"), server.options().into_iter().chain(wrong)).unwrap();
    for key in ["a/../x", "/x"] {
        assert_eq!(bucket.delete(key).await, Err(MediaDeleteError::Refused));
        assert_eq!(bucket.read(key).await.err(), Some(MediaReadError::Refused));
    }
    assert_eq!(server.objects().len(), 2);
}

/// Never that there is none: nobody could look.
#[tokio::test]
async fn other_stores_say_that_they_cannot_be_asked() {
    let open = |url: &str, options: &[(&str, &str)]| {
        let options = options.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Bucket::open(url, options).unwrap()
    };
    let azure = [("azure_storage_account_name", "lethe"), ("azure_storage_account_key", "a2V5")];
    for bucket in [open("gs://media", &[("google_skip_signature", "true")]), open("az://media/p", &azure)] {
        for key in ["uploads//x", "/x", "x/", "a/../x", "./x", "a\tb"] {
            let error = bucket.delete(key).await.unwrap_err();
            assert_eq!(error, MediaDeleteError::Unaddressable, "{key:?}");
            assert!(!error.is_retryable());
            assert_eq!(bucket.read(key).await.err(), Some(MediaReadError::Unaddressable), "{key:?}");
        }
        assert_eq!(bucket.delete("").await, Err(MediaDeleteError::Key));
    }
}
