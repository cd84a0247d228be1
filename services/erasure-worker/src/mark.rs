//! The mark on an organisation that waits for its erasure: set at once, taken away when it is called off.
//! A row that a legal hold keeps is not written: it gets no mark, and keeps the one that it has.

use std::collections::{BTreeMap, BTreeSet};

use chassis::StepError;
use chrono::{DateTime, Utc};
use connectors::erase::{
    BatchId, Begun, BegunRestoring, EraseStatement, EraseTransaction, MarkHeld, OpenBatch, Restoring,
    SubjectRead,
};
use connectors::{Schemas, SubjectStore, collection_path};
use domain::erasure::document::RetainedRows;
use domain::erasure::facts::StoreFacts;
use domain::erasure::{ErasureRequest, GracePeriod, SoftDelete, soft_delete, traversal};
use domain::hold::HoldScope;
use domain::id::StepNo;
use domain::job::FailureReason;
use domain::schema::LiveSchema;
use store::{Claimed, Produced};
use uuid::Uuid;

use crate::failure::{broken, erase_failed, plan_failed, store_failed, waiting};
use crate::held::{Held, Kept};
use crate::holds::{OpenHold, in_effect};
use crate::plan::preflight::{facts, refused_by};
use crate::{Erasures, usable};

/// A job that marks its organisation does so in its first step.
const SETTING: StepNo = StepNo(1);

/// Marks the organisation as deleted, unless a legal hold keeps its row.
pub(crate) async fn set(erasures: &Erasures, step: &Claimed) -> Result<Produced, StepError> {
    let Some(marking) = Marking::find(erasures, step).await? else {
        return Ok(Produced::default());
    };
    let statement = EraseStatement::soft_delete(&marking.mark, marking.schema()?, &step.organisation);
    let statement = statement.map_err(|error| plan_failed(&error))?;
    let mut usable = BTreeSet::new();
    loop {
        let begun = OpenBatch::begin(&marking.store, batch(step, step.step_no), &step.organisation).await;
        let open = match begun.map_err(|error| store_failed(&error))? {
            Begun::Done(rows) => return Ok(produced(rows, None)),
            Begun::Open(open) => open,
        };
        let held = match marking.held(&usable, open.transaction()).await? {
            Next::LearnFirst => {
                open.give_up().await.map_err(|error| store_failed(&error))?;
                usable = marking.learn().await?;
                continue;
            }
            Next::GoOn(held) => held,
        };
        let statements = if held.is_none() { std::slice::from_ref(&statement) } else { &[] };
        let erased = open.commit(statements).await.map_err(|error| erase_failed(&error))?;
        return Ok(produced(erased.rows, held));
    }
}

/// Takes the mark away again, if this job has set it; otherwise it never will. It waits for the release of a
/// legal hold that keeps the row.
pub(crate) async fn unset(erasures: &Erasures, step: &Claimed) -> Result<Produced, StepError> {
    let Some(marking) = Marking::find(erasures, step).await? else {
        return Ok(Produced::default());
    };
    let statement = EraseStatement::undo_soft_delete(&marking.mark, marking.schema()?, &step.organisation);
    let statement = statement.map_err(|error| plan_failed(&error))?;
    let ids = (batch(step, SETTING), batch(step, step.step_no));
    let mut usable = BTreeSet::new();
    loop {
        let begun = Restoring::begin(&marking.store, ids, &step.organisation).await;
        let open = match begun.map_err(|error| store_failed(&error))? {
            BegunRestoring::Done(rows) => return Ok(produced(rows, None)),
            BegunRestoring::Open(open) => open,
        };
        let next = match open.is_marked() {
            true => marking.held(&usable, open.transaction()).await?,
            false => Next::GoOn(None),
        };
        match next {
            Next::GoOn(None) => {
                let restored = open.commit(&statement).await.map_err(|error| erase_failed(&error))?;
                return Ok(produced(restored.rows, None));
            }
            Next::GoOn(Some(held)) => {
                open.give_up().await.map_err(|error| store_failed(&error))?;
                return Err(still_marked(&held));
            }
            Next::LearnFirst => {
                open.give_up().await.map_err(|error| store_failed(&error))?;
                usable = marking.learn().await?;
            }
        }
    }
}

/// Whether the mark was set at the moment at which this step plans, which is no grace period's end: then nobody has
/// known it for long, and a refusal takes it away.
pub(crate) fn is_this_moments(step: &Claimed, request: &ErasureRequest) -> bool {
    step.pass == 1 && request.deferred.is_none() && request.grace_period_days == GracePeriod::NONE
}

/// Takes the mark away in the course of another step, for a job that will not go on; why it will not, and whether
/// the mark had to stay.
pub(crate) async fn taken_away(
    erasures: &Erasures,
    step: &Claimed,
    reason: FailureReason,
) -> Result<FailureReason, StepError> {
    // Its first step marks, or nothing does.
    if step.step_no == SETTING {
        return Ok(reason);
    }
    match unset(erasures, step).await {
        Ok(_) => Ok(reason),
        Err(StepError::Permanent(why) | StepError::Waiting(why)) => {
            let detail =
                format!("{} (the organisation is still marked as deleted: {})", reason.detail, why.detail);
            Ok(FailureReason { detail, ..reason })
        }
        Err(later) => Err(later),
    }
}

