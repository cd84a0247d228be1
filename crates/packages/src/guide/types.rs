//! Types of PostgreSQL in plain words.

/// Type, as PostgreSQL prints it without its measures; one value; several of them.
const KNOWN: &[(&str, &str, &str)] = &[
    ("bigint", "whole number", "whole numbers"),
    ("boolean", "true or false", "true or false values"),
    ("bytea", "binary data", "binary data"),
    ("character", "text", "texts"),
    ("character varying", "text", "texts"),
    ("cidr", "network address", "network addresses"),
    ("citext", "text", "texts"),
    ("date", "date", "dates"),
    ("double precision", "number", "numbers"),
    ("inet", "network address", "network addresses"),
    ("integer", "whole number", "whole numbers"),
    ("interval", "length of time", "lengths of time"),
    ("json", "nested data", "nested data"),
    ("jsonb", "nested data", "nested data"),
    ("name", "text", "texts"),
    ("numeric", "number", "numbers"),
    ("real", "number", "numbers"),
    ("smallint", "whole number", "whole numbers"),
    ("text", "text", "texts"),
    ("time with time zone", "time of day with offset", "times of day with offset"),
    ("time without time zone", "time of day", "times of day"),
    ("timestamp with time zone", "date and time, in UTC", "dates and times, in UTC"),
    ("timestamp without time zone", "date and time, without time zone", "dates and times, without time zone"),
    ("tsvector", "search index", "search indexes"),
    ("uuid", "identifier", "identifiers"),
    ("xml", "XML document", "XML documents"),
];

/// A type taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TypeName {
    /// Its name without measures and brackets.
    pub base: String,
    /// What stands in the parentheses, such as `12,2`.
    pub measures: String,
    /// Whether it is an array.
    pub is_array: bool,
}

/// Takes `numeric(12,2)[]` or `timestamp(3) with time zone` apart.
pub(super) fn parse(database_type: &str) -> TypeName {
    let is_array = database_type.ends_with("[]");
    let element = database_type.trim_end_matches("[]");
    let element = element.strip_prefix("pg_catalog.").unwrap_or(element);
    let parts = element.split_once('(').and_then(|(before, rest)| {
        let (measures, after) = rest.split_once(')')?;
        Some((format!("{before}{after}"), measures.to_owned()))
    });
    let (base, measures) = parts.unwrap_or_else(|| (element.to_owned(), String::new()));
    TypeName { base, measures, is_array }
}

/// The type in plain words: `text, at most 20 characters`, `list of whole numbers`.
pub(super) fn words(database_type: &str) -> String {
    let name = parse(database_type);
    let base = name.base.as_str();
    let known = KNOWN.iter().find(|(known, ..)| *known == base);
    let (one, several) = known.map_or(
        ("value of a type defined by this database", "values of a type defined by this database"),
        |known| (known.1, known.2),
    );
    if name.is_array {
        return format!("list of {several}");
    }
    match (base, name.measures.as_str()) {
        (_, "") => one.to_owned(),
        ("character varying", most) => format!("text, at most {most} characters"),
        ("character", length) => format!("text, {length} characters"),
        ("numeric", measures) => decimals(measures).unwrap_or_else(|| one.to_owned()),
        _ => one.to_owned(),
    }
}

fn decimals(measures: &str) -> Option<String> {
    let (_, scale) = measures.split_once(',')?;
    match scale.trim().parse::<i32>().ok()? {
        ..=0 => Some("whole number".to_owned()),
        1 => Some("number with 1 decimal".to_owned()),
        scale => Some(format!("number with {scale} decimals")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_told_in_plain_words() {
        for (database_type, expected) in [
            ("bigint", "whole number"),
            ("character varying(20)", "text, at most 20 characters"),
            ("character(2)", "text, 2 characters"),
            ("numeric(12,2)", "number with 2 decimals"),
            ("numeric(12,0)", "whole number"),
            ("numeric", "number"),
            ("timestamp(3) with time zone", "date and time, in UTC"),
            ("text[]", "list of texts"),
            ("numeric(12,2)[][]", "list of numbers"),
            ("public.mood", "value of a type defined by this database"),
            ("", "value of a type defined by this database"),
            ("(", "value of a type defined by this database"),
        ] {
            assert_eq!(words(database_type), expected);
        }
    }
}
