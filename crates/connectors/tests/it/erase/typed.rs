//! Keys of every type that can be one: read in pages, and each row found again by its key.

use connectors::erase::{Batch, EraseScope, EraseStatement, Page, PageRead, Rows, journal_ddl, run_batch};
use domain::id::OrganisationId;

use crate::erase::support::{batch, whole};
use crate::support::{Bench, TestDatabase, far_future};

/// A type, and three values of it, in the order of the type.
const KEYS: [(&str, [&str; 3]); 19] = [
    ("smallint", ["-1", "0", "1"]),
    ("numeric(6,2)", ["-0.50", "0.00", "1984.50"]),
    ("numeric", ["0", "0.1", "100000000000000000000.00000001"]),
    ("real", ["0", "0.1", "1e+10"]),
    ("double precision", ["-Infinity", "0.1", "5e-324"]),
    ("boolean", ["false", "true", "true"]),
    ("text", ["", "0", "it's \\ so"]),
    ("varchar(5)", ["", "ab", "abc  "]),
    ("character(5)", ["", "ab", "b"]),
    ("citext", ["", "Ab", "b"]),
    ("short", ["", "a b", "c"]),
    (
        "uuid",
        [
            "00000000-0000-0000-0000-000000000000",
            "00000000-0000-0000-0000-00000000000a",
            "5f9cdd0b-dfa1-4d3c-8b56-9ffc20fd17e0",
        ],
    ),
    ("date", ["-infinity", "0044-03-15 BC", "2024-02-29"]),
    ("timestamp(3)", ["2024-02-29 01:02:03", "2024-02-29 01:02:03.004", "infinity"]),
    ("timestamptz", ["2024-02-29 01:02:03+00", "2024-02-29 01:02:03.000004+00", "infinity"]),
    ("interval", ["00:00:00", "1 day", "1 year 2 mons"]),
    ("inet", ["10.0.0.0/8", "192.0.2.1", "2001:db8::1"]),
    ("bytea", ["\\x", "\\x00", "\\x27ff"]),
    ("mood", ["sad", "GONE", "gone"]),
];

fn schema() -> String {
    let mut sql = "CREATE EXTENSION citext; CREATE DOMAIN short AS varchar(5); CREATE TYPE mood AS ENUM ('sad', 'GONE', 'gone');
        CREATE TABLE org (id int PRIMARY KEY);"
        .to_owned();
    for (number, (sql_type, values)) in KEYS.iter().enumerate() {
        sql.push_str(&format!(
            "CREATE TABLE keyed{number} (\"K\" {sql_type}, part int, org int, PRIMARY KEY (\"K\", part));"
        ));
        for (part, value) in values.iter().enumerate() {
            let value = value.replace('\'', "''");
            sql.push_str(&format!(
                "INSERT INTO keyed{number} VALUES ('{value}', {part}, 1), ('{value}', {part} + 10, 2);"
            ));
        }
    }
    sql
}

fn map() -> String {
    let mut yaml = "
dataset:
- fides_key: shop
  lethe: {organisation: {collection: org, key: id}}
  collections:
  - name: org
    fields: [{name: id, fides_meta: {primary_key: true}}]"
        .to_owned();
    for number in 0..KEYS.len() {
        yaml.push_str(&format!(
            "
  - name: keyed{number}
    lethe: {{tenant: org}}
    fields:
    - {{name: K, fides_meta: {{primary_key: true}}}}
    - {{name: part, fides_meta: {{primary_key: true}}}}
    - {{name: org, fides_meta: {{references: [{{dataset: shop, field: org.id, direction: to}}]}}}}"
        ));
    }
    yaml
}

#[tokio::test]
async fn keys_of_every_type_lead_back_to_their_rows() {
    let database = TestDatabase::with(&schema()).await;
    let user: String = database.client.query_one("SELECT current_user::text", &[]).await.unwrap().get(0);
    database.client.batch_execute(&journal_ddl(&user)).await.unwrap();
    let bench = Bench::new(database.store(), &map()).await;
    let organisation = OrganisationId::parse("1").unwrap();
    let scope = EraseScope::all(&organisation, far_future());
    let range = whole();
    for (number, (sql_type, _)) in KEYS.iter().enumerate() {
        let collection = bench.collection(&format!("keyed{number}"));
        let mut keys: Vec<Vec<String>> = Vec::new();
        let transaction = bench.store.begin_read().await.unwrap();
        loop {
            let page = Page { of: Rows::Range(&range), after: keys.last().map(Vec::as_slice), rows: 1 };
            let read = PageRead::plan(collection, &bench.schema, &scope, &[], &page).unwrap();
            let rows = transaction.page(&read).await.unwrap_or_else(|error| panic!("{sql_type}: {error}"));
            if rows.is_empty() {
                break;
            }
            keys.extend(rows.into_iter().map(|row| row.key));
        }
        transaction.finish().await.unwrap();
        assert_eq!(keys.len(), 3, "{sql_type}: {keys:?}");
        let statement =
            EraseStatement::delete(collection, &bench.schema, &scope, &Rows::Keys(&keys)).unwrap();
        let run =
            Batch { id: batch(i32::try_from(number).unwrap()), statements: std::slice::from_ref(&statement) };
        let erased =
            run_batch(&bench.store, &run).await.unwrap_or_else(|error| panic!("{sql_type}: {error}"));
        assert_eq!(erased.rows, 3, "{sql_type}: {keys:?}");
        let left = format!("SELECT count(*) FILTER (WHERE org = 1), count(*) FROM keyed{number}");
        let left = database.client.query_one(&left, &[]).await.unwrap();
        assert_eq!((left.get::<_, i64>(0), left.get::<_, i64>(1)), (0, 3), "{sql_type}");
    }
}
