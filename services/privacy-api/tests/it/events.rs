//! `GET /jobs/{id}/events`: told as it happens, once each, to whoever may hear it.

use std::time::Duration;

use insta::assert_snapshot;
use serde_json::json;

use crate::support::{Call, Claims, TestApp, Watcher, until, versions};

fn stream(app: &TestApp, job: &str) -> Call {
    app.owner("acme", "GET", &format!("/jobs/{job}/events"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_is_told_from_its_first_change_to_its_end_as_it_happens() {
    let app = TestApp::start().await;
    let job = app.export("acme", "json").await;
    let mut watcher = Watcher::open(stream(&app, &job)).await;
    assert_eq!(watcher.header("content-type"), "text/event-stream");
    assert_eq!((watcher.header("cache-control"), watcher.header("x-accel-buffering")), ("no-store", "no"));
    assert_eq!(watcher.header("content-encoding"), "");
    assert_eq!(watcher.block().await.as_deref(), Some("retry: 2000"));
    // The job has not even begun: nothing holds these events back.
    let created = watcher.next().await.unwrap();
    assert_eq!((created.name.as_str(), created.id.as_str()), ("change", "1.0"));
    assert_eq!((&created.data["action"], &created.data["version"]), (&json!("job.created"), &json!(1)));
    let first = watcher.next().await.unwrap();
    assert_eq!((first.name.as_str(), first.id.as_str()), ("progress", "1.1"));
    assert_eq!(
        first.data,
        json!({"state": "pending", "status": "pending", "version": 1, "rows_done": 0, "rows_planned": 0,
            "bytes_done": 0, "collections": [], "rows_per_second": 0, "bytes_per_second": 0,
            "estimated_end_at": null})
    );
    app.advance("acme", &job, 1, 3).await;
    app.progress("acme", &job, (10, 1_000)).await;
    let more = [watcher.next().await.unwrap(), watcher.next().await.unwrap()];
    assert_eq!(more.each_ref().map(|told| told.id.as_str()), ["2.0", "3.0"]);
    while watcher.next_named("progress").await.unwrap().data["rows_done"] != 10 {}
    app.progress("acme", &job, (500, 1_000)).await;
    let mut moving = watcher.next_named("progress").await.unwrap();
    while moving.data["rows_done"] != 500 {
        moving = watcher.next_named("progress").await.unwrap();
    }
    assert!(moving.data["rows_per_second"].as_i64().unwrap() > 0, "{moving:?}");
    assert!(moving.data["bytes_per_second"].as_i64().unwrap() > 0, "{moving:?}");
    assert!(moving.data["estimated_end_at"].is_string(), "{moving:?}");
    assert_eq!(
        moving.data["collections"][0],
        json!({"collection": "app.users", "rows_done": 500,
        "rows_planned": 1_000, "bytes_done": 5_000})
    );
    app.complete("acme", &job, b"content").await;
    let rest = watcher.rest().await;
    let end = rest.last().unwrap();
    assert_eq!(
        (end.name.as_str(), &end.data["state"], &end.data["id"]),
        ("end", &json!("completed"), &json!(job))
    );
    let path = format!("/api/v1/privacy/jobs/{job}");
    assert_eq!(end.data["links"], json!({"self": path, "download": format!("{path}/download")}));
    assert_eq!(end.data["failure"], json!(null));
    let last = &rest[rest.len() - 2];
    assert_eq!((&last.data["state"], &last.data["rows_per_second"]), (&json!("completed"), &json!(0)));
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_offered_what_is_not_theirs_to_do() {
    let app = TestApp::start().await;
    let job = app.export("acme", "json").await;
    app.fail(&job).await;
    for (role, links) in [("owner", "retry self"), ("auditor", "self"), ("privacy_officer", "self")] {
        let call =
            app.call("GET", &format!("/api/v1/privacy/jobs/{job}/events")).token(&app.token("acme", role));
        let rest = Watcher::open(call).await.rest().await;
        let end = &rest.last().unwrap().data;
        assert_eq!(end["failure"]["code"], "store_unreachable");
        let names: Vec<&str> = end["links"].as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(names.join(" "), links, "{role}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_connection_goes_on_without_a_gap_or_a_repetition() {
    let app = TestApp::start().await;
    let job = app.export("acme", "json").await;
    app.advance("acme", &job, 1, 40).await;
    let mut first = Watcher::open(stream(&app, &job)).await;
    let mut told = Vec::new();
    while told.len() < 25 {
        told.push(first.next().await.unwrap());
    }
    drop(first);
    app.advance("acme", &job, 41, 60).await;
    app.complete("acme", &job, b"content").await;
    let last = told.last().unwrap().id.clone();
    let resumed = Watcher::open(stream(&app, &job).header("last-event-id", &last)).await.rest().await;
    told.extend(resumed.clone());
    assert_eq!(versions(&told), (1..=60).collect::<Vec<_>>());
    assert_eq!(resumed.last().unwrap().name, "end");
    let ids: Vec<(i64, u64)> = told
        .iter()
        .map(|told| {
            let (version, number) = told.id.split_once('.').unwrap();
            (version.parse().unwrap(), number.parse().unwrap())
        })
        .collect();
    assert!(ids.windows(2).all(|pair| pair[0] < pair[1]), "ids grow: {ids:?}");

    let from = async |id: &str| {
        let rest = Watcher::open(stream(&app, &job).header("last-event-id", id)).await.rest().await;
        versions(&rest)
    };
    assert_eq!(from("60.0").await, Vec::<i64>::new());
    assert_eq!(from("59.7").await, [60]);
    for unknown in ["", "x", "61.0", "9999999999999999999.0", "5", "-1.0", "5.0.0"] {
        assert_eq!(from(unknown).await, (1..=60).collect::<Vec<_>>(), "{unknown}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn many_watchers_share_one_look_and_the_last_one_ends_it() {
    let app = TestApp::start().await;
    let (job, other) = (app.export("acme", "json").await, app.export("acme", "csv").await);
    let mut watchers = Vec::new();
    for _ in 0..6 {
        watchers.push(Watcher::open(stream(&app, &job)).await);
    }
    let elsewhere = Watcher::open(stream(&app, &other)).await;
    assert_eq!((app.state.events.hub.watched(), app.state.events.seats.taken()), (2, 7));
    drop(elsewhere);
    until("nobody watches the other job", || app.state.events.hub.watched() == 1).await;
    let mut left = watchers.split_off(5);
    drop(watchers);
    until("one has stayed", || app.state.events.seats.taken() == 1).await;
    assert_eq!(app.state.events.hub.watched(), 1);
    app.set_state(&job, "cancelled").await;
    assert_eq!(left[0].rest().await.last().unwrap().data["state"], "cancelled");
    until("nothing is left", || app.state.events.hub.watched() + app.state.events.seats.taken() == 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_organisation_takes_no_more_than_its_seats() {
    let app = TestApp::start_with(|config| config.limits.event_streams = 2).await;
    let job = app.export("acme", "json").await;
    let others = app.export("other", "json").await;
    let first = Watcher::open(stream(&app, &job)).await;
    let _second = Watcher::open(stream(&app, &job)).await;
    let third = stream(&app, &job).send().await;
    assert_snapshot!(third.problem(), @"429 event-streams: the organisation may have 2 event streams open at a time; close one first");
    assert_eq!(third.header("retry-after"), "5");
    Watcher::open(app.owner("other", "GET", &format!("/jobs/{others}/events"))).await;
    drop(first);
    until("a seat is free", || app.state.events.seats.taken() < 2).await;
    Watcher::open(stream(&app, &job)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_stream_says_that_it_is_there() {
    let app = TestApp::start_with(|config| config.limits.event_heartbeat = Duration::from_millis(50)).await;
    let job = app.export("acme", "json").await;
    let mut watcher = Watcher::open(stream(&app, &job)).await;
    watcher.next_named("progress").await.unwrap();
    for _ in 0..3 {
        assert_eq!(watcher.block().await.as_deref(), Some(": still here"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_ends_with_its_time_its_token_and_the_service_and_says_how_to_come_back() {
    let app =
        TestApp::start_with(|config| config.limits.event_stream_duration = Duration::from_secs(1)).await;
    let job = app.export("acme", "json").await;
    let short = Watcher::open(stream(&app, &job)).await;
    let app = TestApp::start().await;
    let job = app.export("acme", "json").await;
    // Clocks may differ by a minute, so that this token is good for two more seconds.
    let token = app.signer.token(&Claims::of("acme", "auditor").at("exp", -58));
    let path = format!("/api/v1/privacy/jobs/{job}/events");
    let ending = Watcher::open(app.call("GET", &path).token(&token)).await;
    let stopped = Watcher::open(stream(&app, &job)).await;
    let stopping = std::sync::Arc::clone(&app.state.events);
    for (what, mut watcher) in [("time", short), ("token", ending), ("service", stopped)] {
        if what == "service" {
            stopping.stop();
        }
        let mut blocks = Vec::new();
        while let Some(block) = watcher.block().await {
            blocks.push(block);
        }
        assert_eq!(blocks.last().map(String::as_str), Some(": bye\nretry: 2000"), "{what}: {blocks:?}");
        assert!(!blocks.iter().any(|block| block.contains("event: end")), "{what}: {blocks:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn once_is_for_those_who_only_look() {
    let app = TestApp::start().await;
    let job = app.export("acme", "json").await;
    app.advance("acme", &job, 1, 3).await;
    let look = |query: &str| app.owner("acme", "GET", &format!("/jobs/{job}/events{query}"));
    let told = Watcher::open(look("?once=true")).await.rest().await;
    let names: Vec<&str> = told.iter().map(|told| told.name.as_str()).collect();
    assert_eq!(names, ["change", "change", "change", "progress"]);
    assert_snapshot!(look("?once=1").send().await.problem(), @"400 invalid-parameters: parameters of the query are wrong; see `errors` [once: expected one of true, false]");
    assert_snapshot!(look("?since=1").send().await.problem(), @"400 invalid-parameters: parameters of the query are wrong; see `errors` [since: there is no such parameter]");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ticket_opens_the_stream_of_its_job_and_nothing_else() {
    let app = TestApp::start().await;
    let (job, other) = (app.export("acme", "json").await, app.export("acme", "csv").await);
    app.complete("acme", &job, b"content").await;
    let issue = async |role: &str| {
        let path = format!("/api/v1/privacy/jobs/{job}/events/ticket");
        app.call("POST", &path).token(&app.token("acme", role)).send().await.json()
    };
    for (role, links) in [("owner", "download self"), ("auditor", "self")] {
        let issued = issue(role).await;
        let (ticket, url) = (issued["ticket"].as_str().unwrap(), issued["url"].as_str().unwrap());
        let left = issued["expires_at"].as_str().unwrap().parse::<chrono::DateTime<chrono::Utc>>().unwrap();
        let left = (left - chrono::Utc::now()).num_seconds();
        assert!((50..=60).contains(&left), "{left}");
        let rest = Watcher::open(app.call("GET", url)).await.rest().await;
        let names: Vec<&String> = rest.last().unwrap().data["links"].as_object().unwrap().keys().collect();
        assert_eq!(names.iter().map(|name| name.as_str()).collect::<Vec<_>>().join(" "), links, "{role}");
        for path in [
            format!("/api/v1/privacy/jobs/{other}/events?ticket={ticket}"),
            format!("/api/v1/privacy/jobs/x/events?ticket={ticket}"),
            format!("{url}x"),
        ] {
            let refused = app.call("GET", &path).send().await;
            assert_eq!(
                refused.problem(),
                "401 invalid-token: the ticket is not one to this stream, or has expired; ask for a new one"
            );
        }
        for path in [
            format!("/api/v1/privacy/jobs/{job}?ticket={ticket}"),
            format!("/api/v1/privacy/jobs?ticket={ticket}"),
        ] {
            assert_eq!(app.call("GET", &path).send().await.status, 401);
        }
    }
    let issued = issue("member").await;
    assert_eq!(issued["status"], 403);
    let none = app.call("GET", &format!("/api/v1/privacy/jobs/{job}/events")).send().await;
    assert_eq!((none.status, none.header("www-authenticate")), (401, "Bearer"));
}
