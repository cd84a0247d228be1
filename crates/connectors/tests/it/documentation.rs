//! The example of `docs/DATA_MAP.md` does what the page says.

use domain::datamap::check;

use crate::support::{Bench, TestDatabase, firsts};

const PAGE: &str = include_str!("../../../../docs/DATA_MAP.md");

/// The first block of code in that language.
fn block(language: &str) -> &'static str {
    let (_, rest) = PAGE.split_once(&format!("```{language}\n")).unwrap();
    rest.split_once("```").unwrap().0
}

const ROWS: &str = "
INSERT INTO branch VALUES ('north', 'North', NULL), ('south', 'South', NULL);
INSERT INTO customer VALUES (1, 'north', 'Ada', 'a@example.com', '1990-01-01', 'hunter2', now()), (2, 'south', 'Ben', NULL, NULL, 'x', now());
INSERT INTO sale VALUES (1, 1, now(), 3), (2, 1, now(), 4);
INSERT INTO sale_line VALUES (10, 1, 1, 'Track'), (20, 2, 1, 'Other');
INSERT INTO price_list VALUES ('Track', 3);
";

#[tokio::test]
async fn its_map_agrees_with_its_tables_and_holds_what_it_promises() {
    let database = TestDatabase::with(&format!("{}{ROWS}", block("sql"))).await;
    let bench = Bench::new(database.store(), block("yaml")).await;
    let findings = check(&bench.map, &[("shop".to_owned(), bench.schema.clone())].into());
    assert!(findings.is_empty(), "{findings:#?}");
    for (collection, first) in [("branch", "north"), ("customer", "1"), ("sale", "1"), ("sale_line", "10")] {
        assert_eq!(firsts(&bench.rows(collection, "north").await), [first], "{collection}");
    }
    let customer = bench.rows("customer", "north").await;
    assert!(!customer[0].iter().flatten().any(|value| value == "hunter2"));
    assert!(bench.collection("price_list").skipped);
}
