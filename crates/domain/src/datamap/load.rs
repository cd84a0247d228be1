//! From the file's grammar to the model: every rule that needs no database.

mod fields;
mod media;
mod resolve;
mod time;

use std::fmt;

use super::grammar;
use super::model::{Collection, DataMap, Dataset, OrganisationRoot, Position};
use crate::schema::TableName;

/// Why a data map cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DataMapError {
    /// The text is no data map: wrong YAML, a missing key, an unknown key inside `lethe:`.
    #[error("the data map cannot be read: {0}")]
    Syntax(Box<serde_saphyr::Error>),
    /// The text reads well but contradicts itself.
    #[error("the data map has {} error(s):{}", .0.len(), Problems(.0))]
    Invalid(Vec<Problem>),
}

/// One contradiction in a data map.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Where in the file.
    pub position: Position,
    /// What it is about, as `dataset.collection.field`.
    pub path: String,
    /// What is wrong and what would be right.
    pub message: String,
}

struct Problems<'a>(&'a [Problem]);

impl fmt::Display for Problems<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|problem| {
            write!(f, "\n  {}: {}: {}", problem.position, problem.path, problem.message)
        })
    }
}

/// Collects problems so that one reading of a file names them all.
#[derive(Default)]
struct Report(Vec<Problem>);

impl Report {
    fn add(&mut self, position: Position, path: &str, message: impl Into<String>) {
        self.0.push(Problem { position, path: path.to_owned(), message: message.into() });
    }
}

impl DataMap {
    /// Reads a data map from YAML.
    ///
    /// # Errors
    /// [`DataMapError::Syntax`] with line and column, or [`DataMapError::Invalid`] with every
    /// contradiction found.
    pub fn parse(yaml: &str) -> Result<Self, DataMapError> {
        let file: grammar::File =
            serde_saphyr::from_str(yaml).map_err(|error| DataMapError::Syntax(Box::new(error)))?;
        let mut report = Report::default();
        let datasets: Vec<Dataset> =
            file.dataset.iter().map(|dataset| read_dataset(dataset, &mut report)).collect();
        duplicates(file.dataset.iter().map(|d| &d.fides_key), "dataset", &mut report);
        let mut map = Self { datasets };
        resolve::check_roots(&map, &file, &mut report);
        let paths = resolve::paths(&map, &file, &mut report);
        for (dataset, paths) in map.datasets.iter_mut().zip(paths) {
            for (collection, path) in dataset.collections.iter_mut().zip(paths) {
                collection.tenant = path;
            }
        }
        if report.0.is_empty() { Ok(map) } else { Err(DataMapError::Invalid(report.0)) }
    }
}

fn at<T>(spanned: &serde_saphyr::Spanned<T>) -> Position {
    Position { line: spanned.referenced.line(), column: spanned.referenced.column() }
}

fn duplicates<'a>(
    names: impl Iterator<Item = &'a serde_saphyr::Spanned<String>>,
    what: &str,
    report: &mut Report,
) {
    let mut seen = std::collections::BTreeSet::new();
    for name in names {
        if !seen.insert(&name.value) {
            report.add(at(name), &name.value, format!("duplicate {what}; each name may stand once"));
        }
    }
}

/// `^[a-zA-Z0-9_.<>-]+$`, the rule of Fideslang for keys.
fn fides_key(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || "_.<>-".contains(c))
}

