//! An organisation's rows, all of them and no others, over any number of hops.

use connectors::{CellRendering, OmittedColumn, OrganisationRead};
use domain::export::ExportFormat;
use domain::id::OrganisationId;

use crate::support::{Bench, TestDatabase, copied, far_future, firsts};

const SHOP: &str = include_str!("fixtures/shop.sql");
const MAP: &str = include_str!("fixtures/shop.yaml");

#[tokio::test]
async fn every_collection_holds_the_rows_that_lead_to_the_organisation() {
    let database = TestDatabase::with(SHOP).await;
    let bench = Bench::new(database.store(), MAP).await;
    // The same selection written by hand, with joins, as anyone would check it.
    let truth = [
        ("employee", "SELECT employee_id, * FROM employee WHERE employee_id = $1"),
        ("customer", "SELECT customer_id FROM customer WHERE support_rep_id = $1"),
        (
            "invoice",
            "SELECT i.* FROM invoice i JOIN customer c USING (customer_id) WHERE c.support_rep_id = $1",
        ),
        (
            "invoice_line",
            "SELECT l.* FROM invoice_line l JOIN invoice i USING (customer_id, invoice_no) JOIN customer c USING (customer_id) WHERE c.support_rep_id = $1",
        ),
        (
            "delivery",
            "SELECT d.* FROM delivery d JOIN invoice_line l ON l.id = d.line_id JOIN customer c USING (customer_id) WHERE c.support_rep_id = $1",
        ),
    ];
    for organisation in [0, 1, 2, 3, 77] {
        for (collection, query) in truth {
            let expected = database.client.query(query, &[&organisation]).await.unwrap().len();
            let rows = bench.rows(collection, &organisation.to_string()).await;
            assert_eq!(rows.len(), expected, "{collection} of {organisation}");
        }
    }
    let of_three = bench.rows("customer", "3").await;
    assert!(
        of_three.iter().all(|row| row[3].as_deref() == Some("3")),
        "another organisation's row: {of_three:?}"
    );
    assert_eq!(of_three.len(), 10);
}

#[tokio::test]
async fn columns_come_in_the_tables_order_and_what_is_left_out_is_said() {
    let database = TestDatabase::with(SHOP).await;
    let bench = Bench::new(database.store(), MAP).await;
    let read = bench.read("employee", "3", far_future());
    let names: Vec<&str> = read.columns.iter().map(|column| column.name.as_str()).collect();
    assert_eq!(names, ["employee_id", "last_name", "reports_to", "birth_date"]);
    assert_eq!(read.columns[1].sql_type, "character varying(20)");
    assert_eq!(read.columns[1].data_categories, ["user.name.last"]);
    assert_eq!(read.columns[1].description.as_deref(), Some("Family name"));
    assert_eq!(read.cells[1].rendering, CellRendering::Text);
    assert_eq!(
        read.omitted,
        [OmittedColumn {
            column: "password".to_owned(),
            reason: "a credential by its data category; credentials are never exported".to_owned()
        }]
    );
    assert!(!read.cutoff_applied);
    let customer = bench.read("customer", "3", far_future());
    assert!(customer.cutoff_applied);
    assert_eq!(customer.omitted[0].column, "internal_note");
    assert_eq!(customer.omitted[0].reason, "not named by the data map");
    let rows = bench.rows("employee", "3").await;
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0][1].as_deref(), Some("Ilić"));
}

#[tokio::test]
async fn the_cutoff_leaves_out_later_rows_and_keeps_those_without_a_time() {
    let database = TestDatabase::with(SHOP).await;
    let bench = Bench::new(database.store(), MAP).await;
    let mut transaction = bench.store.begin_read().await.unwrap();
    let client = &database.client;
    for moment in
        ["2024-01-01T10:00:00Z", "2024-01-01T16:00:00Z", "2023-01-01T00:00:00Z", "2999-01-01T00:00:00Z"]
    {
        let cutoff_at = moment.parse().unwrap();
        let rows = copied(&mut transaction, &bench.read("customer", "3", cutoff_at)).await.unwrap();
        let query = format!(
            "SELECT customer_id FROM customer WHERE support_rep_id = 3 AND (created_at <= '{moment}' OR created_at IS NULL)"
        );
        assert_eq!(rows.len(), client.query(&query, &[]).await.unwrap().len(), "{moment}");
        assert!(rows.iter().any(|row| row[4].is_none()), "rows without a creation time belong to the export");
    }
    // A time without a zone is UTC; a date counts when its day has begun.
    let exactly = "2024-03-01T12:00:00Z".parse().unwrap();
    assert_eq!(
        firsts(&copied(&mut transaction, &bench.read("invoice", "3", exactly)).await.unwrap()),
        ["0"; 3]
    );
    let just_before = "2024-03-01T11:59:59.999999Z".parse().unwrap();
    assert!(copied(&mut transaction, &bench.read("invoice", "3", just_before)).await.unwrap().is_empty());
    let day = "2024-03-03T00:00:00Z".parse().unwrap();
    let sent = copied(&mut transaction, &bench.read("delivery", "3", day)).await.unwrap();
    let latest = sent.iter().filter_map(|row| row[2].as_deref()).max();
    assert_eq!(latest, Some("2024-03-03"));
    transaction.finish().await.unwrap();
}

