//! A connection on loan from the pool.

use std::ops::{Deref, DerefMut};

use diesel::result::Error as DieselError;
use diesel_async::pooled_connection::PoolableConnection;
use diesel_async::pooled_connection::deadpool::Object;
use diesel_async::{AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection};

use crate::functions;
use crate::passing::speaks_our_words;

/// Past these times something is wrong: a statement that hangs, a lock that is not let go, a process
/// that stopped in the middle of a transaction and would keep its rows locked for ever.
///
/// And what a commit was acknowledged for must outlive a crash of the server, whatever the database's
/// default is: objects are removed and messages confirmed on the strength of it.
const SETTINGS: &str = "\
    SET statement_timeout = '60s';
    SET lock_timeout = '30s';
    SET idle_in_transaction_session_timeout = '30s';
    SELECT pg_catalog.set_config('synchronous_commit', 'on', false)
    WHERE pg_catalog.current_setting('synchronous_commit') = 'off';";
/// Migrations, and waiting for another's, take as long as they take.
const PATIENCE: &str = "SET statement_timeout = 0; SET lock_timeout = 0";

/// A connection on loan from the pool.
///
/// A future that is dropped in the middle of a transaction leaves it open. The pool would keep such a
/// connection, and with it the transaction's row locks, until it next wants to lend it. This loan
/// closes it at once, which ends the transaction.
pub(crate) struct Conn(Option<Object<AsyncPgConnection>>);

impl Conn {
    pub fn new(lent: Object<AsyncPgConnection>) -> Self {
        Self(Some(lent))
    }
}

impl Drop for Conn {
    fn drop(&mut self) {
        if let Some(mut lent) = self.0.take()
            && lent.is_broken()
        {
            drop(Object::take(lent));
        }
    }
}

impl Deref for Conn {
    type Target = AsyncPgConnection;

    fn deref(&self) -> &AsyncPgConnection {
        match &self.0 {
            Some(lent) => lent,
            None => unreachable!("only drop takes it"),
        }
    }
}

impl DerefMut for Conn {
    fn deref_mut(&mut self) -> &mut AsyncPgConnection {
        match &mut self.0 {
            Some(lent) => lent,
            None => unreachable!("only drop takes it"),
        }
    }
}

/// Sets what every connection of ours has, and says so where the server's words will not be understood.
pub(crate) async fn set_up(conn: &mut AsyncPgConnection) -> Result<(), DieselError> {
    conn.batch_execute(SETTINGS).await?;
    let language: String = diesel::select(functions::current_setting("lc_messages")).get_result(conn).await?;
    if !speaks_our_words(&language) {
        tracing::warn!(
            lc_messages = language,
            "the control database does not speak English: set lc_messages to C, or what passes by itself is not known as such"
        );
    }
    Ok(())
}

/// Lifts those on statements and locks.
pub(crate) async fn be_patient(conn: &mut AsyncPgConnection) -> Result<(), DieselError> {
    conn.batch_execute(PATIENCE).await
}

#[cfg(test)]
mod tests {
    use diesel::QueryableByName;
    use diesel_async::RunQueryDsl;
    use secrecy::SecretString;
    use testkit::ControlDatabase;

    use crate::{Store, StoreConfig};

    #[derive(QueryableByName, PartialEq, Eq, Debug)]
    struct Setting {
        #[diesel(sql_type = diesel::sql_types::Text)]
        name: String,
        #[diesel(sql_type = diesel::sql_types::Text)]
        setting: String,
    }

    async fn settings(store: &Store) -> Vec<(String, String)> {
        let query = "SELECT name, setting FROM pg_settings WHERE name IN \
                     ('statement_timeout', 'lock_timeout', 'idle_in_transaction_session_timeout', \
                     'synchronous_commit') ORDER BY name";
        let mut conn = store.conn().await.unwrap();
        let rows: Vec<Setting> = diesel::sql_query(query).load(&mut conn).await.unwrap();
        rows.into_iter().map(|row| (row.name, row.setting)).collect()
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn every_connection_has_limits_and_keeps_what_it_commits_also_after_it_migrated() {
        let database = ControlDatabase::create().await;
        let url = SecretString::from(database.url().to_owned());
        let careless = "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET synchronous_commit = off', \
                        current_database()); END $$";
        database.client().await.batch_execute(careless).await.unwrap();
        let store = Store::open(&StoreConfig { url, max_connections: 1 }).unwrap();
        let expected = [
            ("idle_in_transaction_session_timeout", "30000"),
            ("lock_timeout", "30000"),
            ("statement_timeout", "60000"),
            ("synchronous_commit", "on"),
        ];
        let expected = expected.map(|(name, setting)| (name.to_owned(), setting.to_owned()));
        assert_eq!(settings(&store).await, expected);
        store.migrate().await.unwrap();
        assert_eq!(settings(&store).await, expected);
    }
}
