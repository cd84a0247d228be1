//! One organisation of the sample company is erased.

use std::collections::{BTreeMap, BTreeSet};

use tokio_postgres::Client;
use uuid::Uuid;

use crate::company;

const TABLES: [&str; 13] = [
    "organisations",
    "users",
    "memberships",
    "userDevices",
    "conversations",
    "messages",
    "media_assets",
    "contents",
    "schedules",
    "metrics",
    "logs",
    "oauth_tokens",
    "safety_events",
];

/// One digest of the rows of each table and organisation.
async fn digests(client: &Client, organisations: &[Uuid]) -> BTreeMap<String, Option<String>> {
    let mut digests = BTreeMap::new();
    for table in TABLES {
        let from = sample::rows_of_organisation(table).unwrap();
        for organisation in organisations {
            let sql = format!("SELECT md5(string_agg(t::text, '|' ORDER BY t::text)) {from}");
            let digest = client.query_one(&sql, &[organisation]).await.unwrap().get(0);
            digests.insert(format!("{table} of {organisation}"), digest);
        }
    }
    digests
}

/// The e-mail addresses, telephone numbers, names and tokens of people who belong to this organisation
/// and to no other.
async fn identifying(client: &Client, organisation: Uuid) -> BTreeSet<String> {
    let sql = r#"
        WITH own AS (
            SELECT u.* FROM users u JOIN memberships m ON m.user_id = u.id AND m.organisation_id = $1
            WHERE NOT EXISTS (SELECT FROM memberships o WHERE o.user_id = u.id AND o.organisation_id <> $1)),
        others AS (
            SELECT u.* FROM users u JOIN memberships m ON m.user_id = u.id AND m.organisation_id <> $1)
        SELECT v FROM (
            SELECT email::text FROM own UNION SELECT phone FROM own
            UNION SELECT "displayName" FROM own WHERE "displayName" NOT IN (SELECT "displayName" FROM others WHERE "displayName" IS NOT NULL)
            UNION SELECT access_token FROM oauth_tokens WHERE organisation_id = $1
            UNION SELECT refresh_token FROM oauth_tokens WHERE organisation_id = $1
            UNION SELECT billing_email FROM organisations WHERE id = $1) x (v)
        WHERE length(v) > 8"#;
    client.query(sql, &[&organisation]).await.unwrap().iter().map(|row| row.get(0)).collect()
}

/// Where one of these values stands in any row, searched for in the text of every row of every table.
async fn found(client: &Client, values: &BTreeSet<String>) -> Vec<String> {
    let values: Vec<&str> = values.iter().map(String::as_str).collect();
    let mut found = Vec::new();
    for table in TABLES {
        let sql = format!(
            "SELECT count(*) FROM \"{table}\" t WHERE EXISTS \
             (SELECT FROM unnest($1::text[]) v WHERE position(v IN t::text) > 0)"
        );
        let rows: i64 = client.query_one(&sql, &[&values]).await.unwrap().get(0);
        if rows > 0 {
            found.push(format!("{table}: {rows}"));
        }
    }
    found
}

/// Without those that rows of the other organisations have too: two people may share a name.
async fn of_nobody_else(client: &Client, mut values: BTreeSet<String>, others: &[Uuid]) -> BTreeSet<String> {
    for table in TABLES {
        let from = sample::rows_of_organisation(table).unwrap();
        for other in others {
            let listed: Vec<String> = values.iter().cloned().collect();
            let sql = format!(
                "SELECT DISTINCT v FROM unnest($2::text[]) v \
                 WHERE EXISTS (SELECT {from} AND position(v IN t::text) > 0)"
            );
            for row in client.query(&sql, &[other, &listed]).await.unwrap() {
                values.remove(row.get::<_, &str>(0));
            }
        }
    }
    values
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_personal_of_it_is_left_and_every_row_of_the_others_stays_as_it_was() {
    let (world, organisations) = company::with(&[3_000, 1_200, 800]).await;
    let (one, others) = organisations.split_first().unwrap();
    let values = identifying(&world.client, *one).await;
    let values = of_nobody_else(&world.client, values, others).await;
    assert!(values.len() > 20, "{}", values.len());
    assert!(!found(&world.client, &values).await.is_empty(), "the search finds what is there");
    let before = digests(&world.client, others).await;

    let ended = world.erase(&one.to_string()).await;
    assert_eq!((ended.state.as_str(), ended.failure.as_deref()), ("completed", None));
    assert_eq!(digests(&world.client, others).await, before);
    assert_eq!(found(&world.client, &values).await, Vec::<String>::new());
    let journalled = world.journalled(ended.job).await;
    assert!(journalled > 2_000, "{journalled}");
    assert_eq!(ended.view.progress.rows_done, journalled, "the job counts what the journal has");
    let plan = world.plan(&ended, &one.to_string()).await;
    assert_eq!(plan.plan_hash.len(), 64);
    let json = serde_json::to_string(&plan).unwrap();
    assert!(values.iter().all(|value| !json.contains(value.as_str())), "a plan holds no value");
}
