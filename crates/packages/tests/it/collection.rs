//! From the rows of a COPY to an archive, as the export worker does it.

use chrono::DateTime;
use packages::{
    ArchiveWriter, CollectionWriter, Column, Format, Formats, PackageError, PartOptions, ValueKind,
    entry_name,
};
use serde_json::Value;
use testkit::readers::check_archive;

use crate::fixture::{Fixture, unzip};

fn columns() -> Vec<Column> {
    vec![
        Column::new("id", ValueKind::Number),
        Column::new("name", ValueKind::Text),
        Column::new("tags", ValueKind::Verbatim).only(Formats::CsvOnly),
        Column::new("tags", ValueKind::Json).only(Formats::JsonOnly),
    ]
}

fn row(number: u32) -> String {
    format!("{number}\t=row \\\\ {number}\\n\"second\" line, שורה\t{{a,{number}}}\t[\"a\",{number}]\n")
}

/// Blocks so small that every stage is passed through many times.
const OPTIONS: PartOptions =
    PartOptions { level: 1, block_bytes: 4096, blocks_in_flight: 2, memory_limit_bytes: 8192 };

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_arrive_in_both_files_of_the_archive() {
    let fixture = Fixture::new();
    let key = fixture.folder.part("people");
    let mut people = CollectionWriter::new(&fixture.store, key, &columns(), Formats::Both, &OPTIONS).unwrap();
    for number in 0..20_000 {
        people.write(row(number).as_bytes()).await.unwrap();
    }
    assert_eq!(people.rows(), 20_000);
    let announced = people.uncompressed_bytes();
    let people = people.finish().await.unwrap();
    assert_eq!(people.counted.neutralised_cells, [0, 20_000, 0, 0]);
    let total: u64 = people.parts().map(|(_, part)| part.content().uncompressed_bytes).sum();
    assert_eq!(total, announced + 3);

    let at = DateTime::UNIX_EPOCH;
    let mut archive = ArchiveWriter::new(&fixture.store, fixture.folder.archive(), at);
    for (format, part) in people.into_parts() {
        assert_eq!(part.content().rows, 20_000);
        archive.add_part(&entry_name("people", format), part).await.unwrap();
    }
    let archive = archive.finish().await.unwrap();
    let path = fixture.path(&archive.key);
    check_archive(&path);
    let entries = unzip(&std::fs::read(&path).unwrap());
    check_json(&entries[0].1);
    check_csv(&entries[1].1);
}

fn check_json(content: &[u8]) {
    let records: Vec<Value> = serde_json::from_slice(content).unwrap();
    assert_eq!(records.len(), 20_000);
    for (number, record) in records.iter().enumerate() {
        let name = format!("=row \\ {number}\n\"second\" line, שורה");
        assert_eq!(*record, serde_json::json!({"id": number, "name": name, "tags": ["a", number]}));
    }
}

fn check_csv(content: &[u8]) {
    let mut reader = csv::Reader::from_reader(content);
    assert_eq!(reader.headers().unwrap(), ["id", "name", "tags"].as_slice());
    let mut count = 0_usize;
    for (number, record) in reader.records().enumerate() {
        let name = format!("'=row \\ {number}\n\"second\" line, שורה");
        let expected = [number.to_string(), name, format!("{{a,{number}}}")];
        assert!(record.unwrap().iter().eq(&expected));
        count += 1;
    }
    assert_eq!(count, 20_000);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_the_formats_asked_for_are_written() {
    for (formats, expected) in [(Formats::JsonOnly, &[Format::Json][..]), (Formats::CsvOnly, &[Format::Csv])]
    {
        let fixture = Fixture::new();
        let options = PartOptions { memory_limit_bytes: 0, ..OPTIONS };
        let key = fixture.folder.part("people");
        let mut people =
            CollectionWriter::new(&fixture.store, key.clone(), &columns(), formats, &options).unwrap();
        people.write(row(1).as_bytes()).await.unwrap();
        let people = people.finish().await.unwrap();
        let written: Vec<Format> = people.parts().map(|(format, _)| format).collect();
        assert_eq!(written, expected);
        assert_eq!(fixture.files(), [fixture.path(&key.format(expected[0]))]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_malformed_row_is_reported_and_leaves_nothing() {
    let fixture = Fixture::new();
    let key = fixture.folder.part("people");
    let mut people = CollectionWriter::new(&fixture.store, key, &columns(), Formats::Both, &OPTIONS).unwrap();
    people.write(row(1).as_bytes()).await.unwrap();
    let error = people.write(b"2\tsecret\n").await.unwrap_err();
    assert!(matches!(error, PackageError::Encode(_)) && !error.is_retryable());
    assert_eq!(error.to_string(), "row 2 has 2 cells where 4 columns were described");
    people.abort().await;
    assert!(fixture.files().is_empty());
}
