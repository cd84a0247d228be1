//! `conversations`

use crate::copy_text::CopyText;
use crate::moment::{DAY, HOUR};
use crate::traps::value;
use crate::world::Keyed;

use super::{Row, Table};

pub(super) const TABLE: Table = Table {
    name: "conversations",
    columns: &[
        "id",
        "organisation_id",
        "owner_id",
        "parent_id",
        "title",
        "status",
        "participant_ids",
        "satisfaction",
        "metadata",
        "created_at",
        "closed_at",
    ],
    rows: |tenant| tenant.size.conversations,
    exported: |size| size.conversations,
    write,
    counted: false,
};

fn write(row: &mut Row<'_>, out: &mut CopyText) {
    let (tenant, number) = (row.tenant, row.number);
    let created = tenant.conversation_at(number);
    out.uuid(tenant.key(Keyed::Conversation, number));
    out.uuid_or_null(tenant.id);
    out.number_or_null(row.member_or_none(10));
    let parent = match number {
        3 => Some(3),
        4 => Some(0),
        0..=4 => None,
        _ => row.draw.once_in(12).then(|| row.draw.below(number)),
    };
    out.uuid_or_null(parent.map(|parent| tenant.key(Keyed::Conversation, parent)));
    title(row, out);
    let closed = number > 2 && !row.draw.once_in(5);
    out.text(match number {
        2 => "on hold",
        _ if closed => "closed",
        _ => row.draw.text(&["open", "on hold"]),
    });
    participants(row, out);
    match number {
        0 => out.text("100.00"),
        _ if row.draw.once_in(2) => out.null(),
        _ => out.decimal(row.draw.below(10_001), 2),
    }
    metadata(row, out);
    out.timestamptz(created);
    if !row.write_trap(value::TIMESTAMPS, out) {
        match closed {
            true => out.timestamp(created + HOUR + row.span(29 * DAY)),
            false => out.null(),
        }
    }
}

fn title(row: &mut Row<'_>, out: &mut CopyText) {
    let words = row.words();
    match row.number {
        0 => out.null(),
        _ if row.draw.once_in(50) => out.text(row.draw.text(value::TEXTS)),
        _ => out.text(row.one_of(&words.subjects)),
    }
}

fn participants(row: &mut Row<'_>, out: &mut CopyText) {
    let several = match row.number {
        0 => 0,
        1 => 3,
        _ => row.draw.below(4),
    };
    out.open();
    out.piece("{");
    for place in 0..several {
        if place > 0 {
            out.piece(",");
        }
        out.digits(row.tenant.any_member(&mut row.draw), 1);
    }
    out.piece("}");
}

fn metadata(row: &mut Row<'_>, out: &mut CopyText) {
    if row.write_trap(value::JSONS, out) {
        return;
    }
    let words = row.words();
    out.open();
    out.piece("{\"agent\": ");
    out.json_piece(row.one_of(&words.agents));
    out.piece(", \"city\":");
    out.json_piece(row.one_of(&words.cities));
    out.piece(", \"ip\": \"198.51.100.");
    out.digits(row.draw.below(256), 1);
    out.piece("\", \"screen\": [");
    out.digits(320 + 16 * row.draw.below(100), 1);
    out.piece(", 1080]}");
}
