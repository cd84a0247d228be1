//! Media: read into segments, copied into archives, listed there.

use bytes::Bytes;
use chrono::{DateTime, Utc};
use futures::stream;
use packages::{
    Archive, ArchiveWriter, MEDIA_INDEX_PATH, MediaObject, MediaSegment, MediaSummary, MediaWriter,
    PackageError, Sha256Digest, media_path,
};
use testkit::readers::check_archive;

use crate::fixture::{Fixture, unzip};

const MIB: usize = 1 << 20;

#[derive(Debug, PartialEq)]
struct Gone;

fn noon() -> DateTime<Utc> {
    "2026-01-02T12:00:00Z".parse().unwrap()
}

fn writer(fixture: &Fixture, segment_bytes: u64) -> MediaWriter {
    MediaWriter::new(&fixture.store, &fixture.folder, segment_bytes, noon())
}

/// What does not compress, the same for the same seed.
fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed;
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        bytes.extend_from_slice(&(state >> 32).to_le_bytes()[..4]);
    }
    bytes.truncate(length);
    bytes
}

fn pieces(content: &[u8], end: Option<Gone>) -> impl stream::Stream<Item = Result<Bytes, Gone>> + use<> {
    let chunks: Vec<_> = content.chunks(100_000).map(|chunk| Ok(Bytes::copy_from_slice(chunk))).collect();
    stream::iter(chunks.into_iter().chain(end.map(Err)))
}

async fn add(writer: &mut MediaWriter, key: &str, content: &[u8]) -> MediaObject {
    writer.add("messages", key, pieces(content, None)).await.unwrap().unwrap()
}

async fn archive(fixture: &Fixture, segments: &[MediaSegment]) -> Archive {
    let mut archive = ArchiveWriter::new(&fixture.store, fixture.folder.archive(), noon());
    archive.add_bytes("manifest.json", b"{}").await.unwrap();
    for segment in segments {
        // As the step that assembles gets it.
        let result = serde_json::to_string(segment).unwrap();
        archive.add_segment(&serde_json::from_str(&result).unwrap()).await.unwrap();
    }
    let archive = archive.finish().await.unwrap();
    check_archive(&fixture.path(&archive.key));
    archive
}

fn entries(fixture: &Fixture, archive: &Archive) -> Vec<(String, Vec<u8>)> {
    unzip(&std::fs::read(fixture.path(&archive.key)).unwrap())
}

