use chassis::{StepProgress, StepRunner as _};
use chrono::DateTime;
use domain::id::{JobId, OrganisationId, StepNo};
use domain::job::{JobKind, StepKind};
use serde_json::json;
use store::Claimed;

use super::*;
use crate::archive::{Contents, write};
use crate::config::Config;

/// The key of the example in age's own description.
const HOLDER: &str = "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p";
/// Cut by a character; nobody's; a point that protects nothing; none at all.
const UNUSABLE: [&[&str]; 4] = [
    &["age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8"],
    &[HOLDER, "ada@example.com"],
    &["age1qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqq5cu47z"],
    &[],
];
const MAP: &str = "
dataset:
- fides_key: shop
  lethe: {organisation: {collection: org, key: id}}
  collections:
  - name: org
    fields: [{name: id, fides_meta: {primary_key: true}}]
";

/// A worker whose databases nobody can reach: what is tested here must not ask them.
fn worker(directory: &tempfile::TempDir) -> Exports {
    let (file, packages) = (directory.path().join("datamap.yaml"), directory.path().join("packages"));
    std::fs::write(&file, MAP).unwrap();
    std::fs::create_dir(&packages).unwrap();
    let nowhere = "postgres://nobody@127.0.0.1:1/none";
    let config: Config = serde_json::from_value(json!({
        "data_map": file,
        "stores": {"shop": {"url": nowhere}},
        "packages": {"url": format!("file://{}", packages.display())},
    }))
    .unwrap();
    let control = serde_json::from_value(json!({"url": nowhere})).unwrap();
    Exports::open(&config, Store::open(&control).unwrap()).unwrap()
}

/// A step of an export to these recipients; in the clear without them.
fn step(kind: StepKind, recipients: Option<&[&str]>) -> Claimed {
    let mut request = json!({"include_media": false, "format": "json"});
    if let Some(recipients) = recipients {
        request["encryption"] = json!({ "recipients": recipients });
    }
    let time: DateTime<chrono::Utc> = "2026-11-21T12:00:00Z".parse().unwrap();
    Claimed {
        job_id: JobId(uuid::Uuid::from_u128(1)),
        job_kind: JobKind::Export,
        organisation: OrganisationId::parse("acme").unwrap(),
        request,
        requested_by: "owner-1".to_owned(),
        requested_at: time,
        cutoff: Some(time),
        step_no: StepNo(2),
        kind,
        collection: None,
        part_no: None,
        attempts: 1,
        epoch: 1,
        pass: 1,
        waived: None,
        inputs: Vec::new(),
        scope: None,
        planned: Vec::new(),
    }
}

/// All files below the packages' directory.
fn objects(directory: &tempfile::TempDir) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![directory.path().join("packages")];
    while let Some(next) = open.pop() {
        for entry in std::fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { open.push(path) } else { found.push(path) }
        }
    }
    found
}

fn refused(outcome: Result<store::Produced, StepError>, recipients: &[&str]) {
    match outcome {
        Err(StepError::Permanent(reason)) => assert_eq!(reason.code, "encryption_unusable"),
        other => panic!("{recipients:?}: {other:?}"),
    }
}

#[tokio::test]
async fn an_unusable_recipient_fails_every_step_before_anything_is_read() {
    let directory = tempfile::tempdir().unwrap();
    let exports = worker(&directory);
    for kind in [
        StepKind::PlanExport,
        StepKind::ExportWhole,
        StepKind::ExportCollection,
        StepKind::ExportMedia,
        StepKind::JoinCollection,
        StepKind::AssembleArchive,
    ] {
        for recipients in UNUSABLE {
            let step = step(kind, Some(recipients));
            refused(exports.run(&step, &StepProgress::default()).await, recipients);
        }
    }
    assert!(objects(&directory).is_empty());
}

#[tokio::test]
async fn an_archive_is_in_the_clear_only_where_nothing_else_was_asked_for() {
    let directory = tempfile::tempdir().unwrap();
    let exports = worker(&directory);
    let written = async |recipients: Option<&[&str]>| {
        let step = step(StepKind::AssembleArchive, recipients);
        write(&exports, &step, Contents::default(), &StepProgress::default()).await
    };
    for recipients in UNUSABLE {
        refused(written(Some(recipients)).await, recipients);
    }
    assert!(objects(&directory).is_empty());
    for (recipients, name, begins) in [
        (Some([HOLDER].as_slice()), "export-2026-11-21-00000001.zip.age", b"age-encryption.org".as_slice()),
        (None, "export-2026-11-21-00000001.zip", b"PK\x03\x04"),
    ] {
        let produced = written(recipients).await.unwrap();
        assert_eq!(produced.packages[0].file_name, name);
        let package = directory.path().join("packages").join(&produced.packages[0].object_key);
        assert!(std::fs::read(package).unwrap().starts_with(begins));
    }
}
