//! Two organisations in one schema of bad names and worse keys, and what erases in it.

use connectors::KeyRange;
use connectors::erase::{
    Batch, BatchId, EraseError, EraseScope, EraseStatement, Erased, PseudonymKey, Rows, journal_ddl,
    run_batch,
};
use domain::anonymise::{Digests, TokenForm};
use domain::datamap::Strategy;
use domain::erasure::FieldChange;
use domain::hold::{Comparison, HeldRows, Hold};
use domain::id::{JobId, OrganisationId, StepNo};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use crate::support::{Bench, TestDatabase, far_future};

/// Visits are keyed by 0, '' and false among others, and no part of the key is unique by itself.
const SCHEMA: &str = r#"
CREATE TABLE "Org" (id int PRIMARY KEY, name text);
CREATE TABLE "visitLog" ("select" int, "userId" text, "isGuest" boolean, "orgId" int NOT NULL REFERENCES "Org",
    "fullName" text, "order" text, at timestamptz, PRIMARY KEY ("select", "userId", "isGuest"));
CREATE TABLE "lineItem" (id bigint PRIMARY KEY, "select" int, "userId" text, "isGuest" boolean, note varchar(40),
    FOREIGN KEY ("select", "userId", "isGuest") REFERENCES "visitLog");
INSERT INTO "Org" VALUES (0, 'nought'), (1, 'one'), (2, 'two');
INSERT INTO "visitLog"
SELECT a, b, c, (a + length(b) + c::int) % 3, 'Name ' || a || b || c, CASE WHEN a = 1 THEN NULL ELSE 'o' END,
       CASE WHEN a = 2 THEN timestamptz '2024-01-01 00:00+00' WHEN a = 3 THEN '2025-01-01 00:00+00' END
FROM generate_series(0, 3) a, (VALUES (''), ('0'), ('é')) k (b), (VALUES (false), (true)) g (c);
INSERT INTO "lineItem" SELECT row_number() OVER (), "select", "userId", "isGuest", 'note ' || "select" FROM "visitLog", generate_series(1, 2);
"#;

const MAP: &str = r#"
dataset:
- fides_key: odd
  lethe: {organisation: {collection: Org, key: id, name: name}}
  collections:
  - name: Org
    fields: [{name: id, fides_meta: {primary_key: true}}, {name: name}]
  - name: visitLog
    lethe: {tenant: orgId, created_at: at}
    fields:
    - {name: select, fides_meta: {primary_key: true}}
    - {name: userId, fides_meta: {primary_key: true}}
    - {name: isGuest, fides_meta: {primary_key: true}}
    - {name: orgId, fides_meta: {references: [{dataset: odd, field: Org.id, direction: to}]}}
    - {name: fullName}
    - {name: order}
    - {name: at}
  - name: lineItem
    lethe: {tenant: {columns: [select, userId, isGuest], through: {collection: visitLog, fields: [select, userId, isGuest]}}}
    fields: [{name: id, fides_meta: {primary_key: true}}, {name: select}, {name: userId}, {name: isGuest}, {name: note}]
"#;

pub const KEY: [u8; 32] = [7; 32];

/// HMAC-SHA-256 under the key, by another implementation than the one that is tested.
pub fn hmac(message: &[u8]) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(&KEY).unwrap();
    mac.update(message);
    mac.finalize().into_bytes().into()
}

