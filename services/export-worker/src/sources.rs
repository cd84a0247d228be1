//! The data map, the subject stores it speaks of, and their live schemas.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use chassis::StepError;
use chrono::{DateTime, Utc};
use connectors::{ReadTransaction, StoreConfig, SubjectStore};
use domain::datamap::{Blocks, Collection, DataMap, Dataset, Finding, check};
use domain::job::FailureReason;
use domain::schema::LiveSchema;

use crate::config::Config;
use crate::failure::{broken, store_failed};

/// How long a schema that was read is believed by steps after planning; planning reads it anew.
const SCHEMA_AGE: Duration = Duration::from_secs(30);

/// The live schemas of all stores, by store.
pub(crate) type Schemas = Arc<BTreeMap<String, LiveSchema>>;

/// Where rows come from.
pub(crate) struct Sources {
    pub map: DataMap,
    stores: BTreeMap<String, SubjectStore>,
    seen: Mutex<Option<(Instant, Schemas)>>,
}

impl Sources {
    /// Reads the data map and prepares the connections. Nothing is connected yet.
    pub fn open(config: &Config) -> anyhow::Result<Self> {
        let path = config.data_map.display();
        let yaml = std::fs::read_to_string(&config.data_map)
            .with_context(|| format!("service.data_map: the file {path} cannot be read"))?;
        let map = DataMap::parse(&yaml).with_context(|| format!("service.data_map: {path}"))?;
        let mut stores = BTreeMap::new();
        for name in map.stores() {
            let Some(settings) = config.stores.get(name) else {
                bail!(
                    "service.stores: the data map speaks of a store `{name}`; add [service.stores.{name}] with its url"
                );
            };
            let settings = StoreConfig {
                name: name.to_owned(),
                url: settings.url.clone(),
                replica_url: settings.replica_url.clone(),
                max_connections: settings.max_connections,
                statement_timeout: settings.statement_timeout,
                lock_timeout: settings.lock_timeout,
            };
            stores.insert(name.to_owned(), SubjectStore::connect(&settings)?);
        }
        Ok(Self { map, stores, seen: Mutex::new(None) })
    }

    /// The store that holds a dataset.
    pub fn store(&self, dataset: &Dataset) -> Result<&SubjectStore, StepError> {
        self.stores.get(&dataset.store).ok_or_else(|| broken("a dataset's store is not configured"))
    }

    /// Begins a transaction that sees every row up to the cutoff.
    pub async fn begin_read(
        &self,
        dataset: &Dataset,
        cutoff_at: DateTime<Utc>,
    ) -> Result<ReadTransaction, StepError> {
        self.store(dataset)?.begin_read_at(cutoff_at).await.map_err(|error| store_failed(&error))
    }

    /// The live schemas, read now.
    pub async fn read_schemas(&self) -> Result<Schemas, StepError> {
        let mut schemas = BTreeMap::new();
        for (name, store) in &self.stores {
            let mut wanted: Vec<&str> =
                self.map.datasets.iter().filter(|d| d.store == *name).map(|d| d.schema.as_str()).collect();
            wanted.sort_unstable();
            wanted.dedup();
            let schema = store.live_schema(&wanted).await.map_err(|error| store_failed(&error))?;
            schemas.insert(name.clone(), schema);
        }
        let schemas = Arc::new(schemas);
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) =
            Some((Instant::now(), Arc::clone(&schemas)));
        Ok(schemas)
    }

    /// The live schemas, as they were read lately.
    pub async fn schemas(&self) -> Result<Schemas, StepError> {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone();
        match seen {
            Some((at, schemas)) if at.elapsed() < SCHEMA_AGE => Ok(schemas),
            _ => self.read_schemas().await,
        }
    }

    /// The collections that an export reads, in the order of the map, with the names of their files.
    pub fn exported(&self) -> impl Iterator<Item = (&Dataset, &Collection)> {
        self.map.datasets.iter().flat_map(|dataset| {
            dataset
                .collections
                .iter()
                .filter(|collection| !collection.skipped)
                .map(move |collection| (dataset, collection))
        })
    }

    /// The collections that the map leaves out.
    pub fn skipped(&self) -> impl Iterator<Item = (&Dataset, &Collection)> {
        self.map
            .datasets
            .iter()
            .flat_map(|dataset| dataset.collections.iter().filter(|c| c.skipped).map(move |c| (dataset, c)))
    }

    /// The collections whose rows name media, skipped ones left out.
    pub fn with_media(&self) -> impl Iterator<Item = (&Dataset, &Collection)> {
        self.exported().filter(|(_, collection)| collection.media.is_some())
    }

    /// Finds a collection by `dataset.collection`.
    pub fn find(&self, path: &str) -> Result<(&Dataset, &Collection), StepError> {
        self.exported()
            .find(|(dataset, collection)| self::path(dataset, collection) == path)
            .ok_or_else(|| broken("the data map no longer has a collection that the job was planned for; start the export anew"))
    }

    /// The name of a collection's files: its own where that is clear, with its dataset's otherwise.
    pub fn file_name(&self, dataset: &Dataset, collection: &Collection) -> String {
        let same = self.exported().filter(|(_, other)| other.name == collection.name).count();
        if same > 1 { path(dataset, collection) } else { collection.name.clone() }
    }

    /// What stands in the way of any job, as one reason; `None` when nothing does.
    pub fn obstacle(&self, schemas: &Schemas) -> Option<FailureReason> {
        let obstacles: Vec<Finding> = check(&self.map, schemas)
            .into_iter()
            .filter(|finding| finding.blocks == Blocks::Everything)
            .collect();
        let shown: Vec<String> = obstacles.iter().take(5).map(ToString::to_string).collect();
        let more = match obstacles.len().saturating_sub(shown.len()) {
            0 => String::new(),
            more => format!(" (and {more} more)"),
        };
        let detail = format!(
            "the data map does not fit the store: {}{more}; `lethe data-map check` shows all",
            shown.join("; ")
        );
        (!obstacles.is_empty()).then(|| FailureReason::new("data_map_mismatch", detail))
    }
}

/// A collection's name in the control database: `dataset.collection`.
pub(crate) fn path(dataset: &Dataset, collection: &Collection) -> String {
    format!("{}.{}", dataset.key, collection.name)
}
