//! The server's counters show what a transaction did to every table, whoever did it.

use connectors::StoreConfig;
use connectors::erase::{Changed, Effects, EraseScope, EraseStatement, PseudonymKey, Rows};
use domain::datamap::Strategy;
use domain::id::OrganisationId;
use domain::schema::TableName;

use crate::erase::support::{KEY, changes_of, constant, key, whole};
use crate::support::{Bench, TestDatabase, far_future};

/// Three persons of organisation 1, and one of organisation 2.
const SCHEMA: &str = "
CREATE TABLE org (id int PRIMARY KEY);
CREATE TABLE person (id int PRIMARY KEY, org int NOT NULL REFERENCES org, note text) WITH (fillfactor = 50);
CREATE TABLE card (id int PRIMARY KEY, person int REFERENCES person ON DELETE CASCADE, gone boolean);
CREATE TABLE badge (id int PRIMARY KEY, person int REFERENCES person ON DELETE SET NULL);
CREATE TABLE log (id int, org int NOT NULL, region text, note text, PRIMARY KEY (id, region)) PARTITION BY LIST (region);
CREATE TABLE log_a PARTITION OF log FOR VALUES IN ('a') PARTITION BY RANGE (id);
CREATE TABLE log_a_early PARTITION OF log_a FOR VALUES FROM (0) TO (10);
CREATE TABLE log_a_late PARTITION OF log_a FOR VALUES FROM (10) TO (100);
CREATE TABLE log_b PARTITION OF log FOR VALUES IN ('b');
CREATE TABLE history (id int GENERATED ALWAYS AS IDENTITY, person int, old text);
INSERT INTO org VALUES (1), (2);
INSERT INTO person SELECT n, 1 + n / 4, 'note ' || n FROM generate_series(1, 4) n;
INSERT INTO card SELECT n, 1 + n % 4, false FROM generate_series(1, 8) n;
INSERT INTO badge SELECT n, n FROM generate_series(1, 4) n;
INSERT INTO log SELECT n, 1, CASE WHEN n % 3 = 0 THEN 'b' ELSE 'a' END, 'note' FROM generate_series(1, 18) n;
";

const MAP: &str = "
dataset:
- fides_key: shop
  lethe: {organisation: {collection: org, key: id}}
  collections:
  - name: org
    fields: [{name: id, fides_meta: {primary_key: true}}]
  - name: person
    lethe: {tenant: org}
    fields:
    - {name: id, fides_meta: {primary_key: true}}
    - {name: org, fides_meta: {references: [{dataset: shop, field: org.id}]}}
    - {name: note, data_categories: [user.content]}
  - name: card
    lethe: {tenant: person, erase: delete}
    fields:
    - {name: id, fides_meta: {primary_key: true}}
    - {name: person, fides_meta: {references: [{dataset: shop, field: person.id}]}}
  - name: log
    lethe: {tenant: org}
    fields:
    - {name: id, fides_meta: {primary_key: true}}
    - {name: region, fides_meta: {primary_key: true}}
    - {name: org, fides_meta: {references: [{dataset: shop, field: org.id}]}}
    - {name: note, data_categories: [user.content]}
  - name: log_b
    lethe: {tenant: org}
    fields:
    - {name: id, fides_meta: {primary_key: true}}
    - {name: org, fides_meta: {references: [{dataset: shop, field: org.id}]}}
";

/// A trigger that keeps what a note was.
const HISTORY: &str = "
CREATE FUNCTION remember() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN
    INSERT INTO public.history (person, old) VALUES (OLD.id, OLD.note); RETURN NULL;
END$$;
CREATE TRIGGER remember AFTER UPDATE ON person FOR EACH ROW EXECUTE FUNCTION remember();";

struct Counted {
    database: TestDatabase,
    bench: Bench,
    key: PseudonymKey,
    organisation: OrganisationId,
}

impl Counted {
    /// One connection, so that one transaction follows the other on it.
    async fn with(more: &str) -> Self {
        let database = TestDatabase::with(&format!("{SCHEMA};{more}")).await;
        let config = StoreConfig { max_connections: 1, ..database.config("") };
        let bench = Bench::new(connectors::SubjectStore::connect(&config).unwrap(), MAP).await;
        let organisation = OrganisationId::parse("1").unwrap();
        Self { database, bench, key: PseudonymKey::new(&KEY), organisation }
    }

