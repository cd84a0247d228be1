//! Workers that come back from the dead in the middle of an erasure, and messages that come more than
//! once and in another order.

use futures::StreamExt as _;
use lapin::options::{
    BasicAckOptions, BasicConsumeOptions, BasicPublishOptions, QueueBindOptions, QueueDeclareOptions,
};
use lapin::types::FieldTable;
use lapin::{BasicProperties, Channel, Connection, ConnectionProperties};
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use rand::seq::SliceRandom as _;
use tests::{Options, Servers, System, eventually};
use uuid::Uuid;

use crate::erasing::{Company, Left, asked, ended_well, owner, reached, undisturbed};
use crate::support::PATIENCE;

const ROWS: u64 = 6_000;
/// Organisations that are erased, beside one that is not.
const ERASED: usize = 6;

/// When a zombie comes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Back {
    /// While another worker is at the steps that it held.
    Amid,
    /// When the erasure is over.
    After,
}

/// The worker is stopped in the middle of steps until another one has taken them over. When it goes on,
/// it goes on with what it was doing, and finds out that it is not its own any more.
#[tokio::test(flavor = "multi_thread")]
async fn workers_back_from_the_dead_change_nothing() {
    let servers = Servers::shared().unwrap();
    let expected = undisturbed(&servers, ERASED + 1, ERASED, ROWS).await;
    let company = Company::new(&servers.pg_url, ERASED + 1, ROWS).await;
    let (options, organisations) = (company.options(), company.organisations);
    let mut system = System::start(servers, company.database, &options).await.unwrap();
    for (turn, organisation) in organisations[..ERASED].iter().enumerate() {
        let back = if turn % 2 == 0 { Back::Amid } else { Back::After };
        let api = owner(&system, organisation);
        let job = asked(&api, organisation).await;
        let batches = expected[turn + 1].journal.0 - expected[turn].journal.0;
        let point = batches * i64::try_from(turn + 1).unwrap() / i64::try_from(ERASED + 1).unwrap();
        let fenced = fenced(&system).await;
        stopped_in_a_step(&mut system, job, point, back).await;
        let another = system.start_another("erasure-worker", turn + 2, &[]).await.unwrap();
        match back {
            Back::Amid => taken_over(&system, job).await,
            Back::After => drop(api.wait(job, &["completed", "failed"], PATIENCE).await.unwrap()),
        }
        system.process("erasure-worker").unwrap().signal("CONT").unwrap();
        ended_well(&system, &api, job).await;
        lost_it(&system, fenced).await;
        drop(another);
        let left = Left::of(&system.subjects.client, &organisations).await;
        assert_eq!(left, expected[turn + 1], "as when nobody is in the way ({back:?})");
        left.spares(&expected[0], &organisations[turn + 1..]);
    }
}

/// Stops the worker while it holds a step of the job, once the journal has so many batches. One that is
/// to be dead until the end is not stopped in the middle of a transaction: its locks would be kept for it.
async fn stopped_in_a_step(system: &mut System, job: Uuid, point: i64, back: Back) {
    assert!(reached(system, job, point).await, "the job ended before its worker could be stopped");
    let worker = system.process("erasure-worker").unwrap().id().to_string();
    let signal = |name: &str| {
        let done = std::process::Command::new("kill").args([&format!("-{name}"), worker.as_str()]).status();
        assert!(done.unwrap().success());
    };
    let held =
        "SELECT count(*) FROM job_steps WHERE job_id = $1 AND state = 'running' AND kind = 'erase_rows'";
    let open = "SELECT count(*) FROM pg_stat_activity WHERE datname IN ($1, $2) AND xact_start IS NOT NULL \
                AND usename IN ('vantage_eraser', 'lethe_erasure')";
    eventually(PATIENCE, "the worker is stopped in a step", || async {
        signal("STOP");
        let client = &system.control.client;
        let held: i64 = client.query_one(held, &[&job]).await?.get(0);
        let names: [&str; 2] = [&system.subjects.name, &system.control.name];
        let open: i64 = client.query_one(open, &[&names[0], &names[1]]).await?.get(0);
        if held > 0 && (back == Back::Amid || open == 0) {
            return Ok(Some(()));
        }
        signal("CONT");
        Ok(None)
    })
    .await
    .unwrap();
}

/// Waits until somebody else has started a step that the dead worker held.
async fn taken_over(system: &System, job: Uuid) {
    let sql = "SELECT count(*) FROM job_steps WHERE job_id = $1 AND kind = 'erase_rows' AND epoch > 1 \
               AND state IN ('running', 'completed')";
    eventually(PATIENCE, "another worker has taken a step over", || async {
        let taken: i64 = system.control.client.query_one(sql, &[&job]).await?.get(0);
        Ok((taken > 0).then_some(()))
    })
    .await
    .unwrap();
}

/// How many steps the first worker lost, by its own count.
async fn fenced(system: &System) -> u64 {
    let url = format!("{}/metrics", system.admin("erasure-worker").unwrap());
    let text = reqwest::get(url).await.unwrap().text().await.unwrap();
    let line = text.lines().find(|line| line.starts_with("privacy_fence_rejected_total"));
    line.and_then(|line| line.rsplit(' ').next()).unwrap().parse().unwrap()
}

async fn lost_it(system: &System, before: u64) {
    eventually(PATIENCE, "the worker finds out that it lost a step", || async {
        Ok((fenced(system).await > before).then_some(()))
    })
    .await
    .unwrap();
}

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
