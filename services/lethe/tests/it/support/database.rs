//! Databases of a test's own.

use std::sync::atomic::{AtomicU32, Ordering};

use tokio_postgres::{Client, Config, NoTls};
use url::Url;

/// A name that no other test uses, and perhaps a database of that name.
pub struct Database {
    pub name: String,
    server: Url,
}

impl Database {
    /// A name only.
    pub fn named() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let url = std::env::var("LETHE_TEST_PG_URL");
        let url = url.expect("LETHE_TEST_PG_URL is not set: run through make test, which starts a server");
        Self { name: format!("lethe_cli_{}_{number}", std::process::id()), server: url.parse().unwrap() }
    }

    /// An empty database.
    pub async fn empty() -> Self {
        let database = Self::named();
        database.admin().await.batch_execute(&format!("CREATE DATABASE {}", database.name)).await.unwrap();
        database
    }

    pub fn url(&self) -> String {
        let mut url = self.server.clone();
        url.set_path(&self.name);
        url.into()
    }

    /// A session as the server's administrator.
    pub async fn session(&self) -> Client {
        connect(&self.url().parse().unwrap()).await
    }

    /// A session as another role.
    pub async fn session_as(&self, role: &str) -> Client {
        let config: Config = self.url().parse().unwrap();
        connect(config.clone().user(role)).await
    }

    pub async fn remove(self) {
        let command = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name);
        self.admin().await.batch_execute(&command).await.unwrap();
    }

    async fn admin(&self) -> Client {
        connect(&self.server.as_str().parse().unwrap()).await
    }
}

async fn connect(config: &Config) -> Client {
    let (client, connection) = config.connect(NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}
