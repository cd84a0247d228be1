//! Which tokens are good.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use insta::assert_snapshot;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use privacy_api::config::{Config, IssuerConfig, KeysConfig, Mode};
use serde_json::json;
use tempfile::TempDir;

use crate::support::{Answer, Claims, Signer, TestApp};

async fn with(app: &TestApp, token: &str) -> Answer {
    app.call("GET", "/api/v1/privacy/jobs").token(token).send().await
}

fn good() -> Claims {
    Claims::of("acme", "owner")
}

/// A further issuer whose keys lie in a file.
fn issuer(name: &str, directory: &TempDir, keys: &str) -> IssuerConfig {
    let file = directory.path().join(name);
    std::fs::write(&file, keys).unwrap();
    IssuerConfig {
        issuer: format!("https://{name}.example.com"),
        audience: vec!["lethe".to_owned(), "lethe-next".to_owned()],
        keys: KeysConfig::File(file),
        organisation_claim: "organisation_id".to_owned(),
        roles_claims: vec!["roles".to_owned()],
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_three_algorithms_are_accepted_from_pem_jwk_and_jwk_set() {
    let directory = TempDir::new().unwrap();
    let signers = [Signer::rsa("rsa"), Signer::ec("ec"), Signer::ed("ed")];
    let mut issuers = Vec::new();
    for signer in &signers {
        issuers.push(issuer(&format!("{}-pem", signer.kid), &directory, &signer.public_pem));
        issuers.push(issuer(&format!("{}-jwk", signer.kid), &directory, &signer.jwk().to_string()));
        let set = json!({"keys": signers.iter().map(Signer::jwk).collect::<Vec<_>>()});
        issuers.push(issuer(&format!("{}-set", signer.kid), &directory, &set.to_string()));
    }
    let app = TestApp::start_with(|config| config.auth.issuers.extend(issuers)).await;
    for signer in &signers {
        for source in ["pem", "jwk", "set"] {
            let issuer = format!("https://{}-{source}.example.com", signer.kid);
            let claims = good().with("iss", issuer.clone()).with("aud", json!(["someone", "lethe-next"]));
            assert_eq!(with(&app, &signer.token(&claims)).await.status, 200, "{issuer}");
            let without_kid = signer.token_with(&Header::new(signer.algorithm), &claims);
            assert_eq!(with(&app, &without_kid).await.status, 200, "{issuer} without kid");
            for other in signers.iter().filter(|other| other.kid != signer.kid && source != "set") {
                assert_eq!(with(&app, &other.token(&claims)).await.status, 401, "{issuer} by {}", other.kid);
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn claims_that_are_not_right_are_refused() {
    let app = TestApp::start().await;
    let refused = async |claims: Claims| {
        let answer = with(&app, &app.signer.token(&claims)).await;
        assert_eq!(answer.header("www-authenticate"), "Bearer error=\"invalid_token\"");
        answer.problem()
    };
    assert_snapshot!(refused(good().with("iss", "https://id.example.com")).await, @"401 invalid-token: the token's issuer is not accepted");
    assert_snapshot!(refused(good().without("iss")).await, @"401 invalid-token: the token has no usable claim `iss`");
    assert_snapshot!(refused(good().with("iss", json!(["https://id.example.com/"]))).await, @"401 invalid-token: the Authorization header does not hold one bearer token");
    assert_snapshot!(refused(good().with("aud", "other")).await, @"401 invalid-token: the token was not issued for this service");
    assert_snapshot!(refused(good().with("aud", json!([]))).await, @"401 invalid-token: the token was not issued for this service");
    assert_snapshot!(refused(good().without("aud")).await, @"401 invalid-token: the token has no usable claim `aud`");
    assert_snapshot!(refused(good().at("exp", -61)).await, @"401 invalid-token: the token has expired");
    assert_snapshot!(refused(good().without("exp")).await, @"401 invalid-token: the token has no usable claim `exp`");
    assert_snapshot!(refused(good().with("exp", "soon")).await, @"401 invalid-token: the token has no usable claim `exp`");
    assert_snapshot!(refused(good().at("nbf", 90)).await, @"401 invalid-token: the token is not valid yet");
    assert_snapshot!(refused(good().without("sub")).await, @"401 invalid-token: the token has no usable claim `sub`");
    assert_snapshot!(refused(good().without("organisation_id")).await, @"401 invalid-token: the token has no usable claim `organisation_id`");
    assert_snapshot!(refused(good().with("organisation_id", "")).await, @"401 invalid-token: the token has no usable claim `organisation_id`");
    // Clocks may differ by a minute.
    for claims in [good().at("exp", -30), good().at("nbf", 30), good().with("organisation_id", 3)] {
        assert_eq!(with(&app, &app.signer.token(&claims)).await.status, 200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_public_key_is_never_a_shared_secret_and_none_is_no_algorithm() {
    let directory = TempDir::new().unwrap();
    let rsa = Signer::rsa("rsa");
    let issuers = [
        issuer("pem", &directory, &rsa.public_pem),
        issuer("jwk", &directory, &json!({"keys": [rsa.jwk()]}).to_string()),
    ];
    let app = TestApp::start_with(|config| config.auth.issuers.extend(issuers)).await;
    let claims = |name: &str| good().with("iss", format!("https://{name}.example.com"));
    for name in ["pem", "jwk"] {
        for secret in
            [rsa.public_pem.as_bytes(), rsa.public_pem.trim().as_bytes(), rsa.jwk().to_string().as_bytes()]
        {
            let body: serde_json::Value = serde_json::from_str(&claims(name).json()).unwrap();
            let header = Header { kid: Some("rsa".to_owned()), ..Header::new(Algorithm::HS256) };
            let forged = encode(&header, &body, &EncodingKey::from_secret(secret)).unwrap();
            assert_eq!(
                with(&app, &forged).await.problem(),
                "401 invalid-token: the token's algorithm is not accepted; expected RS256, ES256 or EdDSA"
            );
        }
        let body = URL_SAFE_NO_PAD.encode(claims(name).json());
        for algorithm in ["none", "None", "NONE", "", "HS512", "PS256", "RS512", "ES384", "rs256"] {
            let header =
                URL_SAFE_NO_PAD.encode(json!({"alg": algorithm, "typ": "JWT", "kid": "rsa"}).to_string());
            for signature in ["", "AAAA"] {
                let answer = with(&app, &format!("{header}.{body}.{signature}")).await;
                assert_eq!(answer.status, 401, "{algorithm}");
                assert!(answer.problem().contains("algorithm is not accepted"), "{}", answer.problem());
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_with_anything_changed_is_refused() {
    let app = TestApp::start().await;
    let token = app.signer.token(&good());
    let parts: Vec<&str> = token.split('.').collect();
    let stranger = Signer::ed("test");
    assert_snapshot!(with(&app, &stranger.token(&good())).await.problem(), @"401 invalid-token: the token's signature is not valid");
    assert_snapshot!(with(&app, &Signer::ed("unknown").token(&good())).await.problem(), @"401 invalid-token: the token is signed with a key that its issuer does not publish");
    let promoted = URL_SAFE_NO_PAD.encode(Claims::of("other", "owner").json());
    let embedded = URL_SAFE_NO_PAD.encode(json!({"alg": "EdDSA", "jwk": stranger.jwk()}).to_string());
    let by_stranger: Vec<String> = {
        let header =
            Header { jwk: serde_json::from_value(stranger.jwk()).ok(), ..Header::new(Algorithm::EdDSA) };
        stranger.token_with(&header, &good()).split('.').map(str::to_owned).collect()
    };
    let critical = Header { crit: Some(vec!["exp".to_owned()]), ..Header::new(Algorithm::EdDSA) };
    for changed in [
        format!("{}.{promoted}.{}", parts[0], parts[2]),
        format!("{embedded}.{}.{}", parts[1], parts[2]),
        by_stranger.join("."),
        app.signer.token_with(&critical, &good()),
        format!("{}.{}.", parts[0], parts[1]),
        format!("{}.{}", parts[0], parts[1]),
        format!("{token}.x"),
        format!("{token}AAAA"),
        "x".to_owned(),
        "a.b.c".to_owned(),
        "a".repeat(20_000),
    ] {
        assert_eq!(with(&app, &changed).await.status, 401, "{changed}");
    }
    // A good one, but for its length.
    let long = app.signer.token(&good().with("groups", "x".repeat(20_000)));
    assert_snapshot!(with(&app, &long).await.problem(), @"401 invalid-token: the Authorization header does not hold one bearer token");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_taken_from_one_authorization_header_only() {
    let app = TestApp::start().await;
    let token = app.token("acme", "owner");
    let call = || app.call("GET", "/api/v1/privacy/jobs");
    let missing = call().send().await;
    assert_snapshot!(missing.problem(), @"401 invalid-token: an Authorization header with a bearer token is required");
    assert_eq!(missing.header("www-authenticate"), "Bearer");
    for value in
        ["", "Bearer", "Bearer ", "Basic YTpi", &token, &format!("Bearer {token} {token}"), "Bearer \u{e4}"]
    {
        let answer = call().header("authorization", value).send().await;
        assert_eq!(
            answer.problem(),
            "401 invalid-token: the Authorization header does not hold one bearer token"
        );
    }
    assert_eq!(call().token(&token).token(&token).send().await.status, 401);
    assert_eq!(call().header("cookie", &format!("access_token={token}")).send().await.status, 401);
    assert_eq!(
        app.call("GET", &format!("/api/v1/privacy/jobs?access_token={token}")).send().await.status,
        401
    );
    assert_eq!(call().header("authorization", &format!("bearer  {token}")).send().await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_token_nobody_learns_what_there_is() {
    let app = TestApp::start().await;
    for (method, path) in [("GET", "/nothing"), ("DELETE", "/jobs"), ("POST", "/export"), ("GET", "/jobs/x")]
    {
        let answer = app.call(method, &format!("/api/v1/privacy{path}")).body("not json").send().await;
        assert_eq!(answer.status, 401, "{method} {path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subject_that_names_a_person_is_written_as_a_pseudonym() {
    let app = TestApp::start().await;
    let token = app.signer.token(&good().with("sub", "canary.person@example.com"));
    let call = app.call("POST", "/api/v1/privacy/export").token(&token).key("k").json(r#"{"format":"json"}"#);
    assert_eq!(call.send().await.status, 202);
    let subject = app.database.text("SELECT requested_by FROM privacy_jobs").await;
    assert!(subject.starts_with("sub:") && subject.len() == 36, "{subject}");
    for table in ["privacy_jobs", "outbox", "idempotency_keys", "job_steps"] {
        let found = app.database.count(&format!("{table} t WHERE t::text LIKE '%canary%'")).await;
        assert_eq!(found, 0, "{table}");
    }
    assert_eq!(app.events("canary.person").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_development_issuer_is_accepted_in_development_only() {
    let directory = TempDir::new().unwrap();
    let signer = Signer::ed("any");
    let file = directory.path().join("dev-issuer.pub.pem");
    std::fs::write(&file, &signer.public_pem).unwrap();
    let claims = good().with("iss", "lethe-development").without("roles").with("role", "owner");
    let token = signer.token(&claims);
    let app = TestApp::start_with(|config| {
        config.mode = Mode::Development;
        config.auth.development_issuer_key_file = Some(file.clone());
        config.auth.issuers.clear();
    })
    .await;
    assert_eq!(with(&app, &token).await.status, 200);
    assert_eq!(with(&app, &signer.token(&claims.clone().with("aud", "other"))).await.status, 401);
    assert_eq!(with(&app, &Signer::ed("any").token(&claims)).await.status, 401);
    let production = TestApp::start().await;
    assert_snapshot!(with(&production, &token).await.problem(), @"401 invalid-token: the token's issuer is not accepted");
    assert_snapshot!(refusal(|config| config.auth.development_issuer_key_file = Some(file.clone())), @r#"auth.development_issuer_key_file: refused unless mode = "development""#);
}

/// What keeps the service from starting with these settings.
fn refusal(change: impl FnOnce(&mut Config)) -> String {
    let directory = TempDir::new().unwrap();
    let keys = directory.path().join("keys.json");
    std::fs::write(&keys, json!({"keys": [Signer::ed("a").jwk()]}).to_string()).unwrap();
    let mut config = crate::support::config("http://127.0.0.1:1", directory.path(), &keys);
    change(&mut config);
    let url = secrecy::SecretString::from("postgres://lethe_api@127.0.0.1:1/none");
    let store = store::Store::open(&store::StoreConfig { url, max_connections: 1 }).unwrap();
    let metrics = telemetry::metrics::Metrics::new();
    let error =
        privacy_api::ApiState::new(&config, store, chassis::RelayWaker::default(), &metrics).err().unwrap();
    error.to_string().replace(&directory.path().display().to_string(), "…")
}

#[test]
fn settings_that_would_let_the_wrong_in_keep_the_service_from_starting() {
    let directory = TempDir::new().unwrap();
    let http = IssuerConfig {
        issuer: "http://id.example.com".into(),
        keys: KeysConfig::Discovery,
        ..issuer("x", &directory, "")
    };
    let no_audience = IssuerConfig { audience: Vec::new(), ..http.clone() };
    let keys = |text: &str| IssuerConfig { issuer: "i".into(), ..issuer("keys", &directory, text) };
    let private = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIJ+DYvh6SEqVTm50DFtMDoQikTmiCqirVv9mWG9qfSnF\n-----END PRIVATE KEY-----\n";
    let push = |issuer: IssuerConfig| refusal(|config| config.auth.issuers.push(issuer));
    assert_snapshot!(refusal(|config| config.auth.issuers.clear()), @"auth.issuers: name at least one issuer, or a development issuer in development mode");
    assert_snapshot!(push(http), @"auth.issuers: issuer `http://id.example.com` must be an https:// URL to have its keys discovered");
    assert_snapshot!(push(no_audience), @"auth.issuers: issuer `http://id.example.com` needs at least one audience");
    assert_snapshot!(refusal(|config| config.auth.issuers.push(config.auth.issuers[0].clone())), @"auth.issuers: issuer `https://id.example.com/` is named twice");
    for none in [
        "",
        "{}",
        r#"{"keys":[]}"#,
        r#"{"keys":[{"kty":"oct","k":"AAAA"}]}"#,
        "-----BEGIN PUBLIC KEY-----\n-----END PUBLIC KEY-----",
        private,
    ] {
        assert!(
            push(keys(none)).ends_with("holds no RSA, P-256 or Ed25519 public key (PEM, JWK or JWK set)"),
            "{none}"
        );
    }
    assert_snapshot!(refusal(|config| config.packages.active_link_key = "k9".to_owned()), @r#"packages.link_keys: active key "k9" is not among the keys"#);
    assert_snapshot!(refusal(|config| config.packages.link_validity = std::time::Duration::from_secs(0)), @"packages.link_validity: expected at least a second and at most 7 days");
    assert_snapshot!(refusal(|config| config.public_url = "ftp://x".parse().unwrap()), @"public_url: expected http://host or https://host, without query and fragment");
}
