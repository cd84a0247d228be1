//! What must be so once erasures have ended, asked of the databases by a superuser and held against the ledger
//! of those who wrote meanwhile.
//!
//! Every row has a history: who wrote it last when nobody wrote, and each transaction of a writer since, with
//! the transaction before it. Where a link is missing somebody else has written the row. That was an erasure,
//! and may have been no one else's row; how often it was is what journals and jobs have to say too.

use std::collections::{BTreeMap, BTreeSet};
use std::time::SystemTime;

use contracts::http::JobView;
use tests::System;
use tokio_postgres::Client;
use uuid::Uuid;

use super::holding::Hold;

/// An erasure that was asked for, or that came of a hold's release.
#[derive(Debug, Clone)]
pub struct Job {
    pub id: Uuid,
    pub organisation: i32,
    /// The account of the person whom it is about.
    pub person: Option<i64>,
    /// Whether it erases what an earlier one had to leave.
    pub deferred: bool,
}

/// Rows of a table of an organisation that somebody has written who is no writer: so many were changed or
/// deleted.
pub type Touched = BTreeMap<(String, i32), i64>;

/// Changes and deletions by somebody else since entry `$1` of the ledger, and rows that nobody can have made.
const TOUCHES: &str = "\
WITH entries AS (
    SELECT l.*, lag(l.x) OVER (PARTITION BY tab, id ORDER BY seq) AS previous,
           lead(l.seq) OVER (PARTITION BY tab, id ORDER BY seq) IS NULL AS is_last
    FROM beside.ledger l WHERE l.seq > $1),
ends AS (
    SELECT tab, id, e.op, coalesce(e.x, s.x) AS x, CASE WHEN e.op IS NULL THEN s.image ELSE e.after END AS image
    FROM (SELECT * FROM entries WHERE is_last) e FULL JOIN beside.state s USING (tab, id)),
touches AS (
    SELECT e.tab, e.id, 'changed' AS how FROM entries e LEFT JOIN beside.state s USING (tab, id)
    WHERE e.op <> 'insert' AND e.before_x <> coalesce(e.previous, s.x)
    UNION ALL
    SELECT tab, id, CASE WHEN r.id IS NULL THEN 'gone' WHEN e.id IS NULL THEN 'unknown' WHEN e.op = 'delete' THEN 'back'
                         WHEN r.x <> e.x THEN 'changed' ELSE 'other' END
    FROM ends e FULL JOIN beside.rows r USING (tab, id)
    WHERE (r.id IS NULL AND e.op IS DISTINCT FROM 'delete') OR e.id IS NULL OR (r.id IS NOT NULL AND e.op = 'delete')
       OR r.x <> e.x OR r.image <> e.image)
SELECT t.tab, w.org, w.account, t.how, count(*), min(t.id)
FROM touches t LEFT JOIN beside.whose w USING (tab, id) GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4";

/// What was touched; every row that no job of these is about is told.
pub async fn touched(
    client: &Client,
    since: i64,
    jobs: &[Job],
    wrong: &mut Vec<String>,
) -> anyhow::Result<Touched> {
    let mut touched = Touched::new();
    for row in client.query(TOUCHES, &[&since]).await? {
        let (table, how): (String, String) = (row.get(0), row.get(3));
        let (organisation, account): (Option<i32>, Option<i64>) = (row.get(1), row.get(2));
        let (count, first): (i64, i64) = (row.get(4), row.get(5));
        let ours = jobs.iter().any(|job| {
            Some(job.organisation) == organisation && job.person.is_none_or(|person| Some(person) == account)
        });
        if !ours || !["changed", "gone"].contains(&how.as_str()) {
            wrong.push(format!(
                "{table}: {count} rows of organisation {organisation:?}, account {account:?} are {how} that no job is \
                 about, the first of them {first}"
            ));
        }
        *touched.entry((table, organisation.unwrap_or_default())).or_default() += count;
    }
    Ok(touched)
}

