//! A database per test, and rows as text.

use std::time::Duration;

use chrono::{DateTime, Utc};
use connectors::{
    CollectionRead, CopyRows, ExportScope, ReadTransaction, StoreConfig, StoreError, SubjectStore,
};
use domain::datamap::{Collection, DataMap};
use domain::export::ExportFormat;
use domain::id::OrganisationId;
use domain::schema::LiveSchema;
use futures::TryStreamExt as _;
use tokio_postgres::{Client, Config, NoTls};
use uuid::Uuid;

/// A database of its own, dropped with the value, and the roles made for it.
pub struct TestDatabase {
    admin: Config,
    name: String,
    roles: Vec<String>,
    /// For statements of the test itself.
    pub client: Client,
}

fn admin() -> Config {
    let url = std::env::var("LETHE_TEST_PG_URL").expect(
        "LETHE_TEST_PG_URL is not set; these tests are run through `make test`, which starts a server",
    );
    url.parse().expect("LETHE_TEST_PG_URL is a PostgreSQL url")
}

async fn open(config: &Config) -> Client {
    let (client, connection) = config.connect(NoTls).await.expect("the test server answers");
    tokio::spawn(connection);
    client
}

impl TestDatabase {
    /// A new database with these statements run in it.
    pub async fn with(sql: &str) -> Self {
        Self::as_said("", sql).await
    }

    /// The same in another encoding than UTF-8, as old databases have.
    pub async fn encoded(encoding: &str, sql: &str) -> Self {
        let options = format!("TEMPLATE template0 ENCODING '{encoding}' LC_COLLATE 'C' LC_CTYPE 'C'");
        Self::as_said(&options, sql).await
    }

    /// The same, made with these options.
    pub async fn as_said(options: &str, sql: &str) -> Self {
        let admin = admin();
        let name = format!("connectors_{}", Uuid::new_v4().simple());
        open(&admin).await.batch_execute(&format!("CREATE DATABASE {name} {options}")).await.unwrap();
        let client = open(admin.clone().dbname(&name)).await;
        let database = Self { admin, name, roles: Vec::new(), client };
        database.client.batch_execute(sql).await.unwrap();
        database
    }

    /// A role without rights; the second string is what a URL needs to act as it.
    pub async fn role(&mut self) -> (String, String) {
        let role = format!("connectors_{}", Uuid::new_v4().simple());
        self.client.batch_execute(&format!("CREATE ROLE {role} NOLOGIN NOBYPASSRLS")).await.unwrap();
        self.roles.push(role.clone());
        let options = format!("options=-c%20role%3D{role}");
        (role, options)
    }

    /// The settings of a store in this database, with `parameters` appended to its URL.
    pub fn config(&self, parameters: &str) -> StoreConfig {
        let user = self.admin.get_user().unwrap_or("postgres");
        let password = self.admin.get_password().map(|p| format!(":{}", String::from_utf8_lossy(p)));
        let host = match self.admin.get_hosts().first() {
            Some(tokio_postgres::config::Host::Tcp(host)) => host.clone(),
            other => panic!("the test server is reached over TCP, not {other:?}"),
        };
        let (port, name) = (self.admin.get_ports().first().copied().unwrap_or(5432), &self.name);
        let password = password.unwrap_or_default();
        StoreConfig {
            name: "shop".to_owned(),
            url: format!("postgresql://{user}{password}@{host}:{port}/{name}?{parameters}").into(),
            replica_url: None,
            max_connections: 4,
            statement_timeout: Duration::from_secs(30),
            lock_timeout: Duration::from_secs(5),
        }
    }

    /// A store in this database.
    pub fn store(&self) -> SubjectStore {
        SubjectStore::connect(&self.config("")).unwrap()
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        let (admin, name, roles) = (self.admin.clone(), self.name.clone(), std::mem::take(&mut self.roles));
        let dropping = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let client = open(&admin).await;
                client.batch_execute(&format!("DROP DATABASE {name} WITH (FORCE)")).await.unwrap();
                for role in roles {
                    client.batch_execute(&format!("DROP ROLE {role}")).await.unwrap();
                }
            });
        });
        if dropping.join().is_err() && !std::thread::panicking() {
            panic!("the test database could not be dropped");
        }
    }
}

