//! `users`

use crate::copy_text::CopyText;
use crate::moment::{DAY, END, START};
use crate::person::{Person, person};
use crate::traps::value;

use super::{Row, Table};

pub(super) const TABLE: Table = Table {
    name: "users",
    columns: &[
        "id",
        "email",
        "displayName",
        "given_name",
        "family_name",
        "phone",
        "date_of_birth",
        "job_title",
        "address",
        "locale",
        "notify_by",
        "tags",
        "marketing_consent",
        "last_login_ip",
        "last_login_at",
        "password_hash",
        "totp_secret",
        "preferences",
        "created_at",
    ],
    rows: |tenant| tenant.own_users,
    exported: |size| size.users,
    write,
    counted: true,
};

/// From 1940 to 2007.
const BIRTHS: (i64, u64) = (-30 * 365 * DAY, 67 * 365);

fn write(row: &mut Row<'_>, out: &mut CopyText) {
    let person = person(row.tenant, row.words(), row.number);
    out.number(row.tenant.counted(row.number));
    out.text(&person.email);
    out.text(&format!("{} {}", person.given, person.family));
    out.text(&person.given);
    out.text(&person.family);
    match row.number {
        1 => out.text(""),
        2 => out.null(),
        _ => out.text(&person.phone),
    }
    match row.draw.once_in(6) {
        true => out.null(),
        false => out.date(BIRTHS.0 + crate::moment::span(row.draw.below(BIRTHS.1)) * DAY),
    }
    let words = row.words();
    out.text(row.one_of(&words.jobs));
    address(row, out);
    out.text(row.trap(value::LOCALES).unwrap_or(person.locale));
    let channels = ["{email}", "{email,push}", "{sms}", "{}", "{\"do not disturb\"}"];
    out.text(match row.number {
        0 => "{}",
        1 => "{\"do not disturb\",email}",
        _ => row.draw.text(&channels),
    });
    tags(row, out);
    account(row, &person, out);
}

/// What the product itself keeps about an account.
fn account(row: &mut Row<'_>, person: &Person, out: &mut CopyText) {
    out.text_or_null(match (row.number, row.draw.below(3)) {
        (0, _) | (2.., 0) => None,
        (1, _) | (2.., 1) => Some("f"),
        _ => Some("t"),
    });
    let created = row.created_at(row.tenant.own_users);
    if row.draw.once_in(8) {
        out.null();
        out.null();
    } else {
        out.open();
        out.piece("203.0.113.");
        out.digits(row.draw.below(256), 1);
        out.timestamptz(created + row.span(END - created));
    }
    password_hash(row, out);
    match row.number == 0 || !row.draw.once_in(3) {
        true => out.null(),
        false => out.bytes(&row.draw.bytes::<20>()),
    }
    if row.number == 0 {
        out.text("{}");
    } else {
        out.open();
        out.piece("{\"theme\": \"dark\", \"greeting\": ");
        out.json_piece(&format!("Hi, {} here", person.given));
        out.piece(", \"pageSize\": ");
        out.digits(10 * (1 + row.draw.below(10)), 1);
        out.piece("}");
    }
    out.timestamptz(created.max(START));
}

fn address(row: &mut Row<'_>, out: &mut CopyText) {
    if row.draw.once_in(4) {
        return out.null();
    }
    let words = row.words();
    out.open();
    out.piece("{\"street\": ");
    out.json_piece(&format!("{} {}", row.one_of(&words.streets), 1 + row.draw.below(150)));
    out.piece(", \"postcode\": \"");
    out.digits(row.draw.below(100_000), 5);
    out.piece("\", \"city\": ");
    out.json_piece(row.one_of(&words.cities));
    out.piece(", \"country\": \"");
    out.piece(row.draw.text(&["DE", "DK", "IE", "JP", "FR"]));
    out.piece("\"}");
}

fn tags(row: &mut Row<'_>, out: &mut CopyText) {
    if !row.write_trap(value::TEXT_ARRAYS, out) {
        out.text(row.draw.text(&[
            "{}",
            "{vip}",
            "{\"night shift\",trainer}",
            "{onboarding,\"speaks German\"}",
        ]));
    }
}

/// The shape of an Argon2id hash; nobody's password.
fn password_hash(row: &mut Row<'_>, out: &mut CopyText) {
    out.open();
    out.piece("$argon2id$v=19$m=19456,t=2,p=1$");
    out.hex(&row.draw.bytes::<8>());
    out.piece("$");
    out.hex(&row.draw.bytes::<20>());
}
