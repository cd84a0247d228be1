//! Plain connections for what only happens on a developer's machine.

use std::str::FromStr as _;

use tokio_postgres::config::Host;
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Config, NoTls};

use crate::failure::Failure;

/// A database that is reached without TLS: on this machine, or where the URL says `sslmode=disable`.
#[derive(Debug, Clone)]
pub struct PlainDatabase {
    config: Config,
    local: bool,
    option: &'static str,
}

impl PlainDatabase {
    /// The database of a URL, which came with `option`.
    ///
    /// # Errors
    /// When the URL is none, or asks for a connection over TLS.
    pub fn parse(url: &str, option: &'static str) -> Result<Self, Failure> {
        // The parser's error may quote the URL, and that may hold a password.
        let config = Config::from_str(url).ok().filter(|config| config.get_dbname().is_some());
        let config = config.ok_or_else(|| {
            Failure::usage(format!("{option} must look like postgres://user:password@host:port/database"))
        })?;
        let local = is_local(&config);
        let plain = config.get_ssl_mode() == tokio_postgres::config::SslMode::Disable;
        if !local && !plain {
            return Err(Failure::usage(format!(
                "{option} is not on this machine, and this command knows no TLS"
            ))
            .next(
                "use a database on this machine, or add ?sslmode=disable where the network is a private one",
            ));
        }
        Ok(Self { config, local, option })
    }

    /// Refuses databases beyond this machine.
    ///
    /// # Errors
    /// When the host is another machine.
    pub fn must_be_local(&self, what: &str) -> Result<(), Failure> {
        match self.local {
            true => Ok(()),
            false => Err(Failure::usage(format!(
                "{what} is for databases on this machine, and {} is not",
                self.option
            ))
            .next("leave the option away, or name a database at localhost")),
        }
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        self.config.get_dbname().unwrap_or_default()
    }

    /// A session in it; `None` when there is no such database.
    ///
    /// # Errors
    /// When the server cannot be reached or lets us not in.
    pub async fn session(&self) -> Result<Option<Client>, Failure> {
        match connect(&self.config).await {
            Ok(client) => Ok(Some(client)),
            Err(error) if error.code() == Some(&SqlState::UNDEFINED_DATABASE) => Ok(None),
            Err(error) => Err(self.unreachable(error)),
        }
    }

    /// Creates it unless it is there.
    ///
    /// # Errors
    /// When the role may not.
    pub async fn create(&self) -> Result<(), Failure> {
        let client = self.maintenance().await?;
        let command = format!("CREATE DATABASE {} TEMPLATE template0 ENCODING 'UTF8'", quoted(self.name()));
        match client.batch_execute(&command).await {
            // Somebody else was faster.
            Err(error) if taken(&error) => Ok(()),
            Err(error) => Err(Failure::new(format!("the database `{}` cannot be created", self.name()))
                .because(error)
                .next("the role needs CREATEDB; or have the database created by somebody else")),
            Ok(()) => Ok(()),
        }
    }

    /// Removes it with everything in it; sessions in it end.
    ///
    /// # Errors
    /// When the role may not.
    pub async fn remove(&self) -> Result<(), Failure> {
        let client = self.maintenance().await?;
        let command = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", quoted(self.name()));
        client.batch_execute(&command).await.map_err(|error| {
            Failure::new(format!("the database `{}` cannot be removed", self.name()))
                .because(error)
                .next("the role must own the database")
        })
    }

    /// A session in the database that every server has.
    async fn maintenance(&self) -> Result<Client, Failure> {
        connect(self.config.clone().dbname("postgres")).await.map_err(|error| self.unreachable(error))
    }

    fn unreachable(&self, error: tokio_postgres::Error) -> Failure {
        Failure::new("the database server cannot be reached, or does not let us in").because(error).next(
            format!(
                "see whether the server runs (`make up` starts a private one), and correct {}",
                self.option
            ),
        )
    }
}

async fn connect(config: &Config) -> Result<Client, tokio_postgres::Error> {
    let (client, connection) = config.connect(NoTls).await?;
    // An error of the connection also ends the statement that waits for it, and is told there.
    tokio::spawn(async move { connection.await.ok() });
    Ok(client)
}

fn taken(error: &tokio_postgres::Error) -> bool {
    [&SqlState::DUPLICATE_DATABASE, &SqlState::UNIQUE_VIOLATION]
        .into_iter()
        .any(|code| error.code() == Some(code))
}

/// A name as an SQL identifier.
#[must_use]
pub fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

fn is_local(config: &Config) -> bool {
    let local = |host: &Host| match host {
        Host::Tcp(name) => {
            name == "localhost" || name.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
        }
        Host::Unix(_) => true,
    };
    !config.get_hosts().is_empty()
        && config.get_hosts().iter().all(local)
        && config.get_hostaddrs().iter().all(std::net::IpAddr::is_loopback)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(url: &str) -> Result<PlainDatabase, Failure> {
        PlainDatabase::parse(url, "--database-url")
    }

    #[test]
    fn this_machine_is_told_from_others() {
        for url in ["postgres://u@127.0.0.1:15432/d", "postgresql://localhost/d", "postgres://u@[::1]/d"] {
            assert!(parse(url).unwrap().must_be_local("--recreate").is_ok(), "{url}");
        }
        for url in ["postgres://u@db/d?sslmode=disable", "postgres://u@localhost,db/d?sslmode=disable"] {
            let failure = parse(url).unwrap().must_be_local("--recreate").unwrap_err();
            assert!(
                failure.to_string().starts_with("--recreate is for databases on this machine"),
                "{failure}"
            );
        }
    }

    #[test]
    fn a_url_that_cannot_be_used_is_refused_without_being_quoted() {
        for url in [
            "",
            "u:hunter2",
            "postgres://u:hunter2@h:port/d",
            "postgres://u:hunter2@127.0.0.1",
            "postgres://u:hunter2@db/d",
        ] {
            let failure = parse(url).unwrap_err();
            assert!(!format!("{failure} {failure:?}").contains("hunter2"), "{failure}");
        }
    }

    #[test]
    fn names_are_quoted() {
        assert_eq!(quoted("a\"b"), "\"a\"\"b\"");
    }
}
