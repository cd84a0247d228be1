//! `"userDevices"`

use crate::copy_text::CopyText;
use crate::world::Keyed;

use super::{Row, Table};

pub(super) const TABLE: Table = Table {
    name: "userDevices",
    columns: &["deviceId", "organisationId", "userId", "deviceName", "platform", "pushToken", "lastSeenAt"],
    rows: |tenant| tenant.size.user_devices,
    exported: |size| size.user_devices,
    write,
    counted: false,
};

fn write(row: &mut Row<'_>, out: &mut CopyText) {
    let tenant = row.tenant;
    out.uuid(tenant.key(Keyed::Device, row.number));
    out.uuid_or_null(tenant.id);
    out.number(tenant.any_member(&mut row.draw));
    let words = row.words();
    match row.draw.pick(&words.names) {
        Some(name) => {
            out.text(&format!("{}’s {}", name.given, row.draw.text(&["iPhone", "Pixel", "laptop"])))
        }
        None => out.null(),
    }
    out.text(row.draw.text(&["ios", "android", "web"]));
    if row.number == 0 || row.draw.once_in(5) {
        out.null();
    } else {
        out.open();
        out.piece("push:");
        out.hex(&row.draw.bytes::<24>());
    }
    out.timestamptz(row.created_at(tenant.size.user_devices));
}
