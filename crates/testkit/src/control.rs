//! A control database of a test's own.

use chrono::{DateTime, Utc};
use domain::id::JobId;
use secrecy::SecretString;
use store::{Store, StoreConfig};
use tokio_postgres::Client;
use url::Url;

use crate::database::{Database, connect};
use crate::template;

/// The roles of the services on the control database.
pub const SERVICE_ROLES: [&str; 5] =
    ["lethe_api", "lethe_export", "lethe_erasure", "lethe_scheduler", "lethe_audit"];

/// The password that the roles have on a test server.
pub(crate) const PASSWORD: &str = "lethe-test";

/// A migrated control database, dropped with this value.
#[derive(Debug)]
pub struct ControlDatabase(Database);

impl ControlDatabase {
    /// A new one, a copy of the migrated template. Works on any kind of runtime.
    pub async fn create() -> Self {
        Self(Database::adopt(template::copy().await))
    }

    /// The superuser's URL.
    #[must_use]
    pub fn url(&self) -> &str {
        self.0.url()
    }

    /// The URL of one of the [`SERVICE_ROLES`].
    ///
    /// # Panics
    /// When there is no such role: a typing error would otherwise look like a missing right.
    #[must_use]
    pub fn url_as(&self, role: &str) -> String {
        assert!(SERVICE_ROLES.contains(&role), "`{role}` is not a role of a service");
        let mut url = Url::parse(self.url()).expect("we made it");
        let named = url.set_username(role).and_then(|()| url.set_password(Some(PASSWORD)));
        named.expect("a database URL has a user");
        url.into()
    }

    /// The store as the superuser sees it: for looking, not for what a service does.
    #[must_use]
    pub fn store(&self) -> Store {
        open(self.url().to_owned())
    }

    /// The store as a service with that role sees it.
    #[must_use]
    pub fn store_as(&self, role: &str) -> Store {
        open(self.url_as(role))
    }

    /// Lets the grace period of a job end at that moment, which no service can.
    ///
    /// # Panics
    /// When there is no such job.
    pub async fn end_grace(&self, job: JobId, at: DateTime<Utc>) {
        let script = format!(
            "BEGIN; SET LOCAL session_replication_role = replica; \
             UPDATE privacy_jobs SET not_before = '{at}' WHERE id = '{job}' AND state = 'scheduled'; COMMIT",
            at = at.to_rfc3339()
        );
        self.client().await.batch_execute(&script).await.expect("no trigger stands in the way");
    }

    /// A superuser's connection.
    pub async fn client(&self) -> Client {
        connect(self.url()).await
    }

    /// A connection of a service's role.
    pub async fn client_as(&self, role: &str) -> Client {
        connect(&self.url_as(role)).await
    }
}

fn open(url: String) -> Store {
    let config = StoreConfig { url: SecretString::from(url), max_connections: 8 };
    Store::open(&config).expect("the URL is right")
}
