//! One round: some organisations are erased, or somebody in them, at once, while everybody writes.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::AtomicI64;
use std::time::SystemTime;

use rand::rngs::StdRng;
use rand::seq::SliceRandom as _;
use rand::{Rng as _, SeedableRng as _};
use serde_json::json;
use tests::eventually;
use tokio::sync::{Mutex, watch};
use tokio_postgres::Client;
use uuid::Uuid;

use super::book::{Book, PATIENCE, grown};
use super::holding::{self, Scope, person};
use super::oracle::Job;
use super::writer::{Places, Writer, Written, commit, connected, excused};

/// So many organisations are erased at once, or somebody in each.
pub const AT_ONCE: usize = 4;
/// So many connections write in short transactions.
const WRITERS: u64 = 2;

/// Who is erased.
pub struct Asked {
    pub organisation: i32,
    /// The account, and the address that it was made with.
    pub person: Option<(i64, String)>,
}

/// Chooses so many, half of them persons.
pub async fn choose(client: &Client, organisations: &[i32], random: &mut StdRng) -> Vec<Asked> {
    let mut shuffled = organisations.to_vec();
    shuffled.shuffle(random);
    let mut asked = Vec::new();
    for organisation in shuffled.into_iter().take(AT_ONCE) {
        let person = match random.random_bool(0.5) {
            true => person(client, organisation, random.random()).await,
            false => None,
        };
        asked.push(Asked { organisation, person });
    }
    asked
}

pub fn places(asked: &[Asked], organisations: &[i32], random: &mut StdRng) -> Arc<Places> {
    let erased: Vec<i32> = asked.iter().map(|asked| asked.organisation).collect();
    let others = organisations.iter().filter(|other| !erased.contains(other)).copied().collect();
    Arc::new(Places { erased, others, licence: AtomicI64::new(random.random_range(0..8)) })
}

/// Starts everybody who writes in short transactions.
pub fn writers(
    url: &str,
    places: &Arc<Places>,
    random: &mut StdRng,
    stop: &watch::Receiver<bool>,
) -> Vec<tokio::task::JoinHandle<Written>> {
    let one = |seed| {
        let writer =
            Writer { url: url.to_owned(), random: StdRng::seed_from_u64(seed), places: Arc::clone(places) };
        tokio::spawn(writer.run(stop.clone()))
    };
    (0..WRITERS).map(|_| one(random.random())).collect()
}

/// Asks for the erasures; the jobs.
pub async fn ask(book: &Book, asked: &[Asked]) -> anyhow::Result<BTreeSet<Uuid>> {
    let mut jobs = BTreeSet::new();
    for Asked { organisation, person } in asked {
        let (path, body) = match person {
            None => (
                "/delete",
                json!({"confirm_org_name": format!("Company {organisation}"), "delete_media": false, "grace_period_days": 0}),
            ),
            Some((_, email)) => {
                ("/subjects/erase", json!({"identity_type": "email", "identity_value": email}))
            }
        };
        let answer = holding::said(book.api(*organisation), path, body, Uuid::new_v4()).await?;
        let id: Uuid = answer["id"].as_str().unwrap_or_default().parse()?;
        let person = person.as_ref().map(|(account, _)| *account);
        let job = Job { id, organisation: *organisation, person, deferred: false };
        book.known.lock().await.jobs.insert(id, job);
        jobs.insert(id);
    }
    Ok(jobs)
}

/// A transaction that has begun before anybody asked, and that ends while rows are planned, when so many
/// batches are done, or when somebody waits for it.
pub struct Slow {
    client: Client,
    batches: i64,
}

impl Slow {
    pub async fn begin(url: &str, organisation: i32, random: &mut StdRng) -> Option<Self> {
        let mut client = None;
        connected(&mut client, url).await?.batch_execute("BEGIN").await.ok()?;
        let client = client?;
        let erased = vec![organisation];
        let places = Arc::new(Places { erased, others: Vec::new(), licence: AtomicI64::new(0) });
        let (seed, rows) = (random.random(), random.random_range(1..4));
        let mut writer = Writer { url: url.to_owned(), random: StdRng::seed_from_u64(seed), places };
        for _ in 0..rows {
            let table = ["message", "visit", "token", "orders", "comment"][random.random_range(0..5)];
            if let Err(error) = writer.insert(&client, organisation, table, false).await {
                excused(&error);
                return None;
            }
        }
        Some(Self { client, batches: random.random_range(0..30) })
    }

    /// Ends it; its id and when that was answered.
    pub async fn end(self, book: &Book, ended: &watch::Receiver<bool>) -> Option<(String, SystemTime)> {
        let waits = "SELECT EXISTS (SELECT FROM job_steps WHERE kind = 'verify_erasure' AND state IN ('running', 'due') \
                                    AND failure_code = 'transactions_open')";
        let due = "SELECT (SELECT count(*) FROM lethe.journal j WHERE j.at > s.xact_start) >= $1 \
                       OR EXISTS (SELECT FROM pg_locks l WHERE NOT l.granted AND s.pid = ANY (pg_blocking_pids(l.pid))) \
                   FROM pg_stat_activity s WHERE s.pid = $2";
        let pid: i32 = self.client.query_one("SELECT pg_backend_pid()", &[]).await.ok()?.get(0);
        let clients = Mutex::new((None, None));
        let waiting = eventually(PATIENCE, "a transaction is waited for", || async {
            if *ended.borrow() || self.client.is_closed() {
                return Ok(Some(()));
            }
            let (control, subjects) = &mut *clients.lock().await;
            let Some(control) = connected(control, &book.urls.0).await else { return Ok(None) };
            let Some(subjects) = connected(subjects, &book.urls.1).await else { return Ok(None) };
            let waited = control.query_one(waits, &[]).await.is_ok_and(|row| row.get(0));
            let due = subjects.query_one(due, &[&self.batches, &pid]).await;
            Ok((waited || due.is_ok_and(|row| row.get(0))).then_some(()))
        });
        waiting.await.ok()?;
        let xid = commit(&self.client).await.ok()?;
        Some((xid, SystemTime::now()))
    }
}

/// Places holds at random points of the erasures, and releases some of them before these have ended.
pub async fn holding(
    book: &Book,
    (asked, mut random): (&[Asked], StdRng),
    count: u32,
    ended: &watch::Receiver<bool>,
) -> anyhow::Result<u64> {
    let (url, client) = (&book.urls.1, &mut None);
    let mut placed = 0;
    for _ in 0..count {
        if !grown(url, random.random_range(0..40), ended).await? {
            break;
        }
        let organisation = asked[random.random_range(0..asked.len())].organisation;
        let Some(open) = connected(client, url).await else { continue };
        let Some(scope) = Scope::choose(open, organisation, &mut random).await else { continue };
        let hold = book.place(organisation, scope).await?;
        placed += 1;
        if random.random_bool(0.3) && grown(url, random.random_range(0..20), ended).await? {
            book.release(&hold).await?;
        }
    }
    Ok(placed)
}
