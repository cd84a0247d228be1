//! The legal holds that a step obeys while it runs: those of its plan, and any placed since.
//!
//! They are asked for again before each batch and each page, and so is which rows are of the persons that
//! they are on: rows that come to be theirs after planning are held too. Those of the plan are obeyed to the
//! end, released meanwhile or not, since whoever looks at the end looks for the same rows; what a released
//! one kept is asked for when the job ends.

use std::collections::{BTreeMap, BTreeSet};

use chassis::StepError;
use chrono::{DateTime, Utc};
use connectors::ReadTransaction;
use connectors::Schemas;
use connectors::erase::{EraseTransaction, SubjectRead, SubjectRows};
use domain::datamap::{Collection, Dataset};
use domain::erasure::document::PlanDocument;
use domain::erasure::facts::StoreFacts;
use domain::erasure::{Identity, Traversal, traversal};
use domain::hold::{Hold, HoldScope};
use domain::job::StepKind;
use store::Claimed;
use uuid::Uuid;

use crate::Erasures;
use crate::failure::{broken, on_hold, plan_failed, store_failed};
use crate::held::{Held, Kept, merged};
use crate::holds::{OpenHold, ids_in_effect, in_effect};
use crate::plan::preflight::facts;
use crate::plan::subject;
use crate::scope::StepScope;
use crate::usable;
use crate::way::{cut, cuts, leads};

/// Where the rows of a person are looked for.
#[derive(Clone, Copy)]
pub(crate) enum Looking<'t> {
    /// In the transaction that is about to erase.
    Erasing(&'t EraseTransaction),
    /// In one that reads.
    Reading(&'t ReadTransaction),
}

/// What to do next.
pub(crate) enum Next {
    /// The holds are read: see [`Obeyed::holds`].
    GoOn,
    /// A hold is new, and the stores have to be asked about it first: see [`Obeyed::learn`].
    LearnFirst,
}

/// What a step has learned of a hold, which never changes.
struct Learned {
    open: OpenHold,
    /// Whether it was placed after planning.
    late: bool,
    whom: Whom,
}

/// Whom a hold is on.
enum Whom {
    /// No person: it says itself which rows it keeps.
    Nobody,
    /// The very person that the job erases.
    Same,
    /// Nobody can tell; but it is released by now, and nothing was erased beside it.
    Unknown,
    /// Another person, and how the rows are found.
    Other(Box<(Identity, Traversal)>),
}

/// The holds that a step about one collection obeys.
pub(crate) struct Obeyed<'a> {
    erasures: &'a Erasures,
    step: &'a Claimed,
    /// As it was planned.
    scope: &'a StepScope,
    place: (&'a Dataset, &'a Collection),
    schemas: Schemas,
    facts: Option<BTreeMap<String, StoreFacts>>,
    learned: BTreeMap<Uuid, Learned>,
    /// What was erased by the plan that this one follows.
    erased: Option<&'a [StepScope]>,
    /// The late holds on persons whose rows were found before anything that leads to them was erased.
    whole: BTreeSet<Uuid>,
    /// The holds that were in effect when it was last asked, in the order of their placing.
    ids: Vec<Uuid>,
    holds: Vec<Hold>,
}

impl<'a> Obeyed<'a> {
    pub fn new(
        (erasures, step): (&'a Erasures, &'a Claimed),
        scope: &'a StepScope,
        place: (&'a Dataset, &'a Collection),
        schemas: Schemas,
    ) -> Self {
        Self {
            erasures,
            step,
            scope,
            place,
            schemas,
            facts: None,
            learned: BTreeMap::new(),
            erased: None,
            whole: BTreeSet::new(),
            ids: Vec::new(),
            holds: scope.holds.clone(),
        }
    }

    /// For planning after an earlier plan: what that erased, and the holds that came late and were obeyed.
    pub fn after(self, erased: &'a [StepScope], obeyed: &[Uuid]) -> Self {
        Self { erased: Some(erased), whole: obeyed.iter().copied().collect(), ..self }
    }

    /// The holds as they were last read.
    pub fn holds(&self) -> &[Hold] {
        &self.holds
    }

    /// Reads which holds are in effect, and what those keep that are new or on a person.
    pub async fn read(&mut self, looking: Looking<'_>) -> Result<Next, StepError> {
        let ids = ids_in_effect(self.erasures, self.step).await?;
        if ids.iter().any(|id| !self.learned.contains_key(id)) {
            return Ok(Next::LearnFirst);
        }
        let learned: Vec<&Learned> = ids.iter().filter_map(|id| self.learned.get(id)).collect();
        let follows = |learned: &&Learned| matches!(learned.whom, Whom::Other(_));
        if ids == self.ids && !learned.iter().any(follows) {
            return Ok(Next::GoOn);
        }
        let (mut held, mut whole) = (Held::default(), BTreeSet::new());
        for Learned { open, late, whom } in learned {
            let kept = match whom {
                // As planned.
                Whom::Nobody | Whom::Same if !late => continue,
                Whom::Unknown => continue,
                Whom::Nobody => Kept::AsSaid,
                Whom::Same => Kept::Everything,
                Whom::Other(person) => {
                    let (identity, way) = &**person;
                    let rows = self.rows(way, identity, looking).await?;
                    if *late && !self.whole.contains(&open.id) {
                        self.must_be_whole(open, way, looking).await?;
                        whole.insert(open.id);
                    }
                    Kept::Person(rows)
                }
            };
            held.0.push((open.clone(), kept));
        }
        let found = held.before(self.erasures, self.place, &self.scope.erasure.action)?;
        self.holds = merged(&self.scope.holds, found, &ids);
        self.whole.extend(whole);
        self.ids = ids;
        Ok(Next::GoOn)
    }

