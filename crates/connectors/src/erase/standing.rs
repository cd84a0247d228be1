//! Whether anything still stands in a row: by its values, and where these do not tell, by who wrote it last.

use domain::datamap::Collection;
use domain::erasure::FieldChange;
use domain::schema::LiveSchema;

use crate::erase::journal::{Writers, written_since};
use crate::erase::keyed::Parameters;
use crate::erase::pseudonym::PseudonymKey;
use crate::erase::strategy::{self, Residual};
use crate::sql::{self, PlanError};

/// What should have become of the rows.
#[derive(Debug, Clone, Copy)]
pub enum Expected<'a> {
    /// They are gone.
    Deleted,
    /// Their columns were changed.
    Anonymised {
        /// By which strategies.
        changes: &'a [FieldChange],
        /// The organisation's key, by which its tokens are recognised.
        key: &'a PseudonymKey,
    },
    /// These columns are NULL.
    Unlinked(&'a [String]),
}

/// What earlier jobs have done to rows.
#[derive(Debug, Clone, Copy)]
pub struct DoneBy<'a> {
    /// What it was.
    pub expected: Expected<'a>,
    /// The transactions in which they did it.
    pub writers: &'a Writers,
}

impl DoneBy<'_> {
    /// The condition under which a row `t0` is one to which it is still to be done.
    pub(super) fn undone(
        &self,
        collection: &Collection,
        schema: &LiveSchema,
        parameters: &mut Parameters<'_>,
    ) -> Result<String, PlanError> {
        let standing = Standing::plan(collection, schema, self.expected, parameters)?;
        Ok(standing.stands(&Written::by(self.writers)))
    }
}

/// The job's transactions in SQL. They are numbers, and constants: the server then looks them up by a hash,
/// where it would compare each of an array that is bound with each row.
pub(super) struct Written {
    ids: String,
    /// That a row `t0` was written before the job wrote anything: it never wrote the row.
    pub(super) before: String,
}

impl Written {
    pub(super) fn by(writers: &Writers) -> Self {
        let number = |id: &&String| !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_digit());
        let ids: Vec<&str> = writers.ids.iter().filter(number).map(String::as_str).collect();
        let before = match (writers.complete, ids.first()) {
            // Without all of the job's transactions nobody can say that it never wrote a row.
            (false, _) => "FALSE".to_owned(),
            (true, None) => "TRUE".to_owned(),
            (true, Some(first)) => {
                format!("NOT {}", written_since("t0", &format!("'{first}'::pg_catalog.xid")))
            }
        };
        Self { ids: ids.join(","), before }
    }

    /// That somebody else wrote the row `t0` last.
    pub(super) fn by_others(&self) -> String {
        format!("(t0.xmin OPERATOR(pg_catalog.=) ANY ('{{{}}}'::pg_catalog.xid[])) IS NOT TRUE", self.ids)
    }
}

/// What is so of a row in which something is left.
pub(super) struct Standing {
    /// By column, the condition under which its value is still there; one without a column where the row
    /// itself should be gone.
    pub(super) values: Vec<(Option<String>, String)>,
    pub(super) unverifiable: Vec<String>,
}

impl Standing {
    pub(super) fn plan(
        collection: &Collection,
        schema: &LiveSchema,
        expected: Expected<'_>,
        parameters: &mut Parameters<'_>,
    ) -> Result<Self, PlanError> {
        let table = &collection.table;
        let (mut values, mut unverifiable) = (Vec::new(), Vec::new());
        match expected {
            Expected::Deleted => values.push((None, "TRUE".to_owned())),
            Expected::Unlinked(columns) => {
                for name in columns {
                    let column = sql::identifier(&sql::live_column(schema, table, name)?.name);
                    values.push((Some(name.clone()), format!("t0.{column} IS NOT NULL")));
                }
            }
            Expected::Anonymised { changes, key } => {
                let keyed = changes.iter().any(|change| change.token.has_check());
                let check = if keyed { parameters.secret(key.check()) } else { String::new() };
                for change in changes {
                    let (column, name) = (sql::live_column(schema, table, &change.column)?, &change.column);
                    let Residual { condition, decides } = strategy::residual(column, change, &check);
                    values.extend(condition.map(|condition| (Some(name.clone()), condition)));
                    if !decides {
                        unverifiable.push(name.clone());
                    }
                }
            }
        }
        Ok(Self { values, unverifiable })
    }

    /// That anything is left in a row.
    pub(super) fn stands(&self, written: &Written) -> String {
        let mut any: Vec<String> = self.values.iter().map(|(_, value)| format!("({value})")).collect();
        if !self.unverifiable.is_empty() {
            any.push(written.by_others());
        }
        if any.is_empty() { "FALSE".to_owned() } else { format!("({})", any.join(" OR ")) }
    }
}
