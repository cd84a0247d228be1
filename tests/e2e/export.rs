//! The main job: an organisation's export equals its database, value by value, in both formats.

use std::collections::{BTreeMap, BTreeSet};

use reqwest::{Method, StatusCode};
use tests::{Database, Options, Servers, System};

use crate::archive::Archive;
use crate::support::{PATIENCE, audited, complete, downloaded, vantage};

/// A row by column: its text, and its JSON.
type Expected = BTreeMap<String, (Option<String>, String)>;

/// What a table's rows must look like, asked from the database itself.
async fn rows_of(
    database: &Database,
    table: &str,
    organisation: uuid::Uuid,
    columns: &BTreeSet<String>,
) -> Vec<Expected> {
    let from = sample::rows_of_organisation(table).unwrap_or_else(|| panic!("no rows are known of {table}"));
    let list: Vec<String> = columns
        .iter()
        .map(|column| {
            let quoted = format!("t.\"{}\"", column.replace('"', "\"\""));
            // What a type prints, as COPY does; a cast to text prints some types otherwise (inet).
            format!("CASE WHEN {quoted} IS NOT NULL THEN format('%s', {quoted}) END, coalesce(to_json({quoted})::text, 'null')")
        })
        .collect();
    database
        .client
        .batch_execute("SET TimeZone = 'UTC'; SET DateStyle = 'ISO'; SET bytea_output = 'hex'")
        .await
        .unwrap();
    let sql = format!("SELECT {} {from}", list.join(", "));
    let rows =
        database.client.query(&sql, &[&organisation]).await.unwrap_or_else(|e| panic!("{table}: {e}: {sql}"));
    rows.iter()
        .map(|row| {
            columns
                .iter()
                .enumerate()
                .map(|(i, column)| (column.clone(), (row.get(2 * i), row.get(2 * i + 1))))
                .collect()
        })
        .collect()
}

/// JSON without insignificant white space, so that `json` columns compare by what they say.
fn compact(json: &str) -> String {
    let (mut out, mut inside, mut escaped) = (String::new(), false, false);
    for c in json.chars() {
        if inside {
            inside = escaped || c != '"';
            escaped = c == '\\' && !escaped;
        } else if c.is_ascii_whitespace() {
            continue;
        } else {
            inside = c == '"';
        }
        out.push(c);
    }
    out
}

fn same_json(found: &str, (_, json): &(Option<String>, String)) -> bool {
    match (serde_json::from_str::<String>(found), serde_json::from_str::<String>(json)) {
        (Ok(found), Ok(expected)) => found == expected,
        _ => compact(found) == compact(json),
    }
}

fn same_csv(found: &str, (text, _): &(Option<String>, String)) -> bool {
    let expected = text.clone().unwrap_or_default();
    // JSON may be compacted; all else is as the database prints it.
    found == expected || compact(found) == compact(&expected)
}

async fn equals_database(archive: &mut Archive, database: &Database, organisation: uuid::Uuid) {
    for file in archive.manifest().files {
        let table = file.collection.clone();
        let columns: BTreeSet<String> = file.columns.iter().map(|column| column.name.clone()).collect();
        let expected = rows_of(database, &table, organisation, &columns).await;
        assert_eq!(usize::try_from(file.rows).unwrap(), expected.len(), "{}", file.path);
        if file.format == "json" {
            matched(&file.path, &columns, &expected, archive.json(&table), same_json);
        } else {
            matched(&file.path, &columns, &expected, archive.csv(&table), same_csv);
        }
    }
}

