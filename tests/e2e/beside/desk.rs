//! The company whose rows are erased while others write, round by round, and what is known of it from one to
//! the next.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Instant, SystemTime};

use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use tests::{Database, Options, Process, Servers, System};
use tokio::sync::{Mutex, watch};
use uuid::Uuid;

use super::book::{Book, Known};
use super::faults::{self, Faults};
use super::holding::{self, Hold, Scope};
use super::oracle::{self, About};
use super::round::{self, Slow};
use super::writer::Written;
use crate::erasing::told;
use crate::erasure_kills::say;
use crate::support::audited;

const SCHEMA: &str = include_str!("schema.sql");
const MAP: &str = include_str!("map.yaml");
const LEDGER: &str = include_str!("ledger.sql");

/// Roles belong to the server, where tests meet.
const ROLES: &str = "
SELECT pg_advisory_lock(77);
DO $$ DECLARE wanted text; BEGIN
    FOREACH wanted IN ARRAY ARRAY['desk_writer', 'desk_reader', 'desk_eraser'] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = wanted) THEN EXECUTE format('CREATE ROLE %I LOGIN', wanted); END IF;
    END LOOP;
END $$;
SELECT pg_advisory_unlock(77);
GRANT USAGE ON SCHEMA public TO desk_writer, desk_reader, desk_eraser;
GRANT USAGE ON SCHEMA beside TO desk_writer;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO desk_writer;
GRANT SELECT, INSERT ON ALL TABLES IN SCHEMA beside TO desk_writer;
GRANT SELECT ON ALL TABLES IN SCHEMA public TO desk_reader;
GRANT SELECT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO desk_eraser;
GRANT INSERT ON beside.committed TO desk_writer;";

/// People of each organisation, who have ten rows each.
const PEOPLE: [i32; 6] = [30, 60, 90, 120, 180, 300];
#[derive(Debug, Default)]
pub struct Figures {
    pub erasures: u64,
    pub further: u64,
    pub passes: u64,
    pub holds: u64,
    pub kills: u64,
    pub suspensions: u64,
    pub written: usize,
    pub given_up: u64,
    pub rows: i64,
}

/// The company, its system, and what is known of both from one round to the next.
pub struct Desk {
    pub system: System,
    another: Option<Process>,
    seed: u64,
    random: StdRng,
    harmed: bool,
    pub known: Known,
    pub figures: Figures,
}

impl Desk {
    pub async fn open(servers: Servers, seed: u64, harmed: bool) -> Self {
        let database = Database::create(&servers.pg_url, "desk").await.unwrap();
        database.client.batch_execute(SCHEMA).await.unwrap();
        database.client.batch_execute(LEDGER).await.unwrap();
        database.client.batch_execute(ROLES).await.unwrap();
        for (organisation, people) in (1..).zip(PEOPLE) {
            database.client.execute("SELECT beside.seed($1, $2)", &[&organisation, &people]).await.unwrap();
        }
        database.client.batch_execute("SELECT beside.keep(); ANALYZE").await.unwrap();
        let options = Options {
            data_map: MAP.to_owned(),
            store: "desk".to_owned(),
            reader: Some("desk_reader".to_owned()),
            eraser: Some("desk_eraser".to_owned()),
            batch_rows: 50,
            step_rows: 500,
            lease: if harmed { "1s" } else { "10s" },
            max_attempts: 1_000,
            ..Options::default()
        };
        let system = System::start(servers, database, &options).await.unwrap();
        let another = match harmed {
            true => Some(system.start_another("erasure-worker", 2, &[]).await.unwrap()),
            false => None,
        };
        let (random, known) = (StdRng::seed_from_u64(seed), Known::default());
        Self { system, another, seed, random, harmed, known, figures: Figures::default() }
    }

    /// The callers and addresses of one round, with all that is known.
    pub fn book(&mut self) -> Book {
        let organisations = 1..=i32::try_from(PEOPLE.len()).unwrap();
        let api = |organisation: i32| self.system.api(&organisation.to_string(), "owner").unwrap();
        let apis =
            organisations.map(|organisation| (organisation, api(organisation))).collect::<BTreeMap<_, _>>();
        let urls = (self.system.control.url.clone(), self.system.subjects.url.clone());
        Book { apis, urls, known: Mutex::new(std::mem::take(&mut self.known)) }
    }

