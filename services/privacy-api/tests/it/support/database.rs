//! The control database behind a test's server.

use store::Store;
use testkit::ControlDatabase;
use tokio_postgres::Client;

/// The control database behind a test's server; dropped with it.
pub struct TestDatabase {
    /// Connected as superuser, for fixtures and for looking behind the API.
    pub admin: Client,
    control: ControlDatabase,
}

impl TestDatabase {
    pub async fn create() -> Self {
        let control = ControlDatabase::create().await;
        Self { admin: control.client().await, control }
    }

    /// The database as the service sees it.
    pub fn store(&self) -> Store {
        self.control.store_as("lethe_api")
    }

    pub async fn count(&self, from: &str) -> i64 {
        self.admin.query_one(&format!("SELECT count(*) FROM {from}"), &[]).await.unwrap().get(0)
    }

    pub async fn text(&self, query: &str) -> String {
        self.admin.query_one(query, &[]).await.unwrap().get(0)
    }
}
