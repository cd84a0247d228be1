//! `safety_events`

use crate::copy_text::CopyText;
use crate::layout;
use crate::moment::{DAY, HOUR};
use crate::traps::value;

use super::{Row, Table};

pub(super) const TABLE: Table = Table {
    name: "safety_events",
    columns: &[
        "id",
        "message_id",
        "content_order",
        "category",
        "severity",
        "score",
        "reporter_email",
        "reviewer_id",
        "note",
        "flagged_terms",
        "evidence",
        "created_at",
    ],
    rows: |tenant| tenant.size.safety_events,
    exported: |size| size.safety_events,
    write,
    counted: false,
};

fn write(row: &mut Row<'_>, out: &mut CopyText) {
    let (tenant, size) = (row.tenant, &row.tenant.size);
    // The last part of all always has another before it.
    let part = if row.number == 0 { size.contents - 1 } else { row.draw.below(size.contents) };
    let message = layout::whole_of(part, size.messages, size.contents);
    let key = tenant.counted(row.number);
    out.open();
    if key > 0 {
        out.piece("evt_");
        out.digits(key, 12);
    }
    out.number(tenant.counted(message));
    out.number(part - layout::first_part(message, size.messages, size.contents));
    out.text(row.draw.text(&["harassment", "self-harm", "fraud", "personal data", "spam"]));
    out.number(row.draw.below(6));
    if !row.write_trap(value::REALS, out) {
        out.decimal(row.draw.below(1_000), 3);
    }
    report(row, key, out);
    out.timestamptz(tenant.message_at(message) + row.span(DAY - HOUR));
}

/// Who reported the part, and what the reviewer and the vendor found.
fn report(row: &mut Row<'_>, key: u64, out: &mut CopyText) {
    if row.number == 0 || row.draw.once_in(4) {
        out.open();
        out.piece("reporter");
        out.digits(key, 1);
        out.piece("@customer.example");
    } else {
        out.null();
    }
    out.number_or_null(row.member_or_none(3));
    let words = row.words();
    let note = row.one_of(&words.sentences);
    out.text_or_null((!row.draw.once_in(3)).then_some(note));
    if !row.write_trap(value::TEXT_ARRAYS, out) {
        out.text(row.draw.text(&["{lawyer}", "{\"call me\",iban}", "{}"]));
    }
    if !row.write_trap(value::JSONBS, out) {
        out.text("{\"model\": \"guard-3\", \"labels\": [\"abuse\", \"spam\"]}");
    }
}
