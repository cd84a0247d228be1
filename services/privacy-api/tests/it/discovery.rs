//! Keys that an issuer publishes: found, kept, rotated, and not there.

use std::time::Duration;

use insta::assert_snapshot;
use privacy_api::config::{Config, IssuerConfig, KeysConfig, Mode};
use serde_json::{Value, json};

use crate::support::{Answer, Claims, IdentityProvider, Signer, TestApp};

/// An app whose one issuer is `provider`; nothing lasts, nothing waits unless `change` says so.
async fn app_for(provider: &IdentityProvider, change: impl FnOnce(&mut Config)) -> TestApp {
    TestApp::start_with(|config| {
        config.mode = Mode::Development;
        config.auth.issuers = vec![IssuerConfig {
            issuer: provider.issuer.clone(),
            keys: KeysConfig::Discovery,
            ..config.auth.issuers[0].clone()
        }];
        change(config);
    })
    .await
}

async fn with(app: &TestApp, provider: &IdentityProvider, signer: &Signer) -> Answer {
    let claims = Claims::of("acme", "owner").with("iss", provider.issuer.clone());
    app.call("GET", "/api/v1/privacy/jobs").token(&signer.token(&claims)).send().await
}

fn set(signers: &[&Signer]) -> Option<Value> {
    Some(json!({"keys": signers.iter().map(|signer| signer.jwk()).collect::<Vec<_>>()}))
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_fetched_once_however_many_ask() {
    let (rsa, ec) = (Signer::rsa("rsa"), Signer::ec("ec"));
    let provider = IdentityProvider::start(&[rsa.jwk(), ec.jwk()]);
    let app = app_for(&provider, |_| {}).await;
    let calls = (0..10).map(|number| with(&app, &provider, if number % 2 == 0 { &rsa } else { &ec }));
    for answer in futures::future::join_all(calls).await {
        assert_eq!(answer.status, 200, "{}", answer.text());
    }
    assert_eq!(provider.fetched(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn inventing_key_ids_does_not_make_us_ask_again_and_again() {
    let known = Signer::ed("known");
    let provider = IdentityProvider::start(&[known.jwk()]);
    let app = app_for(&provider, |_| {}).await;
    for number in 0..10 {
        let answer = with(&app, &provider, &Signer::ed(&format!("invented-{number}"))).await;
        assert_eq!(
            answer.problem(),
            "401 invalid-token: the token is signed with a key that its issuer does not publish"
        );
    }
    assert_eq!(with(&app, &provider, &known).await.status, 200);
    assert_eq!(provider.fetched(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rotated_key_is_found_and_a_withdrawn_one_forgotten() {
    let (old, new) = (Signer::ed("old"), Signer::ed("new"));
    let provider = IdentityProvider::start(&[old.jwk()]);
    let app = app_for(&provider, |config| config.auth.key_cache.refetch_after = Duration::ZERO).await;
    assert_eq!(with(&app, &provider, &old).await.status, 200);
    provider.publish(set(&[&old, &new]));
    assert_eq!(with(&app, &provider, &new).await.status, 200);
    assert_eq!(provider.fetched(), 2);
    assert_eq!(with(&app, &provider, &old).await.status, 200);
    provider.publish(set(&[&new]));
    assert_eq!(with(&app, &provider, &Signer::ed("third")).await.status, 401);
    assert_eq!(provider.fetched(), 3);
    assert_eq!(with(&app, &provider, &old).await.status, 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn old_keys_are_fetched_anew_and_used_on_when_that_fails() {
    let signer = Signer::ed("a");
    let provider = IdentityProvider::start(&[signer.jwk()]);
    let app = app_for(&provider, |config| {
        config.auth.key_cache.fresh_for = Duration::ZERO;
        config.auth.key_cache.refetch_after = Duration::ZERO;
    })
    .await;
    assert_eq!(with(&app, &provider, &signer).await.status, 200);
    assert_eq!(with(&app, &provider, &signer).await.status, 200);
    assert_eq!(provider.fetched(), 2);
    provider.publish(None);
    for _ in 0..3 {
        assert_eq!(with(&app, &provider, &signer).await.status, 200);
    }
    // The failure is not asked for again at once.
    assert_eq!(provider.fetched(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_any_keys_the_service_is_unavailable_rather_than_the_token_bad() {
    let signer = Signer::ed("a");
    let provider = IdentityProvider::start(&[signer.jwk()]);
    let app = app_for(&provider, |config| config.auth.key_cache.retry_after = Duration::ZERO).await;
    provider.publish(None);
    let answer = with(&app, &provider, &signer).await;
    assert_snapshot!(answer.problem(), @"503 unavailable: something this service needs is unavailable; try again soon");
    assert_eq!(answer.header("retry-after"), "5");
    for broken in [
        json!({}),
        json!({"keys": []}),
        json!({"keys": [{"kty": "oct", "k": "AAAA"}]}),
        // Good keys, in a document that is far too long.
        json!({"keys": [signer.jwk()], "more": "x".repeat(300_000)}),
    ] {
        provider.publish(Some(broken));
        assert_eq!(with(&app, &provider, &signer).await.status, 503);
    }
    provider.publish(set(&[&signer]));
    for metadata in [
        json!({"issuer": "http://evil.example.com", "jwks_uri": format!("{}/keys", provider.issuer)}),
        json!({"issuer": provider.issuer}),
        json!({"issuer": provider.issuer, "jwks_uri": "file:///etc/passwd"}),
        json!([]),
    ] {
        provider.describe(metadata);
        assert_eq!(with(&app, &provider, &signer).await.status, 503);
    }
    provider.describe(json!({"issuer": provider.issuer, "jwks_uri": format!("{}/keys", provider.issuer)}));
    assert_eq!(with(&app, &provider, &signer).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_followed_to_keys_elsewhere() {
    let (ours, theirs) = (Signer::ed("a"), Signer::ed("b"));
    let provider = IdentityProvider::start(&[ours.jwk()]);
    let stranger = IdentityProvider::start(&[theirs.jwk()]);
    // Elsewhere lie documents that would do.
    stranger.describe(json!({"issuer": provider.issuer, "jwks_uri": format!("{}/keys", stranger.issuer)}));
    let metadata = format!("{}/.well-known/openid-configuration", stranger.issuer);
    let keys = format!("{}/keys", stranger.issuer);
    let app = app_for(&provider, |config| config.auth.key_cache.retry_after = Duration::ZERO).await;
    for (metadata, keys) in [(Some(metadata), None), (None, Some(keys))] {
        provider.redirect(metadata, keys);
        for signer in [&ours, &theirs] {
            assert_eq!(with(&app, &provider, signer).await.status, 503);
        }
    }
    assert_eq!(stranger.fetched(), 0);
    provider.redirect(None, None);
    assert_eq!(with(&app, &provider, &ours).await.status, 200);
}
