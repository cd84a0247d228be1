//! The media objects that an organisation's rows name.

use connectors::{ExportScope, MediaCount, MediaKey, MediaRead};
use domain::export::ExportFormat;
use domain::id::OrganisationId;
use futures::TryStreamExt as _;

use crate::support::{Bench, TestDatabase};

const MAP: &str = "
dataset:
- fides_key: files
  lethe: {organisation: {collection: tenant, key: id}}
  collections:
  - name: tenant
    fields: [{name: id, fides_meta: {primary_key: true}}]
  - name: asset
    lethe: {tenant: tenant_id, created_at: made_at, MEDIA}
    fields: [{name: tenant_id, fides_meta: {references: [{dataset: files, field: tenant.id}]}}]
";

const TABLES: &str = r"
CREATE EXTENSION citext;
CREATE TABLE tenant (id text PRIMARY KEY);
CREATE TABLE asset (tenant_id text, bucket text, key KEYTYPE, made_at timestamptz);
INSERT INTO asset (tenant_id, bucket, key) VALUES
    ('7', 'one', 'org/7/a.png'), ('7', 'one', 'org/7/a.png'), ('7', 'two', 'org/7/a.png'), ('7', '', 'org/7/A.png'),
    ('7', NULL, 'org/7/A.png'), ('7', 'one', NULL), ('7', NULL, NULL), ('7', 'two', ''),
    ('7', NULL, E'org/7/tab\tline\nback\\slash \\N.txt'), ('7', NULL, '\N'), ('7', NULL, 'org/7/Łódź 🎻.jpg'),
    ('7', NULL, 'org/71/a.png'), ('7', NULL, 'org/7/../8/a.png'), ('8', NULL, 'org/8/a.png');
INSERT INTO asset VALUES ('7', NULL, 'org/7/late.png', '2023-12-31'), ('7', NULL, 'org/7/later.png', '2024-06-01');
";

/// Bucket, key, and whether it may be read; sorted.
type Named = Vec<(Option<String>, String, bool)>;

async fn named(key_type: &str, media: &str) -> (Named, MediaCount) {
    let database = TestDatabase::with(&TABLES.replace("KEYTYPE", key_type)).await;
    let bench = Bench::new(database.store(), &MAP.replace("MEDIA", media)).await;
    let organisation = OrganisationId::parse("7").unwrap();
    let scope = ExportScope {
        organisation: &organisation,
        cutoff_at: "2024-01-01T00:00:00Z".parse().unwrap(),
        formats: ExportFormat::Json,
        only: None,
    };
    assert_eq!(MediaRead::plan(bench.collection("tenant"), &bench.schema, &scope), Ok(None), "no media");
    let read = MediaRead::plan(bench.collection("asset"), &bench.schema, &scope).unwrap().unwrap();
    let mut transaction = bench.store.begin_read().await.unwrap();
    let count = transaction.media_count(&read).await.unwrap();
    let keys: Vec<MediaKey> = transaction.media(&read).await.unwrap().try_collect().await.unwrap();
    assert!(!format!("{keys:?}").contains("png"), "a key may be personal data");
    transaction.finish().await.unwrap();
    let mut named: Named = keys.into_iter().map(|key| (key.bucket, key.key, key.within_prefix)).collect();
    named.sort();
    assert_eq!(usize::try_from(count.objects).unwrap(), named.len(), "count and stream differ");
    (named, count)
}

#[tokio::test]
async fn each_object_comes_once_exactly_as_the_row_names_it() {
    for key_type in ["text", "citext", "varchar(60)", "text COLLATE \"und-x-icu\""] {
        let media = "media: {key: key, bucket_column: bucket, prefix: 'org/{organisation}/'}";
        let (named, count) = named(key_type, media).await;
        let own = |bucket: Option<&str>, key: &str| (bucket.map(str::to_owned), key.to_owned(), true);
        let other = |key: &str| (None, key.to_owned(), false);
        let mut expected = vec![
            own(None, "org/7/A.png"),
            own(Some("one"), "org/7/a.png"),
            own(Some("two"), "org/7/a.png"),
            own(None, "org/7/tab\tline\nback\\slash \\N.txt"),
            own(None, "org/7/Łódź 🎻.jpg"),
            own(None, "org/7/late.png"),
            other("\\N"),
            other("org/71/a.png"),
            own(None, "org/7/../8/a.png"),
        ];
        expected.sort();
        assert_eq!(named, expected, "{key_type}");
        assert_eq!(count.rows_without_key, 3);
    }
}

#[tokio::test]
async fn without_buckets_and_prefix_the_key_alone_counts() {
    let (named, count) = named("text", "media: {key: key}").await;
    assert!(named.iter().all(|(bucket, _, within)| bucket.is_none() && *within));
    assert_eq!((named.len(), count.rows_without_key), (8, 3));
}
