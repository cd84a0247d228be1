//! Organisation keys of every type: what equals what is the database's own affair.

use connectors::StoreErrorKind;
use domain::id::OrganisationId;

use crate::support::{Bench, TestDatabase, firsts};

const MAP: &str = "
dataset:
- fides_key: keyed
  lethe: {organisation: {collection: tenant, key: key}}
  collections:
  - name: tenant
    fields: [{name: label}, {name: key}]
  - name: thing
    lethe: {tenant: tenant_key}
    fields: [{name: id}, {name: tenant_key, fides_meta: {references: [{dataset: keyed, field: tenant.key}]}}]
  - name: part
    lethe: {tenant: {columns: [tenant_key], through: {collection: tenant, fields: [key]}}}
    fields: [{name: id}, {name: tenant_key}]
";

/// Tenants with these keys, each with one thing and one part, labelled by their place in the list.
async fn keyed(sql_type: &str, prelude: &str, keys: &[&str]) -> (TestDatabase, Bench) {
    let quoted: Vec<String> = keys.iter().map(|key| format!("'{}'", key.replace('\'', "''"))).collect();
    let values: Vec<String> = quoted.iter().enumerate().map(|(n, key)| format!("('{n}', {key})")).collect();
    let values = values.join(", ");
    let tables = ["tenant (label text, key", "thing (id text, tenant_key", "part (id text, tenant_key"];
    let mut sql = prelude.to_owned();
    for table in tables {
        let name = table.split(' ').next().unwrap();
        sql.push_str(&format!("CREATE TABLE {table} {sql_type}); INSERT INTO {name} VALUES {values};"));
    }
    let database = TestDatabase::with(&sql).await;
    let bench = Bench::new(database.store(), MAP).await;
    (database, bench)
}

/// The labels that an id finds, which must be the same directly, by the key, and over a hop.
async fn found(bench: &Bench, id: &str) -> Vec<String> {
    let direct = bench.rows("tenant", id).await;
    let labels: Vec<String> = firsts(&direct).iter().map(|label| (*label).to_owned()).collect();
    for collection in ["thing", "part"] {
        assert_eq!(firsts(&bench.rows(collection, id).await), labels, "{collection} of {id}");
    }
    labels
}

#[tokio::test]
async fn numbers() {
    for sql_type in ["bigint", "integer", "smallint"] {
        let (_database, bench) = keyed(sql_type, "", &["0", "-1", "12"]).await;
        assert_eq!(found(&bench, "0").await, ["0"]);
        assert_eq!(found(&bench, "-1").await, ["1"]);
        assert!(found(&bench, "1").await.is_empty());
        for bad in ["x", "", "1 OR true", "99999999999999999999", "12.4", "0) OR (1=1"] {
            let Ok(id) = OrganisationId::parse(bad) else {
                continue;
            };
            for collection in ["tenant", "thing", "part"] {
                let error = bench.try_rows(collection, id.as_str()).await.unwrap_err();
                assert_eq!(error.kind(), StoreErrorKind::BadValue, "{sql_type} {bad:?}");
                assert!(!error.is_retryable());
            }
        }
    }
    // A cast to the declared type would round, and 12.4 would read the rows of 12.
    let (_database, bench) = keyed("numeric(5, 0)", "", &["0", "12"]).await;
    assert!(found(&bench, "12.4").await.is_empty());
    assert_eq!(found(&bench, "12").await, ["1"]);
}

#[tokio::test]
async fn uuids() {
    let (_database, bench) =
        keyed("uuid", "", &["00000000-0000-0000-0000-000000000000", "6d7a1f4e-8f2b-4c55-9d0e-0123456789ab"])
            .await;
    assert_eq!(found(&bench, "00000000-0000-0000-0000-000000000000").await, ["0"]);
    assert_eq!(found(&bench, "6D7A1F4E-8F2B-4C55-9D0E-0123456789AB").await, ["1"]);
    for bad in ["6d7a1f4e", "' OR ''='", "6d7a1f4e-8f2b-4c55-9d0e-0123456789ab' OR 'a'='a"] {
        let error = bench.try_rows("thing", bad).await.unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::BadValue, "{bad}");
        let text = format!("{error} {error:?}");
        assert!(!text.contains(bad) && text.contains("22P02"), "{text}");
    }
}

