//! The published form of every file of the guide. UPDATE_GOLDEN=1 rewrites them.

use std::path::Path;

use packages::{cover_note, index_html, schema_json};

use super::sample::{sample, volume};

fn check(name: &str, content: &[u8]) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, content).unwrap();
    }
    let published = std::fs::read(&path)
        .unwrap_or_else(|error| panic!("{}: {error}; run with UPDATE_GOLDEN=1 once", path.display()));
    assert!(content == published, "{name} differs; look at it, then run with UPDATE_GOLDEN=1");
}

#[test]
fn a_whole_export() {
    let sample = sample();
    check("index.html", &index_html(&sample.manifest, &sample.guides));
    check("README.txt", &cover_note(&sample.manifest));
    let users = &sample.guides[0];
    let columns = &sample.manifest.files[0].columns;
    check("users.schema.json", &schema_json(users, columns).unwrap());
}

#[test]
fn one_volume_of_an_export_with_media() {
    let volume = volume();
    check("volume.html", &index_html(&volume.manifest, &volume.guides));
    check("volume.txt", &cover_note(&volume.manifest));
}
