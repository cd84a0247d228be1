//! Pseudonyms of two organisations: equal values become others, so that nobody can join the rows of both.

use crate::world::World;

const SCHEMA: &str = "
    CREATE TABLE org (id text PRIMARY KEY, name text NOT NULL);
    CREATE TABLE account (id int PRIMARY KEY, org_id text NOT NULL REFERENCES org, email text, device uuid, nick text);
    INSERT INTO org VALUES ('o1', 'First Ltd'), ('o2', 'Second Ltd');
    INSERT INTO account
    SELECT n, 'o' || (1 + n % 2), 'ada@mail.example', '00000000-0000-4000-8000-000000000001', 'ada'
    FROM generate_series(1, 4) n;";

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
    - {name: email, data_categories: [user.contact.email], lethe: {strategy: pseudonymise}}
    - {name: device, data_categories: [user.device], lethe: {strategy: pseudonymise}}
    - {name: nick, data_categories: [user.name], lethe: {strategy: pseudonymise}}
";

#[tokio::test(flavor = "multi_thread")]
async fn equal_values_of_two_organisations_become_different_pseudonyms() {
    let world = World::new(SCHEMA, MAP, None).await;
    for organisation in ["o1", "o2"] {
        let ended = world.erase(organisation).await;
        assert_eq!((ended.state.as_str(), ended.failure), ("completed", None), "{organisation}");
    }
    for column in ["email", "device", "nick"] {
        let met = format!("SELECT count(DISTINCT {column}), count(DISTINCT (org_id, {column})) FROM account");
        assert_eq!(
            world.rows(&met).await,
            ["(2,2)"],
            "{column}: one for each organisation, and none in both"
        );
        let left = format!("SELECT 1 FROM account WHERE {column}::text ~ '^(ada|0{{8}}-0000-4000)'");
        assert!(world.rows(&left).await.is_empty(), "{column}");
    }
}
