//! Personal data to which nothing leads from a person's identity, and of which nobody looks for rows.

use std::collections::BTreeSet;

use crate::datamap::DataMap;

use super::kept::{KeptColumns, is_personal};
use super::subject::Traversal;

/// Every collection with personal data that the way does not come by, with its columns. Whether it has rows of
/// the person nobody knows, so whoever reads the outcome is to know that they were not looked for.
#[must_use]
pub fn unreached(map: &DataMap, way: &Traversal) -> Vec<KeptColumns> {
    let seeds = way.seeds.iter().map(|seed| seed.collection.as_str());
    let reached: BTreeSet<&str> = seeds.chain(way.links.iter().map(|link| link.to.as_str())).collect();
    let root = map.organisation().map(|(dataset, root)| format!("{}.{}", dataset.key, root.collection));
    let mut all = Vec::new();
    for dataset in &map.datasets {
        for collection in dataset.collections.iter().filter(|collection| !collection.skipped) {
            let path = format!("{}.{}", dataset.key, collection.name);
            if reached.contains(path.as_str()) || root.as_ref() == Some(&path) {
                continue;
            }
            let fields = collection.fields.iter();
            // An identity is personal whatever its category.
            let fields = fields.filter(|field| field.identity.is_some() || is_personal(field));
            let columns: Vec<String> = fields.map(|field| field.name.clone()).collect();
            if !columns.is_empty() {
                all.push(KeptColumns { collection: path, columns });
            }
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::erasure::subject::{Link, Reached, Seed};

    const MAP: &str = "dataset:
- fides_key: shop
  lethe: {organisation: {collection: org, key: id}}
  collections:
  - name: org
    fields: [{name: id, fides_meta: {primary_key: true}}, {name: owner, data_categories: [user.name]}]
  - name: account
    lethe: {tenant: org_id}
    fields:
    - {name: id, fides_meta: {primary_key: true}}
    - {name: org_id, fides_meta: {references: [{dataset: shop, field: org.id}]}}
    - {name: full_name, data_categories: [user.name]}
  - name: mail
    lethe: {tenant: account_id}
    fields:
    - {name: id, fides_meta: {primary_key: true}}
    - {name: account_id, fides_meta: {references: [{dataset: shop, field: account.id, direction: from}]}}
    - {name: address, data_categories: [user.contact.email], fides_meta: {identity: email}}
  - name: phone
    lethe: {tenant: account_id}
    fields:
    - {name: id, fides_meta: {primary_key: true}}
    - {name: account_id, fides_meta: {references: [{dataset: shop, field: account.id, direction: from}]}}
    - {name: number, fides_meta: {identity: phone_number}}
  - name: colour
    lethe: {tenant: account_id}
    fields:
    - {name: id, fides_meta: {primary_key: true}}
    - {name: account_id, fides_meta: {references: [{dataset: shop, field: account.id, direction: from}]}}
";

    #[test]
    fn what_no_way_comes_by_is_named_with_its_personal_columns() {
        let map = DataMap::parse(MAP).unwrap();
        let text = str::to_owned;
        let seed = Seed {
            collection: text("shop.mail"),
            store: text("shop"),
            column: text("address"),
            then: Reached::Own,
        };
        let mut way = Traversal { identity_type: text("email"), seeds: vec![seed], links: Vec::new() };
        let of = |collection: &str, column: &str| KeptColumns {
            collection: collection.to_owned(),
            columns: vec![column.to_owned()],
        };
        let phone = of("shop.phone", "number");
        assert_eq!(unreached(&map, &way), [of("shop.account", "full_name"), phone.clone()]);

        // A row that turns out to be others' too was looked for all the same, and is counted.
        way.links.push(Link {
            store: text("shop"),
            from: text("shop.mail"),
            columns: vec![text("account_id")],
            to: text("shop.account"),
            target_columns: vec![text("id")],
            then: Reached::Left,
        });
        assert_eq!(unreached(&map, &way), [phone]);
    }
}
