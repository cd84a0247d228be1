use super::*;

fn entry(archived_bytes: u64, uncompressed_bytes: u64, offset: u64) -> Entry {
    Entry {
        path: "data/ü.json".to_owned(),
        method: Method::Deflate,
        extent: Extent { uncompressed_bytes, archived_bytes, crc32: 0x0102_0304 },
        offset,
    }
}

fn noon() -> DosTime {
    "2026-01-02T12:34:57Z".parse::<DateTime<Utc>>().unwrap().into()
}

#[test]
fn small_entries_need_no_extra_field() {
    let header = entry(5, 7, 0).local_header(noon());
    assert_eq!(header.len(), 30 + "data/ü.json".len());
    let mut central = Vec::new();
    entry(5, 7, 0).push_central(noon(), &mut central);
    assert_eq!(central.len(), 46 + "data/ü.json".len());
    assert_eq!(end_records(1, 60, 40).len(), 22);
}

#[test]
fn large_values_move_to_the_extra_field() {
    let large = u64::from(u32::MAX);
    let base = 30 + "data/ü.json".len();
    assert_eq!(entry(large - 1, large - 1, 0).local_header(noon()).len(), base);
    assert_eq!(entry(5, large, 0).local_header(noon()).len(), base + 20);
    for (entry, values) in [
        (entry(5, large, 0), 1),
        (entry(large, large, 0), 2),
        (entry(5, 7, large), 1),
        (entry(large, large, large), 3),
    ] {
        let mut central = Vec::new();
        entry.push_central(noon(), &mut central);
        assert_eq!(central.len(), 46 + "data/ü.json".len() + 4 + 8 * values);
    }
    assert_eq!(end_records(65_534, 60, 40).len(), 22);
    for end in [end_records(65_535, 60, 40), end_records(1, large, 40), end_records(1, 60, large)] {
        assert_eq!(end.len(), 56 + 20 + 22);
    }
}

#[test]
fn times_are_kept_to_two_seconds_within_their_range() {
    assert_eq!(noon(), DosTime { date: 46 << 9 | 1 << 5 | 2, time: 12 << 11 | 34 << 5 | 28 });
    for outside in ["1979-12-31T23:59:59Z", "2108-01-01T00:00:00Z"] {
        let at: DateTime<Utc> = outside.parse().unwrap();
        assert_eq!(DosTime::from(at), DosTime { date: 1 << 5 | 1, time: 0 });
    }
}

/// The first entry is a hole of five gibibytes in a file, so it takes no room.
#[test]
fn an_entry_behind_four_gibibytes_is_found() {
    use std::io::{Seek as _, SeekFrom, Write as _};
    let hole = Entry { path: "hole".to_owned(), method: Method::Stored, ..entry(5 << 30, 5 << 30, 0) };
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(&hole.local_header(noon())).unwrap();
    let offset = file.seek(SeekFrom::Current(5 << 30)).unwrap();
    let far = Entry {
        path: "far.txt".to_owned(),
        method: Method::Stored,
        extent: Extent { uncompressed_bytes: 8, archived_bytes: 8, crc32: crc32fast::hash(b"far away") },
        offset,
    };
    file.write_all(&far.local_header(noon())).unwrap();
    file.write_all(b"far away").unwrap();
    let mut directory = Vec::new();
    hole.push_central(noon(), &mut directory);
    far.push_central(noon(), &mut directory);
    let end = end_records(2, u64::try_from(directory.len()).unwrap(), file.stream_position().unwrap());
    file.write_all(&directory).unwrap();
    file.write_all(&end).unwrap();

    let mut buffer = vec![0; rawzip::RECOMMENDED_BUFFER_SIZE];
    let archive = rawzip::ZipArchive::from_file(file.reopen().unwrap(), &mut buffer).unwrap();
    let mut entries = archive.entries(&mut buffer);
    entries.next_entry().unwrap().unwrap();
    let wayfinder = entries.next_entry().unwrap().unwrap().wayfinder();
    let found = archive.get_entry(wayfinder).unwrap();
    let mut read = Vec::new();
    std::io::copy(&mut found.verifying_reader(found.reader()), &mut read).unwrap();
    assert_eq!(read, b"far away");
    installed_readers_find(file.path(), "far.txt");
}

/// Each reader by the variable that names its program, where it is not on the path; one that is not
/// there is passed over, except in CI.
fn installed_readers_find(archive: &std::path::Path, entry: &str) {
    let python = "import sys, zipfile; zipfile.ZipFile(sys.argv[1]).read(sys.argv[2])";
    for (variable, program, arguments) in [
        ("LETHE_TEST_UNZIP", "unzip", &["-tqq"][..]),
        ("LETHE_TEST_7Z", "7z", &["t"]),
        ("LETHE_TEST_PYTHON", "python3", &["-c", python]),
    ] {
        let named = std::env::var(variable).ok().filter(|named| !named.is_empty());
        let program = named.as_deref().unwrap_or(program);
        match std::process::Command::new(program).args(arguments).arg(archive).arg(entry).output() {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                assert_ne!(std::env::var("CI").as_deref(), Ok("true"), "{program} is not there");
            }
            ran => assert!(ran.unwrap().status.success(), "{program}"),
        }
    }
}
