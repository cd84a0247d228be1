//! One address, however it is written: in the request, and in the company's own rows.

use crate::world::{Ended, World};

const SCHEMA: &str = r"
    CREATE TABLE org (id text PRIMARY KEY, name text NOT NULL);
    CREATE TABLE account (id int PRIMARY KEY, org_id text NOT NULL REFERENCES org, email text UNIQUE, full_name text);
    INSERT INTO org VALUES ('o1', 'Erste GmbH'), ('o2', 'Zweite GmbH');
    INSERT INTO account VALUES
        (1, 'o1', normalize('jörg@bücher.example', NFC), 'composed'),
        (2, 'o1', normalize('jörg@bücher.example', NFD), 'decomposed'),
        (3, 'o1', normalize('jörg', NFC) || '@xn--bcher-kva.example', 'punycode'),
        (4, 'o1', normalize('JÖRG@BÜCHER.EXAMPLE', NFD), 'decomposed, in capitals'),
        (5, 'o1', U&'\FEFFmira@kunde.example', 'byte order mark'),
        (6, 'o1', U&'mira@kunde.example\200B', 'zero width'),
        (7, 'o1', U&'mira@kunde.example\00A0', 'blank'),
        (8, 'o1', 'mira@kunde.example', 'plain'),
        (9, 'o1', 'mira@kunde.example.', 'dot'),
        (10, 'o1', 'Mira K <mira@kunde.example>', 'display'),
        (11, 'o1', 'mira+shop@kunde.example', 'plus'),
        (12, 'o2', 'Mira@kunde.example', 'elsewhere');";

const MAP: &str = "
dataset:
- fides_key: shop
  lethe: {organisation: {collection: org, key: id, name: name}}
  collections:
  - name: org
    fields: [{name: id, fides_meta: {primary_key: true}}, {name: name}]
  - name: account
    lethe: {tenant: org_id}
    fields:
    - {name: id, fides_meta: {primary_key: true}}
    - {name: org_id, fides_meta: {references: [{dataset: shop, field: org.id, direction: from}]}}
    - {name: email, data_categories: [user.contact.email], fides_meta: {identity: email}, lethe: {strategy: #strategy}}
    - {name: full_name, data_categories: [user.name], lethe: {strategy: keep}}
";

async fn world(strategy: &str) -> World {
    World::new(SCHEMA, &MAP.replace("#strategy", strategy), None).await
}

fn completed(ended: &Ended) {
    assert_eq!((ended.state.as_str(), ended.failure.as_deref()), ("completed", None));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_spelling_of_an_address_is_the_persons() {
    let world = world("'null'").await;
    let erased = "SELECT id FROM account WHERE email IS NULL ORDER BY id";
    // As an earlier version sealed it: in small letters, and no more.
    completed(&world.erase_person("o1", "email", "jo\u{308}rg@xn--bcher-kva.example.").await);
    assert_eq!(world.rows(erased).await, ["(1)", "(2)", "(3)", "(4)"]);
    completed(&world.erase_person("o1", "email", "\u{feff}Mira@kunde.example").await);
    assert_eq!(world.rows(erased).await, [1, 2, 3, 4, 5, 6, 7, 8, 9].map(|id| format!("({id})")));
    let nobody = world.erase_person("o1", "email", "mi.ra@kunde.example").await;
    assert!(world.plan(&nobody, "o1").await.nobody_found, "dots before the @ are others");
}

/// Values that the column holds to be two stay two: nothing joined them before, and the column is unique.
#[tokio::test(flavor = "multi_thread")]
async fn spellings_that_were_two_values_become_two_pseudonyms() {
    let world = world("pseudonymise").await;
    completed(&world.erase_person("o1", "email", "mira@kunde.example").await);
    let tokens = "SELECT count(DISTINCT email) FROM account WHERE id BETWEEN 5 AND 9 AND email LIKE '%@erased.invalid'";
    assert_eq!(world.rows(tokens).await, ["(5)"]);
    assert_eq!(world.rows("SELECT email FROM account WHERE id = 12").await, ["(Mira@kunde.example)"]);
}
