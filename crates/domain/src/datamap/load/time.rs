//! When rows were made: the column, and the zone of the collection or else of the whole dataset.

use serde_saphyr::Spanned;

use super::super::grammar::CreatedAt;
use super::super::time::{RowTime, may_be_zone};
use super::{Report, at};

pub(super) fn read(
    raw: Option<&Spanned<CreatedAt>>,
    (zone, path): (Option<&str>, &str),
    report: &mut Report,
) -> Option<RowTime> {
    let raw = raw?;
    let (column, own) = match &raw.value {
        CreatedAt::Column(column) => (column, None),
        CreatedAt::Long(long) => (&long.column, long.zone.as_ref()),
    };
    if let Some(own) = own {
        check_zone(own, path, report);
    }
    let zone = own.map(|own| own.value.as_str()).or(zone).map(str::to_owned);
    Some(RowTime { column: column.clone(), zone })
}

/// Reports what cannot be the name of a time zone.
pub(super) fn check_zone(zone: &Spanned<String>, path: &str, report: &mut Report) {
    if !may_be_zone(&zone.value) {
        report.add(at(zone), path, "`zone` is the name of a time zone, as Europe/Berlin or UTC");
    }
}
