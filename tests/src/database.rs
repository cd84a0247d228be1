//! Databases that a test makes for itself.

use anyhow::{Context, Result};
use tokio_postgres::{Client, NoTls};

/// A database and a connection to it as administrator.
#[derive(Debug)]
pub struct Database {
    /// Its name.
    pub name: String,
    /// Its address as administrator.
    pub url: String,
    /// A connection.
    pub client: Client,
}

impl Database {
    /// Makes an empty database on a server.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn create(admin_url: &str, prefix: &str) -> Result<Self> {
        let name = format!("{prefix}_{}", uuid::Uuid::new_v4().simple());
        let admin = connect(admin_url).await?;
        admin
            .batch_execute(&format!("CREATE DATABASE \"{name}\""))
            .await
            .context("a database cannot be made")?;
        let url = with_database(admin_url, &name, None)?;
        let client = connect(&url).await?;
        Ok(Self { name, url, client })
    }

    /// Its address as another role.
    ///
    /// # Errors
    /// When the administrator's address cannot be read.
    pub fn url_as(&self, role: &str) -> Result<String> {
        with_database(&self.url, &self.name, Some(role))
    }

    /// Connects anew, for a server that was killed meanwhile.
    ///
    /// # Errors
    /// When the server is still away.
    pub async fn reconnect(&mut self) -> Result<()> {
        self.client = self.connect().await?;
        Ok(())
    }

    /// Another connection, for whoever looks while the server may be killed.
    ///
    /// # Errors
    /// When the server is away.
    pub async fn connect(&self) -> Result<Client> {
        connect(&self.url).await
    }

    /// One number.
    ///
    /// # Errors
    /// When the statement fails.
    pub async fn number(&self, sql: &str) -> Result<i64> {
        Ok(self.client.query_one(sql, &[]).await.with_context(|| sql.to_owned())?.try_get(0)?)
    }
}

async fn connect(url: &str) -> Result<Client> {
    let (client, connection) =
        tokio_postgres::connect(url, NoTls).await.context("the test's database server is away")?;
    tokio::spawn(connection);
    Ok(client)
}

fn with_database(url: &str, name: &str, role: Option<&str>) -> Result<String> {
    let mut url = reqwest::Url::parse(url)?;
    url.set_path(name);
    if let Some(role) = role {
        url.set_username(role).ok().context("an address without a user")?;
    }
    Ok(url.into())
}
