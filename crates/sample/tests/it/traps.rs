//! Every trap is where the list says.

use sample::traps::{Found, TRAPS, TRAPS_ONCE, Trap};
use sample::{Scale, rows_of_organisation};
use uuid::Uuid;

use crate::database::Database;

/// Conditions that must each hold for at least one row.
async fn conditions(database: &Database, trap: &Trap) -> Vec<String> {
    match trap.found {
        Found::Row(condition) => vec![condition.to_owned()],
        Found::Values(column, values) => {
            let sql = "SELECT format_type(atttypid, atttypmod) FROM pg_attribute WHERE attrelid = to_regclass($1) AND attname = $2";
            let table = format!("\"{}\"", trap.table);
            let kind: String = database.client.query_one(sql, &[&table, &column]).await.unwrap().get(0);
            values
                .iter()
                .map(|value| format!("t.\"{column}\"::text = (E'{}'::{kind})::text", literal(value)))
                .collect()
        }
    }
}

/// The body of an SQL literal with escapes.
fn literal(value: &str) -> String {
    value.replace('\\', "\\\\").replace('\'', "\\'")
}

async fn missing(database: &Database, traps: &[Trap], organisation: Uuid) -> Vec<String> {
    let mut missing = Vec::new();
    for trap in traps {
        for condition in conditions(database, trap).await {
            let sql =
                format!("SELECT count(*) {} AND ({condition})", rows_of_organisation(trap.table).unwrap());
            let found = database.client.query_one(&sql, &[&organisation]).await;
            let found: i64 = found.unwrap_or_else(|error| panic!("{sql}: {error:?}")).get(0);
            if found == 0 {
                missing.push(format!("{}: {condition}", trap.table));
            }
        }
    }
    missing
}

#[tokio::test]
async fn every_organisation_holds_every_trap() {
    for seed in [1, 2] {
        let (database, seeded) =
            Database::seeded(&Scale::organisations_of_rows(&[0, 3_000, 0, 0]), seed).await;
        for organisation in &seeded.organisations {
            assert_eq!(
                missing(&database, TRAPS, organisation.id).await,
                Vec::<String>::new(),
                "{}",
                organisation.name
            );
        }
        assert_eq!(missing(&database, TRAPS_ONCE, seeded.organisations[0].id).await, Vec::<String>::new());
        database.remove().await;
    }
}

#[tokio::test]
async fn organisations_share_members_and_some_rows_are_nobodys() {
    let (database, seeded) = Database::seeded(&Scale::demo(), 1).await;
    let shared =
        "SELECT count(*) FROM (SELECT FROM memberships GROUP BY user_id HAVING count(*) = 2) AS shared";
    assert_eq!(database.count(shared).await, 2 * i64::try_from(seeded.organisations.len()).unwrap());
    let nobodys =
        "SELECT count(*) FROM users u WHERE NOT EXISTS (SELECT FROM memberships WHERE user_id = u.id)";
    assert_eq!(database.count(nobodys).await, 3);
    assert_eq!(database.count("SELECT count(*) FROM logs WHERE organisation_id IS NULL").await, 5);
    database.remove().await;
}

/// Rows of several organisations share pages, as years of use by all of them would have left them.
#[tokio::test]
async fn organisations_are_interleaved_on_disk() {
    let (database, _) = Database::seeded(&Scale::organisations_of_rows(&[3_000, 3_000]), 1).await;
    let pages = "SELECT count(DISTINCT (ctid::text::point)[0]) FROM logs";
    let mixed = "SELECT count(*) FROM (SELECT FROM logs WHERE organisation_id IS NOT NULL GROUP BY (ctid::text::point)[0] \
                 HAVING count(DISTINCT organisation_id) = 2) AS mixed";
    assert_eq!(database.count(pages).await, database.count(mixed).await);
    database.remove().await;
}