    pub async fn round(&mut self) {
        let began = Instant::now();
        let organisations: Vec<i32> = (1..).take(PEOPLE.len()).collect();
        let client = self.system.subjects.connect().await.unwrap();
        let since: i64 =
            client.query_one("SELECT coalesce(max(seq), 0) FROM beside.ledger", &[]).await.unwrap().get(0);
        let asked = round::choose(&client, &organisations, &mut self.random).await;
        let places = round::places(&asked, &organisations, &mut self.random);
        let book = self.book();
        let before: BTreeSet<Uuid> = book.known.lock().await.jobs.keys().copied().collect();
        for _ in 0..self.random.random_range(0..3) {
            let organisation = asked[self.random.random_range(0..asked.len())].organisation;
            if let Some(scope) = Scope::choose(&client, organisation, &mut self.random).await {
                book.place(organisation, scope).await.unwrap();
                self.figures.holds += 1;
            }
        }
        let (stop, stopped) = watch::channel(false);
        let writer = self.system.subjects.url_as("desk_writer").unwrap();
        let slow = match self.random.random_bool(0.3) {
            true => Slow::begin(&writer, asked[0].organisation, &mut self.random).await,
            false => None,
        };
        let writers = round::writers(&writer, &places, &mut self.random, &stopped);
        let came = self.erase(&book, &asked, slow).await;
        stop.send(true).unwrap();
        let mut written = Vec::new();
        for writer in writers {
            written.push(writer.await.unwrap());
        }
        let (mains, late) = told(&self.system, came).await;
        self.note(written, late).await;
        self.release_some(&book).await;
        let known = book.known.lock().await;
        let jobs: BTreeSet<Uuid> = known.jobs.keys().filter(|id| !before.contains(id)).copied().collect();
        drop(known);
        let wrong = self.judge(&book, (since, &jobs)).await.unwrap();
        self.known = book.known.into_inner();
        self.figures.erasures += u64::try_from(mains.len()).unwrap();
        self.figures.further += u64::try_from(jobs.len() - mains.len()).unwrap();
        self.complain(&wrong).await;
        say(&format!("seed {}, after {} s: {:?}", self.seed, began.elapsed().as_secs(), self.figures));
    }

    /// Asks for everything at once and goes on until everything has ended, in whose way holds, a slow
    /// transaction and faults are. The jobs, and when that transaction ended.
    async fn erase(
        &mut self,
        book: &Book,
        asked: &[round::Asked],
        slow: Option<Slow>,
    ) -> anyhow::Result<(BTreeSet<Uuid>, Option<(String, SystemTime)>)> {
        let jobs = round::ask(book, asked).await?;
        let (ended, ends) = watch::channel(false);
        let holds = self.random.random_range(1..5);
        let holder = round::holding(book, (asked, StdRng::seed_from_u64(self.random.random())), holds, &ends);
        let going = async {
            let came = book.until_ended().await;
            ended.send(true).ok();
            came
        };
        let slow = async {
            match slow {
                Some(slow) => slow.end(book, &ends).await,
                None => None,
            }
        };
        let faults = if self.harmed { self.random.random_range(1..6) } else { 0 };
        let (system, another) = (&mut self.system, &mut self.another);
        let disturbing = async {
            match faults {
                0 => Ok(Faults::default()),
                count => faults::disturb((system, another), &mut self.random, count, &ends).await,
            }
        };
        let (came, placed, late, done) = tokio::join!(going, holder, slow, disturbing);
        let done = done?;
        if self.harmed {
            faults::over(&mut self.system).await?;
        }
        came?;
        self.figures.holds += placed?;
        self.figures.kills += done.kills;
        self.figures.suspensions += done.suspensions;
        // A hold that was placed when everything had ended may have been released since.
        book.until_ended().await?;
        Ok((jobs, late))
    }