    fn update(&self, collection: &str, column: &str, strategy: Strategy) -> EraseStatement<'_> {
        let (all, changes) = (whole(), changes_of(&[(column, strategy)]));
        let (collection, scope) =
            (self.bench.collection(collection), EraseScope::all(&self.organisation, far_future()));
        let schema = &self.bench.schema;
        EraseStatement::anonymise(collection, schema, &scope, &Rows::Range(&all), &changes, &self.key)
            .unwrap()
    }

    fn delete(&self, collection: &str, rows: &Rows<'_>) -> EraseStatement<'_> {
        let scope = EraseScope::all(&self.organisation, far_future());
        let collection = self.bench.collection(collection);
        EraseStatement::delete(collection, &self.bench.schema, &scope, rows).unwrap()
    }

    /// Executes it for good: what was counted before, what this transaction did, and what it said.
    async fn run(&self, statement: &EraseStatement<'_>) -> (Effects, Effects, u64) {
        let transaction = self.bench.store.begin_erase().await.unwrap();
        let before = transaction.effects().await.unwrap();
        let rows = transaction.execute(statement).await.unwrap();
        let after = transaction.effects().await.unwrap().since(&before);
        transaction.commit().await.unwrap();
        (before, after, rows)
    }

    /// What it did that was not planned, in words.
    async fn unplanned(&self, statement: &EraseStatement<'_>) -> Vec<String> {
        let (_, effects, rows) = self.run(statement).await;
        let planned = Effects::default().with(statement, rows);
        effects.unplanned(&planned).iter().map(ToString::to_string).collect()
    }
}

fn table(name: &str) -> TableName {
    TableName { schema: "public".to_owned(), table: name.to_owned() }
}

/// What was done, by table: rows inserted, updated, deleted.
fn told(effects: &Effects) -> Vec<(String, [i64; 3])> {
    let one = |(table, Changed { inserted, updated, deleted }): (&TableName, Changed)| {
        (table.table.clone(), [inserted, updated, deleted])
    };
    effects.tables().map(one).collect()
}

fn only(name: &str, changed: [i64; 3]) -> Vec<(String, [i64; 3])> {
    vec![(name.to_owned(), changed)]
}

#[tokio::test]
async fn what_is_committed_outlives_a_crash_whatever_the_databases_default_is() {
    let counted = Counted::with(
        "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET synchronous_commit = off', current_database()); END $$;
         CREATE FUNCTION tell() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN
             NEW.note := current_setting('synchronous_commit'); RETURN NEW;
         END$$;
         CREATE TRIGGER tell BEFORE UPDATE ON person FOR EACH ROW EXECUTE FUNCTION tell()",
    )
    .await;
    counted.run(&counted.update("person", "note", Strategy::Null)).await;
    let sql = "SELECT count(*) FROM person WHERE org = 1 AND note = 'on'";
    assert_eq!(counted.database.client.query_one(sql, &[]).await.unwrap().get::<_, i64>(0), 3);
}

#[tokio::test]
async fn an_update_and_a_delete_count_their_rows_and_nothing_else() {
    let counted = Counted::with("").await;
    let statement = counted.update("person", "note", Strategy::Null);
    let (_, effects, rows) = counted.run(&statement).await;
    assert_eq!((told(&effects), rows), (only("person", [0, 3, 0]), 3));
    assert_eq!(effects.unplanned(&Effects::default().with(&statement, 3)), []);
    let keys = [key(&["1"]), key(&["4"]), key(&["5"])];
    let statement = counted.delete("card", &Rows::Keys(&keys));
    let (_, effects, rows) = counted.run(&statement).await;
    assert_eq!((told(&effects), rows), (only("card", [0, 0, 3]), 3));
    assert_eq!(effects.unplanned(&Effects::default().with(&statement, 3)), []);
    let fewer = effects.unplanned(&Effects::default().with(&statement, 2));
    assert_eq!(fewer[0].to_string(), "public.card: 3 rows deleted where 2 were planned");
}

#[tokio::test]
async fn an_update_that_changes_nothing_counts_and_one_of_no_row_does_not() {
    let counted = Counted::with("").await;
    for _ in 0..2 {
        let (_, effects, _) = counted.run(&counted.update("person", "note", constant("gone"))).await;
        assert_eq!(told(&effects), only("person", [0, 3, 0]));
    }
    let (_, effects, rows) = counted.run(&counted.delete("card", &Rows::Keys(&[key(&["99"])]))).await;
    assert_eq!((told(&effects), rows), (Vec::new(), 0));
}

