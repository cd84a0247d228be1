//! `lethe token`

use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde_json::{Value, json};

use crate::support::Lethe;

const ORGANISATION: &str = "a0e11a00-0000-4000-8000-000000000001";

#[tokio::test]
async fn it_is_refused_outside_development() {
    let directory = tempfile::tempdir().unwrap();
    let token =
        || Lethe::with(&["token", "--organisation", "1", "--role", "owner"]).in_directory(directory.path());
    for lethe in [token(), token().env("LETHE_MODE", "production"), token().env("LETHE_MODE", "")] {
        let run = lethe.run().await.ended_with(2);
        assert!(run.out.is_empty(), "{}", run.out);
        assert!(
            run.err.contains("LETHE_MODE=development") && run.err.contains("--development"),
            "{}",
            run.err
        );
    }
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn the_public_key_verifies_what_the_private_one_signed() {
    let directory = tempfile::tempdir().unwrap();
    let arguments = [
        "token",
        "--organisation",
        ORGANISATION,
        "--role",
        "owner",
        "--role",
        "auditor",
        "--subject",
        "u-7",
        "--expires",
        "15m",
    ];
    let lethe = Lethe::with(&arguments).env("LETHE_MODE", "development").in_directory(directory.path());
    let run = lethe.run().await.ended_with(0);
    let key = std::fs::read(directory.path().join(".local/dev-issuer.pub.pem")).unwrap();
    let mut validation = Validation::new(Algorithm::EdDSA);
    validation.set_audience(&["lethe"]);
    validation.set_issuer(&["lethe-development"]);
    validation.set_required_spec_claims(&["exp", "nbf", "iss", "aud", "sub"]);
    validation.validate_nbf = true;
    let key = DecodingKey::from_ed_pem(&key).unwrap();
    let token = jsonwebtoken::decode::<Value>(run.out.trim(), &key, &validation).unwrap();
    assert_eq!(token.header.kid.unwrap().len(), 43);
    let claims = token.claims;
    assert_eq!(claims["organisation_id"], ORGANISATION);
    assert_eq!((&claims["roles"], &claims["sub"]), (&json!(["owner", "auditor"]), &json!("u-7")));
    assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 900);
    assert_eq!(claims["nbf"], claims["iat"]);
    assert_eq!(claims["auth_time"], claims["iat"]);
    assert!(claims["jti"].is_string());
}

#[tokio::test]
async fn programs_get_the_token_with_what_it_says() {
    let directory = tempfile::tempdir().unwrap();
    let keys = directory.path().join("keys");
    let lethe = |arguments: &[&str]| {
        let key_dir = ["--development", "--json", "--key-dir", keys.to_str().unwrap()];
        Lethe::with(&[&["token"][..], &key_dir, arguments].concat())
    };
    let made = lethe(&["--init"]).run().await.ended_with(0).json();
    assert_eq!(made["created"], true);
    let token = lethe(&["--organisation", "3", "--role", "member"]).run().await.ended_with(0).json();
    assert_eq!((&token["key_id"], &token["organisation_id"]), (&made["key_id"], &json!("3")));
    assert_eq!(token["token"].as_str().unwrap().split('.').count(), 3);
    assert!(token["expires_at"].as_str().unwrap().ends_with('Z'));
}

#[tokio::test]
async fn a_sign_in_may_be_older_than_its_token() {
    let directory = tempfile::tempdir().unwrap();
    let arguments = ["token", "--development", "--organisation", "3", "--role", "owner", "--auth-age", "2h"];
    let run = Lethe::with(&arguments).in_directory(directory.path()).run().await.ended_with(0);
    let claims = jsonwebtoken::dangerous::insecure_decode::<Value>(run.out.trim()).unwrap().claims;
    assert_eq!(claims["iat"].as_i64().unwrap() - claims["auth_time"].as_i64().unwrap(), 7_200);
}

#[tokio::test]
async fn what_cannot_be_put_into_a_token_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    for wrong in [
        &["--organisation", "", "--role", "owner"][..],
        &["--organisation", "1", "--role", "root"],
        &["--organisation", "1", "--role", "owner", "--expires", "31d"],
        &["--organisation", "1", "--role", "owner", "--expires", "0s"],
        &["--organisation", "1", "--role", "owner", "--auth-age", "31d"],
        &["--organisation", "1", "--role", "owner", "--subject", ""],
        &["--organisation", "1"],
        &["--role", "owner"],
    ] {
        let arguments = [&["token", "--development"], wrong].concat();
        Lethe::with(&arguments).in_directory(directory.path()).run().await.ended_with(2);
    }
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
}
