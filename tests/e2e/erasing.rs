//! Erasures of the sample company, and what must hold after each of them whatever has happened meanwhile.
//!
//! The company seeded twice is the same to the last byte, and so is what erasing makes of it: pseudonyms
//! depend on the organisation, its key and the value alone. So a run that was disturbed is held against
//! one that was not.
#![expect(clippy::indexing_slicing, reason = "a test ends with a panic that says why")]

use std::collections::BTreeMap;

use contracts::http::JobView;
use testkit::Provider;
use tests::{Api, Database, Options, Servers, System, eventually};
use tokio_postgres::Client;
use uuid::Uuid;

use crate::support::{PATIENCE, audited, vantage};

const TABLES: [&str; 13] = [
    "organisations",
    "users",
    "memberships",
    "userDevices",
    "conversations",
    "messages",
    "media_assets",
    "contents",
    "schedules",
    "metrics",
    "logs",
    "oauth_tokens",
    "safety_events",
];

/// A trigger on every table that writes down each row that is changed or deleted, in the transaction
/// that does it: what is rolled back was never noted. It is not counted among what the transaction wrote:
/// a trigger that writes elsewhere would have the erasure refused.
const WITNESS: &str = r"
CREATE SCHEMA witness;
CREATE TABLE witness.changes (relation text NOT NULL, key text NOT NULL, operation text NOT NULL);
CREATE FUNCTION witness.note() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog SET track_counts = off AS $$
DECLARE
    key text;
BEGIN
    EXECUTE format('SELECT concat_ws(''/'', %s)', TG_ARGV[0]) INTO key USING OLD;
    INSERT INTO witness.changes VALUES (TG_TABLE_NAME, key, TG_OP);
    RETURN NULL;
END $$;
DO $$
DECLARE
    found regclass;
    key text;
BEGIN
    FOR found, key IN
        SELECT indrelid, string_agg(format('($1).%I', attname), ', ' ORDER BY attnum)
        FROM pg_index JOIN pg_attribute ON attrelid = indrelid AND attnum = ANY (indkey)
        WHERE indisprimary AND indrelid IN (SELECT oid FROM pg_class WHERE relnamespace = 'public'::regnamespace)
        GROUP BY indrelid
    LOOP
        EXECUTE format('CREATE TRIGGER witness AFTER UPDATE OR DELETE ON %s
                        FOR EACH ROW EXECUTE FUNCTION witness.note(%L)', found, key);
    END LOOP;
END $$";

/// The sample company with a witness, and its organisations in the order in which they are erased.
pub struct Company {
    pub database: Database,
    pub organisations: Vec<Organisation>,
    /// Where every token is revoked.
    pub provider: Provider,
}

/// Who is to be erased, by the name that its owner types.
#[derive(Debug, Clone)]
pub struct Organisation {
    pub id: Uuid,
    pub name: String,
}

impl Company {
    /// So many organisations of so many rows each.
    pub async fn new(pg_url: &str, organisations: usize, rows: u64) -> Self {
        let (database, seeded) = vantage(pg_url, &vec![rows; organisations]).await;
        database.client.batch_execute(WITNESS).await.unwrap();
        let mut found = Vec::new();
        for organisation in &seeded.organisations {
            let sql = "SELECT name::text FROM organisations WHERE id = $1";
            let name = database.client.query_one(sql, &[&organisation.id]).await.unwrap().get(0);
            found.push(Organisation { id: organisation.id, name });
        }
        Self { database, organisations: found, provider: Provider::start().await }
    }

    /// Small batches and small steps, so that there is much to be disturbed, and a lease that lapses soon.
    pub fn options(&self) -> Options {
        let providers = ["calendar", "drive", "crm", "mail"];
        Options {
            data_map: sample::DATA_MAP.replace("      erase: ", "      triggers: [witness]\n      erase: "),
            batch_rows: 50,
            step_rows: 500,
            providers: providers.map(|name| (name.to_owned(), self.provider.endpoint())).into(),
            lease: "1s",
            max_attempts: 1_000,
            ..Options::default()
        }
    }
}

/// All that an erasure leaves in the subject store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Left {
    /// A digest of the rows of each table and organisation.
    pub digests: BTreeMap<String, Option<String>>,
    /// A digest of all changes since the beginning, and how many there were.
    pub changes: (Option<String>, i64),
    /// The batches in the journal, and their rows.
    pub journal: (i64, i64),
}

