//! Which failures of the control database pass by themselves: those of one that restarts, fails over, is
//! asked too much at once, or has to choose between two transactions.

use diesel::result::{DatabaseErrorKind, Error as DieselError};

/// How the messages begin that a server has for such failures. The driver hands no SQLSTATE on, so its words
/// have to do, in the language in which they are written (`lc_messages`, of which every connection makes sure).
const WORDS: [&str; 5] = [
    // 57P01, 57P02, 57P05, 25P03, 25P04
    "terminating connection ",
    // 57P03
    "the database system is ",
    // 57014, and 55P03 of a lock that took too long
    "canceling ",
    // 55P03
    "could not obtain lock ",
    // 40P01
    "deadlock detected",
];

/// Whether the same transaction may succeed later without anybody changing anything.
pub(crate) fn passes(error: &DieselError) -> bool {
    match error {
        DieselError::DatabaseError(kind, information) => match kind {
            // 40001; 25006 of a server that is a replica by now; and a connection that is gone.
            DatabaseErrorKind::SerializationFailure
            | DatabaseErrorKind::ReadOnlyTransaction
            | DatabaseErrorKind::ClosedConnection
            | DatabaseErrorKind::UnableToSendCommand => true,
            DatabaseErrorKind::UniqueViolation
            | DatabaseErrorKind::ForeignKeyViolation
            | DatabaseErrorKind::RestrictViolation
            | DatabaseErrorKind::NotNullViolation
            | DatabaseErrorKind::CheckViolation
            | DatabaseErrorKind::ExclusionViolation => false,
            _ => WORDS.iter().any(|words| information.message().starts_with(words)),
        },
        DieselError::RollbackErrorOnCommit { commit_error, .. } => passes(commit_error),
        DieselError::BrokenTransactionManager => true,
        _ => false,
    }
}

/// Whether a server with that setting says its errors in the words above.
pub(crate) fn speaks_our_words(lc_messages: &str) -> bool {
    let language = lc_messages.split(['_', '.', '-', '@']).next().unwrap_or_default();
    language.is_empty()
        || ["c", "posix", "en", "english"].iter().any(|ours| language.eq_ignore_ascii_case(ours))
}

#[cfg(test)]
mod tests {
    use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection};
    use secrecy::SecretString;
    use testkit::ControlDatabase;

    use super::*;
    use crate::{Store, StoreConfig};

    fn told(message: &str) -> DieselError {
        DieselError::DatabaseError(DatabaseErrorKind::Unknown, Box::new(message.to_owned()))
    }

    #[test]
    fn a_server_that_goes_down_is_known_by_its_words() {
        for message in [
            "terminating connection due to administrator command",
            "terminating connection because of crash of another server process",
            "the database system is starting up",
            "the database system is shutting down",
            "the database system is in recovery mode",
            "canceling statement due to user request",
            "canceling statement due to statement timeout",
            "canceling statement due to lock timeout",
        ] {
            assert!(passes(&told(message)), "{message}");
        }
        for message in [
            "permission denied for table privacy_jobs",
            "relation \"x\" does not exist",
            "invalid byte sequence",
        ] {
            assert!(!passes(&told(message)), "{message}");
        }
        let (rollback, commit) = (Box::new(DieselError::NotFound), Box::new(told("deadlock detected")));
        let both = DieselError::RollbackErrorOnCommit { rollback_error: rollback, commit_error: commit };
        assert!(passes(&both), "what became of the commit counts");
    }

    #[test]
    fn languages_are_told_apart() {
        for ours in ["C", "C.UTF-8", "POSIX", "en_US.UTF-8", "en_GB", "English_United States.1252", ""] {
            assert!(speaks_our_words(ours), "{ours}");
        }
        for other in ["de_DE.UTF-8", "fr_FR", "ja_JP.utf8"] {
            assert!(!speaks_our_words(other), "{other}");
        }
    }

    fn opened(database: &ControlDatabase) -> Store {
        let url = SecretString::from(database.url().to_owned());
        Store::open(&StoreConfig { url, max_connections: 2 }).unwrap()
    }

    async fn fails(conn: &mut AsyncPgConnection, sql: &str) -> DieselError {
        conn.batch_execute(sql).await.unwrap_err()
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn what_a_real_server_says_when_it_cancels_refuses_to_write_or_ends_the_connection() {
        let database = ControlDatabase::create().await;
        let store = opened(&database);
        let mut conn = store.conn().await.unwrap();
        let forever = "SELECT count(*) FROM generate_series(1, 1000000000000)";
        let timed_out = fails(&mut conn, &format!("SET statement_timeout = 1; {forever}")).await;
        assert!(passes(&timed_out), "57014: {timed_out}");
        conn.batch_execute("SET statement_timeout = 0").await.unwrap();
        let cancelled =
            fails(&mut conn, &format!("SELECT pg_cancel_backend(pg_backend_pid()); {forever}")).await;
        assert!(passes(&cancelled), "57014: {cancelled}");
        conn.batch_execute("SET default_transaction_read_only = on").await.unwrap();
        let read_only = fails(&mut conn, "DELETE FROM outbox").await;
        assert!(passes(&read_only), "25006: {read_only}");
        let wrong = fails(&mut conn, "SELECT nothing FROM nowhere").await;
        assert!(!passes(&wrong), "{wrong}");
        let ended = fails(&mut conn, "SELECT pg_terminate_backend(pg_backend_pid())").await;
        assert!(passes(&ended), "57P01: {ended}");
        let gone = fails(&mut conn, "SELECT 1").await;
        assert!(passes(&gone), "{gone}");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn of_two_transactions_that_wait_for_each_other_one_may_try_again() {
        let database = ControlDatabase::create().await;
        let store = opened(&database);
        let take = async |first: i64, second: i64, met: &tokio::sync::Barrier| {
            let mut conn = store.conn().await.unwrap();
            conn.transaction(async |conn| {
                let lock = |key| diesel::sql_query(format!("SELECT pg_advisory_xact_lock({key})"));
                lock(first).execute(conn).await?;
                met.wait().await;
                lock(second).execute(conn).await.map(drop)
            })
            .await
        };
        let met = tokio::sync::Barrier::new(2);
        let (one, other): (Result<(), DieselError>, Result<(), DieselError>) =
            tokio::join!(take(1, 2, &met), take(2, 1, &met));
        let lost = one.err().or(other.err()).unwrap();
        assert!(passes(&lost), "40P01: {lost}");
    }
}
