//! Personal data to which nothing leads from a person's identity is named in plan and result.

use domain::erasure::KeptColumns;
use serde_json::json;

use crate::world::World;

/// Addresses in a table of their own: they lead to nothing by the direction that the map gives.
const SCHEMA: &str = "
    CREATE TABLE org (id text PRIMARY KEY, name text NOT NULL);
    CREATE TABLE account (id int PRIMARY KEY, org_id text NOT NULL REFERENCES org, full_name text);
    CREATE TABLE mail (id int PRIMARY KEY, account_id int NOT NULL REFERENCES account, address text NOT NULL UNIQUE);
    CREATE TABLE letter (id int PRIMARY KEY, account_id int NOT NULL REFERENCES account, body text);
    INSERT INTO org VALUES ('o1', 'First Ltd'), ('o2', 'Second Ltd');
    INSERT INTO account VALUES (1, 'o1', 'Anna'), (2, 'o1', 'Bert'), (3, 'o2', 'Zoe');
    INSERT INTO mail VALUES (11, 1, 'anna@mail.example'), (12, 1, 'anna@work.example'), (13, 2, 'bert@mail.example');
    INSERT INTO letter VALUES (1, 1, 'from Anna'), (2, 2, 'from Bert');";

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
    - {name: full_name, data_categories: [user.name]}
  - name: mail
    lethe: {tenant: account_id}
    fields:
    - {name: id, fides_meta: {primary_key: true}}
    - {name: account_id, fides_meta: {references: [{dataset: shop, field: account.id, direction: from}]}}
    - {name: address, data_categories: [user.contact.email], fides_meta: {identity: email}}
  - name: letter
    lethe: {tenant: account_id}
    fields:
    - {name: id, fides_meta: {primary_key: true}}
    - {name: account_id, fides_meta: {references: [{dataset: shop, field: account.id, direction: from}]}}
    - {name: body, data_categories: [user.content.private]}
";

#[tokio::test(flavor = "multi_thread")]
async fn what_nothing_leads_to_is_named_in_plan_and_result() {
    let world = World::new(SCHEMA, MAP, None).await;
    let of = |collection: &str, column: &str| KeptColumns {
        collection: collection.to_owned(),
        columns: vec![column.to_owned()],
    };
    let expected = [of("shop.account", "full_name"), of("shop.letter", "body")];
    for address in ["anna@mail.example", "nobody@mail.example"] {
        let ended = world.erase_person("o1", "email", address).await;
        assert_eq!((ended.state.as_str(), ended.failure.as_deref()), ("completed", None), "{address}");
        assert_eq!(world.plan(&ended, "o1").await.unreached, expected, "{address}");
        assert_eq!(world.verified(ended.job).await["unreached"], json!(expected), "{address}");
        let shown = serde_json::to_value(ended.view.found.unwrap()).unwrap();
        assert_eq!(shown["unreached"], json!(expected), "{address}: and the job says so to whoever asks");
    }
    let whole = world.erase("o1").await;
    assert_eq!(world.plan(&whole, "o1").await.unreached, []);
    assert_eq!(world.verified(whole.job).await.get("unreached"), None);
}
