//! The live check: does the data map agree with the schema that is really there?
//!
//! Everything is found at once and before any job runs; each finding names its path and what would
//! mend it. What only erasure needs does not stand in the way of an export: a person's right of
//! access does not wait for a strategy.

mod erasure;
mod indexes;
mod inheritance;
mod times;

use std::collections::{BTreeMap, BTreeSet};

use crate::schema::{LiveSchema, Table, TableName, TypeFamily};

use super::model::{Collection, DataMap, Dataset, Erase, Field, Position};

/// One disagreement between the data map and a subject store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Where the map says it.
    pub position: Position,
    /// `dataset.collection` or `dataset.collection.field`.
    pub path: String,
    /// What is wrong, and what would be right.
    pub message: String,
    /// What cannot be done until it is mended.
    pub blocks: Blocks,
}

/// What a finding stands in the way of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Blocks {
    /// Nothing: worth knowing.
    Nothing,
    /// Erasure.
    Erasure,
    /// Every job.
    Everything,
}

impl Blocks {
    /// The severity in a report.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Nothing => "note",
            Self::Erasure => "error (erasure)",
            Self::Everything => "error",
        }
    }
}

impl std::fmt::Display for Finding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}: {}: {}", self.position, self.path, self.blocks.name(), self.message)
    }
}

/// Compares the map with the live schemas of its stores, keyed by store name.
///
/// A store without a schema in `live` is one finding for each of its datasets.
#[must_use]
pub fn check(map: &DataMap, live: &BTreeMap<String, LiveSchema>) -> Vec<Finding> {
    let mut findings = Vec::new();
    if map.organisation().is_none() {
        let position = map.datasets.first().and_then(|d| d.collections.first()).map(|c| c.position);
        findings.push(Finding {
            position: position.unwrap_or_default(),
            path: map.datasets.first().map(|d| d.key.clone()).unwrap_or_default(),
            message: "no dataset says which table holds the organisations; add `lethe: {organisation: {collection: …, key: …}}` to one".to_owned(),
            blocks: Blocks::Everything,
        });
    }
    for dataset in &map.datasets {
        match live.get(&dataset.store) {
            Some(schema) => {
                findings.extend(schema.without_encoding.then(|| without_encoding(dataset)));
                check_dataset(dataset, schema, &mut findings);
            }
            None => findings.push(Finding {
                position: dataset.collections.first().map(|c| c.position).unwrap_or_default(),
                path: dataset.key.clone(),
                message: format!("no connection to the store `{}` is configured", dataset.store),
                blocks: Blocks::Everything,
            }),
        }
    }
    indexes::check(map, live, &mut findings);
    findings.sort_by(|a, b| (a.position, &a.path).cmp(&(b.position, &b.path)));
    findings
}

/// A server that does not know its text's encoding compares, cuts and counts bytes where we do characters.
fn without_encoding(dataset: &Dataset) -> Finding {
    Finding {
        position: dataset.collections.first().map(|c| c.position).unwrap_or_default(),
        path: dataset.key.clone(),
        message: format!(
            "the database of the store `{}` has the encoding SQL_ASCII: it takes any bytes for text, so that nobody can tell letters from each other, and a text that is no UTF-8 stops a job half-way; dump it and load it into a database with the encoding UTF8",
            dataset.store
        ),
        blocks: Blocks::Erasure,
    }
}

fn check_dataset(dataset: &Dataset, schema: &LiveSchema, findings: &mut Vec<Finding>) {
    let all = || dataset.collections.iter().filter(|collection| !collection.skipped);
    let checked: BTreeSet<&TableName> = all().map(|collection| &collection.table).collect();
    for collection in all() {
        let path = format!("{}.{}", dataset.key, collection.name);
        let mut checker = Checker { collection, path, schema, checked: &checked, findings };
        let Some(table) = schema.tables.get(&collection.table) else {
            let name = &collection.table;
            checker.report(Blocks::Everything, format!("there is no table {name} that the role can read; grant SELECT, correct the name, or set `fides_meta: {{skip_processing: true}}`"));
            continue;
        };
        checker.columns(table);
        checker.inheritance(table);
        checker.tenant();
        checker.primary_key(table);
        if collection.erase == Erase::Anonymise {
            checker.strategies(table);
        }
        checker.unmapped(table);
    }
    if let Some(root) = &dataset.organisation
        && let Some(collection) = dataset.collection(&root.collection)
        && let Some(table) = schema.tables.get(&collection.table)
    {
        let path = format!("{}.lethe.organisation", dataset.key);
        let mut checker = Checker { collection, path, schema, checked: &checked, findings };
        for column in [Some(&root.key), root.name.as_ref(), root.soft_delete.as_ref()].into_iter().flatten() {
            checker.column(table, column);
        }
        if !table.unique_alone(&root.key) {
            checker.report(
                Blocks::Everything,
                format!(
                    "the key `{}` is not unique in {}; an organisation's key must be",
                    root.key, collection.table
                ),
            );
        }
    }
}

