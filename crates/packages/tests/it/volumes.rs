//! Archives in several volumes: as long as was counted, and complete in themselves.

use chrono::DateTime;
use packages::{
    Archive, ArchiveWriter, Footprint, Format, Part, PartOptions, PartWriter, StoredPart, volumes,
};
use testkit::readers::check_archive;

use crate::fixture::{Fixture, unzip};

async fn part(fixture: &Fixture, content: &[u8]) -> StoredPart {
    let key = fixture.folder.part(&format!("part {}", content.len())).format(Format::Csv);
    let mut writer = PartWriter::new(&fixture.store, key.clone(), &PartOptions::default());
    writer.buffer().extend_from_slice(content);
    writer.finish(1).await.unwrap().into_stored(&fixture.store, key).await.unwrap()
}

async fn write(fixture: &Fixture, number: u32, manifest: &[u8], files: &[(String, StoredPart)]) -> Archive {
    let key = fixture.folder.volume(number);
    let mut archive = ArchiveWriter::new(&fixture.store, key, DateTime::UNIX_EPOCH);
    archive.add_bytes("manifest.json", manifest).await.unwrap();
    for (path, part) in files {
        archive.add_part(path, Part::from(part.clone())).await.unwrap();
    }
    archive.finish().await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn volumes_are_exactly_as_long_as_counted() {
    let fixture = Fixture::new();
    // Too short to be compressed, so its length is known.
    let manifest = b"{\"volume\": 1}\n";
    let mut files = Vec::new();
    for number in 0..20_usize {
        let content = format!("{number},größe\r\n").repeat(number * 50);
        files.push((format!("data/größe {number}.csv"), part(&fixture, content.as_bytes()).await));
    }
    let items: Vec<Footprint> = files
        .iter()
        .map(|(path, part)| {
            Footprint::entry(path, part.content.archived_bytes(), part.content.uncompressed_bytes)
        })
        .collect();
    let length = u64::try_from(manifest.len()).unwrap();
    let reserved = Footprint::entry("manifest.json", length, length);
    let limit = 1000;
    let cut = volumes(reserved, &items, limit);
    assert!(cut.len() > 2);
    let mut found = Vec::new();
    for (number, range) in (1..).zip(cut.clone()) {
        let archive = write(&fixture, number, manifest, &files[range.clone()]).await;
        let counted = items[range.clone()].iter().fold(reserved, |sum, item| sum + *item);
        assert_eq!(archive.size_bytes, counted.archive_bytes());
        assert!(archive.size_bytes <= limit || range.len() == 1);
        if let Some(next) = items.get(range.end) {
            assert!((counted + *next).archive_bytes() > limit, "the next one would not have fitted");
        }
        let path = fixture.path(&archive.key);
        if number == 1 {
            check_archive(&path);
        }
        let entries = unzip(&std::fs::read(&path).unwrap());
        assert_eq!(entries[0].0, "manifest.json");
        found.extend(entries.into_iter().skip(1).map(|(path, _)| path));
    }
    assert_eq!(found, files.iter().map(|(path, _)| path.clone()).collect::<Vec<_>>());
}
