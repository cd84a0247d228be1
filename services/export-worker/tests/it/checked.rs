//! `--check-config` refuses what the start refuses, and connects to nothing.

use chassis::Settings;
use export_worker::{Config, ExportWorker};

const SAMPLE: &str = include_str!("../../config.sample.toml");
const MAP: &str = "
dataset:
- fides_key: shop
  lethe: {store: vantage, organisation: {collection: company, key: id, name: name}}
  collections:
  - name: company
    lethe: {tenant: id}
    fields: [{name: id, fides_meta: {primary_key: true}}, {name: name}]
";

/// What is said of the sample with a data map that is there, and something in it replaced.
async fn checked(from: &str, to: &str) -> Result<(), String> {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("datamap.yaml");
    std::fs::write(&file, MAP).unwrap();
    let sample = SAMPLE.replace("/etc/lethe/datamap.yaml", file.to_str().unwrap());
    let sample = sample.replace("/var/lib/lethe/packages", directory.path().to_str().unwrap());
    assert!(from.is_empty() || sample.contains(from), "{from}");
    let settings = Settings::<Config>::parse(&sample.replace(from, to)).unwrap();
    chassis::check::<ExportWorker>(&settings).map_err(|error| format!("{error:#}"))
}

#[tokio::test]
async fn settings_that_can_be_used_are_let_through() {
    checked("db.internal", "db.invalid").await.unwrap();
}

#[tokio::test]
async fn whatever_would_stop_the_start_is_refused() {
    let away = chassis::check::<ExportWorker>(&Settings::<Config>::parse(SAMPLE).unwrap()).unwrap_err();
    assert!(format!("{away:#}").contains("/etc/lethe/datamap.yaml"), "{away:#}");
    for (from, to, why) in [
        ("5432/lethe\"", "5432/lethe?sslmode=nonsense\"", "`sslmode` must be"),
        ("5432/vantage\"", "5432/vantage?sslmode=nonsense\"", "`sslmode` must be"),
        ("amqp://", "http://", "amqp"),
        ("# lease = \"1m\"", "lease = \"1ms\"", "LETHE_WORKER__LEASE"),
        ("[service.stores.vantage]", "[service.stores.other]", "vantage"),
    ] {
        let error = checked(from, to).await.unwrap_err();
        assert!(error.contains(why), "{to}: {error}");
        assert!(!error.contains("secret@"), "{error}");
    }
}
