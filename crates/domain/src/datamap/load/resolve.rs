//! Tenant paths: every collection's way to the organisation, followed to its end.

use super::super::grammar::{self, LongTenant, Tenant};
use super::super::model::{Collection, DataMap, Dataset, OrganisationRoot, Position};
use super::super::tenant::{Hop, TenantPath};
use super::{Report, at};

/// At most one dataset names the organisations' table, and that table is one of its collections.
pub(super) fn check_roots(map: &DataMap, file: &grammar::File, report: &mut Report) {
    let mut first: Option<&str> = None;
    for (dataset, raw) in map.datasets.iter().zip(&file.dataset) {
        let Some(root) = raw.lethe.as_ref().and_then(|l| l.organisation.as_ref()) else {
            continue;
        };
        let path = format!("{}.lethe.organisation", dataset.key);
        if let Some(other) = first.replace(&dataset.key) {
            report.add(at(root), &path, format!("dataset `{other}` already names the organisations' table"));
        }
        if dataset.collection(&root.value.collection).is_none() {
            let named = &root.value.collection;
            report.add(at(root), &path, format!("no collection `{named}` in this dataset"));
        }
    }
}

/// The tenant path of every collection, shaped like the map; `None` where the map says none.
pub(super) fn paths(
    map: &DataMap,
    file: &grammar::File,
    report: &mut Report,
) -> Vec<Vec<Option<TenantPath>>> {
    let walk = Walk { map, file };
    map.datasets
        .iter()
        .map(|dataset| {
            let of = |collection: &Collection, report: &mut Report| {
                walk.path(dataset, collection, &mut Vec::new()).unwrap_or_else(|broken| {
                    report.add(broken.0, &format!("{}.{}", dataset.key, collection.name), broken.1);
                    None
                })
            };
            dataset.collections.iter().map(|collection| of(collection, report)).collect()
        })
        .collect()
}

/// Where a path breaks, and why.
struct Broken(Position, String);

struct Walk<'a> {
    map: &'a DataMap,
    file: &'a grammar::File,
}

impl<'a> Walk<'a> {
    fn path(
        &self,
        dataset: &'a Dataset,
        collection: &'a Collection,
        passed: &mut Vec<String>,
    ) -> Result<Option<TenantPath>, Broken> {
        let here = format!("{}.{}", dataset.key, collection.name);
        if passed.contains(&here) {
            passed.push(here);
            let circle = passed.join(" → ");
            return Err(Broken(collection.position, format!("its tenant leads in a circle: {circle}")));
        }
        passed.push(here);
        let Some(tenant) = self.raw_tenant(dataset, collection) else {
            let root = self.root_key(dataset, collection);
            return Ok(root.map(|root| TenantPath { hops: Vec::new(), key_column: root.key.clone() }));
        };
        let link = match &tenant.value {
            Tenant::Column(column) => self.short(dataset, collection, column),
            Tenant::Long(long) => self.long(dataset, long),
        }
        .map_err(|message| Broken(at(tenant), message))?;
        match link {
            Link::Key(key_column) => Ok(Some(TenantPath { hops: Vec::new(), key_column })),
            Link::Hop { hop, dataset: next, collection: target } => self
                .follow(hop, next, target, passed)
                .map_err(|Broken(_, message)| Broken(at(tenant), message)),
        }
    }

    fn follow(
        &self,
        hop: Hop,
        dataset: &'a Dataset,
        collection: &'a Collection,
        passed: &mut Vec<String>,
    ) -> Result<Option<TenantPath>, Broken> {
        let name = hop.collection.clone();
        let Some(mut path) = self.path(dataset, collection, passed)? else {
            let message = format!(
                "its tenant leads to `{name}`, which leads to no organisation; give that one a `lethe: {{tenant: …}}`"
            );
            return Err(Broken(collection.position, message));
        };
        path.hops.insert(0, hop);
        Ok(Some(path))
    }

