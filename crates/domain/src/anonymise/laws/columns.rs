//! Columns of every type, the values that such a column may hold, and keys.

use std::collections::hash_map::DefaultHasher;
use std::hash::Hasher;
use std::net::{Ipv4Addr, Ipv6Addr};

use proptest::prelude::*;
use serde::de::DeserializeOwned;

use super::super::literal;
use super::super::shape::Shape;
use super::super::token::Digests;
use crate::schema::{Equality, LiveColumn, TypeFamily};

/// A stand-in for HMAC: good enough to tell keys and messages apart.
pub(in crate::anonymise) fn mac(key: u64) -> impl Fn(&[u8]) -> [u8; 32] {
    move |message| {
        let word = |n: u64| {
            let mut hasher = DefaultHasher::new();
            hasher.write_u64(key);
            hasher.write_u64(n);
            hasher.write(message);
            hasher.finish().to_be_bytes()
        };
        [word(0), word(1), word(2), word(3)].concat().try_into().unwrap()
    }
}

/// The digests of a key, for as long as something is done with them.
pub(in crate::anonymise) fn with_digests<T>(key: u64, done: impl FnOnce(Digests<'_>) -> T) -> T {
    let (tokens, checks) = (mac(key), mac(!key));
    done(Digests { mac: &tokens, check: &checks })
}

/// The names of an enumeration's variants, as serde tells them to whoever asks for one that is none.
pub(super) fn variants<T: DeserializeOwned>() -> Vec<&'static str> {
    let error = serde_json::from_str::<T>("\"\"").err().unwrap().to_string();
    let names: Vec<&str> = error.leak().split('`').skip(1).step_by(2).collect();
    names.into_iter().filter(|name| !name.is_empty()).collect()
}

pub(super) fn families() -> Vec<TypeFamily> {
    let read = |name| serde_json::from_value(serde_json::json!(name)).unwrap();
    variants::<TypeFamily>().into_iter().map(read).collect()
}

/// At least one column of every family; the first of each is NOT NULL and the others are not.
pub(super) fn columns() -> Vec<LiveColumn> {
    let types = |family| match family {
        TypeFamily::Text => vec![
            "text",
            "character varying(20)",
            "character varying(40)",
            "character varying(3)",
            "character varying(120)",
            "character varying",
            "character(4)",
            "character(24)",
            "bpchar",
            "name",
            "\"char\"",
            "ext.citext",
            "public.email",
        ],
        TypeFamily::Number => vec![
            "smallint",
            "integer",
            "bigint",
            "numeric(10,2)",
            "numeric",
            "numeric(3,5)",
            "numeric(2,-3)",
            "real",
            "double precision",
            "public.percentage",
        ],
        TypeFamily::Boolean => vec!["boolean", "public.flag"],
        TypeFamily::Json => vec!["jsonb", "json"],
        TypeFamily::Timestamp => vec!["timestamp without time zone", "timestamp(0) without time zone"],
        TypeFamily::TimestampTz => vec!["timestamp with time zone", "timestamp(3) with time zone"],
        TypeFamily::Date => vec!["date", "public.birthday"],
        TypeFamily::Time => vec!["time without time zone", "interval"],
        TypeFamily::Uuid => vec!["uuid", "public.id"],
        TypeFamily::Network => vec!["inet", "cidr"],
        TypeFamily::Bytes => vec!["bytea", "public.blob"],
        TypeFamily::Enum => vec!["public.mood", "public.calm"],
        TypeFamily::Array => vec!["text[]", "integer[]"],
        TypeFamily::Other => vec!["point", "ext.hstore"],
    };
    let column = |family, (index, sql_type): (usize, &str)| LiveColumn {
        name: "c".to_owned(),
        sql_type: sql_type.to_owned(),
        family,
        not_null: index == 0,
        generated: false,
        equality: equality(sql_type),
    };
    let of_family =
        |family| types(family).into_iter().enumerate().map(move |at| column(family, at)).collect::<Vec<_>>();
    families().into_iter().flat_map(of_family).collect()
}

