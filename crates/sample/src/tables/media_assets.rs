//! `media_assets`

use crate::copy_text::CopyText;
use crate::traps::value;
use crate::world::Keyed;

use super::{Row, Table};

pub(super) const TABLE: Table = Table {
    name: "media_assets",
    columns: &[
        "id",
        "conversation_id",
        "uploaded_by",
        "storage_key",
        "file_name",
        "content_type",
        "size_bytes",
        "width",
        "sha256",
        "thumbnail",
        "caption",
        "exif",
        "created_at",
    ],
    rows: |tenant| tenant.size.media_assets,
    exported: |size| size.media_assets,
    write,
    counted: false,
};

fn write(row: &mut Row<'_>, out: &mut CopyText) {
    let (tenant, number) = (row.tenant, row.number);
    let id = tenant.key(Keyed::MediaAsset, number);
    let image = number == 0 || !row.draw.once_in(3);
    let name = match row.trap(value::STORAGE_KEYS) {
        Some(name) => name.to_owned(),
        None if image => format!("IMG_{:04}.jpg", row.draw.below(10_000)),
        None => format!("invoice-{}.pdf", row.draw.below(100_000)),
    };
    out.uuid(id);
    out.uuid(tenant.any_conversation(&mut row.draw));
    out.number_or_null(row.member_or_none(3));
    out.text(&format!("uploads/{id}/{name}"));
    out.text(&name);
    out.text(if image { "image/jpeg" } else { "application/pdf" });
    match number {
        1 => out.number(5_368_709_120),
        _ => out.number(1_000 + row.draw.below(5_000_000)),
    }
    out.number_or_null(image.then(|| 64 * (1 + row.draw.below(80))));
    out.bytes(&row.draw.bytes::<32>());
    thumbnail(row, out);
    let words = row.words();
    match row.draw.below(8) {
        0 => out.text(row.draw.text(value::TEXTS)),
        1..=3 => out.text(row.one_of(&words.sentences)),
        _ => out.null(),
    }
    exif(row, image, out);
    out.timestamptz(row.created_at(tenant.size.media_assets));
}

fn thumbnail(row: &mut Row<'_>, out: &mut CopyText) {
    let traps = u64::try_from(value::BYTEAS.len()).unwrap_or_default();
    if row.number == traps + 1 {
        out.bytes(&(0..=u8::MAX).collect::<Vec<u8>>());
    } else if !row.write_trap(value::BYTEAS, out) {
        out.bytes(&row.draw.bytes::<48>());
    }
}

fn exif(row: &mut Row<'_>, image: bool, out: &mut CopyText) {
    if !image {
        return out.null();
    }
    out.open();
    out.piece("{\"camera\": \"Pixel 8\", \"gps\": [");
    out.digits(47 + row.draw.below(8), 1);
    out.piece(".");
    out.digits(row.draw.below(1_000_000), 6);
    out.piece(", ");
    out.digits(6 + row.draw.below(9), 1);
    out.piece(".");
    out.digits(row.draw.below(1_000_000), 6);
    out.piece("]}");
}
