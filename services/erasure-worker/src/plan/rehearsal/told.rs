//! What a rehearsal found, in words: why nothing is erased and what would mend it, or what could not be
//! tried.

use chassis::StepError;
use connectors::erase::{Objection, Remainder, SampledPart, Unplanned, Unsampled};
use domain::erasure::document::{NotSampled, OutsideTrigger, Rehearsal};
use domain::schema::TableName;

use crate::failure::{refused, store_failed, trial_failed};

use super::stage::{Place, Stage};

/// So many tables are named in the reason of a refusal.
const SHOWN: usize = 5;

/// Why nothing is erased.
pub(super) fn refusal(objection: &Objection, stage: &Stage<'_>) -> StepError {
    match objection {
        Objection::Store(error) => store_failed(error),
        Objection::Journal(error) => {
            let told = format!(
                "the table lethe.journal of store `{}` cannot be written; `lethe data-map journal` prints what makes it",
                stage.store.name()
            );
            trial_failed(error, &told)
        }
        Objection::Statement { table, error } => trial_failed(error, &statement(table, stage)),
        Objection::AtEnd { trigger, error } => trial_failed(error, &at_end(trigger.as_ref())),
        Objection::Left(left) => {
            refused("erasure_refused", format!("nothing was erased: {}", put_back(left, stage)))
        }
        Objection::Unplanned { table, unplanned } => {
            let told = besides(table.as_ref(), unplanned, stage);
            refused("erasure_refused", format!("nothing was erased: {told}"))
        }
    }
}

fn statement(table: &TableName, stage: &Stage<'_>) -> String {
    let triggers = match quoted(&stage.triggers(table)) {
        None => String::new(),
        Some(names) => {
            format!(", or let its triggers that the data map allows ({names}) pass over the eraser's role")
        }
    };
    if stage.deletes(table) {
        return format!(
            "{table}: the server does not let its rows be deleted; anonymise them instead of deleting them{triggers}"
        );
    }
    format!(
        "{table}: the server does not take what would be written; name another strategy for the columns that this is \
         about{triggers}"
    )
}

fn at_end(trigger: Option<&(TableName, String)>) -> String {
    match trigger {
        Some((table, name)) => format!(
            "{table}: its trigger `{name}`, which may wait for the end of a transaction, does not let rows be erased: it \
             is not harmless, as `lethe: {{triggers: […]}}` says; let it pass over the eraser's role, or let the data map \
             keep or anonymise the rows that it asks for"
        ),
        None => "a constraint that is checked at the end of a transaction would not hold; keep the columns that it is \
                 about, or erase the rows that it is about together"
            .to_owned(),
    }
}

fn put_back(left: &[Remainder], stage: &Stage<'_>) -> String {
    let one = |Remainder { table, column, rows }: &Remainder| {
        let triggers = quoted(&stage.triggers(table)).unwrap_or_else(|| "none of its own".to_owned());
        match column {
            Some(column) => format!(
                "{table}.{column}: {rows} rows that were tried still hold values after their erasure; a trigger or a rule \
                 puts them back (those that fire: {triggers}), or the strategy gives what was there"
            ),
            None => format!(
                "{table}: {rows} rows that were tried are still there after their deletion; a trigger or a rule keeps \
                 them (those that fire: {triggers})"
            ),
        }
    };
    left.iter().take(SHOWN).map(one).collect::<Vec<_>>().join("; ")
}

fn besides(table: Option<&TableName>, unplanned: &[Unplanned], stage: &Stage<'_>) -> String {
    let what = match table {
        Some(table) => format!("erasing rows of {table}"),
        None => "the end of the erasing transaction".to_owned(),
    };
    let one = |unplanned: &Unplanned| {
        let Unplanned { table, planned, found } = unplanned;
        let inserts = found.inserted > planned.inserted;
        if inserts && found.updated == planned.updated && found.deleted == planned.deleted {
            let rows = found.inserted.saturating_sub(planned.inserted);
            format!(
                "{what} writes {rows} rows into {table}: a change history receives old values; let the trigger that \
                 writes them pass over the eraser's role, and name {table} in the data map, so that what it holds is \
                 erased"
            )
        } else {
            format!(
                "{what} does more than was planned: {unplanned}; stop what does it (a foreign key's action, a trigger or a rule), or let the data map do it"
            )
        }
    };
    let mut told = unplanned.iter().take(SHOWN).map(one).collect::<Vec<_>>().join("; ");
    if let Some(names) = table.and_then(|table| quoted(&stage.triggers(table))) {
        told.push_str(&format!(" (triggers that fire: {names})"));
    }
    told
}

fn quoted(names: &[&str]) -> Option<String> {
    let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    (!names.is_empty()).then(|| names.join(", "))
}

impl Stage<'_> {
    /// What a rehearsal that succeeded tells.
    pub(super) fn tried(&self, rows: u64, sampled: &[SampledPart], room: usize) -> Rehearsal {
        let not_sampled = self.places.iter().zip(sampled).filter_map(|(place, sampled)| {
            Some(NotSampled { table: place.planned.erasure.table.clone(), why: why(place, sampled, room)? })
        });
        let rows = i64::try_from(rows).unwrap_or(i64::MAX);
        self.told(rows, not_sampled.collect())
    }

    /// What is told when even a few rows took too long.
    pub(super) fn too_slow(&self) -> Rehearsal {
        let why = "to try a few rows took longer than 10 s, as it does where a foreign key that refers to deleted rows \
                   has no index";
        let one = |place: &Place<'_>| NotSampled {
            table: place.planned.erasure.table.clone(),
            why: why.to_owned(),
        };
        self.told(0, self.places.iter().map(one).collect())
    }

    fn told(&self, rows: i64, mut not_sampled: Vec<NotSampled>) -> Rehearsal {
        let outside = self.places.iter().flat_map(|place| &place.outside).map(|one| OutsideTrigger {
            table: one.table.clone(),
            trigger: one.trigger.clone(),
            why: one.why.clone(),
        });
        let mut outside: Vec<OutsideTrigger> = outside.collect();
        not_sampled.dedup();
        outside.dedup();
        Rehearsal { rows, not_sampled, outside }
    }
}

/// Why nothing was tried of a place, or too little.
fn why(place: &Place<'_>, sampled: &SampledPart, room: usize) -> Option<String> {
    let Some(why) = sampled.unsampled else {
        let names: Vec<&str> = place.triggers.iter().map(String::as_str).collect();
        let names = quoted(&names).filter(|_| !sampled.all && !sampled.keys.is_empty())?;
        let rows = sampled.keys.len();
        return Some(format!(
            "only {rows} of its rows were tried, and its triggers ({names}) may object to others"
        ));
    };
    Some(match why {
        Unsampled::Whole => format!(
            "its rows refer to each other and go together, and there is no room for all of them among the {room} that are \
             tried"
        ),
        Unsampled::Referred => format!(
            "too many rows refer to each that was looked at to try them with it (at most {room} at once), or such as \
             cannot be tried"
        ),
        Unsampled::Full => format!("other tables have taken up the {room} rows that are tried"),
        Unsampled::Outside => "a trigger of it may do what no rollback undoes".to_owned(),
        Unsampled::NoKey => "it has no primary key".to_owned(),
    })
}
