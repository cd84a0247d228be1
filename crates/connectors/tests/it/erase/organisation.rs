//! One organisation of the sample company erased by its plan: facts, order, statements, verification.

use std::collections::BTreeMap;

use connectors::erase::{
    Batch, EraseScope, EraseStatement, Expected, PseudonymKey, Rows, Verification, journal_ddl, run_batch,
    verify,
};
use connectors::{KeyRange, SubjectStore};
use domain::erasure::{CollectionErasure, ErasurePlan, RowAction, plan};
use domain::id::OrganisationId;
use tokio_postgres::Client;
use uuid::Uuid;

use crate::erase::support::{KEY, batch};
use crate::support::{Bench, TestDatabase, far_future};

/// The sample company, and a store reached as the eraser of its roles.
struct Company {
    database: TestDatabase,
    bench: Bench,
    organisations: Vec<Uuid>,
}

impl Company {
    async fn with(rows: &[u64]) -> Self {
        let mut database = TestDatabase::with(sample::SCHEMA_SQL).await;
        database.client.batch_execute(sample::ROLES_SQL).await.unwrap();
        let scale = sample::Scale::organisations_of_rows(rows);
        let seeded = sample::seed(&mut database.client, &scale, 7, |_| {}).await.unwrap();
        database.client.batch_execute(&journal_ddl("vantage_eraser")).await.unwrap();
        let eraser = SubjectStore::connect(&database.config("options=-c%20role%3Dvantage_eraser")).unwrap();
        let bench = Bench::new(eraser, sample::DATA_MAP).await;
        let organisations = seeded.organisations.iter().map(|organisation| organisation.id).collect();
        Self { database, bench, organisations }
    }

    fn tables(&self) -> impl Iterator<Item = &str> {
        self.bench.map.datasets[0].collections.iter().map(|collection| collection.table.table.as_str())
    }

    async fn plan(&self) -> ErasurePlan {
        let tables: Vec<_> = self.bench.map.datasets[0]
            .collections
            .iter()
            .map(|collection| collection.table.clone())
            .collect();
        let facts = self.bench.store.facts(&tables).await.unwrap();
        let store = self.bench.map.stores()[0].to_owned();
        let live = BTreeMap::from([(store.clone(), self.bench.schema.clone())]);
        plan(&self.bench.map, &live, &BTreeMap::from([(store, facts)])).unwrap_or_else(|obstacles| {
            panic!("{:#?}", obstacles.iter().map(ToString::to_string).collect::<Vec<_>>())
        })
    }

    /// Erases one collection as planned, and answers how many rows that touched.
    async fn erase(&self, organisation: &OrganisationId, number: i32, erasure: &CollectionErasure) -> u64 {
        let collection = self.bench.collection(&erasure.table.table);
        let (exclusive, guards) = (erasure.exclusive, &erasure.guards[..]);
        let scope = EraseScope { exclusive, guards, ..EraseScope::all(organisation, far_future()) };
        let (range, key, schema) = (KeyRange::whole(), PseudonymKey::new(&KEY), &self.bench.schema);
        let rows = Rows::Range(&range);
        let (statement, expected) = match &erasure.action {
            RowAction::Anonymise(changes) => (
                EraseStatement::anonymise(collection, schema, &scope, &rows, changes, &key),
                Expected::Anonymised { changes, key: &key },
            ),
            RowAction::Delete => {
                (EraseStatement::delete(collection, schema, &scope, &rows), Expected::Deleted)
            }
            RowAction::Unlink(columns) => panic!("the sample has no circle: {columns:?}"),
        };
        let statement = statement.unwrap();
        let run = Batch { id: batch(number), statements: std::slice::from_ref(&statement) };
        let erased = run_batch(&self.bench.store, &run).await.unwrap();
        let check = Verification::plan(collection, schema, &scope, &rows, expected).unwrap();
        assert_eq!(verify(&self.database.config(""), &[check]).await.unwrap(), [], "{}", erasure.collection);
        erased.rows
    }
}

/// One digest of the rows of each table and organisation.
async fn digests(company: &Company, organisations: &[Uuid]) -> BTreeMap<String, Option<String>> {
    let (client, mut digests) = (&company.database.client, BTreeMap::new());
    for table in company.tables() {
        let from = sample::rows_of_organisation(table).unwrap();
        for organisation in organisations {
            let sql = format!("SELECT md5(string_agg(t::text, '|' ORDER BY t::text)) {from}");
            let digest = client.query_one(&sql, &[organisation]).await.unwrap().get(0);
            digests.insert(format!("{table} of {organisation}"), digest);
        }
    }
    digests
}

/// What identifies the people of one organisation and of no other, and its tokens.
async fn identifying(client: &Client, organisation: Uuid) -> Vec<String> {
    let sql = "
        WITH own AS (
            SELECT u.* FROM users u JOIN memberships m ON m.user_id = u.id AND m.organisation_id = $1
            WHERE NOT EXISTS (SELECT FROM memberships o WHERE o.user_id = u.id AND o.organisation_id <> $1))
        SELECT v FROM (SELECT email::text FROM own UNION SELECT phone FROM own UNION
                       SELECT access_token FROM oauth_tokens WHERE user_id IN (SELECT id FROM own)) x (v)
        WHERE length(v) > 6";
    client.query(sql, &[&organisation]).await.unwrap().iter().map(|row| row.get(0)).collect()
}

#[tokio::test]
async fn one_organisation_is_erased_and_every_row_of_the_others_stays_as_it_was() {
    let company = Company::with(&[2_000, 1_200, 800]).await;
    let client = &company.database.client;
    let (erased, others) = company.organisations.split_first().unwrap();
    let before = digests(&company, others).await;
    let own = digests(&company, &[*erased]).await;
    let values = identifying(client, *erased).await;
    assert!(values.len() > 20, "there is something to look for: {}", values.len());
    let organisation = OrganisationId::parse(erased.to_string()).unwrap();
    let plan = company.plan().await;
    let mut touched = 0;
    for (number, erasure) in (1..).zip(plan.waves.iter().flatten()) {
        touched += company.erase(&organisation, number, erasure).await;
    }
    assert!(touched > 1_000, "{touched}");
    assert_eq!(digests(&company, others).await, before, "no row of another organisation may change");
    assert_ne!(digests(&company, &[*erased]).await, own);
    for table in company.tables() {
        let sql = format!(
            "SELECT count(*) FROM \"{table}\" t WHERE EXISTS (SELECT FROM unnest($1::text[]) v WHERE strpos(t::text, v) > 0)"
        );
        let found: i64 = client.query_one(&sql, &[&values]).await.unwrap().get(0);
        assert_eq!(found, 0, "personal data is left in {table}");
    }
    let journalled: i64 =
        client.query_one("SELECT sum(rows)::bigint FROM lethe.journal", &[]).await.unwrap().get(0);
    assert_eq!(u64::try_from(journalled).unwrap(), touched, "the journal tells the same count");
}
