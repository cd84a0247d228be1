//! `contents`

use crate::copy_text::CopyText;
use crate::layout;
use crate::person::person;
use crate::traps::value;
use crate::world::Keyed;

use super::{Row, Table};

pub(super) const TABLE: Table = Table {
    name: "contents",
    columns: &["message_id", "order", "kind", "body", "annotations", "media_asset_id"],
    rows: |tenant| tenant.size.contents,
    exported: |size| size.contents,
    write,
    counted: false,
};

/// What a row holds.
enum Part {
    Trap(&'static str),
    Attachment,
    Long,
    Mention,
    Prose,
}

fn write(row: &mut Row<'_>, out: &mut CopyText) {
    let size = &row.tenant.size;
    let message = layout::whole_of(row.number, size.messages, size.contents);
    out.number(row.tenant.counted(message));
    out.number(row.number - layout::first_part(message, size.messages, size.contents));
    let part = part(row);
    out.text(match part {
        Part::Attachment => "attachment",
        Part::Trap(_) | Part::Long | Part::Mention => "text",
        Part::Prose => row.draw.text(&["text", "text", "text", "text", "quote", "note"]),
    });
    match part {
        Part::Attachment => out.null(),
        Part::Trap(trap) => out.text(trap),
        Part::Long => long(row, out),
        Part::Mention => mention(row, out),
        Part::Prose => {
            out.open();
            sentences(row, out);
        }
    }
    annotations(row, out);
    let asset = matches!(part, Part::Attachment).then(|| row.draw.below(row.tenant.size.media_assets));
    out.uuid_or_null(asset.map(|asset| row.tenant.key(Keyed::MediaAsset, asset)));
}

fn part(row: &mut Row<'_>) -> Part {
    if let Some(trap) = row.trap(value::TEXTS) {
        return Part::Trap(trap);
    }
    let traps = u64::try_from(value::TEXTS.len()).unwrap_or_default();
    match row.number - traps {
        0 => Part::Attachment,
        1 => Part::Long,
        2 => Part::Mention,
        _ => match row.draw.below(100) {
            0..=3 => Part::Attachment,
            4 | 5 => Part::Trap(row.draw.text(value::TEXTS)),
            6..=14 => Part::Mention,
            _ => Part::Prose,
        },
    }
}

fn sentences(row: &mut Row<'_>, out: &mut CopyText) {
    let words = row.words();
    for place in 0..1 + row.draw.below(5) {
        if place > 0 {
            out.piece(if row.draw.once_in(6) { "\n\n" } else { " " });
        }
        out.piece(row.one_of(&words.sentences));
    }
}

/// Prose that names a member, as people do.
fn mention(row: &mut Row<'_>, out: &mut CopyText) {
    let member = row.draw.below(row.tenant.own_users);
    let person = person(row.tenant, row.words(), member);
    out.open();
    sentences(row, out);
    out.piece("\n\nYou reach ");
    out.piece(&person.given);
    out.piece(" ");
    out.piece(&person.family);
    out.piece(" at ");
    out.piece(&person.email);
    out.piece(" or ");
    out.piece(&person.phone);
    out.piece(".");
}

/// More than a page of the database: stored out of line.
fn long(row: &mut Row<'_>, out: &mut CopyText) {
    out.open();
    for _ in 0..400 {
        sentences(row, out);
        out.piece("\n");
    }
}

fn annotations(row: &mut Row<'_>, out: &mut CopyText) {
    if row.write_trap(value::JSONBS, out) {
        return;
    }
    if !row.draw.once_in(8) {
        return out.null();
    }
    out.open();
    out.piece("{\"links\": [\"https://shop.example/orders/");
    out.digits(row.draw.below(1_000_000), 6);
    out.piece("\"], \"entities\": [{\"kind\": \"order\", \"start\": ");
    out.digits(row.draw.below(80), 1);
    out.piece(", \"score\": 0.");
    out.digits(row.draw.below(1_000), 3);
    out.piece("}]}");
}
