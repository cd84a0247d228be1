//! What only erasure needs of the live schema: a key to address rows by, and strategies that fit.

use super::{Blocks, Checker};
use crate::datamap::{Strategy, category};
use crate::schema::Table;

/// What is said of a key that is personal data.
const KEY: &str = "the primary key holds personal data, and no erasure changes a key: it would stay, here and in every row that refers; let the rows be deleted with `lethe: {erase: delete}`, give the table a key that says nothing of anybody, or say that it stays with `lethe: {strategy: keep}`, and plans and results will list it";

impl Checker<'_> {
    pub(super) fn primary_key(&mut self, table: &Table) {
        let declared: Vec<&str> =
            self.collection.fields.iter().filter(|f| f.primary_key).map(|f| f.name.as_str()).collect();
        let mut live: Vec<&str> = table.primary_key.iter().map(String::as_str).collect();
        let mut sorted = declared.clone();
        live.sort_unstable();
        sorted.sort_unstable();
        if declared.is_empty() && live.is_empty() {
            self.report(
                Blocks::Erasure,
                "the table has no primary key, and erasure needs one to address its rows; add one to the table".to_owned(),
            );
        } else if !declared.is_empty() && !live.is_empty() && live != sorted {
            self.report(
                Blocks::Erasure,
                format!(
                    "the map's primary key ({}) is not the table's ({})",
                    declared.join(", "),
                    table.primary_key.join(", ")
                ),
            );
        }
    }

    pub(super) fn strategies(&mut self, table: &Table) {
        for field in &self.collection.fields {
            let Some(column) = table.column(&field.name) else {
                continue;
            };
            let distinct = table.must_stay_distinct(&field.name);
            let personal = field.data_categories.iter().any(|c| category::personal(c));
            let is_key = field.primary_key || table.primary_key.contains(&field.name);
            match &field.strategy {
                Some(strategy) => {
                    if let Some(reason) = strategy.misfit(column, distinct) {
                        let name = strategy.name();
                        self.report_field(
                            field,
                            Blocks::Erasure,
                            format!(
                                "the strategy `{name}` cannot apply: {reason}; {}",
                                Strategy::fitting(column, distinct)
                            ),
                        );
                    }
                }
                None if personal && is_key => self.report_field(field, Blocks::Erasure, KEY.to_owned()),
                None if personal
                    && category::default_strategy(&field.data_categories, column, distinct).is_none() =>
                {
                    let sql_type = &column.sql_type;
                    self.report_field(field, Blocks::Erasure, format!("it holds personal data, and no default strategy fits a column of type {sql_type} with its constraints; {}", Strategy::fitting(column, distinct)));
                }
                None => {}
            }
        }
    }
}