const MISNAMED: &str = "; correct the name, grant SELECT on it, or take the field out of the map";

struct Checker<'a> {
    collection: &'a Collection,
    path: String,
    schema: &'a LiveSchema,
    /// The tables of the dataset's collections that are checked.
    checked: &'a BTreeSet<&'a TableName>,
    findings: &'a mut Vec<Finding>,
}

impl Checker<'_> {
    fn report(&mut self, blocks: Blocks, message: String) {
        let (position, path) = (self.collection.position, self.path.clone());
        self.findings.push(Finding { position, path, message, blocks });
    }

    fn report_field(&mut self, field: &Field, blocks: Blocks, message: String) {
        let path = format!("{}.{}", self.path, field.name);
        self.findings.push(Finding { position: field.position, path, message, blocks });
    }

    fn column(&mut self, table: &Table, name: &str) {
        if table.column(name).is_none() {
            let table_name = &self.collection.table;
            let near = nearest(name, table).map(|near| format!("; is `{near}` meant?")).unwrap_or_default();
            self.report(Blocks::Everything, format!("there is no column `{name}` in {table_name}{near}"));
        }
    }

    fn columns(&mut self, table: &Table) {
        let collection = self.collection;
        for field in &collection.fields {
            if table.column(&field.name).is_none() {
                let near = nearest(&field.name, table)
                    .map_or_else(|| MISNAMED.to_owned(), |near| format!("; is `{near}` meant?"));
                self.report_field(
                    field,
                    Blocks::Everything,
                    format!("there is no such column in {} that the role can read{near}", collection.table),
                );
            }
        }
        for column in collection.media.iter().flat_map(|m| std::iter::once(&m.key).chain(&m.bucket_column)) {
            self.name_column(table, column);
        }
        let oauth = collection.oauth.iter().flat_map(|o| {
            std::iter::once(&o.provider).chain(&o.access_token).chain(&o.refresh_token).chain(&o.subject)
        });
        for column in oauth {
            self.column(table, column);
        }
        self.times(table);
    }

    /// A column whose values are parts of an object's address, and have one text each.
    fn name_column(&mut self, table: &Table, name: &str) {
        let texts = [TypeFamily::Text, TypeFamily::Uuid, TypeFamily::Enum];
        match table.column(name) {
            Some(column) if !texts.contains(&column.family) => {
                let sql_type = &column.sql_type;
                let message = format!(
                    "the column `{name}` is {sql_type}; the key and the bucket of media must be text"
                );
                self.report(Blocks::Everything, message);
            }
            Some(_) => {}
            None => self.column(table, name),
        }
    }

    fn tenant(&mut self) {
        let collection = self.collection;
        let Some(path) = &collection.tenant else {
            let referring: Vec<&str> = collection
                .fields
                .iter()
                .filter(|f| !f.references.is_empty())
                .map(|f| f.name.as_str())
                .collect();
            let candidates = match referring.as_slice() {
                [] => String::new(),
                names => format!(" (fields with references: {})", names.join(", ")),
            };
            self.report(Blocks::Everything, format!("it leads to no organisation; add `lethe: {{tenant: <column>}}`{candidates}, or set `fides_meta: {{skip_processing: true}}`"));
            return;
        };
        let mut table = &collection.table;
        for hop in &path.hops {
            self.columns_of(table, &hop.columns);
            if !self.schema.tables.contains_key(&hop.target) {
                let name = &hop.target;
                return self.report(
                    Blocks::Everything,
                    format!("its tenant leads through {name}, which the role cannot read"),
                );
            }
            self.columns_of(&hop.target, &hop.target_columns);
            self.inheritance_on_the_way(&hop.target);
            table = &hop.target;
        }
        self.columns_of(table, std::slice::from_ref(&path.key_column));
    }

    fn columns_of(&mut self, name: &TableName, columns: &[String]) {
        let Some(table) = self.schema.tables.get(name) else {
            return;
        };
        for column in columns.iter().filter(|column| table.column(column).is_none()) {
            self.report(
                Blocks::Everything,
                format!("its tenant leads through {name}.{column}, but there is no such column"),
            );
        }
    }

    fn unmapped(&mut self, table: &Table) {
        let unknown: Vec<&str> = table
            .columns
            .iter()
            .filter(|column| self.collection.field(&column.name).is_none())
            .map(|column| column.name.as_str())
            .collect();
        if !unknown.is_empty() {
            let names = unknown.join(", ");
            self.report(Blocks::Nothing, format!("columns that the map does not name are left out of exports and untouched by erasure: {names}"));
        }
    }
}

/// A column whose name differs only in case or in underscores, the usual slip.
fn nearest<'a>(name: &str, table: &'a Table) -> Option<&'a str> {
    let plain = |text: &str| text.replace('_', "").to_lowercase();
    table.columns.iter().map(|c| c.name.as_str()).find(|candidate| plain(candidate) == plain(name))
}
