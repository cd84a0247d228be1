//! Planning to delete 3,000 rows beside many rows of others that refer to their table, over one statement written
//! by hand that tells which of them may go.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use connectors::erase::{EraseScope, Part, Rows, Survey};
use connectors::{KeyRange, StoreConfig, SubjectStore};
use domain::datamap::DataMap;
use domain::erasure::{Guard, RowAction};
use domain::id::OrganisationId;
use domain::schema::LiveSchema;
use tests::{Database, Servers};

use crate::median::median;
use crate::table::{Table, Target};

const ACCOUNTS: i64 = 3_000;
/// How much longer planning may take.
const MOST: f64 = 3.0;

const SCHEMA: &str = "
CREATE TABLE org (id text PRIMARY KEY);
CREATE TABLE account (id int PRIMARY KEY, org_id text NOT NULL REFERENCES org, email text);
CREATE TABLE status (id int PRIMARY KEY, org_id text NOT NULL REFERENCES org, account_id int NOT NULL REFERENCES account,
    in_reply_to int REFERENCES account, body text);
INSERT INTO org VALUES ('o1'), ('o2');
INSERT INTO account SELECT g, CASE WHEN g <= 3000 THEN 'o1' ELSE 'o2' END, 'a' || g FROM generate_series(1, 20000) g;";

/// Each account has as many as any other; of those of others every third answers one of theirs.
const ROWS: &str = "
INSERT INTO status
SELECT g, CASE WHEN 1 + g % 20000 <= 3000 THEN 'o1' ELSE 'o2' END, 1 + g % 20000,
       CASE WHEN g % 3 = 0 AND 1 + g % 20000 > 3000 THEN 3001 + g % 17000 END, repeat('text ', 10)
FROM generate_series(1, $1::int) g";

const INDEXES: &str =
    "CREATE INDEX ON status (account_id); CREATE INDEX ON status (org_id); CREATE INDEX ON account (org_id)";
/// What the second look has and the first has not.
const INDEX: &str = "CREATE INDEX ON status (in_reply_to)";

const MAP: &str = "
dataset:
- fides_key: shop
  lethe: {organisation: {collection: org, key: id}}
  collections:
  - name: org
    fields: [{name: id, fides_meta: {primary_key: true}}]
  - name: account
    lethe: {tenant: org_id, erase: delete}
    fields:
    - {name: id, fides_meta: {primary_key: true}}
    - {name: org_id, fides_meta: {references: [{dataset: shop, field: org.id}]}}
    - {name: email}
  - name: status
    lethe: {tenant: org_id, erase: delete}
    fields:
    - {name: id, fides_meta: {primary_key: true}}
    - {name: org_id, fides_meta: {references: [{dataset: shop, field: org.id}]}}
    - {name: account_id, fides_meta: {references: [{dataset: shop, field: account.id}]}}
    - {name: in_reply_to, fides_meta: {references: [{dataset: shop, field: account.id}]}}
    - {name: body}
";

/// One anti-join for each of these keys, in a statement of its own: in one statement the server expects one row to
/// be left by the first, and reads all others for each that is.
const BY_HAND: &str = "
SELECT count(*) FROM account a WHERE a.org_id = 'o1'
AND NOT EXISTS (SELECT FROM status s WHERE s.KEY = a.id AND s.org_id <> 'o1')";

pub async fn measure(servers: &Servers, rows: u32, runs: usize, table: &mut Table) -> Result<()> {
    println!("planning: {ACCOUNTS} rows to delete beside {rows} that refer to their table");
    let database = Database::create(&servers.pg_url, "referring").await?;
    // Of the referring rows as many are the organisation's as of the accounts.
    let all = i32::try_from(i64::from(rows) * 20 / 17)?;
    database.client.batch_execute(SCHEMA).await?;
    database.client.execute(ROWS, &[&all]).await?;
    database.client.batch_execute(INDEXES).await?;
    let planned = Planned::of(&database).await?;
    let keys = ["in_reply_to", "account_id"];
    for (index, told, keys) in [
        ("", "no index, over an anti-join by it", &keys[..1]),
        (INDEX, "an index, over anti-joins", &keys[..]),
    ] {
        for command in [index, "VACUUM (ANALYZE)"] {
            database.client.batch_execute(command).await.context(command)?;
        }
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for _ in 0..=runs {
            ours.push(planned.survey().await?);
            theirs.push(by_hand(&database, keys).await?);
        }
        // The first is for the caches, on both sides.
        let (ours, theirs) = (
            median(ours.get_mut(1..).unwrap_or_default())?,
            median(theirs.get_mut(1..).unwrap_or_default())?,
        );
        println!("  {told}: {:.0} ms, by hand {:.0} ms", ours * 1e3, theirs * 1e3);
        let figure = format!("planning beside {rows} referring rows, {told}");
        table.add(&figure, Target::AtMost(MOST), (ours / theirs, ""), "");
    }
    Ok(())
}

/// The survey of the accounts, as planning makes it.
struct Planned {
    store: SubjectStore,
    map: DataMap,
    schema: LiveSchema,
}

impl Planned {
    async fn of(database: &Database) -> Result<Self> {
        let store = SubjectStore::connect(&StoreConfig {
            name: "shop".to_owned(),
            url: database.url.clone().into(),
            replica_url: None,
            max_connections: 1,
            statement_timeout: Duration::ZERO,
            lock_timeout: Duration::ZERO,
        })?;
        let map = DataMap::parse(MAP).map_err(|errors| anyhow::anyhow!("{errors:?}"))?;
        let schema = store.live_schema(&["public"]).await?;
        Ok(Self { store, map, schema })
    }

    /// Makes it; in how many seconds.
    async fn survey(&self) -> Result<f64> {
        let collection = |name: &str| self.map.collection(name).context("the map has it");
        let (account, status) = (collection("shop.account")?, collection("shop.status")?);
        let refers = |column: &str| Guard {
            table: status.table.clone(),
            columns: vec![column.to_owned()],
            target_columns: vec!["id".to_owned()],
            aside: None,
        };
        let (guards, all) = ([refers("account_id"), refers("in_reply_to")], KeyRange::whole());
        let organisation = OrganisationId::parse("o1")?;
        let scope = EraseScope::all(&organisation, None);
        let status = Part { collection: status, action: &RowAction::Delete, scope, rows: Rows::Range(&all) };
        let account = Part { collection: account, scope: EraseScope { guards: &guards, ..scope }, ..status };
        let begun = Instant::now();
        let survey = Survey::plan(&account, &[status], &self.schema)?;
        let transaction = self.store.begin_read().await?;
        let found = transaction.survey(&survey).await?;
        transaction.finish().await?;
        ensure!(found.erased == ACCOUNTS && found.guarded == 0, "{found:?}");
        Ok(begun.elapsed().as_secs_f64())
    }
}

async fn by_hand(database: &Database, keys: &[&str]) -> Result<f64> {
    let begun = Instant::now();
    for key in keys {
        let found = database.number(&BY_HAND.replace("KEY", key)).await?;
        ensure!(found == ACCOUNTS, "the statement finds {found}");
    }
    Ok(begun.elapsed().as_secs_f64())
}
