//! Looking at a job until it has ended: the API tells of it, or is asked again and again if it does not.

use std::time::{Duration, Instant};

use chrono::Utc;
use contracts::http::{JobSummary, JobView, Status};
use domain::job::{JobKind, JobOutcome};
use uuid::Uuid;

use crate::api::{Api, ApiError, EventStream, JobAnswer, Lost, News};
use crate::failure::Failure;
use crate::outcome::Outcome;
use crate::output::Output;
use crate::patience::Patience;
use crate::progress::{JobProgress, Seen};

/// The wait after the first look; half as long again after each further one.
const FIRST_WAIT: Duration = Duration::from_millis(100);
/// The longest wait between two looks.
const LONGEST_WAIT: Duration = Duration::from_secs(1);
/// For how long the API may be away: longer than a restart takes.
const OUTAGE_LIMIT: Duration = Duration::from_secs(120);

/// Shows a job's progress until it has ended; the job as it is then. Its kind is asked for when it is
/// not known.
///
/// # Errors
/// [`Failure`] when the API refuses, is away for too long, or the user has seen enough.
pub async fn until_ended(
    api: &Api,
    id: Uuid,
    kind: Option<JobKind>,
    output: &mut Output,
) -> Result<JobView, Failure> {
    let mut progress = JobProgress::new(output);
    let watched = tokio::select! {
        watched = to_the_end(api, (id, kind), &mut progress, output) => watched,
        _ = tokio::signal::ctrl_c() => Err(Failure::interrupted("stopped looking; the job goes on")
            .next(format!("look again: lethe jobs show {id} --watch"))),
    };
    progress.finish(watched.is_ok());
    watched
}

/// What the exit code says of a job that has ended.
#[must_use]
pub fn outcome(job: &JobView) -> Outcome {
    match job.summary.status {
        Status::Failed | Status::Cancelled => Outcome::JobWithoutResult,
        Status::Completed if found_nobody(&job.summary) => Outcome::NobodyFound,
        Status::Completed | Status::Pending | Status::InProgress => Outcome::Done,
    }
}

/// Whether a job ended well because there was nothing to do.
#[must_use]
pub fn found_nobody(job: &JobSummary) -> bool {
    job.outcome.as_deref() == Some(JobOutcome::NobodyFound.name())
}

/// Follows the job's events as long as there are any to be had, then looks at how it is.
async fn to_the_end(
    api: &Api,
    (id, mut kind): (Uuid, Option<JobKind>),
    progress: &mut JobProgress,
    output: &mut Output,
) -> Result<JobView, Failure> {
    let (mut patience, mut last_id) = (Patience::of(OUTAGE_LIMIT), None);
    loop {
        let lost = match api.events(id, last_id.as_deref()).await {
            Ok(Some(mut stream)) => {
                // Events do not say what kind of job it is.
                if kind.is_none() && output.shows_progress() {
                    kind = api.job_now(id).await.ok().and_then(|job| JobKind::parse(&job.summary.kind));
                }
                match follow(&mut stream, kind, (progress, output)).await {
                    Followed::ToTheEnd => break,
                    Followed::For(news, lost) => {
                        last_id = stream.last_id().map(str::to_owned).or(last_id);
                        if news > 0 {
                            patience.restore();
                        }
                        lost
                    }
                }
            }
            Err(error @ ApiError::Unreachable { .. }) => Lost::Broken(error),
            // An older API, a proxy that lets no stream through, no seat that is free: asking works too.
            Ok(None) | Err(_) => break,
        };
        let pause = match lost {
            Lost::Broken(error) => pause(error, id, &mut patience, (progress, output))?,
            Lost::Closed => match patience.fail(Instant::now(), None) {
                Some(pause) => pause,
                None => break,
            },
        };
        tokio::time::sleep(pause).await;
    }
    looks(api, id, progress, output).await
}

/// How following a stream went.
enum Followed {
    /// The job has ended.
    ToTheEnd,
    /// So much was told before the connection was lost.
    For(usize, Lost),
}

async fn follow(
    stream: &mut EventStream,
    kind: Option<JobKind>,
    (progress, output): (&mut JobProgress, &mut Output),
) -> Followed {
    let mut news = 0_usize;
    loop {
        match stream.next().await {
            Ok(News::Progress(event)) => progress.show(&Seen::of(&event, kind, Utc::now()), output),
            Ok(News::End) => return Followed::ToTheEnd,
            Ok(News::Other) => {}
            Err(lost) => return Followed::For(news, lost),
        }
        news = news.saturating_add(1);
    }
}

async fn looks(
    api: &Api,
    id: Uuid,
    progress: &mut JobProgress,
    output: &mut Output,
) -> Result<JobView, Failure> {
    let mut patience = Patience::of(OUTAGE_LIMIT);
    let (mut etag, mut wait) = (None, FIRST_WAIT);
    loop {
        let pause = match api.job(id, etag.as_deref()).await {
            Ok(JobAnswer { job, etag: current, retry_after }) => {
                patience.restore();
                etag = current;
                if let Some(job) = job {
                    progress.show(&Seen::from(&job), output);
                    if has_ended(&job) {
                        return Ok(job);
                    }
                }
                let pause = retry_after.unwrap_or(wait);
                wait = (wait * 3 / 2).min(LONGEST_WAIT);
                pause
            }
            Err(error) => pause(error, id, &mut patience, (progress, output))?,
        };
        tokio::time::sleep(pause).await;
    }
}

/// How long to wait for an API that is away.
fn pause(
    error: ApiError,
    id: Uuid,
    patience: &mut Patience,
    (progress, output): (&mut JobProgress, &mut Output),
) -> Result<Duration, Failure> {
    if !error.is_passing() {
        return Err(error.into());
    }
    if !patience.is_failing() {
        progress.remark(&format!("{error}; trying again for up to {} s", OUTAGE_LIMIT.as_secs()), output);
    }
    patience.fail(Instant::now(), error.retry_after()).ok_or_else(|| {
        Failure::from(error)
            .detail("the job goes on, whether or not somebody looks")
            .next(format!("look again when the API is back: lethe jobs show {id} --watch"))
    })
}

fn has_ended(job: &JobView) -> bool {
    job.summary.ended_at.is_some()
        || matches!(job.summary.status, Status::Completed | Status::Failed | Status::Cancelled)
}