#[tokio::test]
async fn partitions_of_any_level_count_for_their_root() {
    let counted = Counted::with("").await;
    let statement = counted.update("log", "note", Strategy::Null);
    let (_, effects, _) = counted.run(&statement).await;
    assert_eq!(told(&effects), only("log", [0, 18, 0]));
    assert_eq!(effects.unplanned(&Effects::default().with(&statement, 18)), []);
    // A partition that the map names as a table of its own is planned under its own name.
    let all = whole();
    let statement = counted.delete("log_b", &Rows::Range(&all));
    let (_, effects, _) = counted.run(&statement).await;
    assert_eq!(told(&effects), only("log", [0, 0, 6]));
    assert_eq!(effects.unplanned(&Effects::default().with(&statement, 6)), []);
    // A row that goes to another partition is deleted and inserted by one UPDATE.
    let statement = counted.update("log", "region", constant("b"));
    let (_, effects, rows) = counted.run(&statement).await;
    assert_eq!((told(&effects), rows), (only("log", [12, 0, 12]), 12));
    assert_eq!(effects.unplanned(&Effects::default().with(&statement, 12)), []);
}

#[tokio::test]
async fn rows_that_foreign_keys_delete_and_change_along_are_told() {
    // Whoever deletes persons by this map has not said what becomes of cards and badges.
    let counted = Counted::with("").await;
    let keys = [key(&["1"]), key(&["2"])];
    assert_eq!(
        counted.unplanned(&counted.delete("person", &Rows::Keys(&keys))).await,
        [
            "public.badge: 2 rows updated that were not planned",
            "public.card: 4 rows deleted that were not planned"
        ]
    );
}

#[tokio::test]
async fn a_history_that_a_trigger_writes_is_told() {
    let counted = Counted::with(HISTORY).await;
    let told = counted.unplanned(&counted.update("person", "note", Strategy::Null)).await;
    assert_eq!(told, ["public.history: 3 rows inserted that were not planned"]);
}

#[tokio::test]
async fn a_rule_that_does_something_else_is_told() {
    let rule =
        "CREATE RULE kept AS ON DELETE TO card DO INSTEAD UPDATE card SET gone = true WHERE id = OLD.id";
    let counted = Counted::with(rule).await;
    let keys = [key(&["1"]), key(&["4"])];
    let told = counted.unplanned(&counted.delete("card", &Rows::Keys(&keys))).await;
    assert_eq!(told, ["public.card: 2 rows updated that were not planned"]);
}

#[tokio::test]
async fn what_a_trigger_undid_by_an_exception_counts_as_written() {
    let function = "
        CREATE FUNCTION tries() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN
            BEGIN
                INSERT INTO public.history (person, old) VALUES (OLD.id, OLD.note);
                RAISE EXCEPTION 'no';
            EXCEPTION WHEN raise_exception THEN NULL;
            END;
            RETURN NULL;
        END$$;
        CREATE TRIGGER tries AFTER UPDATE ON person FOR EACH ROW EXECUTE FUNCTION tries()";
    let counted = Counted::with(function).await;
    let told = counted.unplanned(&counted.update("person", "note", Strategy::Null)).await;
    assert_eq!(told, ["public.history: 3 rows inserted that were not planned"]);
    let left = counted.database.client.query_one("SELECT count(*) FROM history", &[]).await.unwrap();
    assert_eq!(left.get::<_, i64>(0), 0, "the counters err to the safe side");
}

#[tokio::test]
async fn of_transactions_on_one_connection_each_has_its_own() {
    let counted = Counted::with("").await;
    let statement = counted.update("person", "note", Strategy::Null);
    let mut seen = false;
    for _ in 0..20 {
        let (before, effects, _) = counted.run(&statement).await;
        assert_eq!(told(&effects), only("person", [0, 3, 0]));
        seen |= before.of(&table("person")).updated >= 3;
    }
    assert!(seen, "the server keeps the numbers of a transaction for a while, up to a second");
    // One that is rolled back counts as well, for itself and for none after it.
    let transaction = counted.bench.store.begin_erase().await.unwrap();
    transaction.execute(&statement).await.unwrap();
    transaction.rollback().await.unwrap();
    let (_, effects, _) = counted.run(&statement).await;
    assert_eq!(told(&effects), only("person", [0, 3, 0]));
}

#[tokio::test]
async fn rows_that_stay_on_their_page_count_like_all_others() {
    let counted = Counted::with("").await;
    let (_, effects, _) = counted.run(&counted.update("person", "note", Strategy::Null)).await;
    assert_eq!(told(&effects), only("person", [0, 3, 0]));
    // With its connection gone, the server has published what it did.
    let Counted { database, bench, .. } = counted;
    drop(bench);
    let hot = "SELECT n_tup_upd, n_tup_hot_upd FROM pg_stat_user_tables WHERE relname = 'person'";
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(30);
    loop {
        let row = database.client.query_one(hot, &[]).await.unwrap();
        let (updated, hot) = (row.get::<_, i64>(0), row.get::<_, i64>(1));
        if updated > 0 {
            assert_eq!((updated, hot), (3, 3), "no index had to learn of it");
            break;
        }
        assert!(std::time::Instant::now() < deadline, "the server publishes nothing");
    }
}
