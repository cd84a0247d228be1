//! Names that only quoting makes safe, and tenants that lead backwards.

use crate::support::{Bench, TestDatabase, firsts};

/// Users are linked to organisations by a table of their own, all of it named as badly as can be.
const SCHEMA: &str = r#"
CREATE SCHEMA "we""ird schema";
CREATE TABLE "we""ird schema"."order" ("group" uuid PRIMARY KEY, "selectFrom" text);
CREATE TABLE "we""ird schema"."Us""er" (id bigint PRIMARY KEY, "camelCase" text, "user" text, "x'; DROP TABLE users; --" int);
CREATE TABLE "we""ird schema"."memberShips" ("userId" bigint, "group" uuid, id int, PRIMARY KEY ("userId", "group", id));
INSERT INTO "we""ird schema"."order" VALUES
    ('00000000-0000-0000-0000-00000000000a', 'A'), ('00000000-0000-0000-0000-00000000000b', 'B');
INSERT INTO "we""ird schema"."Us""er" VALUES (0, 'both', 'u', 1), (1, 'only a', NULL, 2), (2, 'only b', '', 3), (3, 'nobody', 'n', 4);
INSERT INTO "we""ird schema"."memberShips" VALUES
    (0, '00000000-0000-0000-0000-00000000000a', 1), (0, '00000000-0000-0000-0000-00000000000a', 2), (0, '00000000-0000-0000-0000-00000000000b', 1),
    (1, '00000000-0000-0000-0000-00000000000a', 1), (2, '00000000-0000-0000-0000-00000000000b', 3);
"#;

const MAP: &str = r#"
dataset:
- fides_key: odd
  fides_meta: {namespace: {schema: 'we"ird schema'}}
  lethe:
    organisation: {collection: order, key: group, name: selectFrom}
  collections:
  - name: order
    fields: [{name: group, fides_meta: {primary_key: true}}, {name: selectFrom}]
  - name: memberShips
    lethe: {tenant: group}
    fields:
    - {name: userId, fides_meta: {primary_key: true}}
    - {name: group, fides_meta: {primary_key: true, references: [{dataset: odd, field: order.group}]}}
    - {name: id, fides_meta: {primary_key: true}}
  - name: 'Us"er'
    lethe: {tenant: {columns: [id], through: {collection: memberShips, fields: [userId]}}}
    fields: [{name: id, fides_meta: {primary_key: true}}, {name: camelCase}, {name: user}, {name: "x'; DROP TABLE users; --"}]
"#;

#[tokio::test]
async fn a_user_of_two_organisations_appears_once_in_each() {
    let database = TestDatabase::with(SCHEMA).await;
    let bench = Bench::new(database.store(), MAP).await;
    let a = bench.rows("Us\"er", "00000000-0000-0000-0000-00000000000A").await;
    let b = bench.rows("Us\"er", "00000000-0000-0000-0000-00000000000b").await;
    // `id` is also a column of the table in between: the predicate must not compare that one.
    assert_eq!((firsts(&a), firsts(&b)), (vec!["0", "1"], vec!["0", "2"]));
    assert_eq!(a[0][1].as_deref(), Some("both"));
    assert_eq!((a[1][2].as_deref(), b[1][2].as_deref()), (None, Some("")));
    assert_eq!(bench.rows("memberShips", "00000000-0000-0000-0000-00000000000b").await.len(), 2);
    assert_eq!(bench.rows("order", "00000000-0000-0000-0000-00000000000b").await[0][1].as_deref(), Some("B"));
    let findings = domain::datamap::check(&bench.map, &[("odd".to_owned(), bench.schema.clone())].into());
    assert!(findings.is_empty(), "{findings:?}");
}
