//! What is asked, and what the answers come to.

use connectors::revoke::{RevokeFailure, Revoked, TokenKind};
use secrecy::SecretString;
use serde_json::json;

use super::provider::{Answer, Provider, TOKEN, revoke, revoker};

const OK: Answer = Answer::Reply("200 OK", "");
const DOWN: Answer = Answer::Reply("503 Service Unavailable", "down for maintenance");

#[tokio::test]
async fn a_token_is_sent_as_a_form_with_its_kind() {
    let provider = Provider::start(&[OK]).await;
    let revoker = provider.revoker(json!({"client_id": "us & them"}));
    for kind in [TokenKind::Refresh, TokenKind::Access] {
        revoker.revoke("google", &SecretString::from(TOKEN), kind).await.unwrap();
    }
    let [refresh, access] = <[_; 2]>::try_from(provider.requests()).unwrap();
    assert!(refresh.head.starts_with("POST /revoke?v=2 HTTP/1.1\r\n"), "{}", refresh.head);
    assert_eq!(refresh.header("content-type"), Some("application/x-www-form-urlencoded"));
    assert_eq!(refresh.header("authorization"), None);
    assert_eq!(
        refresh.body,
        "token=ya29.a%2Bb%2Fc%3D%26token_type_hint%3Dx&token_type_hint=refresh_token&client_id=us+%26+them"
    );
    assert!(access.body.contains("&token_type_hint=access_token&"), "{}", access.body);
}

#[tokio::test]
async fn basic_encodes_id_and_secret_before_they_are_joined() {
    let provider = Provider::start(&[OK]).await;
    let credentials = json!({"auth": "basic", "client_id": "a:b c", "client_secret": "p+q%\u{fc}"});
    assert_eq!(revoke(&provider.revoker(credentials)).await.unwrap(), Revoked::Accepted);
    let request = &provider.requests()[0];
    // a%3Ab+c:p%2Bq%25%C3%BC
    assert_eq!(request.header("authorization"), Some("Basic YSUzQWIrYzpwJTJCcSUyNSVDMyVCQw=="));
    assert!(!request.body.contains("client"), "{}", request.body);
}

#[tokio::test]
async fn post_puts_them_into_the_form() {
    let provider = Provider::start(&[OK]).await;
    let credentials = json!({"auth": "post", "client_id": "a:b", "client_secret": "p&q"});
    revoke(&provider.revoker(credentials)).await.unwrap();
    let request = &provider.requests()[0];
    assert_eq!(request.header("authorization"), None);
    assert!(request.body.ends_with("&client_id=a%3Ab&client_secret=p%26q"), "{}", request.body);
}

