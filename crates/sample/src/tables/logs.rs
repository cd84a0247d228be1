//! `logs`

use crate::copy_text::CopyText;
use crate::traps::value;

use super::{Row, Table};

pub(super) const TABLE: Table = Table {
    name: "logs",
    columns: &[
        "id",
        "organisation_id",
        "actor_id",
        "level",
        "action",
        "message",
        "ip",
        "user_agent",
        "x-request-id",
        "status",
        "duration",
        "context",
        "created_at",
    ],
    rows: |tenant| tenant.size.logs,
    exported: |size| size.logs,
    write,
    counted: true,
};

const ACTIONS: [&str; 8] = [
    "session.started",
    "session.refused",
    "conversation.opened",
    "conversation.exported",
    "member.invited",
    "settings.changed",
    "token.granted",
    "media.downloaded",
];

fn write(row: &mut Row<'_>, out: &mut CopyText) {
    let tenant = row.tenant;
    let actor = tenant.id.and_then(|_| row.member_or_none(7));
    let action = row.draw.text(&ACTIONS);
    out.number(tenant.counted(row.number));
    out.uuid_or_null(tenant.id);
    out.number_or_null(actor);
    out.text(row.draw.text(&["DEBUG", "INFO", "INFO", "INFO", "WARN", "ERROR"]));
    out.text(action);
    out.open();
    out.piece(action);
    out.piece(" by user ");
    match actor {
        Some(actor) => out.digits(actor, 1),
        None => out.piece("unknown"),
    }
    address(row, out);
    let words = row.words();
    out.text(row.one_of(&words.agents));
    match row.number > 0 && row.draw.once_in(9) {
        true => out.null(),
        false => out.uuid(uuid::Builder::from_random_bytes(row.draw.bytes()).into_uuid()),
    }
    if !row.write_trap(value::SMALLINTS, out) {
        out.text(row.draw.text(&["200", "201", "204", "302", "404", "500"]));
    }
    out.open();
    out.piece("00:00:0");
    out.digits(row.draw.below(10), 1);
    out.piece(".");
    out.digits(row.draw.below(1_000_000), 6);
    context(row, out);
    out.timestamptz(row.created_at(tenant.size.logs));
}

/// Addresses that are reserved for documentation (RFC 5737, RFC 3849).
fn address(row: &mut Row<'_>, out: &mut CopyText) {
    if row.write_trap(value::INETS, out) {
        return;
    }
    out.open();
    if row.draw.once_in(5) {
        out.piece("2001:db8::");
        out.digits(1 + row.draw.below(9_999), 1);
    } else {
        out.piece(row.draw.text(&["192.0.2.", "198.51.100.", "203.0.113."]));
        out.digits(row.draw.below(256), 1);
    }
}

fn context(row: &mut Row<'_>, out: &mut CopyText) {
    if row.write_trap(value::JSONBS, out) {
        return;
    }
    out.open();
    out.piece("{\"region\": \"eu-1\", \"attempt\": ");
    out.digits(row.draw.below(4), 1);
    out.piece(", \"bytes\": ");
    out.digits(row.draw.below(1_000_000), 1);
    out.piece("}");
}
