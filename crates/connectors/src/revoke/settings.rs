//! How to reach the revocation endpoint of one provider.

use std::fmt;
use std::time::Duration;

use secrecy::SecretString;
use serde::Deserialize;
use url::{Host, Url};

use super::error::RevokeConfigError;
use super::guard::is_public;

/// The settings of one provider, by the name that rows give it: `[service.providers.NAME]`.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProviderSettings {
    /// The revocation endpoint (RFC 7009, section 2): an `https://` URL. `http://` only with
    /// `allow_private`.
    pub endpoint: String,
    /// The id under which the company is a client of the provider.
    #[serde(default)]
    pub client_id: Option<String>,
    /// The secret that belongs to it.
    #[serde(default)]
    pub client_secret: Option<SecretString>,
    /// How the client shows who it is.
    #[serde(default)]
    pub auth: ClientAuth,
    /// How long one request may take, from looking up the host to the end of the answer.
    #[serde(default = "default_timeout", with = "humantime_serde")]
    pub timeout: Duration,
    /// Whether the endpoint may be at an address that is not public, or plain HTTP.
    #[serde(default)]
    pub allow_private: bool,
}

/// How a client shows who it is (RFC 6749, section 2.3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClientAuth {
    /// Id and secret in the header `Authorization: Basic`, which every provider has to understand.
    #[default]
    Basic,
    /// Id and secret in the form, for providers that do not.
    Post,
    /// No secret: the token alone is enough, with the id where there is one.
    None,
}

/// An endpoint may hold a key in its query, so it is not shown.
impl fmt::Debug for ProviderSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProviderSettings")
            .field("auth", &self.auth)
            .field("timeout", &self.timeout)
            .field("allow_private", &self.allow_private)
            .finish_non_exhaustive()
    }
}

impl ProviderSettings {
    /// The endpoint, if it is one that may be asked.
    pub(super) fn endpoint(&self, provider: &str) -> Result<Url, RevokeConfigError> {
        let wrong = |expected| RevokeConfigError::setting(provider, "endpoint", expected);
        let url = Url::parse(&self.endpoint).map_err(|_| wrong("an https:// URL"))?;
        match url.scheme() {
            "https" => {}
            "http" if self.allow_private => {}
            "http" => return Err(wrong("an https:// URL; http:// needs `allow_private = true`")),
            _ => return Err(wrong("an https:// URL")),
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(wrong("a URL without user and password; use `client_id` and `client_secret`"));
        }
        if url.fragment().is_some() {
            return Err(wrong("a URL without a fragment (RFC 6749, section 3.2)"));
        }
        // Names are looked at when they are resolved; an address never is.
        let literal = match url.host() {
            Some(Host::Ipv4(address)) => Some(address.into()),
            Some(Host::Ipv6(address)) => Some(address.into()),
            Some(Host::Domain(_)) | None => None,
        };
        match literal.is_some_and(|address| !is_public(address)) && !self.allow_private {
            true => Err(wrong("a public address; another needs `allow_private = true`")),
            false => Ok(url),
        }
    }

    /// The time limit of one request.
    pub(super) fn timeout(&self, provider: &str) -> Result<Duration, RevokeConfigError> {
        match self.timeout.is_zero() {
            true => Err(RevokeConfigError::setting(provider, "timeout", "a duration such as 10s")),
            false => Ok(self.timeout),
        }
    }
}

fn default_timeout() -> Duration {
    Duration::from_secs(10)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<ProviderSettings, serde_json::Error> {
        serde_json::from_str(text)
    }

    fn refused(endpoint: &str, allow_private: bool) -> Option<String> {
        let text = serde_json::json!({"endpoint": endpoint, "allow_private": allow_private}).to_string();
        read(&text).unwrap().endpoint("google").err().map(|error| error.to_string())
    }

    #[test]
    fn only_the_endpoint_must_be_said() {
        let settings = read(r#"{"endpoint": "https://provider.example/revoke"}"#).unwrap();
        assert_eq!((settings.auth, settings.timeout), (ClientAuth::Basic, Duration::from_secs(10)));
        assert!(!settings.allow_private);
        assert!(read(r#"{"endpoint": "https://provider.example/", "client_scret": "x"}"#).is_err());
        assert!(read(r#"{"endpoint": "https://provider.example/", "auth": "digest"}"#).is_err());
        assert!(read("{}").unwrap_err().to_string().contains("endpoint"));
        let none = read(r#"{"endpoint": "https://provider.example/", "timeout": "0s"}"#).unwrap();
        let error = none.timeout("google").unwrap_err().to_string();
        assert_eq!(error, "providers.google.timeout: expected a duration such as 10s");
    }

    #[test]
    fn an_endpoint_is_public_and_https() {
        for good in ["https://provider.example/revoke?v=2", "https://[2606:4700::1111]/", "https://1.1.1.1/"]
        {
            assert_eq!(refused(good, false), None, "{good}");
        }
        for bad in [
            "provider.example",
            "ftp://provider.example/",
            "http://provider.example/",
            "https://user:hush@provider.example/",
            "https://hush@provider.example/",
            "https://provider.example/#hush",
            "https://127.0.0.1/",
            "https://2130706433/",
            "https://0x7f.1/",
            "https://0177.0.0.1/",
            "https://169.254.169.254/latest/meta-data/",
            "https://[::1]/",
            "https://[::ffff:10.0.0.1]/",
            "https://[fd00:ec2::254]/",
        ] {
            let error = refused(bad, false).unwrap_or_else(|| panic!("{bad}"));
            assert!(error.starts_with("providers.google.endpoint: expected a"), "{error}");
            assert!(!error.contains("hush"), "{error}");
        }
        for allowed in ["http://127.0.0.1:8080/revoke", "https://[::1]/", "http://keycloak.internal/"] {
            assert_eq!(refused(allowed, true), None, "{allowed}");
        }
        assert!(refused("https://user:hush@provider.example/", true).is_some());
    }

    #[test]
    fn what_could_be_secret_is_not_shown() {
        let settings = read(
            r#"{"endpoint": "https://p.example/?key=hush", "client_id": "hush", "client_secret": "hush"}"#,
        );
        let shown = format!("{:?}", settings.unwrap());
        assert!(!shown.contains("hush") && shown.contains("Basic"), "{shown}");
    }
}
