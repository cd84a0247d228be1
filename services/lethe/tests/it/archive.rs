//! `lethe archive`

use std::io::Write as _;
use std::path::Path;

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::support::Lethe;

const JSON: &[u8] = b"[\n{\"id\":1,\"name\":\"Ada, {\\\"x\\\"}\"},\n{\"id\":2,\"name\":null}\n]\n";
const CSV: &[u8] = b"id,name\r\n1,\"Ada\r\nLovelace\"\r\n2,\r\n";
const PHOTO: &[u8] = b"\xff\xd8 a photo";

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn file(path: &str, format: &str, content: &[u8], rows: u64) -> Value {
    json!({"path": path, "collection": "shop.people", "format": format, "rows": rows,
        "size_bytes": content.len(), "sha256": sha256(content),
        "columns": [{"name": "id", "type": "bigint", "data_categories": []},
            {"name": "name", "type": "text", "data_categories": ["user.name"]}]})
}

fn manifest() -> Value {
    json!({"format_version": 1, "lethe_version": "0.1.0", "job_id": "0192f0c1-7f3a-7cc3-98c4-dc0c0c07398f",
        "organisation": "acme", "created_at": "2026-11-22T03:00:00Z", "cutoff_at": "2026-11-22T02:59:00Z",
        "files": [file("data/people.json", "json", JSON, 2), file("data/people.csv", "csv", CSV, 2)],
        "omitted": [{"collection": "shop.people", "column": "password_hash", "reason": "secrets are never exported"}],
        "media": {"objects": 1, "size_bytes": PHOTO.len(), "index": "media/index.json",
            "missing": [{"collection": "shop.people", "key": "b.jpg", "reason": "there is no such object"}]},
        "rules": {"encoding": "UTF-8"}})
}

fn media_index() -> Vec<u8> {
    json!([{"path": "media/shop.people/a.jpg", "collection": "shop.people", "key": "a.jpg",
        "size_bytes": PHOTO.len(), "sha256": sha256(PHOTO)}])
    .to_string()
    .into_bytes()
}

/// The entries of a package with this manifest.
fn entries(manifest: &Value) -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("manifest.json", manifest.to_string().into_bytes()),
        ("README.txt", b"read me".to_vec()),
        ("data/people.json", JSON.to_vec()),
        ("data/people.csv", CSV.to_vec()),
        ("media/shop.people/a.jpg", PHOTO.to_vec()),
        ("media/index.json", media_index()),
    ]
}

/// A ZIP archive; JPEGs are stored, everything else deflated.
fn zip(entries: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut archive = rawzip::ZipArchiveWriter::new(&mut bytes);
    for (path, content) in entries {
        if path.ends_with(".jpg") {
            let (mut entry, config) =
                archive.new_file(path).compression_method(rawzip::CompressionMethod::STORE).start().unwrap();
            let mut writer = config.wrap(&mut entry);
            writer.write_all(content).unwrap();
            let (_, descriptor) = writer.finish().unwrap();
            entry.finish(descriptor).unwrap();
        } else {
            let (mut entry, config) = archive
                .new_file(path)
                .compression_method(rawzip::CompressionMethod::DEFLATE)
                .start()
                .unwrap();
            let encoder = flate2::write::DeflateEncoder::new(&mut entry, flate2::Compression::default());
            let mut writer = config.wrap(encoder);
            writer.write_all(content).unwrap();
            let (encoder, descriptor) = writer.finish().unwrap();
            encoder.finish().unwrap();
            entry.finish(descriptor).unwrap();
        }
    }
    archive.finish().unwrap();
    bytes
}

fn lethe(directory: &Path, more: &[&str]) -> Lethe {
    Lethe::with(&[&["archive", "export.zip"], more].concat()).in_directory(directory)
}

fn saved(bytes: &[u8]) -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("export.zip"), bytes).unwrap();
    directory
}

