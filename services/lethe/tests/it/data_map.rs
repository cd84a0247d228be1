//! `lethe data-map check` and `lethe data-map journal`

use std::path::PathBuf;

use serde_json::json;
use tempfile::TempDir;

use crate::support::{Database, Lethe, Run};

const SCHEMA: &str = "
    CREATE TABLE clubs (id int PRIMARY KEY, name text);
    CREATE TABLE members (id int PRIMARY KEY, club int REFERENCES clubs, email text NOT NULL UNIQUE);
    CREATE TABLE notes (id int, member int REFERENCES members, body text);";

const MAP: &str = "\
dataset:
- fides_key: clubs
  lethe:
    store: clubs
    organisation: {collection: clubs, key: id}
  collections:
  - name: clubs
    lethe: {tenant: id}
    fields:
    - {name: id, fides_meta: {primary_key: true}}
    - {name: name}
  - name: members
    lethe: {tenant: club}
    fields:
    - {name: id, fides_meta: {primary_key: true}}
    - {name: club, fides_meta: {references: [{dataset: clubs, field: clubs.id}]}}
    - {name: email, data_categories: [user.contact.email], lethe: {strategy: pseudonymise}}
  - name: notes
    lethe: {tenant: member}
    fields:
    - {name: id}
    - {name: member, fides_meta: {references: [{dataset: clubs, field: members.id}]}}
    - {name: body}
";

struct Map {
    _directory: TempDir,
    file: PathBuf,
}

impl Map {
    fn of(text: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("map.yaml");
        std::fs::write(&file, text).unwrap();
        Self { _directory: directory, file }
    }

    async fn check(&self, more: &[&str]) -> Run {
        Lethe::with(&[&["data-map", "check", self.file.to_str().unwrap()], more].concat()).run().await
    }
}

#[tokio::test]
async fn a_good_map_is_read_and_explained() {
    let map = Map::of(MAP);
    let run = map.check(&["--explain"]).await.ended_with(0);
    assert!(run.out.contains("clubs.notes    notes → members → club\n"), "{}", run.out);
    assert!(run.out.contains("compared with no database"), "{}", run.out);
    let report = map.check(&["--json"]).await.ended_with(0).json();
    assert_eq!((&report["ok"], &report["checked_against"]), (&json!(true), &json!([])));
    assert_eq!(report["collections"][2]["through"], json!(["notes", "members"]));
    assert_eq!(report["collections"][2]["organisation_column"], "club");
}

#[tokio::test]
async fn a_bad_map_is_refused_with_line_and_column() {
    let unknown_key = Map::of(&MAP.replace("lethe: {tenant: member}", "lethe: {tennant: member}"));
    let run = unknown_key.check(&[]).await.ended_with(1);
    assert!(run.out.contains(&format!("{}:19:", unknown_key.file.display())), "{}", run.out);
    assert!(run.out.contains("tennant"), "{}", run.out);

    let dangling = Map::of(&MAP.replace("field: members.id", "field: people.id"));
    let report = dangling.check(&["--json"]).await.ended_with(1).json();
    assert_eq!(report["ok"], false);
    assert_eq!(
        (&report["findings"][0]["blocks"], &report["findings"][0]["path"]),
        (&json!("everything"), &json!("clubs.notes"))
    );
    assert!(report["findings"][0]["line"].as_u64().unwrap() >= 18, "{report}");

    let no_yaml = Map::of("dataset: [");
    no_yaml.check(&[]).await.ended_with(1);
    let missing = Lethe::with(&["data-map", "check", "/nonexistent.yaml"]).run().await.ended_with(1);
    assert!(missing.err.contains("/nonexistent.yaml"), "{}", missing.err);
}

