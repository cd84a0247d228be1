//! `messages`

use crate::copy_text::CopyText;
use crate::moment::HOUR;
use crate::traps::value;
use crate::world::Keyed;

use super::{Row, Table};

pub(super) const TABLE: Table = Table {
    name: "messages",
    columns: &[
        "id",
        "conversation_id",
        "sender_id",
        "reply_to",
        "role",
        "language",
        "sentiment",
        "cost",
        "response_time",
        "edited_at",
        "created_at",
    ],
    rows: |tenant| tenant.size.messages,
    exported: |size| size.messages,
    write,
    counted: true,
};

fn write(row: &mut Row<'_>, out: &mut CopyText) {
    let (tenant, number) = (row.tenant, row.number);
    let (conversation, place, _) = tenant.place(number);
    let created = tenant.message_at(number);
    out.number(tenant.counted(number));
    out.uuid(tenant.key(Keyed::Conversation, conversation));
    let role = match place % 2 {
        0 => "customer",
        _ => row.draw.text(&["agent", "agent", "agent", "assistant", "system"]),
    };
    match role {
        "agent" => out.number(tenant.any_member(&mut row.draw)),
        _ => out.null(),
    }
    let answers = place == 1 || (place > 1 && row.draw.once_in(3));
    out.number_or_null(answers.then(|| tenant.counted(number - 1 - row.draw.below(place.min(4)))));
    out.text(role);
    out.text_or_null(match row.draw.below(8) {
        0..=4 => Some("en"),
        5 => Some("de"),
        6 => Some("zh-Hant-HK-x"),
        _ => None,
    });
    if !row.write_trap(value::DOUBLES, out) {
        out.open();
        out.piece(row.draw.text(&["", "-"]));
        out.piece("0.");
        out.digits(row.draw.below(1_000_000), 6);
    }
    out.decimal(row.draw.below(90_000_000), 9);
    waited(row, out);
    if !row.write_trap(value::TIMESTAMPTZS, out) {
        match row.draw.once_in(20) {
            true => out.timestamptz(created + row.span(HOUR)),
            false => out.null(),
        }
    }
    out.timestamptz(created);
}

fn waited(row: &mut Row<'_>, out: &mut CopyText) {
    if row.write_trap(value::INTERVALS, out) {
        return;
    }
    out.open();
    out.piece("00:");
    out.digits(row.draw.below(60), 2);
    out.piece(":");
    out.digits(row.draw.below(60), 2);
    out.piece(".");
    out.digits(row.draw.below(1_000), 3);
}
