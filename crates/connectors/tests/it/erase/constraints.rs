//! Constraints, asked of all rows that are to be changed, and what the server says when they are.

use std::time::Duration;

use connectors::erase::{
    About, Asked, Batch, EraseScope, EraseStatement, PseudonymKey, Rows, Writes, journal_ddl, run_batch,
};
use connectors::{StoreConfig, StoreErrorKind, SubjectStore};
use domain::datamap::Strategy;
use domain::id::OrganisationId;

use crate::erase::support::{KEY, batch, changes_of, constant, whole};
use crate::support::{Bench, TestDatabase, far_future};

/// 150 people of each of two organisations, and one of a third.
const SCHEMA: &str = r#"
CREATE TABLE org (id int PRIMARY KEY);
CREATE TABLE person (id int PRIMARY KEY, org int NOT NULL, email text, code text, note text, born date, kind text,
    "full Name" text, initial text GENERATED ALWAYS AS (left(note, 1)) STORED);
INSERT INTO org VALUES (1), (2), (3);
INSERT INTO person SELECT n, 2 - n % 2, 'p' || n || '@example.org', 'c' || n, 'note of ' || n, date '2020-01-01' + n,
    CASE WHEN n > 280 THEN 'guest' ELSE 'user' END, 'Name ' || n FROM generate_series(1, 300) n;
INSERT INTO person VALUES (301, 3, 'three@example.org', 'c301', 'note', '2020-03-04', 'user', 'Three');
"#;

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
    - {name: email}
";

/// Longer than any question here takes.
const LONGEST: Duration = Duration::from_secs(30);

struct Found {
    broken: Vec<(About, i64)>,
    unproven: Vec<(About, String)>,
    /// How many constraints were asked.
    asked: usize,
    /// Whether the server took the change, when it was made.
    taken: bool,
}

impl Found {
    fn names(&self) -> Vec<(&str, i64)> {
        self.broken.iter().map(|(about, rows)| (about.constraint.as_str(), *rows)).collect()
    }
}

/// Asks, then changes the rows.
async fn of(
    database: &TestDatabase,
    act_as: &str,
    organisation: &str,
    changes: &[(&str, Strategy)],
) -> Found {
    let store = SubjectStore::connect(&database.config(act_as)).unwrap();
    of_bench(&Bench::new(store, MAP).await, organisation, changes).await
}

async fn of_bench(bench: &Bench, organisation: &str, changes: &[(&str, Strategy)]) -> Found {
    let (organisation, key) = (OrganisationId::parse(organisation).unwrap(), PseudonymKey::new(&KEY));
    let (scope, all) = (EraseScope::all(&organisation, far_future()), whole());
    let (rows, changes) = (Rows::Range(&all), changes_of(changes));
    let (collection, schema) = (bench.collection("person"), &bench.schema);
    let columns: Vec<String> = changes.iter().map(|change| change.column.clone()).collect();
    let transaction = bench.store.begin_read().await.unwrap();
    let constraints = transaction.constraints(&collection.table, &columns).await.unwrap();
    let writes = Writes { collection, schema, scope: &scope, rows: &rows, changes: &changes, key: &key };
    let mut found = Found { broken: Vec::new(), unproven: Vec::new(), asked: 0, taken: false };
    for asked in constraints.asked(&writes).unwrap() {
        match asked {
            Asked::Unproven(about, why) => found.unproven.push((about, why)),
            Asked::Query(about, question) => {
                found.asked += 1;
                let rows = transaction.broken(&question, LONGEST).await.unwrap();
                found.broken.extend((rows > 0).then_some((about, rows)));
            }
        }
    }
    transaction.finish().await.unwrap();
    if changes.iter().all(|change| change.strategy != Strategy::FormatPreserving) {
        let statement = EraseStatement::anonymise(collection, schema, &scope, &rows, &changes, &key).unwrap();
        let run = Batch { id: batch(1), statements: std::slice::from_ref(&statement) };
        found.taken = run_batch(&bench.store, &run).await.is_ok();
    }
    found
}