    /// Keeps when the transactions of writers were known to have ended.
    async fn note(&mut self, written: Vec<Written>, late: Option<(String, SystemTime)>) {
        let mut all: Vec<_> = late.into_iter().collect();
        for Written { committed, given_up } in written {
            all.extend(committed);
            self.figures.given_up += given_up;
        }
        self.figures.written += all.len();
        let (ids, times): (Vec<String>, Vec<SystemTime>) = all.into_iter().unzip();
        let sql = "INSERT INTO beside.committed SELECT i::xid8, t FROM unnest($1::text[], $2::timestamptz[]) u (i, t)";
        self.system.subjects.client.execute(sql, &[&ids, &times]).await.unwrap();
    }

    /// Releases some holds when everything has ended: what they kept is erased now.
    async fn release_some(&mut self, book: &Book) {
        let holds = book.known.lock().await.holds.clone();
        for hold in holds {
            if self.random.random_bool(0.6) {
                book.release(&hold).await.unwrap();
            }
        }
        let came = book.until_ended().await;
        told(&self.system, came).await;
    }

    /// What is wrong, now that nobody writes.
    async fn judge(
        &mut self,
        book: &Book,
        (since, jobs): (i64, &BTreeSet<Uuid>),
    ) -> anyhow::Result<Vec<String>> {
        let views = book.views(jobs).await?;
        let mut known = book.known.lock().await;
        let mut wrong = std::mem::take(&mut known.wrong);
        for hold in &known.holds {
            wrong.extend(holding::broken(&self.system.subjects.client, hold).await?);
        }
        let all: Vec<oracle::Job> = views.iter().map(|(job, _)| job.clone()).collect();
        let touched = oracle::touched(&self.system.subjects.client, since, &all, &mut wrong).await?;
        for (job, view) in &views {
            audited(&self.system, view).await;
            if view.summary.state == "completed" {
                oracle::truthful(&self.system, (job, view), &about(&known, job), &mut wrong).await?;
            }
        }
        self.figures.rows += oracle::counted(&self.system, &views, &touched, &mut wrong).await?;
        let passes = jobs.iter().filter_map(|job| known.passes.get(job));
        self.figures.passes += u64::from(passes.sum::<u32>());
        self.system.subjects.client.batch_execute("SELECT beside.keep()").await?;
        Ok(wrong)
    }

    /// Releases what is still held, and looks for the last time.
    pub async fn end(&mut self) {
        let book = self.book();
        let sql = "SELECT coalesce(max(seq), 0) FROM beside.ledger";
        let since: i64 = self.system.subjects.client.query_one(sql, &[]).await.unwrap().get(0);
        let before: BTreeSet<Uuid> = book.known.lock().await.jobs.keys().copied().collect();
        for organisation in (1..).take(PEOPLE.len()) {
            book.release_all(organisation).await.unwrap();
        }
        let came = book.until_ended().await;
        told(&self.system, came).await;
        let jobs: BTreeSet<Uuid> = book.known.lock().await.jobs.keys().copied().collect();
        let jobs = jobs.difference(&before).copied().collect();
        let wrong = self.judge(&book, (since, &jobs)).await.unwrap();
        self.known = book.known.into_inner();
        self.figures.further += u64::try_from(jobs.len()).unwrap();
        self.complain(&wrong).await;
    }

    async fn complain(&self, wrong: &[String]) {
        if !wrong.is_empty() {
            let (count, situation) = (wrong.len(), self.system.situation().await);
            panic!("seed {}: {count} violations\n{}\n{situation}", self.seed, wrong.join("\n"));
        }
    }
}

/// What a job is about, and the holds that may keep rows of it: those in effect, and those after whose release
/// another job went on with what this one had left.
fn about<'k>(known: &'k Known, job: &oracle::Job) -> About<'k> {
    let went_on = |hold: &&Hold| {
        let mut of = known.of.values();
        of.any(|(first, released)| *first == job.id && *released == hold.id)
    };
    let holds = known.holds.iter().chain(known.released.values().filter(went_on)).cloned().collect();
    let (mut only, mut jobs) = (Vec::new(), vec![job.id]);
    let mut next = known.of.get(&job.id).filter(|_| job.deferred);
    while let Some((first, hold)) = next {
        only.extend(known.released.get(hold));
        jobs.push(*first);
        next = known.of.get(first);
    }
    About { holds, only, jobs }
}
