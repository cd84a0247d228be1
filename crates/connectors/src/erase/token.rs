//! Tokens as SQL, as the domain's `pseudonymise` gives them: what a value becomes, and whether a value is
//! one already.
//!
//! A token that is recognised has a check in its last six bytes: the beginning of a digest of the ten
//! before them, under a key of its own. Texts are asked byte by byte, whatever the column's collation.

use domain::anonymise::{ERASED_DOMAIN, TokenForm};
use domain::datamap::Collection;
use domain::erasure::FieldChange;
use domain::schema::{Equality, LiveColumn, LiveSchema, TypeFamily};

use crate::erase::keyed::{Parameters, key_texts};
use crate::erase::pseudonym::{PseudonymKey, hmac};
use crate::erase::strategy::room;
use crate::sql::{self, PlanError};

/// The fewest and the most hexadecimal digits of a pseudonym.
const DIGITS: std::ops::RangeInclusive<usize> = 16..=32;

/// What tokens are made with: placeholders of keys, the texts of the row's primary key, and where other rows
/// with the same token are looked for.
pub(crate) struct Pads {
    inner: String,
    outer: String,
    check: String,
    row: Vec<String>,
    relation: String,
    unique: Vec<Vec<LiveColumn>>,
}

impl Pads {
    /// Binds the keys, for changes of rows `t0` of the collection.
    ///
    /// # Errors
    /// When a token needs the row's key and the table has none.
    pub(crate) fn bind<'k>(
        key: &'k PseudonymKey,
        (collection, schema): (&Collection, &LiveSchema),
        changes: &[FieldChange],
        parameters: &mut Parameters<'k>,
    ) -> Result<Self, PlanError> {
        let needs_row = changes.iter().any(|change| change.token.needs_row());
        let table = schema.tables.get(&collection.table);
        let known = |columns: &Vec<String>| columns.iter().map(|name| table?.column(name).cloned()).collect();
        Ok(Self {
            inner: parameters.bytes(key.inner()),
            outer: parameters.bytes(key.outer()),
            check: parameters.secret(key.check()),
            row: if needs_row { key_texts(collection, schema)? } else { Vec::new() },
            relation: sql::relation(&collection.table),
            unique: table.iter().flat_map(|table| &table.unique).filter_map(known).collect(),
        })
    }

    /// Whether another row has the token `given.token` and meets the row `t0` in a unique key: a look-up by the
    /// key's own index.
    fn taken(&self, column: &LiveColumn) -> String {
        let of = |key: &&Vec<LiveColumn>| key.iter().any(|part| part.name == column.name);
        let met = |key: &Vec<LiveColumn>| {
            let parts = key.iter().map(|part| {
                let (name, equal) = (sql::identifier(&part.name), sql::equality(part, part));
                let own = part.name == column.name;
                let with = if own { as_compared("given.token", column) } else { format!("t0.{name}") };
                format!("other.{name} {equal} {with}")
            });
            let parts = parts.collect::<Vec<_>>().join(" AND ");
            format!("EXISTS (SELECT FROM {} other WHERE {parts})", self.relation)
        };
        let met: Vec<String> = self.unique.iter().filter(of).map(met).collect();
        if met.is_empty() { "FALSE".to_owned() } else { met.join(" OR ") }
    }

    /// The placeholder of the key by which tokens are recognised.
    pub(crate) fn check(&self) -> &str {
        &self.check
    }

    /// The digest of a text, and of the row where the form asks for it.
    fn digest(&self, label: &str, text: &str, form: TokenForm) -> String {
        let bytes = |text: &str| format!("pg_catalog.convert_to({text}, 'UTF8')");
        let mut message = bytes(text);
        for part in self.row.iter().filter(|_| form.by_row()) {
            let separator = "OPERATOR(pg_catalog.||) '\\x00'::pg_catalog.bytea OPERATOR(pg_catalog.||)";
            message.push_str(&format!(" {separator} {}", bytes(part)));
        }
        hmac(label, &format!("({message})"), (&self.inner, &self.outer))
    }
}