fn contents() -> Vec<(String, Vec<u8>)> {
    [
        ("empty.txt", Vec::new()),
        ("text.txt", b"the same words again ".repeat(2000)),
        ("photo.jpg", noise(1, 300_000)),
        // Held, with a beginning that compresses and a rest that does not.
        ("mixed.bin", [vec![0; 70_000], noise(2, 3 * MIB)].concat()),
        ("films/long.mp4", noise(3, 9 * MIB)),
        ("logs/long.txt", b"2026-01-02 12:00:00 something happened\n".repeat(200_000)),
        ("last.txt", b"last".to_vec()),
    ]
    .map(|(key, content)| (key.to_owned(), content))
    .into()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_read_is_in_the_archive_and_listed() {
    let fixture = Fixture::new();
    let mut writer = writer(&fixture, u64::MAX);
    let mut objects = Vec::new();
    for (key, content) in contents() {
        assert!(!writer.has("messages", &key));
        let object = add(&mut writer, &key, &content).await;
        assert!(writer.has("messages", &key));
        assert_eq!(object.path, media_path("messages", &key));
        assert_eq!(object.size_bytes, u64::try_from(content.len()).unwrap());
        assert_eq!(object.sha256, Sha256Digest::of(&content));
        objects.push(object);
    }
    let segments = writer.finish().await.unwrap();
    let [segment] = segments.as_slice() else { panic!("{segments:?}") };
    let summary = MediaSummary::new(&segments);
    assert_eq!((summary.objects, summary.index.as_str()), (7, MEDIA_INDEX_PATH));
    assert_eq!(summary.size_bytes, objects.iter().map(|object| object.size_bytes).sum::<u64>());

    let archive = archive(&fixture, &segments).await;
    let mut found = entries(&fixture, &archive);
    let (listing_path, listing) = found.pop().unwrap();
    assert_eq!(listing_path, MEDIA_INDEX_PATH);
    assert_eq!(serde_json::from_slice::<Vec<MediaObject>>(&listing).unwrap(), objects);
    assert_eq!(listing.iter().filter(|&&byte| byte == b'\n').count(), 7 + 2, "one object a line");
    assert_eq!(found.remove(0).0, "manifest.json");
    let expected = contents().into_iter().map(|(key, content)| (media_path("messages", &key), content));
    assert!(found == expected.collect::<Vec<_>>());

    let room = segment.footprint.archive_bytes();
    let content: usize = contents().iter().map(|(_, content)| content.len()).sum();
    assert!(archive.size_bytes <= room && room < u64::try_from(content).unwrap(), "{room}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_source_that_breaks_off_leaves_no_trace() {
    let fixture = Fixture::new();
    let mut writer = writer(&fixture, u64::MAX);
    add(&mut writer, "first.txt", b"first").await;
    for length in [0, 1000, 5 * MIB, 20 * MIB] {
        let broken = pieces(&noise(9, length), Some(Gone));
        assert_eq!(writer.add("messages", "broken.jpg", broken).await.unwrap(), Err(Gone));
        assert!(!writer.has("messages", "broken.jpg"));
    }
    // The same may be tried again, and everything else goes on.
    add(&mut writer, "broken.jpg", b"mended").await;
    add(&mut writer, "large.bin", &noise(4, 5 * MIB)).await;
    let segments = writer.finish().await.unwrap();
    assert_eq!(fixture.files().len(), 3, "a segment, its index and a large object");
    let archive = archive(&fixture, &segments).await;
    let found = entries(&fixture, &archive);
    assert_eq!(
        found.iter().map(|(path, _)| path.as_str()).collect::<Vec<_>>(),
        [
            "manifest.json",
            "media/messages/first.txt",
            "media/messages/broken.jpg",
            "media/messages/large.bin",
            MEDIA_INDEX_PATH
        ]
    );
    assert_eq!(found[2].1, b"mended");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_object_is_added_once() {
    let fixture = Fixture::new();
    let mut writer = writer(&fixture, u64::MAX);
    add(&mut writer, "a.txt", b"a").await;
    let again = writer.add("messages", "a.txt", pieces(b"a", None)).await;
    assert!(matches!(again, Err(PackageError::EntryPath { .. })));
    writer.abort().await;
    assert!(fixture.files().is_empty());
    let nothing = self::writer(&fixture, u64::MAX).finish().await.unwrap();
    assert!(nothing.is_empty());
    let empty = MediaSummary::new(&nothing);
    assert_eq!((empty.objects, empty.size_bytes), (0, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn segments_stay_below_their_limit() {
    let fixture = Fixture::new();
    let mut writer = writer(&fixture, 100_000);
    for number in 0..30 {
        add(&mut writer, &format!("{number}.jpg"), &noise(number, 20_000)).await;
    }
    add(&mut writer, "large.mp4", &noise(1, 6 * MIB)).await;
    add(&mut writer, "last.jpg", b"last").await;
    let segments = writer.finish().await.unwrap();
    let sizes: Vec<u64> = segments.iter().map(|segment| segment.objects).collect();
    assert_eq!(sizes, [4, 4, 4, 4, 4, 4, 4, 2, 1, 1]);
    let archive = archive(&fixture, &segments).await;
    assert_eq!(archive.entries, 32 + 2);
    assert_eq!(entries(&fixture, &archive).len(), 34);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_segment_that_is_not_what_was_written_stops_the_archive() {
    let fixture = Fixture::new();
    let mut writer = writer(&fixture, u64::MAX);
    add(&mut writer, "a.txt", b"a").await;
    add(&mut writer, "b.txt", b"b").await;
    let segment = writer.finish().await.unwrap().remove(0);
    for file in fixture.files() {
        let bytes = std::fs::read(&file).unwrap();
        for damaged in [&bytes[..bytes.len() - 1], &bytes[..bytes.len() / 2], b"", b"{}\n"] {
            std::fs::write(&file, damaged).unwrap();
            let error = refused(&fixture, &segment).await;
            let is_clear = matches!(error, PackageError::Damaged { .. } | PackageError::PartLength { .. });
            assert!(is_clear && !error.is_retryable(), "{error:?}");
        }
        std::fs::remove_file(&file).unwrap();
        assert!(matches!(refused(&fixture, &segment).await, PackageError::NotFound(_)));
        std::fs::write(&file, bytes).unwrap();
    }
    let mut twice = ArchiveWriter::new(&fixture.store, fixture.folder.archive(), noon());
    twice.add_segment(&segment).await.unwrap();
    assert!(matches!(twice.add_segment(&segment).await, Err(PackageError::EntryPath { .. })));
    twice.abort().await;
}

async fn refused(fixture: &Fixture, segment: &MediaSegment) -> PackageError {
    let mut archive = ArchiveWriter::new(&fixture.store, fixture.folder.archive(), noon());
    let error = archive.add_segment(segment).await.unwrap_err();
    archive.abort().await;
    error
}
