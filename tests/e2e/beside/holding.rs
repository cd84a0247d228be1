//! Legal holds, placed and released while rows are erased, and what must not happen to the rows they keep.

use std::time::Duration;

use rand::Rng as _;
use rand::rngs::StdRng;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tests::{Api, eventually};
use tokio_postgres::Client;
use uuid::Uuid;

use super::writer::excused;

/// A placement waits for batches, and a repetition for servers that were killed.
const PATIENCE: Duration = Duration::from_secs(180);

/// What is held.
#[derive(Debug, Clone)]
pub enum Scope {
    Person { account: i64, email: String },
    Rows { table: &'static str, from: i64, to: i64 },
    Collection { table: &'static str },
    Organisation,
}

/// A hold that has been answered with 201.
#[derive(Debug, Clone)]
pub struct Hold {
    pub id: Uuid,
    pub organisation: i32,
    pub scope: Scope,
}

const TABLES: [&str; 5] = ["message", "orders", "session", "token", "visit"];

impl Scope {
    /// Some scope with rows in it.
    pub async fn choose(client: &Client, organisation: i32, random: &mut StdRng) -> Option<Self> {
        let table = TABLES[random.random_range(0..TABLES.len())];
        match random.random_range(0..10) {
            0..5 => {
                let (account, email) = person(client, organisation, random.random()).await?;
                Some(Self::Person { account, email })
            }
            5..8 => {
                let sql = "SELECT min(id), max(id) FROM beside.whose WHERE tab = $1 AND org = $2";
                let row = found(client.query_one(sql, &[&table, &organisation]).await)?;
                let (low, high): (i64, i64) = (row.get(0), row.get(1));
                let from = random.random_range(low..=high);
                Some(Self::Rows { table, from, to: from + (high - low) / 4 })
            }
            8 => Some(Self::Collection { table }),
            _ => Some(Self::Organisation),
        }
    }

    fn body(&self) -> Value {
        let scope = match self {
            Self::Person { email, .. } => {
                json!({"subject": {"identity_type": "email", "identity_value": email}})
            }
            Self::Rows { table, from, to } => {
                json!({"rows": {"collection": format!("desk.{table}"), "comparisons": [
                    {"column": "id", "operator": "at_least", "value": from.to_string()},
                    {"column": "id", "operator": "at_most", "value": to.to_string()},
                ]}})
            }
            Self::Collection { table } => json!({"collection": format!("desk.{table}")}),
            Self::Organisation => json!({"organisation": true}),
        };
        json!({"scope": scope, "ground": "legal_claims", "owner": "Legal", "review_on": "2999-01-31"})
    }

    /// That the hold says of the row `w` that it stays.
    pub fn says(&self) -> String {
        match self {
            Self::Person { account, .. } => format!("w.account = {account}"),
            Self::Rows { table, from, to } => format!("w.tab = '{table}' AND w.id BETWEEN {from} AND {to}"),
            Self::Collection { table } => format!("w.tab = '{table}'"),
            Self::Organisation => "TRUE".to_owned(),
        }
    }

    /// That an erasure may leave the row `w` because of the hold: also those through which held rows lead
    /// to their organisation.
    pub fn may_keep(&self) -> String {
        match self {
            Self::Rows { table: "token", .. } | Self::Collection { table: "token" } => {
                format!("({}) OR w.tab = 'session'", self.says())
            }
            _ => self.says(),
        }
    }
}

/// What was found, unless the server was killed.
fn found<T>(answer: Result<T, tokio_postgres::Error>) -> Option<T> {
    match answer {
        Ok(found) => Some(found),
        Err(error) if error.is_closed() || error.as_db_error().is_some() => {
            excused(&error);
            None
        }
        Err(error) => panic!("{error:?}"),
    }
}

/// Somebody whose address has not been erased.
pub async fn person(client: &Client, organisation: i32, share: f64) -> Option<(i64, String)> {
    let sql = "WITH known AS (SELECT id, email, row_number() OVER (ORDER BY id) AS n, count(*) OVER () AS all_of \
                              FROM account WHERE org = $1 AND email = beside.address(id)) \
               SELECT id, email FROM known WHERE n = 1 + floor($2::float8 * all_of)";
    let row = found(client.query_opt(sql, &[&organisation, &share]).await)??;
    Some((row.get(0), row.get(1)))
}

/// Places a hold, repeated until it is answered with 201.
pub async fn place(api: &Api, organisation: i32, scope: Scope) -> anyhow::Result<Hold> {
    let answer = said(api, "/holds", scope.body(), Uuid::new_v4()).await?;
    Ok(Hold { id: answer["id"].as_str().unwrap_or_default().parse()?, organisation, scope })
}

/// Keeps how the held rows are now.
pub async fn keep(client: &Client, hold: &Hold) -> Result<u64, tokio_postgres::Error> {
    let sql = format!(
        "INSERT INTO beside.held SELECT $1, w.tab, w.id, r.x, pg_current_snapshot() \
         FROM beside.whose w JOIN beside.rows r USING (tab, id) WHERE w.org = $2 AND ({})",
        hold.scope.says()
    );
    client.execute(&sql, &[&hold.id, &hold.organisation]).await
}

/// Releases a hold.
pub async fn release(api: &Api, hold: &Hold) -> anyhow::Result<()> {
    let path = format!("/holds/{}/release", hold.id);
    eventually(PATIENCE, "a hold is released", || async {
        let Ok(answer) = api.send(Method::POST, &path, Some(json!({}))).await else { return Ok(None) };
        match answer.status() {
            // It was released, and the answer lost.
            status if status.is_success() || status == StatusCode::CONFLICT => Ok(Some(())),
            status if status.is_server_error() => Ok(None),
            status => anyhow::bail!("{path}: {status} {}", answer.text().await?),
        }
    })
    .await
}

/// Sends a request until it is accepted; what is answered.
pub async fn said(api: &Api, path: &str, body: Value, key: Uuid) -> anyhow::Result<Value> {
    eventually(PATIENCE, &format!("{path} is accepted"), || async {
        let Ok(answer) = api.send_again(Method::POST, path, Some(body.clone()), key).await else {
            return Ok(None);
        };
        match answer.status() {
            status if status.is_success() => Ok(answer.json().await.ok()),
            status if status.is_server_error() => Ok(None),
            status => anyhow::bail!("{path}: {status} {}", answer.text().await?),
        }
    })
    .await
}

/// Rows under the hold that somebody has written who is no writer, since it was answered. What writers did is
/// in the ledger, link by link.
const BROKEN: &str = "\
WITH links AS (
    SELECT h.tab, h.id, l.seq, l.op, l.x, l.before_x,
           coalesce(lag(l.x) OVER (PARTITION BY h.tab, h.id ORDER BY l.seq), h.x) AS expected,
           lead(l.seq) OVER (PARTITION BY h.tab, h.id ORDER BY l.seq) IS NULL AS is_last
    FROM beside.held h LEFT JOIN beside.ledger l
      ON l.tab = h.tab AND l.id = h.id AND NOT pg_visible_in_snapshot(l.xid, h.seen)
    WHERE h.hold = $1),
broken AS (
    SELECT tab, id FROM links WHERE seq IS NOT NULL AND before_x <> expected
    UNION
    SELECT k.tab, k.id FROM links k LEFT JOIN beside.rows r USING (tab, id)
    WHERE k.is_last AND coalesce(k.op, '') <> 'delete' AND r.x IS DISTINCT FROM coalesce(k.x, k.expected))
SELECT tab, count(*), min(id) FROM broken GROUP BY tab ORDER BY tab";

/// What became of held rows that should not have.
pub async fn broken(client: &Client, hold: &Hold) -> anyhow::Result<Vec<String>> {
    let rows = client.query(BROKEN, &[&hold.id]).await?;
    let told = rows.iter().map(|row| {
        let (table, count, first): (String, i64, i64) = (row.get(0), row.get(1), row.get(2));
        format!("{table}: {count} rows under {hold:?} changed after its 201, the first of them {first}")
    });
    Ok(told.collect())
}
