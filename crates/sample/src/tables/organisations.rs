//! `organisations`

use crate::copy_text::CopyText;
use crate::moment::{DAY, START};

use super::{Row, Table};

pub(super) const TABLE: Table = Table {
    name: "organisations",
    columns: &[
        "id",
        "name",
        "displayName",
        "slug",
        "plan",
        "billing_email",
        "vat_id",
        "country",
        "owner_id",
        "email_domains",
        "settings",
        "credit_balance",
        "created_at",
        "deleted_at",
    ],
    rows: |tenant| u64::from(tenant.id.is_some()),
    exported: |_| 1,
    write,
    counted: false,
};

fn write(row: &mut Row<'_>, out: &mut CopyText) {
    let tenant = row.tenant;
    let domain = tenant.email_domain.as_str();
    let short = domain.split('.').next().unwrap_or_default();
    out.uuid_or_null(tenant.id);
    out.text(&tenant.name);
    out.text_or_null((!row.draw.once_in(3)).then_some(tenant.name.as_str()));
    out.text(short);
    out.text(row.draw.text(&["free", "team", "business", "enterprise (legacy)"]));
    out.open();
    out.piece("invoices@");
    out.piece(domain);
    out.open();
    out.piece(row.draw.text(&["DE", "DK", "IE"]));
    out.digits(row.draw.below(1_000_000_000), 9);
    out.text(row.draw.text(&["DE", "DK", "IE", "JP"]));
    out.number(tenant.member(0));
    out.open();
    out.piece("{");
    out.piece(domain);
    out.piece("}");
    settings(row, out);
    out.open();
    out.digits(row.draw.below(100_000), 1);
    out.piece(".");
    out.digits(row.draw.below(1_000_000_000_000_000_000), 18);
    out.timestamptz(START - DAY + row.span(DAY));
    out.null();
}

fn settings(row: &mut Row<'_>, out: &mut CopyText) {
    let tenant = row.tenant;
    out.open();
    out.piece("{\"signature\": ");
    out.json_piece(&format!("Best regards, {}", tenant.name));
    out.piece(", \"retentionDays\": ");
    out.digits(30 * (1 + row.draw.below(24)), 1);
    out.piece(", \"features\": {\"assistant\": true, \"sso\": false}}");
}