#[tokio::test]
async fn what_is_not_valid_any_more_counts_as_revoked() {
    // An unknown token is 200 by the standard, and 400 `invalid_token` at some providers.
    assert_eq!(Provider::start(&[OK]).await.revoke().await.unwrap(), Revoked::Accepted);
    let invalid = Answer::Reply("400 Bad Request", r#"{"error": "invalid_token"}"#);
    assert_eq!(Provider::start(&[invalid]).await.revoke().await.unwrap(), Revoked::Invalid);
    // Its body is not waited for.
    assert_eq!(
        Provider::start(&[Answer::Endless("200 OK")]).await.revoke().await.unwrap(),
        Revoked::Accepted
    );
}

#[tokio::test]
async fn a_failure_of_a_moment_is_repeated() {
    for failure in [
        DOWN,
        Answer::Reply("429 Too Many Requests\r\nretry-after: 1", ""),
        Answer::Reply("500 Internal Server Error", r#"{"error": "invalid_client"}"#),
        Answer::HangUp,
    ] {
        let provider = Provider::start(&[failure.clone(), OK]).await;
        assert_eq!(provider.revoke().await.unwrap(), Revoked::Accepted, "{failure:?}");
        assert_eq!(provider.requests().len(), 2, "{failure:?}");
    }
}

#[tokio::test]
async fn a_provider_that_stays_down_is_left_to_the_job() {
    let provider = Provider::start(&[DOWN]).await;
    let error = provider.revoke().await.unwrap_err();
    assert!(error.is_retryable(), "{error}");
    assert!(matches!(error.failure(), RevokeFailure::Unavailable { status: 503, retry_after: None }));
    assert_eq!(provider.requests().len(), 3);

    // Who asks for a long pause is not asked again before it.
    let provider = Provider::start(&[Answer::Reply("503 Busy\r\nretry-after: 120", "")]).await;
    let error = provider.revoke().await.unwrap_err();
    assert_eq!(error.retry_after().map(|wait| wait.as_secs()), Some(120));
    assert_eq!(provider.requests().len(), 1);
}

#[tokio::test]
async fn a_provider_that_stalls_runs_into_the_time_limit_once() {
    for answer in [Answer::Stall, Answer::Half("400 Bad Request")] {
        let provider = Provider::start(std::slice::from_ref(&answer)).await;
        let error = revoke(&provider.revoker(json!({"timeout": "300ms"}))).await.unwrap_err();
        assert!(matches!(error.failure(), RevokeFailure::Timeout) && error.is_retryable(), "{error:?}");
        assert_eq!(provider.requests().len(), 1, "{answer:?}");
    }
}

#[tokio::test]
async fn a_provider_that_is_not_there_is_tried_again_later() {
    let gone = Provider::start(&[OK]).await.revoker(json!({}));
    let error = revoke(&gone).await.unwrap_err();
    assert!(error.is_retryable(), "{error}");
    assert!(matches!(error.failure(), RevokeFailure::Unreachable(_)), "{error:?}");
    let nowhere = revoker(json!({"endpoint": "https://provider.invalid/?v=2", "auth": "none"}));
    assert!(revoke(&nowhere).await.unwrap_err().is_retryable());
}

#[tokio::test]
async fn a_refusal_says_what_to_do_and_is_not_repeated() {
    for (answer, remedy) in [
        (Answer::Reply("401 Unauthorized", "ya29"), "check `client_id`, `client_secret` and `auth`"),
        (
            Answer::Reply("400 Bad Request", r#"{"error": "invalid_client", "error_description": "ya29"}"#),
            "`auth`",
        ),
        (
            Answer::Reply("400 Bad Request", r#"{"error": "unsupported_token_type"}"#),
            "skip them with a reason",
        ),
        (Answer::Reply("400 Bad Request", r#"{"error": "ya29 is wrong"}"#), "revocation endpoint"),
        (Answer::Reply("404 Not Found", "<html>ya29</html>"), "revocation endpoint"),
        (Answer::Endless("400 Bad Request"), "revocation endpoint"),
    ] {
        let provider = Provider::start(std::slice::from_ref(&answer)).await;
        let error = provider.revoke().await.unwrap_err();
        assert!(!error.is_retryable(), "{answer:?} {error}");
        assert!(error.to_string().contains(remedy), "{error}");
        assert_eq!(provider.requests().len(), 1, "{answer:?}");
    }
}

#[tokio::test]
async fn a_provider_without_settings_is_named_if_that_is_a_name() {
    let provider = Provider::start(&[OK]).await;
    let revoker = provider.revoker(json!({}));
    for (name, shown) in [
        ("slack", "provider `slack`: it is not configured; give its revocation endpoint as `endpoint`"),
        ("frida@example.com", "provider of a name that no setting has: it is not configured"),
        ("0151 23456", "provider of a name that no setting has: it is not configured"),
        ("", "provider of a name that no setting has: it is not configured"),
    ] {
        let error = revoker.revoke(name, &SecretString::from(TOKEN), TokenKind::Access).await.unwrap_err();
        assert!(error.to_string().starts_with(shown), "{error}");
        assert!(!error.is_retryable() && !format!("{error:?}").contains('@'), "{error:?}");
    }
    assert_eq!(provider.requests().len(), 0);
}
