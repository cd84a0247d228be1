//! A schema in few words, and the map over it.

use std::collections::BTreeMap;

use crate::datamap::DataMap;
use crate::erasure::facts::{ForeignKey, ReferentialAction, StoreFacts, TableFacts, Trigger};
use crate::erasure::{ErasurePlan, Obstacle, RowAction, plan};
use crate::schema::{LiveColumn, LiveSchema, Table, TableName, TypeFamily};

/// A store with its map, to be varied before it is planned.
pub struct Shop {
    pub yaml: String,
    pub schema: LiveSchema,
    pub facts: StoreFacts,
}

pub fn name(table: &str) -> TableName {
    TableName { schema: "public".to_owned(), table: table.to_owned() }
}

impl Shop {
    /// The organisations' table alone; its title is anonymised.
    pub fn new() -> Self {
        let yaml = "dataset:
- fides_key: shop
  lethe:
    organisation: {collection: branch, key: code, name: title}
  collections:
  - name: branch
    fields:
    - {name: code, fides_meta: {primary_key: true}}
    - {name: title, lethe: {strategy: {constant: {value: Erased}}}}
";
        let shop =
            Self { yaml: yaml.to_owned(), schema: LiveSchema::default(), facts: StoreFacts::default() };
        shop.table("branch", &["code!", "title"])
    }

    /// A table of text columns, the first of which is the key; `!` marks NOT NULL.
    pub fn table(mut self, table: &str, columns: &[&str]) -> Self {
        let live: Vec<LiveColumn> = columns
            .iter()
            .map(|text| LiveColumn {
                name: text.trim_end_matches('!').to_owned(),
                sql_type: "text".to_owned(),
                family: TypeFamily::Text,
                not_null: text.ends_with('!'),
                generated: false,
                equality: crate::schema::Equality::Exact,
            })
            .collect();
        let key = vec![live[0].name.clone()];
        let facts = TableFacts {
            updatable: live.iter().map(|column| column.name.clone()).collect(),
            deletable: true,
            writable_kind: true,
            ..TableFacts::default()
        };
        self.schema.tables.insert(name(table), Table { columns: live, primary_key: key, ..Table::default() });
        self.facts.tables.insert(name(table), facts);
        self
    }

    /// A collection of the map: what stands under its `lethe:`, and its fields.
    pub fn collection(mut self, table: &str, lethe: &str, fields: &[&str]) -> Self {
        self.yaml.push_str(&format!("  - name: {table}\n    lethe: {{{lethe}}}\n    fields:\n"));
        for field in fields {
            self.yaml.push_str(&format!("    - {{{field}}}\n"));
        }
        self
    }

    /// A foreign key `table.column` → the first column of `target`.
    pub fn reference(
        mut self,
        table: &str,
        column: &str,
        target: &str,
        on_delete: ReferentialAction,
    ) -> Self {
        let key = ForeignKey {
            name: format!("{table}_{column}_fkey"),
            columns: vec![column.to_owned()],
            target: name(target),
            target_columns: vec![self.schema.tables[&name(target)].columns[0].name.clone()],
            on_delete,
            on_update: ReferentialAction::Refuse,
        };
        self.facts(table).foreign_keys.push(key);
        self
    }

    pub fn trigger(mut self, table: &str, trigger: Trigger) -> Self {
        self.facts(table).triggers.push(trigger);
        self
    }

    pub fn facts(&mut self, table: &str) -> &mut TableFacts {
        self.facts.tables.entry(name(table)).or_default()
    }

    pub fn plan(&self) -> Result<ErasurePlan, Vec<Obstacle>> {
        let map = DataMap::parse(&self.yaml).unwrap();
        let live = BTreeMap::from([("shop".to_owned(), self.schema.clone())]);
        plan(&map, &live, &BTreeMap::from([("shop".to_owned(), self.facts.clone())]))
    }

    /// The waves in words, as `customer: delete`.
    pub fn waves(&self) -> Vec<Vec<String>> {
        let words = |action: &RowAction| match action {
            RowAction::Delete => "delete".to_owned(),
            RowAction::Unlink(columns) => format!("unlink {}", columns.join(", ")),
            RowAction::Anonymise(changes) => {
                let columns: Vec<&str> = changes.iter().map(|change| change.column.as_str()).collect();
                format!("anonymise {}", columns.join(", "))
            }
        };
        let plan = self.plan().unwrap();
        plan.waves
            .iter()
            .map(|wave| {
                wave.iter().map(|done| format!("{}: {}", done.table.table, words(&done.action))).collect()
            })
            .collect()
    }

    /// The obstacles in words.
    pub fn obstacles(&self) -> Vec<String> {
        self.plan().err().unwrap_or_default().iter().map(ToString::to_string).collect()
    }
}
