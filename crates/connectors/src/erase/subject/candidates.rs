//! What a statement can say of whether a value is an identity.
//!
//! A text of ASCII is compared here; any other is handed out, for the domain to compare. What such a text
//! becomes in small letters, which of its characters are blank and which are one in several ways differs
//! between servers and from Rust, and a server of another encoding than UTF-8 cannot say at all.

use domain::erasure::IdentityKind;

use crate::sql;

/// The characters of ASCII that count as blank.
const BLANKS: &str = " \t\n\u{b}\u{c}\r";
/// A character that is not of ASCII.
const NOT_ASCII: &str = "[^\\x01-\\x7f]";

/// The condition under which a text may be the identity, which is bound as `$1` in ASCII and as `$2` with
/// its digits alone: nothing that a server of another encoding could not take.
pub(super) fn candidates(value: &str, kind: IdentityKind) -> String {
    let plain = format!("(({value}) COLLATE pg_catalog.\"C\")");
    let trimmed = format!("pg_catalog.btrim({plain}, {})", sql::literal(BLANKS));
    let other = format!("{plain} OPERATOR(pg_catalog.~) {}", sql::literal(NOT_ASCII));
    let digits = format!("pg_catalog.regexp_replace({plain}, '[^0-9]', '', 'g')");
    match kind {
        IdentityKind::Email => {
            let ends = sql::literal(&format!("{BLANKS}."));
            format!(
                "(pg_catalog.rtrim(pg_catalog.lower({trimmed}), {ends}) OPERATOR(pg_catalog.=) $1 OR {other})"
            )
        }
        IdentityKind::Phone => format!("{digits} IN ($2, '00' OPERATOR(pg_catalog.||) $2)"),
        IdentityKind::Other => format!(
            "({trimmed} OPERATOR(pg_catalog.=) $1 OR ({other} AND {digits} OPERATOR(pg_catalog.=) $2))"
        ),
    }
}
