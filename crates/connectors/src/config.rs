//! How to reach a subject store.

use std::str::FromStr;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use tokio_postgres::config::{Host, SslMode};

use crate::error::{StoreError, StoreErrorKind};

/// The settings of one subject store.
#[derive(Debug, Clone)]
pub struct StoreConfig {
    /// The store's name in the data map.
    pub name: String,
    /// `postgresql://user:password@host:port/database?sslmode=…`, for a role that may read.
    ///
    /// `sslmode` is `disable`, `prefer`, `require`, `verify-ca` or `verify-full`. Without it the
    /// connection is encrypted unless the host is this machine. Wherever TLS is used, chain and
    /// host name are verified, whatever the mode: `require` is no weaker than `verify-full`.
    pub url: SecretString,
    /// The same for a replica. When there is one, everything is read from it, and the server of
    /// `url` is connected to only to make holds bind.
    pub replica_url: Option<SecretString>,
    /// How many connections may be open at once.
    pub max_connections: usize,
    /// How long one statement may run, a whole COPY included; zero for as long as it takes.
    pub statement_timeout: Duration,
    /// How long to wait for a lock; zero for as long as it takes.
    pub lock_timeout: Duration,
}

/// How long one host may take to answer, unless the URL says otherwise.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// When a silent connection is probed, and when unanswered bytes end it.
const KEEPALIVE_IDLE: Duration = Duration::from_secs(30);
const TCP_USER_TIMEOUT: Duration = Duration::from_secs(60);

impl StoreConfig {
    /// The same without the replica, which may be behind: for whoever must see all that is so.
    #[must_use]
    pub fn of_primary(&self) -> Self {
        Self { replica_url: None, ..self.clone() }
    }

    /// The driver's settings; its `ssl_mode` is `Disable` exactly when no TLS is to be used.
    pub(crate) fn driver(&self) -> Result<tokio_postgres::Config, StoreError> {
        let bad = |text| StoreError::new(&self.name, StoreErrorKind::Configuration(text));
        if self.max_connections == 0 {
            return Err(bad("`max_connections` must be at least 1"));
        }
        let (url, wrong) = match &self.replica_url {
            Some(replica) => (replica, &REPLICA),
            None => (&self.url, &PRIMARY),
        };
        let (url, mode) = without_sslmode(url.expose_secret());
        if !["postgres://", "postgresql://"].iter().any(|scheme| url.starts_with(scheme)) {
            return Err(bad(wrong.scheme));
        }
        // The parser's error is dropped: it may quote the URL, and that holds a password.
        let mut driver = tokio_postgres::Config::from_str(&url).map_err(|_| bad(wrong.form))?;
        driver.ssl_mode(match mode.as_deref() {
            Some("disable") => SslMode::Disable,
            Some("prefer") => SslMode::Prefer,
            Some("require" | "verify-ca" | "verify-full") => SslMode::Require,
            Some(_) => {
                return Err(bad("`sslmode` must be disable, prefer, require, verify-ca or verify-full"));
            }
            None if on_this_machine(&driver) => SslMode::Disable,
            None => SslMode::Require,
        });
        if driver.get_connect_timeout().is_none() {
            driver.connect_timeout(CONNECT_TIMEOUT);
        }
        driver.keepalives_idle(KEEPALIVE_IDLE).tcp_user_timeout(TCP_USER_TIMEOUT);
        driver.application_name(format!("lethe-{}", self.name));
        Ok(driver)
    }
}

/// What is said of a URL that cannot be used, for each of the two.
struct Wrong {
    scheme: &'static str,
    form: &'static str,
}

const PRIMARY: Wrong =
    Wrong { scheme: "the url must begin with postgresql://", form: "the url is no valid PostgreSQL url" };
const REPLICA: Wrong = Wrong {
    scheme: "`replica_url` must begin with postgresql://",
    form: "`replica_url` is no valid PostgreSQL url",
};

