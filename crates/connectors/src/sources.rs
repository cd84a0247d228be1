//! The data map, the subject stores it speaks of, and their live schemas.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use domain::datamap::{Collection, DataMap, DataMapError, Dataset};
use domain::schema::LiveSchema;

use crate::error::StoreError;
use crate::pool::SubjectStore;
use crate::settings::StoreSettings;

/// How long a schema that was read is believed by steps after planning; planning reads it anew.
const SCHEMA_AGE: Duration = Duration::from_secs(30);

/// The live schemas of all stores, by store.
pub type Schemas = Arc<BTreeMap<String, LiveSchema>>;

/// Where rows are.
#[derive(Debug)]
pub struct Sources {
    map: DataMap,
    stores: BTreeMap<String, SubjectStore>,
    seen: Mutex<Option<(Instant, Schemas)>>,
}

/// Why a service cannot begin with its settings.
#[derive(Debug, thiserror::Error)]
pub enum SourcesError {
    /// The data map's file cannot be read.
    #[error("data_map: the file {file} cannot be read")]
    Unreadable {
        /// The file.
        file: String,
        /// Why.
        source: std::io::Error,
    },
    /// The data map is wrong.
    #[error("data_map: {file}")]
    DataMap {
        /// The file.
        file: String,
        /// What is wrong with it.
        source: DataMapError,
    },
    /// A store has no settings.
    #[error("stores: the data map speaks of a store `{0}`; add a section `stores.{0}` with its url")]
    NoSettings(String),
    /// The settings of a store cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Sources {
    /// Reads the data map and prepares the connections. Nothing is connected yet.
    ///
    /// # Errors
    /// When the map cannot be read, or the settings of a store are missing or wrong.
    pub fn open(file: &Path, settings: &BTreeMap<String, StoreSettings>) -> Result<Self, SourcesError> {
        let name = || file.display().to_string();
        let yaml = std::fs::read_to_string(file)
            .map_err(|source| SourcesError::Unreadable { file: name(), source })?;
        let map = DataMap::parse(&yaml).map_err(|source| SourcesError::DataMap { file: name(), source })?;
        let mut stores = BTreeMap::new();
        for name in map.stores() {
            let settings = settings.get(name).ok_or_else(|| SourcesError::NoSettings(name.to_owned()))?;
            stores.insert(name.to_owned(), SubjectStore::connect(&settings.config(name))?);
        }
        Ok(Self { map, stores, seen: Mutex::new(None) })
    }

    /// The data map.
    #[must_use]
    pub fn map(&self) -> &DataMap {
        &self.map
    }

    /// The stores by their names.
    #[must_use]
    pub fn stores(&self) -> &BTreeMap<String, SubjectStore> {
        &self.stores
    }

    /// The live schemas, read now.
    ///
    /// # Errors
    /// When a store fails.
    pub async fn read_schemas(&self) -> Result<Schemas, StoreError> {
        let mut schemas = BTreeMap::new();
        for (name, store) in &self.stores {
            schemas.insert(name.clone(), store.live_schema_of(&self.map).await?);
        }
        let schemas = Arc::new(schemas);
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) =
            Some((Instant::now(), Arc::clone(&schemas)));
        Ok(schemas)
    }

    /// The live schemas, as they were read lately.
    ///
    /// # Errors
    /// When a store fails.
    pub async fn schemas(&self) -> Result<Schemas, StoreError> {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone();
        match seen {
            Some((at, schemas)) if at.elapsed() < SCHEMA_AGE => Ok(schemas),
            _ => self.read_schemas().await,
        }
    }

    /// The collections that jobs work on, in the order of the map.
    pub fn collections(&self) -> impl Iterator<Item = (&Dataset, &Collection)> {
        self.map.datasets.iter().flat_map(|dataset| {
            let collections = dataset.collections.iter().filter(|collection| !collection.skipped);
            collections.map(move |collection| (dataset, collection))
        })
    }

    /// Finds a collection that jobs work on by `dataset.collection`.
    #[must_use]
    pub fn find(&self, path: &str) -> Option<(&Dataset, &Collection)> {
        self.collections().find(|(dataset, collection)| collection_path(dataset, collection) == path)
    }
}

/// A collection's name in the control database: `dataset.collection`.
#[must_use]
pub fn collection_path(dataset: &Dataset, collection: &Collection) -> String {
    format!("{}.{}", dataset.key, collection.name)
}
