//! `GET /jobs/{id}/download`, and what a signed link is good for.

use chrono::{TimeDelta, Utc};
use insta::assert_snapshot;
use packages::LinkTarget;
use uuid::Uuid;

use crate::support::TestApp;

#[tokio::test(flavor = "multi_thread")]
async fn a_link_is_handed_out_for_a_day_and_audited() {
    let app = TestApp::start().await;
    let job = app.export("acme", "json").await;
    let id = app.complete("acme", &job, b"content").await;
    let before = Utc::now().timestamp();
    let answer = app.owner("acme", "GET", &format!("/jobs/{job}/download")).send().await;
    assert_eq!((answer.status, answer.bytes.len()), (303, 0));
    assert_eq!(answer.header("cache-control"), "no-store");
    let link = answer.header("location");
    assert!(link.starts_with(&format!(
        "{}/download/{id}?organisation=acme&file=export-acme.zip&kid=k1&expires=",
        app.address
    )));
    let expires: i64 = link.split("expires=").nth(1).unwrap().split('&').next().unwrap().parse().unwrap();
    assert!((before + 86_340..=before + 86_460).contains(&expires));
    assert_eq!(app.events("link_issued").await, 1);
    assert_eq!(app.call("GET", link).send().await.bytes, b"content");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_without_a_package_has_no_link() {
    let app = TestApp::start().await;
    let job = app.export("acme", "json").await;
    let get = async || app.owner("acme", "GET", &format!("/jobs/{job}/download")).send().await.problem();
    assert_snapshot!(get().await, @"409 wrong-state: a job that is pending has no package; it can be downloaded once the job is completed");
    app.set_state(&job, "failed").await;
    assert_snapshot!(get().await, @"409 wrong-state: a job that is failed has no package; it can be downloaded once the job is completed");
    app.complete("acme", &job, b"content").await;
    app.set_state(&job, "expired").await;
    assert_snapshot!(get().await, @"410 package-expired: the package was kept until its time was over and has been deleted; start a new export to get a new one");
    assert_eq!(app.events("link_issued").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_with_anything_changed_opens_nothing() {
    let app = TestApp::start().await;
    let (ours, theirs) = (app.export("acme", "json").await, app.export("other", "json").await);
    let ours_id = app.complete("acme", &ours, b"ours").await;
    let theirs_id = app.complete("other", &theirs, b"theirs").await;
    let link = app.signed_link("acme", &ours).await;
    let signature = link.split("signature=").nth(1).unwrap();
    let expires = link.split("expires=").nth(1).unwrap().split('&').next().unwrap();
    let (ours_text, theirs_text) = (ours_id.to_string(), theirs_id.to_string());
    let mut flipped = signature.to_owned();
    flipped.replace_range(0..1, if signature.starts_with('A') { "B" } else { "A" });
    let later = (expires.parse::<i64>().unwrap() + 1).to_string();
    for (from, to) in [
        (ours_text.as_str(), theirs_text.as_str()),
        (&ours_text, "00000000-0000-0000-0000-000000000000"),
        (&ours_text, "nothing"),
        ("organisation=acme", "organisation=other"),
        ("organisation=acme&", ""),
        ("file=export-acme.zip", "file=export-acme.exe"),
        ("kid=k1", "kid=k2"),
        ("kid=k1&", ""),
        (expires, later.as_str()),
        (expires, "99999999999"),
        (expires, ""),
        (signature, flipped.as_str()),
        (signature, ""),
        (signature, &signature[1..]),
        ("kid=k1", "kid=k1&kid=k1"),
        ("kid=k1", "kid=k1&x=1"),
    ] {
        let changed = link.replace(from, to);
        assert_ne!(changed, link);
        for method in ["GET", "HEAD"] {
            let answer = app.call(method, &changed).send().await;
            assert_eq!(answer.status, 403, "{method} {from} -> {to}");
        }
        assert_eq!(
            app.call("GET", &changed).send().await.problem(),
            "403 link-refused: this is not a link that was issued; ask for a new one"
        );
    }
    assert_eq!(app.events("package_downloaded").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_has_one_spelling() {
    let app = TestApp::start().await;
    let job = app.export("acme", "json").await;
    let id = app.complete("acme", &job, b"content").await.to_string();
    let link = app.signed_link("acme", &job).await;
    let (path, query) = link.split_once('?').unwrap();
    let mut turned: Vec<&str> = query.split('&').collect();
    turned.reverse();
    let other_spellings = [
        link.replace(&id, &id.to_uppercase()),
        link.replace(&id, &id.replace('-', "")),
        link.replace(&id, &format!("%7B{id}%7D")),
        link.replace(&id, &format!("urn:uuid:{id}")),
        link.replace(&id, &format!("%{:02x}{}", id.as_bytes()[0], &id[1..])),
        link.replace("acme", "%61cme"),
        link.replace("export-acme.zip", "export%2Dacme.zip"),
        link.replace("kid=", "%6Bid="),
        format!("{path}?{}", turned.join("&")),
        format!("{link}&"),
        link.replace("&kid", "&&kid"),
        format!("{link}="),
    ];
    for other in other_spellings {
        assert_ne!(other, link);
        for method in ["GET", "HEAD"] {
            assert_eq!(app.call(method, &other).send().await.status, 403, "{method} {other}");
        }
    }
    assert_eq!(app.events("package_downloaded").await, 0);
    assert_eq!(app.call("GET", &link).send().await.bytes, b"content");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expired_link_says_so_only_when_it_is_genuine() {
    let app = TestApp::start().await;
    let job = app.export("acme", "json").await;
    let id = app.complete("acme", &job, b"content").await;
    let target = LinkTarget { organisation: "acme", package_id: id, file_name: "export-acme.zip" };
    let past = app.state.link_keys.sign(&target, Utc::now() - TimeDelta::seconds(1)).unwrap().to_query();
    let path = format!("/download/{id}?organisation=acme&file=export-acme.zip&{past}");
    assert_snapshot!(app.call("GET", &path).send().await.problem(), @"410 link-expired: the link has expired; ask for a new one");
    assert_eq!(app.call("GET", &path.replace("acme", "other")).send().await.status, 403);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_genuine_link_to_what_has_been_deleted_says_so() {
    let app = TestApp::start().await;
    let job = app.export("acme", "json").await;
    app.complete("acme", &job, b"content").await;
    let link = app.signed_link("acme", &job).await;
    app.set_state(&job, "expired").await;
    assert_snapshot!(app.call("GET", &link).send().await.problem(), @"410 package-expired: the package was kept until its time was over and has been deleted; start a new export to get a new one");
    app.set_state(&job, "completed").await;
    let key = packages::ObjectKey::parse(&format!("organisations/x/jobs/{job}/1-1/package.zip")).unwrap();
    app.state.packages.delete(&key).await.unwrap();
    for method in ["GET", "HEAD"] {
        assert_eq!(app.call(method, &link).send().await.status, 410);
    }
    assert_eq!(app.events("package_downloaded").await, 0);
    // A link that was signed for another organisation finds nothing, even with our own key.
    let target = LinkTarget { organisation: "other", package_id: Uuid::nil(), file_name: "x.zip" };
    let query = app.state.link_keys.sign(&target, Utc::now() + TimeDelta::hours(1)).unwrap().to_query();
    let path = format!("/download/{}?organisation=other&file=x.zip&{query}", Uuid::nil());
    assert_eq!(app.call("GET", &path).send().await.status, 410);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_package_whose_time_is_over_is_not_sent_though_it_is_still_there() {
    let app = TestApp::start().await;
    let job = app.export("acme", "json").await;
    app.complete("acme", &job, b"content").await;
    let link = app.signed_link("acme", &job).await;
    app.packages_end_in("-1 second").await;
    for method in ["GET", "HEAD"] {
        assert_eq!(app.call(method, &link).send().await.status, 410, "{method}");
    }
    app.packages_end_in("1 minute").await;
    assert_eq!(app.call("GET", &link).send().await.bytes, b"content", "nothing else was in the way");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_path_is_part_of_every_link() {
    let app =
        TestApp::start_with(|config| config.public_url = "https://example.com/lethe/".parse().unwrap()).await;
    let job = app.export("acme", "json").await;
    let id = app.complete("acme", &job, b"content").await;
    let link = app.signed_link("acme", &job).await;
    assert!(link.starts_with(&format!("https://example.com/lethe/download/{id}?")), "{link}");
    let shown = app.owner("acme", "GET", &format!("/jobs/{job}")).send().await;
    assert_eq!(shown.json()["links"]["self"], format!("/lethe/api/v1/privacy/jobs/{job}"));
    assert_eq!(shown.header("strict-transport-security"), "max-age=31536000");
}