#[tokio::test]
async fn a_package_is_listed_without_being_unpacked() {
    let directory = saved(&zip(&entries(&manifest())));
    let run = lethe(directory.path(), &[]).run().await.ended_with(0);
    for text in [
        "6 entries",
        "organisation acme",
        "data/people.json",
        "2 ",
        "user.name",
        "media: 1 object (10 B)",
        "missing: b.jpg of shop.people: there is no such object",
        "beside them: README.txt, manifest.json",
        "left out: shop.people.password_hash: secrets are never exported",
    ] {
        assert!(run.out.contains(text), "{text} in:\n{}", run.out);
    }
    assert!(!run.out.contains("verified"), "{}", run.out);
    let document = lethe(directory.path(), &["--json"]).run().await.ended_with(0).json();
    assert_eq!(document["files"][1]["path"], "data/people.csv");
    assert_eq!(document["files"][1]["data_categories"], json!(["user.name"]));
    assert_eq!((&document["verified"], &document["problems"]), (&Value::Null, &json!([])));
    let names: Vec<_> = std::fs::read_dir(directory.path()).unwrap().collect();
    assert_eq!(names.len(), 1, "nothing is written");
}

#[tokio::test]
async fn a_package_that_is_what_it_says_is_verified() {
    let directory = saved(&zip(&entries(&manifest())));
    let run = lethe(directory.path(), &["--verify"]).run().await.ended_with(0);
    assert!(run.out.ends_with("verified: 3 files as the manifest has them\n"), "{}", run.out);
    assert_eq!(run.err, "");
    let document = lethe(directory.path(), &["--verify", "--json"]).run().await.ended_with(0).json();
    assert_eq!(document["verified"], true);
}

#[tokio::test]
async fn what_is_not_as_promised_is_named() {
    let mut promised = manifest();
    promised["files"][0]["rows"] = json!(3);
    promised["files"][1]["sha256"] = json!("00");
    promised["files"].as_array_mut().unwrap().push(file("data/gone.csv", "csv", b"", 0));
    let mut content = entries(&promised);
    content[4].1 = b"another photo".to_vec();
    let directory = saved(&zip(&content));
    let run = lethe(directory.path(), &["--verify"]).run().await.ended_with(1);
    let csv = format!("data/people.csv: its SHA-256 is {} and should be 00", sha256(CSV));
    for text in [
        "not as the manifest says:",
        "data/people.json: it has 2 records and should have 3",
        &csv,
        "data/gone.csv: it is not in the archive",
        "media/shop.people/a.jpg: it has 13 bytes and should have 10",
    ] {
        assert!(run.out.contains(text), "{text} in:\n{}", run.out);
    }
    let document = lethe(directory.path(), &["--verify", "--json"]).run().await.ended_with(1).json();
    assert_eq!(document["verified"], false);
    assert_eq!(document["problems"].as_array().unwrap().len(), 5);
}

#[tokio::test]
async fn a_changed_byte_is_found() {
    let mut bytes = zip(&entries(&manifest()));
    let at = bytes.windows(PHOTO.len()).position(|window| window == PHOTO).unwrap();
    bytes[at] ^= 1;
    let directory = saved(&bytes);
    lethe(directory.path(), &[]).run().await.ended_with(0);
    let run = lethe(directory.path(), &["--verify"]).run().await.ended_with(1);
    assert!(run.out.contains("media/shop.people/a.jpg: it cannot be read"), "{}", run.out);
}

#[tokio::test]
async fn what_is_no_package_is_told_apart() {
    let whole = zip(&entries(&manifest()));
    let mut newer = manifest();
    newer["format_version"] = json!(2);
    let cases: [(&[u8], &str); 6] = [
        (&whole[..whole.len() - 40], "export.zip is cut off"),
        (b"", "export.zip is no ZIP archive"),
        (b"%PDF-1.7", "export.zip is no ZIP archive"),
        (b"age-encryption.org/v1\n-> X25519 abc", "age --decrypt"),
        (&zip(&[("other.txt", b"x".to_vec())]), "it has no manifest.json"),
        (&zip(&entries(&newer)), "a manifest of version 2"),
    ];
    for (bytes, expected) in cases {
        let directory = saved(bytes);
        let run = lethe(directory.path(), &["--verify"]).run().await.ended_with(1);
        assert!(run.err.contains(expected) && run.err.contains("next: "), "{expected} in:\n{}", run.err);
        assert!(run.out.is_empty(), "{}", run.out);
    }
    let nowhere = tempfile::tempdir().unwrap();
    assert!(lethe(nowhere.path(), &[]).run().await.ended_with(1).err.contains("cannot be read"));
    Lethe::with(&["archive", "."]).in_directory(nowhere.path()).run().await.ended_with(2);
}