#[tokio::test]
async fn the_cutoff_is_exact_to_the_microsecond() {
    let database = TestDatabase::with(SHOP).await;
    let bench = Bench::new(database.store(), MAP).await;
    let precise = "UPDATE customer SET created_at = '2025-01-01 00:00:00.000002+00' WHERE customer_id = 0;
        UPDATE invoice SET issued_at = '2025-01-01 00:00:00.000002' WHERE customer_id = 0";
    database.client.batch_execute(precise).await.unwrap();
    let mut transaction = bench.store.begin_read().await.unwrap();
    for (collection, rows) in [("customer", 1), ("invoice", 3)] {
        for (moment, seen) in [("2025-01-01T00:00:00.000002Z", rows), ("2025-01-01T00:00:00.000001Z", 0)] {
            let read = bench.read(collection, "3", moment.parse().unwrap());
            let found = copied(&mut transaction, &read).await.unwrap();
            let of_zero = firsts(&found).into_iter().filter(|id| *id == "0").count();
            assert_eq!(of_zero, seen, "{collection} at {moment}");
        }
    }
    transaction.finish().await.unwrap();
}

#[tokio::test]
async fn the_session_is_in_utc_whatever_the_database_says() {
    let database = TestDatabase::with(SHOP).await;
    let sql = "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET TimeZone = ''Asia/Kathmandu''', current_database());
        EXECUTE format('ALTER DATABASE %I SET DateStyle = ''German''', current_database());
        EXECUTE format('ALTER DATABASE %I SET search_path = ''nowhere''', current_database()); END $$";
    database.client.batch_execute(sql).await.unwrap();
    let bench = Bench::new(database.store(), MAP).await;
    let rows = bench.rows("customer", "3").await;
    assert!(rows.iter().any(|row| row[4].as_deref() == Some("2024-01-01 04:00:00+00")), "{rows:?}");
}

#[tokio::test]
async fn one_transaction_sees_one_snapshot_and_measures_many_at_once() {
    let database = TestDatabase::with(SHOP).await;
    let bench = Bench::new(database.store(), MAP).await;
    let deliveries = i64::try_from(bench.rows("delivery", "3").await.len()).unwrap();
    let mut transaction = bench.store.begin_read().await.unwrap();
    database
        .client
        .batch_execute("UPDATE customer SET support_rep_id = 3; DELETE FROM delivery")
        .await
        .unwrap();
    let names = ["employee", "customer", "invoice", "invoice_line", "delivery"];
    let reads: Vec<_> = names.iter().map(|name| bench.read(name, "3", far_future())).collect();
    let counts = transaction.sizes(&reads, 1_000).await.unwrap();
    assert_eq!(counts, [1, 10, 30, 60, deliveries]);
    for (read, count) in reads.iter().zip(counts) {
        let rows = copied(&mut transaction, read).await.unwrap();
        assert_eq!(i64::try_from(rows.len()).unwrap(), count);
    }
    transaction.finish().await.unwrap();
    assert_eq!(bench.rows("customer", "3").await.len(), 40);
}

