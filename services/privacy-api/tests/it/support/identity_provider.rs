//! An issuer that publishes its keys over HTTP, and counts who asks.

use std::net::TcpListener;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use actix_web::dev::ServerHandle;
use actix_web::{App, HttpResponse, HttpServer, web};
use serde_json::{Value, json};

/// An issuer on a port of its own; stops when dropped.
pub struct IdentityProvider {
    pub issuer: String,
    published: Arc<Published>,
    handle: ServerHandle,
}

struct Published {
    issuer: String,
    metadata: Mutex<Option<Value>>,
    keys: Mutex<Option<Value>>,
    /// Where those are sent on to who ask for the metadata, or for the keys.
    elsewhere: Mutex<[Option<String>; 2]>,
    fetched: AtomicUsize,
}

impl IdentityProvider {
    pub fn start(keys: &[Value]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let issuer = format!("http://{}/realm", listener.local_addr().unwrap());
        let published = Arc::new(Published {
            issuer: issuer.clone(),
            metadata: Mutex::new(None),
            keys: Mutex::new(Some(json!({ "keys": keys }))),
            elsewhere: Mutex::default(),
            fetched: AtomicUsize::new(0),
        });
        let shared = Arc::clone(&published);
        let server = HttpServer::new(move || {
            App::new()
                .app_data(web::Data::from(Arc::clone(&shared)))
                .route("/realm/.well-known/openid-configuration", web::get().to(metadata))
                .route("/realm/keys", web::get().to(keys_now))
        });
        let server = server.workers(1).disable_signals().listen(listener).unwrap().run();
        let handle = server.handle();
        tokio::spawn(server);
        Self { issuer, published, handle }
    }

    /// Publishes other keys; `None` makes it fail.
    pub fn publish(&self, keys: Option<Value>) {
        *self.published.keys.lock().unwrap() = keys;
    }

    /// Publishes other metadata.
    pub fn describe(&self, metadata: Value) {
        *self.published.metadata.lock().unwrap() = Some(metadata);
    }

    /// Sends those on who ask for the metadata, or for the keys.
    pub fn redirect(&self, metadata: Option<String>, keys: Option<String>) {
        *self.published.elsewhere.lock().unwrap() = [metadata, keys];
    }

    /// How often its keys were fetched.
    pub fn fetched(&self) -> usize {
        self.published.fetched.load(Ordering::SeqCst)
    }
}

impl Drop for IdentityProvider {
    fn drop(&mut self) {
        drop(self.handle.stop(false));
    }
}

fn moved(to: &str) -> HttpResponse {
    HttpResponse::TemporaryRedirect().insert_header(("location", to)).finish()
}

async fn metadata(published: web::Data<Published>) -> HttpResponse {
    if let [Some(elsewhere), _] = &*published.elsewhere.lock().unwrap() {
        return moved(elsewhere);
    }
    let usual = json!({"issuer": published.issuer, "jwks_uri": format!("{}/keys", published.issuer)});
    HttpResponse::Ok().json(published.metadata.lock().unwrap().clone().unwrap_or(usual))
}

async fn keys_now(published: web::Data<Published>) -> HttpResponse {
    if let [_, Some(elsewhere)] = &*published.elsewhere.lock().unwrap() {
        return moved(elsewhere);
    }
    published.fetched.fetch_add(1, Ordering::SeqCst);
    match &*published.keys.lock().unwrap() {
        Some(keys) => HttpResponse::Ok().json(keys),
        None => HttpResponse::InternalServerError().finish(),
    }
}
