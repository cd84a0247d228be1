//! The way to a person's rows, and whether an erasure cuts it.

use chassis::StepError;
use domain::erasure::{RowAction, Traversal};

use crate::failure::on_hold;
use crate::holds::OpenHold;
use crate::scope::StepScope;

/// That a hold on a person came when the way to the rows was cut by then.
pub(crate) fn cut(open: &OpenHold) -> StepError {
    on_hold(format!(
        "the legal hold {} on a person was placed while this erasure ran, and what is erased by now may have led to \
         rows of that person; what was erased before stays so, and nothing more is erased until the hold is released",
        open.id
    ))
}

/// Whether anything is erased in these places by which the way leads.
pub(crate) fn cuts(places: &[StepScope], way: &Traversal) -> bool {
    places.iter().any(|StepScope { erasure, .. }| {
        let leads = |column: Option<&str>| leads(way, &erasure.collection, column);
        match &erasure.action {
            RowAction::Delete => leads(None),
            RowAction::Anonymise(changes) => changes.iter().any(|change| leads(Some(&change.column))),
            RowAction::Unlink(columns) => columns.iter().any(|column| leads(Some(column))),
        }
    })
}

/// Whether the way leads by that column of the collection, or by any where none is named.
pub(crate) fn leads(way: &Traversal, collection: &str, column: Option<&str>) -> bool {
    let seeds = way.seeds.iter().filter(|seed| seed.collection == collection);
    let links = way.links.iter().filter(|link| link.from == collection);
    let mut columns = seeds.map(|seed| &seed.column).chain(links.flat_map(|link| &link.columns));
    columns.any(|leading| column.is_none_or(|column| column == leading))
}