/// What takes the place of the value: itself, where it is a token already.
pub(crate) fn replacement(value: &str, column: &LiveColumn, form: TokenForm, pads: &Pads) -> String {
    let uuid = column.family == TypeFamily::Uuid;
    let made = |form| if uuid { made_uuid(value, form, pads) } else { made_text(value, column, form, pads) };
    let made = match form {
        TokenForm::Plain | TokenForm::Checked | TokenForm::CheckedByRow => made(form),
        TokenForm::CheckedUnlessTaken => format!(
            "(SELECT CASE WHEN {} THEN {} ELSE given.token END FROM (SELECT {} AS token OFFSET 0) given)",
            pads.taken(column),
            made(TokenForm::CheckedByRow),
            made(TokenForm::Checked)
        ),
    };
    let itself = if uuid { value.to_owned() } else { text(value) };
    match form.has_check().then(|| in_place(value, column, &pads.check)).flatten() {
        Some(in_place) => format!("CASE WHEN {in_place} THEN {itself} ELSE {made} END"),
        None => made,
    }
}

/// The condition under which a value is certainly none of the column's tokens; of NULL it is not true. Where
/// the column has no room for a check, or the form has none, it is not the other way round: any value of
/// a token's form passes.
pub(crate) fn residual(value: &str, column: &LiveColumn, form: TokenForm, check: &str) -> String {
    let wide = column.family == TypeFamily::Uuid || room(column) >= *DIGITS.end();
    match in_place(value, column, check).filter(|_| form.has_check() && wide) {
        Some(in_place) => format!("{value} IS NOT NULL AND NOT {in_place}"),
        None => {
            let form = sql::literal(&appearance(column));
            format!("{} OPERATOR(pg_catalog.!~) {form}", bytewise(value))
        }
    }
}

/// A token as the column's own equality compares it. Not of a domain's type: what breaks the domain's rules is
/// told by the preflight, in words.
fn as_compared(token: &str, column: &LiveColumn) -> String {
    match column.equality {
        // The type is found through the path of the transaction, as its operator is.
        Equality::WithoutCase => format!("{token}::citext"),
        Equality::Exact | Equality::ByCollation if sql::by_name(column) => token.to_owned(),
        Equality::Exact | Equality::ByCollation => format!("{token}::{}", column.sql_type),
    }
}

/// Whether a value is a token, as far as there is one that can be recognised; never NULL. Nothing is
/// decoded that is no hexadecimal number: `CASE` keeps the order.
fn in_place(value: &str, column: &LiveColumn, check: &str) -> Option<String> {
    if column.family == TypeFamily::Uuid {
        let bytes = format!("pg_catalog.uuid_send({value})");
        let checked = checks(&bytes, check);
        return Some(format!(
            "CASE WHEN pg_catalog.get_byte({bytes}, 6) OPERATOR(pg_catalog.>>) 4 OPERATOR(pg_catalog.=) 8 \
             THEN {checked} ELSE FALSE END"
        ));
    }
    let (text, bytewise) = (text(value), bytewise(value));
    let length = format!("pg_catalog.octet_length({text})");
    let (least, most, tail) = (DIGITS.start(), DIGITS.end(), ERASED_DOMAIN.len());
    let bare = (room(column) >= *most).then(|| {
        let checked = checks(&format!("pg_catalog.decode({text}, 'hex')"), check);
        format!(
            "WHEN {length} OPERATOR(pg_catalog.=) {most} AND {bytewise} OPERATOR(pg_catalog.!~) '[^0-9a-f]' \
             THEN {checked} "
        )
    });
    let address = (room(column) >= least + tail).then(|| {
        format!(
            "WHEN {length} BETWEEN {} AND {} AND {bytewise} OPERATOR(pg_catalog.~~) '%{ERASED_DOMAIN}' \
             THEN {bytewise} OPERATOR(pg_catalog.~) '^[0-9a-f]*@erased[.]invalid$' ",
            least + tail,
            most + tail
        )
    });
    let address = address?;
    Some(format!("CASE {}{address}ELSE FALSE END", bare.unwrap_or_default()))
}

/// Whether the last six of sixteen bytes are the check over the others.
fn checks(bytes: &str, check: &str) -> String {
    let head = format!("pg_catalog.substr({bytes}, 1, 10)");
    format!("pg_catalog.substr({bytes}, 11) OPERATOR(pg_catalog.=) {}", check_over(&head, check))
}

fn check_over(head: &str, check: &str) -> String {
    format!("pg_catalog.substr(pg_catalog.sha256({check} OPERATOR(pg_catalog.||) {head}), 1, 6)")
}

