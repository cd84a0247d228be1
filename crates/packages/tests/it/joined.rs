//! Files made of fragments: byte for byte those that are written whole.

use packages::{
    ArchiveWriter, CollectionWriter, Column, Content, Format, Formats, Frame, Framing, JobFolder, JoinedFile,
    Layout, PackageError, PartOptions, Sha256Digest, StoredPart, ValueKind,
};
use proptest::prelude::*;
use testkit::readers::check_archive;

use crate::fixture::{Fixture, unzip};

const OPTIONS: PartOptions =
    PartOptions { level: 1, block_bytes: 500, blocks_in_flight: 2, memory_limit_bytes: 0 };
const FORMATS: [Format; 2] = [Format::Json, Format::Csv];

fn columns() -> Vec<Column> {
    vec![Column::new("id", ValueKind::Number), Column::new("a, \"name\"", ValueKind::Text)]
}

fn row(number: usize) -> String {
    format!("{number}\t=row {number}, \\\\ \"שורה\"\\n\n")
}

/// The rows of one key range, as one step of many would write them.
async fn write(fixture: &Fixture, step: u32, rows: &[String], framing: Framing) -> Vec<(Format, StoredPart)> {
    let key = JobFolder::new("acme", uuid::Uuid::nil()).attempt(step, 1).part("people");
    let layout = Layout { formats: Formats::Both, framing };
    let mut writer =
        CollectionWriter::new(&fixture.store, key.clone(), &columns(), layout, &OPTIONS).unwrap();
    for row in rows {
        writer.write(row.as_bytes()).await.unwrap();
    }
    let mut stored = Vec::new();
    for (format, part) in writer.finish().await.unwrap().into_parts() {
        stored.push((format, part.into_stored(&fixture.store, key.format(format)).await.unwrap()));
    }
    stored
}

/// The fragments of `rows` cut into ranges of these lengths.
async fn joined(fixture: &Fixture, rows: &[String], lengths: &[usize], format: Format) -> JoinedFile {
    let mut rest = rows;
    let mut fragments = Vec::new();
    for (step, &length) in lengths.iter().enumerate() {
        let (range, tail) = rest.split_at(length);
        rest = tail;
        let parts = write(fixture, u32::try_from(step).unwrap(), range, Framing::Fragment).await;
        fragments.extend(parts.into_iter().filter(|(of, _)| *of == format).map(|(_, part)| part));
    }
    assert!(rest.is_empty());
    JoinedFile::new(Frame::new(format, &columns()), fragments)
}

async fn content_in_archive(fixture: &Fixture, file: &JoinedFile) -> Vec<u8> {
    let at = chrono::DateTime::UNIX_EPOCH;
    let mut archive = ArchiveWriter::new(&fixture.store, fixture.folder.archive(), at);
    archive.add_joined("data/people", file).await.unwrap();
    let archive = archive.finish().await.unwrap();
    let path = fixture.path(&archive.key);
    let mut entries = unzip(&std::fs::read(path).unwrap());
    assert_eq!(entries.len(), 1);
    entries.remove(0).1
}

async fn is_the_same_as_whole(rows: &[String], lengths: &[usize]) {
    let fixture = Fixture::new();
    let whole = write(&fixture, 99, rows, Framing::Whole).await;
    for (format, whole) in whole {
        let file = joined(&fixture, rows, lengths, format).await;
        let digest = file.digest(&fixture.store, |_| ()).await.unwrap();
        let content = file.content(digest);
        let expected = Content { compressed_bytes: content.compressed_bytes, ..whole.content };
        assert_eq!(content, expected, "{format:?} {lengths:?}");
        assert_eq!(file.archived_bytes(), content.archived_bytes());
        let whole = JoinedFile::from(whole);
        let archived = content_in_archive(&fixture, &whole).await;
        assert_eq!(content_in_archive(&fixture, &file).await, archived, "{format:?} {lengths:?}");
    }
}

