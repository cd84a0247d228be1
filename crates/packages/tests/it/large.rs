//! Archives beyond what ZIP could hold before ZIP64.

use std::convert::Infallible;
use std::path::Path;

use bytes::Bytes;
use chrono::DateTime;
use futures::stream;
use packages::{
    ArchiveWriter, Column, Content, Format, Frame, JoinedFile, MediaObject, MediaWriter, Sha256Digest,
    StoredPart, ValueKind, media_path,
};
use testkit::readers::{check_archive, check_entry};

use crate::fixture::{Fixture, unzip};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn seventy_thousand_media_objects() {
    let fixture = Fixture::new();
    let at = DateTime::UNIX_EPOCH;
    let mut media = MediaWriter::new(&fixture.store, &fixture.folder, u64::MAX, at);
    for number in 0..70_000 {
        let key = format!("{number}.txt");
        let content = stream::iter([Ok::<_, Infallible>(Bytes::from(media_path("a", &key)))]);
        media.add("a", &key, content).await.unwrap().unwrap();
    }
    let segments = media.finish().await.unwrap();
    let mut archive = ArchiveWriter::new(&fixture.store, fixture.folder.archive(), at);
    archive.add_segment(&segments[0]).await.unwrap();
    let archive = archive.finish().await.unwrap();
    assert_eq!(archive.entries, 70_001);
    let path = fixture.path(&archive.key);
    let mut entries = unzip(&std::fs::read(&path).unwrap());
    let (_, listing) = entries.pop().unwrap();
    assert_eq!(serde_json::from_slice::<Vec<MediaObject>>(&listing).unwrap().len(), 70_000);
    assert_eq!(entries.len(), 70_000);
    assert!(entries.iter().all(|(path, content)| path.as_bytes() == content));
    check_archive(&path);
}

/// A part of `blocks` times a MiB of zeros, made by laying one compressed block end to end.
async fn zeros(fixture: &Fixture, blocks: usize) -> StoredPart {
    const BLOCK: usize = 1 << 20;
    let block = vec![0_u8; BLOCK];
    let mut compressed = Vec::with_capacity(64 * 1024);
    let mut deflate = flate2::Compress::new(flate2::Compression::fast(), false);
    deflate.compress_vec(&block, &mut compressed, flate2::FlushCompress::Sync).unwrap();
    let mut crc32 = crc32fast::Hasher::new();
    let mut one = crc32fast::Hasher::new();
    one.update(&block);
    for _ in 0..blocks {
        crc32.combine(&one);
    }
    let body = compressed.repeat(blocks);
    let key = fixture.folder.part("zeros").format(Format::Csv);
    let content = Content {
        rows: 0,
        uncompressed_bytes: u64::try_from(blocks * BLOCK).unwrap(),
        compressed_bytes: u64::try_from(body.len()).unwrap(),
        crc32: crc32.finalize(),
        sha256: Sha256Digest::of(b"of no matter here"),
    };
    fixture.store.put(&key, Bytes::from(body)).await.unwrap();
    StoredPart { key, content }
}

/// Reads the first entry to its end, checks its length and CRC-32, and answers its length.
fn verified_length(archive: &Path) -> u64 {
    let mut buffer = vec![0; rawzip::RECOMMENDED_BUFFER_SIZE];
    let file = std::fs::File::open(archive).unwrap();
    let archive = rawzip::ZipArchive::from_file(file, &mut buffer).unwrap();
    let wayfinder = archive.entries(&mut buffer).next_entry().unwrap().unwrap().wayfinder();
    let entry = archive.get_entry(wayfinder).unwrap();
    let inflated = flate2::read::DeflateDecoder::new(entry.reader());
    std::io::copy(&mut entry.verifying_reader(inflated), &mut std::io::sink()).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_entry_of_more_than_four_gibibytes() {
    let fixture = Fixture::new();
    let part = zeros(&fixture, 1025).await;
    let frame = Frame::new(Format::Csv, &[Column::new("zeros", ValueKind::Number)]);
    let file = JoinedFile::new(frame, vec![part; 4]);
    assert!(file.uncompressed_bytes() > 1 << 32);
    let mut archive = ArchiveWriter::new(&fixture.store, fixture.folder.archive(), DateTime::UNIX_EPOCH);
    archive.add_joined("data/zeros.csv", &file).await.unwrap();
    archive.add_bytes("after.txt", b"after").await.unwrap();
    let archive = archive.finish().await.unwrap();
    let path = fixture.path(&archive.key);
    assert_eq!(verified_length(&path), file.uncompressed_bytes());
    check_entry(&path, "after.txt");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_media_object_of_more_than_four_gibibytes() {
    const MIB: usize = 1 << 20;
    let fixture = Fixture::new();
    let at = DateTime::UNIX_EPOCH;
    let mut media = MediaWriter::new(&fixture.store, &fixture.folder, u64::MAX, at);
    let zeros = Bytes::from(vec![0; MIB]);
    let content = stream::iter((0..4097).map(|_| Ok::<_, Infallible>(zeros.clone())));
    let object = media.add("films", "long.mp4", content).await.unwrap().unwrap();
    assert_eq!(object.size_bytes, 4097 << 20);
    let segments = media.finish().await.unwrap();
    let mut archive = ArchiveWriter::new(&fixture.store, fixture.folder.archive(), at);
    archive.add_segment(&segments[0]).await.unwrap();
    archive.add_bytes("after.txt", b"after").await.unwrap();
    let archive = archive.finish().await.unwrap();
    let path = fixture.path(&archive.key);
    let mut buffer = vec![0; rawzip::RECOMMENDED_BUFFER_SIZE];
    let read = rawzip::ZipArchive::from_file(std::fs::File::open(&path).unwrap(), &mut buffer).unwrap();
    let mut entries = read.entries(&mut buffer);
    let entry = entries.next_entry().unwrap().unwrap();
    assert_eq!(entry.uncompressed_size_hint(), object.size_bytes);
    check_entry(&path, "after.txt");
}