/// Rows of organisation `$1`, or of account `$2` in it, that were there at the cutoff `$3`, and in which
/// something stands that a writer wrote: the row itself where it should have been deleted, or a value. What was
/// written by transactions that began after the cutoff and ended after `$4`, when the last look began, does
/// not count. With it: whether a hold may keep the row, and whether a row refers to it.
const STANDING: &str = "\
WITH scope AS (
    SELECT w.*, r.image, (#kept) AS kept,
           CASE w.tab WHEN 'session' THEN EXISTS (SELECT FROM public.token c WHERE c.session_id = w.id)
                      WHEN 'orders' THEN EXISTS (SELECT FROM public.order_line c WHERE c.order_id = w.id)
                                      OR EXISTS (SELECT FROM public.comment c WHERE c.order_id = w.id)
                      ELSE FALSE END
           -- Or did so when it was looked at.
           OR (w.tab = 'session' AND EXISTS (SELECT FROM beside.ledger l LEFT JOIN beside.committed c USING (xid)
               WHERE l.op = 'delete' AND l.before ->> 'session_id' = w.id::text AND coalesce(c.at >= $4, TRUE)))
           OR (w.tab = 'orders' AND EXISTS (SELECT FROM beside.ledger l LEFT JOIN beside.committed c USING (xid)
               WHERE l.op = 'delete' AND l.before ->> 'order_id' = w.id::text AND coalesce(c.at >= $4, TRUE)))
               AS referred
    FROM beside.whose w JOIN beside.rows r USING (tab, id)
    WHERE w.org = $1 AND ($2::int8 IS NULL OR w.account = $2) AND (#only)
      AND coalesce((r.image ->> 'created_at')::timestamptz <= $3, TRUE)),
standing AS (
    SELECT s.*, '' AS col, made.xid, made.began FROM scope s JOIN beside.deleted USING (tab)
    CROSS JOIN LATERAL (SELECT l.xid, l.began FROM beside.ledger l
                        WHERE l.tab = s.tab AND l.id = s.id AND l.op = 'insert') made
    UNION ALL
    SELECT s.*, p.col, made.xid, made.began FROM scope s JOIN beside.personal p USING (tab)
    CROSS JOIN LATERAL (SELECT l.xid, l.began FROM beside.ledger l
                        WHERE l.tab = s.tab AND l.id = s.id AND l.after ->> p.col = s.image ->> p.col
                          AND l.before ->> p.col IS DISTINCT FROM s.image ->> p.col ORDER BY l.seq DESC LIMIT 1) made)
SELECT s.tab, s.col, s.kept, s.referred, count(*), min(s.id), min(s.began), max(c.at)
FROM standing s LEFT JOIN beside.committed c USING (xid)
WHERE NOT (s.began > $3 AND coalesce(c.at >= $4, TRUE))
GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4";

/// The rows of a collection that jobs left because of holds that are in effect and were placed before hold `$3`.
const STILL_RETAINED: &str = "\
SELECT coalesce(sum(r.rows), 0)::int8 FROM job_retained r JOIN legal_holds h ON h.id = r.hold_id
WHERE r.job_id = ANY ($1) AND r.collection = $2 AND h.released_at IS NULL
  AND (h.placed_at, h.id) < (SELECT placed_at, id FROM legal_holds WHERE id = $3)";

/// The rows of a collection that these jobs, and the other runs after releases of what they left, have told as
/// referred to.
const REFERRED_ELSEWHERE: &str = "\
SELECT coalesce(sum((l.value ->> 'rows')::int8), 0)::int8
FROM privacy_jobs j JOIN job_steps s ON s.job_id = j.id CROSS JOIN jsonb_array_elements(s.result -> 'left') l
WHERE (j.id = ANY ($1) OR (j.request -> 'deferred' ->> 'job')::uuid = ANY ($1)) AND j.id <> $3
  AND s.kind = 'verify_erasure' AND s.state = 'completed' AND l.value ->> 'collection' = $2 AND l.value ->> 'why' = 'referred'";

/// What a job was about, beside its person.
pub struct About<'a> {
    /// The holds that may keep rows.
    pub holds: Vec<Hold>,
    /// Only the rows that each of these kept, after their releases.
    pub only: Vec<&'a Hold>,
    /// The job, the one that had left its rows to it, and so on back to the first.
    pub jobs: Vec<Uuid>,
}