/// Up to three rows, cut into three ranges in every way, empty ranges among them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_cut_gives_the_file_that_is_written_whole() {
    for count in 0..=3 {
        let rows: Vec<String> = (0..count).map(row).collect();
        is_the_same_as_whole(&rows, if count == 0 { &[] } else { std::slice::from_ref(&count) }).await;
        for first in 0..=count {
            for second in 0..=count - first {
                is_the_same_as_whole(&rows, &[first, second, count - first - second]).await;
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn many_rows_in_many_cuts_give_the_file_that_is_written_whole(
        lengths in prop::collection::vec(0_usize..60, 0..12),
    ) {
        let rows: Vec<String> = (0..lengths.iter().sum()).map(row).collect();
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
        runtime.block_on(is_the_same_as_whole(&rows, &lengths));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_is_split_into_files_that_are_complete_in_themselves() {
    let fixture = Fixture::new();
    let rows: Vec<String> = (0..400).map(row).collect();
    for format in FORMATS {
        let file = joined(&fixture, &rows, &[50, 50, 200, 0, 25, 25, 50], format).await;
        let limit = file.archived_bytes() / 4;
        let pieces = file.split(limit);
        assert!(pieces.len() > 2);
        let mut found = Vec::new();
        for piece in &pieces {
            let content = String::from_utf8(content_in_archive(&fixture, piece).await).unwrap();
            assert_eq!(piece.rows(), u64::try_from(ids(&content, format).len()).unwrap());
            found.extend(ids(&content, format));
        }
        assert_eq!(found, (0..400).collect::<Vec<u64>>());
        let over: Vec<u64> =
            pieces.iter().filter(|p| p.archived_bytes() > limit).map(JoinedFile::rows).collect();
        assert_eq!(over, [200], "only the part that is larger by itself");
        check_archive(&fixture.path(&fixture.folder.archive()));
        // To the last byte.
        assert_eq!(file.split(file.archived_bytes()), std::slice::from_ref(&file));
        assert_eq!(file.split(file.archived_bytes() - 1).len(), 2);
        assert_eq!(file.split(0).len(), 6);
        let empty = JoinedFile::new(Frame::new(format, &columns()), []);
        assert_eq!(empty.split(0), [empty]);
    }
}

fn ids(content: &str, format: Format) -> Vec<u64> {
    match format {
        Format::Json => {
            let records: Vec<serde_json::Value> = serde_json::from_str(content).unwrap();
            records.iter().map(|record| record["id"].as_u64().unwrap()).collect()
        }
        Format::Csv => {
            let mut reader = csv::Reader::from_reader(content.as_bytes());
            assert_eq!(reader.headers().unwrap(), ["id", "a, \"name\""].as_slice());
            reader.records().map(|record| record.unwrap()[0].parse().unwrap()).collect()
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn progress_grows_to_the_length_of_the_file() {
    let fixture = Fixture::new();
    let rows: Vec<String> = (0..2000).map(row).collect();
    let file = joined(&fixture, &rows, &[1000, 1000], Format::Json).await;
    let mut seen = Vec::new();
    file.digest(&fixture.store, |bytes| seen.push(bytes)).await.unwrap();
    assert!(seen.is_sorted() && seen.len() >= 2, "{seen:?}");
    assert_eq!(seen.last(), Some(&file.uncompressed_bytes()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_part_that_is_not_what_was_recorded_is_found_out() {
    let fixture = Fixture::new();
    let rows: Vec<String> = (0..100).map(row).collect();
    let parts = write(&fixture, 1, &rows, Framing::Fragment).await;
    let good = parts.into_iter().next().unwrap().1;
    let path = fixture.path(&good.key);
    let bytes = std::fs::read(&path).unwrap();
    let recorded = |content: Content| StoredPart { key: good.key.clone(), content };
    for (part, damage) in [
        (recorded(Content { crc32: good.content.crc32 ^ 1, ..good.content }), bytes.clone()),
        (
            recorded(Content { uncompressed_bytes: good.content.uncompressed_bytes + 1, ..good.content }),
            bytes.clone(),
        ),
        (
            recorded(Content { uncompressed_bytes: good.content.uncompressed_bytes - 1, ..good.content }),
            bytes.clone(),
        ),
        (good.clone(), vec![0xff; bytes.len()]),
        // An end in the middle: what follows would not be read.
        (good.clone(), [&[0x03, 0x00], &bytes[2..]].concat()),
    ] {
        std::fs::write(&path, damage).unwrap();
        let error = digest(&fixture, part).await.unwrap_err();
        let PackageError::Damaged { key, .. } = &error else { panic!("{error:?}") };
        assert!(*key == good.key && !error.is_retryable());
    }
    std::fs::write(&path, &bytes[1..]).unwrap();
    assert!(matches!(digest(&fixture, good.clone()).await, Err(PackageError::PartLength { .. })));
    fixture.store.delete(&good.key).await.unwrap();
    assert!(matches!(digest(&fixture, good).await, Err(PackageError::NotFound(_))));
}

async fn digest(fixture: &Fixture, part: StoredPart) -> Result<Sha256Digest, PackageError> {
    JoinedFile::new(Frame::new(Format::Json, &columns()), [part]).digest(&fixture.store, |_| ()).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_fits_the_result_of_a_step() {
    let fixture = Fixture::new();
    let file = joined(&fixture, &[row(1), row(2)], &[1, 1], Format::Csv).await;
    let text = serde_json::to_string(&file).unwrap();
    assert!(!text.contains("=row") && text.contains("a, "), "{text}");
    assert_eq!(serde_json::from_str::<JoinedFile>(&text).unwrap(), file);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_part_that_is_a_whole_file_is_one_too() {
    let fixture = Fixture::new();
    let whole = write(&fixture, 1, &[row(1)], Framing::Whole).await.remove(0).1;
    let file = JoinedFile::from(whole.clone());
    // Known without reading.
    fixture.store.delete(&whole.key).await.unwrap();
    assert_eq!(file.digest(&fixture.store, |_| ()).await.unwrap(), whole.content.sha256);
    assert_eq!(file.content(whole.content.sha256), whole.content);
}
