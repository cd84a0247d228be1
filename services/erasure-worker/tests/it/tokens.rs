//! Tokens of more rows than are read at a time.

use testkit::organisation;

use crate::spared::release;
use crate::world::World;

const MAP: &str = "
dataset:
- fides_key: shop
  lethe: {organisation: {collection: org, key: id}}
  collections:
  - name: org
    fields:
    - {name: id, fides_meta: {primary_key: true}}
  - name: grants
    lethe: {tenant: org, erase: delete, oauth: {provider: provider, refresh_token: token}}
    fields:
    - {name: id, fides_meta: {primary_key: true}}
    - {name: org, fides_meta: {references: [{dataset: shop, field: org.id}]}}
    - {name: provider}
    - {name: token, data_categories: [user.account]}
";

/// Full pages alone: each begins where the one before ended, and none is taken for the end.
#[tokio::test(flavor = "multi_thread")]
async fn every_token_is_revoked_once_however_many_there_are() {
    let sql = "
        CREATE TABLE org (id int PRIMARY KEY);
        CREATE TABLE grants (id int PRIMARY KEY, org int NOT NULL REFERENCES org, provider text, token text);
        INSERT INTO org VALUES (1), (2);
        INSERT INTO grants SELECT n, 1 + n % 2, 'mail', 'token-' || n FROM generate_series(1, 2000) n;";
    let world = World::new(sql, MAP, None).await;
    let ended = world.erase("1").await;
    assert_eq!((ended.state.as_str(), ended.failure), ("completed", None));
    let mut revoked: Vec<u32> = world.provider.accepted().iter().map(|told| number(told)).collect();
    revoked.sort_unstable();
    let expected: Vec<u32> = (1..=1_000).map(|n| 2 * n).collect();
    assert_eq!(revoked, expected);
}

/// Whoever is held by name, after the planning and before the first token is read, keeps the tokens too.
#[tokio::test(flavor = "multi_thread")]
async fn a_hold_on_one_person_that_comes_late_keeps_that_persons_tokens() {
    let sql = "
        CREATE TABLE org (id int PRIMARY KEY);
        CREATE TABLE grants (id int PRIMARY KEY, org int NOT NULL REFERENCES org, owner text, provider text, token text);
        INSERT INTO org VALUES (1), (2);
        INSERT INTO grants SELECT n, 1 + n % 2, 'p' || n || '@mail.example', 'mail', 'token-' || n FROM generate_series(1, 20) n;";
    let owner = "- {name: owner, data_categories: [user.contact.email], fides_meta: {identity: email}}";
    let map = MAP.replace("- {name: provider}", &format!("{owner}\n    - {{name: provider}}"));
    let world = World::new(sql, &map, None).await;
    let job = world.planned().await;
    let scope = serde_json::json!({"kind": "subject", "identity_type": "email"});
    let held = world.hold(scope, serde_json::json!({"identity_value": "p8@mail.example"})).await;
    let ended = world.finish(job, &organisation("1")).await;
    assert_eq!((ended.state.as_str(), ended.failure), ("completed", None));
    let mut revoked: Vec<u32> = world.provider.accepted().iter().map(|told| number(told)).collect();
    revoked.sort_unstable();
    assert_eq!(revoked, [2, 4, 6, 10, 12, 14, 16, 18, 20]);
    assert_eq!(world.rows("SELECT id FROM grants WHERE org = 1").await, ["(8)"]);
    let after = release(&world, held).await;
    assert_eq!((after.state.as_str(), after.failure), ("completed", None));
    let last: Vec<u32> = world.provider.accepted().iter().map(|told| number(told)).collect();
    assert_eq!((last.len(), last.last()), (10, Some(&8)));
}

/// The number of the token in the body of a request.
fn number(body: &str) -> u32 {
    let digits = body.split("token-").nth(1).unwrap();
    digits.chars().take_while(char::is_ascii_digit).collect::<String>().parse().unwrap()
}
