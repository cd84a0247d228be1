//! Databases that last as long as a test.

use tokio_postgres::{Client, NoTls};
use url::Url;
use uuid::Uuid;

use crate::setting::setting;

/// The superuser's URL of the server that tests run on.
#[must_use]
pub fn pg_admin_url() -> String {
    setting("LETHE_TEST_PG_URL")
}

/// A database of a test's own, dropped with this value.
#[derive(Debug)]
pub struct Database {
    name: String,
    url: String,
}

impl Database {
    /// A database that exists under that name and is the caller's from now on.
    pub(crate) fn adopt(name: String) -> Self {
        let url = url_of(&name);
        Self { name, url }
    }

    /// The superuser's URL of it.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// A superuser's connection to it.
    pub async fn client(&self) -> Client {
        connect(&self.url).await
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let statement = format!("DROP DATABASE IF EXISTS \"{}\" WITH (FORCE)", self.name);
        let dropping = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.expect("a runtime").block_on(async {
                let admin = connect(&pg_admin_url()).await;
                admin.batch_execute(&statement).await.expect("the database can be dropped");
            });
        });
        // A database that stays behind harms nobody; a panic while panicking would hide the test's own.
        drop(dropping.join());
    }
}

/// An empty database, for tests of the migrations themselves.
pub async fn empty_database() -> Database {
    let name = fresh_name();
    let admin = connect(&pg_admin_url()).await;
    admin.batch_execute(&format!("CREATE DATABASE \"{name}\"")).await.expect("a database can be created");
    Database::adopt(name)
}

/// A connection without TLS, driven by a task of its own.
///
/// # Panics
/// When the server does not let us in.
pub async fn connect(url: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls)
        .await
        .unwrap_or_else(|error| panic!("the test server refuses a connection: {error}"));
    // It ends with the client, or with the database under it.
    tokio::spawn(async move { drop(connection.await) });
    client
}

pub(crate) fn fresh_name() -> String {
    format!("lethe_test_{}", Uuid::new_v4().simple())
}

/// The superuser's URL of a database of the server.
pub(crate) fn url_of(database: &str) -> String {
    let mut url = Url::parse(&pg_admin_url()).expect("LETHE_TEST_PG_URL is a URL");
    url.set_path(database);
    url.into()
}