async fn database(sql: &str) -> TestDatabase {
    let database = TestDatabase::with(SCHEMA).await;
    let user: String = database.client.query_one("SELECT current_user::text", &[]).await.unwrap().get(0);
    database.client.batch_execute(&format!("{};{sql}", journal_ddl(&user))).await.unwrap();
    database
}

/// What is there, what is done to organisation 1, and which constraints break for how many rows.
struct Case {
    sql: &'static str,
    changes: &'static [(&'static str, Strategy)],
    broken: &'static [(&'static str, i64)],
}

const NULL: Strategy = Strategy::Null;

const CASES: [Case; 21] = [
    // CHECK
    Case {
        sql: "ALTER TABLE person ADD CONSTRAINT somebody CHECK (kind <> 'guest' OR email IS NOT NULL)",
        changes: &[("email", NULL), ("note", NULL)],
        broken: &[("the constraint `somebody`", 10)],
    },
    Case {
        sql: "ALTER TABLE person ADD CONSTRAINT short CHECK (length(code) < 100)",
        changes: &[("code", NULL)],
        broken: &[],
    },
    Case {
        sql: "ALTER TABLE person ADD CONSTRAINT given CHECK (code IS NOT NULL)",
        changes: &[("code", NULL)],
        broken: &[("the constraint `given`", 150)],
    },
    Case {
        sql: "ALTER TABLE person ADD CONSTRAINT odd CHECK (\"full Name\" ~ '^Name 1')  NOT VALID",
        changes: &[("full Name", Strategy::RedactText)],
        broken: &[("the constraint `odd`", 150)],
    },
    // What rows break already bites whatever column is written.
    Case {
        sql: "ALTER TABLE person ADD CONSTRAINT no_guests CHECK (kind <> 'guest') NOT VALID",
        changes: &[("email", NULL)],
        broken: &[("the constraint `no_guests`", 10)],
    },
    Case {
        sql: "CREATE SCHEMA shop; CREATE FUNCTION shop.fits(t text) RETURNS bool LANGUAGE sql IMMUTABLE AS 'SELECT $1 LIKE ''%@%''';
              ALTER TABLE person ADD CONSTRAINT fits CHECK (shop.fits(email))",
        changes: &[("email", Strategy::Mask)],
        broken: &[("the constraint `fits`", 150)],
    },
    // Of what the server computes
    Case {
        sql: "ALTER TABLE person ADD CONSTRAINT letter CHECK (initial ~ '[a-z]')",
        changes: &[("note", Strategy::RedactText)],
        broken: &[("the constraint `letter`", 150)],
    },
    Case {
        sql: "ALTER TABLE person ALTER initial SET NOT NULL",
        changes: &[("note", NULL)],
        broken: &[("the NOT NULL of `initial`", 150)],
    },
    // UNIQUE
    Case {
        sql: "ALTER TABLE person ADD UNIQUE (code), ADD UNIQUE (org, code)",
        changes: &[("code", NULL)],
        broken: &[],
    },
    Case {
        sql: "CREATE UNIQUE INDEX one ON person (coalesce(code, 'none'))",
        changes: &[("code", NULL)],
        broken: &[("the unique index `one`", 150)],
    },
    Case {
        sql: "CREATE UNIQUE INDEX one_kind ON person (kind, org) WHERE note IS NULL",
        changes: &[("note", NULL)],
        broken: &[("the unique index `one_kind`", 150)],
    },
    Case {
        sql: "CREATE UNIQUE INDEX one ON person (code, email) NULLS NOT DISTINCT",
        changes: &[("code", NULL)],
        broken: &[],
    },
    Case {
        sql: "CREATE UNIQUE INDEX one ON person (code, kind) NULLS NOT DISTINCT",
        changes: &[("code", NULL)],
        broken: &[("the unique index `one`", 150)],
    },
    Case {
        sql: "CREATE UNIQUE INDEX one ON person (code)",
        changes: &[("code", Strategy::Pseudonymise)],
        broken: &[],
    },
    // EXCLUDE
    Case {
        sql: "ALTER TABLE person ADD CONSTRAINT apart EXCLUDE USING gist (int4range(id, id + 3) WITH &&) WHERE (note IS NULL)",
        changes: &[("note", NULL)],
        broken: &[("the exclusion constraint `apart`", 150)],
    },
    Case {
        sql: "ALTER TABLE person ADD CONSTRAINT apart EXCLUDE USING gist (int4range(id, id + 2) WITH &&) WHERE (note IS NULL)",
        changes: &[("note", NULL)],
        broken: &[],
    },
    // Domains, and domains over domains
    Case {
        sql: "CREATE DOMAIN code AS text CONSTRAINT c CHECK (VALUE ~ '^c'); ALTER TABLE person ALTER code TYPE code",
        changes: &[("code", Strategy::Mask)],
        broken: &[("the constraint `c` of its type", 150)],
    },
    Case {
        sql: "CREATE DOMAIN code AS text CONSTRAINT c CHECK (VALUE <> 'x'); CREATE DOMAIN tag AS code CONSTRAINT short CHECK (length(VALUE) < 10);
              ALTER TABLE person ALTER code TYPE tag",
        changes: &[("code", Strategy::RedactText)],
        broken: &[("the constraint `short` of its type", 150)],
    },
    Case {
        sql: "CREATE DOMAIN brief AS varchar(8); CREATE DOMAIN tag AS brief; ALTER TABLE person ALTER code TYPE tag",
        changes: &[("code", Strategy::RedactText)],
        broken: &[("the length of its type public.tag", 150)],
    },
    // A key of which all parts must be NULL or none
    Case {
        sql: "CREATE TABLE place (a text, b text, PRIMARY KEY (a, b)); INSERT INTO place SELECT code, kind FROM person;
              UPDATE person SET code = NULL, kind = NULL WHERE id = 1;
              ALTER TABLE person ADD CONSTRAINT whole FOREIGN KEY (code, kind) REFERENCES place MATCH FULL",
        changes: &[("code", NULL)],
        broken: &[("the constraint `whole`", 149)],
    },
    Case {
        sql: "CREATE TABLE place (a text, b text, PRIMARY KEY (a, b)); INSERT INTO place SELECT code, kind FROM person;
              ALTER TABLE person ADD CONSTRAINT whole FOREIGN KEY (code, kind) REFERENCES place MATCH FULL",
        changes: &[("code", NULL), ("kind", NULL)],
        broken: &[],
    },
];

