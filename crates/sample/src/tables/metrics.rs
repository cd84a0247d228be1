//! `metrics`

use crate::copy_text::CopyText;
use crate::moment::{END, HOUR, span};
use crate::traps::value;

use super::{Row, Table};

pub(super) const TABLE: Table = Table {
    name: "metrics",
    columns: &["organisation_id", "name", "recorded_at", "value", "exact", "samples", "histogram", "labels"],
    rows: |tenant| tenant.size.metrics,
    exported: |size| size.metrics,
    write,
    counted: false,
};

/// Names; the total has none.
const NAMES: [&str; 20] = [
    "",
    "messages.received",
    "messages.sent",
    "messages.edited",
    "messages.failed",
    "conversations.opened",
    "conversations.closed",
    "conversations.reopened",
    "response.seconds",
    "resolution.hours",
    "satisfaction.percent",
    "assistant.calls",
    "assistant.cost",
    "assistant.handovers",
    "media.uploads",
    "media.bytes",
    "logins",
    "logins.failed",
    "devices.active",
    "Wartezeit (Minuten)",
];

fn write(row: &mut Row<'_>, out: &mut CopyText) {
    let names = u64::try_from(NAMES.len()).unwrap_or(1);
    let name = usize::try_from(row.number % names).ok().and_then(|place| NAMES.get(place));
    out.uuid_or_null(row.tenant.id);
    out.text(name.copied().unwrap_or_default());
    out.timestamptz(END - span(row.number / names) * HOUR);
    if !row.write_trap(value::DOUBLES, out) {
        out.open();
        out.digits(row.draw.below(5_000), 1);
        out.piece(".");
        out.digits(row.draw.below(10_000), 4);
    }
    if !row.write_trap(value::NUMERICS, out) {
        out.decimal(row.draw.below(10_000_000_000), 8);
    }
    match row.trap(value::BIGINTS) {
        Some(number) => out.text(number),
        None => out.number(row.draw.below(100_000)),
    }
    if !row.write_trap(value::INTEGER_ARRAYS, out) {
        out.open();
        out.piece("{");
        out.digits(row.draw.below(100), 1);
        out.piece(",");
        out.digits(row.draw.below(1_000), 1);
        out.piece(",");
        out.digits(row.draw.below(50), 1);
        out.piece("}");
    }
    out.text(row.draw.text(&["{\"channel\": \"chat\"}", "{\"channel\": \"mail\", \"team\": 2}", "{}"]));
}
