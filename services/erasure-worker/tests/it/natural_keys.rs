//! Keys that are personal data: refused, unless the map says that they stay; then every report lists them.

use serde_json::json;

use crate::world::World;

const SCHEMA: &str = "
    CREATE TABLE org (id text PRIMARY KEY, name text NOT NULL);
    CREATE TABLE person (email text PRIMARY KEY, org_id text NOT NULL REFERENCES org, full_name text);
    CREATE TABLE post (id int PRIMARY KEY, author text REFERENCES person ON UPDATE CASCADE ON DELETE SET NULL, body text);
    INSERT INTO org VALUES ('1', 'First Ltd'), ('2', 'Second Ltd');
    INSERT INTO person VALUES ('anna@mail.example', '1', 'Anna'), ('bert@mail.example', '1', 'Bert'), ('zoe@mail.example', '2', 'Zoe');
    INSERT INTO post VALUES (1, 'anna@mail.example', 'a'), (2, 'bert@mail.example', 'b'), (3, 'zoe@mail.example', 'z'), (4, NULL, 'orphan');";

const MAP: &str = "
dataset:
- fides_key: shop
  lethe: {organisation: {collection: org, key: id}}
  collections:
  - name: org
    fields: [{name: id, fides_meta: {primary_key: true}}, {name: name}]
  - name: person
    lethe: {tenant: org_id}
    fields:
    - {name: email, data_categories: [user.contact.email], fides_meta: {primary_key: true, identity: email}}
    - {name: org_id, fides_meta: {references: [{dataset: shop, field: org.id, direction: from}]}}
    - {name: full_name, data_categories: [user.name]}
  - name: post
    lethe: {tenant: author}
    fields:
    - {name: id, fides_meta: {primary_key: true}}
    - {name: author, fides_meta: {references: [{dataset: shop, field: person.email, direction: from}]}}
    - {name: body, data_categories: [user.content.private]}
";

/// The map with this strategy of the key.
fn by(strategy: &str) -> String {
    let said = format!("[user.contact.email], lethe: {{strategy: {strategy}}}");
    MAP.replacen("[user.contact.email]", &said, 1)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_with_personal_data_stands_in_the_way_of_every_erasure() {
    for (map, told) in [
        (MAP.to_owned(), "shop.person.email: error (erasure): the primary key holds personal data"),
        (
            by("pseudonymise"),
            "public.person.email: the strategy `pseudonymise` would change the primary key; let the rows be deleted with `lethe: {erase: delete}`",
        ),
    ] {
        let world = World::new(SCHEMA, &map, None).await;
        let before = world.digests().await;
        for ended in [world.erase("1").await, world.erase_person("1", "email", "anna@mail.example").await] {
            let failure = ended.failure.unwrap_or_default();
            assert!(ended.state == "failed" && failure.contains(told), "{failure}");
        }
        assert_eq!(world.digests().await, before);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_kept_is_listed_before_and_afterwards() {
    let world = World::new(SCHEMA, &by("keep"), None).await;
    let kept = json!([
        {"collection": "shop.person", "columns": ["email"]},
        {"collection": "shop.post", "columns": ["author"]},
    ]);
    for ended in [world.erase_person("1", "email", "anna@mail.example").await, world.erase("1").await] {
        assert_eq!((ended.state.as_str(), ended.failure.as_deref()), ("completed", None));
        let plan = serde_json::to_value(world.plan(&ended, "1").await).unwrap();
        assert_eq!(plan["kept"], kept);
        assert_eq!(world.verified(ended.job).await["kept"], kept);
        let shown = serde_json::to_value(ended.view.found.unwrap()).unwrap();
        assert_eq!(shown["kept"], kept, "and the job says so to whoever asks");
    }
    let people = world.rows("SELECT * FROM person WHERE org_id = '1' ORDER BY 1").await;
    assert_eq!(people, ["(anna@mail.example,1,)", "(bert@mail.example,1,)"]);
    // Nobody was found: nothing is kept of anybody.
    let nobody = world.erase_person("1", "email", "nobody@mail.example").await;
    assert!(world.plan(&nobody, "1").await.kept.is_empty());
}

/// Rows that are deleted leave nothing, and those that refer let go.
#[tokio::test(flavor = "multi_thread")]
async fn rows_that_are_deleted_need_no_other_key() {
    let map = MAP.replacen("{tenant: org_id}", "{tenant: org_id, erase: delete}", 1);
    let map = map.replacen("{tenant: author}", "{tenant: author, erase: delete}", 1);
    let world = World::new(SCHEMA, &map, None).await;
    let ended = world.erase_person("1", "email", "anna@mail.example").await;
    assert_eq!((ended.state.as_str(), ended.failure.as_deref()), ("completed", None));
    assert_eq!(world.rows("SELECT id FROM post ORDER BY id").await, ["(2)", "(3)", "(4)"]);
    assert_eq!(
        world.rows("SELECT email FROM person ORDER BY 1").await,
        ["(bert@mail.example)", "(zoe@mail.example)"]
    );
}
