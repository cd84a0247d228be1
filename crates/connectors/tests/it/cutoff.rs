//! Which rows were made before a cutoff, whatever clock has written their times.

use connectors::erase::{EraseScope, EraseStatement, Expected, LaterRead, Part, Rows, Verification, verify};
use connectors::{CollectionRead, ExportScope, KeyRange};
use domain::erasure::RowAction;
use domain::export::ExportFormat;
use domain::id::OrganisationId;

use crate::support::{Bench, TestDatabase, copied, firsts};

/// A visit a row; `at` and `day` say when it was made.
const SCHEMA: &str = "
CREATE DOMAIN moment AS timestamptz(0);
CREATE DOMAIN plain_moment AS timestamp(0);
CREATE TABLE org (id text PRIMARY KEY);
CREATE TABLE visit (id text PRIMARY KEY, org text REFERENCES org, at TYPE);
INSERT INTO org VALUES ('o'), ('p');
";

const MAP: &str = "
dataset:
- fides_key: shop
  lethe: {organisation: {collection: org, key: id}, DATASET}
  collections:
  - name: org
    fields: [{name: id, fides_meta: {primary_key: true}}]
  - name: visit
    lethe: {tenant: org, erase: delete, created_at: CREATED}
    fields:
    - {name: id, fides_meta: {primary_key: true}}
    - {name: org, fides_meta: {references: [{dataset: shop, field: org.id}]}}
    - {name: at}
";

struct Visits {
    database: TestDatabase,
    bench: Bench,
}

impl Visits {
    /// Visits of the organisation at these times, named by them, and one of each of the other.
    async fn at(sql_type: &str, zone: &str, times: &[&str]) -> Self {
        let database = TestDatabase::with(&SCHEMA.replace("TYPE", sql_type)).await;
        for time in times {
            let insert = format!(
                "INSERT INTO visit VALUES ('{time}', 'o', NULLIF('{time}', 'none')::{sql_type}), ('p {time}', 'p', NULL)"
            );
            database.client.batch_execute(&insert).await.unwrap();
        }
        let map = MAP.replace(", DATASET", "");
        let map = match zone {
            "" => map.replace("CREATED", "at"),
            zone => map.replace("CREATED", &format!("{{column: at, zone: {zone}}}")),
        };
        let bench = Bench::new(database.store(), &map).await;
        Self { database, bench }
    }

    /// What an export up to this moment holds, and how many rows it leaves out.
    async fn exported(&self, cutoff: &str) -> (Vec<String>, i64) {
        let read = self.bench.read("visit", "o", cutoff.parse().unwrap());
        let mut transaction = self.bench.store.begin_read().await.unwrap();
        let rows = copied(&mut transaction, &read).await.unwrap();
        let later = transaction.count_later(&read).await.unwrap();
        transaction.finish().await.unwrap();
        (firsts(&rows).into_iter().map(str::to_owned).collect(), later)
    }

    /// What an erasure leaves with this cutoff, or with none, and what its plan says of them.
    async fn left(&self, cutoff: Option<&str>) -> (Vec<String>, i64) {
        let organisation = OrganisationId::parse("o").unwrap();
        let cutoff: Option<chrono::DateTime<chrono::Utc>> = cutoff.map(|cutoff| cutoff.parse().unwrap());
        let scope = EraseScope::all(&organisation, cutoff);
        let (collection, whole) = (self.bench.collection("visit"), KeyRange::whole());
        let rows = Rows::Range(&whole);
        let part = Part { collection, action: &RowAction::Delete, scope, rows };
        let transaction = self.bench.store.begin_read().await.unwrap();
        let later = match LaterRead::plan(&part, &self.bench.schema).unwrap() {
            Some(read) => transaction.later(&read).await.unwrap(),
            None => 0,
        };
        transaction.finish().await.unwrap();
        let delete = EraseStatement::delete(collection, &self.bench.schema, &scope, &rows).unwrap();
        let erase = self.bench.store.begin_erase().await.unwrap();
        erase.execute(&delete).await.unwrap();
        erase.commit().await.unwrap();
        let left = self.database.client.query("SELECT id FROM visit WHERE org = 'o' ORDER BY id", &[]).await;
        (left.unwrap().iter().map(|row| row.get(0)).collect(), later)
    }

