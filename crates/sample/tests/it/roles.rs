//! The roles and what they may do.

use sample::{ROLES_SQL, Scale};

use crate::database::Database;

#[tokio::test(flavor = "multi_thread")]
async fn roles_may_do_what_their_purpose_needs_and_no_more() {
    let (database, _) = Database::seeded(&Scale::rows(0, 0), 1).await;
    database.client.batch_execute(ROLES_SQL).await.unwrap();
    let (reader, eraser) =
        (database.session("vantage_reader").await, database.session("vantage_eraser").await);
    reader
        .batch_execute("SELECT FROM users; SELECT FROM \"userDevices\"; SELECT FROM active_members")
        .await
        .unwrap();
    eraser
        .batch_execute("BEGIN; UPDATE users SET given_name = NULL; DELETE FROM safety_events; ROLLBACK")
        .await
        .unwrap();
    let refused = [
        (&reader, "UPDATE users SET given_name = NULL"),
        (&reader, "DELETE FROM safety_events"),
        (&reader, "SET default_transaction_read_only = off; DELETE FROM safety_events"),
        (
            &eraser,
            "INSERT INTO organisations (id, name, slug, billing_email) VALUES (gen_random_uuid(), 'x', 'x', 'x@y')",
        ),
        (&eraser, "TRUNCATE safety_events"),
        (&eraser, "DROP TABLE safety_events"),
        (&eraser, "CREATE ROLE vantage_other"),
    ];
    for (session, sql) in refused {
        assert!(session.batch_execute(sql).await.is_err(), "{sql}");
    }
    database.remove().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn roles_can_be_made_again_and_by_several_at_once() {
    let databases = [Database::created().await, Database::created().await, Database::created().await];
    for _ in 0..3 {
        let [first, second, third] = &databases;
        let (first, second, third) = tokio::join!(
            first.client.batch_execute(ROLES_SQL),
            second.client.batch_execute(ROLES_SQL),
            third.client.batch_execute(ROLES_SQL),
        );
        first.and(second).and(third).unwrap();
    }
    for database in databases {
        database.remove().await;
    }
}
