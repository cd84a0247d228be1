//! The service on a port and a database of its own.

use std::net::TcpListener;
use std::path::Path;

use actix_web::dev::ServerHandle;
use chassis::RelayWaker;
use privacy_api::config::{
    AuthConfig, Config, IssuerConfig, KeysConfig, Limits, Mode, PackagesConfig, SealingConfig,
};
use privacy_api::secret::Secret;
use privacy_api::{ApiState, server};
use secrecy::SecretString;
use serde_json::json;
use tempfile::TempDir;

use super::signer::{AUDIENCE, ISSUER};
use super::{Call, Claims, Shop, Signer, TestDatabase, capture};

/// The service on a port and a database of its own; stops when dropped.
pub struct TestApp {
    pub database: TestDatabase,
    pub state: ApiState,
    /// Signs for the one configured issuer.
    pub signer: Signer,
    pub address: String,
    client: reqwest::Client,
    handle: ServerHandle,
    _directory: TempDir,
}

impl TestApp {
    pub async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    /// Starts with other settings.
    pub async fn start_with(change: impl FnOnce(&mut Config)) -> Self {
        capture();
        let database = TestDatabase::create().await;
        let store = database.store();
        Self::serve(database, store, change).await
    }

    /// Starts with a company's database to erase from; the shop lasts as long as it is kept.
    pub async fn start_with_shop(change: impl FnOnce(&mut Config)) -> (Self, Shop) {
        let shop = Shop::open().await;
        let app = Self::start_with(|config| {
            config.erasure = Some(shop.settings());
            change(config);
        })
        .await;
        (app, shop)
    }

    /// Starts with a control database that does not answer.
    pub async fn start_without_database() -> Self {
        capture();
        let nowhere = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let url = SecretString::from(format!("postgres://lethe_api@{nowhere}/none"));
        let store = store::Store::open(&store::StoreConfig { url, max_connections: 2 }).unwrap();
        Self::serve(TestDatabase::create().await, store, |_| {}).await
    }

    async fn serve(database: TestDatabase, store: store::Store, change: impl FnOnce(&mut Config)) -> Self {
        let directory = TempDir::new().unwrap();
        let signer = Signer::ed("test");
        let keys = directory.path().join("keys.json");
        std::fs::write(&keys, json!({"keys": [signer.jwk()]}).to_string()).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let mut config = config(&address, directory.path(), &keys);
        change(&mut config);
        let metrics = telemetry::metrics::Metrics::new();
        let state = ApiState::new(&config, store, RelayWaker::default(), &metrics).unwrap();
        let server = server(listener, state.clone()).unwrap();
        let handle = server.handle();
        tokio::spawn(server);
        let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        Self { database, state, signer, address, client, handle, _directory: directory }
    }

    /// A call without a token.
    pub fn call(&self, method: &str, path: &str) -> Call {
        let url = if path.starts_with("http") { path.to_owned() } else { format!("{}{path}", self.address) };
        Call::new(&self.client, method, &url)
    }

    /// A token for an organisation and a role.
    pub fn token(&self, organisation: &str, role: &str) -> String {
        self.signer.token(&Claims::of(organisation, role))
    }

    /// A call by the owner of an organisation, below the base path.
    pub fn owner(&self, organisation: &str, method: &str, path: &str) -> Call {
        self.call(method, &format!("/api/v1/privacy{path}")).token(&self.token(organisation, "owner"))
    }

    /// An erasure of an organisation of the shop, newly asked for.
    pub async fn erasure(&self, organisation: &str, name: &str, rest: &str) -> String {
        let key = uuid::Uuid::new_v4().to_string();
        let body = format!(r#"{{"confirm_org_name":{}{rest}}}"#, json!(name));
        self.owner(organisation, "POST", "/delete").key(&key).json(&body).send().await.job()
    }

    /// A job of an organisation, newly asked for.
    pub async fn export(&self, organisation: &str, format: &str) -> String {
        let key = uuid::Uuid::new_v4().to_string();
        let body = json!({ "format": format }).to_string();
        self.owner(organisation, "POST", "/export").key(&key).json(&body).send().await.job()
    }
}

impl Drop for TestApp {
    fn drop(&mut self) {
        drop(self.handle.stop(false));
    }
}

/// Settings as in production, with keys from a file and packages in a directory.
pub fn config(address: &str, directory: &Path, keys: &Path) -> Config {
    let issuer = IssuerConfig {
        issuer: ISSUER.to_owned(),
        audience: vec![AUDIENCE.to_owned()],
        keys: KeysConfig::File(keys.to_owned()),
        organisation_claim: "organisation_id".to_owned(),
        roles_claims: vec!["roles".to_owned(), "role".to_owned()],
    };
    let secret = |text: &str| Secret::Itself(SecretString::from(text));
    Config {
        listen: "127.0.0.1:0".parse().unwrap(),
        public_url: address.parse().unwrap(),
        mode: Mode::Production,
        auth: AuthConfig {
            issuers: vec![issuer],
            development_issuer_key_file: None,
            recent_within: std::time::Duration::from_secs(900),
            key_cache: privacy_api::config::KeyCacheConfig::default(),
        },
        packages: PackagesConfig {
            url: format!("file://{}", directory.join("packages").display()),
            options: [("fsync".to_owned(), secret("false"))].into(),
            link_validity: packages::LINK_VALIDITY,
            active_link_key: "k1".to_owned(),
            link_keys: [("k1".to_owned(), secret("a secret of the test with 32 bytes and more"))].into(),
        },
        sealing: Some(SealingConfig {
            active: "k1".to_owned(),
            keys: [("k1".to_owned(), secret("a sealing key of the test with 32 bytes and more"))].into(),
        }),
        erasure: None,
        limits: Limits { workers: Some(1), ..Limits::default() },
    }
}