#[tokio::test]
async fn what_is_told_to_break_breaks_and_nothing_else_does() {
    for Case { sql, changes, broken } in CASES {
        let database = database(sql).await;
        let found = of(&database, "", "1", changes).await;
        assert_eq!(found.names(), broken, "{sql}");
        assert_eq!(found.taken, broken.is_empty(), "the server agrees: {sql}");
        let touched = |column: &String| changes.iter().any(|(name, _)| name == column);
        assert!(
            found.broken.iter().all(|(about, _)| about.columns.iter().all(touched)),
            "{:?}",
            found.broken
        );
        assert_eq!(found.unproven, [], "{sql}");
    }
}

#[tokio::test]
async fn what_no_strategy_could_break_is_not_asked() {
    let sql = "ALTER TABLE person ADD UNIQUE (code), ADD UNIQUE (org, code), ADD CHECK (email <> ''), ADD CHECK (kind <> '')";
    let database = database(sql).await;
    let found = of(&database, "", "1", &[("code", NULL), ("note", Strategy::Mask)]).await;
    assert_eq!((found.asked, found.broken.len()), (0, 0), "NULL equals nothing, and nothing else is read");
}

#[tokio::test]
async fn a_null_that_another_organisation_has_already_is_met() {
    let sql = "UPDATE person SET code = NULL WHERE id = 2; CREATE UNIQUE INDEX one ON person (code) NULLS NOT DISTINCT";
    let database = database(sql).await;
    let found = of(&database, "", "3", &[("code", NULL)]).await;
    assert_eq!(found.names(), [("the unique index `one`", 1)]);
    assert!(!found.taken);
    let free = "CREATE UNIQUE INDEX one ON person (code) NULLS NOT DISTINCT";
    let database = self::database(free).await;
    assert!(of(&database, "", "3", &[("code", NULL)]).await.taken, "one NULL may stand");
}