/// Takes `sslmode` out of a URL, because the driver knows only three of its values.
fn without_sslmode(url: &str) -> (String, Option<String>) {
    let Some((base, query)) = url.split_once('?') else {
        return (url.to_owned(), None);
    };
    let mut mode = None;
    let rest: Vec<&str> = query
        .split('&')
        .filter(|pair| match pair.strip_prefix("sslmode=") {
            Some(value) => {
                mode = Some(value.to_owned());
                false
            }
            None => true,
        })
        .collect();
    let rest = rest.join("&");
    (if rest.is_empty() { base.to_owned() } else { format!("{base}?{rest}") }, mode)
}

fn on_this_machine(driver: &tokio_postgres::Config) -> bool {
    let loopback = |host: &Host| match host {
        Host::Tcp(name) => {
            name == "localhost" || name.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
        }
        #[cfg(unix)]
        Host::Unix(_) => true,
    };
    driver.get_hosts().iter().all(loopback)
        && driver.get_hostaddrs().iter().all(std::net::IpAddr::is_loopback)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn driver(url: &str) -> Result<tokio_postgres::Config, StoreError> {
        let config = StoreConfig {
            name: "shop".to_owned(),
            url: url.into(),
            replica_url: None,
            max_connections: 1,
            statement_timeout: Duration::ZERO,
            lock_timeout: Duration::ZERO,
        };
        config.driver()
    }

    #[test]
    fn tls_is_the_default_except_on_this_machine() {
        for (url, mode) in [
            ("postgres://u@127.0.0.1:5433/d", SslMode::Disable),
            ("postgres://u@localhost/d", SslMode::Disable),
            ("postgres://u@[::1]/d", SslMode::Disable),
            ("postgres://u@%2Fvar%2Frun%2Fpostgresql/d", SslMode::Disable),
            ("postgres://u@db.example.com/d", SslMode::Require),
            ("postgres://u@localhost,db.example.com/d", SslMode::Require),
            ("postgres://u@localhost/d?hostaddr=192.0.2.1", SslMode::Require),
            ("postgres://u@localhost/d?sslmode=require", SslMode::Require),
            ("postgresql://u@h/d?sslmode=disable", SslMode::Disable),
            ("postgres://u@h/d?connect_timeout=2&sslmode=verify-full", SslMode::Require),
            ("postgres://u@h/d?sslmode=verify-ca&connect_timeout=2", SslMode::Require),
            ("postgres://u@h/d?sslmode=prefer", SslMode::Prefer),
        ] {
            assert_eq!(driver(url).unwrap().get_ssl_mode(), mode, "{url}");
        }
    }

    #[test]
    fn other_parameters_survive_and_the_name_is_ours() {
        let driver =
            driver("postgres://u@h/d?sslmode=verify-full&connect_timeout=2&application_name=x").unwrap();
        assert_eq!(driver.get_connect_timeout(), Some(&Duration::from_secs(2)));
        assert_eq!(driver.get_application_name(), Some("lethe-shop"));
        assert_eq!((driver.get_user(), driver.get_dbname()), (Some("u"), Some("d")));
    }

    #[test]
    fn a_replica_is_read_in_place_of_its_primary() {
        let with = |replica: &str| StoreConfig {
            name: "shop".to_owned(),
            url: "postgres://reader@primary/shop".into(),
            replica_url: Some(replica.into()),
            max_connections: 1,
            statement_timeout: Duration::ZERO,
            lock_timeout: Duration::ZERO,
        };
        let driver = with("postgres://reader@replica/shop").driver().unwrap();
        assert_eq!(driver.get_hosts(), [Host::Tcp("replica".to_owned())]);
        for bad in ["host=replica", "postgres://u:hunter2@h:port/d"] {
            let text = with(bad).driver().unwrap_err().to_string();
            assert!(text.contains("`replica_url`") && !text.contains("hunter2"), "{text}");
        }
    }

    #[test]
    fn a_bad_url_is_refused_without_being_quoted() {
        for url in [
            "host=h password=hunter2",
            "postgres://u:hunter2@h:port/d",
            "postgres://u:hunter2@h/d?sslmode=maybe",
            "postgres://u:hunter2@h/d?nonsense=1",
        ] {
            let error = driver(url).unwrap_err();
            let text = format!("{error} {error:?}");
            assert!(!text.contains("hunter2") && text.contains("subject store `shop`"), "{text}");
            assert!(!error.is_retryable());
        }
    }
}
