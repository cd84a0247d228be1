//! A database of its own for each test.

use std::sync::atomic::{AtomicU32, Ordering};

use sample::{Scale, Seeded};
use tokio_postgres::{Client, Config, NoTls};

/// A database that a test made, and a session in it.
pub struct Database {
    pub client: Client,
    name: String,
    server: Config,
}

impl Database {
    /// An empty database.
    pub async fn empty() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("sample_{}_{number}", std::process::id());
        let server = server();
        let admin = connect(&server).await;
        admin.batch_execute(&format!("DROP DATABASE IF EXISTS {name}")).await.unwrap();
        admin
            .batch_execute(&format!("CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8'"))
            .await
            .unwrap();
        let client = connect(server.clone().dbname(&name)).await;
        Self { client, name, server }
    }

    /// A database with the sample company's tables.
    pub async fn created() -> Self {
        let database = Self::empty().await;
        sample::create(&database.client).await.unwrap();
        database
    }

    /// A database with the sample company in it.
    pub async fn seeded(scale: &Scale, seed: u64) -> (Self, Seeded) {
        let mut database = Self::created().await;
        let seeded = sample::seed(&mut database.client, scale, seed, |_| ()).await.unwrap();
        (database, seeded)
    }

    /// A session as another user.
    pub async fn session(&self, user: &str) -> Client {
        connect(self.server.clone().dbname(&self.name).user(user)).await
    }

    /// Removes the database; sessions in it end.
    pub async fn remove(self) {
        let admin = connect(&self.server).await;
        admin.batch_execute(&format!("DROP DATABASE {} WITH (FORCE)", self.name)).await.unwrap();
    }

    /// The first column of the first row.
    pub async fn count(&self, sql: &str) -> i64 {
        let row = self.client.query_one(sql, &[]).await;
        row.unwrap_or_else(|error| panic!("{sql}: {error:?}")).get(0)
    }
}

fn server() -> Config {
    let url = std::env::var("LETHE_TEST_PG_URL");
    url.expect("LETHE_TEST_PG_URL is not set: run through make test, which starts a server").parse().unwrap()
}

async fn connect(config: &Config) -> Client {
    let (client, connection) = config.connect(NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}