    /// How many rows a verification with this cutoff finds that should be gone.
    async fn standing(&self, cutoff: &str) -> i64 {
        let organisation = OrganisationId::parse("o").unwrap();
        let scope = EraseScope::all(&organisation, Some(cutoff.parse().unwrap()));
        let (collection, whole) = (self.bench.collection("visit"), KeyRange::whole());
        let planned = Verification::plan(
            collection,
            &self.bench.schema,
            &scope,
            &Rows::Range(&whole),
            Expected::Deleted,
        );
        let looked = verify(&self.database.config(""), &[planned.unwrap()]).await.unwrap();
        looked.iter().map(|left| left.rows).sum()
    }
}

/// At noon in UTC it is nine in the evening in Tokyo and two in the morning of the next day on Kiritimati.
const NOON: &str = "2024-03-01T12:00:00Z";

#[tokio::test]
async fn a_clock_counts_in_its_zone_and_in_any_where_none_is_named() {
    let times = [
        "2024-03-01 04:00:00.000001",
        "2024-03-01 12:00:00",
        "2024-03-01 12:00:00.000001",
        "2024-03-01 21:00:00",
        "2024-03-01 21:00:00.000001",
        "2024-03-02 02:00:00",
        "2024-03-02 02:00:00.000001",
    ];
    for (zone, made) in [("UTC", 2), ("Asia/Tokyo", 4), ("america/los_angeles", 0), ("", 6)] {
        let visits = Visits::at("timestamp", zone, &times).await;
        let (made, later) = times.split_at(made);
        let count = i64::try_from(later.len()).unwrap();
        assert_eq!(visits.exported(NOON).await, (owned(made), count), "{zone}");
        assert_eq!(visits.left(Some(NOON)).await, (owned(later), count), "{zone}");
    }
}

#[tokio::test]
async fn a_day_has_begun_where_the_clock_hangs() {
    let days = ["2024-02-29", "2024-03-01", "2024-03-02", "2024-03-03"];
    for (zone, made) in [("UTC", 2), ("Pacific/Kiritimati", 3), ("", 3)] {
        let visits = Visits::at("date", zone, &days).await;
        let (made, later) = days.split_at(made);
        assert_eq!(visits.exported(NOON).await.0, owned(made), "{zone}");
        assert_eq!(visits.left(Some(NOON)).await.0, owned(later), "{zone}");
    }
}

/// What was made before the cutoff may show a later time where the column keeps fewer digits.
#[tokio::test]
async fn what_a_column_rounds_past_the_cutoff_was_made_before_it() {
    let times =
        ["2024-03-01 12:00:00.4", "2024-03-01 12:00:00.6", "2024-03-01 12:00:01.6", "2024-03-01 13:00:00"];
    let cutoff = "2024-03-01T12:00:00.7Z";
    for (sql_type, zone) in [
        ("timestamptz(0)", ""),
        ("timestamp(0)", "UTC"),
        ("moment", ""),
        ("plain_moment", "UTC"),
        ("timestamptz(3)", ""),
        ("timestamp", "UTC"),
    ] {
        let visits = Visits::at(sql_type, zone, &times).await;
        let (made, later) = times.split_at(2);
        assert_eq!(visits.exported(cutoff).await, (owned(made), 2), "{sql_type}");
        assert_eq!(visits.standing(cutoff).await, 2, "{sql_type}");
        assert_eq!(visits.left(Some(cutoff)).await, (owned(later), 2), "{sql_type}");
        assert_eq!(visits.standing(cutoff).await, 0, "{sql_type}");
    }
}

