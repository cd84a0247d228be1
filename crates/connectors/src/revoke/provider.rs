//! One provider's endpoint, and one request to it.

use std::error::Error as StdError;
use std::iter::successors;

use reqwest::header::{ACCEPT, CONTENT_TYPE};
use reqwest::redirect::Policy;
use reqwest::{Client, RequestBuilder};
use secrecy::{ExposeSecret as _, SecretString};
use url::Url;
use url::form_urlencoded::Serializer;

use super::answer;
use super::credentials::Credentials;
use super::error::{RevokeConfigError, RevokeFailure};
use super::resolve::{NotPublic, PublicOnly};
use super::revoker::{Revoked, TokenKind};
use super::settings::ProviderSettings;

/// A provider that can be asked.
pub(super) struct Provider {
    client: Client,
    endpoint: Url,
    credentials: Credentials,
}

impl Provider {
    /// A client for one provider. Neither redirections nor a proxy of the environment may lead it to
    /// an address that was not looked at.
    pub fn new(name: &str, settings: &ProviderSettings) -> Result<Self, RevokeConfigError> {
        let endpoint = settings.endpoint(name)?;
        let credentials = Credentials::new(name, settings)?;
        let timeout = settings.timeout(name)?;
        let mut client = Client::builder()
            .redirect(Policy::none())
            .no_proxy()
            .https_only(endpoint.scheme() == "https")
            .connect_timeout(timeout)
            .timeout(timeout)
            .user_agent(concat!("lethe/", env!("CARGO_PKG_VERSION")));
        if !settings.allow_private {
            client = client.dns_resolver(PublicOnly);
        }
        let client = client
            .build()
            .map_err(|source| RevokeConfigError::Client { provider: name.to_owned(), source })?;
        Ok(Self { client, endpoint, credentials })
    }

    /// The request of RFC 7009, section 2.1. The form's writer is not `Sync` and must not outlive it.
    fn request(&self, token: &SecretString, kind: TokenKind) -> RequestBuilder {
        let mut form = Serializer::new(String::new());
        form.append_pair("token", token.expose_secret()).append_pair("token_type_hint", kind.name());
        let request = self.credentials.add(self.client.post(self.endpoint.clone()), &mut form);
        request
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .header(ACCEPT, "application/json")
            .body(form.finish())
    }

    /// Asks once for a token to be revoked (RFC 7009, section 2.1).
    pub async fn ask(&self, token: &SecretString, kind: TokenKind) -> Result<Revoked, RevokeFailure> {
        let request = self.request(token, kind);
        answer::read(request.send().await.map_err(RevokeFailure::transport)?).await
    }
}

impl RevokeFailure {
    /// What went wrong before there was an answer, or in the middle of it.
    pub(super) fn transport(error: reqwest::Error) -> Self {
        let cause: &(dyn StdError + 'static) = &error;
        if successors(Some(cause), |&cause| cause.source()).any(|cause| cause.is::<NotPublic>()) {
            return Self::NotPublic;
        }
        match error.is_timeout() {
            true => Self::Timeout,
            // An endpoint can hold what is nobody else's business.
            false => Self::Unreachable(error.without_url()),
        }
    }
}
