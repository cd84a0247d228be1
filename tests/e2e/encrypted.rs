//! Encrypted exports through the whole system: opened with the key alone, and none in the clear whatever fails.

use std::io::Read as _;

use age::secrecy::SecretString;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tests::{Api, Options, Servers, System};
use uuid::Uuid;

use crate::archive::Archive;
use crate::support::{PATIENCE, complete, vantage};

const PASSPHRASE: &str = "correct horse battery staple";

async fn export(api: &Api, format: &str, encryption: Value) -> Uuid {
    api.export_of(json!({"format": format, "encryption": encryption})).await.unwrap()
}

fn decrypt(stored: &[u8], identity: &dyn age::Identity) -> Vec<u8> {
    assert!(stored.starts_with(b"age-encryption.org/v1\n"));
    let mut plain = Vec::new();
    let decryptor = age::Decryptor::new_buffered(stored).unwrap();
    decryptor.decrypt(std::iter::once(identity)).unwrap().read_to_end(&mut plain).unwrap();
    plain
}

#[tokio::test(flavor = "multi_thread")]
async fn every_format_opens_with_the_key_or_the_passphrase() {
    let servers = Servers::shared().unwrap();
    let (database, seeded) = vantage(&servers.pg_url, &[1_500]).await;
    // Several steps, so that the archive is put together from parts.
    let options = Options { whole_export_rows: 100, ..Options::default() };
    let system = System::start(servers, database, &options).await.unwrap();
    let organisation = &seeded.organisations[0];
    let api = system.api(&organisation.id.to_string(), "owner").unwrap();
    let holder = age::x25519::Identity::generate();
    let to = json!({"recipients": [holder.to_public().to_string()]});
    let by_passphrase = age::scrypt::Identity::new(SecretString::from(PASSPHRASE));
    let cases: [(&str, Value, &dyn age::Identity); 3] = [
        ("csv", to.clone(), &holder),
        ("both", to, &holder),
        ("json", json!({"passphrase": PASSPHRASE}), &by_passphrase),
    ];
    for (format, encryption, identity) in cases {
        let job = export(&api, format, encryption).await;
        let job = api.wait(job, &["completed", "failed"], PATIENCE).await.unwrap();
        assert_eq!(job.summary.state, "completed", "{:?}", job.failure);
        let package = job.package.unwrap();
        assert!(package.file_name.ends_with(".zip.age"), "{}", package.file_name);
        let stored = api.download(job.summary.id).await.unwrap().bytes;
        assert_eq!(u64::try_from(package.size_bytes).unwrap(), u64::try_from(stored.len()).unwrap());
        complete(&mut Archive::open(&decrypt(&stored, identity)), organisation);
    }
    assert_eq!(system.control.number("SELECT count(*) FROM job_secrets").await.unwrap(), 0);
    for service in tests::SERVICES {
        assert!(!system.log(service).unwrap().contains(PASSPHRASE), "{service}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_encrypted_is_not_exported_at_all() {
    let servers = Servers::shared().unwrap();
    let (database, seeded) = vantage(&servers.pg_url, &[300]).await;
    let mut system = System::start(servers, database, &Options::default()).await.unwrap();
    let api = system.api(&seeded.organisations[0].id.to_string(), "owner").unwrap();
    let worker = system.process("export-worker").unwrap();
    worker.signal("TERM").unwrap();
    worker.ended(PATIENCE).await.unwrap();
    let by_passphrase = json!({"passphrase": PASSPHRASE});
    let gone = export(&api, "json", by_passphrase.clone()).await;
    let locked = export(&api, "csv", by_passphrase.clone()).await;
    let foreign = export(&api, "both", by_passphrase).await;
    let admin = &system.control.client;
    admin.execute("DELETE FROM job_secrets WHERE job_id = $1", &[&gone]).await.unwrap();
    // Sealed for another job.
    let swap = "UPDATE job_secrets SET sealed = (SELECT sealed FROM job_secrets WHERE job_id = $2) WHERE job_id = $1";
    admin.execute(swap, &[&locked, &foreign]).await.unwrap();
    // Sealed with a key that the worker does not have: its id is `k1`, behind form and length.
    let rekey = "UPDATE job_secrets SET sealed = set_byte(sealed, 3, 57) WHERE job_id = $1";
    admin.execute(rekey, &[&foreign]).await.unwrap();
    system.spawn("export-worker").unwrap();
    for (job, code) in
        [(gone, "passphrase_gone"), (locked, "passphrase_locked"), (foreign, "passphrase_locked")]
    {
        let job = api.wait(job, &["completed", "failed"], PATIENCE).await.unwrap();
        let failure = job.failure.unwrap();
        assert_eq!(
            (job.summary.state.as_str(), failure.code.as_str()),
            ("failed", code),
            "{}",
            failure.detail
        );
        assert!(job.package.is_none());
        let refused =
            api.send(Method::GET, &format!("/jobs/{}/download", job.summary.id), None).await.unwrap();
        assert_eq!(refused.status(), StatusCode::CONFLICT);
    }
    assert_eq!(system.objects().unwrap(), Vec::<std::path::PathBuf>::new(), "not even a part");
    assert_eq!(system.control.number("SELECT count(*) FROM packages").await.unwrap(), 0);
}
