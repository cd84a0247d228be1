//! The package of one person says so, and what is withheld.

use serde_json::json;
use testkit::new_export;

use crate::world::World;

const SCHEMA: &str = "
    CREATE TABLE org (id int PRIMARY KEY, name text NOT NULL);
    CREATE TABLE person (id int PRIMARY KEY, org int NOT NULL REFERENCES org, email text NOT NULL);
    CREATE TABLE note (id int PRIMARY KEY, org int NOT NULL REFERENCES org, author int REFERENCES person, text text);
    CREATE TABLE thread (id int PRIMARY KEY, org int NOT NULL REFERENCES org, opened_by int REFERENCES person, subject text);
    INSERT INTO org VALUES (1, 'Brightwater <Vets> & Co'), (2, 'Two');
    INSERT INTO person VALUES (1, 1, 'ann@example.com'), (2, 1, 'bob@example.com'), (3, 1, 'cleo@example.com');
    INSERT INTO note VALUES (1, 1, 1, 'of ann'), (2, 1, 2, 'of bob'), (3, 1, 1, 'of ann too');
    INSERT INTO thread VALUES (1, 1, 1, 'opened by ann'), (2, 1, 2, 'opened by bob'), (3, 1, 1, 'opened by ann too');";

const MAP: &str = "
dataset:
- fides_key: shop
  lethe: {organisation: {collection: org, key: id, name: name}}
  collections:
  - name: org
    fields:
    - {name: id, fides_meta: {primary_key: true}}
    - {name: name, data_categories: [user.name], lethe: {strategy: redact_text}}
  - name: person
    lethe: {tenant: org}
    fields:
    - {name: id, fides_meta: {primary_key: true}}
    - {name: org, fides_meta: {references: [{dataset: shop, field: org.id}]}}
    - {name: email, data_categories: [user.contact.email], fides_meta: {identity: email}}
  - name: note
    lethe: {tenant: org}
    fields:
    - {name: id, fides_meta: {primary_key: true}}
    - {name: org, fides_meta: {references: [{dataset: shop, field: org.id}]}}
    - {name: author, data_categories: [user.unique_id], fides_meta: {references: [{dataset: shop, field: person.id}]}}
    - {name: text, data_categories: [user.content]}
  - name: thread
    lethe: {tenant: org, rows: shared}
    fields:
    - {name: id, fides_meta: {primary_key: true}}
    - {name: org, fides_meta: {references: [{dataset: shop, field: org.id}]}}
    - {name: opened_by, data_categories: [user.unique_id], fides_meta: {references: [{dataset: shop, field: person.id}]}}
    - {name: subject, data_categories: [user.content]}
";