/// Whether a job that says `completed` tells the truth.
pub async fn truthful(
    system: &System,
    (job, view): (&Job, &JobView),
    About { holds, only, jobs }: &About<'_>,
    wrong: &mut Vec<String>,
) -> anyhow::Result<()> {
    let control = &system.control.client;
    // What came of releases is about what the first job had found and left: what was written after its end is
    // nobody's matter.
    let sql = "SELECT j.cutoff, s.started_at, (SELECT result FROM job_steps WHERE job_id = $1 AND kind = 'verify_erasure' \
                                                AND state = 'completed' ORDER BY step_no DESC LIMIT 1) \
               FROM privacy_jobs j JOIN job_steps s ON s.job_id = j.id WHERE j.id = $2 AND s.kind = 'verify_erasure' \
               AND s.state = 'completed' ORDER BY s.step_no DESC LIMIT 1";
    let (first_job, earlier) = (jobs.last().copied().unwrap_or(job.id), jobs.get(1..).unwrap_or_default());
    let released = only.first().map_or_else(Uuid::nil, |hold| hold.id);
    let row = control.query_one(sql, &[&job.id, &first_job]).await?;
    let (cutoff, looked): (SystemTime, SystemTime) = (row.get(0), row.get(1));
    let result: serde_json::Value = row.get(2);
    let kept: Vec<String> = holds
        .iter()
        .filter(|hold| hold.organisation == job.organisation)
        .map(|hold| format!("({})", hold.scope.may_keep()))
        .collect();
    let kept = if kept.is_empty() { "FALSE".to_owned() } else { kept.join(" OR ") };
    let ours: Vec<String> = only.iter().map(|hold| format!("({})", hold.scope.may_keep())).collect();
    let ours = if ours.is_empty() { "TRUE".to_owned() } else { ours.join(" AND ") };
    let sql = STANDING.replace("#kept", &kept).replace("#only", &ours);
    let found =
        system.subjects.client.query(&sql, &[&job.organisation, &job.person, &cutoff, &looked]).await?;
    for row in found {
        let (table, column): (String, String) = (row.get(0), row.get(1));
        let (kept, referred): (bool, bool) = (row.get(2), row.get(3));
        let (count, first): (i64, i64) = (row.get(4), row.get(5));
        let (began, ended): (SystemTime, Option<SystemTime>) = (row.get(6), row.get(7));
        let collection = format!("desk.{table}");
        let retained = view.retained.iter().filter(|retained| retained.collection == collection);
        let retained: i64 = retained.map(|retained| retained.rows).sum();
        let left = |why: &str| {
            let all = result["left"].as_array().into_iter().flatten();
            let of = all.filter(|left| left["collection"] == collection.as_str() && left["why"] == why);
            of.filter_map(|left| left["rows"].as_i64()).sum::<i64>()
        };
        // What an earlier hold keeps too is left to the run after that one's release; an earlier job counts it.
        let before: i64 =
            control.query_one(STILL_RETAINED, &[&earlier, &collection, &released]).await?.get(0);
        // Each row is one run's matter: where several runs are about a collection, one tells of it.
        let elsewhere: i64 =
            control.query_one(REFERRED_ELSEWHERE, &[&earlier, &collection, &job.id]).await?.get(0);
        let reported = if kept {
            retained + left("referred") + before + elsewhere
        } else if referred {
            left("referred") + elsewhere
        } else {
            0
        };
        if count > reported {
            let ago = |time: SystemTime| time.duration_since(cutoff).map(|after| after.as_millis());
            wrong.push(format!(
                "{job:?} says completed, but {collection} {column}: {count} rows stand (held {kept}, referred {referred}), \
                 {reported} are reported; the first is {first}, its writer began {:?} ms after the cutoff and ended {:?}; the \
                 last look began {:?} ms after it; the result is {result}, retained {:?}; it is about {only:?} of {jobs:?}",
                ago(began), ended.map(ago), ago(looked), view.retained
            ));
        }
    }
    Ok(())
}

