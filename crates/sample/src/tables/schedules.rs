//! `schedules`

use crate::copy_text::CopyText;
use crate::traps::value;

use super::{Row, Table};

pub(super) const TABLE: Table = Table {
    name: "schedules",
    columns: &[
        "organisation_id",
        "key",
        "conversation_id",
        "user",
        "title",
        "runs_at",
        "starts_on",
        "ends_on",
        "every",
        "weekdays",
        "enabled",
        "payload",
        "created_at",
    ],
    rows: |tenant| tenant.size.schedules,
    exported: |size| size.schedules,
    write,
    counted: false,
};

fn write(row: &mut Row<'_>, out: &mut CopyText) {
    let tenant = row.tenant;
    out.uuid_or_null(tenant.id);
    match row.trap(value::SCHEDULE_KEYS) {
        Some(key) => out.text(key),
        None => {
            out.open();
            out.piece("schedule-");
            out.digits(row.number, 1);
        }
    }
    let conversation = (!row.draw.once_in(3)).then(|| tenant.any_conversation(&mut row.draw));
    out.uuid_or_null(conversation);
    out.number_or_null(if row.number == 0 { Some(tenant.member(0)) } else { row.member_or_none(4) });
    let words = row.words();
    out.text(&format!("Remind: {}", row.one_of(&words.subjects)));
    match row.trap(value::TIMES) {
        Some(time) => out.text(time),
        None => out.text(row.draw.text(&["08:00:00", "09:15:00", "17:45:00"])),
    }
    let created = row.created_at(tenant.size.schedules);
    out.date(created);
    if !row.write_trap(value::DATES, out) {
        out.null();
    }
    recurrence(row, out);
    out.boolean(!row.draw.once_in(4));
    if !row.write_trap(value::JSONS, out) {
        out.text(row.draw.text(&[
            "{\"template\": \"reminder\"}",
            "{\"template\":\"report\",\"to\":[\"board@customer.example\"]}",
        ]));
    }
    out.timestamp(created);
}

fn recurrence(row: &mut Row<'_>, out: &mut CopyText) {
    if !row.write_trap(value::INTERVALS, out) {
        out.text(row.draw.text(&["1 day", "7 days", "1 mon", "00:30:00"]));
    }
    if !row.write_trap(value::INTEGER_ARRAYS, out) {
        out.text(row.draw.text(&["{1,2,3,4,5}", "{1}", "{6,7}"]));
    }
}
