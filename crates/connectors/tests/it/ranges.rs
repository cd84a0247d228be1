//! Key ranges: every row of an organisation in exactly one, whatever its key is made of.

use std::collections::BTreeSet;

use connectors::{CollectionRead, ExportScope, KeyRange};
use domain::export::ExportFormat;
use domain::id::OrganisationId;

use crate::support::{Bench, TestDatabase, copied, far_future};

const MAP: &str = "
dataset:
- fides_key: cut
  lethe: {organisation: {collection: tenant, key: id}}
  collections:
  - name: tenant
    fields: [{name: id, fides_meta: {primary_key: true}}]
  - name: thing
    lethe: {tenant: tenant_id}
    fields: [{name: tenant_id, fides_meta: {references: [{dataset: cut, field: tenant.id}]}}, {name: label}]
";

/// What a table of things with a key of one kind looks like.
struct Kind<'a> {
    /// Before the table.
    prelude: &'a str,
    /// The key's columns and constraints.
    columns: &'a str,
    /// The key's values for the number `g`, distinct for all of 1 … 3,000.
    values: &'a str,
    /// Further keys, each as a row of values.
    more: &'a [&'a str],
}

async fn things(kind: &Kind<'_>) -> (TestDatabase, Bench) {
    let Kind { prelude, columns, values, more } = kind;
    let mut sql = format!(
        "{prelude}; CREATE TABLE tenant (id integer PRIMARY KEY); \
         CREATE TABLE thing (label bigserial, tenant_id integer, {columns}); \
         INSERT INTO thing SELECT nextval('thing_label_seq'), g % 3, {values} FROM generate_series(1, 3000) g;"
    );
    for values in *more {
        sql.push_str(&format!("INSERT INTO thing SELECT nextval('thing_label_seq'), 1, {values};"));
    }
    let database = TestDatabase::with(&sql).await;
    let bench = Bench::new(database.store(), MAP).await;
    (database, bench)
}

fn planned(bench: &Bench, range: Option<&KeyRange>) -> CollectionRead {
    let organisation = OrganisationId::parse("1").unwrap();
    let scope = ExportScope {
        organisation: &organisation,
        cutoff_at: far_future(),
        formats: ExportFormat::Csv,
        only: None,
    };
    CollectionRead::plan(bench.collection("thing"), &bench.schema, &scope, range).unwrap()
}

async fn cut(bench: &Bench, parts: u32) -> Vec<KeyRange> {
    let whole = planned(bench, None);
    let transaction = bench.store.begin_read().await.unwrap();
    let rows = transaction.count(&whole).await.unwrap();
    let ranges = transaction.split(&whole, rows, parts).await.unwrap();
    transaction.finish().await.unwrap();
    // As they travel: written down by one step, read by another.
    let text = serde_json::to_string(&ranges).unwrap();
    serde_json::from_str(&text).unwrap()
}

/// How many rows each range holds, after checking that together they hold each row once.
async fn sizes(bench: &Bench, ranges: &[KeyRange]) -> Vec<usize> {
    let mut transaction = bench.store.begin_read().await.unwrap();
    let all = copied(&mut transaction, &planned(bench, None)).await.unwrap();
    let (mut sizes, mut seen) = (Vec::new(), BTreeSet::new());
    for range in ranges {
        let read = planned(bench, Some(range));
        let rows = copied(&mut transaction, &read).await.unwrap();
        let count = transaction.count(&read).await.unwrap();
        assert_eq!(usize::try_from(count).unwrap(), rows.len(), "count and copy differ");
        sizes.push(rows.len());
        for row in rows {
            assert!(seen.insert(row.clone()), "twice: {row:?}");
        }
    }
    transaction.finish().await.unwrap();
    assert_eq!(seen, all.into_iter().collect(), "every row of the organisation and no other");
    sizes
}

