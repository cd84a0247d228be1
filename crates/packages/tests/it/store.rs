//! The store: one contract, kept by a directory and in memory.

use bytes::Bytes;
use futures::TryStreamExt as _;
use packages::{ObjectKey, PackageError, PackageStore};

use crate::fixture::Fixture;

fn key(text: &str) -> ObjectKey {
    ObjectKey::parse(text).unwrap()
}

async fn content(store: &PackageStore, key: &ObjectKey, range: Option<std::ops::Range<u64>>) -> Vec<u8> {
    let object = store.get(key, range).await.unwrap();
    let chunks: Vec<Bytes> = object.chunks.try_collect().await.unwrap();
    let bytes = chunks.concat();
    assert_eq!(object.range.end - object.range.start, u64::try_from(bytes.len()).unwrap());
    bytes
}

pub async fn keeps_the_contract(store: &PackageStore) {
    let a = key("organisations/x/jobs/1/1-1/package.zip");
    let text: Vec<u8> = (0..1_000_000_u32).flat_map(u32::to_le_bytes).collect();
    assert_eq!(store.head(&a).await.unwrap(), None);
    assert!(matches!(store.get(&a, None).await, Err(PackageError::NotFound(missing)) if missing == a));
    store.put(&a, Bytes::from(text.clone())).await.unwrap();
    let head = store.head(&a).await.unwrap().unwrap();
    assert_eq!((head.key, head.size_bytes), (a.clone(), 4_000_000));
    assert_eq!(content(store, &a, None).await, text);
    assert_eq!(content(store, &a, Some(5..9)).await, text[5..9]);
    assert_eq!(content(store, &a, Some(3_999_990..9_000_000)).await, text[3_999_990..]);
    assert_eq!(store.get(&a, Some(0..10)).await.unwrap().size_bytes, 4_000_000);
    assert!(store.get(&a, Some(4_000_000..4_000_001)).await.is_err());

    let (b, c) = (key("organisations/x/jobs/1/2-1/p"), key("organisations/x/jobs/11/1-1/p"));
    for other in [&b, &c] {
        store.put(other, Bytes::from_static(b"abc")).await.unwrap();
    }
    let mut listed: Vec<_> = store.list("organisations/x/jobs/1").await.unwrap();
    listed.sort_by(|one, other| one.key.cmp(&other.key));
    assert_eq!(listed.iter().map(|object| &object.key).collect::<Vec<_>>(), [&a, &b]);

    let swept = store.sweep("organisations/x/jobs/1", std::slice::from_ref(&a)).await.unwrap();
    assert_eq!((swept.objects, swept.size_bytes), (1, 3));
    assert!(store.head(&a).await.unwrap().is_some());
    assert!(store.head(&c).await.unwrap().is_some());
    store.delete(&a).await.unwrap();
    store.delete(&a).await.unwrap();
    assert!(store.list("organisations/x/jobs/1").await.unwrap().is_empty());
    assert_eq!(store.sweep("organisations/none", &[]).await.unwrap().objects, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_directory_keeps_the_contract() {
    keeps_the_contract(&Fixture::new().store).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn memory_keeps_the_contract() {
    keeps_the_contract(&PackageStore::open("memory:///", []).unwrap()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sweep_removes_what_a_killed_writer_left_in_a_directory() {
    let fixture = Fixture::new();
    let kept = fixture.folder.archive();
    fixture.store.put(&kept, Bytes::from_static(b"archive")).await.unwrap();
    let job = fixture.root.path().join(fixture.folder.prefix());
    let killed = job.with_file_name("1-2");
    std::fs::create_dir(&killed).unwrap();
    std::fs::write(killed.join("package.zip#1"), b"begun").unwrap();
    std::fs::write(job.join("part.csv.deflate#12"), b"begun").unwrap();
    let prefix = fixture.folder.prefix().rsplit_once('/').unwrap().0;
    let swept = fixture.store.sweep(prefix, std::slice::from_ref(&kept)).await.unwrap();
    assert_eq!((swept.objects, swept.size_bytes), (2, 10));
    assert_eq!(fixture.files(), [fixture.path(&kept)]);
    assert!(!killed.exists());
    fixture.store.sweep(prefix, &[]).await.unwrap();
    assert!(!fixture.root.path().join(prefix).exists());
}

#[test]
fn a_directory_is_created_for_its_owner_only() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("a/b");
    PackageStore::open(&format!("file://{}", path.display()), []).unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o700);
    }
}

#[test]
fn unusable_urls_and_options_are_refused() {
    let options = |name: &str, value: &str| vec![(name.to_owned(), value.to_owned())];
    for (url, options) in [
        ("not a url", Vec::new()),
        ("ftp://host/path", Vec::new()),
        ("file://host/path", Vec::new()),
        ("file:///tmp", options("fsync", "perhaps")),
        ("file:///tmp", options("aws_region", "us-east-1")),
    ] {
        let error = PackageStore::open(url, options).unwrap_err();
        assert!(matches!(error, PackageError::StoreUrl(_)), "{url}");
    }
}

#[test]
fn a_bucket_is_opened_with_its_options() {
    let options = [("aws_region", "eu-central-1"), ("aws_endpoint", "http://127.0.0.1:1")];
    let options = options.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let store = PackageStore::open("s3://bucket/prefix", options).unwrap();
    assert_eq!(store.local_root(), None);
    assert!(store.signs_links());
}
