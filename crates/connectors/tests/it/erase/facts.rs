//! What the catalogues say of a schema that has one of everything.

use std::collections::BTreeSet;

use connectors::SubjectStore;
use domain::erasure::facts::{ReferentialAction, StoreFacts, TableFacts};
use domain::schema::TableName;

use crate::support::TestDatabase;

const SCHEMA: &str = r#"
CREATE SCHEMA "odd Schema";
CREATE TABLE "odd Schema"."order" ("group" int, "camelCase" int, note text, total int GENERATED ALWAYS AS ("group" + 1) STORED,
    PRIMARY KEY ("group", "camelCase"));
CREATE TABLE "odd Schema"."orderLine" (id int PRIMARY KEY, "camelCase" int DEFAULT 0, "group" int DEFAULT 0,
    CONSTRAINT "line of order" FOREIGN KEY ("group", "camelCase") REFERENCES "odd Schema"."order" ON DELETE CASCADE ON UPDATE SET DEFAULT);
CREATE TABLE outside (id int PRIMARY KEY, line int REFERENCES "odd Schema"."orderLine" ON DELETE SET NULL ON UPDATE RESTRICT);
CREATE TABLE far_away (id int REFERENCES outside);
CREATE FUNCTION nothing() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN COALESCE(NEW, OLD); END';
CREATE TRIGGER "onUpdate" BEFORE UPDATE OF note, "camelCase" ON "odd Schema"."order" FOR EACH ROW EXECUTE FUNCTION nothing();
CREATE TRIGGER any_change AFTER UPDATE OR DELETE ON "odd Schema"."order" FOR EACH STATEMENT EXECUTE FUNCTION nothing();
CREATE TRIGGER on_insert AFTER INSERT ON "odd Schema"."order" FOR EACH ROW EXECUTE FUNCTION nothing();
CREATE TRIGGER off AFTER DELETE ON "odd Schema"."order" FOR EACH ROW EXECUTE FUNCTION nothing();
ALTER TABLE "odd Schema"."order" DISABLE TRIGGER off;
CREATE TABLE event (id int, year int, line int, PRIMARY KEY (id, year)) PARTITION BY LIST (year);
CREATE TABLE event_2024 PARTITION OF event FOR VALUES IN (2024);
ALTER TABLE event ADD FOREIGN KEY (line) REFERENCES "odd Schema"."orderLine";
CREATE TRIGGER whole AFTER DELETE ON event FOR EACH ROW EXECUTE FUNCTION nothing();
CREATE TRIGGER only_2024 AFTER DELETE ON event_2024 FOR EACH ROW EXECUTE FUNCTION nothing();
CREATE TABLE remark (event int, year int, FOREIGN KEY (event, year) REFERENCES event_2024 (id, year));
CREATE TRIGGER by_note AFTER UPDATE OF total ON "odd Schema"."order" FOR EACH ROW WHEN (OLD.note IS NOT NULL) EXECUTE FUNCTION nothing();
CREATE VIEW glance AS SELECT 1 AS id;
CREATE TABLE ruled (id int);
CREATE RULE "keepAll" AS ON DELETE TO ruled DO INSTEAD NOTHING;
CREATE TABLE guarded (id int);
ALTER TABLE guarded ENABLE ROW LEVEL SECURITY;
"#;

fn table(schema: &str, table: &str) -> TableName {
    TableName { schema: schema.to_owned(), table: table.to_owned() }
}

