//! Killed processes, a killed broker, lost and doubled messages, garbage.

use std::time::Duration;

use contracts::http::JobView;
use lapin::options::{BasicPublishOptions, QueueDeclareOptions, QueuePurgeOptions};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{BasicProperties, Connection, ConnectionProperties};
use tests::{Api, Options, Servers, System, eventually};

use crate::support::{PATIENCE, audited, complete, downloaded, vantage};

const QUEUES: [&str; 3] = ["export-worker.steps", "erasure-worker.steps", "audit-sink.events"];

/// Rows enough for a job of several steps that takes a while.
const ROWS: u64 = 60_000;

fn options() -> Options {
    Options { whole_export_rows: 1_000, part_rows: 10_000, ..Options::default() }
}

async fn channel(system: &System) -> lapin::Channel {
    let url = system.servers.amqp_vhost(&system.vhost);
    let connection = Connection::connect(&url, ConnectionProperties::default()).await.unwrap();
    let channel = connection.create_channel().await.unwrap();
    // The channel must outlive this function; the test's end closes it.
    std::mem::forget(connection);
    channel
}

async fn depth(channel: &lapin::Channel, queue: &str) -> u32 {
    let passive = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
    channel.queue_declare(queue.into(), passive, FieldTable::default()).await.unwrap().message_count()
}

/// Waits until a step that reads rows is running.
async fn in_the_middle(api: &Api, job: uuid::Uuid) {
    eventually(PATIENCE, "a collection is being read", || async {
        let Ok(job) = api.job(job).await else {
            return Ok(None);
        };
        let running =
            job.steps.iter().any(|step| step.kind == "export_collection" && step.state == "running");
        anyhow::ensure!(job.summary.state != "completed", "the job ended before it could be disturbed");
        Ok(running.then_some(()))
    })
    .await
    .unwrap();
}

