//! How each collection leads to its organisation, in words.

use domain::datamap::{Collection, DataMap, Dataset};
use serde::Serialize;

use crate::text::table::Table;

/// A collection and its way to the organisation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Explained {
    /// `dataset.collection`.
    collection: String,
    /// The table in its store.
    table: String,
    /// The store.
    store: String,
    /// The collections on the way, its own first; absent when the map says no way, or asks to leave it out.
    #[serde(skip_serializing_if = "Option::is_none")]
    through: Option<Vec<String>>,
    /// The column at the end of the way that holds the organisation's key.
    #[serde(skip_serializing_if = "Option::is_none")]
    organisation_column: Option<String>,
    /// Whether the map asks to leave it out.
    skipped: bool,
}

/// Every collection of the map, in its order.
pub(super) fn explain(map: &DataMap) -> Vec<Explained> {
    let of_dataset = |dataset| move |collection| one(dataset, collection);
    map.datasets.iter().flat_map(|dataset| dataset.collections.iter().map(of_dataset(dataset))).collect()
}

fn one(dataset: &Dataset, collection: &Collection) -> Explained {
    let path = collection.tenant.as_ref().filter(|_| !collection.skipped);
    let own = format!("{}.", dataset.key);
    let through = path.map(|path| {
        // Inside its own dataset a collection needs no surname.
        let hops = path
            .hops
            .iter()
            .map(|hop| hop.collection.strip_prefix(&own).unwrap_or(&hop.collection).to_owned());
        std::iter::once(collection.name.clone()).chain(hops).collect()
    });
    Explained {
        collection: format!("{own}{}", collection.name),
        table: collection.table.to_string(),
        store: dataset.store.clone(),
        through,
        organisation_column: path.map(|path| path.key_column.clone()),
        skipped: collection.skipped,
    }
}

/// The ways as people read them: `contents → messages → conversations → organisation_id`.
pub(super) fn text(explained: &[Explained]) -> String {
    let mut table = Table::of(&["COLLECTION", "LEADS TO ITS ORGANISATION BY"]);
    for one in explained {
        table.row([one.collection.clone(), one.way()]);
    }
    table.text()
}

impl Explained {
    fn way(&self) -> String {
        match (&self.through, &self.organisation_column) {
            (Some(through), Some(column)) => format!("{} → {column}", through.join(" → ")),
            _ if self.skipped => "(left out: skip_processing)".to_owned(),
            _ => "(no way: add `lethe: {tenant: …}`)".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sample_company_reads_well() {
        let map = DataMap::parse(sample::DATA_MAP).unwrap();
        let explained = explain(&map);
        let way = |name: &str| explained.iter().find(|one| one.collection == name).unwrap().way();
        assert_eq!(way("vantage.organisations"), "organisations → id");
        assert_eq!(way("vantage.contents"), "contents → messages → conversations → organisation_id");
        assert!(text(&explained).starts_with("COLLECTION"));
    }
}
