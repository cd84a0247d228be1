//! Media in a bucket with versions, from request to audit log: exported and deleted by keys that are no paths.

use contracts::http::{JobView, MediaCounts};
use reqwest::Method;
use serde_json::{Value, json};
use testkit::s3::{BUCKET, Lock, S3Server};
use tests::{Api, Options, Servers, System};
use uuid::Uuid;

use crate::support::{PATIENCE, audited, downloaded, vantage};

/// What an application has written beside the keys of the sample, behind `media/<organisation>/`.
const ODD: [&str; 7] = ["/x", "a//x", "x/", "a/../x", "./x", "a\tb", "..//"];

/// The sample company with a bucket beside each key, and every key behind its organisation's prefix.
struct Company {
    system: System,
    server: S3Server,
    one: Uuid,
    other: Uuid,
}

impl Company {
    async fn new() -> Self {
        let servers = Servers::shared().unwrap();
        let (database, seeded) = vantage(&servers.pg_url, &[1_500, 300]).await;
        let [one, other] = seeded.organisations.as_slice() else {
            panic!("two organisations were asked for")
        };
        let (one, other) = (one.id, other.id);
        // No provider of tokens is set up here.
        let sql = "DELETE FROM oauth_tokens; ALTER TABLE media_assets ADD COLUMN bucket text; \
                   UPDATE media_assets m SET storage_key = 'media/' || c.organisation_id || '/' || m.storage_key \
                   FROM conversations c WHERE c.id = m.conversation_id";
        database.client.batch_execute(sql).await.unwrap();
        let server = S3Server::with_versions(1000);
        let media = "media: {key: storage_key, bucket_column: bucket, prefix: 'media/{organisation}/'}";
        let field = "    - {name: bucket, description: Bucket, data_categories: [system.operations]}\n";
        let map = sample::DATA_MAP.replace("media: {key: storage_key}", media);
        let map = map.replace("    - name: storage_key\n", &format!("{field}    - name: storage_key\n"));
        let url = format!("s3://{BUCKET}");
        let media = vec![("default".to_owned(), url, server.options())];
        let options = Options { data_map: map, media, ..Options::default() };
        let system = System::start(servers, database, &options).await.unwrap();
        Self { system, server, one, other }
    }

    fn api(&self) -> Api {
        self.system.api(&self.one.to_string(), "owner").unwrap()
    }

    /// The rows of the first organisation, by id, with their keys.
    async fn rows(&self, organisation: Uuid) -> Vec<(String, String)> {
        let from = sample::rows_of_organisation("media_assets").unwrap();
        let sql = format!("SELECT t.id::text, t.storage_key {from} ORDER BY t.id::text")
            .replace("$1", &format!("'{organisation}'"));
        let rows = self.system.subjects.client.query(&sql, &[]).await.unwrap();
        rows.iter().map(|row| (row.get(0), row.get(1))).collect()
    }

    async fn set(&self, id: &str, column: &str, value: &str) {
        let sql = format!("UPDATE media_assets SET {column} = $1 WHERE id::text = $2");
        assert_eq!(self.system.subjects.client.execute(&sql, &[&value, &id]).await.unwrap(), 1);
    }

    /// Has an erasure with media accepted, and waits for its end.
    async fn erased(&self) -> JobView {
        let sql = "SELECT name::text FROM organisations WHERE id = $1";
        let name: String = self.system.subjects.client.query_one(sql, &[&self.one]).await.unwrap().get(0);
        let body = json!({"confirm_org_name": name, "delete_media": true, "grace_period_days": 0});
        let job = accepted(&self.api(), "/delete", body).await;
        self.api().wait(job, &["completed", "failed"], PATIENCE).await.unwrap()
    }
}

/// Sends a request that must be accepted; the id of what comes of it.
async fn accepted(api: &Api, path: &str, body: Value) -> Uuid {
    let response = api.send(Method::POST, path, Some(body)).await.unwrap();
    let (status, text) = (response.status(), response.text().await.unwrap());
    assert!(status.is_success(), "{path}: {status} {text}");
    let answer: Value = serde_json::from_str(&text).unwrap();
    answer.get("id").and_then(Value::as_str).unwrap().parse().unwrap()
}

/// The number of objects in an export: all but the one outside of the prefix. Each holds its own key.
async fn exported(company: &Company, objects: usize) {
    let export = company.api().export_of(json!({"include_media": true, "format": "json"})).await.unwrap();
    let export = company.api().wait(export, &["completed", "failed"], PATIENCE).await.unwrap();
    assert_eq!(export.summary.state, "completed", "{:?}", export.failure);
    let mut archive = downloaded(&company.api(), export.summary.id).await;
    let listed: Vec<Value> = serde_json::from_slice(&archive.file("media/index.json")).unwrap();
    assert_eq!(listed.len(), objects);
    for object in listed {
        let text = |name: &str| object.get(name).and_then(Value::as_str).unwrap();
        assert_eq!(archive.file(text("path")), text("key").as_bytes());
    }
}

