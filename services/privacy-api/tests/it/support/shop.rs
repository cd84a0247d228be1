//! A company's database with two organisations, and the data map of it.

use std::collections::BTreeMap;

use privacy_api::config::ErasureConfig;
use serde_json::json;
use tempfile::TempDir;
use testkit::{Database, empty_database};

const SCHEMA: &str = "
    CREATE TABLE organisations (id text PRIMARY KEY, name text, deleted_at timestamptz);
    CREATE TABLE customers (id int PRIMARY KEY, organisation_id text REFERENCES organisations, email text,
        phone text, note text);
    INSERT INTO organisations VALUES ('acme', 'Acme & Søn', NULL), ('other', 'Other', NULL),
        ('nameless', NULL, NULL);";

const MAP: &str = "
dataset:
- fides_key: shop
  lethe:
    organisation: {collection: organisations, key: id, name: name, soft_delete: deleted_at}
  collections:
  - name: organisations
    fields:
    - {name: id, fides_meta: {primary_key: true}}
    - {name: name, data_categories: [user.name]}
    - {name: deleted_at}
  - name: customers
    lethe: {tenant: organisation_id}
    fields:
    - {name: id, fides_meta: {primary_key: true, identity: customer_id}}
    - {name: organisation_id, fides_meta: {references: [{dataset: shop, field: organisations.id, direction: from}]}}
    - {name: email, data_categories: [user.contact.email], fides_meta: {identity: email}}
    - {name: phone, data_categories: [user.contact.phone_number], fides_meta: {identity: phone_number}}
    - {name: note}
";

/// A company's database; dropped with it.
pub struct Shop {
    pub database: Database,
    directory: TempDir,
}

impl Shop {
    pub async fn open() -> Self {
        let database = empty_database().await;
        database.client().await.batch_execute(SCHEMA).await.unwrap();
        let shop = Self { database, directory: TempDir::new().unwrap() };
        shop.map(MAP);
        shop
    }

    /// Puts another data map into its place.
    pub fn map(&self, map: &str) {
        std::fs::write(self.directory.path().join("datamap.yaml"), map).unwrap();
    }

    /// The map with something in it replaced.
    pub fn map_without(&self, text: &str) {
        assert!(MAP.contains(text));
        self.map(&MAP.replace(text, ""));
    }

    /// The map with more fields of customers.
    pub fn map_with(&self, fields: &str) {
        self.map(&format!("{MAP}{fields}"));
    }

    /// The service's settings about it. It reads, and may do no more.
    pub fn settings(&self) -> ErasureConfig {
        let url = format!("{}?options=-c%20default_transaction_read_only%3Don", self.database.url());
        self.settings_at(&url)
    }

    pub fn settings_at(&self, url: &str) -> ErasureConfig {
        let stores = BTreeMap::from([("shop", json!({ "url": url }))]);
        serde_json::from_value(
            json!({"data_map": self.directory.path().join("datamap.yaml"), "stores": stores}),
        )
        .unwrap()
    }
}