#[tokio::test(flavor = "multi_thread")]
async fn a_persons_package_says_whose_it_is_and_counts_what_is_withheld() {
    let world = World::new(SCHEMA, MAP, json!({})).await;
    let exported = world.run(&world.person("email", "ann@example.com")).await;
    assert!(
        exported.text("data/note.json").contains("of ann")
            && !exported.text("data/note.json").contains("of bob")
    );
    let manifest = exported.manifest();
    assert_eq!(manifest["organisation"], "1");
    assert_eq!(manifest["organisation_name"], "Brightwater <Vets> & Co");
    assert_eq!(manifest["person"]["identity_type"], "email");
    let withheld = manifest["person"]["withheld"].as_array().unwrap();
    let counted: Vec<_> = withheld.iter().map(|entry| (&entry["collection"], &entry["rows"])).collect();
    assert_eq!(counted, [(&json!("thread"), &json!(2))], "{manifest:#}");
    assert!(withheld[0]["reason"].as_str().unwrap().contains("Article 15(4)"));
    assert_eq!(exported.view.exported.unwrap().rows_withheld, 2);

    let note = exported.note();
    assert!(note.starts_with("DATA EXPORT OF ONE PERSON"), "{note}");
    assert!(note.contains("Brightwater <Vets> & Co") && note.contains("records of one person"), "{note}");
    assert!(note.contains("2 records that have to do with the person were withheld."), "{note}");
    assert!(note.contains("Affected: thread (2 records)."), "{note}");
    assert!(!note.contains("Nothing was left out"), "{note}");
    let page = exported.text("index.html");
    let title = "<title>Data export of one person, kept for Brightwater &lt;Vets&gt; &amp; Co</title>";
    assert!(page.contains(title) && page.contains("2 records withheld"), "{page}");
    assert!(!page.contains("Nothing was left out"), "{page}");
    for text in [&note, &page, &manifest.to_string()] {
        assert!(!text.contains("bob@example.com") && !text.contains("opened by"), "{text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_of_whom_nothing_is_withheld_is_told_so() {
    let world = World::new(SCHEMA, MAP, json!({})).await;
    let exported = world.run(&world.person("email", "cleo@example.com")).await;
    assert_eq!(exported.manifest()["person"], json!({"identity_type": "email"}));
    assert_eq!(exported.view.exported.unwrap().rows_withheld, 0);
    assert!(exported.note().contains("Nothing was left out of this package."));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_package_of_an_organisation_has_its_name_for_a_title_and_no_persons() {
    let world = World::new(SCHEMA, MAP, json!({})).await;
    let exported = world.run(&new_export("1")).await;
    let (manifest, note, page) = (exported.manifest(), exported.note(), exported.text("index.html"));
    assert_eq!(
        (manifest.get("person"), &manifest["organisation_name"]),
        (None, &json!("Brightwater <Vets> & Co"))
    );
    assert!(note.starts_with("DATA EXPORT ===") && !note.contains("one person"), "{note}");
    assert!(page.contains("<title>Data export of Brightwater &lt;Vets&gt; &amp; Co</title>"), "{page}");
    assert!(exported.text("data/thread.json").contains("opened by bob"));
    // Nobody has given the other one a name.
    world.client.batch_execute("UPDATE org SET name = ' '").await.unwrap();
    let exported = world.run(&new_export("1")).await;
    assert_eq!(exported.manifest().get("organisation_name"), None);
    assert!(exported.text("index.html").contains("<title>Data export of 1</title>"));
}

/// Letters lead to a person by nothing that holds an identity, and the person's own row is behind an address.
const BEHIND: &str = "
    CREATE TABLE org (id int PRIMARY KEY, name text NOT NULL);
    CREATE TABLE account (id int PRIMARY KEY, org int NOT NULL REFERENCES org, full_name text);
    CREATE TABLE mail (id int PRIMARY KEY, account int NOT NULL REFERENCES account, address text NOT NULL UNIQUE);
    INSERT INTO org VALUES (1, 'One');
    INSERT INTO account VALUES (1, 1, 'Ann'), (2, 1, 'Bob');
    INSERT INTO mail VALUES (11, 1, 'ann@example.com'), (12, 1, 'ann@work.example'), (13, 2, 'bob@example.com');";

const BEHIND_MAP: &str = "
dataset:
- fides_key: shop
  lethe: {organisation: {collection: org, key: id, name: name}}
  collections:
  - name: org
    fields: [{name: id, fides_meta: {primary_key: true}}, {name: name}]
  - name: account
    lethe: {tenant: org}
    fields:
    - {name: id, fides_meta: {primary_key: true}}
    - {name: org, fides_meta: {references: [{dataset: shop, field: org.id, direction: from}]}}
    - {name: full_name, data_categories: [user.name]}
  - name: mail
    lethe: {tenant: account}
    fields:
    - {name: id, fides_meta: {primary_key: true}}
    - {name: account, fides_meta: {references: [{dataset: shop, field: account.id, direction: from}]}}
    - {name: address, data_categories: [user.contact.email], fides_meta: {identity: email}}
";

#[tokio::test(flavor = "multi_thread")]
async fn a_persons_package_says_what_was_not_looked_through() {
    let world = World::new(BEHIND, BEHIND_MAP, json!({})).await;
    let exported = world.run(&world.person("email", "ann@example.com")).await;
    let left_out = exported.manifest()["omitted"].clone();
    assert_eq!((&left_out[0]["collection"], left_out.as_array().unwrap().len()), (&json!("account"), 1));
    for text in [exported.note(), exported.text("index.html")] {
        assert!(!text.contains("Nothing was left out"), "{text}");
        assert!(text.contains("so they were not looked through"), "{text}");
    }
    // Of the whole organisation everything is there.
    let whole = world.run(&new_export("1")).await;
    assert_eq!(whole.manifest()["omitted"], json!([]));
}
