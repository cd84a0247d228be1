use testkit::{ControlDatabase, empty_database};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::*;
use crate::testing::{NOBODY_AMQP, context, no_database};

struct Served {
    address: SocketAddr,
    context: Context,
    end: CancellationToken,
}

async fn serving(context: Context) -> Served {
    let listener = bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let (address, end) = (listener.local_addr().unwrap(), CancellationToken::new());
    tokio::spawn(serve(listener, context.clone(), end.clone()));
    Served { address, context, end }
}

impl Served {
    /// The answer to a GET: status and all that came after the status line.
    async fn get(&self, path: &str) -> (u16, String) {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nhost: here\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        let (status, rest) = answer.split_once("\r\n").unwrap();
        (status.split(' ').nth(1).unwrap().parse().unwrap(), rest.to_owned())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_in_good_health_says_so() {
    let database = ControlDatabase::create().await;
    let served = serving(context(database.store_as("lethe_export"), NOBODY_AMQP)).await;
    for path in ["/livez", "/readyz"] {
        let (status, text) = served.get(path).await;
        assert_eq!((status, text.ends_with("\r\n\r\nok\n")), (200, true), "{path}: {text}");
    }
    assert_eq!(served.get("/").await.0, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn readiness_names_what_is_missing() {
    let database = ControlDatabase::create().await;
    let served = serving(context(database.store_as("lethe_export"), NOBODY_AMQP)).await;
    served.context.health.ready_when("queue", || false);
    let (status, text) = served.get("/readyz").await;
    assert!(status == 503 && text.ends_with("not ok: queue\n"), "{text}");
    assert_eq!(served.get("/livez").await.0, 200, "that is no reason to be restarted");

    let empty = empty_database().await;
    let store =
        store::Store::open(&store::StoreConfig { url: empty.url().to_owned().into(), max_connections: 1 });
    let unmigrated = serving(context(store.unwrap(), NOBODY_AMQP)).await;
    let (status, text) = unmigrated.get("/readyz").await;
    assert!(status == 503 && text.ends_with("not ok: migrations\n"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn readiness_says_what_is_no_reason_to_take_no_work() {
    let database = ControlDatabase::create().await;
    let served = serving(context(database.store_as("lethe_export"), NOBODY_AMQP)).await;
    served.context.health.say_when("messages wait", || true);
    served.context.health.say_when("all is lost", || false);
    let (status, text) = served.get("/readyz").await;
    assert!(status == 200 && text.ends_with("\r\n\r\nok\nmessages wait\n"), "{text}");
    served.context.health.ready_when("queue", || false);
    let (status, text) = served.get("/readyz").await;
    assert!(status == 503 && text.ends_with("\r\n\r\nnot ok: queue\nmessages wait\n"), "{text}");
    assert!(served.get("/livez").await.1.ends_with("\r\n\r\nok\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_database_is_no_reason_to_be_restarted() {
    let served = serving(context(no_database(), NOBODY_AMQP)).await;
    let (status, text) = served.get("/readyz").await;
    assert!(status == 503 && text.ends_with("not ok: control database\n"), "{text}");
    assert_eq!(served.get("/livez").await.0, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wedged_process_is_not_alive() {
    let served = serving(context(no_database(), NOBODY_AMQP)).await;
    served.context.health.live_when("consumer", || false);
    served.context.health.live_when("other", || true);
    let (status, text) = served.get("/livez").await;
    assert!(status == 503 && text.ends_with("not ok: consumer\n"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_drains_is_alive_but_takes_no_work() {
    let database = ControlDatabase::create().await;
    let served = serving(context(database.store_as("lethe_export"), NOBODY_AMQP)).await;
    served.context.stopping.cancel();
    let (status, text) = served.get("/readyz").await;
    assert!(status == 503 && text.ends_with("not ok: stopping\n"), "{text}");
    assert_eq!(served.get("/livez").await.0, 200);
    served.end.cancel();
    let refused = async || TcpStream::connect(served.address).await.is_err();
    testkit::eventually(testkit::PATIENCE, "the port is closed", refused).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_are_served_as_prometheus_reads_them() {
    let served = serving(context(no_database(), NOBODY_AMQP)).await;
    served.context.metrics.counter("privacy_things_total", "Things.").unwrap().inc_by(3);
    let (status, text) = served.get("/metrics").await;
    assert_eq!(status, 200);
    assert!(text.contains("content-type: text/plain; version=0.0.4"), "{text}");
    assert!(text.contains("\nprivacy_things_total 3\n"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port_that_is_taken_is_named() {
    let taken = bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let address = taken.local_addr().unwrap();
    let error = bind(address).await.unwrap_err().to_string();
    assert!(error.starts_with(&format!("admin.listen: cannot listen on {address}")), "{error}");
}
