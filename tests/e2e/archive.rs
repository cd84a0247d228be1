//! An archive read back by programs that are not ours: `zip`, `csv` and `serde_json`.

use std::collections::BTreeMap;
use std::io::{Cursor, Read};

use serde::Deserialize;
use serde_json::value::RawValue;

/// A record of a JSON file: each value as it is written.
pub type JsonRecord = BTreeMap<String, String>;

/// An archive in memory.
pub struct Archive {
    zip: zip::ZipArchive<Cursor<Vec<u8>>>,
}

/// The manifest, as a stranger would read it.
#[derive(Debug, Deserialize)]
pub struct Manifest {
    pub files: Vec<ManifestFile>,
    pub omitted: Vec<Omitted>,
}

#[derive(Debug, Deserialize)]
pub struct ManifestFile {
    pub path: String,
    pub collection: String,
    pub format: String,
    pub rows: u64,
    pub size_bytes: u64,
    pub sha256: String,
    pub columns: Vec<ManifestColumn>,
}

#[derive(Debug, Deserialize)]
pub struct ManifestColumn {
    pub name: String,
}

#[derive(Debug, Deserialize)]
pub struct Omitted {
    pub collection: String,
    pub column: Option<String>,
    pub reason: String,
}

impl Archive {
    pub fn open(bytes: &[u8]) -> Self {
        Self { zip: zip::ZipArchive::new(Cursor::new(bytes.to_vec())).unwrap() }
    }

    pub fn file(&mut self, name: &str) -> Vec<u8> {
        let mut content = Vec::new();
        // Reading to the end also checks the entry's CRC-32.
        self.zip.by_name(name).unwrap_or_else(|e| panic!("{name}: {e}")).read_to_end(&mut content).unwrap();
        content
    }

    pub fn manifest(&mut self) -> Manifest {
        serde_json::from_slice(&self.file("manifest.json")).unwrap()
    }

    pub fn json(&mut self, collection: &str) -> Vec<JsonRecord> {
        let text = self.file(&format!("data/{collection}.json"));
        let records: Vec<BTreeMap<String, Box<RawValue>>> = serde_json::from_slice(&text).unwrap();
        let lines = text.split(|byte| *byte == b'\n').filter(|line| line.starts_with(b"{")).count();
        assert_eq!(lines, records.len(), "{collection}: not one record a line");
        let written = |record: BTreeMap<String, Box<RawValue>>| -> JsonRecord {
            record.into_iter().map(|(column, value)| (column, value.get().to_owned())).collect()
        };
        records.into_iter().map(written).collect()
    }

    /// The records of a CSV file by column, formulas restored.
    pub fn csv(&mut self, collection: &str) -> Vec<BTreeMap<String, String>> {
        let text = self.file(&format!("data/{collection}.csv"));
        let mut reader = csv::ReaderBuilder::new().has_headers(true).from_reader(text.as_slice());
        let headers = reader.headers().unwrap().clone();
        reader
            .records()
            .map(|record| {
                let record = record.unwrap();
                headers.iter().map(str::to_owned).zip(record.iter().map(restored)).collect()
            })
            .collect()
    }
}

/// Undoes the neutralising of formulas, by the rule in the manifest: one `'` is taken away from a
/// cell that is apostrophes followed by a character that begins a formula.
fn restored(cell: &str) -> String {
    let rest = cell.trim_start_matches('\'');
    let formula = rest.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠']);
    match cell.strip_prefix('\'') {
        Some(cell) if formula => cell.to_owned(),
        _ => cell.to_owned(),
    }
}
