//! Where it never connects to.

use connectors::revoke::{ProviderSettings, RevokeFailure, Revoker};
use serde_json::json;

use super::provider::{Answer, Provider, revoke, revoker};

const OK: Answer = Answer::Reply("200 OK", "");

#[tokio::test]
async fn a_name_that_leads_to_a_private_address_is_not_connected_to() {
    let provider = Provider::start(&[OK]).await;
    let port = provider.address.port();
    let settings = json!({"endpoint": format!("https://localhost:{port}/revoke?v=2"), "auth": "none"});
    let error = revoke(&revoker(settings.clone())).await.unwrap_err();
    assert!(matches!(error.failure(), RevokeFailure::NotPublic), "{error:?}");
    assert!(!error.is_retryable() && error.to_string().contains("`allow_private = true`"), "{error}");

    // The same name is connected to once it is allowed: then it is TLS that this server does not speak.
    let mut allowed = settings;
    allowed["allow_private"] = json!(true);
    let error = revoke(&revoker(allowed)).await.unwrap_err();
    assert!(matches!(error.failure(), RevokeFailure::Unreachable(_)), "{error:?}");
}

#[tokio::test]
async fn a_private_address_is_refused_before_anything_is_asked() {
    let provider = Provider::start(&[OK]).await;
    let refused = |endpoint: String| {
        let settings: ProviderSettings =
            serde_json::from_value(json!({"endpoint": endpoint, "auth": "none"})).unwrap();
        Revoker::new(&[("google".to_owned(), settings)].into()).err().map(|error| error.to_string())
    };
    for host in ["127.0.0.1", "2130706433", "[::1]", "[::ffff:127.0.0.1]", "169.254.169.254"] {
        let error = refused(format!("https://{host}:{}/", provider.address.port())).unwrap();
        assert!(error.starts_with("providers.google.endpoint: expected a public address"), "{error}");
    }
    assert!(refused(provider.endpoint()).unwrap().contains("http:// needs `allow_private = true`"));
    assert_eq!(provider.requests().len(), 0);
}

#[tokio::test]
async fn a_redirection_is_not_followed() {
    let elsewhere = Provider::start(&[OK]).await;
    let moved = format!("307 Temporary Redirect\r\nlocation: {}", elsewhere.endpoint());
    let provider = Provider::start(&[Answer::Reply(moved.leak(), "")]).await;
    let error = provider.revoke().await.unwrap_err();
    assert!(matches!(error.failure(), RevokeFailure::Redirected { status: 307 }), "{error:?}");
    assert!(!error.is_retryable());
    assert_eq!((provider.requests().len(), elsewhere.requests().len()), (1, 0));
}

/// The environment belongs to the whole process, so another one runs a test that does connect.
#[tokio::test]
async fn a_proxy_of_the_environment_is_not_asked() {
    let proxy = Provider::start(&[OK]).await;
    let test = "revoke::asking::what_is_not_valid_any_more_counts_as_revoked";
    let mut run = tokio::process::Command::new(std::env::current_exe().unwrap());
    for name in ["http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"] {
        run.env(name, format!("http://{}", proxy.address));
    }
    let output = run.args([test, "--exact"]).output().await.unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
    assert_eq!(proxy.requests().len(), 0);
}