const PLAIN: &[Kind<'_>] = &[
    Kind {
        prelude: "",
        columns: "k bigint PRIMARY KEY",
        values: "(g - 1501) * 1000003",
        more: &["-9223372036854775808", "9223372036854775807"],
    },
    Kind {
        prelude: "",
        columns: "k uuid PRIMARY KEY",
        values: "md5(g::text)::uuid",
        more: &["'00000000-0000-0000-0000-000000000000'::uuid"],
    },
    Kind {
        prelude: "",
        columns: "k text PRIMARY KEY",
        values: "md5(g::text)",
        more: &["''", "' '", "E'\\\\'", "'it''s'", "'日本 🎻'", "E'a\\tb\\nc'", "'Ä'", "'ä'", "'NULL'"],
    },
    Kind {
        prelude: "CREATE COLLATION folded (provider = icu, locale = 'und-u-ks-level1', deterministic = false)",
        columns: "k text COLLATE folded PRIMARY KEY",
        values: "'Schlüssel ' || g",
        more: &["'schlussel'", "''", "'Z'", "'zz'"],
    },
    Kind {
        prelude: "",
        columns: "k varchar(12) COLLATE \"C\" PRIMARY KEY",
        values: "'Ü' || g",
        more: &["'z'", "''"],
    },
    Kind { prelude: "", columns: "k char(8) PRIMARY KEY", values: "g::text", more: &["''", "'a b'"] },
    Kind {
        prelude: "",
        columns: "k timestamptz PRIMARY KEY",
        values: "timestamptz '2024-03-31 00:30+00' + g * interval '1.000001 minutes'",
        more: &["'infinity'::timestamptz", "'-infinity'::timestamptz", "timestamptz '0044-03-15 12:00 BC'"],
    },
    Kind {
        prelude: "",
        columns: "k timestamp(3) PRIMARY KEY",
        values: "timestamp '1999-12-31' + g * interval '7 hours'",
        more: &[],
    },
    Kind {
        prelude: "",
        columns: "k date PRIMARY KEY",
        values: "date '1970-01-01' + g",
        more: &["'infinity'::date"],
    },
    Kind {
        prelude: "",
        columns: "k numeric PRIMARY KEY",
        values: "(g - 1500) / 7.0",
        more: &["'NaN'::numeric", "1e300::numeric", "-1e300::numeric"],
    },
    Kind {
        prelude: "",
        columns: "k double precision PRIMARY KEY",
        values: "(g - 1500) / 7.0::float8",
        more: &["'NaN'::float8", "'-Infinity'::float8", "'1e-300'::float8"],
    },
    Kind {
        prelude: "CREATE SCHEMA ext; CREATE EXTENSION citext SCHEMA ext",
        columns: "k ext.citext PRIMARY KEY",
        values: "CASE WHEN g % 2 = 0 THEN 'KEY' ELSE 'key' END || g",
        more: &["''", "'Zebra'", "'aardvark'"],
    },
    Kind {
        prelude: "CREATE DOMAIN number AS bigint CHECK (VALUE > -9000)",
        columns: "k number PRIMARY KEY",
        values: "g - 1500",
        more: &[],
    },
    Kind {
        prelude: "CREATE DOMAIN handle AS text COLLATE \"C\"",
        columns: "k handle PRIMARY KEY",
        values: "md5(g::text)",
        more: &["''"],
    },
    Kind {
        prelude: "",
        columns: "k bytea PRIMARY KEY",
        values: "decode(md5(g::text), 'hex')",
        more: &["''::bytea", "'\\x00'::bytea"],
    },
    Kind {
        prelude: "",
        columns: "k inet PRIMARY KEY",
        values: "inet '10.0.0.0' + g",
        more: &["'::1'::inet", "'10.0.0.0/8'::inet"],
    },
    Kind {
        prelude: "",
        columns: "k interval PRIMARY KEY",
        values: "g * interval '1 day 1 second'",
        more: &["interval '-1 month'"],
    },
    Kind {
        prelude: "",
        columns: "k integer[] PRIMARY KEY",
        values: "ARRAY[g % 7, g]",
        more: &["'{}'::integer[]"],
    },
    Kind { prelude: "", columns: "k bit(16) PRIMARY KEY", values: "g::bit(16)", more: &[] },
    Kind { prelude: "", columns: "k bigint NOT NULL UNIQUE", values: "-g", more: &[] },
];

