//! The export of a person with eight times as many rows, over that of the other.

use std::time::Instant;

use anyhow::{Result, ensure};
use contracts::http::JobSummary;
use reqwest::{Method, StatusCode};
use serde_json::json;
use tests::{Api, Database, Options, Servers, System};

use crate::job::completed;
use crate::median::median;
use crate::table::{Table, Target};

/// How many times as long eight times as many rows may take.
const MOST: f64 = 10.0;

const SCHEMA: &str = "
CREATE TABLE org (id text PRIMARY KEY, name text NOT NULL);
CREATE TABLE account (id int PRIMARY KEY, org_id text NOT NULL REFERENCES org, email text);
CREATE TABLE event (id bigint PRIMARY KEY, account_id int NOT NULL REFERENCES account, ip inet, url text);
INSERT INTO org VALUES ('1', 'Company 1');
INSERT INTO account VALUES (1, '1', 'small@customer.example'), (2, '1', 'big@customer.example'), (3, '1', 'other@customer.example');";

/// Of every fifty rows one is the person's with few and eight are those of the one with many.
const ROWS: &str = "
INSERT INTO event
SELECT g, CASE WHEN g % 50 = 0 THEN 1 WHEN g % 50 <= 8 THEN 2 ELSE 3 END, '192.0.2.1', 'https://shop.example/' || g
FROM generate_series(1::bigint, $1::bigint) g";

const MAP: &str = "
dataset:
- fides_key: company
  lethe: {organisation: {collection: org, key: id, name: name}}
  collections:
  - name: org
    fields: [{name: id, fides_meta: {primary_key: true}}, {name: name}]
  - name: account
    lethe: {tenant: org_id}
    fields:
    - {name: id, fides_meta: {primary_key: true}}
    - {name: org_id, fides_meta: {references: [{dataset: company, field: org.id, direction: from}]}}
    - {name: email, data_categories: [user.contact.email], fides_meta: {identity: email}}
  - name: event
    lethe: {tenant: account_id}
    fields:
    - {name: id, fides_meta: {primary_key: true}}
    - {name: account_id, fides_meta: {references: [{dataset: company, field: account.id, direction: from}]}}
    - {name: ip, data_categories: [user.device.ip_address]}
    - {name: url, data_categories: [user.behavior.browsing_history]}
";

pub async fn measure(servers: Servers, rows: u32, runs: usize, table: &mut Table) -> Result<()> {
    let subjects = Database::create(&servers.pg_url, "subjects").await?;
    subjects.client.batch_execute(SCHEMA).await?;
    subjects.client.execute(ROWS, &[&i64::from(rows)]).await?;
    subjects.client.batch_execute("CREATE INDEX ON event (account_id)").await?;
    subjects.client.batch_execute("VACUUM (ANALYZE)").await?;
    let options = Options {
        data_map: MAP.to_owned(),
        store: "company".to_owned(),
        reader: None,
        eraser: None,
        lease: "60s",
        ..Options::default()
    };
    let system = System::start(servers, subjects, &options).await?;
    let api = system.api("1", "owner")?;
    let (few, many) = (rows / 50, rows / 50 * 8);
    println!("person: the export of {many} rows and of {few}, request to downloadable archive");
    let (mut small, mut big) = (Vec::new(), Vec::new());
    for _ in 0..runs.max(1) {
        small.push(export(&api, "small@customer.example", few).await?);
        big.push(export(&api, "big@customer.example", many).await?);
    }
    let (small, big) = (median(&mut small)?, median(&mut big)?);
    println!("  {few} rows {small:.2} s, {many} rows {big:.2} s");
    let figure = format!("a person's export, {many} rows over {few}");
    table.add(&figure, Target::AtMost(MOST), (big / small, ""), &format!("{big:.2} s over {small:.2} s"));
    Ok(())
}

/// Exports one person's rows; in how many seconds.
async fn export(api: &Api, email: &str, events: u32) -> Result<f64> {
    let body =
        json!({"identity_type": "email", "identity_value": email, "format": "json", "include_media": false});
    let begun = Instant::now();
    let response = api.send(Method::POST, "/subjects/export", Some(body)).await?;
    ensure!(response.status() == StatusCode::ACCEPTED, "not accepted: {}", response.status());
    let view = completed(api, response.json::<JobSummary>().await?.id).await?;
    let took = begun.elapsed().as_secs_f64();
    // And the account's own row.
    ensure!(
        view.progress.rows_done == i64::from(events) + 1,
        "{} rows were exported",
        view.progress.rows_done
    );
    Ok(took)
}
