//! What the outbox holds, decoded, and a broker that lives in the test.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use contracts::{AuditEvent, Envelope, Message, StepDue, decode};
use domain::audit::Action;
use domain::id::{JobId, StepNo};
use store::{Appended, OutboxRow, Publish};
use uuid::Uuid;

use super::World;

/// A row of the outbox.
#[derive(Debug, Clone)]
pub struct Sent {
    pub event_id: Uuid,
    pub kind: String,
    pub routing_key: String,
    pub body: Vec<u8>,
    pub headers: BTreeMap<String, String>,
    pub published: bool,
}

impl Sent {
    pub fn audit(&self) -> Option<Envelope<AuditEvent>> {
        (self.kind == AuditEvent::KIND).then(|| decode(&self.body).unwrap())
    }

    pub fn step_due(&self) -> Option<Envelope<StepDue>> {
        (self.kind == StepDue::KIND).then(|| decode(&self.body).unwrap())
    }
}

impl World {
    /// The whole outbox in order.
    pub async fn outbox(&self) -> Vec<Sent> {
        let rows = self
            .admin
            .query(
                "SELECT event_id, kind, routing_key, body, headers, published_at IS NOT NULL FROM outbox ORDER BY seq",
                &[],
            )
            .await
            .unwrap();
        let sent = |row: &tokio_postgres::Row| Sent {
            event_id: row.get(0),
            kind: row.get(1),
            routing_key: row.get(2),
            body: row.get(3),
            headers: serde_json::from_value(row.get(4)).unwrap(),
            published: row.get(5),
        };
        rows.iter().map(sent).collect()
    }

    /// How often each step of the job was announced, by its number.
    pub async fn announced(&self, job: JobId) -> BTreeMap<i32, usize> {
        let mut times = BTreeMap::new();
        for due in self.outbox().await.iter().filter_map(Sent::step_due).filter(|due| due.body.job_id == job)
        {
            let StepNo(step) = due.body.step_no;
            *times.entry(step).or_default() += 1;
        }
        times
    }

    /// What the job's versions say happened, after checking the law of versions: they are 1 to n
    /// without a gap, n is the row's, and each has exactly one audit event.
    pub async fn history(&self, job: JobId) -> Vec<Action> {
        let events =
            self.outbox().await.into_iter().filter_map(|sent| sent.audit()).map(|envelope| envelope.body);
        let mut versions: Vec<(i64, Action)> = events
            .filter(|event| event.job_id == Some(job))
            .filter_map(|event| Some((event.job_version?, event.action)))
            .collect();
        versions.sort_unstable();
        let numbers: Vec<i64> = versions.iter().map(|(version, _)| *version).collect();
        let expected: Vec<i64> = (1..=self.job_facts(job).await.version).collect();
        assert_eq!(numbers, expected, "each version of {job} has one audit event");
        versions.into_iter().map(|(_, action)| action).collect()
    }

    /// Publishes everything there is and appends the audit events to the log.
    pub async fn deliver_audit(&self) -> Vec<Appended> {
        let mut collector = Collector::default();
        while self.api.relay(&mut collector, 100).await.unwrap().0 > 0 {}
        let rows = collector.rows();
        let events = rows.iter().filter(|row| row.kind == AuditEvent::KIND);
        let events: Vec<Uuid> = events.map(|row| row.event_id).collect();
        self.audit.append_audit(&events).await.unwrap()
    }
}

/// A broker that confirms everything and remembers it.
#[derive(Debug, Clone, Default)]
pub struct Collector(Arc<Mutex<Vec<OutboxRow>>>);

impl Collector {
    pub fn rows(&self) -> Vec<OutboxRow> {
        self.0.lock().unwrap().clone()
    }

    /// The ids of what was published, sorted, repetitions included.
    pub fn ids(&self) -> Vec<Uuid> {
        let mut ids: Vec<Uuid> = self.rows().iter().map(|row| row.event_id).collect();
        ids.sort_unstable();
        ids
    }

    pub fn keep(&self, rows: &[OutboxRow]) {
        self.0.lock().unwrap().extend_from_slice(rows);
    }
}

impl Publish for Collector {
    async fn publish(&mut self, rows: &[OutboxRow]) -> Vec<bool> {
        // Others get to run meanwhile, as they would while a broker writes.
        tokio::task::yield_now().await;
        self.keep(rows);
        vec![true; rows.len()]
    }
}
