//! The data map, from its text to the findings of the live check.

mod errors;
mod grammar;
mod inheritance;
mod live;
mod live_erasure;
mod misfits;
mod strategies;
mod tenants;
mod times;

use super::{DataMap, DataMapError};
use crate::datamap::model::Collection;

const FIDES: &str = include_str!("../../fixtures/fides.yaml");
const SHOP: &str = include_str!("../../fixtures/shop.yaml");

fn collection<'a>(map: &'a DataMap, path: &str) -> &'a Collection {
    let (dataset, name) = path.rsplit_once('/').unwrap();
    map.dataset(dataset).unwrap().collection(name).unwrap()
}

/// The problems of a map that reads well but contradicts itself, one line each.
fn problems(yaml: &str) -> Vec<String> {
    match DataMap::parse(yaml) {
        Err(DataMapError::Invalid(problems)) => problems
            .iter()
            .map(|problem| {
                let position = problem.position;
                format!("{}:{} {}: {}", position.line, position.column, problem.path, problem.message)
            })
            .collect(),
        other => panic!("expected problems, got {other:?}"),
    }
}

/// The error of a map that cannot be read.
fn syntax(yaml: &str) -> String {
    match DataMap::parse(yaml) {
        Err(error @ DataMapError::Syntax(_)) => error.to_string(),
        other => panic!("expected a syntax error, got {other:?}"),
    }
}