/// In the night of the 27th of October 2024 the hour from two to three came twice in Berlin.
#[tokio::test]
async fn an_hour_that_comes_twice_may_have_been_the_first() {
    let times = ["2024-10-27 02:05:00", "2024-10-27 02:45:00", "2024-10-27 03:30:00"];
    let visits = Visits::at("timestamp", "Europe/Berlin", &times).await;
    // Ten past two for the second time.
    assert_eq!(visits.exported("2024-10-27T01:10:00Z").await, (owned(&times[..2]), 1));
    // And ten past two in the night before, when it was summer.
    assert_eq!(visits.exported("2024-10-26T00:10:00Z").await, (Vec::new(), 3));
    assert_eq!(visits.exported("2024-10-27T02:30:00Z").await, (owned(&times), 0));
}

/// A row that is there and whose time has not come was written by a clock that was wrong. An export has it; an
/// erasure leaves it and says so, unless it goes by keys alone.
#[tokio::test]
async fn what_is_infinite_is_no_time_and_what_has_not_come_is_told() {
    for (sql_type, zone) in
        [("timestamptz", ""), ("timestamp", ""), ("timestamp", "Asia/Tokyo"), ("date", ""), ("date", "UTC")]
    {
        let times = ["-infinity", "2024-01-01", "2998-01-01", "infinity", "none"];
        let visits = Visits::at(sql_type, zone, &times).await;
        assert_eq!(visits.exported(NOON).await, (owned(&times), 0), "{sql_type} {zone}");
        let left = (vec!["2998-01-01".to_owned()], 1);
        assert_eq!(visits.left(Some(NOON)).await, left, "{sql_type} {zone}");
        assert_eq!(visits.left(None).await, (Vec::new(), 0), "{sql_type} {zone}");
    }
}

/// The keys of a person's rows are found in the transaction that reads them.
#[tokio::test]
async fn rows_that_are_named_by_their_keys_are_exported_whatever_their_times_are() {
    let times = ["2024-01-01", "2024-05-01"];
    let visits = Visits::at("timestamptz", "", &times).await;
    assert_eq!(visits.exported(NOON).await, (owned(&times[..1]), 1));
    let (organisation, keys) = (OrganisationId::parse("o").unwrap(), times.map(|id| vec![id.to_owned()]));
    let scope = ExportScope {
        organisation: &organisation,
        cutoff_at: NOON.parse().unwrap(),
        formats: ExportFormat::Json,
        only: Some(&keys),
    };
    let (collection, schema) = (visits.bench.collection("visit"), &visits.bench.schema);
    let read = CollectionRead::plan(collection, schema, &scope, None).unwrap();
    let mut transaction = visits.bench.store.begin_read().await.unwrap();
    assert_eq!(firsts(&copied(&mut transaction, &read).await.unwrap()), times);
    assert_eq!(transaction.count_later(&read).await.unwrap(), 0);
    transaction.finish().await.unwrap();
}

#[tokio::test]
async fn zones_that_the_server_does_not_know_are_told() {
    let database = TestDatabase::with(&SCHEMA.replace("TYPE", "timestamp")).await;
    for (dataset, created, unknown) in [
        ("zone: Europe/Berlin", "at", ""),
        ("zone: Europe/Berlim", "at", "Europe/Berlim"),
        ("zone: europe/berlin", "{column: at, zone: Mars/Olympus}", "Mars/Olympus"),
        ("zone: Mars/Olympus", "{column: at, zone: UTC}", ""),
    ] {
        let map = MAP.replace("DATASET", dataset).replace("CREATED", created);
        let map = domain::datamap::DataMap::parse(&map).unwrap();
        let schema = database.store().live_schema_of(&map).await.unwrap();
        let found: Vec<&str> = schema.unknown_zones.iter().map(String::as_str).collect();
        assert_eq!(found.concat(), unknown, "{dataset}, {created}");
        assert_eq!(schema.tables.len(), 2);
    }
}

fn owned(times: &[&str]) -> Vec<String> {
    let mut times: Vec<String> = times.iter().map(|time| (*time).to_owned()).collect();
    times.sort();
    times
}
