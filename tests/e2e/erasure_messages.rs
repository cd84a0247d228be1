//! Messages of an erasure that come more than once and in another order.

use futures::StreamExt as _;
use lapin::options::{
    BasicAckOptions, BasicConsumeOptions, BasicPublishOptions, QueueBindOptions, QueueDeclareOptions,
};
use lapin::types::FieldTable;
use lapin::{BasicProperties, Channel, Connection, ConnectionProperties};
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use rand::seq::SliceRandom as _;
use tests::{Options, Servers, System};

use crate::erasing::{Company, Left, asked, ended_well, owner, undisturbed};

const ROWS: u64 = 6_000;

/// Queues of the services, with the exchange and the key by which messages reach them.
const ROADS: [(&str, &str, &str); 2] = [
    ("erasure-worker.steps", "lethe.work", "step.erasure"),
    ("audit-sink.events", "lethe.audit", "audit.event"),
];
/// So many messages are shuffled together, where as many wait.
const HAND: usize = 16;

/// Every message of the erasing steps and of the audit log is taken from its road, and sent on twice and
/// in another order.
#[tokio::test(flavor = "multi_thread")]
async fn doubled_and_shuffled_messages_change_nothing() {
    let servers = Servers::shared().unwrap();
    let expected = undisturbed(&servers, 3, 2, ROWS).await;
    let company = Company::new(&servers.pg_url, 3, ROWS).await;
    // Nobody loses a step but by a message.
    let options = Options { lease: "60s", ..company.options() };
    let organisations = company.organisations;
    let system = System::start(servers, company.database, &options).await.unwrap();
    let url = system.servers.amqp_vhost(&system.vhost);
    let connection = Connection::connect(&url, ConnectionProperties::default()).await.unwrap();
    let mut shufflers = Vec::new();
    for (seed, road) in (0..).zip(ROADS) {
        let channel = connection.create_channel().await.unwrap();
        let random = StdRng::seed_from_u64(seed);
        diverted(&channel, road).await;
        shufflers.push(tokio::spawn(shuffle(channel, road.0, random)));
    }
    for (turn, organisation) in organisations[..2].iter().enumerate() {
        let api = owner(&system, organisation);
        let job = asked(&api, organisation).await;
        let job = ended_well(&system, &api, job).await;
        let started: Vec<i32> = job.steps.iter().map(|step| step.attempts).collect();
        assert!(started.iter().all(|attempts| *attempts == 1), "a step was started twice: {started:?}");
        let left = Left::of(&system.subjects.client, &organisations).await;
        assert_eq!(left, expected[turn + 1], "as when every message comes once");
        left.spares(&expected[0], &organisations[turn + 1..]);
    }
    for shuffler in shufflers {
        assert!(!shuffler.is_finished(), "the shuffling ended before its time: {:?}", shuffler.await);
        shuffler.abort();
    }
}

fn diverted_name(queue: &str) -> String {
    format!("{queue}.diverted")
}

/// From now on the messages of a queue go to another one.
async fn diverted(channel: &Channel, (queue, exchange, key): (&str, &str, &str)) {
    let name = diverted_name(queue);
    let options = QueueDeclareOptions { exclusive: true, ..QueueDeclareOptions::default() };
    channel.queue_declare(name.as_str().into(), options, FieldTable::default()).await.unwrap();
    let (binding, none) = (QueueBindOptions::default(), FieldTable::default());
    channel
        .queue_bind(name.as_str().into(), exchange.into(), key.into(), binding, none.clone())
        .await
        .unwrap();
    channel.queue_unbind(queue.into(), exchange.into(), key.into(), none).await.unwrap();
}

/// Sends what was diverted on to its queue: each message twice, all that wait shuffled.
async fn shuffle(channel: Channel, queue: &'static str, mut random: StdRng) {
    let name = diverted_name(queue);
    let options = BasicConsumeOptions::default();
    let consumer =
        channel.basic_consume(name.as_str().into(), "".into(), options, FieldTable::default()).await.unwrap();
    let mut hands = consumer.ready_chunks(HAND);
    while let Some(hand) = hands.next().await {
        let mut twice = Vec::new();
        for delivery in hand {
            let delivery = delivery.unwrap();
            twice.push((delivery.data.clone(), delivery.properties.clone()));
            twice.push((delivery.data.clone(), delivery.properties.clone()));
            delivery.ack(BasicAckOptions::default()).await.unwrap();
        }
        twice.shuffle(&mut random);
        for (body, properties) in twice {
            send(&channel, queue, &body, properties).await;
        }
    }
}

async fn send(channel: &Channel, queue: &str, body: &[u8], properties: BasicProperties) {
    let options = BasicPublishOptions::default();
    drop(channel.basic_publish("".into(), queue.into(), options, body, properties).await.unwrap());
}
