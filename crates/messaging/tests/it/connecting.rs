use std::time::{Duration, Instant};

use messaging::{AmqpConfig, MessagingError, Publisher, declare_topology};
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;

use crate::support::{Broker, PATIENCE};

#[tokio::test]
async fn a_peer_that_never_answers_is_given_up_and_hung_up_on() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let url = format!("amqp://{}", listener.local_addr().unwrap());
    let mut config = AmqpConfig::new(url.into(), "test");
    config.connect_timeout = Duration::from_millis(300);
    let peer = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut sent = Vec::new();
        // Ends only when the client closes its side: nothing is left waiting there.
        stream.read_to_end(&mut sent).await.unwrap();
        sent
    };
    let started = Instant::now();
    let (outcome, sent) = tokio::join!(Publisher::connect(&config), tokio::time::timeout(PATIENCE, peer));
    assert!(matches!(outcome, Err(MessagingError::Timeout { operation: "connect", .. })), "{outcome:?}");
    assert!(outcome.unwrap_err().is_retryable());
    assert_eq!(sent.expect("the socket is closed"), b"AMQP\x00\x00\x09\x01");
    assert!(started.elapsed() < Duration::from_secs(10));
}

/// Built without its TLS feature, the client library would send the password in the clear.
#[tokio::test]
async fn an_amqps_address_begins_with_a_tls_handshake() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let mut config = AmqpConfig::new(format!("amqps://u:p@localhost:{port}").into(), "test");
    config.connect_timeout = Duration::from_secs(2);
    let peer = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut first = [0; 3];
        stream.read_exact(&mut first).await.unwrap();
        first
    };
    let (outcome, first) = tokio::join!(Publisher::connect(&config), peer);
    assert!(outcome.is_err());
    assert_eq!(first[..2], [0x16, 0x03], "a TLS record of type handshake");
}

#[tokio::test]
async fn a_port_that_speaks_no_tls_is_refused() {
    let broker = Broker::start_empty().await;
    let url = broker.url().replacen("amqp://", "amqps://", 1);
    let mut config = AmqpConfig::new(url.into(), "test");
    config.connect_timeout = Duration::from_secs(5);
    assert!(Publisher::connect(&config).await.is_err());
}

#[tokio::test]
async fn a_closed_port_and_a_missing_vhost_are_errors_at_once() {
    let broker = Broker::start_empty().await;
    let missing = AmqpConfig::new(format!("{}-missing", broker.url()).into(), "test");
    assert!(matches!(declare_topology(&missing).await, Err(MessagingError::Connect(_))));
    let gone = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let url = format!("amqp://{}", gone.local_addr().unwrap());
    drop(gone);
    let outcome = Publisher::connect(&AmqpConfig::new(url.into(), "test")).await;
    assert!(matches!(outcome, Err(MessagingError::Connect(_))));
}