/// The job ends well, its archive is whole, and every version is audited once.
async fn ends_well(
    system: &System,
    api: &Api,
    job: uuid::Uuid,
    organisation: &sample::SeededOrganisation,
) -> JobView {
    let job = api.wait(job, &["completed", "failed"], PATIENCE).await.unwrap();
    assert_eq!(job.summary.state, "completed", "{:?}", job.failure);
    let mut archive = downloaded(api, job.summary.id).await;
    complete(&mut archive, organisation);
    audited(system, &job).await;
    job
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_worker_loses_nothing() {
    let servers = Servers::shared().unwrap();
    let (database, seeded) = vantage(&servers.pg_url, &[ROWS, 300]).await;
    let mut system = System::start(servers, database, &options()).await.unwrap();
    let organisation = &seeded.organisations[0];
    let api = system.api(&organisation.id.to_string(), "owner").unwrap();
    let job = api.export("both").await.unwrap();
    in_the_middle(&api, job).await;
    system.process("export-worker").unwrap().kill().unwrap();
    system.spawn("export-worker").unwrap();
    let job = ends_well(&system, &api, job, organisation).await;
    let again = job.timeline.iter().filter(|entry| entry.action == "step.retrying").count();
    assert!(again > 0, "the killed attempt is in the timeline");
    // Nothing of the killed attempt is left beside the package.
    let kept = system.objects().unwrap();
    assert_eq!(kept.len(), 1, "{kept:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_broker_loses_nothing() {
    let directory = tempfile::Builder::new().prefix("lethe-faults-").tempdir_in("/var/tmp").unwrap();
    let servers = Servers::start(directory.path()).unwrap();
    let (database, seeded) = vantage(&servers.pg_url, &[ROWS, 300]).await;
    let system = System::start(servers, database, &options()).await.unwrap();
    let organisation = &seeded.organisations[0];
    let api = system.api(&organisation.id.to_string(), "owner").unwrap();
    let job = api.export("json").await.unwrap();
    in_the_middle(&api, job).await;
    system.servers.command("kill-broker").unwrap();
    // The API accepts requests while the broker is away: they wait in the outbox.
    let second = api.export("csv").await.unwrap();
    system.servers.command("start-broker").unwrap();
    ends_well(&system, &api, job, organisation).await;
    ends_well(&system, &api, second, organisation).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn purged_queues_lose_nothing() {
    let servers = Servers::shared().unwrap();
    let (database, seeded) = vantage(&servers.pg_url, &[ROWS, 300]).await;
    let mut system = System::start(servers, database, &options()).await.unwrap();
    let organisation = &seeded.organisations[0];
    let api = system.api(&organisation.id.to_string(), "owner").unwrap();
    let channel = channel(&system).await;
    // With nobody consuming, both the announcement and the audit events lie in their queues.
    for service in ["export-worker", "audit-sink"] {
        system.process(service).unwrap().kill().unwrap();
    }
    let job = api.export("json").await.unwrap();
    for queue in ["export-worker.steps", "audit-sink.events"] {
        eventually(PATIENCE, "the message is in its queue", || async {
            Ok((depth(&channel, queue).await > 0).then_some(()))
        })
        .await
        .unwrap();
        let purged = channel.queue_purge(queue.into(), QueuePurgeOptions::default()).await.unwrap();
        assert!(purged > 0, "{queue}");
    }
    for service in ["export-worker", "audit-sink"] {
        system.spawn(service).unwrap();
    }
    ends_well(&system, &api, job, organisation).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_delivered_twice_take_effect_once() {
    let servers = Servers::shared().unwrap();
    let (database, seeded) = vantage(&servers.pg_url, &[5_000, 300]).await;
    let system = System::start(servers, database, &Options { lease: "60s", ..options() }).await.unwrap();
    let organisation = &seeded.organisations[0];
    let api = system.api(&organisation.id.to_string(), "owner").unwrap();
    // Published rows are marked unpublished over and over: the relay sends every message again.
    let again = async {
        loop {
            let sql = "UPDATE outbox SET published_at = NULL WHERE published_at IS NOT NULL";
            system.control.client.execute(sql, &[]).await.unwrap();
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    let work = async {
        let job = api.export("both").await.unwrap();
        ends_well(&system, &api, job, organisation).await
    };
    let job = tokio::select! {
        job = work => job,
        () = again => unreachable!("it never ends"),
    };
    assert!(
        job.steps.iter().all(|step| step.attempts == 1),
        "a doubled message started a step twice: {:?}",
        job.steps
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn garbage_is_set_aside_with_a_reason_and_disturbs_nobody() {
    const GARBAGE: u32 = 10_000;
    let servers = Servers::shared().unwrap();
    let (database, seeded) = vantage(&servers.pg_url, &[300]).await;
    let mut system = System::start(servers, database, &options()).await.unwrap();
    let channel = channel(&system).await;
    for queue in QUEUES {
        for number in 0..GARBAGE {
            let body = match number % 4 {
                0 => Vec::new(),
                1 => b"garbage".to_vec(),
                2 => vec![0x81, 0xa1, 0x61, 0xc0],
                _ => number.to_be_bytes().repeat(50),
            };
            let options = BasicPublishOptions::default();
            let properties = BasicProperties::default().with_delivery_mode(2);
            drop(channel.basic_publish("".into(), queue.into(), options, &body, properties).await.unwrap());
        }
    }
    for queue in QUEUES {
        let dead = format!("{queue}.dead-letter");
        eventually(PATIENCE * 3, &format!("all garbage of {queue} is set aside"), || async {
            Ok((depth(&channel, &dead).await == GARBAGE).then_some(()))
        })
        .await
        .unwrap();
        let letter = channel
            .basic_get(dead.as_str().into(), lapin::options::BasicGetOptions::default())
            .await
            .unwrap()
            .unwrap();
        let headers = letter.properties.headers().clone().unwrap();
        let reason = match headers.inner().get("x-lethe-reason") {
            Some(AMQPValue::LongString(reason)) => String::from_utf8_lossy(reason.as_bytes()).into_owned(),
            other => panic!("{queue}: a dead letter without a reason: {other:?}"),
        };
        assert!(reason.contains("not a message"), "{queue}: {reason}");
        assert!(depth(&channel, queue).await == 0);
    }
    for service in tests::SERVICES {
        assert!(system.process(service).unwrap().runs().unwrap(), "{service} died of garbage");
        system.ready(service).await.unwrap();
    }
    let organisation = &seeded.organisations[0];
    let api = system.api(&organisation.id.to_string(), "owner").unwrap();
    let job = api.export("both").await.unwrap();
    ends_well(&system, &api, job, organisation).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_export_stops_and_stays_cancelled() {
    let servers = Servers::shared().unwrap();
    let (database, seeded) = vantage(&servers.pg_url, &[ROWS]).await;
    let system = System::start(servers, database, &options()).await.unwrap();
    let api = system.api(&seeded.organisations[0].id.to_string(), "owner").unwrap();
    let job = api.export("both").await.unwrap();
    in_the_middle(&api, job).await;
    let answer = api.send(reqwest::Method::POST, &format!("/jobs/{job}/cancel"), None).await.unwrap();
    assert_eq!(answer.status(), reqwest::StatusCode::ACCEPTED);
    let job = api.wait(job, &["cancelled"], PATIENCE).await.unwrap();
    // A worker that was at it finds out by its heartbeat and lets go.
    eventually(PATIENCE, "the worker has let go", || async {
        Ok(system.log("export-worker")?.contains("lost").then_some(()))
    })
    .await
    .unwrap();
    let after = api.job(job.summary.id).await.unwrap();
    assert_eq!((after.summary.state.as_str(), after.summary.version), ("cancelled", job.summary.version));
    assert!(after.package.is_none());
    audited(&system, &after).await;
}
