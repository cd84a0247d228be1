//! A hold that is answered with 201 is known to every erasure that is under way.

use std::time::{Duration, Instant};

use serde_json::json;
use testkit::{PATIENCE, new_erasure};
use tokio_postgres::Client;

use crate::support::{Answer, Shop, TestApp};

const BODY: &str = r#"{"scope":{"collection":"shop.customers"},"ground":"legal_claims","owner":"Legal","review_on":"2999-01-31"}"#;
const NOT_BINDING: &str = "503 hold-not-binding: the hold is stored, but an erasure that is under way may not know of it yet; send the same request with the same Idempotency-Key again until it is answered with 201 (without a key it would be another hold)";
const SHORT: Duration = Duration::from_millis(300);

async fn place(app: &TestApp, key: &str) -> Answer {
    app.owner("acme", "POST", "/holds").key(key).json(BODY).send().await
}

/// An erasure of the organisation that is under way.
async fn erasing(app: &TestApp) -> String {
    let made = app.state.store.create_erasure(&new_erasure("acme")).await.unwrap();
    let store::Accepted::Created(job) = made else { panic!("{made:?}") };
    app.set_state(&job.to_string(), "running").await;
    job.to_string()
}

/// A batch of an erasure of that organisation, in its transaction.
async fn batch(shop: &Shop, organisation: &str) -> Client {
    let client = shop.database.client().await;
    let shared = format!(
        "BEGIN; SELECT pg_advisory_xact_lock_shared(hashtextextended(concat_ws('/', 'lethe.holds', '{organisation}'), 0))"
    );
    client.batch_execute(&shared).await.unwrap();
    client
}

async fn until_somebody_waits(client: &Client) {
    let waiting = "SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted AND database = \
                   (SELECT oid FROM pg_database WHERE datname = current_database()))";
    let began = Instant::now();
    while !client.query_one(waiting, &[]).await.unwrap().get::<_, bool>(0) {
        assert!(began.elapsed() < PATIENCE, "nobody waits for the batch");
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_answer_waits_for_the_batch_that_may_not_know_of_the_hold() {
    let (app, shop) = TestApp::start_with_shop(|_| {}).await;
    erasing(&app).await;
    let batch = batch(&shop, "acme").await;
    let ended = async {
        until_somebody_waits(&batch).await;
        // What the next batch reads is there before this one has ended.
        assert_eq!(app.database.count("legal_holds").await, 1);
        batch.batch_execute("COMMIT").await.unwrap();
    };
    let (answer, ()) = tokio::join!(place(&app, "k1"), ended);
    assert_eq!(answer.status, 201, "{}", answer.text());
    assert_eq!(place(&app, "k1").await.header("idempotent-replayed"), "true");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hold_that_does_not_bind_in_time_is_stored_and_confirmed_by_a_repetition() {
    let (app, shop) =
        TestApp::start_with_shop(|config| config.erasure.as_mut().unwrap().hold_binds_within = SHORT).await;
    let job = erasing(&app).await;
    let (batch, _other) = (batch(&shop, "acme").await, batch(&shop, "other").await);
    let mut holds = Vec::new();
    for _ in 0..2 {
        let answer = place(&app, "k1").await;
        assert_eq!(answer.problem(), NOT_BINDING);
        let problem = answer.json();
        assert_eq!(problem["job"], json!(format!("/api/v1/privacy/jobs/{job}")));
        assert_eq!(problem["hold"], json!(answer.header("location")));
        assert_eq!(answer.header("retry-after"), "5");
        holds.push(answer.header("location").to_owned());
    }
    assert_eq!((holds[0] == holds[1], app.database.count("legal_holds").await), (true, 1));
    let stored = app.call("GET", &holds[0]).token(&app.token("acme", "owner")).send().await;
    assert_eq!(stored.json()["released_at"], json!(null));
    // A request without a key is another hold, and waits for the same batch.
    let keyless = app.owner("acme", "POST", "/holds").json(BODY).send().await;
    assert_eq!((keyless.status, app.database.count("legal_holds").await), (503, 2));
    batch.batch_execute("COMMIT").await.unwrap();
    let confirmed = place(&app, "k1").await;
    assert_eq!((confirmed.status, confirmed.header("idempotent-replayed")), (201, "true"));
    assert_eq!(confirmed.header("location"), holds[0]);
    assert_eq!((app.database.count("legal_holds").await, app.events("hold_placed").await), (2, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn only_an_erasure_that_may_be_at_work_has_the_stores_asked() {
    let shop = Shop::open().await;
    let nowhere = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let app = TestApp::start_with(|config| {
        config.erasure = Some(shop.settings_at(&format!("postgres://nobody@{nowhere}/none")));
    })
    .await;
    assert_eq!(place(&app, "none").await.status, 201);
    let job = erasing(&app).await;
    for state in ["scheduled", "completed"] {
        app.set_state(&job, state).await;
        assert_eq!(place(&app, state).await.status, 201, "{state}");
    }
    for state in ["running", "verifying", "failed"] {
        app.set_state(&job, state).await;
        let answer = place(&app, state).await;
        assert!(answer.problem().starts_with("503 hold-not-binding: "), "{state}: {answer:?}");
        assert_eq!(answer.json()["job"], json!(format!("/api/v1/privacy/jobs/{job}")), "{state}");
    }
    // Of another organisation, nobody has to know.
    let other = app.owner("other", "POST", "/holds").key("k").json(BODY).send().await;
    assert_eq!(other.status, 201);
    assert_eq!(app.database.count("legal_holds").await, 7);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_is_not_asked_and_the_primary_is() {
    let shop = Shop::open().await;
    let mut settings = shop.settings();
    let nowhere = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let store = settings.stores.get_mut("shop").unwrap();
    store.replica_url = Some(format!("postgres://nobody@{nowhere}/none").into());
    let app = TestApp::start_with(|config| config.erasure = Some(settings)).await;
    erasing(&app).await;
    assert_eq!(place(&app, "k1").await.status, 201);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_time_in_which_no_hold_could_bind_is_refused_at_start() {
    for within in [Duration::ZERO, Duration::from_secs(16)] {
        let shop = Shop::open().await;
        let mut erasure = shop.settings();
        erasure.hold_binds_within = within;
        let directory = tempfile::TempDir::new().unwrap();
        let keys = directory.path().join("keys.json");
        std::fs::write(&keys, json!({"keys": [crate::support::Signer::ed("test").jwk()]}).to_string())
            .unwrap();
        let mut config = crate::support::config("http://127.0.0.1:1", directory.path(), &keys);
        config.erasure = Some(erasure);
        let store = crate::support::TestDatabase::create().await.store();
        let metrics = telemetry::metrics::Metrics::new();
        let refused = privacy_api::ApiState::new(&config, store, chassis::RelayWaker::default(), &metrics)
            .err()
            .unwrap();
        assert!(refused.to_string().starts_with("erasure.hold_binds_within: expected"), "{refused}");
    }
}