/// The digests of the key, by their definitions.
pub fn digesting<T>(done: impl FnOnce(Digests<'_>) -> T) -> T {
    let check_key = hmac(b"lethe/1/pseudonym/check\0");
    let check =
        |message: &[u8]| -> [u8; 32] { Sha256::digest([check_key.as_slice(), message].concat()).into() };
    done(Digests { mac: &hmac, check: &check })
}

/// A database with that schema and the journal.
pub struct Odd {
    pub database: TestDatabase,
    pub bench: Bench,
    pub key: PseudonymKey,
}

impl Odd {
    pub async fn new() -> Self {
        Self::with("").await
    }

    pub async fn with(more: &str) -> Self {
        let database = TestDatabase::with(&format!("{SCHEMA};{more}")).await;
        let user: String = database.client.query_one("SELECT current_user::text", &[]).await.unwrap().get(0);
        // Run twice, as an administrator may.
        database.client.batch_execute(&journal_ddl(&user).repeat(2)).await.unwrap();
        let bench = Bench::new(database.store(), MAP).await;
        Self { database, bench, key: PseudonymKey::new(&KEY) }
    }

    pub fn delete(&self, collection: &str, organisation: &str, rows: &Rows<'_>) -> EraseStatement<'_> {
        let organisation = OrganisationId::parse(organisation).unwrap();
        let scope = EraseScope::all(&organisation, far_future());
        self.delete_in(collection, &scope, rows)
    }

    pub fn delete_in(&self, collection: &str, scope: &EraseScope<'_>, rows: &Rows<'_>) -> EraseStatement<'_> {
        EraseStatement::delete(self.bench.collection(collection), &self.bench.schema, scope, rows).unwrap()
    }

    /// Sets columns of the visits of an organisation by strategies.
    pub fn anonymise(
        &self,
        organisation: &str,
        rows: &Rows<'_>,
        changes: &[(&str, Strategy)],
    ) -> EraseStatement<'_> {
        let organisation = OrganisationId::parse(organisation).unwrap();
        self.anonymise_in(&EraseScope::all(&organisation, far_future()), rows, changes)
    }

    pub fn anonymise_in(
        &self,
        scope: &EraseScope<'_>,
        rows: &Rows<'_>,
        changes: &[(&str, Strategy)],
    ) -> EraseStatement<'_> {
        let (collection, changes) = (self.bench.collection("visitLog"), changes_of(changes));
        EraseStatement::anonymise(collection, &self.bench.schema, scope, rows, &changes, &self.key).unwrap()
    }

    pub async fn run(&self, id: BatchId, statement: &EraseStatement<'_>) -> Result<Erased, EraseError> {
        run_batch(&self.bench.store, &Batch { id, statements: std::slice::from_ref(statement) }).await
    }

    /// One digest of each table's rows of each organisation, lines by way of their visits.
    pub async fn digests(&self) -> Vec<(String, String)> {
        let sql = r#"
            SELECT 'visit of ' || "orgId", md5(string_agg(v::text, '|' ORDER BY v::text)) FROM "visitLog" v GROUP BY "orgId"
            UNION ALL
            SELECT 'line of ' || v."orgId", md5(string_agg(l::text, '|' ORDER BY l::text))
            FROM "lineItem" l JOIN "visitLog" v USING ("select", "userId", "isGuest") GROUP BY v."orgId"
            ORDER BY 1"#;
        let rows = self.database.client.query(sql, &[]).await.unwrap();
        rows.iter().map(|row| (row.get(0), row.get(1))).collect()
    }

    pub async fn count(&self, what: &str) -> i64 {
        self.database.client.query_one(&format!("SELECT count(*) FROM {what}"), &[]).await.unwrap().get(0)
    }
}

/// The digests whose names do not end so.
pub fn of_others(digests: &[(String, String)], organisation: &str) -> Vec<(String, String)> {
    digests.iter().filter(|(name, _)| !name.ends_with(organisation)).cloned().collect()
}

pub fn changes_of(changes: &[(&str, Strategy)]) -> Vec<FieldChange> {
    with_tokens(TokenForm::Checked, changes)
}

pub fn with_tokens(token: TokenForm, changes: &[(&str, Strategy)]) -> Vec<FieldChange> {
    let change = |(column, strategy): &(&str, Strategy)| FieldChange {
        token,
        ..FieldChange::new(*column, strategy.clone())
    };
    changes.iter().map(change).collect()
}

pub fn constant(value: &str) -> Strategy {
    Strategy::Constant { value: value.to_owned() }
}

pub fn batch(number: i32) -> BatchId {
    BatchId { job: JobId(Uuid::from_u128(42)), step: StepNo(1), batch: number }
}

pub fn key(parts: &[&str]) -> Vec<String> {
    parts.iter().map(|part| (*part).to_owned()).collect()
}

pub fn whole() -> KeyRange {
    KeyRange::whole()
}

/// A hold on the rows for which all of these are true.
pub fn hold(comparisons: Vec<Comparison>) -> Hold {
    Hold { id: Uuid::from_u128(1), rows: HeldRows::Where(comparisons) }
}

/// A hold on the rows with these keys.
pub fn hold_on(keys: &[Vec<String>]) -> Hold {
    Hold { id: Uuid::from_u128(2), rows: HeldRows::Keys(keys.to_vec()) }
}
