//! Tokens of more rows than are read at a time.

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

/// The number of the token in the body of a request.
fn number(body: &str) -> u32 {
    let digits = body.split("token-").nth(1).unwrap();
    digits.chars().take_while(char::is_ascii_digit).collect::<String>().parse().unwrap()
}