/// A store with its schema and data map: what a worker has at hand.
pub struct Bench {
    pub store: SubjectStore,
    pub schema: LiveSchema,
    pub map: DataMap,
}

impl Bench {
    pub async fn new(store: SubjectStore, yaml: &str) -> Self {
        let map = DataMap::parse(yaml).unwrap();
        let schemas: Vec<&str> = map.datasets.iter().map(|dataset| dataset.schema.as_str()).collect();
        let schema = store.live_schema(&schemas).await.unwrap();
        Self { store, schema, map }
    }

    pub fn collection(&self, name: &str) -> &Collection {
        self.map.datasets.iter().find_map(|dataset| dataset.collection(name)).unwrap()
    }

    pub fn read(&self, collection: &str, organisation: &str, cutoff_at: DateTime<Utc>) -> CollectionRead {
        self.read_as(collection, organisation, cutoff_at, ExportFormat::Both)
    }

    pub fn read_as(
        &self,
        collection: &str,
        organisation: &str,
        cutoff_at: DateTime<Utc>,
        formats: ExportFormat,
    ) -> CollectionRead {
        let organisation = OrganisationId::parse(organisation).unwrap();
        let scope = ExportScope { organisation: &organisation, cutoff_at, formats, only: None };
        CollectionRead::plan(self.collection(collection), &self.schema, &scope, None).unwrap()
    }

    /// All rows of a collection, sorted, with the count checked against them.
    pub async fn rows(&self, collection: &str, organisation: &str) -> Vec<Vec<Option<String>>> {
        self.try_rows(collection, organisation).await.unwrap()
    }

    pub async fn try_rows(
        &self,
        name: &str,
        organisation: &str,
    ) -> Result<Vec<Vec<Option<String>>>, StoreError> {
        let read = self.read(name, organisation, far_future());
        let mut transaction = self.store.begin_read().await?;
        let rows = copied(&mut transaction, &read).await?;
        let count = transaction.count(&read).await?;
        transaction.finish().await?;
        assert_eq!(usize::try_from(count).unwrap(), rows.len(), "count and copy differ for {name}");
        Ok(rows)
    }
}

pub fn far_future() -> DateTime<Utc> {
    "2999-01-01T00:00:00Z".parse().unwrap()
}

/// The rows of one COPY, sorted.
pub async fn copied(
    transaction: &mut ReadTransaction,
    read: &CollectionRead,
) -> Result<Vec<Vec<Option<String>>>, StoreError> {
    let mut rows = decoded(transaction.copy(read).await?).await?;
    rows.sort();
    Ok(rows)
}

async fn decoded(rows: CopyRows<'_>) -> Result<Vec<Vec<Option<String>>>, StoreError> {
    rows.map_ok(|row| {
        let line = std::str::from_utf8(&row).unwrap().strip_suffix('\n').expect("one row an item");
        line.split('\t').map(cell).collect()
    })
    .try_collect()
    .await
}

/// A cell of COPY's text format, without its escapes.
fn cell(text: &str) -> Option<String> {
    if text == "\\N" {
        return None;
    }
    let mut plain = String::with_capacity(text.len());
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        plain.push(match character {
            '\\' => match characters.next().unwrap() {
                'n' => '\n',
                't' => '\t',
                'r' => '\r',
                'b' => '\u{8}',
                'f' => '\u{c}',
                'v' => '\u{b}',
                other => other,
            },
            other => other,
        });
    }
    Some(plain)
}

/// The first cell of every row.
pub fn firsts(rows: &[Vec<Option<String>>]) -> Vec<&str> {
    rows.iter().map(|row| row[0].as_deref().unwrap_or("NULL")).collect()
}