#[tokio::test]
async fn a_pseudonym_that_is_in_place_is_met_by_who_comes_back() {
    let database = database("CREATE UNIQUE INDEX one ON person (email)").await;
    let first = of(&database, "", "3", &[("email", Strategy::Pseudonymise)]).await;
    assert_eq!((first.names(), first.taken), (vec![], true));
    let again = "INSERT INTO person (id, org, email) VALUES (302, 3, 'three@example.org')";
    database.client.batch_execute(again).await.unwrap();
    let second = of(&database, "", "3", &[("email", Strategy::Pseudonymise)]).await;
    assert_eq!(second.names(), [("the unique index `one`", 1)]);
}

#[tokio::test]
async fn partitions_have_constraints_and_bounds_of_their_own() {
    let sql = "DROP TABLE person; CREATE TABLE person (id int, org int, email text, note text, born date, PRIMARY KEY (id, born, org)) PARTITION BY RANGE (born);
        CREATE TABLE first PARTITION OF person FOR VALUES FROM ('2020-01-01') TO ('2020-07-01');
        CREATE TABLE rest PARTITION OF person FOR VALUES FROM ('2020-07-01') TO ('2021-01-01') PARTITION BY LIST (org);
        CREATE TABLE rest_1 PARTITION OF rest FOR VALUES IN (1);
        CREATE TABLE rest_2 PARTITION OF rest DEFAULT;
        INSERT INTO person SELECT n, 2 - n % 2, 'p', 'note', CASE WHEN n > 20 THEN date '2020-08-01' ELSE '2020-01-01' END FROM generate_series(1, 50) n;
        ALTER TABLE rest ADD CONSTRAINT noted CHECK (note IS NOT NULL)";
    let found = of(&database(sql).await, "", "1", &[("note", NULL)]).await;
    assert_eq!((found.names(), found.taken), (vec![("the constraint `noted`", 15)], false));
    assert_eq!(found.broken[0].0.table.table, "rest");
    // The server would move them, as a deletion and a new row.
    let found = of(&database(sql).await, "", "1", &[("born", Strategy::Generalise)]).await;
    assert_eq!(found.names(), [("the bounds of the partitions", 15)]);
    let index = format!("{sql}; CREATE UNIQUE INDEX one ON rest_1 ((note IS NULL)) WHERE note IS NULL");
    let database = database(&format!("{index}; ALTER TABLE rest DROP CONSTRAINT noted")).await;
    let found = of(&database, "", "1", &[("note", NULL)]).await;
    assert_eq!((found.names(), found.taken), (vec![("the unique index `one`", 15)], false));
}

#[tokio::test]
async fn what_cannot_be_asked_is_named_with_the_reason() {
    let sql = "ALTER TABLE person ADD CONSTRAINT whole CHECK (person.* IS DISTINCT FROM NULL), ADD CONSTRAINT like_c CHECK (code <> ''),
               ADD CONSTRAINT hidden CHECK (kind <> 'x' OR note IS NOT NULL)";
    let database = database(sql).await;
    let found = of(&database, "", "1", &[("code", Strategy::FormatPreserving)]).await;
    let told: Vec<(&str, &str)> =
        found.unproven.iter().map(|(about, why)| (about.constraint.as_str(), why.as_str())).collect();
    assert_eq!(
        told,
        [
            (
                "the constraint `like_c`",
                "the new values of `code` (`format_preserving`) are not computed by the database"
            ),
            ("the constraint `whole`", "it reads whole rows, or what is no column"),
        ]
    );
    assert_eq!(found.unproven[0].0.columns, ["code"]);

    let mut database = database;
    let (role, act_as) = database.role().await;
    let grants = format!(
        "ALTER TABLE person DROP CONSTRAINT whole; GRANT SELECT ON org TO {role};
         GRANT SELECT (id, org, email, code, note), UPDATE (note) ON person TO {role}"
    );
    database.client.batch_execute(&grants).await.unwrap();
    let found = of(&database, &act_as, "1", &[("note", NULL)]).await;
    let told: Vec<&str> = found.unproven.iter().map(|(_, why)| why.as_str()).collect();
    assert_eq!(told, ["the eraser's role may not read `kind`; grant it SELECT on that column"]);
}

