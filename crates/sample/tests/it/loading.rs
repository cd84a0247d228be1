//! Creating and seeding.

use std::collections::BTreeMap;

use sample::{KNOWN_ORGANISATIONS, Progress, SampleError, Scale, rows_of_organisation};

use crate::database::Database;

fn scale() -> Scale {
    Scale::organisations_of_rows(&[2_500, 600, 300, 250])
}

#[tokio::test]
async fn the_rows_are_those_that_seeding_reports() {
    let (database, seeded) = Database::seeded(&scale(), 1).await;
    for (table, rows) in &seeded.rows {
        assert_eq!(
            database.count(&format!("SELECT count(*) FROM \"{table}\"")).await,
            i64::try_from(*rows).unwrap(),
            "{table}"
        );
    }
    for organisation in &seeded.organisations {
        for (table, rows) in &organisation.rows {
            let sql = format!("SELECT count(*) {}", rows_of_organisation(table).unwrap());
            let found: i64 = database.client.query_one(&sql, &[&organisation.id]).await.unwrap().get(0);
            assert_eq!(found, i64::try_from(*rows).unwrap(), "{table} of {}", organisation.name);
        }
    }
    for (known, found) in KNOWN_ORGANISATIONS.iter().zip(&seeded.organisations) {
        assert_eq!((known.id, known.name), (found.id, found.name.as_str()));
        let sql = "SELECT u.email FROM organisations o JOIN users u ON u.id = o.owner_id JOIN memberships m \
                   ON (m.organisation_id, m.user_id) = (o.id, u.id) WHERE o.id = $1 AND m.role = 'owner'";
        let owner: String = database.client.query_one(sql, &[&known.id]).await.unwrap().get(0);
        assert_eq!(owner, known.owner_email);
    }
    database.remove().await;
}

/// Every key, constraint and index of the schema, and whether it is in force.
async fn constraints(database: &Database) -> Vec<String> {
    let sql = "SELECT format('%s %s %s', conrelid::regclass, pg_get_constraintdef(oid), convalidated) FROM pg_constraint
               WHERE connamespace = 'public'::regnamespace
               UNION ALL
               SELECT format('%s %s', pg_get_indexdef(indexrelid), indisvalid) FROM pg_index JOIN pg_class ON oid = indrelid
               WHERE relnamespace = 'public'::regnamespace ORDER BY 1";
    database.client.query(sql, &[]).await.unwrap().iter().map(|row| row.get(0)).collect()
}

#[tokio::test]
async fn seeding_leaves_the_schema_as_it_was() {
    let created = Database::created().await;
    let (seeded, _) = Database::seeded(&scale(), 1).await;
    let before = constraints(&created).await;
    assert!(before.iter().filter(|line| line.contains("FOREIGN KEY")).count() >= 20);
    assert_eq!(before, constraints(&seeded).await);
    created.remove().await;
    seeded.remove().await;
}

/// The foreign keys are in force, and the references that are none hold as well.
#[tokio::test]
async fn every_reference_finds_its_row() {
    let (database, _) = Database::seeded(&scale(), 2).await;
    let broken = [
        "SELECT count(*) FROM logs l WHERE organisation_id IS NOT NULL AND NOT EXISTS (SELECT FROM organisations WHERE id = l.organisation_id)",
        "SELECT count(*) FROM logs l WHERE actor_id IS NOT NULL AND NOT EXISTS (SELECT FROM memberships WHERE (organisation_id, user_id) = (l.organisation_id, l.actor_id))",
        "SELECT count(*) FROM conversations c, unnest(participant_ids) p WHERE NOT EXISTS (SELECT FROM memberships WHERE (organisation_id, user_id) = (c.organisation_id, p))",
        "SELECT count(*) FROM messages m JOIN messages r ON r.id = m.reply_to WHERE r.conversation_id <> m.conversation_id OR r.created_at > m.created_at",
        "SELECT count(*) FROM messages m JOIN conversations c ON c.id = m.conversation_id WHERE m.created_at < c.created_at",
        "SELECT count(*) FROM contents p JOIN messages m ON m.id = p.message_id JOIN conversations c ON c.id = m.conversation_id \
         JOIN media_assets a ON a.id = p.media_asset_id JOIN conversations d ON d.id = a.conversation_id WHERE c.organisation_id <> d.organisation_id",
        "SELECT count(*) FROM messages m JOIN conversations c ON c.id = m.conversation_id WHERE m.sender_id IS NOT NULL \
         AND NOT EXISTS (SELECT FROM memberships WHERE (organisation_id, user_id) = (c.organisation_id, m.sender_id))",
    ];
    for sql in broken {
        assert_eq!(database.count(sql).await, 0, "{sql}");
    }
    let enforced = "SELECT count(*) FROM pg_constraint WHERE contype = 'f' AND NOT convalidated";
    assert_eq!(database.count(enforced).await, 0);
    assert!(database.client.batch_execute("DELETE FROM memberships").await.is_err());
    database.remove().await;
}

