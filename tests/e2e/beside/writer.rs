//! Who writes beside erasures: connections of a role of its own, in short transactions and in long ones.
//!
//! Everything that a writer does goes through the ledger, in the same transaction. In an organisation that is
//! being erased it may do as it likes to what is new or about to go; what a further pass has to find (a
//! personal value put back, a row that carries no time or an old one) it does only so often, so that
//! passes come to an end.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::SystemTime;

use rand::Rng as _;
use rand::rngs::StdRng;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio_postgres::{Client, Error, NoTls};

/// Where writers write.
#[derive(Debug)]
pub struct Places {
    /// Organisations that are being erased, or have a person who is.
    pub erased: Vec<i32>,
    /// All the others.
    pub others: Vec<i32>,
    /// How much may still be done there that takes a further pass.
    pub licence: AtomicI64,
}

impl Places {
    fn may(&self, organisation: i32) -> bool {
        self.others.contains(&organisation) || self.licence.fetch_sub(1, Ordering::Relaxed) > 0
    }
}

/// What came of it.
#[derive(Debug, Default)]
pub struct Written {
    /// Transactions that were committed, and when that was answered.
    pub committed: Vec<(String, SystemTime)>,
    /// Transactions that were given up, for a lock or a row that had gone.
    pub given_up: u64,
}

/// One connection's worth of writing.
pub struct Writer {
    pub url: String,
    pub random: StdRng,
    pub places: Arc<Places>,
}

/// Rows that are made in any number: the time that they carry is their own.
const DATED: [&str; 7] = ["account", "message", "session", "token", "orders", "comment", "visit"];
/// Rows that carry none.
const UNDATED: [&str; 2] = ["profile", "order_line"];
/// Personal columns of rows that stay.
const STAYING: [(&str, &str); 5] =
    [("account", "name"), ("account", "phone"), ("profile", "bio"), ("message", "body"), ("visit", "page")];
/// Columns that an erasure does not mind: of rows that go anyway, or without anything personal.
const HARMLESS: [(&str, &str); 8] = [
    ("session", "ip"),
    ("token", "label"),
    ("orders", "address"),
    ("order_line", "item"),
    ("comment", "body"),
    ("account", "note"),
    ("message", "note"),
    ("profile", "note"),
];
const REMOVED: [&str; 7] = ["message", "profile", "token", "session", "orders", "comment", "visit"];

impl Writer {
    /// Writes until it is told to stop.
    pub async fn run(mut self, stop: watch::Receiver<bool>) -> Written {
        let mut written = Written::default();
        let mut client = None;
        while !*stop.borrow() {
            let Some(open) = connected(&mut client, &self.url).await else { continue };
            match self.transaction(open).await {
                Ok(xid) => written.committed.push((xid, SystemTime::now())),
                Err(error) => {
                    excused(&error);
                    written.given_up += 1;
                    // Where the connection is gone, so is the transaction.
                    open.batch_execute("ROLLBACK").await.ok();
                }
            }
        }
        written
    }

    async fn transaction(&mut self, client: &Client) -> Result<String, Error> {
        client.batch_execute("BEGIN").await?;
        let organisation = self.organisation();
        for _ in 0..self.random.random_range(1..=3) {
            self.anything(client, organisation).await?;
        }
        commit(client).await
    }