#[tokio::test]
async fn constants_are_read_as_the_column_reads_them() {
    let sql = "CREATE DOMAIN code AS text CONSTRAINT c CHECK (VALUE ~ '^c'); ALTER TABLE person ALTER code TYPE code;
               ALTER TABLE person ADD CONSTRAINT born CHECK (born >= '2020-01-01')";
    let database = database(sql).await;
    let changes = [("code", constant("gone")), ("born", Strategy::Generalise)];
    let found = of(&database, "", "1", &changes).await;
    assert_eq!(found.names(), [("the constraint `c` of its type", 150)]);
    assert!(!found.taken);
}

#[tokio::test]
async fn a_question_that_takes_longer_than_it_may_is_given_up_and_the_next_one_is_asked() {
    let sql = "CREATE FUNCTION slow(text) RETURNS bool LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_catalog.pg_sleep(0.02); RETURN true; END $$;
        ALTER TABLE person ADD CONSTRAINT slow CHECK (public.slow(note)) NOT VALID";
    let database = database(sql).await;
    let bench = Bench::new(database.store(), MAP).await;
    let (organisation, key, all) = (OrganisationId::parse("1").unwrap(), PseudonymKey::new(&KEY), whole());
    let (scope, rows) = (EraseScope::all(&organisation, far_future()), Rows::Range(&all));
    let (collection, changes) = (bench.collection("person"), changes_of(&[("note", Strategy::RedactText)]));
    let schema = &bench.schema;
    let writes = Writes { collection, schema, scope: &scope, rows: &rows, changes: &changes, key: &key };
    let transaction = bench.store.begin_read().await.unwrap();
    let constraints = transaction.constraints(&collection.table, &["note".to_owned()]).await.unwrap();
    let asked = constraints.asked(&writes).unwrap();
    let [Asked::Query(_, question)] = asked.as_slice() else { panic!("one question") };
    let error = transaction.broken(question, Duration::from_millis(1)).await.unwrap_err();
    assert_eq!((error.kind(), error.sqlstate()), (StoreErrorKind::Cancelled, Some("57014")));
    drop(transaction);
    database
        .client
        .batch_execute("CREATE OR REPLACE FUNCTION slow(text) RETURNS bool LANGUAGE sql AS 'SELECT false'")
        .await
        .unwrap();
    let transaction = bench.store.begin_read().await.unwrap();
    assert_eq!(transaction.broken(question, LONGEST).await.unwrap(), 150);
}

#[tokio::test]
async fn a_limit_of_the_store_that_is_shorter_stays() {
    let sql = "CREATE FUNCTION limited(text) RETURNS bool LANGUAGE sql AS $$ SELECT pg_catalog.current_setting('statement_timeout') = '7s' $$;
        ALTER TABLE person ADD CONSTRAINT limited CHECK (public.limited(note)) NOT VALID";
    let database = database(sql).await;
    let config = StoreConfig { statement_timeout: Duration::from_secs(7), ..database.config("") };
    let bench = Bench::new(SubjectStore::connect(&config).unwrap(), MAP).await;
    let found = of_bench(&bench, "1", &[("note", Strategy::RedactText)]).await;
    assert_eq!((found.asked, found.names()), (1, vec![]));
}