/// As the catalogues would say it.
pub(in crate::anonymise) fn equality(sql_type: &str) -> Equality {
    if sql_type.ends_with("citext") { Equality::WithoutCase } else { Equality::Exact }
}

/// A constant that such a column holds.
pub(super) fn constant_for(column: &LiveColumn) -> String {
    match column.family {
        TypeFamily::Text => "-",
        TypeFamily::Number => "0",
        TypeFamily::Boolean => "true",
        TypeFamily::Json => "{}",
        TypeFamily::Timestamp => "1970-01-01 00:00:00",
        TypeFamily::TimestampTz => "1970-01-01 00:00:00+00",
        TypeFamily::Date => "1970-01-01",
        TypeFamily::Time => "00:00:00",
        TypeFamily::Uuid => "00000000-0000-0000-0000-000000000000",
        TypeFamily::Network => "0.0.0.0/0",
        TypeFamily::Bytes => "\\x",
        TypeFamily::Enum => "erased",
        TypeFamily::Array => "{}",
        TypeFamily::Other => "(0,0)",
    }
    .to_owned()
}

/// Values in the form in which PostgreSQL prints them.
pub(super) fn value_of(column: &LiveColumn) -> BoxedStrategy<String> {
    let date = "(000[1-9]|1[0-9]{3}|20[0-9]{2})-(0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])";
    let edge = "19[0-9]{2}-(01-01|12-31)";
    let clock = "([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\\.[0-9]{1,5}[1-9])?";
    let zone = "[+-](0[0-9]|1[0-4])(:30|:53:28)?";
    let of = |pattern: String| {
        let pattern = format!("({pattern})").replace("$date", &format!("({date}|{edge})"));
        let pattern = pattern
            .replace("$end", "4714-12-31 BC|29427[0-5]-12-31")
            .replace("$clock", clock)
            .replace("$zone", zone);
        proptest::string::string_regex(&pattern).unwrap().boxed()
    };
    match column.family {
        TypeFamily::Text => text(column),
        TypeFamily::Number => number(column),
        TypeFamily::Boolean => of("t|f|true|false".to_owned()),
        TypeFamily::Json => {
            of("null|\\{\"[a-z]{1,9}\": \"[a-z ]{0,20}\"\\}|\\[[1-9][0-9]{0,8}\\]".to_owned())
        }
        TypeFamily::Date => of("$date( BC)?|$end|infinity".to_owned()),
        TypeFamily::Timestamp => of("$date $clock( BC)?|-infinity".to_owned()),
        TypeFamily::TimestampTz => of("$date $clock$zone( BC)?|infinity".to_owned()),
        TypeFamily::Time => of("$clock".to_owned()),
        TypeFamily::Uuid => any::<u128>().prop_map(|bits| uuid::Uuid::from_u128(bits).to_string()).boxed(),
        TypeFamily::Network => network(column.sql_type == "cidr"),
        TypeFamily::Bytes => of("\\\\x([0-9a-f]{2}){0,20}".to_owned()),
        TypeFamily::Enum => of("[a-z]{1,20}".to_owned()),
        TypeFamily::Array => of("\\{\\}|\\{[0-9]{1,5}(,[0-9]{1,5}){0,4}\\}".to_owned()),
        TypeFamily::Other => of("\\([0-9]{1,5},[0-9]{1,5}\\)".to_owned()),
    }
}

fn text(column: &LiveColumn) -> BoxedStrategy<String> {
    let room = Shape::of(column).room();
    let padded = column.sql_type.starts_with("character(");
    if column.sql_type == "\"char\"" {
        return "[a-zA-Z0-9]".boxed();
    }
    prop_oneof![
        3 => "[A-Z][a-zéß]{2,9} [A-Z][a-z]{2,12}",
        2 => "[a-z]{1,8}\\.?[a-z]{1,8}@[a-z]{2,9}\\.(org|example)",
        2 => "\\+[1-9][0-9]{1,2} [0-9]{3,5}-[0-9]{4,6}",
        2 => "\\PC{0,50}",
        1 => "[0-9a-f]{3,12}|[0-9a-f]{32}|\\*{1,20}|\\[redacted\\]|",
    ]
    .prop_map(move |text| {
        let cut: String = text.chars().take(if column_is_bytes(room) { 15 } else { room }).collect();
        if padded { format!("{cut:<room$}") } else { cut }
    })
    .boxed()
}

