//! The data map, the subject stores it speaks of, and their live schemas.

use std::ops::Deref;

use anyhow::Context as _;
use chassis::StepError;
use chrono::{DateTime, Utc};
use connectors::{ReadTransaction, Schemas, SubjectStore};
use domain::datamap::{Blocks, Collection, Dataset, Finding, check};
use domain::job::FailureReason;
use packages::FileStem;

use crate::config::Config;
use crate::failure::{broken, store_failed};
use crate::names::Names;

pub(crate) use connectors::collection_path as path;

/// Where rows come from.
pub(crate) struct Sources {
    stores: connectors::Sources,
    names: Names,
}

impl Deref for Sources {
    type Target = connectors::Sources;

    fn deref(&self) -> &connectors::Sources {
        &self.stores
    }
}

impl Sources {
    /// Reads the data map and prepares the connections. Nothing is connected yet.
    pub fn open(config: &Config) -> anyhow::Result<Self> {
        let stores = connectors::Sources::open(&config.data_map, &config.stores).context("service")?;
        let names = Names::of(stores.collections());
        Ok(Self { stores, names })
    }

    /// The store that holds a dataset.
    pub fn store(&self, dataset: &Dataset) -> Result<&SubjectStore, StepError> {
        self.stores().get(&dataset.store).ok_or_else(|| broken("a dataset's store is not configured"))
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
        self.stores.read_schemas().await.map_err(|error| store_failed(&error))
    }

    /// The live schemas, as they were read lately.
    pub async fn schemas(&self) -> Result<Schemas, StepError> {
        self.stores.schemas().await.map_err(|error| store_failed(&error))
    }

    /// The collections that an export reads, in the order of the map, with the names of their files.
    pub fn exported(&self) -> impl Iterator<Item = (&Dataset, &Collection)> {
        self.collections()
    }

    /// The collections that the map leaves out.
    pub fn skipped(&self) -> impl Iterator<Item = (&Dataset, &Collection)> {
        self.map()
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
        self.stores.find(path).ok_or_else(|| {
            broken(
                "the data map no longer has a collection that the job was planned for; start the export anew",
            )
        })
    }

    /// What people are told a collection is called: its own name where that is clear, with its dataset's
    /// otherwise.
    pub fn shown_name(&self, dataset: &Dataset, collection: &Collection) -> String {
        self.names.shown(dataset, collection)
    }

    /// The name of a collection's files.
    pub fn file_stem(&self, dataset: &Dataset, collection: &Collection) -> FileStem {
        self.names.stem(dataset, collection)
    }

    /// What stands in the way of any job, as one reason; `None` when nothing does.
    pub fn obstacle(&self, schemas: &Schemas) -> Option<FailureReason> {
        let obstacles: Vec<Finding> = check(self.map(), schemas)
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
