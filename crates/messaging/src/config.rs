//! Where the broker is and how long anything may take.

use std::time::Duration;

use lapin::uri::AMQPUri;
use secrecy::{ExposeSecret, SecretString};

use crate::MessagingError;

/// How to reach the broker. Cloned into every connection, so that each can be rebuilt by itself.
#[derive(Clone, Debug)]
pub struct AmqpConfig {
    /// `amqp://user:password@host:port/vhost`, or `amqps://` for TLS. An absent or empty vhost is `/`.
    pub url: SecretString,
    /// Name shown for the connection in the broker's management pages, usually the service's name.
    pub connection_name: String,
    /// Longest silence before a peer counts as gone; both sides send twice as often. Whole seconds.
    pub heartbeat: Duration,
    /// Longest time for name lookup, TCP, TLS and the AMQP handshake together.
    pub connect_timeout: Duration,
    /// Longest time for one request to the broker: declare, consume, acknowledge, close.
    pub operation_timeout: Duration,
    /// Longest time from handing over a batch to the broker's last confirm.
    pub confirm_timeout: Duration,
}

impl AmqpConfig {
    /// The address with the usual times: heartbeat and connecting 10 s, requests 5 s, confirms 10 s.
    #[must_use]
    pub fn new(url: SecretString, connection_name: impl Into<String>) -> Self {
        Self {
            url,
            connection_name: connection_name.into(),
            heartbeat: Duration::from_secs(10),
            connect_timeout: Duration::from_secs(10),
            operation_timeout: Duration::from_secs(5),
            confirm_timeout: Duration::from_secs(10),
        }
    }

    /// The same broker under another connection name.
    pub(crate) fn named(&self, suffix: &str) -> Self {
        Self { connection_name: format!("{} {suffix}", self.connection_name), ..self.clone() }
    }

    /// Checks the address without connecting, so that a service refuses a wrong one at its start.
    ///
    /// # Errors
    /// [`MessagingError::Url`] when the address is not an AMQP address.
    pub fn check(&self) -> Result<(), MessagingError> {
        self.uri().map(drop)
    }

    /// The address as the client library wants it.
    pub(crate) fn uri(&self) -> Result<AMQPUri, MessagingError> {
        let text = self.url.expose_secret();
        // The parser's own message repeats the address, and with it the password.
        let mut uri: AMQPUri = text.parse().map_err(|_reason| MessagingError::Url)?;
        if let Some(address) = ipv6_literal(text) {
            // The parser drops a host in brackets and goes to localhost instead.
            uri.authority.host = address.to_owned();
        }
        if uri.vhost.is_empty() {
            uri.vhost = "/".to_owned();
        }
        let heartbeat = u16::try_from(self.heartbeat.as_secs()).unwrap_or(u16::MAX);
        uri.query.heartbeat.get_or_insert(heartbeat);
        let timeout = u64::try_from(self.connect_timeout.as_millis()).unwrap_or(u64::MAX);
        uri.query.connection_timeout.get_or_insert(timeout);
        Ok(uri)
    }
}

/// The address between the brackets of `scheme://user:password@[address]:port/…`.
fn ipv6_literal(url: &str) -> Option<&str> {
    let (_, rest) = url.split_once("://")?;
    let authority = rest.split(['/', '?', '#']).next()?;
    let host = authority.rsplit('@').next()?;
    host.strip_prefix('[')?.split(']').next()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uri(url: &str) -> Result<AMQPUri, MessagingError> {
        AmqpConfig::new(SecretString::from(url), "test").uri()
    }

    #[test]
    fn times_are_added_unless_the_address_has_them() {
        let query = uri("amqp://broker").unwrap().query;
        assert_eq!(query.heartbeat, Some(10));
        assert_eq!(query.connection_timeout, Some(10_000));
        let query = uri("amqp://broker/%2f?heartbeat=30").unwrap().query;
        assert_eq!(query.heartbeat, Some(30));
    }

    #[test]
    fn an_empty_vhost_is_the_default_one() {
        for url in ["amqp://broker", "amqp://broker/", "amqp://broker/%2f"] {
            assert_eq!(uri(url).unwrap().vhost, "/", "{url}");
        }
        assert_eq!(uri("amqp://broker/lethe").unwrap().vhost, "lethe");
    }

    #[test]
    fn an_ipv6_address_is_kept() {
        let authority = uri("amqp://u:p%40w@[2001:db8::1]:5673/v").unwrap().authority;
        assert_eq!(authority.host, "2001:db8::1");
        assert_eq!(authority.port, 5673);
        assert_eq!(authority.userinfo.password, "p@w");
    }

    #[test]
    fn a_wrong_address_is_refused_without_repeating_the_password() {
        for url in ["http://u:hunter2@broker", "amqp:u:hunter2", "hunter2"] {
            let error = uri(url).unwrap_err();
            let shown = format!("{error} {error:?}");
            assert!(!shown.contains("hunter2"), "{shown}");
        }
        let config = AmqpConfig::new(SecretString::from("amqp://u:hunter2@h"), "test");
        assert!(!format!("{config:?}").contains("hunter2"));
    }
}