/// Of the widths here only that of `name` is counted in bytes.
fn column_is_bytes(room: usize) -> bool {
    room == 63
}

fn number(column: &LiveColumn) -> BoxedStrategy<String> {
    let printed = |text: String| match text.split_once('e') {
        Some((mantissa, exponent)) if !exponent.starts_with('-') => format!("{mantissa}e+{exponent:0>2}"),
        _ => text.trim_end_matches(".0").replace("inf", "Infinity"),
    };
    match column.sql_type.as_str() {
        "smallint" => prop_oneof![any::<i16>(), Just(i16::MIN)].prop_map(|n| n.to_string()).boxed(),
        "integer" => {
            prop_oneof![any::<i32>(), -2000..2000_i32, Just(i32::MIN)].prop_map(|n| n.to_string()).boxed()
        }
        "bigint" => prop_oneof![any::<i64>(), Just(i64::MIN)].prop_map(|n| n.to_string()).boxed(),
        "numeric(10,2)" => "-?[1-9][0-9]{0,7}\\.[0-9]{2}|0\\.[0-9]{2}|NaN".boxed(),
        "numeric(3,5)" => "-?0\\.00[0-9]{3}".boxed(),
        "numeric(2,-3)" => "-?[1-9][0-9]?000|0".boxed(),
        "numeric" => {
            "-?[1-9][0-9]{0,330}|-?0\\.[0-9]{1,60}|-?[1-9][0-9]{0,29}\\.[0-9]{1,20}|Infinity".boxed()
        }
        "real" => prop_oneof![any::<f32>(), Just(f32::MAX), Just(1e-45)]
            .prop_map(move |n| printed(format!("{n:?}")))
            .boxed(),
        "double precision" => prop_oneof![any::<f64>(), Just(f64::MAX), Just(5e-324)]
            .prop_map(move |n| printed(format!("{n:?}")))
            .boxed(),
        _ => "[1-9]?[0-9](\\.[0-9]{1,3})?".boxed(),
    }
}

fn network(cidr: bool) -> BoxedStrategy<String> {
    let four = (any::<u32>(), 0..=32_u32).prop_map(move |(bits, length)| {
        let kept = if cidr { bits & u32::MAX.checked_shl(32 - length).unwrap_or(0) } else { bits };
        (Ipv4Addr::from_bits(kept).to_string(), length, 32)
    });
    let six = (any::<u128>(), 0..=128_u32).prop_map(move |(bits, length)| {
        let kept = if cidr { bits & u128::MAX.checked_shl(128 - length).unwrap_or(0) } else { bits };
        (Ipv6Addr::from_bits(kept).to_string(), length, 128)
    });
    prop_oneof![four, six]
        .prop_map(
            move |(address, length, whole)| {
                if length == whole && !cidr { address } else { format!("{address}/{length}") }
            },
        )
        .boxed()
}

/// Values of the column that differ from this one by one change.
pub(super) fn neighbours(value: &str, shape: &Shape<'_>) -> Vec<String> {
    let cuts = value.char_indices().map(|(at, c)| (at, at + c.len_utf8()));
    let changes = cuts.flat_map(|(from, to)| {
        let other = ["", "0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "q"];
        let changed = other.into_iter().map(move |new| [&value[..from], new, &value[to..]].concat());
        changed.chain([[&value[..to], ".5", &value[to..]].concat()])
    });
    changes.filter(|new| new != value && shape.holds(new) && literal::check(new, shape).is_ok()).collect()
}

/// What `generalise` leaves as it is, because nothing coarser is of the type or wanted.
pub(super) fn coarse_already(value: &str, shape: &Shape<'_>) -> bool {
    let special = matches!(value, "infinity" | "-infinity" | "NaN" | "Infinity" | "-Infinity");
    let most = if value.contains(':') { 48 } else { 24 };
    let network = || value.split_once('/').is_some_and(|(_, length)| length.parse::<u32>().unwrap() <= most);
    special || shape.column.family == TypeFamily::Network && network()
}