/// A hash over all rows of each table.
async fn hashes(
    database: &Database,
    tables: impl Iterator<Item = &&'static str>,
) -> BTreeMap<&'static str, String> {
    let mut hashes = BTreeMap::new();
    for table in tables {
        let sql = format!(
            "SELECT md5(string_agg(row, ',' ORDER BY row)) FROM (SELECT md5(t::text) FROM \"{table}\" t) AS rows (row)"
        );
        hashes.insert(*table, database.client.query_one(&sql, &[]).await.unwrap().get(0));
    }
    hashes
}

#[tokio::test]
async fn the_same_seed_gives_the_same_rows() {
    let (first, seeded) = Database::seeded(&scale(), 3).await;
    let (second, again) = Database::seeded(&scale(), 3).await;
    let (other, _) = Database::seeded(&scale(), 4).await;
    assert_eq!(seeded, again);
    let expected = hashes(&first, seeded.rows.keys()).await;
    assert_eq!(expected, hashes(&second, seeded.rows.keys()).await);
    let different = hashes(&other, seeded.rows.keys()).await;
    assert!(expected.iter().all(|(table, hash)| different[table] != *hash));
    for database in [first, second, other] {
        database.remove().await;
    }
}

#[tokio::test]
async fn the_planner_has_statistics_and_the_product_free_keys() {
    let (database, seeded) = Database::seeded(&scale(), 1).await;
    let analysed = "SELECT count(*) FROM pg_class c WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' \
                    AND EXISTS (SELECT FROM pg_statistic WHERE starelid = c.oid)";
    assert_eq!(database.count(analysed).await, i64::try_from(seeded.rows.len()).unwrap());
    let insert = "INSERT INTO users (email, \"displayName\", password_hash) VALUES ('new@left.example', 'New', '!') RETURNING id";
    let highest = database.count("SELECT max(id) FROM users").await;
    assert_eq!(database.count(insert).await, highest + 1);
    let later = "SELECT count(*) FROM messages WHERE created_at > '2026-06-30'";
    assert_eq!(database.count(later).await, 0);
    database.remove().await;
}

#[tokio::test]
async fn rows_that_are_there_are_never_replaced() {
    let (mut database, _) = Database::seeded(&Scale::rows(300, 0), 1).await;
    let before = constraints(&database).await;
    let again = sample::seed(&mut database.client, &scale(), 1, |_| ()).await;
    assert!(matches!(again, Err(SampleError::NotEmpty)), "{again:?}");
    assert_eq!(database.count("SELECT count(*) FROM organisations").await, 1);
    assert_eq!(before, constraints(&database).await);
    database.remove().await;
}

#[tokio::test]
async fn progress_grows_to_the_whole() {
    let mut database = Database::created().await;
    let mut seen = Vec::new();
    let seeded =
        sample::seed(&mut database.client, &scale(), 1, |progress| seen.push(progress)).await.unwrap();
    let all: u64 = seeded.rows.values().sum();
    let counts: Vec<u64> = seen
        .iter()
        .filter_map(|seen| if let Progress::Rows { done, .. } = seen { Some(*done) } else { None })
        .collect();
    assert!(counts.is_sorted() && counts.last() == Some(&all));
    assert!(seen.iter().all(|seen| !matches!(seen, Progress::Rows { total, .. } if *total != all)));
    let last_index = seen.iter().rev().find_map(|seen| {
        if let Progress::Indexes { done, total } = seen { Some((done, total)) } else { None }
    });
    assert!(last_index.is_some_and(|(done, total)| done == total));
    assert_eq!(seen.last(), Some(&Progress::Statistics));
    database.remove().await;
}

#[tokio::test]
async fn a_schema_that_is_there_is_named_in_the_error() {
    let database = Database::created().await;
    let error = sample::create(&database.client).await.unwrap_err();
    assert_eq!(error.to_string(), "creating the tables failed in the sample company's database");
    assert_eq!(database.count("SELECT 1::bigint").await, 1);
    database.remove().await;
}