    fn raw_tenant(
        &self,
        dataset: &Dataset,
        collection: &Collection,
    ) -> Option<&'a serde_saphyr::Spanned<Tenant>> {
        let raw = self.file.dataset.iter().find(|raw| raw.fides_key.value == dataset.key)?;
        let raw = raw.collections.iter().find(|raw| raw.name.value == collection.name)?;
        raw.lethe.as_ref()?.tenant.as_ref()
    }

    /// The organisation's root, if this collection is its table.
    fn root_key(&self, dataset: &Dataset, collection: &Collection) -> Option<&'a OrganisationRoot> {
        let (home, root) = self.map.organisation()?;
        (home.key == dataset.key && root.collection == collection.name).then_some(root)
    }

    fn short(
        &self,
        dataset: &'a Dataset,
        collection: &'a Collection,
        column: &str,
    ) -> Result<Link<'a>, String> {
        if self.root_key(dataset, collection).is_some_and(|root| root.key == column) {
            return Ok(Link::Key(column.to_owned()));
        }
        let Some(field) = collection.field(column) else {
            return Err(format!(
                "`tenant` names the column `{column}`, which is not among the collection's fields"
            ));
        };
        let to_key = |reference: &&super::super::model::FieldReference| {
            self.is_root_key(
                &reference.dataset,
                &reference.collection,
                std::slice::from_ref(&reference.field),
            )
        };
        if field.references.iter().any(|reference| to_key(&reference)) {
            return Ok(Link::Key(column.to_owned()));
        }
        match field.references.as_slice() {
            [one] => self.hop(
                vec![column.to_owned()],
                (&one.dataset, &one.collection),
                vec![one.field.clone()],
                dataset,
            ),
            [] => Err(format!(
                "`tenant` names `{column}`, which references nothing; give the field a reference to the organisation's key or to a collection that leads there"
            )),
            _ => Err(format!(
                "`tenant` names `{column}`, which references several collections; say which with `tenant: {{columns: [{column}], through: {{collection: …, fields: […]}}}}`"
            )),
        }
    }

    fn long(&self, dataset: &'a Dataset, long: &LongTenant) -> Result<Link<'a>, String> {
        let through = &long.through;
        if long.columns.is_empty() || long.columns.len() != through.fields.len() {
            return Err("`tenant` needs as many `columns` as `through.fields`, and at least one".to_owned());
        }
        let target = through.dataset.as_deref().unwrap_or(&dataset.key);
        if let ([column], true) =
            (long.columns.as_slice(), self.is_root_key(target, &through.collection, &through.fields))
        {
            return Ok(Link::Key(column.clone()));
        }
        self.hop(long.columns.clone(), (target, &through.collection), through.fields.clone(), dataset)
    }

    fn is_root_key(&self, dataset: &str, collection: &str, fields: &[String]) -> bool {
        self.map.organisation().is_some_and(|(home, root)| {
            home.key == dataset
                && root.collection == collection
                && matches!(fields, [only] if *only == root.key)
        })
    }

    fn hop(
        &self,
        columns: Vec<String>,
        (dataset, collection): (&str, &str),
        target_columns: Vec<String>,
        from: &Dataset,
    ) -> Result<Link<'a>, String> {
        let name = format!("{dataset}.{collection}");
        let Some(next) = self.map.dataset(dataset) else {
            return Err(format!("its tenant leads to `{name}`, but there is no dataset `{dataset}`"));
        };
        let Some(target) = next.collection(collection) else {
            return Err(format!("its tenant leads to `{name}`, but there is no such collection"));
        };
        if next.store != from.store {
            return Err(format!(
                "its tenant leads to `{name}` in another store (`{}`); rows can only be joined inside one store",
                next.store
            ));
        }
        let hop = Hop { columns, collection: name, target: target.table.clone(), target_columns };
        Ok(Link::Hop { hop, dataset: next, collection: target })
    }
}

/// What a collection's tenant points at.
enum Link<'a> {
    /// A column that holds the organisation's key.
    Key(String),
    /// Another collection.
    Hop { hop: Hop, dataset: &'a Dataset, collection: &'a Collection },
}