impl Left {
    pub async fn of(client: &Client, organisations: &[Organisation]) -> Self {
        let mut digests = BTreeMap::new();
        for table in TABLES {
            let from = sample::rows_of_organisation(table).unwrap();
            // When an organisation was marked differs from run to run.
            let row = match table {
                "organisations" => {
                    "(to_jsonb(t) - 'deleted_at' || jsonb_build_object('marked', t.deleted_at IS NOT NULL))::text"
                }
                _ => "t::text",
            };
            for Organisation { id, .. } in organisations {
                let sql = format!("SELECT md5(string_agg({row}, '|' ORDER BY {row})) {from}");
                let digest = client.query_one(&sql, &[id]).await.unwrap().get(0);
                digests.insert(format!("{table} of {id}"), digest);
            }
        }
        let sql = "SELECT md5(string_agg(c::text, '|' ORDER BY c::text)), count(*) FROM witness.changes c";
        let changes = client.query_one(sql, &[]).await.unwrap();
        let sql = "SELECT count(*), coalesce(sum(rows), 0)::int8 FROM lethe.journal";
        let journal = client.query_one(sql, &[]).await.unwrap();
        Self { digests, changes: (changes.get(0), changes.get(1)), journal: (journal.get(0), journal.get(1)) }
    }

    /// Whether the organisations from `untouched` on are as they were.
    pub fn spares(&self, before: &Self, untouched: &[Organisation]) {
        let of = |left: &Self, id: Uuid| -> Vec<_> {
            left.digests.iter().filter(|(name, _)| name.ends_with(&id.to_string())).map(clone).collect()
        };
        for Organisation { id, .. } in untouched {
            assert_eq!(of(self, *id), of(before, *id), "an organisation changed that nobody erased");
        }
    }
}

fn clone((name, digest): (&String, &Option<String>)) -> (String, Option<String>) {
    (name.clone(), digest.clone())
}

/// A caller that owns this organisation.
pub fn owner(system: &System, organisation: &Organisation) -> Api {
    system.api(&organisation.id.to_string(), "owner").unwrap()
}

/// Asks for an erasure as soon as there is somebody to ask.
pub async fn asked(api: &Api, organisation: &Organisation) -> Uuid {
    eventually(PATIENCE, "an erasure is accepted", || async { Ok(api.erase(&organisation.name).await.ok()) })
        .await
        .unwrap()
}

/// Erases one organisation after the other with nobody in the way; what each erasure leaves.
pub async fn undisturbed(servers: &Servers, organisations: usize, erased: usize, rows: u64) -> Vec<Left> {
    let company = Company::new(&servers.pg_url, organisations, rows).await;
    // Nobody loses a lease here, however slow the machine is.
    let options = Options { lease: "60s", ..company.options() };
    let system = System::start(servers.lent(), company.database, &options).await.unwrap();
    let mut left = vec![Left::of(&system.subjects.client, &company.organisations).await];
    for organisation in &company.organisations[..erased] {
        let api = owner(&system, organisation);
        let job = asked(&api, organisation).await;
        let job = ended_well(&system, &api, job).await;
        assert!(job.steps.iter().all(|step| step.attempts == 1), "somebody was in the way: {:?}", job.steps);
        left.push(Left::of(&system.subjects.client, &company.organisations).await);
    }
    left
}

