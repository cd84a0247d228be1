//! Archives beyond what ZIP could hold before ZIP64.

use bytes::Bytes;
use chrono::DateTime;
use packages::{ArchiveWriter, Content, Format, Sha256Digest, StoredPart};

use crate::fixture::{Fixture, check_entry_with_installed_readers, check_with_installed_readers, unzip};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn seventy_thousand_entries() {
    let fixture = Fixture::new();
    let mut archive = ArchiveWriter::new(&fixture.store, fixture.folder.archive(), DateTime::UNIX_EPOCH);
    for number in 0..70_000 {
        let path = format!("media/{number}");
        archive.add_bytes(&path, path.as_bytes()).await.unwrap();
    }
    let archive = archive.finish().await.unwrap();
    assert_eq!(archive.entries, 70_000);
    let path = fixture.path(&archive.key);
    let entries = unzip(&std::fs::read(&path).unwrap());
    assert_eq!(entries.len(), 70_000);
    assert!(entries.iter().all(|(path, content)| path.as_bytes() == content));
    check_with_installed_readers(&path);
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_entry_of_more_than_four_gibibytes() {
    let fixture = Fixture::new();
    let part = zeros(&fixture, 4097).await;
    let mut archive = ArchiveWriter::new(&fixture.store, fixture.folder.archive(), DateTime::UNIX_EPOCH);
    archive.add_part("data/zeros.csv", part.clone()).await.unwrap();
    archive.add_bytes("after.txt", b"after").await.unwrap();
    let archive = archive.finish().await.unwrap();
    let path = fixture.path(&archive.key);
    let bytes = std::fs::read(&path).unwrap();
    let read = rawzip::ZipArchive::from_slice(&bytes).unwrap();
    let entry = read.entries().next_entry().unwrap().unwrap();
    assert_eq!(entry.uncompressed_size_hint(), part.content.uncompressed_bytes);
    assert_eq!(entry.compressed_size_hint(), part.content.compressed_bytes + 2);
    check_entry_with_installed_readers(&path, "after.txt");
}