fn read_dataset(raw: &grammar::Dataset, report: &mut Report) -> Dataset {
    let key = raw.fides_key.value.clone();
    if !fides_key(&key) {
        report.add(at(&raw.fides_key), &key, "a fides_key has letters, digits and _ . < > - only");
    }
    for after in raw.meta().into_iter().flat_map(|meta| meta.after.iter().flatten()) {
        if !fides_key(&after.value) {
            report.add(at(after), &key, "`after` names a dataset by its fides_key");
        }
    }
    duplicates(raw.collections.iter().map(|c| &c.name), "collection", report);
    let schema = raw
        .meta()
        .and_then(|meta| meta.namespace.as_ref())
        .and_then(|namespace| namespace.schema.clone())
        .unwrap_or_else(|| "public".to_owned());
    let inherited = categories(raw.data_categories.as_deref(), &key, report);
    let zone = raw.lethe.as_ref().and_then(|l| l.zone.as_ref());
    zone.into_iter().for_each(|zone| time::check_zone(zone, &key, report));
    let zone = zone.map(|zone| zone.value.as_str());
    let collections = raw
        .collections
        .iter()
        .map(|collection| read_collection(collection, (&key, &schema, &inherited, zone), report))
        .collect();
    let lethe = raw.lethe.as_ref();
    Dataset {
        store: lethe.and_then(|l| l.store.clone()).unwrap_or_else(|| key.clone()),
        schema,
        description: raw.description.clone().or_else(|| raw.name.clone()),
        organisation: lethe.and_then(|l| l.organisation.as_ref()).map(|root| OrganisationRoot {
            collection: root.value.collection.clone(),
            key: root.value.key.clone(),
            name: root.value.name.clone(),
            soft_delete: root.value.soft_delete.clone(),
        }),
        key,
        collections,
    }
}

fn read_collection(
    raw: &grammar::Collection,
    (dataset, schema, inherited, zone): (&str, &str, &[String], Option<&str>),
    report: &mut Report,
) -> Collection {
    let name = raw.name.value.clone();
    let path = format!("{dataset}.{name}");
    let meta = raw.meta();
    let ordered = meta.iter().flat_map(|m| m.after.iter().flatten().chain(m.erase_after.iter().flatten()));
    for after in ordered {
        if after.value.split('.').count() != 2 {
            report.add(at(after), &path, "`after` and `erase_after` name a collection as dataset.collection");
        }
    }
    duplicates(raw.fields.iter().map(|f| &f.name), "field", report);
    let mut data_categories = inherited.to_vec();
    data_categories.extend(categories(raw.data_categories.as_deref(), &path, report));
    let lethe = raw.lethe.as_ref();
    let mut erase = lethe.and_then(|l| l.erase).unwrap_or_default();
    if let Some(chosen) = meta.and_then(|m| m.masking_strategy_override.as_ref()) {
        match chosen.strategy.value.as_str() {
            "delete" => erase = super::model::Erase::Delete,
            _ => report.add(
                at(&chosen.strategy),
                &path,
                "a collection's masking strategy can only be `delete`",
            ),
        }
    }
    let oauth = lethe.and_then(|l| l.oauth.as_ref()).map(|o| o.value.clone());
    let fields = raw
        .fields
        .iter()
        .map(|field| fields::read(field, (&path, &data_categories, oauth.as_ref()), report))
        .collect();
    Collection {
        table: TableName { schema: schema.to_owned(), table: name.clone() },
        name,
        description: raw.description.clone(),
        position: at(&raw.name),
        tenant: None,
        skipped: meta.and_then(|m| m.skip_processing).unwrap_or(false),
        ownership: lethe.and_then(|l| l.rows).unwrap_or_default(),
        created_at: time::read(lethe.and_then(|l| l.created_at.as_ref()), (zone, &path), report),
        erase,
        allowed_triggers: lethe.and_then(|l| l.triggers.clone()).unwrap_or_default(),
        retention: lethe.and_then(|l| l.retention.as_ref()).map(|r| r.value.clone()),
        media: lethe.and_then(|l| l.media.as_ref()).map(|m| media::read(m, &path, report)),
        oauth,
        data_categories,
        fields,
    }
}

fn categories(raw: Option<&[serde_saphyr::Spanned<String>]>, path: &str, report: &mut Report) -> Vec<String> {
    let raw = raw.unwrap_or_default();
    for category in raw {
        if !fides_key(&category.value) {
            report.add(at(category), path, "a data category has letters, digits and _ . < > - only");
        }
    }
    raw.iter().map(|category| category.value.clone()).collect()
}