#[tokio::test]
async fn beyond_what_is_counted_the_planner_says_how_many_there_are() {
    let database = TestDatabase::with(SHOP).await;
    database.client.batch_execute("ANALYZE").await.unwrap();
    let bench = Bench::new(database.store(), MAP).await;
    let transaction = bench.store.begin_read().await.unwrap();
    let reads = ["employee", "customer", "invoice_line"].map(|name| bench.read(name, "3", far_future()));
    // 1, 10 and 60 rows.
    assert_eq!(transaction.sizes(&reads, 60).await.unwrap(), [1, 10, 60]);
    let sizes = transaction.sizes(&reads, 10).await.unwrap();
    assert!((11..=600).contains(&sizes[2]), "an estimate, and above what was counted: {sizes:?}");
    assert!(sizes[..2].iter().all(|size| (1..=100).contains(size)), "estimates: {sizes:?}");
    assert_eq!(transaction.sizes(&[], 10).await.unwrap(), [0; 0]);
    transaction.finish().await.unwrap();
}

#[tokio::test]
async fn statistics_make_no_small_organisation_large() {
    let database = TestDatabase::with(SHOP).await;
    let gone = "ANALYZE; DELETE FROM delivery; DELETE FROM invoice_line WHERE id % 6 <> 0";
    database.client.batch_execute(gone).await.unwrap();
    let bench = Bench::new(database.store(), MAP).await;
    let there = i64::try_from(bench.rows("invoice_line", "3").await.len()).unwrap();
    assert!((1..30).contains(&there), "{there} of 60");
    let transaction = bench.store.begin_read().await.unwrap();
    let reads = ["invoice_line", "customer"].map(|name| bench.read(name, "3", far_future()));
    // 60 are expected.
    assert_eq!(transaction.sizes(&reads, 30).await.unwrap(), [there, 10]);
    transaction.finish().await.unwrap();
}

/// More processes for a statement, or compiling it, is nothing that the company's database owes to an export.
#[tokio::test]
async fn a_copy_is_one_process_and_is_not_compiled() {
    let database = TestDatabase::with(
        "CREATE VIEW employee AS SELECT 1 AS employee_id,
             concat_ws(' ', current_setting('max_parallel_workers_per_gather'), current_setting('jit')) AS last_name",
    )
    .await;
    let yaml = MAP.split("  - name: customer").next().unwrap();
    let bench = Bench::new(database.store(), yaml).await;
    let rows = bench.rows("employee", "1").await;
    assert_eq!(rows[0][1].as_deref(), Some("0 off"));
}

#[tokio::test]
async fn one_format_asks_for_no_more_than_it_needs() {
    let database = TestDatabase::with("CREATE TABLE employee (employee_id int PRIMARY KEY, last_name text, tags text[]); INSERT INTO employee VALUES (1, 'a', '{x,y}')").await;
    let yaml = MAP.split("  - name: customer").next().unwrap().to_owned() + "    - {name: tags}\n";
    let bench = Bench::new(database.store(), &yaml).await;
    let of = |formats| bench.read_as("employee", "1", far_future(), formats);
    let shape = |formats| -> Vec<_> {
        of(formats).cells.into_iter().map(|cell| (cell.column, cell.rendering, cell.formats)).collect()
    };
    let tags = |rendering, formats| ("tags".to_owned(), rendering, formats);
    assert_eq!(shape(ExportFormat::Csv)[2..], [tags(CellRendering::Verbatim, ExportFormat::Csv)]);
    assert_eq!(shape(ExportFormat::Json)[2..], [tags(CellRendering::Json, ExportFormat::Json)]);
    assert_eq!(
        shape(ExportFormat::Both)[2..],
        [tags(CellRendering::Verbatim, ExportFormat::Csv), tags(CellRendering::Json, ExportFormat::Json)]
    );
    // Columns that the map names and the table has not are said to be missing, not passed over.
    let missing: Vec<_> = of(ExportFormat::Both).omitted.into_iter().map(|omitted| omitted.column).collect();
    assert_eq!(missing, ["reports_to", "birth_date", "password"]);
}

#[tokio::test]
async fn an_organisation_is_looked_up_by_its_key() {
    let database = TestDatabase::with(SHOP).await;
    let bench = Bench::new(database.store(), MAP).await;
    let transaction = bench.store.begin_read().await.unwrap();
    for (id, name) in [("3", Some("Ilić")), ("0", Some("Null")), ("4", None)] {
        let read =
            OrganisationRead::plan(&bench.map, &bench.schema, &OrganisationId::parse(id).unwrap()).unwrap();
        let found = transaction.organisation(&read).await.unwrap();
        assert_eq!(found.and_then(|found| found.name).as_deref(), name);
    }
    let now = transaction.clock().await.unwrap();
    assert!((chrono::Utc::now() - now).num_minutes().abs() < 5);
    transaction.finish().await.unwrap();
}
