//! Legal holds: placed on what the data map knows, shown without values, released once.

use insta::assert_snapshot;
use packages::{KeyRing, SealedFor};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::support::{Answer, Claims, Shop, TestApp, captured};

fn body(scope: &Value) -> Value {
    json!({"scope": scope, "ground": "legal_claims", "owner": "legal department", "review_on": "2999-01-31"})
}

async fn place(app: &TestApp, body: &Value) -> Answer {
    app.owner("acme", "POST", "/holds").json(&body.to_string()).send().await
}

/// What was sealed beside a hold.
async fn opened(app: &TestApp, hold: &str) -> Value {
    let sealed = app
        .database
        .text(&format!("SELECT encode(sealed, 'hex') FROM legal_holds WHERE id = '{hold}'"))
        .await;
    let sealed: Vec<u8> =
        (0..sealed.len()).step_by(2).map(|at| u8::from_str_radix(&sealed[at..at + 2], 16).unwrap()).collect();
    let key = SecretString::from("a sealing key of the test with 32 bytes and more");
    let ring = KeyRing::new("k1", [("k1".to_owned(), key)]).unwrap();
    let target = SealedFor { organisation: "acme", job_id: hold.parse().unwrap() };
    serde_json::from_str(ring.open(target, &sealed).unwrap().expose_secret()).unwrap()
}

