//! What the collections of an export are called, and their files.

use std::collections::{BTreeMap, BTreeSet};

use domain::datamap::{Collection, Dataset};
use packages::FileStem;

use crate::sources::path;

/// Names by `dataset.collection`, fixed by the data map.
pub(crate) struct Names(BTreeMap<String, (String, FileStem)>);

impl Names {
    /// The names of the collections that are exported.
    pub fn of<'a>(exported: impl Iterator<Item = (&'a Dataset, &'a Collection)>) -> Self {
        let exported: Vec<_> =
            exported.map(|(dataset, one)| (path(dataset, one), one.name.as_str())).collect();
        let (mut known, mut twice) = (BTreeSet::new(), BTreeSet::new());
        twice.extend(exported.iter().map(|(_, name)| *name).filter(|name| !known.insert(*name)));
        // One that is called as another is shown is shown with its dataset too.
        let paths: BTreeSet<&str> =
            exported.iter().filter(|(_, name)| twice.contains(name)).map(|(path, _)| path.as_str()).collect();
        let shown = |(path, name): &(String, &str)| match twice.contains(name) || paths.contains(name) {
            true => path.clone(),
            false => (*name).to_owned(),
        };
        let shown: Vec<String> = exported.iter().map(shown).collect();
        let stems = shown.iter().map(|name| FileStem::of(name, shown.iter().map(String::as_str)));
        let named: Vec<_> = shown.iter().cloned().zip(stems).collect();
        Self(exported.into_iter().map(|(path, _)| path).zip(named).collect())
    }

    /// What people are told that a collection is called.
    pub fn shown(&self, dataset: &Dataset, collection: &Collection) -> String {
        let named = self.0.get(&path(dataset, collection));
        named.map_or_else(|| collection.name.clone(), |(shown, _)| shown.clone())
    }

    /// The name of its files.
    pub fn stem(&self, dataset: &Dataset, collection: &Collection) -> FileStem {
        let named = self.0.get(&path(dataset, collection));
        named.map_or_else(|| FileStem::alone(&path(dataset, collection)), |(_, stem)| stem.clone())
    }
}

#[cfg(test)]
mod tests {
    use domain::datamap::DataMap;
    use packages::Format;

    use super::*;

    /// The names and files of all collections, of each dataset these.
    fn named(datasets: &[(&str, &[&str])]) -> Vec<(String, String)> {
        let mut yaml = "dataset:\n".to_owned();
        for (key, collections) in datasets {
            yaml.push_str(&format!("- fides_key: {key}\n  collections:\n"));
            for name in *collections {
                yaml.push_str(&format!("  - {{name: {name:?}, fields: [{{name: id}}]}}\n"));
            }
        }
        let map = DataMap::parse(&yaml).unwrap();
        let all =
            || map.datasets.iter().flat_map(|dataset| dataset.collections.iter().map(move |c| (dataset, c)));
        let names = Names::of(all());
        let named = |(dataset, collection)| {
            (names.shown(dataset, collection), names.stem(dataset, collection).file(Format::Json))
        };
        all().map(named).collect()
    }

    fn files(datasets: &[(&str, &[&str])]) -> Vec<String> {
        named(datasets).into_iter().map(|(_, file)| file).collect()
    }

    #[test]
    fn files_whose_collections_differ_by_case_only_differ_by_more() {
        let shop = named(&[("shop", &["org", "users", "Users"])]);
        let told: Vec<_> = shop.iter().map(|(shown, file)| (shown.as_str(), file.as_str())).collect();
        let expected =
            [("org", "data/org.json"), ("users", "data/users.json"), ("Users", "data/%55sers.json")];
        assert_eq!(told, expected, "people are told the collection's own name");
        assert_eq!(files(&[("shop", &["Users", "users"])]), ["data/%55sers.json", "data/users.json"]);
        assert_eq!(files(&[("shop", &["Users", "CON"])]), ["data/Users.json", "data/%43ON.json"]);
    }

    #[test]
    fn a_name_of_two_datasets_is_said_with_its_dataset() {
        let crm_and_shop = [("crm", ["users", "calls"].as_slice()), ("shop", &["users", "Calls"])];
        let expected =
            ["data/crm.users.json", "data/calls.json", "data/shop.users.json", "data/%43alls.json"];
        assert_eq!(files(&crm_and_shop), expected);
        let like_a_path = [("crm", ["users"].as_slice()), ("shop", &["users", "crm.users", "crm.calls"])];
        let expected = [
            "data/crm.users.json",
            "data/shop.users.json",
            "data/shop.crm.users.json",
            "data/crm.calls.json",
        ];
        assert_eq!(files(&like_a_path), expected);
    }
}