/// What to do next.
enum Next {
    /// What keeps the row, if anything does.
    GoOn(Option<RetainedRows>),
    /// A hold is new, and the stores have to be asked about it first: see [`Marking::learn`].
    LearnFirst,
}

/// Where organisations are marked, for a step that does it.
struct Marking<'a> {
    erasures: &'a Erasures,
    step: &'a Claimed,
    store: SubjectStore,
    schemas: Schemas,
    facts: BTreeMap<String, StoreFacts>,
    mark: SoftDelete,
    /// The collection of organisations, as `dataset.collection`.
    path: String,
}

impl<'a> Marking<'a> {
    /// `None` where the data map names no column for it.
    async fn find(erasures: &'a Erasures, step: &'a Claimed) -> Result<Option<Self>, StepError> {
        let (schemas, facts, map) =
            (erasures.schemas().await?, facts(erasures).await?, erasures.sources.map());
        let mark = soft_delete(map, &schemas, &facts).map_err(|obstacles| refused_by(&obstacles))?;
        let Some(mark) = mark else { return Ok(None) };
        let store = erasures.sources.stores().get(&mark.store);
        let store = store.ok_or_else(|| broken("a dataset's store is not configured"))?.clone();
        let root = map.organisation().and_then(|(dataset, root)| {
            Some(collection_path(dataset, dataset.collection(&root.collection)?))
        });
        let path = root.ok_or_else(|| broken("the data map names no table of organisations"))?;
        Ok(Some(Self { erasures, step, store, schemas, facts, mark, path }))
    }

    fn schema(&self) -> Result<&LiveSchema, StepError> {
        self.schemas.get(&self.mark.store).ok_or_else(|| broken("a store has no schema"))
    }

    /// Asks the stores whether each hold in effect can be obeyed, over other connections: whoever waits for
    /// one must not keep one.
    async fn learn(&self) -> Result<BTreeSet<Uuid>, StepError> {
        let mut usable = BTreeSet::new();
        for open in in_effect(self.erasures, self.step).await? {
            usable::must_be(self.erasures, &open, &self.schemas).await?;
            usable.insert(open.id);
        }
        Ok(usable)
    }

    /// Which hold keeps the organisation's own row, read in a transaction that holds placed from now on bind
    /// after.
    async fn held(&self, usable: &BTreeSet<Uuid>, transaction: &EraseTransaction) -> Result<Next, StepError> {
        let open = in_effect(self.erasures, self.step).await?;
        if open.iter().any(|open| !usable.contains(&open.id)) {
            return Ok(Next::LearnFirst);
        }
        let mut held = Held::default();
        for open in open {
            let kept = self.kept(&open, transaction).await?;
            held.0.push((open, kept));
        }
        let holds = held.on(&self.path)?;
        let asked = MarkHeld::plan(&self.mark, self.schema()?, &self.step.organisation, &holds);
        let asked = asked.map_err(|error| plan_failed(&error))?;
        let keeping = transaction.keeps(&asked).await.map_err(|error| store_failed(&error))?;
        let retained = |hold| RetainedRows { hold, ground: held.ground(hold).to_owned(), rows: 1 };
        Ok(Next::GoOn(keeping.map(retained)))
    }

    async fn kept(&self, open: &OpenHold, transaction: &EraseTransaction) -> Result<Kept, StepError> {
        let HoldScope::Subject { identity_type } = &open.scope else { return Ok(Kept::AsSaid) };
        let identity = open.identity(identity_type)?;
        let map = self.erasures.sources.map();
        let way = traversal(map, &self.schemas, &self.facts, identity_type);
        let way = way.map_err(|obstacles| refused_by(&obstacles))?;
        let (store, whenever) = ((self.mark.store.as_str(), self.schema()?), None::<DateTime<Utc>>);
        let read = SubjectRead::plan(&way, map, store, &self.step.organisation, whenever);
        let read = read.map_err(|error| plan_failed(&error))?;
        let rows = transaction.resolve(&read, &identity).await.map_err(|error| store_failed(&error))?;
        Ok(Kept::Person(rows))
    }
}

fn batch(step: &Claimed, number: StepNo) -> BatchId {
    BatchId { job: step.job_id, step: number, batch: 0 }
}

fn still_marked(held: &RetainedRows) -> StepError {
    let detail = format!(
        "the organisation stays marked as deleted: the legal hold {} keeps its row as it is; the mark is taken away when \
         this is tried again after the release",
        held.hold
    );
    waiting("mark_held", detail)
}

/// How many rows were written, and what kept the row from it.
fn produced(rows: u64, held: Option<RetainedRows>) -> Produced {
    let result = match held {
        Some(held) => serde_json::json!({"rows": rows, "retained": [held]}),
        None => serde_json::json!({"rows": rows}),
    };
    Produced { result: Some(result), ..Produced::default() }
}
