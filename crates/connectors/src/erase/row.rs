//! What is so of a row of a scope: made later, held, shared, referred to, or to be erased.

use domain::datamap::Collection;
use domain::hold::HeldRows;
use domain::schema::LiveSchema;

use crate::cutoff::made_by;
use crate::erase::keyed::{self, Parameters, Selected};
use crate::erase::scope::{self, EraseScope};
use crate::erase::statement::Rows;
use crate::sql::{self, PlanError};

/// What is so of a row `t0` of a scope, in SQL: each row is exactly one of later, kept by the first of the
/// holds that keep it, shared, guarded, and to be erased.
pub(crate) struct Row {
    /// That the scope is about it.
    pub(crate) ours: String,
    /// What the table is joined with: keys that are given, and those that holds list.
    pub(crate) joined: String,
    made: Option<String>,
    held: Vec<String>,
    shared: Option<String>,
    guarded: Option<String>,
}

impl Row {
    pub(crate) fn plan(
        collection: &Collection,
        schema: &LiveSchema,
        scope: &EraseScope<'_>,
        rows: &Rows<'_>,
        parameters: &mut Parameters<'_>,
    ) -> Result<Self, PlanError> {
        let table = &collection.table;
        let ours = scope::meant(collection, schema, scope, parameters)?;
        let Selected { source, conditions: ours, .. } =
            Selected::with(collection, schema, (ours, rows), parameters)?;
        let mut joined = source.map(|source| format!(" CROSS JOIN {source}")).unwrap_or_default();
        let mut held = Vec::new();
        for (at, hold) in scope.holds.iter().enumerate() {
            held.push(match &hold.rows {
                HeldRows::Keys(keys) => {
                    // As a value of each row it would be looked up in a list that may not fit into memory.
                    let alias = format!("h{at}");
                    joined.push_str(&keyed::listed_beside(table, schema, (keys, &alias), parameters)?);
                    format!("{alias}.k0 IS NOT NULL")
                }
                HeldRows::Where(_) => {
                    format!("({}) IS TRUE", scope::held(table, schema, &hold.rows, parameters)?)
                }
            });
        }
        let path = collection.tenant.as_ref().filter(|_| scope.exclusive);
        let shared = path.map(|path| sql::elsewhere_predicate(table, path, schema, scope.organisation));
        let mut guards = Vec::new();
        for guard in scope.guards {
            guards.push(scope::guarded(table, schema, (guard, scope), parameters)?);
        }
        Ok(Self {
            ours,
            joined,
            made: made_by(collection, schema, scope.cutoff())?,
            held,
            shared: shared.transpose()?,
            guarded: (!guards.is_empty()).then(|| guards.join(" OR ")),
        })
    }

    /// That it was made after the cutoff, and is the organisation's alone. Whether a hold keeps it too makes no
    /// difference: no release erases it.
    pub(crate) fn later(&self) -> String {
        let Some(made) = &self.made else { return "FALSE".to_owned() };
        all([Some(format!("NOT {made}")), not(&self.shared)].into_iter())
    }

    /// For each hold, that it is the first that keeps the row.
    pub(crate) fn kept(&self) -> Vec<String> {
        let one = |at: usize| {
            let before = self.held.iter().take(at).map(|held| Some(format!("NOT ({held})")));
            let this = self.held.get(at).map(|held| format!("({held})"));
            all([self.made.clone(), this].into_iter().chain(before))
        };
        (0..self.held.len()).map(one).collect()
    }

    /// That it leads to another organisation too.
    pub(crate) fn shared(&self) -> String {
        let Some(shared) = &self.shared else { return "FALSE".to_owned() };
        all([self.made.clone(), Some(format!("({shared})"))].into_iter().chain(self.not_held()))
    }

    /// That a row which stays refers to it.
    pub(crate) fn guarded(&self) -> String {
        let Some(guarded) = &self.guarded else { return "FALSE".to_owned() };
        let this = [self.made.clone(), Some(format!("({guarded})")), not(&self.shared)];
        all(this.into_iter().chain(self.not_held()))
    }

    /// That it is to be erased.
    pub(crate) fn erased(&self) -> String {
        let this = [self.made.clone(), not(&self.shared), not(&self.guarded)];
        all(this.into_iter().chain(self.not_held()))
    }

    fn not_held(&self) -> impl Iterator<Item = Option<String>> {
        self.held.iter().map(|held| Some(format!("NOT ({held})")))
    }
}

fn not(condition: &Option<String>) -> Option<String> {
    condition.as_ref().map(|condition| format!("NOT ({condition})"))
}

fn all(conditions: impl Iterator<Item = Option<String>>) -> String {
    let conditions: Vec<String> = conditions.flatten().collect();
    if conditions.is_empty() { "TRUE".to_owned() } else { conditions.join(" AND ") }
}
