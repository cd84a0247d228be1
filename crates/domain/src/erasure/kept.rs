//! Columns with personal data that no erasure changes, because the data map says so.

use serde::{Deserialize, Serialize};

use crate::datamap::category::personal;
use crate::datamap::{Collection, DataMap, Erase, Field, Strategy};

/// Columns of one collection with personal data that stays, or was not looked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptColumns {
    /// The collection as `dataset.collection`.
    pub collection: String,
    /// The columns, in the order of the map.
    pub columns: Vec<String>,
}

/// Every column that keeps personal data, by collection: those that the map says to keep, and those that
/// refer to one and so hold the same values.
#[must_use]
pub fn kept(map: &DataMap) -> Vec<KeptColumns> {
    let mut all = Vec::new();
    for dataset in &map.datasets {
        for collection in dataset.collections.iter().filter(|collection| is_changed(collection)) {
            let fields = collection.fields.iter().filter(|field| is_kept(field) || copies(map, field));
            let columns: Vec<String> = fields.map(|field| field.name.clone()).collect();
            if !columns.is_empty() {
                all.push(KeptColumns { collection: format!("{}.{}", dataset.key, collection.name), columns });
            }
        }
    }
    all
}

/// Whether rows stay when the collection is erased.
fn is_changed(collection: &Collection) -> bool {
    !collection.skipped && collection.erase == Erase::Anonymise
}

fn is_kept(field: &Field) -> bool {
    is_personal(field) && field.strategy == Some(Strategy::Keep)
}

/// Whether its categories say that it holds personal data.
pub(super) fn is_personal(field: &Field) -> bool {
    field.data_categories.iter().any(|category| personal(category))
}

/// Whether the field stays as it is and holds what a kept one holds.
fn copies(map: &DataMap, field: &Field) -> bool {
    let stays = match &field.strategy {
        Some(strategy) => *strategy == Strategy::Keep,
        None => !is_personal(field),
    };
    let of_kept = || {
        field.references.iter().any(|other| {
            let collection = map.collection(&format!("{}.{}", other.dataset, other.collection));
            let collection = collection.filter(|collection| is_changed(collection));
            collection.and_then(|collection| collection.field(&other.field)).is_some_and(is_kept)
        })
    };
    stays && of_kept()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_listed_with_what_refers_to_it() {
        let map = "dataset:
- fides_key: shop
  lethe: {organisation: {collection: org, key: id}}
  collections:
  - name: org
    fields: [{name: id, fides_meta: {primary_key: true}}]
  - name: person
    lethe: {tenant: org_id}
    fields:
    - {name: email, data_categories: [user.contact.email], lethe: {strategy: keep}, fides_meta: {primary_key: true}}
    - {name: org_id, fides_meta: {references: [{dataset: shop, field: org.id}]}}
    - {name: full_name, data_categories: [user.name], lethe: {strategy: null}}
    - {name: colour, lethe: {strategy: keep}}
  - name: post
    lethe: {tenant: author}
    fields:
    - {name: id, fides_meta: {primary_key: true}}
    - {name: author, fides_meta: {references: [{dataset: shop, field: person.email}]}}
    - {name: editor, fides_meta: {references: [{dataset: shop, field: person.email}]}, lethe: {strategy: null}}
  - name: visit
    lethe: {tenant: author, erase: delete}
    fields:
    - {name: id, fides_meta: {primary_key: true}}
    - {name: author, fides_meta: {references: [{dataset: shop, field: person.email}]}}
";
        let kept = kept(&DataMap::parse(map).unwrap());
        let of = |collection: &str, column: &str| KeptColumns {
            collection: collection.to_owned(),
            columns: vec![column.to_owned()],
        };
        assert_eq!(kept, [of("shop.person", "email"), of("shop.post", "author")]);
    }
}
