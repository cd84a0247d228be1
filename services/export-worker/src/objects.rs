//! Small things that steps leave for each other in object storage, because they may hold personal data.

use chassis::StepError;
use domain::datamap::{Collection, Dataset};
use futures::TryStreamExt as _;
use packages::{ObjectKey, OmittedEntry};
use serde::Serialize;
use serde::de::DeserializeOwned;
use store::Claimed;

use crate::archive::{Contents, MediaFound};
use crate::failure::{broken, package_failed};
use crate::sources::path;
use crate::{Exports, request};

impl Exports {
    /// Stores something as JSON.
    pub(crate) async fn put_json<T: Serialize>(&self, key: &ObjectKey, value: &T) -> Result<(), StepError> {
        let json = serde_json::to_vec(value).map_err(|_| broken("what a step leaves cannot be written"))?;
        self.packages.put(key, json.into()).await.map_err(|error| package_failed(&error))
    }

    /// Reads what another step stored.
    pub(crate) async fn get_json<T: DeserializeOwned>(&self, key: &ObjectKey) -> Result<T, StepError> {
        let read = async {
            let object = self.packages.get(key, None).await?;
            object
                .chunks
                .try_fold(Vec::new(), |mut all, chunk| async move {
                    all.extend_from_slice(&chunk);
                    Ok(all)
                })
                .await
        };
        let json = read.await.map_err(|error| package_failed(&error))?;
        serde_json::from_slice(&json)
            .map_err(|_| broken("what another step left cannot be read by this version of the export-worker"))
    }

    /// The contents of an archive before anything was read: what is left out from the start.
    pub(crate) fn contents(&self, step: &Claimed) -> Result<Contents, StepError> {
        let include_media = request(step)?.include_media;
        let skipped = self.sources.skipped().map(|(dataset, collection)| OmittedEntry {
            collection: path(dataset, collection),
            column: None,
            reason: "the data map leaves this collection out (`skip_processing`)".to_owned(),
        });
        let unasked = self.sources.with_media().filter(|_| !include_media);
        let unasked = unasked.filter_map(|(dataset, collection)| self.unasked(dataset, collection));
        Ok(Contents {
            omitted: skipped.chain(unasked).collect(),
            media: include_media.then(MediaFound::default),
            ..Contents::default()
        })
    }

    fn unasked(&self, dataset: &Dataset, collection: &Collection) -> Option<OmittedEntry> {
        Some(OmittedEntry {
            collection: self.sources.shown_name(dataset, collection),
            column: Some(collection.media.as_ref()?.key.clone()),
            reason: "the media objects that this column names were not asked for (`include_media`); its rows are here"
                .to_owned(),
        })
    }
}
