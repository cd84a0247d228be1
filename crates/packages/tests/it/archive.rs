//! Archives, read back by readers that are not ours.

use chrono::{DateTime, Utc};
use packages::{
    Archive, ArchiveWriter, Format, PackageError, PartOptions, PartWriter, Sha256Digest, StoredPart,
};
use testkit::readers::check_archive;

use crate::fixture::{Fixture, unzip};

fn noon() -> DateTime<Utc> {
    "2026-01-02T12:00:00Z".parse().unwrap()
}

async fn part(fixture: &Fixture, content: &[u8], memory_limit_bytes: usize) -> packages::Part {
    let options = PartOptions { memory_limit_bytes, ..PartOptions::default() };
    let key = fixture.folder.part("some").format(Format::Json);
    let mut writer = PartWriter::new(&fixture.store, key, &options);
    writer.buffer().extend_from_slice(content);
    writer.finish(1).await.unwrap()
}

async fn write(fixture: &Fixture) -> Archive {
    let mut archive = ArchiveWriter::new(&fixture.store, fixture.folder.archive(), noon());
    archive.add_bytes("manifest.json", &b"{\"a\": 1}\n".repeat(100)).await.unwrap();
    let stored = part(fixture, &b"[\n{\"a\":1}\n]\n".repeat(1000), 0).await;
    archive.add_part("data/Größe.json", stored).await.unwrap();
    let kept = part(fixture, b"a,b\r\n", usize::MAX).await;
    archive.add_part("data/small.csv", kept).await.unwrap();
    let empty = part(fixture, b"", usize::MAX).await;
    archive.add_part("data/empty.csv", empty).await.unwrap();
    archive.add_bytes("short.txt", b"short").await.unwrap();
    archive.add_bytes("nothing.txt", b"").await.unwrap();
    archive.finish().await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_reader_finds_what_was_put_in() {
    let fixture = Fixture::new();
    let archive = write(&fixture).await;
    let bytes = std::fs::read(fixture.path(&archive.key)).unwrap();
    assert_eq!(archive.size_bytes, u64::try_from(bytes.len()).unwrap());
    assert_eq!(archive.sha256, Sha256Digest::of(&bytes));
    assert_eq!(archive.entries, 6);
    let expected: [(&str, Vec<u8>); 6] = [
        ("manifest.json", b"{\"a\": 1}\n".repeat(100)),
        ("data/Größe.json", b"[\n{\"a\":1}\n]\n".repeat(1000)),
        ("data/small.csv", b"a,b\r\n".to_vec()),
        ("data/empty.csv", Vec::new()),
        ("short.txt", b"short".to_vec()),
        ("nothing.txt", Vec::new()),
    ];
    assert_eq!(unzip(&bytes), expected.map(|(path, content)| (path.to_owned(), content)));
    check_archive(&fixture.path(&archive.key));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_parts_give_the_same_archive() {
    let (first, second) = (Fixture::new(), Fixture::new());
    assert_eq!(write(&first).await, write(&second).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn unusable_and_taken_paths_are_refused() {
    let fixture = Fixture::new();
    let mut archive = ArchiveWriter::new(&fixture.store, fixture.folder.archive(), noon());
    archive.add_bytes("a", b"").await.unwrap();
    for path in ["a", "", "/a", "../a", "a\\b", &"a".repeat(70_000)] {
        let error = archive.add_bytes(path, b"").await.unwrap_err();
        assert!(matches!(error, PackageError::EntryPath { .. }), "{path:?}");
    }
    archive.abort().await;
    assert!(fixture.files().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_part_that_is_missing_or_cut_stops_the_archive() {
    let fixture = Fixture::new();
    let key = fixture.folder.part("some").format(Format::Json);
    let kept = part(&fixture, &b"rows".repeat(100), usize::MAX).await;
    let stored = kept.into_stored(&fixture.store, key.clone()).await.unwrap();
    let path = fixture.path(&key);
    let bytes = std::fs::read(&path).unwrap();
    std::fs::write(&path, &bytes[1..]).unwrap();
    assert!(matches!(add(&fixture, &stored).await, PackageError::PartLength { .. }));
    fixture.store.delete(&key).await.unwrap();
    assert!(matches!(add(&fixture, &stored).await, PackageError::NotFound(missing) if missing == key));
    assert!(fixture.store.head(&fixture.folder.archive()).await.unwrap().is_none());
}

async fn add(fixture: &Fixture, part: &StoredPart) -> PackageError {
    let mut archive = ArchiveWriter::new(&fixture.store, fixture.folder.archive(), noon());
    let error = archive.add_part("data/some.json", part.clone()).await.unwrap_err();
    archive.abort().await;
    error
}
