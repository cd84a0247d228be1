//! `memberships`

use crate::copy_text::CopyText;
use crate::traps::value;

use super::{Row, Table};

pub(super) const TABLE: Table = Table {
    name: "memberships",
    columns: &["organisation_id", "user_id", "role", "title", "permissions", "invited_by", "joined_on"],
    rows: |tenant| if tenant.id.is_some() { tenant.size.users } else { 0 },
    exported: |size| size.users,
    write,
    counted: false,
};

fn write(row: &mut Row<'_>, out: &mut CopyText) {
    let (tenant, number) = (row.tenant, row.number);
    out.uuid_or_null(tenant.id);
    out.number(tenant.member(number));
    out.text(match number {
        0 => "owner",
        1 => "admin",
        _ if number >= tenant.own_users => "guest",
        _ => row.draw.text(&["agent", "agent", "agent", "admin"]),
    });
    let words = row.words();
    let title = row.one_of(&words.jobs);
    out.text_or_null((!row.draw.once_in(4)).then_some(title));
    match row.trap(value::TEXT_ARRAYS) {
        Some(trap) => out.text(trap),
        None => out.text(row.draw.text(&[
            "{}",
            "{read}",
            "{read,write}",
            "{\"read all\",export,\"delete, forever\"}",
        ])),
    }
    out.number_or_null((number > 0).then(|| tenant.member(row.draw.below(number))));
    out.date(row.created_at(tenant.size.users));
}
