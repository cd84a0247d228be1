//! What a plan decides, as one text: what its hash is taken over.

use std::fmt::{self, Write as _};

use uuid::Uuid;

use crate::anonymise::TokenForm;
use crate::datamap::{Collection, DataMap};
use crate::id::OrganisationId;

use super::change::FieldChange;
use super::document::{CollectionPlan, Objects};
use super::plan::{CollectionErasure, RowAction};

/// What a plan decides.
#[derive(Debug, Clone, Copy)]
pub struct Decided<'a> {
    /// Whose rows.
    pub organisation: &'a OrganisationId,
    /// Which of them, without saying who anybody is.
    pub whose: &'a str,
    /// How rows are found.
    pub map: &'a DataMap,
    /// What is done to them.
    pub waves: &'a [Vec<CollectionErasure>],
    /// Tokens to be revoked and erased.
    pub tokens: &'a [Objects],
    /// Media objects to be deleted.
    pub media: &'a [Objects],
    /// How many rows are changed, and how many stay.
    pub collections: &'a [CollectionPlan],
    /// The holds in effect.
    pub holds: &'a [Uuid],
}

/// One text in which no two plans are alike: what `plan_hash` is taken over.
#[must_use]
pub fn decided(plan: &Decided<'_>) -> String {
    let mut text = String::new();
    // A String takes whatever is written.
    write_all(plan, &mut text).ok();
    text
}

fn write_all(plan: &Decided<'_>, text: &mut String) -> fmt::Result {
    writeln!(text, "lethe plan 2\norganisation {:?}\nscope {:?}", plan.organisation.as_str(), plan.whose)?;
    for (what, counts) in [("tokens", plan.tokens), ("media", plan.media)] {
        for Objects { collection, count } in counts {
            writeln!(text, "{what} {collection:?} {count}")?;
        }
    }
    for dataset in &plan.map.datasets {
        for collection in dataset.collections.iter().filter(|collection| !collection.skipped) {
            write_way((&dataset.key, &dataset.store), collection, text)?;
        }
    }
    for (wave, erasure) in
        plan.waves.iter().enumerate().flat_map(|(at, wave)| wave.iter().map(move |e| (at, e)))
    {
        write_rows(wave, erasure, text)?;
    }
    for counted in plan.collections {
        write_count(counted, text)?;
    }
    let mut holds = plan.holds.to_vec();
    holds.sort_unstable();
    holds.iter().try_for_each(|hold| writeln!(text, "hold {hold}"))
}

/// How rows of a collection lead to their organisation and to persons.
fn write_way((dataset, store): (&str, &str), collection: &Collection, text: &mut String) -> fmt::Result {
    let Collection { name, tenant, created_at, ownership, fields, .. } = collection;
    writeln!(text, "way {dataset:?} {name:?} {store:?} {tenant:?} {created_at:?} {ownership:?}")?;
    for field in fields.iter().filter(|field| field.identity.is_some() || !field.references.is_empty()) {
        writeln!(text, "leads {:?} {:?} {:?}", field.name, field.identity, field.references)?;
    }
    Ok(())
}

fn write_rows(wave: usize, erasure: &CollectionErasure, text: &mut String) -> fmt::Result {
    let CollectionErasure { collection, store, table, action, exclusive, threads, guards, .. } = erasure;
    let (schema, name, action_name) = (&table.schema, &table.table, action.name());
    writeln!(text, "rows {wave} {collection:?} {store:?} {schema:?} {name:?} {action_name} {exclusive}")?;
    for (what, keys) in [("thread", threads), ("guard", guards)] {
        keys.iter().try_for_each(|key| writeln!(text, "{what} {key:?}"))?;
    }
    match action {
        RowAction::Delete => Ok(()),
        RowAction::Anonymise(changes) => {
            for FieldChange { column, strategy, token } in changes {
                // The first two have no word, as when there were no others.
                let form = match token {
                    TokenForm::Plain | TokenForm::Checked => "",
                    TokenForm::CheckedByRow => " by row",
                    TokenForm::CheckedUnlessTaken => " unless taken",
                };
                writeln!(text, "column {column:?} {strategy:?}{form}")?;
            }
            Ok(())
        }
        RowAction::Unlink(columns) => columns.iter().try_for_each(|name| writeln!(text, "column {name:?}")),
    }
}

fn write_count(counted: &CollectionPlan, text: &mut String) -> fmt::Result {
    let CollectionPlan { collection, action, rows, shared, referred, later, retained, .. } = counted;
    writeln!(text, "count {collection:?} {action} {rows} {shared} {referred} {later}")?;
    retained.iter().try_for_each(|kept| writeln!(text, "kept {} {}", kept.hold, kept.rows))
}

#[cfg(test)]
mod tests;
