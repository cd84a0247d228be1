//! The sample company: its data map against its schema.

use domain::datamap::{Blocks, check};

use crate::support::{Bench, TestDatabase};

#[tokio::test]
async fn its_data_map_agrees_with_its_schema() {
    let database = TestDatabase::with(sample::SCHEMA_SQL).await;
    let bench = Bench::new(database.store(), sample::DATA_MAP).await;
    let live = bench.map.stores().into_iter().map(|store| (store.to_owned(), bench.schema.clone())).collect();
    let findings = check(&bench.map, &live);
    let blocking: Vec<String> = findings
        .iter()
        .filter(|finding| finding.blocks != Blocks::Nothing)
        .map(ToString::to_string)
        .collect();
    assert!(blocking.is_empty(), "{blocking:#?}");
}

#[tokio::test]
async fn every_collection_of_it_can_be_read() {
    let database = TestDatabase::with(sample::SCHEMA_SQL).await;
    let bench = Bench::new(database.store(), sample::DATA_MAP).await;
    for collection in &bench.map.datasets[0].collections {
        let rows = bench.rows(&collection.name, "00000000-0000-0000-0000-000000000000").await;
        assert!(rows.is_empty());
    }
}
