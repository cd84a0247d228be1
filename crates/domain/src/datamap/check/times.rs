//! Columns that hold times, and whose.

use super::{Blocks, Checker};
use crate::datamap::RowTime;
use crate::schema::{Table, TypeFamily};

impl Checker<'_> {
    pub(super) fn times(&mut self, table: &Table) {
        let collection = self.collection;
        if let Some(time) = &collection.created_at {
            self.time_column(table, &time.column);
            self.zone(table, time);
        }
        if let Some(retention) = &collection.retention {
            self.time_column(table, &retention.timestamp);
        }
    }

    fn time_column(&mut self, table: &Table, name: &str) {
        let times = [TypeFamily::Timestamp, TypeFamily::TimestampTz, TypeFamily::Date];
        match table.column(name) {
            Some(column) if !times.contains(&column.family) => {
                let sql_type = &column.sql_type;
                self.report(
                    Blocks::Everything,
                    format!("the column `{name}` is {sql_type}; a time must be a timestamp or a date"),
                );
            }
            Some(_) => {}
            None => self.column(table, name),
        }
    }

    /// A column without a zone says what a clock showed, and not where it hung.
    fn zone(&mut self, table: &Table, RowTime { column: name, zone }: &RowTime) {
        let Some(column) = table.column(name) else { return };
        let naive = [TypeFamily::Timestamp, TypeFamily::Date].contains(&column.family);
        match zone {
            None if naive => {
                let sql_type = &column.sql_type;
                self.report(Blocks::Nothing, format!(
                    "the column `{name}` is {sql_type} and nothing says of which time zone: until then a row counts as made before a cutoff where it was so in any zone of the world, and rows that are written while an erasure runs count so for up to 26 hours and keep it from completing; name the zone that the application writes with `created_at: {{column: {name}, zone: Europe/Berlin}}`, or `lethe: {{zone: …}}` for the whole dataset"
                ));
            }
            Some(zone) if self.schema.unknown_zones.contains(zone) => {
                self.report(Blocks::Everything, format!(
                    "the server knows no time zone `{zone}`; name one of pg_timezone_names, as Europe/Berlin"
                ));
            }
            None | Some(_) => {}
        }
    }
}