/// Whether jobs, their steps, journals and audit log count the same rows of each collection, and whether these
/// are those that were touched. What the jobs erased.
pub async fn counted(
    system: &System,
    jobs: &[(Job, JobView)],
    touched: &Touched,
    wrong: &mut Vec<String>,
) -> anyhow::Result<i64> {
    let mut erased: BTreeMap<(String, i32), Vec<i64>> = BTreeMap::new();
    for (job, view) in jobs {
        let mut journal = BTreeMap::new();
        let sql = "SELECT step_no, sum(rows)::int8 FROM lethe.journal WHERE job_id = $1 GROUP BY 1";
        for row in system.subjects.client.query(sql, &[&job.id]).await? {
            journal.insert(row.get::<_, i32>(0), row.get::<_, i64>(1));
        }
        let sql = "SELECT step_no, collection, (result ->> 'rows')::int8 FROM job_steps \
                   WHERE job_id = $1 AND kind = 'erase_rows' AND collection IS NOT NULL";
        let (mut reported, mut of_job) = (0, Touched::new());
        for row in system.control.client.query(sql, &[&job.id]).await? {
            let (step, collection, rows): (i32, String, Option<i64>) = (row.get(0), row.get(1), row.get(2));
            let entered = journal.get(&step).copied().unwrap_or(0);
            reported += rows.unwrap_or(0);
            if rows.is_some_and(|rows| rows != entered) {
                wrong.push(format!(
                    "{job:?} step {step} {collection}: {rows:?} reported, {entered} in the journal"
                ));
            }
            let table = collection.trim_start_matches("desk.").to_owned();
            if entered > 0 {
                *of_job.entry((table, job.organisation)).or_default() += entered;
            }
        }
        of_job.into_iter().for_each(|(key, rows)| erased.entry(key).or_default().push(rows));
        let journalled: i64 = journal.values().sum();
        let sql = "SELECT coalesce(sum(rows), 0)::int8 FROM audit_logs WHERE job_id = $1";
        let audited: i64 = system.control.client.query_one(sql, &[&job.id]).await?.get(0);
        let counts = [view.progress.rows_done, reported, journalled, audited];
        // A step that failed has rows in the journal, and reports none.
        if view.summary.state == "completed" && counts.iter().any(|count| *count != journalled) {
            wrong.push(format!("{job:?}: job, steps, journal and audit log count {counts:?}"));
        }
    }
    let keys: BTreeSet<_> = erased.keys().chain(touched.keys()).collect();
    for key in keys {
        let (table, organisation) = key;
        let by: &[i64] = erased.get(key).map_or(&[], Vec::as_slice);
        let (journal, found) = (by.iter().sum::<i64>(), touched.get(key).copied().unwrap_or(0));
        // Rows that stay several jobs may have changed one after the other, which is one change to who looks
        // when all is over.
        let several = by.len() > 1 && STAYING.contains(&table.as_str());
        if journal != found && !(several && journal > found) {
            wrong.push(format!(
                "{table} of organisation {organisation}: the journals have {by:?} rows, {found} were touched"
            ));
        }
    }
    Ok(erased.values().flatten().sum())
}

/// Tables whose rows are changed and stay.
const STAYING: [&str; 4] = ["account", "profile", "message", "visit"];
