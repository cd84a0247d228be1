//! A broker under an alarm: it is there, and takes no messages.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::*;

/// The frame of `connection.blocked` (class 10, method 60) with its reason.
const CONNECTION_BLOCKED: &[u8] = b"\x01\0\0\0\0\0\x0f\0\x0a\0\x3c\x0alow memory\xce";
/// How the method frame of `basic.publish` begins behind its length (class 60, method 40).
const BASIC_PUBLISH: &[u8] = b"\0\x3c\0\x28";

/// In front of a broker that other tests use: under its alarm, whoever publishes is told so and not heard
/// any more, as RabbitMQ does it.
struct Guarded {
    url: String,
    alarm: Arc<AtomicBool>,
}

impl Guarded {
    async fn start(vhost: &Vhost) -> Self {
        let (user, rest) = vhost.url().split_once('@').unwrap();
        let (broker, path) = rest.split_once('/').unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("{user}@{}/{path}", listener.local_addr().unwrap());
        let (alarm, broker) = (Arc::new(AtomicBool::new(false)), broker.to_owned());
        let rings = Arc::clone(&alarm);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(forward(client, broker.clone(), Arc::clone(&rings)));
            }
        });
        Self { url, alarm }
    }
}

async fn forward(client: TcpStream, broker: String, alarm: Arc<AtomicBool>) {
    let server = TcpStream::connect(broker).await.unwrap();
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let (mut asked, mut answered) = ([0; 16 * 1024], [0; 16 * 1024]);
    let mut blocked = false;
    loop {
        tokio::select! {
            read = from_client.read(&mut asked) => {
                let Ok(size @ 1..) = read else { return };
                let said = &asked[..size];
                let publishes = said.windows(BASIC_PUBLISH.len()).any(|part| part == BASIC_PUBLISH);
                if !blocked && publishes && alarm.load(Ordering::SeqCst) {
                    blocked = true;
                    drop(to_client.write_all(CONNECTION_BLOCKED).await);
                }
                if !blocked && to_server.write_all(said).await.is_err() {
                    return;
                }
            }
            read = from_server.read(&mut answered) => {
                let Ok(size @ 1..) = read else { return };
                if to_client.write_all(&answered[..size]).await.is_err() {
                    return;
                }
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_blocks_publishers_is_told_and_no_reason_to_take_no_work() {
    let (database, vhost) = tokio::join!(ControlDatabase::create(), Vhost::create());
    let broker = Guarded::start(&vhost).await;
    let mut context = context(database.store_as("lethe_api"), &broker.url);
    context.amqp.confirm_timeout = Duration::from_millis(300);
    let relay = start(&context);
    eventually(PATIENCE, "the relay is connected", async || context.health.failing().is_empty()).await;
    assert!(context.health.remarks().is_empty());
    broker.alarm.store(true, Ordering::SeqCst);
    context.store.create_export(&new_export("acme")).await.unwrap();
    context.relay.wake();
    let told = async || context.health.remarks() == [BLOCKED];
    eventually(PATIENCE, "readiness says that messages wait", told).await;
    // It is said from one connection to the next, and requests are taken as before.
    let published = "lethe_messages_published_total{outcome=\"unknown\"} ";
    let tries = async || {
        let text = context.metrics.render().unwrap();
        let count = text.lines().find_map(|line| line.strip_prefix(published));
        count.map_or(0_u32, |count| count.parse().unwrap())
    };
    let before = tries().await;
    eventually(PATIENCE, "it was tried again", async || {
        assert_eq!(context.health.failing(), Vec::<String>::new());
        assert_eq!(context.health.remarks(), [BLOCKED]);
        tries().await > before
    })
    .await;
    assert_eq!(count(&database, UNPUBLISHED).await, 2);
    broker.alarm.store(false, Ordering::SeqCst);
    eventually(PATIENCE, "the outbox is empty", async || count(&database, UNPUBLISHED).await == 0).await;
    eventually(PATIENCE, "nothing is said any more", async || context.health.remarks().is_empty()).await;
    end(relay).await;
}