#[tokio::test]
async fn text_with_every_character_that_might_break_out() {
    let keys = [
        "acme",
        "o'brien\\",
        "\\'; DROP TABLE tenant; --",
        "$$",
        "E'\\x41'",
        "日本 🎻",
        "a\"b",
        "%",
        "_",
        "' OR '1'='1",
        " acme",
        "ACME",
        "NULL",
    ];
    let (_database, bench) = keyed("text", "", &keys).await;
    for (place, key) in keys.iter().enumerate() {
        assert_eq!(found(&bench, key).await, [place.to_string()], "{key}");
    }
    for absent in ["' OR true --", "acme' UNION SELECT 1 --", "acme\\", "acm", "acme "] {
        assert!(found(&bench, absent).await.is_empty(), "{absent}");
    }
    // A database that reads backslashes in plain literals, as some old ones do.
    let sql = "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET standard_conforming_strings = off', current_database()); END $$";
    _database.client.batch_execute(sql).await.unwrap();
    let old = Bench::new(_database.store(), MAP).await;
    for (place, key) in keys.iter().enumerate() {
        assert_eq!(found(&old, key).await, [place.to_string()], "{key}");
    }
}

#[tokio::test]
async fn an_id_is_never_cut_to_fit() {
    let (_database, bench) = keyed("varchar(4)", "", &["acme", "ac"]).await;
    assert_eq!(found(&bench, "acme").await, ["0"]);
    assert!(found(&bench, "acme-west").await.is_empty(), "a cast to varchar(4) would make acme of it");
    let domain = "CREATE DOMAIN short AS varchar(4) CHECK (VALUE <> 'zzzz');";
    let (_database, bench) = keyed("short", domain, &["acme", "ac"]).await;
    assert_eq!(found(&bench, "ac").await, ["1"]);
    assert!(found(&bench, "acme-west").await.is_empty());
    assert!(found(&bench, "zzzz").await.is_empty(), "a value that the domain forbids is nobody's key");
    let (_database, bench) = keyed("char(6)", "", &["acme", "acme-x"]).await;
    assert_eq!(found(&bench, "acme").await, ["0"]);
    assert_eq!(found(&bench, "acme ").await, ["0"], "padding does not count in char(n), by the SQL standard");
    assert!(found(&bench, "acme-xyz").await.is_empty());
}

#[tokio::test]
async fn enums_and_case_insensitive_text() {
    let (_database, bench) =
        keyed("plan", "CREATE TYPE plan AS ENUM ('free', 'paid');", &["free", "paid"]).await;
    assert_eq!(found(&bench, "paid").await, ["1"]);
    assert_eq!(bench.try_rows("thing", "Paid").await.unwrap_err().kind(), StoreErrorKind::BadValue);
    for (sql_type, prelude) in [
        ("ext.citext", "CREATE SCHEMA ext; CREATE EXTENSION citext SCHEMA ext;"),
        (
            "handle",
            "CREATE SCHEMA ext; CREATE EXTENSION citext SCHEMA ext; CREATE DOMAIN handle AS ext.citext;",
        ),
    ] {
        let (database, bench) = keyed(sql_type, prelude, &["Acme", "other"]).await;
        // A thing that spells its tenant differently: the same key to the database, so the same to us.
        database.client.batch_execute("UPDATE part SET tenant_key = 'ACME' WHERE id = '0'").await.unwrap();
        assert_eq!(found(&bench, "aCME").await, ["0"], "{sql_type}");
    }
}

#[tokio::test]
async fn an_operator_planted_in_the_database_is_not_used() {
    // Whoever may create objects in `public` could answer "equal" to everything, and hand every row to everybody.
    let planted =
        "CREATE SCHEMA ext; CREATE EXTENSION citext SCHEMA ext; CREATE DOMAIN handle AS varchar(20);
        CREATE FUNCTION yes(varchar, varchar) RETURNS boolean LANGUAGE sql AS 'SELECT true';
        CREATE OPERATOR = (FUNCTION = yes, LEFTARG = varchar, RIGHTARG = varchar);";
    for sql_type in ["varchar(20)", "handle"] {
        let (_database, bench) = keyed(sql_type, planted, &["acme", "other"]).await;
        assert_eq!(found(&bench, "acme").await, ["0"], "{sql_type}");
    }
}