    fn one_of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.random.random_range(0..all.len())]
    }

    fn organisation(&mut self) -> i32 {
        let Places { erased, others, .. } = &*self.places;
        let from = if others.is_empty() || self.random.random_bool(0.6) { erased } else { others };
        from[self.random.random_range(0..from.len())]
    }

    async fn anything(&mut self, client: &Client, organisation: i32) -> Result<(), Error> {
        match self.random.random_range(0..100) {
            0..45 => {
                let table = self.one_of(&DATED);
                self.insert(client, organisation, table, false).await
            }
            45..65 => {
                let column = self.one_of(&HARMLESS);
                self.update(client, organisation, column).await
            }
            65..75 => self.remove(client, organisation).await,
            what if self.places.may(organisation) => match what {
                75..80 => {
                    let table = self.one_of(&UNDATED);
                    self.insert(client, organisation, table, false).await
                }
                80..83 => self.insert(client, organisation, "message", true).await,
                _ => {
                    let column = self.one_of(&STAYING);
                    self.update(client, organisation, column).await
                }
            },
            _ => self.insert(client, organisation, "token", false).await,
        }
    }

    /// A row that belongs to one that is there, where there is one; `old` ones say that they were made long ago.
    pub async fn insert(
        &mut self,
        client: &Client,
        organisation: i32,
        table: &str,
        old: bool,
    ) -> Result<(), Error> {
        let number: u32 = self.random.random();
        let parent = match table {
            "account" => None,
            "token" => Some("session"),
            "order_line" | "comment" => Some("orders"),
            _ => Some("account"),
        };
        let mut of = (0_i64, 0_i64);
        if let Some(parent) = parent {
            let Some(found) = self.pick(client, organisation, parent).await? else { return Ok(()) };
            of = found;
        }
        let mut row = json!({"note": "new"});
        for (column, value) in fields(table, organisation, of.0, number) {
            row[column] = value;
        }
        if table == "visit" {
            let address = client.query_one("SELECT beside.address($1)", &[&of.1]).await?;
            row["email"] = json!(address.get::<_, Option<String>>(0));
        }
        if old {
            row["created_at"] = json!("2024-05-06T07:08:09Z");
        }
        let make = "SELECT beside.make($1, $2, $3, $4::text::jsonb)";
        client.execute(make, &[&table, &organisation, &of.1, &row.to_string()]).await.map(drop)
    }

    async fn update(
        &mut self,
        client: &Client,
        organisation: i32,
        (table, column): (&str, &str),
    ) -> Result<(), Error> {
        let Some((id, _)) = self.pick(client, organisation, table).await? else { return Ok(()) };
        let value = match column {
            "phone" => digits(self.random.random()),
            _ => format!("written {}", self.random.random::<u32>()),
        };
        client
            .execute("SELECT beside.change($1, $2, $3, $4)", &[&table, &id, &column, &value])
            .await
            .map(drop)
    }

    async fn remove(&mut self, client: &Client, organisation: i32) -> Result<(), Error> {
        let table = self.one_of(&REMOVED);
        let Some((id, _)) = self.pick(client, organisation, table).await? else { return Ok(()) };
        client.execute("SELECT beside.remove($1, $2)", &[&table, &id]).await.map(drop)
    }

    async fn pick(
        &mut self,
        client: &Client,
        organisation: i32,
        table: &str,
    ) -> Result<Option<(i64, i64)>, Error> {
        let share: f64 = self.random.random();
        let sql = "SELECT * FROM beside.pick($1, $2, $3)";
        let found = client.query_opt(sql, &[&table, &organisation, &share]).await?;
        Ok(found.map(|row| (row.get(0), row.get(1))))
    }
}

/// What a new row says.
fn fields(table: &str, organisation: i32, parent: i64, number: u32) -> Vec<(&'static str, Value)> {
    let org = ("org", json!(organisation));
    match table {
        "account" => vec![
            org,
            ("email", json!(format!("new{number}@company{organisation}.example"))),
            ("name", json!(format!("Newcomer {number}"))),
            ("phone", json!(digits(number))),
        ],
        "profile" => {
            vec![
                ("account_id", json!(parent)),
                ("born", json!("1988-07-06")),
                ("bio", json!(format!("Life {number}"))),
            ]
        }
        "message" => vec![org, ("account_id", json!(parent)), ("body", json!(format!("Words {number}")))],
        "session" => vec![("account_id", json!(parent)), ("ip", json!("198.51.100.7"))],
        "token" => vec![("session_id", json!(parent)), ("label", json!(format!("Device {number}")))],
        "orders" => vec![org, ("account_id", json!(parent)), ("address", json!(format!("Street {number}")))],
        "order_line" => vec![("order_id", json!(parent)), ("item", json!(format!("Thing {number}")))],
        "comment" => vec![org, ("order_id", json!(parent)), ("body", json!(format!("Remark {number}")))],
        _ => vec![org, ("page", json!(format!("Page {number}")))],
    }
}

fn digits(number: u32) -> String {
    format!("{:0>12}", u64::from(number) * 97 + 300_000_000_000)
}

/// Ends a transaction; its id.
pub async fn commit(client: &Client) -> Result<String, Error> {
    let xid = client.query_one("SELECT pg_current_xact_id()::text", &[]).await?.get(0);
    client.batch_execute("COMMIT").await?;
    Ok(xid)
}

/// A connection, if the server is there.
pub async fn connected<'c>(client: &'c mut Option<Client>, url: &str) -> Option<&'c Client> {
    if client.as_ref().is_none_or(Client::is_closed) {
        *client = None;
        let (new, connection) = tokio_postgres::connect(url, NoTls).await.ok()?;
        tokio::spawn(connection);
        let settings =
            "SET application_name = 'desk'; SET synchronous_commit = on; SET statement_timeout = '100s'";
        new.batch_execute(settings).await.ok()?;
        *client = Some(new);
    }
    client.as_ref()
}

/// Whether this happens to whoever writes beside others: a deadlock, a row that has gone, a server that was
/// killed. Anything else ends the test.
pub fn excused(error: &Error) {
    const CODES: [&str; 7] = ["40P01", "40001", "23503", "57P01", "57P02", "57P03", "25P02"];
    if let Some(refused) = error.as_db_error() {
        assert!(CODES.contains(&refused.code().code()), "a writer was refused: {refused:?}");
    }
}