const COMPOSITE: &[Kind<'_>] = &[
    Kind {
        prelude: "",
        columns: "a integer, b text, PRIMARY KEY (a, b)",
        values: "g % 5, md5(g::text)",
        more: &["2, ''", "-1, 'Ω'", "2147483647, 'z'"],
    },
    // One value of the first column holds most rows, so that bounds differ in the last one only.
    Kind {
        prelude: "",
        columns: "a text, b date, c smallint, PRIMARY KEY (a, b, c)",
        values: "CASE WHEN g < 100 THEN md5(g::text) ELSE 'most' END, date '2024-01-01', g",
        more: &[],
    },
    Kind {
        prelude: "CREATE TYPE mood AS ENUM ('zeal', 'calm', 'anger')",
        columns: "a mood, b bigint, PRIMARY KEY (a, b)",
        values: "(ENUM_RANGE(NULL::mood))[1 + g % 2], -g",
        more: &[],
    },
    Kind {
        prelude: "CREATE EXTENSION citext",
        columns: "\"Käse\"\"x\" public.citext, b uuid, PRIMARY KEY (\"Käse\"\"x\", b)",
        values: "CASE g % 4 WHEN 0 THEN 'A' WHEN 1 THEN 'a' WHEN 2 THEN 'B' ELSE 'b' END, md5(g::text)::uuid",
        more: &[],
    },
    Kind {
        prelude: "",
        columns: "a numeric(6, 2), b timestamptz, c boolean, PRIMARY KEY (a, b, c)",
        values: "g % 4, timestamptz '2024-01-01' + g * interval '1 s', g % 2 = 0",
        more: &[],
    },
];

#[tokio::test]
async fn every_key_is_in_exactly_one_range() {
    for kind in PLAIN.iter().chain(COMPOSITE) {
        let (_database, bench) = things(kind).await;
        for (parts, spread) in [(2, 300), (5, 60)] {
            let ranges = cut(&bench, parts).await;
            assert_eq!(ranges.len(), usize::try_from(parts).unwrap(), "{}", kind.columns);
            let sizes = sizes(&bench, &ranges).await;
            let (least, most) = (sizes.iter().min().unwrap(), sizes.iter().max().unwrap());
            assert!(most - least <= spread && *least > 0, "{}: {sizes:?}", kind.columns);
        }
    }
}

#[tokio::test]
async fn an_enum_alone_is_cut_between_its_values() {
    let prelude = "DO $$ BEGIN EXECUTE 'CREATE TYPE level AS ENUM (' || (SELECT string_agg(quote_literal('v' || g), ',' ORDER BY md5(g::text)) FROM generate_series(1, 3000) g) || ')'; END $$";
    let kind = Kind { prelude, columns: "k level PRIMARY KEY", values: "('v' || g)::level", more: &[] };
    let (_database, bench) = things(&kind).await;
    assert_eq!(sizes(&bench, &cut(&bench, 5).await).await, [200; 5]);
}

#[tokio::test]
async fn bounds_of_any_quality_keep_every_row_once() {
    let (_database, bench) = things(&PLAIN[0]).await;
    let columns = vec!["k".to_owned()];
    let ends = ["-9223372036854775808", "-5", "0", "0", "7", "9223372036854775807"];
    let bound = |text: &str| Some(vec![text.to_owned()]);
    let mut ranges = vec![KeyRange { columns: columns.clone(), from: None, to: bound(ends[0]) }];
    for pair in ends.windows(2) {
        ranges.push(KeyRange { columns: columns.clone(), from: bound(pair[0]), to: bound(pair[1]) });
    }
    ranges.push(KeyRange { columns, from: bound(ends[5]), to: None });
    let sizes = sizes(&bench, &ranges).await;
    assert_eq!((sizes[0], sizes[3]), (0, 0), "empty ranges are ranges too");
}

#[tokio::test]
async fn rows_that_come_later_are_in_one_range_as_well() {
    let (database, bench) = things(&COMPOSITE[0]).await;
    let ranges = cut(&bench, 7).await;
    let later = "INSERT INTO thing (tenant_id, a, b) SELECT 1, g % 9 - 2, 'later ' || g FROM generate_series(1, 500) g; \
                 UPDATE thing SET label = DEFAULT WHERE tenant_id = 1";
    database.client.batch_execute(later).await.unwrap();
    assert_eq!(sizes(&bench, &ranges).await.iter().sum::<usize>(), 1_503);
}

