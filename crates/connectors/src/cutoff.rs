//! Which rows were made before a cutoff: the one place that says so in SQL.
//!
//! Rows without a time count as made before, and so do those whose time is `infinity`, which tells nothing.
//! A column without a time zone shows what a clock showed. Where the data map names its zone, that is the
//! clock's; where it names none, the row was made before if it was so in any zone of the world.

use chrono::{DateTime, TimeDelta, Utc};
use domain::datamap::{Collection, RowTime};
use domain::schema::{LiveSchema, TableName, TypeFamily};

use crate::sql::{self, PlanError};

/// No clock of the world is further ahead of UTC.
const FURTHEST_AHEAD: &str = "'14 hours'::pg_catalog.interval";
/// A clock that was put back shows for a while what it has shown before. None is put back by more.
const PUT_BACK: &str = "'3 hours'::pg_catalog.interval";
/// A column without fractions of a second rounds to the nearest one.
const HALF_A_SECOND: &str = "'0.5 seconds'::pg_catalog.interval";

/// Up to when rows count.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cutoff {
    at: DateTime<Utc>,
    /// Whether rows count whose time has not come when they are read: they are there, so that their clock
    /// was wrong.
    not_yet: bool,
}

impl Cutoff {
    /// Of an erasure: a row whose time has not come stays, and is reported.
    pub(crate) fn of_erasure(at: DateTime<Utc>) -> Self {
        Self { at, not_yet: false }
    }

    /// Of an export: a row whose time has not come is exported.
    pub(crate) fn of_export(at: DateTime<Utc>) -> Self {
        Self { at, not_yet: true }
    }

    /// The condition under which a row of the table, aliased `t0`, was made before; it is never NULL.
    pub(crate) fn met(
        self,
        time: &RowTime,
        (schema, table): (&LiveSchema, &TableName),
    ) -> Result<String, PlanError> {
        let column = sql::live_column(schema, table, &time.column)?;
        let cast = match column.family {
            TypeFamily::TimestampTz => "timestamptz",
            TypeFamily::Timestamp => "timestamp",
            TypeFamily::Date => "date",
            _ => return Err(PlanError::NotATime { table: table.clone(), column: column.name.clone() }),
        };
        let name = format!("t0.{}", sql::identifier(&column.name));
        let zone = time.zone.as_deref();
        // What is a constant is computed once, and tells the planner how many rows there are.
        let put_back = self.at.checked_sub_signed(TimeDelta::hours(3)).unwrap_or(self.at);
        let mut until = shown(column.family, zone, (&moment(self.at), &moment(put_back)));
        if column.sql_type.contains('(') {
            // A column of fewer digits rounds what it is given, and so is the cutoff.
            until = format!("({until})::{}", column.sql_type);
        } else if column.family != TypeFamily::Date && !column.sql_type.starts_with("timestamp ") {
            // A domain does not say how many digits it has; none rounds by more.
            until = format!("({until} OPERATOR(pg_catalog.+) {HALF_A_SECOND})");
        }
        let mut met = format!(
            "({name} OPERATOR(pg_catalog.<=) {until} OR {name} IS NULL \
             OR {name} OPERATOR(pg_catalog.=) 'infinity'::pg_catalog.{cast}"
        );
        if self.not_yet {
            let (now, earlier) =
                ("pg_catalog.now()", format!("(pg_catalog.now() OPERATOR(pg_catalog.-) {PUT_BACK})"));
            let now = shown(column.family, zone, (now, &earlier));
            met.push_str(&format!(" OR {name} OPERATOR(pg_catalog.>) {now}"));
        }
        met.push(')');
        Ok(met)
    }
}

/// The condition under which a row `t0` was made before the cutoff, where there is one and the map names a
/// creation time; it is never NULL.
pub(crate) fn made_by(
    collection: &Collection,
    schema: &LiveSchema,
    cutoff: Option<Cutoff>,
) -> Result<Option<String>, PlanError> {
    let Some((time, cutoff)) = collection.created_at.as_ref().zip(cutoff) else { return Ok(None) };
    cutoff.met(time, (schema, &collection.table)).map(Some)
}

/// Microseconds are what PostgreSQL has.
fn moment(at: DateTime<Utc>) -> String {
    format!("{}::pg_catalog.timestamptz", sql::literal(&at.format("%Y-%m-%d %H:%M:%S%.6f+00").to_string()))
}

/// The latest that a column of this type can show of what was made by a moment. The session's time zone is
/// UTC.
fn shown(family: TypeFamily, zone: Option<&str>, (moment, put_back): (&str, &str)) -> String {
    if family == TypeFamily::TimestampTz {
        return moment.to_owned();
    }
    let later = |time: String, by: &str| format!("{time} OPERATOR(pg_catalog.+) {by}");
    let clock = match zone.map(sql::literal) {
        None => format!("({})", later(format!("pg_catalog.timezone('UTC', {moment})"), FURTHEST_AHEAD)),
        Some(zone) => format!(
            "GREATEST(pg_catalog.timezone({zone}, {moment}), {})",
            later(format!("pg_catalog.timezone({zone}, {put_back})"), PUT_BACK)
        ),
    };
    if family == TypeFamily::Date { format!("{clock}::pg_catalog.date") } else { clock }
}
