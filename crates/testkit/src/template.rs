//! The migrated database that every test's own is a copy of.
//!
//! Migrating takes a second, copying some hundredths. The template is made once per server and set of
//! migrations, whichever test process comes first. PostgreSQL refuses to copy a database that anybody
//! is connected to, so that making it and copying it both happen under one advisory lock.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;

use secrecy::SecretString;
use store::{Store, StoreConfig};
use tokio_postgres::Client;

use crate::control::{PASSWORD, SERVICE_ROLES};
use crate::database::{connect, fresh_name, pg_admin_url, url_of};

/// Any number that nobody else takes a lock under on the admin database.
const LOCK: i64 = 0x7465_7374_6b69;

/// A new copy of the template; answers its name.
pub(crate) async fn copy() -> String {
    let template = template_name();
    let name = fresh_name();
    // The lock ends with the connection, also when a test process is killed meanwhile.
    let admin = connect(&pg_admin_url()).await;
    admin.execute("SELECT pg_advisory_lock($1)", &[&LOCK]).await.expect("the lock can be had");
    if !exists(&admin, &template).await {
        make(&admin, &template).await;
    }
    run(&admin, &format!("CREATE DATABASE \"{name}\" TEMPLATE \"{template}\"")).await;
    name
}

async fn make(admin: &Client, template: &str) {
    // What a killed process left half done has this name; only a finished template has the other.
    let draft = format!("{template}_draft");
    run(admin, &format!("DROP DATABASE IF EXISTS \"{draft}\" WITH (FORCE)")).await;
    run(admin, &format!("CREATE DATABASE \"{draft}\"")).await;
    migrate(url_of(&draft)).await;
    for role in SERVICE_ROLES {
        run(admin, &format!("ALTER ROLE \"{role}\" LOGIN PASSWORD '{PASSWORD}'")).await;
    }
    // The migrating connection may take a moment to be gone, and a database in use keeps its name.
    let others = "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE datname = $1";
    admin.execute(others, &[&draft]).await.expect("connections can be ended");
    run(admin, &format!("ALTER DATABASE \"{draft}\" RENAME TO \"{template}\"")).await;
}

/// On a runtime of its own: the migrations need a multi-threaded one, and not every test has it.
async fn migrate(url: String) {
    let migrating = tokio::task::spawn_blocking(move || {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        runtime.expect("a runtime").block_on(async {
            let config = StoreConfig { url: SecretString::from(url), max_connections: 1 };
            let store = Store::open(&config).expect("the URL is right");
            store.migrate().await.expect("the migrations run");
        });
    });
    migrating.await.expect("the migrations run");
}

async fn exists(admin: &Client, name: &str) -> bool {
    let found = admin.query_opt("SELECT FROM pg_database WHERE datname = $1", &[&name]).await;
    found.expect("databases can be listed").is_some()
}

async fn run(admin: &Client, statement: &str) {
    if let Err(error) = admin.batch_execute(statement).await {
        panic!("{statement}: {error:?}");
    }
}

/// Changed migrations make another template, beside those of other checkouts on the same server.
fn template_name() -> String {
    let migrations = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../migrations");
    let mut files = Vec::new();
    for directory in std::fs::read_dir(migrations).expect("the migrations are there") {
        let file = directory.expect("a migration").path().join("up.sql");
        if file.exists() {
            files.push((file.parent().map(Path::to_owned), std::fs::read(&file).expect("a migration")));
        }
    }
    files.sort();
    let mut hasher = DefaultHasher::new();
    for (directory, content) in &files {
        directory.as_deref().and_then(Path::file_name).hash(&mut hasher);
        content.hash(&mut hasher);
    }
    format!("lethe_template_{:016x}", hasher.finish())
}