fn columns(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn names(facts: &TableFacts) -> Vec<&str> {
    facts.triggers.iter().map(|trigger| trigger.name.as_str()).collect()
}

async fn all(store: &SubjectStore) -> StoreFacts {
    let tables = [
        table("odd Schema", "order"),
        table("odd Schema", "orderLine"),
        table("public", "event"),
        table("public", "glance"),
        table("public", "ruled"),
        table("public", "guarded"),
        table("public", "nowhere"),
    ];
    store.facts(&tables).await.unwrap()
}

#[tokio::test]
async fn foreign_keys_are_known_both_ways_with_their_actions() {
    let database = TestDatabase::with(SCHEMA).await;
    let facts = all(&database.store()).await;
    let known: Vec<String> = facts.tables.keys().map(ToString::to_string).collect();
    let expected =
        ["odd Schema.order", "odd Schema.orderLine", "public.event", "public.glance", "public.guarded"];
    assert_eq!(known[..5], expected, "what refers to what was asked for comes too");
    assert_eq!(known[5..], ["public.outside", "public.remark", "public.ruled"], "and nothing further away");

    let line = &facts.tables[&table("odd Schema", "orderLine")].foreign_keys[0];
    assert_eq!((line.name.as_str(), &line.target), ("line of order", &table("odd Schema", "order")));
    assert_eq!(
        (&line.columns[..], &line.target_columns[..]),
        (
            &["group".to_owned(), "camelCase".to_owned()][..],
            &["group".to_owned(), "camelCase".to_owned()][..]
        )
    );
    assert_eq!((line.on_delete, line.on_update), (ReferentialAction::Cascade, ReferentialAction::SetDefault));
    let outside = &facts.tables[&table("public", "outside")].foreign_keys[0];
    assert_eq!(
        (outside.on_delete, outside.on_update),
        (ReferentialAction::SetNull, ReferentialAction::Refuse)
    );
    // A key of a partitioned table counts once, and one that refers to a partition, to the table.
    assert_eq!(facts.tables[&table("public", "event")].foreign_keys.len(), 1);
    let remark = &facts.tables[&table("public", "remark")].foreign_keys;
    assert_eq!((remark.len(), &remark[0].target), (1, &table("public", "event")));
}

#[tokio::test]
async fn triggers_that_would_fire_are_known() {
    let database = TestDatabase::with(SCHEMA).await;
    let facts = all(&database.store()).await;
    let order = &facts.tables[&table("odd Schema", "order")];
    assert_eq!(names(order), ["any_change", "by_note", "onUpdate"]);
    assert_eq!(
        (order.triggers[0].on_update_of.clone(), order.triggers[0].on_delete),
        (Some(columns(&[])), true)
    );
    assert_eq!(order.triggers[2].on_update_of, Some(columns(&["camelCase", "note"])));
    assert!(!order.triggers[2].on_delete);
    let of: Vec<_> = order.triggers.iter().map(|one| (one.per_row, one.conditional)).collect();
    assert_eq!(of, [(false, false), (true, true), (true, false)]);
    // `total` is computed from `group`.
    assert_eq!(order.triggers[1].on_update_of, Some(columns(&["group", "total"])));
    assert_eq!(names(&facts.tables[&table("public", "event")]), ["only_2024", "whole"]);
    let ruled = &facts.tables[&table("public", "ruled")];
    assert_eq!((names(ruled), ruled.triggers[0].on_delete), (vec!["keepAll"], true));
    assert!(!ruled.triggers[0].per_row, "a rule asks for no row");
}

#[tokio::test]
async fn the_roles_rights_are_known_column_by_column() {
    let mut database = TestDatabase::with(SCHEMA).await;
    let (role, act_as) = database.role().await;
    let grants = format!(
        r#"GRANT USAGE ON SCHEMA "odd Schema" TO {role};
        GRANT SELECT, UPDATE (note, "camelCase") ON "odd Schema"."order" TO {role};
        GRANT DELETE ON "odd Schema"."orderLine" TO {role};
        GRANT SELECT, UPDATE, DELETE ON guarded, glance TO {role}"#
    );
    database.client.batch_execute(&grants).await.unwrap();
    let facts = all(&SubjectStore::connect(&database.config(&act_as)).unwrap()).await;
    let order = &facts.tables[&table("odd Schema", "order")];
    assert_eq!((&order.updatable, order.deletable), (&columns(&["note", "camelCase"]), false));
    assert!(order.writable_kind && !order.row_security);
    let line = &facts.tables[&table("odd Schema", "orderLine")];
    assert_eq!((&line.updatable, line.deletable), (&columns(&[]), true));
    let guarded = &facts.tables[&table("public", "guarded")];
    assert_eq!((&guarded.updatable, guarded.row_security), (&columns(&["id"]), true));
    assert!(!facts.tables[&table("public", "glance")].writable_kind);
    assert!(facts.tables[&table("public", "event")].writable_kind);
    // A right on a table is none without the right to its schema.
    database
        .client
        .batch_execute(&format!(r#"REVOKE USAGE ON SCHEMA "odd Schema" FROM {role}"#))
        .await
        .unwrap();
    let facts = all(&SubjectStore::connect(&database.config(&act_as)).unwrap()).await;
    assert!(!facts.tables[&table("odd Schema", "orderLine")].deletable);
    // A superuser is above row-level security.
    assert!(!all(&database.store()).await.tables[&table("public", "guarded")].row_security);
}

#[tokio::test]
async fn a_session_that_counts_nothing_is_known() {
    let database = TestDatabase::with(SCHEMA).await;
    assert!(!all(&database.store()).await.uncounted);
    let name: String =
        database.client.query_one("SELECT current_database()::text", &[]).await.unwrap().get(0);
    let off = format!("ALTER DATABASE {name} SET track_counts = off");
    database.client.batch_execute(&off).await.unwrap();
    assert!(all(&database.store()).await.uncounted);
}
