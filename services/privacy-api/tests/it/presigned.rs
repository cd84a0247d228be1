//! Links that the object store signs itself, and packages at the end of their time.

use insta::assert_snapshot;
use privacy_api::secret::Secret;
use secrecy::SecretString;
use testkit::s3::S3Server;

use crate::support::TestApp;

async fn on(server: &S3Server, more: &[(&str, &str)]) -> TestApp {
    let more = more.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let options = server.options().into_iter().chain(more);
    TestApp::start_with(|config| {
        config.packages.url = server.url();
        config.packages.options =
            options.map(|(name, value)| (name, Secret::Itself(SecretString::from(value)))).collect();
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_signs_links_hands_out_the_package_itself() {
    let server = S3Server::start();
    let app = on(&server, &[]).await;
    let job = app.export("acme", "json").await;
    app.complete("acme", &job, b"content").await;
    let link = app.signed_link("acme", &job).await;
    assert!(link.starts_with(&format!("{}/packages/exports/organisations/", server.endpoint())), "{link}");
    let expires = link.split("X-Amz-Expires=").nth(1).unwrap().split('&').next().unwrap();
    assert!((86_000..=86_400).contains(&expires.parse::<u64>().unwrap()), "{expires}");
    assert_eq!(app.events("link_issued").await, 1);
    let answer = app.call("GET", &link).send().await;
    assert_eq!((answer.status, answer.bytes.as_slice()), (200, &b"content"[..]));
    assert_eq!(answer.header("content-disposition"), "attachment; filename=\"export-acme.zip\"");
    assert_eq!(app.call("GET", &link.replace("acme", "other")).send().await.status, 403);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_that_shall_not_sign_is_read_through_us() {
    let server = S3Server::start();
    let app = on(&server, &[("presign", "false")]).await;
    let job = app.export("acme", "json").await;
    app.complete("acme", &job, b"content").await;
    let link = app.signed_link("acme", &job).await;
    assert!(link.starts_with(&format!("{}/download/", app.address)), "{link}");
    assert_eq!(app.call("GET", &link).send().await.bytes, b"content");
    assert_eq!(app.events("package_downloaded").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_link_outlives_its_package() {
    let server = S3Server::start();
    let presigned = on(&server, &[]).await;
    let own = on(&server, &[("presign", "false")]).await;
    for app in [&presigned, &own] {
        let job = app.export("acme", "json").await;
        app.complete("acme", &job, b"content").await;
        app.packages_end_in("100 seconds").await;
        let link = app.signed_link("acme", &job).await;
        if let Some(rest) = link.split("X-Amz-Expires=").nth(1) {
            let seconds: u64 = rest.split('&').next().unwrap().parse().unwrap();
            assert!((1..=100).contains(&seconds), "{link}");
        } else {
            let end: i64 = link.split("expires=").nth(1).unwrap().split('&').next().unwrap().parse().unwrap();
            let now = chrono::Utc::now().timestamp();
            assert!((now..=now + 100).contains(&end), "{link}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_package_whose_time_is_over_or_that_is_gone_is_not_handed_out() {
    let server = S3Server::start();
    for more in [&[][..], &[("presign", "false")][..]] {
        let app = on(&server, more).await;
        let job = app.export("acme", "json").await;
        app.complete("acme", &job, b"content").await;
        let link = app.signed_link("acme", &job).await;
        app.packages_end_in("0 seconds").await;
        let get = async || app.owner("acme", "GET", &format!("/jobs/{job}/download")).send().await.problem();
        assert_eq!(
            get().await,
            "410 package-expired: the package was kept until its time was over and has been deleted; \
             start a new export to get a new one"
        );
        if !more.is_empty() {
            assert_eq!(app.call("GET", &link).send().await.status, 410);
        }
        app.packages_end_in("1 hour").await;
        app.state.packages.sweep("organisations", &[]).await.unwrap();
        assert!(get().await.starts_with("410 package-expired"));
        assert_eq!(app.events("link_issued").await, 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_volume_has_a_link_of_its_own() {
    let app = TestApp::start().await;
    let job = app.export("acme", "json").await;
    app.complete("acme", &job, b"first").await;
    app.add_volume("acme", &job, 2, b"second").await;
    let get =
        async |query: &str| app.owner("acme", "GET", &format!("/jobs/{job}/download{query}")).send().await;
    for (query, content) in [("", &b"first"[..]), ("?volume=1", b"first"), ("?volume=2", b"second")] {
        let answer = get(query).await;
        assert_eq!(answer.status, 303, "{query}");
        assert_eq!(app.call("GET", answer.header("location")).send().await.bytes, content, "{query}");
    }
    let beyond = get("?volume=3").await;
    assert_eq!(beyond.status, 409);
    assert!(beyond.problem().contains("numbered 1 to 2"));
    assert_snapshot!(get("?volume=0").await.problem(), @"400 invalid-parameters: parameters of the query are wrong; see `errors` [volume: expected a whole number from 1 to 99999]");
    let shown = app.owner("acme", "GET", &format!("/jobs/{job}")).send().await.json();
    assert_eq!(shown["package"]["volume_no"], 1);
    assert_eq!(shown["packages"].as_array().unwrap().len(), 2);
    assert!(shown.get("swept").is_none());
}
