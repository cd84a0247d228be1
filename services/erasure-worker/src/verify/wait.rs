//! Nothing is complete before every transaction has ended that was open at the cutoff: what it makes may
//! carry an earlier time.

use std::collections::BTreeMap;
use std::time::Duration;

use chassis::{StepError, StepProgress};
use chrono::Utc;
use connectors::SubjectStore;
use connectors::erase::OpenTransaction;
use domain::erasure::document::{NotWaitedFor, OpenAtCutoff};
use store::Claimed;

use super::reader;
use crate::Erasures;
use crate::failure::{broken, store_failed, waiting};
use crate::scope::Noted;

/// How long planning waits for them, and how long verification does before it says so.
const BEFORE_PLANNING: Duration = Duration::from_secs(5);
const BEFORE_SAYING: Duration = Duration::from_secs(2);
/// Between two looks.
const PAUSE: Duration = Duration::from_millis(100);
/// So many are named.
const SHOWN: usize = 5;

/// Notes what is under way in every store, and waits a while for it to end.
pub(crate) async fn note(
    erasures: &Erasures,
    progress: &StepProgress,
) -> Result<BTreeMap<String, Noted>, StepError> {
    let mut noted = BTreeMap::new();
    for (name, store) in erasures.sources.stores() {
        let horizon = store.horizon().await.map_err(|error| store_failed(&error))?;
        noted.insert(name.clone(), Noted { horizon, open: open_now(erasures, (name, store)).await? });
    }
    still_open(erasures, &mut noted, (BEFORE_PLANNING, progress)).await?;
    Ok(noted)
}

/// Goes on when all of them have ended, or the owner does not want to wait; names those then.
pub(super) async fn until_ended(
    erasures: &Erasures,
    step: &Claimed,
    noted: &BTreeMap<String, Noted>,
    progress: &StepProgress,
) -> Result<Option<NotWaitedFor>, StepError> {
    let mut noted = noted.clone();
    let waived = step.waived.map(|reason| reason.name().to_owned());
    let patience = if waived.is_some() { Duration::ZERO } else { BEFORE_SAYING };
    still_open(erasures, &mut noted, (patience, progress)).await?;
    let open: Vec<&OpenTransaction> = noted.values().flat_map(|noted| &noted.open).collect();
    if open.is_empty() {
        return Ok(None);
    }
    match waived {
        Some(reason) => {
            Ok(Some(NotWaitedFor { reason, transactions: open.into_iter().map(named).collect() }))
        }
        None => Err(waiting("transactions_open", told(&open))),
    }
}

/// Leaves only those that are open still when none is, or the time is over.
async fn still_open(
    erasures: &Erasures,
    noted: &mut BTreeMap<String, Noted>,
    (patience, progress): (Duration, &StepProgress),
) -> Result<(), StepError> {
    let until = tokio::time::Instant::now() + patience;
    loop {
        for (name, noted) in noted.iter_mut().filter(|(_, noted)| !noted.open.is_empty()) {
            let store = erasures.sources.stores().get(name);
            let store = store.ok_or_else(|| broken("a store is not configured"))?;
            let now = open_now(erasures, (name, store)).await?;
            let prepared = |open: &OpenTransaction| open.pid.is_none();
            // One that was open may have been prepared since, which takes its number away.
            let gone =
                noted.open.iter().any(|open| !prepared(open) && !now.iter().any(|now| now.id == open.id));
            let is_new =
                |open: &&OpenTransaction| prepared(open) && !noted.open.iter().any(|old| old.id == open.id);
            let since: Vec<OpenTransaction> = now.iter().filter(is_new).filter(|_| gone).cloned().collect();
            noted.open.retain(|open| now.iter().any(|now| now.id == open.id));
            noted.open.extend(since);
        }
        let none = noted.values().all(|noted| noted.open.is_empty());
        if none || tokio::time::Instant::now() >= until {
            return Ok(());
        }
        progress.pulse();
        tokio::time::sleep(PAUSE).await;
    }
}

/// The transactions of others that are open in a store.
async fn open_now(
    erasures: &Erasures,
    (name, store): (&str, &SubjectStore),
) -> Result<Vec<OpenTransaction>, StepError> {
    let failed = |error| store_failed(&error);
    let reader = SubjectStore::connect(reader(erasures, name)?).map_err(failed)?;
    let mut ours = vec![store.session_role().await.map_err(failed)?];
    ours.push(reader.session_role().await.map_err(failed)?);
    store.open_transactions(&ours).await.map_err(failed)
}

fn named(open: &OpenTransaction) -> OpenAtCutoff {
    OpenAtCutoff { pid: open.pid, role: open.role.clone(), since: open.since }
}

fn told(open: &[&OpenTransaction]) -> String {
    let one = |open: &&OpenTransaction| {
        let who = match open.pid {
            Some(pid) => format!("process {pid} of role {}", open.role),
            None => format!("a prepared transaction of role {}", open.role),
        };
        match open.since {
            Some(since) => {
                let age = Utc::now().signed_duration_since(since).num_seconds().max(0);
                format!("{who}, open for {age} s")
            }
            None => who,
        }
    };
    let shown: Vec<String> = open.iter().take(SHOWN).map(one).collect();
    let more = match open.len().saturating_sub(shown.len()) {
        0 => String::new(),
        more => format!(" (and {more} more)"),
    };
    format!(
        "transactions that were open when the rows were planned can still make rows of before: {}{more}; the job is \
         completed once they have ended; end them, or skip this wait with a reason",
        shown.join("; ")
    )
}
