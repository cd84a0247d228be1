//! The references of a data map, with those that belong together put together.

use std::collections::BTreeMap;

use crate::datamap::{Direction, FieldReference};
use crate::erasure::obstacle::{Obstacle, ObstacleKind};

use super::places::{Place, Places};

/// Fields of one collection that hold the values of fields of another.
pub(in crate::erasure) struct Reference {
    /// The collection that refers.
    pub(in crate::erasure) from: usize,
    /// Its columns.
    pub(in crate::erasure) columns: Vec<String>,
    /// The collection that is referred to.
    pub(in crate::erasure) to: usize,
    /// Its columns, in the same order.
    pub(in crate::erasure) target_columns: Vec<String>,
    /// Which row belongs to which.
    pub(in crate::erasure) direction: Direction,
}

/// A field and the field that it refers to.
type Pair = (String, String);

/// All references between collections that are not left out. A reference without direction is one
/// of the row here to the row there that it belongs to.
pub(in crate::erasure) fn of(places: &Places<'_>, obstacles: &mut Vec<Obstacle>) -> Vec<Reference> {
    let mut references = Vec::new();
    for (from, place) in places.all.iter().enumerate() {
        let mut grouped: BTreeMap<(usize, bool), Vec<Pair>> = BTreeMap::new();
        for field in &place.collection.fields {
            for reference in &field.references {
                let backwards = reference.direction == Some(Direction::To);
                match target(places, reference) {
                    Ok(Some(to)) => {
                        let pair = (field.name.clone(), reference.field.clone());
                        grouped.entry((to, backwards)).or_default().push(pair);
                    }
                    Ok(None) => {}
                    Err(what) => obstacles.push(Obstacle::new(
                        ObstacleKind::Reference,
                        (place.table(), Some(&field.name)),
                        what,
                        "correct the reference in the data map, or take it out",
                    )),
                }
            }
        }
        for ((to, backwards), pairs) in grouped {
            let direction = if backwards { Direction::To } else { Direction::From };
            for pairs in together(places, (from, to), pairs, obstacles) {
                let (columns, target_columns) = pairs.into_iter().unzip();
                references.push(Reference { from, columns, to, target_columns, direction });
            }
        }
    }
    references
}

/// What a field refers to; `None` where the map leaves it out.
fn target(places: &Places<'_>, reference: &FieldReference) -> Result<Option<usize>, String> {
    let FieldReference { dataset, collection, field, .. } = reference;
    if let Some(at) = places.find(dataset, collection) {
        let there = places.place(at).is_some_and(|target| target.column(field).is_some());
        let missing =
            || format!("it refers to `{dataset}.{collection}.{field}`, but there is no such column");
        return there.then_some(Some(at)).ok_or_else(missing);
    }
    match places.map.dataset(dataset).and_then(|dataset| dataset.collection(collection)) {
        Some(_) => Ok(None),
        None => Err(format!(
            "it refers to `{dataset}.{collection}.{field}`, but the data map has no such collection"
        )),
    }
}

/// Which of the references between two collections are one reference of several columns. Taken one
/// by one, the parts of such a key would reach the rows of others.
fn together(
    places: &Places<'_>,
    (from, to): (usize, usize),
    pairs: Vec<Pair>,
    obstacles: &mut Vec<Obstacle>,
) -> Vec<Vec<Pair>> {
    let (Some(place), Some(target)) = (places.place(from), places.place(to)) else { return Vec::new() };
    let mut found = by_foreign_keys(place, target, &pairs);
    let rest: Vec<Pair> =
        pairs.into_iter().filter(|pair| !found.iter().any(|whole| whole.contains(pair))).collect();
    let alone = |(_, field): &Pair| {
        target.live.is_some_and(|table| table.unique_alone(field))
            || target.collection.field(field).is_some_and(|field| field.identity.is_some())
    };
    let (alone, rest): (Vec<Pair>, Vec<Pair>) = rest.into_iter().partition(alone);
    found.extend(alone.into_iter().map(|pair| vec![pair]));
    let mut fields: Vec<&str> = rest.iter().map(|(_, field)| field.as_str()).collect();
    fields.sort_unstable();
    fields.dedup();
    match fields.len() {
        0 => {}
        1 => found.extend(rest.into_iter().map(|pair| vec![pair])),
        distinct if distinct == rest.len() => found.push(rest),
        _ => obstacles.push(Obstacle::new(
            ObstacleKind::Reference,
            (place.table(), None),
            format!("several of its fields refer to the same fields of `{}`, and which of them belong together cannot be told", target.path),
            "let the database have the foreign keys, or keep to references by one unique field each",
        )),
    }
    found
}

/// The foreign keys of several columns all of whose columns the map has as references.
fn by_foreign_keys(place: &Place<'_>, target: &Place<'_>, pairs: &[Pair]) -> Vec<Vec<Pair>> {
    let keys = place.known().into_iter().flat_map(|facts| &facts.foreign_keys);
    let keys = keys.filter(|key| key.target == *target.table() && key.columns.len() > 1);
    let whole = keys.map(|key| -> Vec<Pair> {
        key.columns.iter().cloned().zip(key.target_columns.iter().cloned()).collect()
    });
    whole.filter(|whole| whole.iter().all(|pair| pairs.contains(pair))).collect()
}