#[tokio::test]
async fn the_live_schema_is_compared() {
    let database = Database::empty().await;
    database.session().await.batch_execute(SCHEMA).await.unwrap();
    let store = format!("clubs={}", database.url());

    let good = Map::of(MAP);
    let run = good.check(&["--store", &store]).await.ended_with(0);
    assert!(run.out.contains("1 error: no erasure can run"), "no primary key of notes: {}", run.out);
    assert!(run.out.contains("compared with the live schema of clubs"), "{}", run.out);
    good.check(&["--store", &store, "--strict"]).await.ended_with(1);

    let bad = Map::of(&MAP.replace("name: body", "name: bodyy").replace("name: email", "name: e_mail"));
    let run = bad.check(&["--store", &store]).await.ended_with(1);
    let place = bad.file.display().to_string();
    assert!(run.out.contains(&format!("{place}:17:14: clubs.members.e_mail: ")), "{}", run.out);
    assert!(run.out.contains("is `email` meant?"), "{}", run.out);
    assert!(run.out.contains(&format!("{place}:23:14: clubs.notes.bodyy: ")), "{}", run.out);

    let by_environment = Lethe::with(&["data-map", "check", good.file.to_str().unwrap(), "--json"])
        .env("LETHE_STORES", &store);
    let report = by_environment.run().await.ended_with(0).json();
    assert_eq!(report["checked_against"], json!(["clubs"]));
    database.remove().await;
}

#[tokio::test]
async fn tables_that_inherit_stand_in_the_way_of_every_job() {
    let database = Database::empty().await;
    let archive = "CREATE TABLE members_2019 (PRIMARY KEY (id)) INHERITS (members)";
    database.session().await.batch_execute(&format!("{SCHEMA} {archive}")).await.unwrap();
    let store = format!("clubs={}", database.url());
    let map = Map::of(MAP);
    let run = map.check(&["--store", &store]).await.ended_with(1);
    let told = "clubs.members: public.members: public.members_2019 inherits from public.members (INHERITS)";
    assert!(run.out.contains(told), "{}", run.out);
    let report = map.check(&["--store", &store, "--json"]).await.ended_with(1).json();
    let findings = report["findings"].as_array().unwrap();
    let found = findings.iter().find(|found| found["path"] == "clubs.members").unwrap();
    assert_eq!(found["blocks"], "everything", "exports would hold the rows of others");
    database.remove().await;
}

#[tokio::test]
async fn stores_that_cannot_be_used_are_said_without_their_passwords() {
    let map = Map::of(MAP);
    let wrong = map.check(&["--store", "u:hunter2@h/d"]).await.ended_with(2);
    let stranger = map.check(&["--store", "shop=postgres://u:hunter2@127.0.0.1:1/d"]).await.ended_with(2);
    assert!(stranger.err.contains("its stores are: clubs"), "{}", stranger.err);
    let away =
        map.check(&["--json", "--store", "clubs=postgres://u:hunter2@127.0.0.1:1/d"]).await.ended_with(1);
    assert_eq!(away.json()["error"]["exit_code"], 1);
    for run in [wrong, stranger, away] {
        assert!(!run.err.contains("hunter2") && !run.out.contains("hunter2"), "{}{}", run.out, run.err);
        assert!(run.err.contains("next: "), "{}", run.err);
    }
}

#[tokio::test]
async fn the_journal_is_made_by_what_is_printed_and_for_that_role_alone() {
    let database = Database::empty().await;
    let role = format!("{} \"eraser\"", database.name);
    let quoted = format!("\"{}\"", role.replace('"', "\"\""));
    let admin = database.session().await;
    admin.batch_execute(&format!("CREATE ROLE {quoted}")).await.unwrap();
    let sql = Lethe::with(&["data-map", "journal", "--role", &role]).run().await.ended_with(0).out;
    admin.batch_execute(&sql.repeat(2)).await.unwrap();
    let may = |what: &'static str| {
        let (admin, role) = (&admin, &role);
        async move {
            let sql = "SELECT has_table_privilege($1, 'lethe.journal', $2)";
            admin.query_one(sql, &[role, &what]).await.unwrap().get::<_, bool>(0)
        }
    };
    assert!(may("INSERT").await && may("SELECT").await);
    assert!(!may("UPDATE").await && !may("DELETE").await && !may("TRUNCATE").await);
    let document = Lethe::with(&["data-map", "journal", "--json", "--role", &role]);
    let document = document.run().await.ended_with(0).json();
    assert_eq!((&document["role"], &document["sql"]), (&json!(role), &json!(sql)));
    Lethe::with(&["data-map", "journal", "--role", ""]).run().await.ended_with(2);
    admin.batch_execute(&format!("DROP OWNED BY {quoted}; DROP ROLE {quoted}")).await.unwrap();
    database.remove().await;
}
