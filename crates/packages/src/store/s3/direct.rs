//! Requests whose paths have segments of dots, sent as they are.
//!
//! The client that everything else goes through keeps its URLs by a standard that takes `a/../x` for
//! `x`, also where the dots are encoded. This one has no grammar for paths. It asks no proxy, and knows
//! of the options of the store the two about time.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Empty};
use hyper::Request;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use object_store::client::{HttpError, HttpErrorKind, HttpRequest, HttpResponse, HttpResponseBody};
use rustls_platform_verifier::BuilderVerifierExt as _;
use tokio::sync::OnceCell;
use tokio::time::timeout;

/// A client that is made when it is first needed, which is seldom.
#[derive(Clone, Default)]
pub(in super::super) struct Direct {
    pub connect_timeout: Option<Duration>,
    /// How long an answer may be silent.
    pub read_timeout: Option<Duration>,
    client: Arc<OnceCell<Client<HttpsConnector<HttpConnector>, Empty<Bytes>>>>,
}

impl Direct {
    pub fn new(connect_timeout: Option<Duration>, read_timeout: Option<Duration>) -> Self {
        Self { connect_timeout, read_timeout, ..Self::default() }
    }

    /// Sends a request without content; `None` when there is no answer.
    pub async fn execute(&self, request: HttpRequest) -> Option<HttpResponse> {
        let client = self.client.get_or_try_init(|| async { self.client() }).await.ok()?;
        let (parts, _) = request.into_parts();
        let answered = client.request(Request::from_parts(parts, Empty::new()));
        let answer = match self.read_timeout {
            // A connection may have to be made first.
            Some(silent) => {
                timeout(silent.saturating_add(self.connect_timeout.unwrap_or_default()), answered)
                    .await
                    .ok()?
            }
            None => answered.await,
        };
        let broken = |error| HttpError::new(HttpErrorKind::Interrupted, error);
        Some(answer.ok()?.map(|body| HttpResponseBody::new(body.map_err(broken))))
    }

    fn client(&self) -> Result<Client<HttpsConnector<HttpConnector>, Empty<Bytes>>, rustls::Error> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let tls = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_platform_verifier()?
            .with_no_client_auth();
        let mut connector = HttpConnector::new();
        connector.enforce_http(false);
        connector.set_connect_timeout(self.connect_timeout);
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(tls)
            .https_or_http()
            .enable_http1()
            .wrap_connector(connector);
        Ok(Client::builder(TokioExecutor::new()).build(connector))
    }
}
