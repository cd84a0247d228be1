//! One person erased as planned, from the identity to the verification.

use std::collections::BTreeMap;

use connectors::erase::{
    Batch, BatchId, EraseScope, EraseStatement, Expected, PseudonymKey, Remainder, Rows, SubjectRead,
    SubjectRows, Verification, journal_ddl, run_batch, verify,
};
use domain::erasure::facts::StoreFacts;
use domain::erasure::{CollectionErasure, Identity, Obstacle, RowAction, SubjectErasurePlan, plan_subject};
use domain::id::{JobId, OrganisationId, StepNo};
use domain::schema::LiveSchema;
use uuid::Uuid;

use crate::erase::support::KEY;
use crate::support::{Bench, TestDatabase, far_future};

/// A store whose map names one dataset, `shop`.
pub struct People {
    pub database: TestDatabase,
    pub bench: Bench,
    organisation: OrganisationId,
}

/// What an erasure did.
pub struct Done {
    pub rows: SubjectRows,
    /// How many rows changed, by `collection action`.
    pub changed: BTreeMap<String, u64>,
    pub remainders: Vec<Remainder>,
}

impl People {
    pub async fn new(tables: &str, map: &str, organisation: &str) -> Self {
        let database = TestDatabase::with(tables).await;
        let user: String = database.client.query_one("SELECT current_user::text", &[]).await.unwrap().get(0);
        database.client.batch_execute(&journal_ddl(&user)).await.unwrap();
        let bench = Bench::new(database.store(), map).await;
        Self { database, bench, organisation: OrganisationId::parse(organisation).unwrap() }
    }

    pub async fn known(&self) -> (BTreeMap<String, LiveSchema>, BTreeMap<String, StoreFacts>) {
        let collections = self.bench.map.datasets[0].collections.iter();
        let tables: Vec<_> = collections.map(|collection| collection.table.clone()).collect();
        let facts = self.bench.store.facts(&tables).await.unwrap();
        let store = || "shop".to_owned();
        (BTreeMap::from([(store(), self.bench.schema.clone())]), BTreeMap::from([(store(), facts)]))
    }

    pub async fn plan(&self, identity_type: &str) -> Result<SubjectErasurePlan, Vec<Obstacle>> {
        let (live, facts) = self.known().await;
        plan_subject(&self.bench.map, &live, &facts, identity_type)
    }

    /// Erases the person; `job` keeps the journals of several erasures apart.
    pub async fn erase(&self, job: u128, identity_type: &str, value: &str) -> Done {
        let planned = self.plan(identity_type).await.unwrap_or_else(|obstacles| {
            panic!("{:#?}", obstacles.iter().map(ToString::to_string).collect::<Vec<_>>())
        });
        let (map, schema) = (&self.bench.map, &self.bench.schema);
        let read =
            SubjectRead::plan(&planned.traversal, map, ("shop", schema), &self.organisation, far_future());
        let transaction = self.bench.store.begin_read().await.unwrap();
        let identity = Identity::parse(identity_type, value).unwrap();
        let rows = transaction.resolve(&read.unwrap(), &identity).await.unwrap();
        transaction.finish().await.unwrap();
        let (mut changed, mut checks, key) = (BTreeMap::new(), Vec::new(), PseudonymKey::new(&KEY));
        let erasures = planned.plan.waves.iter().flatten();
        for (number, erasure) in (0..).zip(erasures.filter(|erasure| !rows.of(erasure).is_empty())) {
            let id = BatchId { job: JobId(Uuid::from_u128(job)), step: StepNo(1), batch: number };
            let erased = self.carry_out(id, (erasure, &key), &rows, &mut checks).await;
            *changed.entry(format!("{} {}", erasure.table.table, word(&erasure.action))).or_default() +=
                erased;
        }
        let remainders = verify(&self.database.config(""), &checks).await.unwrap();
        Done { rows, changed, remainders }
    }

    async fn carry_out<'k>(
        &self,
        id: BatchId,
        (erasure, key): (&'k CollectionErasure, &'k PseudonymKey),
        rows: &SubjectRows,
        checks: &mut Vec<Verification>,
    ) -> u64 {
        let (collection, schema) =
            (self.bench.map.collection(&erasure.collection).unwrap(), &self.bench.schema);
        let scope = EraseScope {
            exclusive: erasure.exclusive,
            guards: &erasure.guards,
            ..EraseScope::all(&self.organisation, far_future())
        };
        let rows = Rows::Keys(rows.of(erasure));
        let (statement, expected) = match &erasure.action {
            RowAction::Delete => {
                (EraseStatement::delete(collection, schema, &scope, &rows), Expected::Deleted)
            }
            RowAction::Anonymise(changes) => (
                EraseStatement::anonymise(collection, schema, &scope, &rows, changes, key),
                Expected::Anonymised { changes, key },
            ),
            RowAction::Unlink(columns) => (
                EraseStatement::unlink(collection, schema, &scope, &rows, columns),
                Expected::Unlinked(columns),
            ),
        };
        checks.push(Verification::plan(collection, schema, &scope, &rows, expected).unwrap());
        let statement = statement.unwrap();
        let run = Batch { id, statements: std::slice::from_ref(&statement) };
        run_batch(&self.bench.store, &run).await.unwrap().rows
    }

    /// Every row of every table, by table and primary key as one text.
    pub async fn everything(&self) -> BTreeMap<String, String> {
        let mut everything = BTreeMap::new();
        for (name, table) in &self.bench.schema.tables {
            let key: Vec<String> = table.primary_key.iter().map(|name| format!("\"{name}\"::text")).collect();
            let key = if key.is_empty() { "t::text".to_owned() } else { key.join(" || ',' || ") };
            let sql = format!("SELECT {key}, t::text FROM \"{}\" t", name.table);
            for row in self.database.client.query(&sql, &[]).await.unwrap() {
                everything.insert(format!("{} {}", name.table, row.get::<_, String>(0)), row.get(1));
            }
        }
        everything
    }

    /// The first column of a query, NULL for NULL.
    pub async fn texts(&self, sql: &str) -> Vec<String> {
        let rows = self.database.client.query(sql, &[]).await.unwrap();
        rows.iter().map(|row| row.get::<_, Option<String>>(0).unwrap_or("NULL".to_owned())).collect()
    }
}

/// The rows that are not as they were, or not there.
pub fn differing(before: &BTreeMap<String, String>, after: &BTreeMap<String, String>) -> Vec<String> {
    let changed =
        before.iter().filter(|(name, row)| after.get(*name) != Some(row)).map(|(name, _)| name.clone());
    let new = after.keys().filter(|name| !before.contains_key(*name)).cloned();
    changed.chain(new).collect()
}

fn word(action: &RowAction) -> &'static str {
    match action {
        RowAction::Delete => "deleted",
        RowAction::Anonymise(_) => "anonymised",
        RowAction::Unlink(_) => "unlinked",
    }
}
