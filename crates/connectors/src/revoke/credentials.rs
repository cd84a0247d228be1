//! Showing a provider who we are (RFC 6749, section 2.3.1).

use reqwest::RequestBuilder;
use secrecy::{ExposeSecret as _, SecretString};
use url::form_urlencoded::{Serializer, byte_serialize};

use super::error::RevokeConfigError;
use super::settings::{ClientAuth, ProviderSettings};

/// What goes with every request to one provider.
pub(super) enum Credentials {
    Basic { id: String, secret: SecretString },
    Post { id: String, secret: SecretString },
    None { id: Option<String> },
}

impl Credentials {
    pub fn new(provider: &str, settings: &ProviderSettings) -> Result<Self, RevokeConfigError> {
        let wrong = |setting, expected| RevokeConfigError::setting(provider, setting, expected);
        let id = settings.client_id.clone().filter(|id| !id.is_empty());
        let secret = settings.client_secret.clone().filter(|secret| !secret.expose_secret().is_empty());
        if settings.auth == ClientAuth::None {
            return match secret {
                None => Ok(Self::None { id }),
                Some(_) => Err(wrong("client_secret", "nothing with `auth = \"none\"`, which sends none")),
            };
        }
        let without = "the client's, or `auth = \"none\"` where the provider wants none";
        let id = id.ok_or_else(|| wrong("client_id", without))?;
        let secret = secret.ok_or_else(|| wrong("client_secret", without))?;
        Ok(match settings.auth {
            ClientAuth::Post => Self::Post { id, secret },
            ClientAuth::Basic | ClientAuth::None => Self::Basic { id, secret },
        })
    }

    /// Adds them to the request's header or to its form.
    pub fn add(&self, request: RequestBuilder, form: &mut Serializer<'_, String>) -> RequestBuilder {
        match self {
            // Both are encoded as in a form first, so that an id may hold a colon.
            Self::Basic { id, secret } => {
                request.basic_auth(encoded(id), Some(encoded(secret.expose_secret())))
            }
            Self::Post { id, secret } => {
                form.append_pair("client_id", id).append_pair("client_secret", secret.expose_secret());
                request
            }
            Self::None { id } => {
                form.extend_pairs(id.iter().map(|id| ("client_id", id)));
                request
            }
        }
    }
}

fn encoded(text: &str) -> String {
    byte_serialize(text.as_bytes()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn credentials(settings: serde_json::Value) -> Result<Credentials, String> {
        let settings: ProviderSettings = serde_json::from_value(settings).unwrap();
        Credentials::new("google", &settings).map_err(|error| error.to_string())
    }

    #[test]
    fn what_is_missing_or_too_much_is_named() {
        let endpoint = "https://provider.example/revoke";
        for (settings, setting) in [
            (serde_json::json!({"endpoint": endpoint}), "client_id"),
            (serde_json::json!({"endpoint": endpoint, "client_secret": "hush"}), "client_id"),
            (
                serde_json::json!({"endpoint": endpoint, "client_id": "", "client_secret": "hush"}),
                "client_id",
            ),
            (serde_json::json!({"endpoint": endpoint, "client_id": "us"}), "client_secret"),
            (serde_json::json!({"endpoint": endpoint, "client_id": "us", "auth": "post"}), "client_secret"),
            (
                serde_json::json!({"endpoint": endpoint, "client_secret": "hush", "auth": "none"}),
                "client_secret",
            ),
        ] {
            let error = credentials(settings).err().unwrap();
            assert!(error.starts_with(&format!("providers.google.{setting}: expected ")), "{error}");
            assert!(!error.contains("hush"), "{error}");
        }
        assert!(credentials(serde_json::json!({"endpoint": endpoint, "auth": "none"})).is_ok());
    }
}