#[tokio::test]
async fn what_has_no_usable_key_or_too_few_rows_stays_in_one_range() {
    for columns in ["k bigint", "k bigint UNIQUE", "k bigint NOT NULL, UNIQUE (k, label)"] {
        let (_database, bench) = things(&Kind { prelude: "", columns, values: "g", more: &[] }).await;
        let cut = cut(&bench, 4).await.len();
        // The label is never NULL, so that the last one is a key.
        assert_eq!(cut, if columns.contains("label") { 4 } else { 1 }, "{columns}");
    }
    let (database, bench) = things(&PLAIN[0]).await;
    for parts in [0, 1] {
        assert!(cut(&bench, parts).await[0].is_whole());
    }
    database
        .client
        .batch_execute("DELETE FROM thing WHERE tenant_id = 1 AND label % 400 <> 1")
        .await
        .unwrap();
    assert!(cut(&bench, 64).await[0].is_whole());
    database.client.batch_execute("DELETE FROM thing").await.unwrap();
    assert_eq!(sizes(&bench, &cut(&bench, 4).await).await, [0]);
}

#[tokio::test]
async fn a_large_table_is_sampled_by_pages_and_cut_about_evenly() {
    // One row a page, so that few rows make a table of many pages.
    let wide = "k bigint PRIMARY KEY, filler text";
    let values = "(g * 7919) % 3001, repeat(md5(g::text), 100)";
    let kind = Kind { prelude: "", columns: wide, values, more: &[] };
    let (database, bench) = things(&kind).await;
    let fill = "ALTER TABLE thing ALTER filler SET STORAGE PLAIN; \
         INSERT INTO thing (tenant_id, k, filler) SELECT 1, 4000 + g, repeat(md5(g::text), 130) FROM generate_series(1, 9000) g; \
         ANALYZE thing";
    database.client.batch_execute(fill).await.unwrap();
    let ranges = cut(&bench, 2).await;
    let sizes = sizes(&bench, &ranges).await;
    assert!(sizes.iter().all(|size| (3_500..=6_500).contains(size)), "{sizes:?}");
}

/// A third of 24,000 rows, four a page: on every page, or together at the end. Twice in ten ranges.
async fn cut_twice(tenant: &str) -> [Vec<KeyRange>; 2] {
    let wide =
        Kind { prelude: "", columns: "k bigint PRIMARY KEY, filler text", values: "-g, ''", more: &[] };
    let (database, bench) = things(&wide).await;
    let fill = format!(
        "TRUNCATE thing; ALTER TABLE thing ALTER filler SET STORAGE PLAIN; \
         INSERT INTO thing (tenant_id, k, filler) SELECT {tenant}, g, repeat('x', 1900) FROM generate_series(1, 24000) g; \
         ANALYZE thing"
    );
    database.client.batch_execute(&fill).await.unwrap();
    let twice = [cut(&bench, 10).await, cut(&bench, 10).await];
    for ranges in &twice {
        let sizes = sizes(&bench, ranges).await;
        assert!(sizes.iter().all(|size| (550..=1_050).contains(size)), "{sizes:?}");
    }
    twice
}

#[tokio::test]
async fn rows_that_lie_on_every_page_are_sampled_by_some_of_the_pages() {
    // Of pages the same are chosen each time, of rows others.
    let [first, second] = cut_twice("g % 3").await;
    assert_eq!(first, second);
    let [first, second] = cut_twice("CASE WHEN g > 16000 THEN 1 ELSE 2 END").await;
    assert_ne!(first, second, "a few pages would have too few of them");
}

#[tokio::test]
async fn views_and_partitions() {
    let partitioned = "CREATE TABLE whole (label bigint, tenant_id integer, k bigint PRIMARY KEY) PARTITION BY RANGE (k); \
        CREATE TABLE low PARTITION OF whole FOR VALUES FROM (MINVALUE) TO (1000); \
        CREATE TABLE high PARTITION OF whole FOR VALUES FROM (1000) TO (MAXVALUE); \
        INSERT INTO whole SELECT g, g % 3, g FROM generate_series(1, 3000) g; ANALYZE whole; \
        CREATE TABLE tenant (id integer PRIMARY KEY);";
    let database = TestDatabase::with(&format!("{partitioned} ALTER TABLE whole RENAME TO thing")).await;
    let bench = Bench::new(database.store(), MAP).await;
    assert_eq!(sizes(&bench, &cut(&bench, 5).await).await, [200; 5]);
    let database =
        TestDatabase::with(&format!("{partitioned} CREATE VIEW thing AS SELECT * FROM whole")).await;
    let bench = Bench::new(database.store(), MAP).await;
    assert_eq!(sizes(&bench, &cut(&bench, 4).await).await, [1_000], "a view has no key");
}