fn rows(column: &str, operator: &str, value: &str) -> Value {
    let comparison = json!({"column": column, "operator": operator, "value": value});
    json!({"rows": {"collection": "shop.customers", "comparisons": [comparison]}})
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hold_is_placed_and_its_values_are_kept_sealed() {
    let (app, _shop) = TestApp::start_with_shop(|_| {}).await;
    let person = json!({"subject": {"identity_type": "email", "identity_value": " Zanele@Example.org"}});
    let compared = json!([{"column": "note", "operator": "at_least"}]);
    for (scope, shown, sealed) in [
        (json!({"organisation": true}), json!({"organisation": true}), None),
        (json!({"collection": "shop.customers"}), json!({"collection": "shop.customers"}), None),
        (
            person,
            json!({"subject": {"identity_type": "email"}}),
            Some(json!({"identity_value": "zanele@example.org"})),
        ),
        (
            rows("note", "at_least", "zanele"),
            json!({"rows": {"collection": "shop.customers", "comparisons": compared}}),
            Some(json!({"values": ["zanele"]})),
        ),
    ] {
        let answer = place(&app, &body(&scope)).await;
        assert_eq!(answer.status, 201, "{}", answer.text());
        let (view, id) = (answer.json(), answer.job());
        let path = format!("/api/v1/privacy/holds/{id}");
        assert_eq!(answer.header("location"), path);
        assert_eq!((&view["scope"], &view["ground"]), (&shown, &json!("legal_claims")));
        assert_eq!((&view["placed_by"], &view["released_at"]), (&json!("user-of-acme"), &json!(null)));
        assert_eq!(view["links"], json!({"self": path, "release": format!("{path}/release")}));
        assert_eq!(app.owner("acme", "GET", &format!("/holds/{id}")).send().await.json(), view);
        match sealed {
            Some(sealed) => assert_eq!(opened(&app, &id).await, sealed),
            None => assert_eq!(app.database.count("legal_holds WHERE sealed IS NOT NULL").await, 0),
        }
    }
    assert_eq!(app.events("hold_placed").await, 4);
    let all = app.owner("acme", "GET", "/holds").send().await;
    assert_eq!(all.json()["holds"].as_array().unwrap().len(), 4);
    let kept = app.database.text("SELECT string_agg(t::text, ' ') FROM legal_holds t").await;
    for place in [all.text(), kept, captured()] {
        assert!(!place.contains("zanele") && !place.contains("Zanele"), "{place}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_show_every_hold_once_the_latest_first() {
    let (app, _shop) = TestApp::start_with_shop(|_| {}).await;
    place(&app, &body(&json!({"organisation": true}))).await;
    let insert =
        "INSERT INTO legal_holds (id, organisation_id, scope, ground, owner, review_on, placed_at, placed_by)
        SELECT gen_random_uuid(), organisation, scope, ground, owner, review_on,
            timestamptz '2026-01-01' + (1 + n / 3) * interval '1 microsecond', placed_by
        FROM legal_holds, generate_series(1, 52) n, unnest(ARRAY['acme', 'other']) organisation";
    app.database.admin.batch_execute(insert).await.unwrap();
    let (mut seen, mut next) = (Vec::new(), Some("?active=true&limit=10".to_owned()));
    while let Some(query) = next {
        let answer = app.owner("acme", "GET", &format!("/holds{query}")).send().await;
        let page = answer.json();
        let holds = page["holds"].as_array().unwrap();
        seen.extend(holds.iter().map(|hold| (hold["placed_at"].to_string(), hold["id"].to_string())));
        next = page["next_cursor"].as_str().map(|cursor| format!("?active=true&limit=10&cursor={cursor}"));
        let link =
            next.as_ref().map(|_| answer.header("link").contains("/holds?limit=10&active=true&cursor="));
        assert_ne!(link, Some(false), "{answer:?}");
    }
    let mut latest_first = seen.clone();
    latest_first.sort_unstable_by(|a, b| b.cmp(a));
    latest_first.dedup();
    assert_eq!((seen.len(), latest_first), (53, seen));
    let all = app.owner("acme", "GET", "/holds").send().await.json();
    assert_eq!(all["holds"].as_array().unwrap().len(), 50, "a page has no more unless it is asked for");
    let cursor = all["next_cursor"].as_str().unwrap();
    let elsewhere = app.owner("acme", "GET", &format!("/holds?active=true&cursor={cursor}")).send().await;
    assert_snapshot!(elsewhere.problem(), @"404 no-such-page: the cursor is not one of this list with these filters; begin anew without it");
}

#[tokio::test(flavor = "multi_thread")]
async fn release_ends_a_hold_once_and_asks_for_what_was_left() {
    let (app, _shop) = TestApp::start_with_shop(|_| {}).await;
    let hold = place(&app, &body(&json!({"collection": "shop.customers"}))).await.job();
    let kept = place(&app, &body(&json!({"organisation": true}))).await.job();
    let job = app.erasure("acme", "Acme & Søn", r#","grace_period_days":0"#).await;
    app.retained("acme", (&job, &hold), 3).await;
    let shown = app.owner("acme", "GET", &format!("/jobs/{job}")).send().await.json();
    let retained =
        json!([{"hold": hold, "ground": "legal_claims", "collection": "shop.customers", "rows": 3}]);
    assert_eq!(shown["retained"], retained);
    let answer = app.owner("acme", "POST", &format!("/holds/{hold}/release")).send().await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let released = answer.json();
    assert_eq!(released["hold"]["released_by"], "user-of-acme");
    assert_eq!(released["hold"]["links"], json!({"self": format!("/api/v1/privacy/holds/{hold}")}));
    let deferred = &released["jobs"][0];
    let id = deferred["id"].as_str().unwrap();
    assert_eq!(deferred["links"], json!({"self": format!("/api/v1/privacy/jobs/{id}")}));
    let deferred = app.owner("acme", "GET", &format!("/jobs/{id}")).send().await.json();
    assert_eq!(deferred["request"]["deferred"], json!({"hold": hold, "job": job}));
    let again = app.owner("acme", "POST", &format!("/holds/{hold}/release")).send().await;
    assert_snapshot!(again.problem(), @"409 wrong-state: the hold was released before");
    let listed = async |query: &str| {
        let list = app.owner("acme", "GET", &format!("/holds{query}")).send().await.json();
        list["holds"].as_array().unwrap().iter().map(|hold| hold["id"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(listed("?active=true").await, [json!(kept)]);
    assert_eq!(listed("").await, [json!(kept), json!(hold)]);
    assert_eq!(listed("?active=false").await.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_data_map_does_not_have_is_pointed_to() {
    let (app, _shop) = TestApp::start_with_shop(|_| {}).await;
    let wrong = async |scope: Value| {
        let problem = place(&app, &body(&scope)).await.problem();
        problem.replace("422 unusable-values: values of the body cannot be used; see `errors` ", "")
    };
    assert_snapshot!(wrong(json!({"collection": "customers"})).await, @"[/scope/collection: the data map has no such collection; name one of it as `dataset.collection`]");
    assert_snapshot!(wrong(rows("noted", "equal", "x")).await, @"[/scope/rows/comparisons/0/column: the collection has no such field in the data map; it has `id`, `organisation_id`, `email`, `phone`, `note`]");
    assert_snapshot!(wrong(rows("note", "equal", "a\0b")).await, @"[/scope/rows/comparisons/0/value: expected a text without NUL]");
    assert_snapshot!(wrong(json!({"rows": {"collection": "shop.orders", "comparisons": []}})).await, @"[/scope/rows/collection: the data map has no such collection; name one of it as `dataset.collection`]");
    assert_snapshot!(wrong(json!({"rows": {"collection": "shop.customers", "comparisons": []}})).await, @"[/scope/rows/comparisons: expected at least one comparison; to hold a whole collection, give `collection` in place of `rows`]");
    assert_snapshot!(wrong(json!({"subject": {"identity_type": "name", "identity_value": "x"}})).await, @"[/scope/subject/identity_type: no field of the data map has this identity; expected one of `customer_id`, `email`, `phone_number`]");
    assert_snapshot!(wrong(json!({"subject": {"identity_type": "email", "identity_value": "x"}})).await, @"[/scope/subject/identity_value: identity_value is no e-mail address: one has an @ with something on either side]");
    assert_eq!(app.database.count("legal_holds").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_store_cannot_compare_is_pointed_to_and_never_repeated() {
    let shop = Shop::open().await;
    let more = "CREATE TYPE mood AS ENUM ('sad', 'ok'); ALTER TABLE customers ADD born date, ADD at timestamptz, \
                ADD extra json, ADD place point, ADD mood mood, ADD short varchar(3)";
    shop.database.client().await.batch_execute(more).await.unwrap();
    let fields = ["born", "at", "extra", "place", "mood", "short", "gone"]
        .map(|name| format!("    - {{name: {name}}}\n"));
    shop.map_with(&fields.concat());
    let app = TestApp::start_with(|config| config.erasure = Some(shop.settings())).await;
    let wrong = async |column: &str, operator: &str, value: &str| {
        let answer = place(&app, &body(&rows(column, operator, value))).await;
        assert!(value.is_empty() || !answer.text().contains(value), "{}", answer.text());
        answer.problem().replace("422 unusable-values: values of the body cannot be used; see `errors` ", "")
    };
    assert_snapshot!(wrong("at", "equal", "sometimes").await, @"[/scope/rows/comparisons/0/value: expected a value of type timestamp with time zone, as the store reads it]");
    assert_snapshot!(wrong("born", "less", "2026-02-30").await, @"[/scope/rows/comparisons/0/value: expected a value of type date, as the store reads it]");
    assert_snapshot!(wrong("id", "equal", "99999999999").await, @"[/scope/rows/comparisons/0/value: expected a value of type integer, as the store reads it]");
    assert_snapshot!(wrong("mood", "equal", "glad").await, @"[/scope/rows/comparisons/0/value: expected a value of type public.mood, as the store reads it]");
    assert_snapshot!(wrong("short", "equal", "longer").await, @"[/scope/rows/comparisons/0/value: expected a value that a column of type character varying(3) can hold, as it stands]");
    assert_snapshot!(wrong("extra", "equal", "{}").await, @"[/scope/rows/comparisons/0/column: the store cannot compare columns of type json by =; name another column]");
    assert_snapshot!(wrong("place", "at_least", "(1,2)").await, @"[/scope/rows/comparisons/0/column: the store cannot compare columns of type point by >=; name another column]");
    assert_snapshot!(wrong("gone", "equal", "zanele").await, @"[/scope/rows/comparisons/0/column: there is no column `gone` in public.customers that the role can read]");
    let two = [("note", "zanele"), ("born", "soon"), ("mood", "ok"), ("extra", "[]")]
        .map(|(column, value)| json!({"column": column, "operator": "equal", "value": value}));
    let two =
        place(&app, &body(&json!({"rows": {"collection": "shop.customers", "comparisons": two}}))).await;
    assert_snapshot!(two.problem(), @"422 unusable-values: values of the body cannot be used; see `errors` [/scope/rows/comparisons/1/value: expected a value of type date, as the store reads it] [/scope/rows/comparisons/3/column: the store cannot compare columns of type json by =; name another column]");
    assert_eq!(app.database.count("legal_holds").await, 0);
    for (column, operator, value) in
        [("at", "less", "2026-01-01"), ("mood", "greater", "sad"), ("id", "equal", "-1")]
    {
        assert_eq!(place(&app, &body(&rows(column, operator, value))).await.status, 201, "{column}");
    }
    assert!(!captured().contains("sometimes"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_request_with_the_same_key_is_the_same_hold() {
    let (app, _shop) = TestApp::start_with_shop(|_| {}).await;
    let text = body(&rows("note", "equal", "zanele")).to_string();
    let keyed =
        async |key: &str, text: &str| app.owner("acme", "POST", "/holds").key(key).json(text).send().await;
    let first = keyed("k1", &text).await;
    let again = keyed("\"k1\"", &text).await;
    assert_eq!((first.status, again.status, first.json()), (201, 201, again.json()));
    assert_eq!((first.header("idempotent-replayed"), again.header("idempotent-replayed")), ("", "true"));
    assert_eq!(first.header("location"), again.header("location"));
    let other = keyed("k1", &body(&json!({"organisation": true})).to_string()).await;
    assert_snapshot!(other.problem(), @"422 idempotency-key-reused: this key came with other parameters before; use a new key for a new request");
    let bad = keyed("two keys", &text).await;
    assert_snapshot!(bad.problem(), @"400 idempotency-key: an Idempotency-Key is a quoted string or a bare token of 1 to 200 visible ASCII characters");
    assert_eq!((app.database.count("legal_holds").await, app.events("hold_placed").await), (1, 1));
    // A hash of the body would let the value be guessed.
    let kept = app.database.text("SELECT encode(body_sha256, 'hex') FROM idempotency_keys").await;
    let hash =
        Sha256::digest(text.as_bytes()).iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"));
    assert_ne!(kept, hash);
    // Its values are no longer what the store would take; the request was taken before.
    let released = app.owner("acme", "POST", &format!("/holds/{}/release", first.job())).send().await;
    assert_eq!(released.status, 200);
    let after = keyed("k1", &text).await;
    assert_eq!((after.status, &after.json()["released_by"]), (201, &json!("user-of-acme")));
    // Without a key each request places a hold of its own.
    for _ in 0..2 {
        assert_eq!(app.owner("acme", "POST", "/holds").json(&text).send().await.status, 201);
    }
    assert_eq!(app.database.count("legal_holds").await, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn releasing_needs_somebody_who_has_just_signed_in() {
    let (app, _shop) = TestApp::start_with_shop(|_| {}).await;
    let hold = place(&app, &body(&json!({"organisation": true}))).await.job();
    let release = async |claims: Claims| {
        let call = app.call("POST", &format!("/api/v1/privacy/holds/{hold}/release"));
        call.token(&app.signer.token(&claims)).send().await
    };
    for role in ["owner", "privacy_officer"] {
        for claims in
            [Claims::of("acme", role).without("auth_time"), Claims::of("acme", role).at("auth_time", -902)]
        {
            let refused = release(claims).await;
            assert!(refused.problem().starts_with("401 insufficient-user-authentication: "), "{refused:?}");
            assert!(refused.header("www-authenticate").contains("max_age=\"900\""), "{refused:?}");
        }
    }
    assert_eq!(app.database.count("legal_holds WHERE released_at IS NULL").await, 1);
    assert_eq!(release(Claims::of("acme", "privacy_officer").at("auth_time", -890)).await.status, 200);
    // Placing keeps data, so it needs no more than before.
    let call = app.call("POST", "/api/v1/privacy/holds");
    let stale = app.signer.token(&Claims::of("acme", "owner").without("auth_time"));
    let placed = call.token(&stale).json(&body(&json!({"organisation": true})).to_string()).send().await;
    assert_eq!(placed.status, 201);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_is_wrong_is_pointed_to() {
    let (app, _shop) = TestApp::start_with_shop(|_| {}).await;
    let with = |member: &str, value: Value| {
        let mut body = body(&json!({"organisation": true}));
        body[member] = value;
        body
    };
    let wrong = async |body: Value| place(&app, &body).await.problem();
    assert_snapshot!(wrong(with("scope", json!({}))).await, @"400 invalid-body: the body is not what is expected; see `errors` [/scope: expected one of `organisation`, `subject`, `collection` and `rows`]");
    assert_snapshot!(wrong(with("scope", json!({"organisation": false}))).await, @"400 invalid-body: the body is not what is expected; see `errors` [/scope/organisation: expected `true`]");
    assert_snapshot!(wrong(with("scope", json!({"organisation": true, "rows": {"collection": "x", "comparisons": []}}))).await, @"400 invalid-body: the body is not what is expected; see `errors` [/scope: expected one of `organisation`, `subject`, `collection` and `rows`]");
    assert_snapshot!(wrong(with("scope", rows("note", "like", "x"))).await, @"400 invalid-body: the body is not what is expected; see `errors` [/scope/rows/comparisons/0/operator: expected one of `equal`, `not_equal`, `less`, `at_most`, `greater`, `at_least`]");
    assert_snapshot!(wrong(with("ground", json!("because"))).await, @"400 invalid-body: the body is not what is expected; see `errors` [/ground: expected one of `expression`, `legal_obligation`, `public_health`, `archiving`, `legal_claims`]");
    assert_snapshot!(wrong(with("review_on", json!("soon"))).await, @"400 invalid-body: the body is not what is expected; see `errors` [/review_on: expected a date as 2027-01-31]");
    assert_snapshot!(wrong(with("review_on", json!("2020-01-31"))).await, @"422 unusable-values: values of the body cannot be used; see `errors` [/review_on: expected a day that is not over]");
    for owner in ["", "  ", "a\nb", &"x".repeat(201)] {
        let problem = wrong(with("owner", json!(owner))).await;
        assert_eq!(
            problem,
            "422 unusable-values: values of the body cannot be used; see `errors` [/owner: expected who answers for it, in 1 to 200 characters of one line]"
        );
    }
    let list = app.owner("acme", "GET", "/holds?active=maybe&x=1").send().await;
    assert_snapshot!(list.problem(), @"400 invalid-parameters: parameters of the query are wrong; see `errors` [active: expected one of true, false] [x: there is no such parameter]");
}

#[tokio::test(flavor = "multi_thread")]
async fn owners_and_privacy_officers_place_holds_and_auditors_see_them() {
    let (app, _shop) = TestApp::start_with_shop(|_| {}).await;
    let text = body(&json!({"organisation": true})).to_string();
    let call = |role: &str, method: &str, path: &str| {
        app.call(method, &format!("/api/v1/privacy{path}")).token(&app.token("acme", role))
    };
    for role in ["member", "auditor"] {
        let answer = call(role, "POST", "/holds").json(&text).send().await;
        assert_eq!(answer.problem(), "403 missing-role: this needs the role owner or privacy_officer");
    }
    let hold = call("privacy_officer", "POST", "/holds").json(&text).send().await.job();
    let seen = call("auditor", "GET", &format!("/holds/{hold}")).send().await;
    assert_eq!((seen.status, &seen.json()["links"]["release"]), (200, &json!(null)));
    assert_eq!(call("auditor", "GET", "/holds").send().await.status, 200);
    assert_eq!(call("member", "GET", "/holds").send().await.status, 403);
    assert_eq!(call("auditor", "POST", &format!("/holds/{hold}/release")).send().await.status, 403);
    for path in [format!("/holds/{hold}"), "/holds/nothing".to_owned()] {
        let other = app.owner("other", "GET", &path).send().await;
        assert_eq!(other.problem(), "404 no-such-hold: the organisation has no legal hold of this id");
    }
    let other = app.owner("other", "POST", &format!("/holds/{hold}/release")).send().await;
    assert_eq!(other.status, 404);
    let released = call("privacy_officer", "POST", &format!("/holds/{hold}/release")).send().await;
    assert_eq!((released.status, &released.json()["jobs"]), (200, &json!([])));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_set_up_is_named() {
    let app = TestApp::start().await;
    let problem = place(&app, &body(&json!({"organisation": true}))).await.problem();
    assert!(problem.starts_with("503 erasure-not-configured: "), "{problem}");
    let (app, _shop) = TestApp::start_with_shop(|config| config.sealing = None).await;
    assert_eq!(place(&app, &body(&json!({"organisation": true}))).await.status, 201);
    let problem = place(&app, &body(&rows("note", "equal", "x"))).await.problem();
    assert!(problem.starts_with("503 sealing-not-configured: "), "{problem}");
}