/// The job completes; job, steps, audit log, journal and witness agree on its rows; each row was changed once;
/// every version is audited once; nothing waits to be sent.
pub async fn ended_well(system: &System, api: &Api, job: Uuid) -> JobView {
    let job = ended(system, api, job).await;
    assert_eq!(job.summary.state, "completed", "{:?}", job.failure);
    let (id, subjects, control) = (job.summary.id, &system.subjects.client, &system.control);
    let sql = "SELECT coalesce(sum(rows), 0)::int8 FROM lethe.journal WHERE job_id = $1 AND step_no > 1";
    let journalled: i64 = subjects.query_one(sql, &[&id]).await.unwrap().get(0);
    let sql = "SELECT sum((result ->> 'rows')::int8)::int8 FROM job_steps \
               WHERE job_id = $1 AND kind = 'erase_rows'";
    let reported: i64 = control.client.query_one(sql, &[&id]).await.unwrap().get(0);
    assert_eq!((job.progress.rows_done, reported), (journalled, journalled), "job, steps and journal");
    audited(system, &job).await;
    let sql = "SELECT coalesce(sum(rows), 0)::int8 FROM audit_logs WHERE job_id = $1";
    let logged: i64 = control.client.query_one(sql, &[&id]).await.unwrap().get(0);
    assert_eq!(logged, journalled, "the audit log and the journal");
    let sql = "SELECT (SELECT count(*) FROM witness.changes) - sum(rows)::int8 FROM lethe.journal";
    assert_eq!(system.subjects.number(sql).await.unwrap(), 0, "every change is in the journal, once");
    // The organisation's own row is marked before it is erased.
    let sql = "SELECT coalesce(max(n - (relation = 'organisations')::int), 0) FROM \
               (SELECT relation, count(*) n FROM witness.changes GROUP BY relation, key) c";
    assert_eq!(system.subjects.number(sql).await.unwrap(), 1, "each row was changed once");
    let sending = eventually(PATIENCE, "nothing waits to be sent", || async {
        let waiting = control.number("SELECT count(*) FROM outbox WHERE published_at IS NULL").await?;
        Ok((waiting == 0).then_some(()))
    });
    told(system, sending.await).await;
    let sql = "SELECT count(*) FROM outbox o FULL JOIN audit_logs a USING (event_id) \
               WHERE o.event_id IS NULL AND a.job_id IS NOT NULL \
                  OR a.event_id IS NULL AND o.kind = 'audit.event'";
    let keeping = eventually(PATIENCE, "every event that was sent is in the audit log", || async {
        Ok((control.number(sql).await? == 0).then_some(()))
    });
    told(system, keeping.await).await;
    job
}

/// The job once it has ended, well or not.
pub async fn ended(system: &System, api: &Api, job: Uuid) -> JobView {
    told(system, api.wait(job, &["completed", "failed"], PATIENCE * 3).await).await
}

/// How many batches of a job the journal has, and whether the job has ended. Over connections of its
/// own, since the servers may have been killed.
pub async fn seen(system: &System, job: Uuid) -> anyhow::Result<(i64, bool)> {
    let sql = "SELECT count(*) FROM lethe.journal WHERE job_id = $1";
    let batches = system.subjects.connect().await?.query_one(sql, &[&job]).await?.try_get(0)?;
    let sql = "SELECT ended_at IS NOT NULL FROM privacy_jobs WHERE id = $1";
    let ended = system.control.connect().await?.query_one(sql, &[&job]).await?.try_get(0)?;
    Ok((batches, ended))
}

/// Waits until the journal has so many batches of a job; false when the job ended before.
pub async fn reached(system: &System, job: Uuid, batches: i64) -> bool {
    let reached = eventually(PATIENCE * 3, "the erasure goes on", || async {
        let Ok((done, ended)) = seen(system, job).await else {
            return Ok(None);
        };
        Ok(if ended { Some(false) } else { (done >= batches).then_some(true) })
    });
    told(system, reached.await).await
}

/// What came, or a panic that also says what the system is at.
pub async fn told<T>(system: &System, came: anyhow::Result<T>) -> T {
    match came {
        Ok(came) => came,
        Err(error) => panic!("{error:#}\n{}", system.situation().await),
    }
}