    /// As [`Obeyed::read`], for who does not erase rows.
    pub async fn read_at_rest(&mut self) -> Result<(), StepError> {
        loop {
            let store = self.erasures.store(self.place.0)?;
            let transaction = store.begin_read().await.map_err(|error| store_failed(&error))?;
            let next = self.read(Looking::Reading(&transaction)).await?;
            transaction.finish().await.map_err(|error| store_failed(&error))?;
            match next {
                Next::GoOn => return Ok(()),
                Next::LearnFirst => self.learn().await?,
            }
        }
    }

    /// Asks the stores what must be known of the holds that are new: whether each can be obeyed, and by
    /// which way the rows of a person are found. One that cannot be obeyed keeps the job waiting, since
    /// something of it may be done by now.
    pub async fn learn(&mut self) -> Result<(), StepError> {
        for open in in_effect(self.erasures, self.step).await? {
            if self.learned.contains_key(&open.id) {
                continue;
            }
            let late = !self.scope.knows(open.id);
            let whom = match self.whom(&open, late).await {
                Err(StepError::Permanent(_) | StepError::OnHold(_)) if open.released => Whom::Unknown,
                Err(StepError::Permanent(reason)) => return Err(StepError::OnHold(reason)),
                known => known?,
            };
            self.learned.insert(open.id, Learned { open, late, whom });
        }
        Ok(())
    }

    async fn whom(&mut self, open: &OpenHold, late: bool) -> Result<Whom, StepError> {
        if late {
            usable::must_be(self.erasures, open, &self.schemas).await?;
        }
        let HoldScope::Subject { identity_type } = &open.scope else { return Ok(Whom::Nobody) };
        let identity = open.identity(identity_type)?;
        if subject::is_about(self.erasures, self.step, identity_type, &identity).await? {
            return Ok(Whom::Same);
        }
        let facts = match self.facts.take() {
            Some(facts) => facts,
            None => facts(self.erasures).await?,
        };
        let way = traversal(self.erasures.sources.map(), &self.schemas, &facts, identity_type);
        self.facts = Some(facts);
        let way = way.map_err(|obstacles| {
            let why: Vec<String> = obstacles.iter().map(ToString::to_string).collect();
            on_hold(format!(
                "the rows of the person of the legal hold {} cannot be found, so nothing more is erased until it is \
                 released: {}",
                open.id,
                why.join("; ")
            ))
        })?;
        Ok(Whom::Other(Box::new((identity, way))))
    }

    /// Waits, once something is erased by which the person's rows are found: which are held nobody can
    /// tell then.
    async fn must_be_whole(
        &self,
        open: &OpenHold,
        way: &Traversal,
        looking: Looking<'_>,
    ) -> Result<(), StepError> {
        if self.step.kind == StepKind::VerifyErasure || !self.cuts(way)? || !self.has_begun(looking).await? {
            return Ok(());
        }
        Err(cut(open))
    }

    /// Whether the plan erases anything by which the way leads.
    fn cuts(&self, way: &Traversal) -> Result<bool, StepError> {
        if let Some(erased) = self.erased {
            return Ok(cuts(erased, way));
        }
        let planning = self.step.inputs.iter().rfind(|input| input.kind == StepKind::PlanErasure);
        let Some(planning) = planning else { return Ok(true) };
        let plan: PlanDocument = serde_json::from_value(planning.result.clone())
            .map_err(|_| broken("the plan of this job cannot be read"))?;
        Ok(plan.collections.iter().any(|part| match part.fields.as_slice() {
            [] => part.action == "delete" && leads(way, &part.collection, None),
            fields => fields.iter().any(|field| leads(way, &part.collection, Some(&field.column))),
        }))
    }

    /// Whether anything of this store is erased by now, by this job or by one that left rows to it. The ways
    /// to a person do not leave a store.
    async fn has_begun(&self, looking: Looking<'_>) -> Result<bool, StepError> {
        for job in self.scope.after.iter().copied().chain([self.step.job_id]) {
            let erased: Result<bool, _> = match looking {
                Looking::Erasing(transaction) => transaction.has_erased(job).await,
                Looking::Reading(transaction) => transaction.has_erased(job).await,
            };
            if erased.map_err(|error| store_failed(&error))? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    async fn rows(
        &self,
        way: &Traversal,
        identity: &Identity,
        looking: Looking<'_>,
    ) -> Result<SubjectRows, StepError> {
        let store = &self.place.0.store;
        let schema = self.schemas.get(store).ok_or_else(|| broken("a store has no schema"))?;
        // Rows without a time can lead to one that was made later.
        let whenever = None::<DateTime<Utc>>;
        let map = self.erasures.sources.map();
        let read = SubjectRead::plan(way, map, (store, schema), &self.step.organisation, whenever);
        let read = read.map_err(|error| plan_failed(&error))?;
        let rows = match looking {
            Looking::Erasing(transaction) => transaction.resolve(&read, identity).await,
            Looking::Reading(transaction) => transaction.resolve(&read, identity).await,
        };
        rows.map_err(|error| store_failed(&error))
    }
}