/// Rows come in no order: each expected row must match one found, by all its values.
fn matched(
    path: &str,
    columns: &BTreeSet<String>,
    expected: &[Expected],
    mut found: Vec<BTreeMap<String, String>>,
    same: fn(&str, &(Option<String>, String)) -> bool,
) {
    for row in expected {
        let fits = |record: &BTreeMap<String, String>| {
            record.len() == columns.len()
                && row.iter().all(|(column, value)| record.get(column).is_some_and(|v| same(v, value)))
        };
        let Some(at) = found.iter().position(fits) else {
            // The nearest record tells which columns differ; their values stay out of the report.
            let differing = |record: &BTreeMap<String, String>| -> Vec<String> {
                row.iter()
                    .filter(|(c, v)| !record.get(*c).is_some_and(|f| same(f, v)))
                    .map(|(c, _)| c.clone())
                    .collect()
            };
            let nearest = found.iter().map(differing).min_by_key(Vec::len);
            panic!("{path}: a row of the database is not in the file; the nearest differs in {nearest:?}");
        };
        found.swap_remove(at);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_value_of_an_organisation_equals_the_database_in_both_formats() {
    let servers = Servers::shared().unwrap();
    let (database, seeded) = vantage(&servers.pg_url, &[900, 400, 300]).await;
    // The first organisation is exported in parallel steps, its larger collections in key ranges,
    // the others in one step.
    let options = Options { whole_export_rows: 500, part_rows: 40, ..Options::default() };
    let system = System::start(servers, database, &options).await.unwrap();
    for organisation in &seeded.organisations {
        let api = system.api(&organisation.id.to_string(), "owner").unwrap();
        let job = api.export("both").await.unwrap();
        let job = api.wait(job, &["completed", "failed"], PATIENCE).await.unwrap();
        assert_eq!(job.summary.state, "completed", "{:?}", job.failure);
        assert_eq!(job.progress.rows_done, job.progress.rows_planned);
        let cut = job.steps.iter().any(|step| step.kind == "join_collection");
        assert_eq!(cut, organisation.id == seeded.organisations[0].id);
        let mut archive = downloaded(&api, job.summary.id).await;
        complete(&mut archive, organisation);
        equals_database(&mut archive, &system.subjects, organisation.id).await;
        secrets_are_left_out(&mut archive);
        let actions = audited(&system, &job).await;
        assert_eq!(
            (actions.first().unwrap().as_str(), actions.last().unwrap().as_str()),
            ("job.created", "job.completed")
        );
    }
    let read_back = seeded.organisations.len();
    let downloads =
        system.control.number("SELECT count(*) FROM audit_logs WHERE action = 'package.downloaded'");
    assert_eq!(
        usize::try_from(downloads.await.unwrap()).unwrap(),
        read_back,
        "every download is audited once"
    );
}

/// What breaks spreadsheets, parsers, lines and terminals, at lengths that no program expects in a cell.
#[tokio::test(flavor = "multi_thread")]
async fn formulas_zero_bytes_lone_returns_huge_cells_and_right_to_left_text_survive() {
    let name = "=SUM(A1:A9)\rafter a lone return, שלום \u{202e}fdp.exe";
    let huge = "שלום, مرحبا\r=1+1\u{1}\n".repeat((1 << 20) / 24);
    let nothing = r#"{"zero byte": "a\u0000b"}"#;
    let servers = Servers::shared().unwrap();
    let (database, seeded) = vantage(&servers.pg_url, &[100]).await;
    let id = seeded.organisations[0].id;
    let organisation = "UPDATE organisations SET name = $2, \"displayName\" = $3 WHERE id = $1";
    database.client.execute(organisation, &[&id, &name, &huge]).await.unwrap();
    let conversations = "UPDATE conversations SET metadata = $1::text::json";
    database.client.execute(conversations, &[&nothing]).await.unwrap();
    let system = System::start(servers, database, &Options::default()).await.unwrap();
    let api = system.api(&id.to_string(), "owner").unwrap();
    let job = api.export("both").await.unwrap();
    let job = api.wait(job, &["completed", "failed"], PATIENCE).await.unwrap();
    assert_eq!(job.summary.state, "completed", "{:?}", job.failure);
    let mut archive = downloaded(&api, job.summary.id).await;
    equals_database(&mut archive, &system.subjects, id).await;
    let [json] = &archive.json("organisations")[..] else { panic!("one organisation") };
    assert_eq!(serde_json::from_str::<String>(&json["name"]).unwrap(), name);
    assert_eq!(serde_json::from_str::<String>(&json["displayName"]).unwrap(), huge);
    let [csv] = &archive.csv("organisations")[..] else { panic!("one organisation") };
    assert_eq!((&csv["name"], &csv["displayName"]), (&name.to_owned(), &huge));
    let raw = String::from_utf8(archive.file("data/organisations.csv")).unwrap();
    assert!(raw.contains("\"'=SUM(A1:A9)\r"), "no spreadsheet may calculate it");
    assert!(archive.json("conversations").iter().all(|row| row["metadata"].contains("a\\u0000b")));
    shown_harmlessly(&String::from_utf8(archive.file("index.html")).unwrap(), &huge);
}

/// The page shows the same values: what cannot be seen by its name, what is huge by its beginning.
fn shown_harmlessly(page: &str, huge: &str) {
    let shown =
        "=SUM(A1:A9)<i class=\"mark\">CR</i>after a lone return, שלום <i class=\"mark\">U+202E</i>fdp.exe";
    assert!(page.contains(shown));
    assert!(page.contains("שלום, مرحبا"));
    assert!(page.contains("a\\u0000b"));
    assert!(!page.contains(['\r', '\0', '\u{1}', '\u{202e}']), "nothing reaches a browser as it is");
    assert!(huge.len() > 1 << 20 && page.len() < 1 << 20, "a huge cell is cut: {} bytes", page.len());
}

fn secrets_are_left_out(archive: &mut Archive) {
    let manifest = archive.manifest();
    for secret in ["password_hash", "totp_secret", "access_token", "refresh_token"] {
        let entry = manifest.omitted.iter().find(|omitted| omitted.column.as_deref() == Some(secret));
        let entry = entry.unwrap_or_else(|| panic!("{secret} is not listed as left out"));
        assert!(entry.reason.contains("never exported"), "{}: {}", entry.collection, entry.reason);
        assert!(manifest.files.iter().all(|file| file.columns.iter().all(|column| column.name != secret)));
    }
    for file in &manifest.files {
        let content = archive.file(&file.path);
        assert_eq!(u64::try_from(content.len()).unwrap(), file.size_bytes, "{}", file.path);
        assert_eq!(file.sha256.len(), 64);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn another_organisations_token_sees_nothing() {
    let servers = Servers::shared().unwrap();
    let (database, seeded) = vantage(&servers.pg_url, &[300, 300]).await;
    let system = System::start(servers, database, &Options::default()).await.unwrap();
    let [owner, other] =
        [0, 1].map(|i| system.api(&seeded.organisations[i].id.to_string(), "owner").unwrap());
    let job = owner.export("json").await.unwrap();
    owner.wait(job, &["completed"], PATIENCE).await.unwrap();
    for (method, path) in [
        (Method::GET, format!("/jobs/{job}")),
        (Method::GET, format!("/jobs/{job}/download")),
        (Method::POST, format!("/jobs/{job}/cancel")),
        (Method::POST, format!("/jobs/{job}/retry")),
    ] {
        let answer = other.send(method.clone(), &path, None).await.unwrap();
        assert_eq!(answer.status(), StatusCode::NOT_FOUND, "{method} {path}");
    }
    for path in ["/jobs", "/audit"] {
        let answer = other.send(Method::GET, path, None).await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
        assert!(!answer.text().await.unwrap().contains(&job.to_string()), "{path}");
    }
    let member = system.api(&seeded.organisations[0].id.to_string(), "member").unwrap();
    let refused = member.send(Method::GET, &format!("/jobs/{job}/download"), None).await.unwrap();
    assert_eq!(refused.status(), StatusCode::FORBIDDEN);
    // A signed link is for one package of one organisation, and for as long as it says.
    let link = owner.download(job).await.unwrap().link;
    let organisation = seeded.organisations[0].id.to_string();
    let forged = link.replace(&organisation, &seeded.organisations[1].id.to_string());
    assert_ne!(forged, link);
    assert_eq!(owner.get_plain(&forged).await.unwrap().status(), StatusCode::FORBIDDEN);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_organisation_fails_with_a_reason_and_can_be_retried() {
    let servers = Servers::shared().unwrap();
    let (database, _) = vantage(&servers.pg_url, &[300]).await;
    let system = System::start(servers, database, &Options::default()).await.unwrap();
    for organisation in [uuid::Uuid::new_v4().to_string(), "no-uuid'; DROP TABLE users; --".to_owned()] {
        let api = system.api(&organisation, "owner").unwrap();
        let job = api.export("json").await.unwrap();
        let job = api.wait(job, &["completed", "failed"], PATIENCE).await.unwrap();
        assert_eq!(job.failure.as_ref().unwrap().code, "organisation_unknown", "{:?}", job.failure);
        let answer = api.send(Method::POST, &format!("/jobs/{}/retry", job.summary.id), None).await.unwrap();
        assert_eq!(answer.status(), StatusCode::ACCEPTED);
        let version = job.summary.version;
        let again = tests::eventually(PATIENCE, "the retried job ends again", || async {
            let job = api.job(job.summary.id).await?;
            Ok((job.summary.state == "failed" && job.summary.version > version).then_some(job))
        });
        audited(&system, &again.await.unwrap()).await;
    }
}
