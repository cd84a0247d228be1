//! `oauth_tokens`

use crate::copy_text::CopyText;
use crate::moment::DAY;
use crate::person::person;
use crate::world::Keyed;

use super::{Row, Table};

pub(super) const TABLE: Table = Table {
    name: "oauth_tokens",
    columns: &[
        "id",
        "organisation_id",
        "user_id",
        "provider",
        "provider_account",
        "scopes",
        "access_token",
        "refresh_token",
        "expires_at",
        "created_at",
    ],
    rows: |tenant| tenant.size.oauth_tokens,
    exported: |size| size.oauth_tokens,
    write,
    counted: false,
};

fn write(row: &mut Row<'_>, out: &mut CopyText) {
    let tenant = row.tenant;
    let user = row.draw.below(tenant.own_users);
    let forever = row.number == 0 || row.draw.once_in(6);
    let created = row.created_at(tenant.size.oauth_tokens);
    out.uuid(tenant.key(Keyed::Token, row.number));
    out.uuid_or_null(tenant.id);
    out.number(tenant.member(user));
    out.text(row.draw.text(&["calendar", "drive", "crm", "mail"]));
    out.text(&person(tenant, row.words(), user).email);
    out.text(row.draw.text(&[
        "{read}",
        "{read,write}",
        "{\"https://auth.example/calendar.events read\"}",
        "{}",
    ]));
    token("vtg_at_", row, out);
    match forever {
        true => out.null(),
        false => token("vtg_rt_", row, out),
    }
    match forever {
        true => out.text("infinity"),
        false => out.timestamptz(created + DAY),
    }
    out.timestamptz(created);
}

fn token(prefix: &str, row: &mut Row<'_>, out: &mut CopyText) {
    out.open();
    out.piece(prefix);
    out.hex(&row.draw.bytes::<24>());
}