async fn hold_row(company: &Company, id: &str) {
    let comparison = json!({"column": "id", "operator": "equal", "value": id});
    let scope = json!({"rows": {"collection": "vantage.media_assets", "comparisons": [comparison]}});
    let hold = json!({"scope": scope, "ground": "legal_claims", "owner": "legal", "review_on": "2027-06-30"});
    accepted(&company.api(), "/holds", hold).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn odd_keys_are_exported_and_deleted_with_every_version_and_what_stays_has_a_ground() {
    let company = Company::new().await;
    let (one, other, server) = (company.one, company.other, &company.server);
    let rows = company.rows(one).await;
    assert!(rows.len() > ODD.len() + 3, "{}", rows.len());
    for ((id, _), odd) in rows.iter().zip(ODD) {
        company.set(id, "storage_key", &format!("media/{one}/{odd}")).await;
    }
    let theirs = format!("media/{other}/theirs");
    let [outside, locked, held] = [ODD.len(), ODD.len() + 1, ODD.len() + 2].map(|at| rows[at].0.clone());
    company.set(&outside, "storage_key", &theirs).await;
    company.set(&locked, "storage_key", &format!("media/{one}/b/../locked")).await;
    company.set(&held, "storage_key", &format!("media/{one}//held")).await;

    // Only of keys that an object can have.
    let named: Vec<String> = company.rows(one).await.into_iter().map(|(_, key)| key).collect();
    let (possible, impossible): (Vec<&String>, Vec<&String>) =
        named.iter().partition(|key| key.len() <= 1024);
    for key in &possible {
        server.put(key, b"old");
        server.hide(key);
        server.put(key, key.as_bytes());
    }
    let untouched: Vec<String> = company.rows(other).await.into_iter().map(|(_, key)| key).collect();
    let untouched: Vec<&String> = untouched.iter().filter(|key| key.len() <= 1024).collect();
    untouched.iter().for_each(|key| server.put(key, b"of another"));
    server.put(&format!("media/{one}/x"), b"named by nobody");
    server.lock(&format!("media/{one}/b/../locked"), Lock::LegalHold);

    exported(&company, possible.len() - 1).await;
    hold_row(&company, &held).await;
    let job = company.erased().await;
    assert_eq!(job.summary.state, "completed", "{:?}", job.failure);
    let deleted = i64::try_from(possible.len()).unwrap() - 3;
    let [media] = job.media.as_slice() else { panic!("one step: {:?}", job.media) };
    assert_eq!(media.collection, "vantage.media_assets");
    let expected = MediaCounts {
        objects: deleted,
        versions: 2 * deleted,
        markers: deleted,
        missing: 0,
        outside: 1,
        locked: 1,
        impossible: i64::try_from(impossible.len()).unwrap(),
    };
    assert_eq!(media.counts, expected);
    audited(&company.system, &job).await;
    let sql = "SELECT media::text FROM audit_logs WHERE job_id = $1 AND media IS NOT NULL";
    let logged = company.system.control.client.query(sql, &[&job.summary.id]).await.unwrap();
    let logged: Vec<MediaCounts> =
        logged.iter().map(|row| serde_json::from_str(row.get(0)).unwrap()).collect();
    assert_eq!(logged, [expected]);

    let mut left: Vec<String> = untouched.into_iter().cloned().collect();
    left.extend([theirs, format!("media/{one}/b/../locked"), format!("media/{one}//held")]);
    left.push(format!("media/{one}/x"));
    left.sort_unstable();
    assert_eq!(server.objects(), left);
    let keys = company.rows(one).await;
    let standing = keys.iter().filter(|(_, key)| named.contains(key)).map(|(id, _)| id.as_str());
    assert_eq!(standing.collect::<Vec<_>>(), [held.as_str()], "the held row still says where its object is");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_without_settings_is_refused_in_words_and_nothing_is_erased() {
    let company = Company::new().await;
    let rows = company.rows(company.one).await;
    rows.iter().filter(|(_, key)| key.len() <= 1024).for_each(|(_, key)| company.server.put(key, b"photo"));
    company.set(&rows[0].0, "bucket", "archive").await;
    let before = company.server.versions();
    let job = company.erased().await;
    assert_eq!(job.summary.state, "failed");
    let failure = job.failure.unwrap();
    assert_eq!(failure.code, "media_bucket_unknown");
    assert!(failure.detail.contains("add [service.buckets.archive]"), "{}", failure.detail);
    assert_eq!((company.rows(company.one).await, company.server.versions()), (rows, before));
    assert_eq!(
        company.system.subjects.number("SELECT count(*) FROM lethe.journal WHERE step_no > 2").await.unwrap(),
        0
    );
}
