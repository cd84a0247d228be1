//! `/download/{package_id}`: bytes, ranges, and the record of it.

use insta::assert_snapshot;

use crate::support::{Answer, TestApp};

const CONTENT: &[u8] = b"0123456789";
const SHA256: &str = "84d89877f0d4041efb6bf91a16f0248f2fd573e6af05c19f96bedb9f882f7882";

async fn package(content: &[u8]) -> (TestApp, String) {
    let app = TestApp::start().await;
    let job = app.export("acme", "json").await;
    app.complete("acme", &job, content).await;
    let link = app.signed_link("acme", &job).await;
    (app, link)
}

async fn range(app: &TestApp, link: &str, range: &str) -> Answer {
    app.call("GET", link).header("range", range).send().await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_package_comes_whole_with_its_name_size_and_digest() {
    let (app, link) = package(CONTENT).await;
    let answer = app.call("GET", &link).send().await;
    assert_eq!((answer.status, answer.bytes.as_slice()), (200, CONTENT));
    for (name, value) in [
        ("content-length", "10"),
        ("content-type", "application/zip"),
        ("content-disposition", "attachment; filename=\"export-acme.zip\""),
        ("etag", &format!("\"{SHA256}\"")),
        ("repr-digest", "sha-256=:hNiYd/DUBB77a/kaFvAkjy/Vc+avBcGflr7bn4gveII=:"),
        ("accept-ranges", "bytes"),
        ("cache-control", "no-store"),
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "no-referrer"),
    ] {
        assert_eq!(answer.header(name), value, "{name}");
    }
    assert_eq!(app.events("package_downloaded").await, 1);
    assert_eq!(app.events("signed-link").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_request_shows_the_same_headers_and_is_no_download() {
    let (app, link) = package(CONTENT).await;
    let answer = app.call("HEAD", &link).send().await;
    assert_eq!((answer.status, answer.bytes.len(), answer.header("content-length")), (200, 0, "10"));
    assert_eq!(answer.header("etag"), format!("\"{SHA256}\""));
    assert_eq!(app.events("package_downloaded").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_and_a_large_package_come_whole() {
    let (app, link) = package(b"").await;
    let answer = app.call("GET", &link).send().await;
    assert_eq!((answer.status, answer.bytes.len(), answer.header("content-length")), (200, 0, "0"));
    let job = app.export("acme", "csv").await;
    let large: Vec<u8> = (0..3_000_000_u32).flat_map(u32::to_le_bytes).collect();
    app.complete("acme", &job, &large).await;
    let link = app.signed_link("acme", &job).await;
    assert!(app.call("GET", &link).send().await.bytes == large);
    let middle = range(&app, &link, "bytes=1000000-8999999").await;
    assert!(middle.bytes == large[1_000_000..9_000_000]);
}

#[tokio::test(flavor = "multi_thread")]
async fn single_ranges_are_answered() {
    let (app, link) = package(CONTENT).await;
    for (asked, bytes, content_range) in [
        ("bytes=0-", &b"0123456789"[..], "bytes 0-9/10"),
        ("bytes=2-4", b"234", "bytes 2-4/10"),
        ("bytes=9-100", b"9", "bytes 9-9/10"),
        ("bytes=-3", b"789", "bytes 7-9/10"),
    ] {
        let answer = range(&app, &link, asked).await;
        assert_eq!((answer.status, answer.bytes.as_slice()), (206, bytes), "{asked}");
        assert_eq!(answer.header("content-range"), content_range);
        assert_eq!(answer.header("content-length"), bytes.len().to_string());
    }
    for asked in ["bytes=5-4", "bytes=0-1,3-4", "rows=1-2"] {
        let answer = range(&app, &link, asked).await;
        assert_eq!((answer.status, answer.bytes.as_slice()), (200, CONTENT), "{asked}");
    }
    for asked in ["bytes=10-", "bytes=-0"] {
        let answer = range(&app, &link, asked).await;
        assert_eq!(answer.problem(), "416 range: the package has 10 bytes");
        assert_eq!(answer.header("content-range"), "bytes */10");
    }
    let resumed =
        app.call("GET", &link).header("range", "bytes=5-").header("if-range", &format!("\"{SHA256}\""));
    assert_eq!(resumed.send().await.status, 206);
    let changed = app.call("GET", &link).header("range", "bytes=5-").header("if-range", "\"other\"");
    assert_eq!(changed.send().await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_download_that_goes_on_is_recorded_once_and_no_bytes_leave_unrecorded() {
    let (app, link) = package(CONTENT).await;
    // Bytes from the middle, without a beginning: recorded, or all but the first byte could be had unseen.
    range(&app, &link, "bytes=1-").await;
    assert_eq!(app.events("package_downloaded").await, 1);
    for asked in ["bytes=4-", "bytes=9-9"] {
        range(&app, &link, asked).await;
    }
    assert_eq!(app.events("package_downloaded").await, 1);
    range(&app, &link, "bytes=0-3").await;
    app.call("GET", &link).send().await;
    assert_eq!(app.events("package_downloaded").await, 3);
    range(&app, &link, "bytes=10-").await;
    assert_eq!(app.events("package_downloaded").await, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_range_beyond_what_was_sent_is_recorded() {
    let (app, link) = package(CONTENT).await;
    // One byte is recorded; the nine behind it are another matter, in one piece or several.
    for (asked, recorded) in [
        ("bytes=0-0", 1),
        ("bytes=1-4", 2),
        ("bytes=2-3", 2),
        ("bytes=3-6", 3),
        ("bytes=1-6", 3),
        ("bytes=-2", 4),
        ("bytes=7-9", 5),
        ("bytes=1-", 5),
        ("bytes=9-9", 5),
        ("bytes=0-1", 6),
    ] {
        assert_eq!(range(&app, &link, asked).await.status, 206);
        assert_eq!(app.events("package_downloaded").await, recorded, "{asked}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_recorded_is_not_sent() {
    let (app, link) = package(CONTENT).await;
    let full = "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'no room'; END $$; \
                CREATE TRIGGER refuse BEFORE INSERT ON outbox FOR EACH ROW EXECUTE FUNCTION refuse()";
    app.database.admin.batch_execute(full).await.unwrap();
    for asked in [None, Some("bytes=0-3"), Some("bytes=4-"), Some("bytes=-1")] {
        let call = app.call("GET", &link);
        let call = match asked {
            Some(range) => call.header("range", range),
            None => call,
        };
        let answer = call.send().await;
        assert_eq!(answer.status, 500, "{asked:?}");
        let found = CONTENT.windows(4).find(|bytes| answer.bytes.windows(4).any(|window| window == *bytes));
        assert_eq!(found, None, "{asked:?}");
    }
    app.database.admin.batch_execute("DROP TRIGGER refuse ON outbox").await.unwrap();
    assert_eq!(app.events("package_downloaded").await, 0);
    assert_eq!(range(&app, &link, "bytes=4-").await.bytes, b"456789");
    assert_eq!(app.events("package_downloaded").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_package_that_is_not_as_recorded_is_not_sent() {
    let (app, link) = package(CONTENT).await;
    let key = app.database.text("SELECT object_key FROM packages").await;
    let key = packages::ObjectKey::parse(&key).unwrap();
    app.state.packages.put(&key, b"something else".to_vec().into()).await.unwrap();
    let answer = app.call("GET", &link).send().await;
    assert_snapshot!(answer.problem(), @"500 internal: something went wrong on our side; the log has it under the request's id");
    assert_eq!(app.events("package_downloaded").await, 0);
}
