//! The legal holds that a step obeys while it runs: those of its plan, and any placed since.
//!
//! They are asked for again before each batch and each page. Those of the plan are obeyed to the end,
//! released meanwhile or not, since whoever looks at the end looks for the same rows; what a released one
//! kept is asked for when the job ends.

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
use crate::held::{Held, Kept};
use crate::holds::{OpenHold, ids_in_effect, in_effect};
use crate::plan::preflight::{facts, refused_by};
use crate::plan::subject;
use crate::scope::StepScope;
use crate::usable;

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

/// The holds that a step about one collection obeys.
pub(crate) struct Obeyed<'a> {
    erasures: &'a Erasures,
    step: &'a Claimed,
    /// As it was planned.
    scope: &'a StepScope,
    place: (&'a Dataset, &'a Collection),
    schemas: Schemas,
    /// The job's; while it is planned it has none yet.
    cutoff_at: Option<DateTime<Utc>>,
    facts: Option<BTreeMap<String, StoreFacts>>,
    /// The holds of which the stores have said that they can be obeyed.
    usable: BTreeSet<Uuid>,
    /// The holds placed since planning that were in effect when it was last asked.
    late: Vec<Uuid>,
    holds: Vec<Hold>,
}

impl<'a> Obeyed<'a> {
    pub fn new(
        (erasures, step): (&'a Erasures, &'a Claimed),
        scope: &'a StepScope,
        place: (&'a Dataset, &'a Collection),
        schemas: Schemas,
    ) -> Self {
        let holds = scope.holds.clone();
        Self {
            erasures,
            step,
            scope,
            place,
            schemas,
            cutoff_at: step.cutoff,
            facts: None,
            usable: BTreeSet::new(),
            late: Vec::new(),
            holds,
        }
    }

    /// For a job whose cutoff is fixed by what asks.
    pub fn until(self, cutoff_at: DateTime<Utc>) -> Self {
        Self { cutoff_at: Some(cutoff_at), ..self }
    }

    /// The holds as they were last read.
    pub fn holds(&self) -> &[Hold] {
        &self.holds
    }

    /// Reads which holds are in effect, and what those keep that are new.
    pub async fn read(&mut self, looking: Looking<'_>) -> Result<Next, StepError> {
        let ids = ids_in_effect(self.erasures, self.step).await?;
        let ids: Vec<Uuid> = ids.into_iter().filter(|id| !self.scope.known.contains(id)).collect();
        if ids == self.late {
            return Ok(Next::GoOn);
        }
        if ids.iter().any(|id| !self.usable.contains(id)) {
            return Ok(Next::LearnFirst);
        }
        let late =
            in_effect(self.erasures, self.step).await?.into_iter().filter(|open| ids.contains(&open.id));
        let mut held = Held::default();
        for open in late {
            let kept = self.kept(&open, looking).await?;
            held.0.push((open, kept));
        }
        self.holds.clone_from(&self.scope.holds);
        self.holds.extend(held.before(self.erasures, self.place, &self.scope.erasure.action)?);
        self.late = ids;
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
    /// which way the rows of a person are found.
    pub async fn learn(&mut self) -> Result<(), StepError> {
        for open in in_effect(self.erasures, self.step).await? {
            if self.scope.known.contains(&open.id) || self.usable.contains(&open.id) {
                continue;
            }
            usable::must_be(self.erasures, &open, &self.schemas).await?;
            if self.facts.is_none() && matches!(open.scope, HoldScope::Subject { .. }) {
                self.facts = Some(facts(self.erasures).await?);
            }
            self.usable.insert(open.id);
        }
        Ok(())
    }

    async fn kept(&self, open: &OpenHold, looking: Looking<'_>) -> Result<Kept, StepError> {
        let HoldScope::Subject { identity_type } = &open.scope else { return Ok(Kept::AsSaid) };
        let value = open.identity_value.as_deref();
        let value = value.ok_or_else(|| broken("a legal hold on a person names nobody"))?;
        let identity = subject::parse(identity_type, value)?;
        if self.is_about(identity_type, &identity).await? {
            return Ok(Kept::Everything);
        }
        let facts = self.facts.as_ref().ok_or_else(|| broken("a store's catalogues were not read"))?;
        let way = traversal(self.erasures.sources.map(), &self.schemas, facts, identity_type);
        let way = way.map_err(|obstacles| refused_by(&obstacles))?;
        self.must_be_whole(open, &way).await?;
        Ok(Kept::Person(self.rows(&way, &identity, looking).await?))
    }

    /// Whether the job erases the very person.
    async fn is_about(&self, identity_type: &str, identity: &Identity) -> Result<bool, StepError> {
        let request = crate::request(self.step)?;
        match request.subject.filter(|subject| subject.identity_type == identity_type) {
            Some(_) => {
                let own = subject::identity_of_job(self.erasures, self.step, identity_type).await?;
                Ok(own.is(identity.value()))
            }
            None => Ok(false),
        }
    }

    /// Waits, once something is erased by which the person's rows are found: which are held nobody can
    /// tell then.
    async fn must_be_whole(&self, open: &OpenHold, way: &Traversal) -> Result<(), StepError> {
        if self.step.kind == StepKind::VerifyErasure || !self.cuts(way)? || !self.has_begun().await? {
            return Ok(());
        }
        let detail = format!(
            "the legal hold {} on a person was placed while this erasure ran, and what is erased by now may have led to \
             rows of that person; what was erased before stays so, and nothing more is erased until the hold is released",
            open.id
        );
        Err(on_hold(detail))
    }

    /// Whether the plan erases anything by which the way leads.
    fn cuts(&self, way: &Traversal) -> Result<bool, StepError> {
        let planning = self.step.inputs.iter().rfind(|input| input.kind == StepKind::PlanErasure);
        let Some(planning) = planning else { return Ok(true) };
        let plan: PlanDocument = serde_json::from_value(planning.result.clone())
            .map_err(|_| broken("the plan of this job cannot be read"))?;
        let leads = |collection: &str, column: Option<&str>| {
            let seeds = way.seeds.iter().filter(|seed| seed.collection == collection);
            let links = way.links.iter().filter(|link| link.from == collection);
            let mut columns = seeds.map(|seed| &seed.column).chain(links.flat_map(|link| &link.columns));
            columns.any(|leading| column.is_none_or(|column| column == leading))
        };
        Ok(plan.collections.iter().any(|part| match part.fields.as_slice() {
            [] => part.action == "delete" && leads(&part.collection, None),
            fields => fields.iter().any(|field| leads(&part.collection, Some(&field.column))),
        }))
    }

    async fn has_begun(&self) -> Result<bool, StepError> {
        for store in self.erasures.sources.stores().values() {
            let totals = store.journal(self.step.job_id).await.map_err(|error| store_failed(&error))?;
            if totals.iter().any(|total| total.rows > 0) {
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
        let cutoff_at = self.cutoff_at.ok_or_else(|| broken("the job has no cutoff"))?;
        let map = self.erasures.sources.map();
        let read = SubjectRead::plan(way, map, (store, schema), &self.step.organisation, cutoff_at);
        let read = read.map_err(|error| plan_failed(&error))?;
        let rows = match looking {
            Looking::Erasing(transaction) => transaction.resolve(&read, identity).await,
            Looking::Reading(transaction) => transaction.resolve(&read, identity).await,
        };
        rows.map_err(|error| store_failed(&error))
    }
}
