//! The subject stores that a data map is checked against.

use std::collections::BTreeMap;
use std::time::Duration;

use connectors::{StoreConfig, SubjectStore};
use domain::datamap::DataMap;
use domain::schema::LiveSchema;
use secrecy::SecretString;

use crate::failure::Failure;

/// How long one look into a catalogue may take.
const STATEMENT_TIMEOUT: Duration = Duration::from_secs(60);
/// How long it may wait for somebody who changes the schema.
const LOCK_TIMEOUT: Duration = Duration::from_secs(10);

/// The stores named as `NAME=URL` by options, and by a list from the environment; options go first.
pub(super) fn named(
    options: &[String],
    list: Option<&str>,
) -> Result<BTreeMap<String, SecretString>, Failure> {
    let mut stores = BTreeMap::new();
    for entry in entries(list.unwrap_or_default()).iter().chain(options) {
        let (name, url) =
            entry.split_once('=').filter(|(name, url)| !name.is_empty() && is_url(url)).ok_or_else(|| {
                // Not quoted: it may hold a password.
                Failure::usage("a store must be given as NAME=postgres://user:password@host:port/database")
                    .next("correct --store or LETHE_STORES; NAME is the store's name in the data map")
            })?;
        stores.insert(name.trim().to_owned(), SecretString::from(url));
    }
    Ok(stores)
}

/// Cuts a list at its commas, but not at those between the hosts of one URL.
fn entries(list: &str) -> Vec<String> {
    let mut entries: Vec<String> = Vec::new();
    for piece in list.split(',') {
        let begins_entry = piece.split_once('=').is_some_and(|(_, url)| is_url(url));
        match entries.last_mut() {
            Some(last) if !begins_entry => {
                last.push(',');
                last.push_str(piece);
            }
            _ => entries.push(piece.trim().to_owned()),
        }
    }
    entries.retain(|entry| !entry.is_empty());
    entries
}

fn is_url(text: &str) -> bool {
    text.starts_with("postgres://") || text.starts_with("postgresql://")
}

/// The live schemas of the given stores, as far as the map speaks of them.
pub(super) async fn live(
    map: &DataMap,
    stores: &BTreeMap<String, SecretString>,
) -> Result<BTreeMap<String, LiveSchema>, Failure> {
    let known = map.stores();
    if let Some(stranger) = stores.keys().find(|name| !known.contains(&name.as_str())) {
        return Err(Failure::usage(format!("the data map has no store `{stranger}`"))
            .next(format!("its stores are: {}", known.join(", "))));
    }
    let mut live = BTreeMap::new();
    for (name, url) in stores {
        live.insert(name.clone(), live_schema(name, url, map).await?);
    }
    Ok(live)
}

async fn live_schema(name: &str, url: &SecretString, map: &DataMap) -> Result<LiveSchema, Failure> {
    let config = StoreConfig {
        name: name.to_owned(),
        url: url.clone(),
        replica_url: None,
        max_connections: 1,
        statement_timeout: STATEMENT_TIMEOUT,
        lock_timeout: LOCK_TIMEOUT,
    };
    let failed = |error| {
        Failure::new(format!("the schema of the store `{name}` cannot be read"))
            .because(error)
            .next("see whether the server runs, and correct --store or LETHE_STORES")
    };
    let store = SubjectStore::connect(&config).map_err(failed)?;
    store.live_schema_of(map).await.map_err(failed)
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret as _;

    use super::*;

    #[test]
    fn stores_come_from_options_and_from_a_list() {
        let list = "shop=postgres://u@a,b/shop?x=1, crm=postgresql://c/crm,";
        let options = ["crm=postgres://other/crm".to_owned()];
        let stores = named(&options, Some(list)).unwrap();
        let urls: Vec<(&str, &str)> =
            stores.iter().map(|(name, url)| (name.as_str(), url.expose_secret())).collect();
        assert_eq!(urls, [("crm", "postgres://other/crm"), ("shop", "postgres://u@a,b/shop?x=1")]);
        assert!(named(&[], None).unwrap().is_empty());
    }

    #[test]
    fn what_is_no_store_is_refused_without_being_quoted() {
        for entry in ["postgres://u:hunter2@h/d", "shop=hunter2", "=postgres://u:hunter2@h/d"] {
            let failure = named(&[entry.to_owned()], None).unwrap_err().to_string();
            assert!(!failure.contains("hunter2"), "{failure}");
        }
    }
}
