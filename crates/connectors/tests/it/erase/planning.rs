//! What planning costs beside many rows of others, by the server's own estimate, and that it is right.

use connectors::erase::{EraseScope, Part, Rows, Survey, Surveyed};
use connectors::{KeyRange, SubjectStore};
use domain::erasure::{Guard, RowAction};
use domain::id::OrganisationId;

use crate::erase::support::{key, whole};
use crate::support::{Bench, TestDatabase, far_future};

/// 3,000 accounts of one organisation beside the messages of others, two of which answer accounts of the first.
const SCHEMA: &str = "
CREATE TABLE org (id text PRIMARY KEY);
CREATE TABLE account (id int PRIMARY KEY, org_id text NOT NULL, email text);
CREATE TABLE message (id int PRIMARY KEY, org_id text NOT NULL, account_id int NOT NULL, answers int, body text);
INSERT INTO org VALUES ('o1'), ('o2');
INSERT INTO account SELECT g, CASE WHEN g <= 3000 THEN 'o1' ELSE 'o2' END, 'a' || g FROM generate_series(1, 20000) g;
INSERT INTO message SELECT g, CASE WHEN 1 + g % 20000 <= 3000 THEN 'o1' ELSE 'o2' END, 1 + g % 20000,
    CASE WHEN g IN (19000, 19001) THEN 7 + g % 2 WHEN g % 3 = 0 THEN 3001 + g % 17000 END, repeat('text ', 5)
FROM generate_series(1, 200000) g;
CREATE INDEX ON message (account_id);
CREATE INDEX ON message (org_id);
CREATE INDEX ON account (org_id);";

const MAP: &str = "
dataset:
- fides_key: shop
  lethe: {organisation: {collection: org, key: id}}
  collections:
  - name: org
    fields: [{name: id, fides_meta: {primary_key: true}}]
  - name: account
    lethe: {tenant: org_id, erase: delete}
    fields:
    - {name: id, fides_meta: {primary_key: true}}
    - {name: org_id, fides_meta: {references: [{dataset: shop, field: org.id}]}}
    - {name: email}
  - name: message
    lethe: {tenant: TENANT, erase: delete}
    fields:
    - {name: id, fides_meta: {primary_key: true}}
    - {name: org_id, fides_meta: {references: [{dataset: shop, field: org.id}]}}
    - {name: account_id, fides_meta: {references: [{dataset: shop, field: account.id}]}}
    - {name: answers}
    - {name: body}
";

/// Small memory for hashes stands for tables that are larger than those of a test.
const LITTLE_MEMORY: &str = "1MB";

/// How much more than the statement written by hand the survey may cost.
const MOST: f64 = 3.0;

struct Company {
    database: TestDatabase,
    bench: Bench,
}

impl Company {
    async fn new(tenant: &str, more: &str) -> Self {
        let database = TestDatabase::with(SCHEMA).await;
        for statement in [more, "VACUUM (ANALYZE) account", "VACUUM (ANALYZE) message"] {
            database.client.batch_execute(statement).await.unwrap();
        }
        database.client.batch_execute(&format!("SET work_mem = '{LITTLE_MEMORY}'")).await.unwrap();
        let config = database.config(&format!("options=-c%20work_mem%3D{LITTLE_MEMORY}"));
        let store = SubjectStore::connect(&config).unwrap();
        let bench = Bench::new(store, &MAP.replace("TENANT", tenant)).await;
        Self { database, bench }
    }