/// Ten bytes and the check over them. `OFFSET 0` has the digest computed once; `head` makes of its
/// beginning, `d.h`, what is checked.
fn with_check(digest: &str, head: &str, check: &str) -> String {
    format!(
        "(SELECT pg_catalog.encode({head} OPERATOR(pg_catalog.||) {}, 'hex') \
         FROM (SELECT pg_catalog.substr({digest}, 1, 10) AS h OFFSET 0) d)",
        check_over(head, check)
    )
}

/// Digits of the digest, the last twelve of them a check where there is room for it; an address stays an
/// address where there is room for one.
fn made_text(value: &str, column: &LiveColumn, form: TokenForm, pads: &Pads) -> String {
    let digest = pads.digest("lethe/1/pseudonym/text", &canonical(value, column), form);
    let digits = format!("pg_catalog.encode({digest}, 'hex')");
    let length = token_length(room(column));
    let plain = if form.has_check() && length == *DIGITS.end() {
        with_check(&digest, "d.h", &pads.check)
    } else {
        format!("pg_catalog.left({digits}, {length})")
    };
    match address_length(column) {
        None => plain,
        Some(length) => format!(
            "CASE WHEN {} OPERATOR(pg_catalog.~~) '%_@_%' \
             THEN pg_catalog.left({digits}, {length}) OPERATOR(pg_catalog.||) '{ERASED_DOMAIN}' ELSE {plain} END",
            bytewise(value)
        ),
    }
}

/// A UUID of version 8 (RFC 9562, 5.8).
fn made_uuid(value: &str, form: TokenForm, pads: &Pads) -> String {
    let digest = pads.digest("lethe/1/pseudonym/uuid", &text(value), form);
    if form.has_check() {
        let bits = |at: usize, kept: u8, set: u8| {
            format!(
                "pg_catalog.get_byte(d.h, {at}) OPERATOR(pg_catalog.&) {kept} OPERATOR(pg_catalog.|) {set}"
            )
        };
        let (version, variant) = (bits(6, 0x0f, 0x80), bits(8, 0x3f, 0x80));
        let head = format!("pg_catalog.set_byte(pg_catalog.set_byte(d.h, 6, {version}), 8, {variant})");
        return format!("{}::pg_catalog.uuid", with_check(&digest, &head, &pads.check));
    }
    format!(
        "(SELECT pg_catalog.concat(pg_catalog.substr(d.h, 1, 12), '8', pg_catalog.substr(d.h, 14, 3), \
         pg_catalog.translate(pg_catalog.substr(d.h, 17, 1), '0123456789abcdef', '89ab89ab89ab89ab'), \
         pg_catalog.substr(d.h, 18, 15))::pg_catalog.uuid \
         FROM (SELECT pg_catalog.encode({digest}, 'hex') AS h OFFSET 0) d WHERE d.h IS NOT NULL)"
    )
}

/// What every pseudonym of the column looks like, as a regular expression.
fn appearance(column: &LiveColumn) -> String {
    if column.family == TypeFamily::Uuid {
        return "^.{14}8.{4}[89ab]".to_owned();
    }
    let plain = format!("[0-9a-f]{{{}}}", token_length(room(column)));
    match address_length(column) {
        None => format!("^{plain}$"),
        Some(length) => format!("^({plain}|[0-9a-f]{{{length}}}@erased[.]invalid)$"),
    }
}

fn text(value: &str) -> String {
    format!("({value})::pg_catalog.text")
}

fn bytewise(value: &str) -> String {
    format!("(({value})::pg_catalog.text COLLATE pg_catalog.\"C\")")
}

/// One text for all that the column itself holds to be equal.
fn canonical(value: &str, column: &LiveColumn) -> String {
    match column.equality {
        Equality::WithoutCase => format!("pg_catalog.lower({})", text(value)),
        // What is equal by a collation only the server knows; such columns are refused.
        Equality::Exact | Equality::ByCollation => text(value),
    }
}

fn token_length(room: usize) -> usize {
    room.min(*DIGITS.end())
}

fn address_length(column: &LiveColumn) -> Option<usize> {
    let room = room(column).checked_sub(ERASED_DOMAIN.len())?;
    (room >= *DIGITS.start()).then(|| token_length(room))
}
