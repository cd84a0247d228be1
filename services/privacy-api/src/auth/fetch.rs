//! Fetching an issuer's keys: two small documents over HTTP, bounded in time and size.

use std::time::Duration;

use reqwest::Client;
use reqwest::redirect::Policy;
use serde_json::Value;
use url::Url;

use super::error::{AuthConfigError, FetchError};
use super::key_set::KeySet;

/// Far more than any key set needs.
const LARGEST_BYTES: usize = 256 * 1024;
const METADATA: &str = "metadata (/.well-known/openid-configuration)";
const KEYS: &str = "key set (jwks_uri)";

/// Finds an issuer's keys as OpenID Connect Discovery 1.0, section 4, describes.
#[derive(Debug, Clone)]
pub(super) struct Discovery {
    client: Client,
    issuer: String,
    plain_http: bool,
}

impl Discovery {
    /// A client for one issuer. Redirects are not followed: whoever could make the issuer redirect
    /// us could choose our keys.
    pub fn new(issuer: &str, timeout: Duration, plain_http: bool) -> Result<Self, AuthConfigError> {
        if !allowed(issuer, plain_http) {
            return Err(AuthConfigError::NotHttps(issuer.to_owned()));
        }
        let client = Client::builder()
            .redirect(Policy::none())
            .connect_timeout(timeout)
            .timeout(timeout)
            .user_agent(concat!("lethe-privacy-api/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(AuthConfigError::Client)?;
        Ok(Self { client, issuer: issuer.to_owned(), plain_http })
    }

    /// The keys that the issuer publishes now.
    pub async fn keys(&self) -> Result<KeySet, FetchError> {
        let address = format!("{}/.well-known/openid-configuration", self.issuer.trim_end_matches('/'));
        let metadata = self.get(METADATA, &address).await?;
        let keys = KeySet::parse(&self.get(KEYS, self.keys_address(&metadata)?).await?);
        match keys.is_empty() {
            true => Err(FetchError::Content(KEYS, "it holds no key that can be used")),
            false => Ok(keys),
        }
    }

    /// Where the keys are, as the metadata of this issuer, and of no other, say.
    fn keys_address<'a>(&self, metadata: &'a Value) -> Result<&'a str, FetchError> {
        let field = |name: &str| metadata.get(name).and_then(Value::as_str);
        if field("issuer") != Some(self.issuer.as_str()) {
            return Err(FetchError::Content(METADATA, "its `issuer` is not the configured one"));
        }
        let address = field("jwks_uri").ok_or(FetchError::Content(METADATA, "it has no `jwks_uri`"))?;
        if !allowed(address, self.plain_http) {
            return Err(FetchError::Content(METADATA, "its `jwks_uri` is not an https:// URL"));
        }
        Ok(address)
    }

    async fn get(&self, what: &'static str, address: &str) -> Result<Value, FetchError> {
        // Without the address: an issuer's URL can hold what is nobody else's business.
        let failed = |error: reqwest::Error| FetchError::Request(what, error.without_url());
        let mut response = self.client.get(address).send().await.map_err(failed)?;
        if !response.status().is_success() {
            return Err(FetchError::Status(what, response.status().as_u16()));
        }
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(failed)? {
            body.extend_from_slice(&chunk);
            if body.len() > LARGEST_BYTES {
                return Err(FetchError::TooLarge(what, LARGEST_BYTES));
            }
        }
        serde_json::from_slice(&body).map_err(|_| FetchError::Content(what, "it is not JSON"))
    }
}

fn allowed(address: &str, plain_http: bool) -> bool {
    Url::parse(address).is_ok_and(|url| {
        url.has_host() && (url.scheme() == "https" || (plain_http && url.scheme() == "http"))
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn keys_lie_behind_https_unless_it_is_development() {
        let issuer = "https://id.example.com";
        let within = Duration::from_secs(1);
        let told = |address: &str, plain_http: bool| {
            let metadata = json!({"issuer": issuer, "jwks_uri": address});
            let discovery = Discovery::new(issuer, within, plain_http).unwrap();
            discovery.keys_address(&metadata).map(str::to_owned).map_err(|error| error.to_string())
        };
        assert_eq!(told("https://id.example.com/keys", false).unwrap(), "https://id.example.com/keys");
        assert_eq!(told("http://id.example.com/keys", true).unwrap(), "http://id.example.com/keys");
        for address in ["http://id.example.com/keys", "file:///etc/passwd", "https:", "keys"] {
            let refused = told(address, false).unwrap_err();
            assert!(refused.contains("its `jwks_uri` is not an https:// URL"), "{address}: {refused}");
        }
        assert!(Discovery::new("http://id.example.com", within, false).is_err());
    }
}
