//! The survey of what earlier erasures have left to a run after a hold's release.

use std::sync::Arc;

use chassis::StepError;
use connectors::collection_path;
use domain::erasure::{CollectionErasure, ErasureRequest, RowAction};

use super::{Place, Survey, Surveyed};
use crate::before::DoneBefore;
use crate::failure::broken;
use crate::plan::buckets;
use crate::scope::StepScope;

impl Survey<'_> {
    /// The steps over these rows, in the order of their waves.
    pub(in crate::plan) async fn of_left(
        &self,
        mut left: Vec<StepScope>,
        request: &ErasureRequest,
    ) -> Result<Surveyed, StepError> {
        left.sort_by_key(|scope| scope.wave);
        let (mut found, mut places) = (Surveyed::default(), Vec::new());
        for scope in left {
            places.push(self.left_place(scope).await?);
        }
        self.left_objects(&places, request, &mut found).await?;
        self.cut(&places, &mut found).await?;
        Ok(found)
    }

    async fn left_place(&self, scope: StepScope) -> Result<Place<'_>, StepError> {
        let (dataset, collection) = self.erasures.find(&scope.erasure.collection)?;
        let schema = self.checked.schemas.get(&dataset.store);
        let schema = schema.ok_or_else(|| broken("a store has no schema"))?;
        let before = Arc::new(DoneBefore::find(self.erasures, self.step, &scope).await?);
        Ok(Place { dataset, collection, schema, scope, before })
    }

    /// The tokens and media of rows that were held: they were left with them.
    async fn left_objects(
        &self,
        places: &[Place<'_>],
        request: &ErasureRequest,
        found: &mut Surveyed,
    ) -> Result<(), StepError> {
        let mut media = Vec::new();
        for place in places.iter().filter(|place| !matches!(place.scope.erasure.action, RowAction::Unlink(_)))
        {
            let erasure = CollectionErasure { guards: Vec::new(), ..place.scope.erasure.clone() };
            let batches = place.scope.batches.cut(self.erasures.batch_rows);
            let (scope, path) = (
                StepScope { erasure, batches, ..place.scope.clone() },
                collection_path(place.dataset, place.collection),
            );
            if place.collection.oauth.is_some() {
                found.work.tokens.push((path.clone(), 0));
                found.scopes.push(scope.clone());
            }
            if place.collection.media.is_some() && request.delete_media {
                buckets::are_known(self.erasures, self.step, &scope, self.checked.cutoff_at).await?;
                found.work.media.push((path, 0));
                media.push(scope);
            }
        }
        found.scopes.extend(media);
        Ok(())
    }
}