    /// What the survey of the accounts finds, whose messages go before, and what the server expects it to cost.
    async fn survey(&self, (accounts, messages): (&Rows<'_>, &Rows<'_>)) -> (Surveyed, f64) {
        let organisation = OrganisationId::parse("o1").unwrap();
        let message = self.bench.collection("message");
        let refers = |column: &str| Guard {
            table: message.table.clone(),
            columns: key(&[column]),
            target_columns: key(&["id"]),
            aside: None,
        };
        let guards = [refers("account_id"), refers("answers")];
        let scope = EraseScope::all(&organisation, far_future());
        let earlier = [Part { collection: message, action: &RowAction::Delete, scope, rows: *messages }];
        let account = Part {
            collection: self.bench.collection("account"),
            scope: EraseScope { guards: &guards, ..scope },
            rows: *accounts,
            ..earlier[0]
        };
        let survey = Survey::plan(&account, &earlier, &self.bench.schema).unwrap();
        let transaction = self.bench.store.begin_read().await.unwrap();
        let cost = transaction.cost_of_survey(&survey).await.unwrap().unwrap();
        let surveyed = transaction.survey(&survey).await.unwrap();
        transaction.finish().await.unwrap();
        (surveyed, cost)
    }

    /// What the server expects a statement to cost that somebody who knows the schema writes by hand, in which a
    /// message stays unless it is of the organisation.
    async fn by_hand(&self, stays: &str) -> f64 {
        let sql = format!(
            "EXPLAIN (FORMAT JSON) SELECT count(*) FROM account a WHERE a.org_id = 'o1'
             AND NOT EXISTS (SELECT FROM message m WHERE m.account_id = a.id AND {stays})
             AND NOT EXISTS (SELECT FROM message m WHERE m.answers = a.id AND {stays})"
        );
        let plan: serde_json::Value = self.database.client.query_one(&sql, &[]).await.unwrap().get(0);
        plan.pointer("/0/Plan/Total Cost").unwrap().as_f64().unwrap()
    }

    async fn keys(&self, table: &str) -> Vec<Vec<String>> {
        let sql = format!("SELECT id::text FROM {table} WHERE org_id = 'o1'");
        self.database.client.query(&sql, &[]).await.unwrap().iter().map(|row| vec![row.get(0)]).collect()
    }
}

const BY_COLUMN: (&str, &str) = ("org_id", "m.org_id <> 'o1'");
const BY_ACCOUNT: (&str, &str) =
    ("account_id", "NOT EXISTS (SELECT FROM account b WHERE b.id = m.account_id AND b.org_id = 'o1')");
const INDEX: &str = "CREATE INDEX ON message (answers)";

#[tokio::test]
async fn rows_beside_many_of_others_cost_little_more_to_plan_than_an_anti_join() {
    let all: KeyRange = whole();
    for (tenant, stays) in [BY_COLUMN, BY_ACCOUNT] {
        for index in ["", INDEX] {
            let company = Company::new(tenant, index).await;
            let (found, cost) = company.survey((&Rows::Range(&all), &Rows::Range(&all))).await;
            assert_eq!((found.erased, found.guarded, found.shared), (2_998, 2, 0), "{tenant} {index}");
            let by_hand = company.by_hand(stays).await;
            assert!(cost <= by_hand * MOST, "{tenant} {index}: {cost} where {by_hand} by hand");
        }
    }
}

#[tokio::test]
async fn rows_that_are_named_by_their_keys_are_joined_with_too() {
    let company = Company::new(BY_COLUMN.0, "").await;
    let (accounts, messages) = (company.keys("account").await, company.keys("message").await);
    assert_eq!((accounts.len(), messages.len()), (3_000, 30_000));
    let (found, cost) = company.survey((&Rows::Keys(&accounts), &Rows::Keys(&messages))).await;
    assert_eq!((found.erased, found.guarded), (2_998, 2));
    // Each message beside each of the keys would be a hundred million comparisons.
    let by_hand = company.by_hand(BY_COLUMN.1).await;
    assert!(cost <= by_hand * 10.0, "{cost} where {by_hand} by hand");
    // Two messages of the organisation that stay keep their accounts.
    let (fewer, _) = company.survey((&Rows::Keys(&accounts), &Rows::Keys(&messages[2..]))).await;
    assert_eq!((fewer.erased, fewer.guarded), (2_996, 4));
}
