//! A migrated database for each test, copied from one that is migrated once.

use secrecy::SecretString;
use store::{Store, StoreConfig};
use tokio::sync::{Mutex, OnceCell};
use tokio_postgres::{Client, NoTls};
use url::Url;

/// Any number; whoever changes the cluster's roles in a test takes this lock first, because two
/// ALTER ROLE at once fail.
const ROLES_LOCK: i64 = 0x006c_6574_6865_726f;

static TEMPLATE: OnceCell<String> = OnceCell::const_new();
/// Copies of one template are made one after another.
static COPYING: Mutex<()> = Mutex::const_new(());

fn server() -> Url {
    let url = std::env::var("LETHE_TEST_PG_URL").expect("LETHE_TEST_PG_URL is not set; run through `make test`");
    Url::parse(&url).expect("LETHE_TEST_PG_URL is a URL")
}

fn url(user: Option<&str>, database: &str) -> String {
    let mut url = server();
    url.set_path(database);
    if let Some(user) = user {
        url.set_username(user).unwrap();
    }
    url.into()
}

async fn connect(url: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.expect("the test server answers");
    tokio::spawn(async move { connection.await.ok() });
    client
}

fn open(url: String) -> Store {
    Store::open(&StoreConfig { url: SecretString::from(url), max_connections: 8 }).unwrap()
}

async fn template() -> String {
    let name = format!("lethe_api_template_{}", std::process::id());
    let server = connect(server().as_str()).await;
    server.batch_execute(&format!("CREATE DATABASE {name}")).await.unwrap();
    {
        let store = open(url(None, &name));
        store.migrate().await.unwrap();
    }
    let lock = format!("SELECT pg_advisory_lock({ROLES_LOCK})");
    server.batch_execute(&lock).await.unwrap();
    let role = server.query_one("SELECT rolcanlogin FROM pg_roles WHERE rolname = 'lethe_api'", &[]).await.unwrap();
    if !role.get::<_, bool>(0) {
        server.batch_execute("ALTER ROLE lethe_api LOGIN").await.unwrap();
    }
    // The store's connections may still be on their way out, and a template must have none.
    let others = format!("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = '{name}'");
    server.batch_execute(&others).await.unwrap();
    name
}

/// A database of a test's own; dropped with it.
pub struct TestDatabase {
    name: String,
    /// Connected as superuser, for fixtures and for looking behind the API.
    pub admin: Client,
}

impl TestDatabase {
    pub async fn create() -> Self {
        let template = TEMPLATE.get_or_init(template).await;
        let name = format!("lethe_api_{}", uuid::Uuid::new_v4().simple());
        {
            let _one_at_a_time = COPYING.lock().await;
            let server = connect(server().as_str()).await;
            server.batch_execute(&format!("CREATE DATABASE {name} TEMPLATE {template}")).await.unwrap();
        }
        let admin = connect(&url(None, &name)).await;
        Self { name, admin }
    }

    /// The database as the service sees it.
    pub fn store(&self) -> Store {
        open(url(Some("lethe_api"), &self.name))
    }

    pub async fn count(&self, from: &str) -> i64 {
        self.admin.query_one(&format!("SELECT count(*) FROM {from}"), &[]).await.unwrap().get(0)
    }

    pub async fn text(&self, query: &str) -> String {
        self.admin.query_one(query, &[]).await.unwrap().get(0)
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        let statement = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name);
        // A runtime of its own: the test's may be ending.
        let dropping = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(async { connect(server().as_str()).await.batch_execute(&statement).await.ok() });
            std::io::Result::Ok(())
        });
        drop(dropping.join());
    }
}
