//! What a server's refusal is about: names of the catalogue, and nothing that a row could have said.

use std::fmt;

use tokio_postgres::error::DbError;

/// The names that a refusal came with.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Names {
    /// The table, with its schema.
    table: Option<Box<str>>,
    column: Option<Box<str>>,
    /// A domain, with its schema.
    datatype: Option<Box<str>>,
    constraint: Option<Box<str>>,
    /// The function in which it was raised, as a trigger's.
    function: Option<Box<str>>,
}

impl Names {
    /// The server's own names of a refusal. A function that raises one may name what it likes, a value of
    /// a row too: of such a refusal only the function's name is kept.
    pub(super) fn of(refusal: &DbError) -> Self {
        let function = refusal.where_().and_then(function).map(Into::into);
        if refusal.file().is_none_or(is_of_a_language) {
            return Self { function, ..Self::default() };
        }
        let qualified = |name: &str| refusal.schema().map(|schema| format!("{schema}.{name}").into());
        Self {
            table: refusal.table().and_then(qualified),
            column: refusal.column().map(Into::into),
            datatype: refusal.datatype().and_then(qualified),
            constraint: refusal.constraint().map(Into::into),
            function,
        }
    }

    pub(crate) fn table(&self) -> Option<&str> {
        self.table.as_deref()
    }

    pub(crate) fn constraint(&self) -> Option<&str> {
        self.constraint.as_deref()
    }
}

/// Whether the server's source file is one of a procedural language, by which a function's own words come:
/// `pl_exec.c`, `plpy_elog.c`, `plperl.c`, `pltcl.c`, and those of extensions alike.
fn is_of_a_language(file: &str) -> bool {
    file.rsplit('/').next().is_some_and(|file| file.starts_with("pl"))
}

/// The function of a context's first line, or of its last: the statement that called it may be quoted in
/// between, on lines of its own. Nothing is taken of a line that is not wholly as the server writes it.
fn function(context: &str) -> Option<&str> {
    let mut lines = context.lines();
    let first = lines.next()?;
    of_line(first).or_else(|| of_line(lines.next_back()?))
}

/// `shop.check_it` of `PL/pgSQL function shop.check_it(integer) line 3 at RAISE`.
fn of_line(line: &str) -> Option<&str> {
    let rest = line.strip_prefix("PL/pgSQL function ")?;
    let mut end = identifier(rest)?;
    if let Some(more) = rest.get(end..)?.strip_prefix('.') {
        end += 1 + identifier(more)?;
    }
    let (_, place) = rest.get(end..)?.strip_prefix('(')?.rsplit_once(") line ")?;
    let (number, at) = place.split_once(" at ")?;
    let plain = |text: &str, letters: fn(char) -> bool| !text.is_empty() && text.chars().all(letters);
    let is_place =
        plain(number, |c| c.is_ascii_digit()) && plain(at, |c| c.is_ascii_alphabetic() || c == ' ');
    is_place.then(|| rest.get(..end)).flatten()
}

/// How long the identifier is with which the text begins, as the server quotes it.
fn identifier(text: &str) -> Option<usize> {
    /// The longest name that a server holds.
    const LONGEST: usize = 63;
    let length = match text.strip_prefix('"') {
        Some(quoted) => quoted.find('"')? + 2,
        None => {
            let part = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
            text.find(|c| !part(c)).unwrap_or(text.len())
        }
    };
    (1..=LONGEST + 2).contains(&length).then_some(length)
}

impl fmt::Display for Names {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { table, column, datatype, constraint, function } = self;
        if let Some(constraint) = constraint {
            write!(f, ", constraint `{constraint}`")?;
        }
        if let Some(column) = column {
            write!(f, ", column `{column}`")?;
        }
        if let Some(table) = table {
            write!(f, " of {table}")?;
        }
        if let Some(datatype) = datatype {
            write!(f, " of the type {datatype}")?;
        }
        match function {
            Some(function) => write!(f, ", raised in the function `{function}`"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_functions_name_is_taken_of_a_context() {
        let update = "SQL statement \"UPDATE ONLY public.log SET actor = NULL WHERE actor = 'x'\"";
        for (context, expected) in [
            ("PL/pgSQL function public.no_change() line 1 at RAISE".to_owned(), Some("public.no_change")),
            (
                "PL/pgSQL function no_change(integer,text) line 12 at SQL statement".to_owned(),
                Some("no_change"),
            ),
            ("PL/pgSQL function shop.\"noChange\"() line 1 at RAISE".to_owned(), Some("shop.\"noChange\"")),
            (format!("PL/pgSQL function a.b() line 1 at RAISE\n{update}"), Some("a.b")),
            (format!("{update}\nPL/pgSQL function a.b() line 4 at EXECUTE"), Some("a.b")),
            (update.to_owned(), None),
            ("COPY person, line 1: \"anna@example.org\"".to_owned(), None),
            ("PL/pgSQL function anna@example.org() line 1 at RAISE".to_owned(), None),
            ("PL/pgSQL function a.b() line 1 at anna@example.org".to_owned(), None),
            ("PL/pgSQL function a.b() line one at RAISE".to_owned(), None),
            ("PL/pgSQL function a.b.c() line 1 at RAISE".to_owned(), None),
            (format!("PL/pgSQL function {}() line 1 at RAISE", "a".repeat(90)), None),
            ("SQL statement \"x\nPL/pgSQL function b() line 1 at RAISE\n\"".to_owned(), None),
            (String::new(), None),
        ] {
            assert_eq!(function(&context), expected, "{context}");
        }
    }

    #[test]
    fn names_read_as_a_sentence_goes_on() {
        let text = |text: &str| Some(text.into());
        let check = Names { table: text("public.person"), constraint: text("short"), ..Names::default() };
        assert_eq!(check.to_string(), ", constraint `short` of public.person");
        let missing = Names { table: text("public.person"), column: text("name"), ..Names::default() };
        assert_eq!(missing.to_string(), ", column `name` of public.person");
        let domain = Names { datatype: text("public.code"), constraint: text("digits"), ..Names::default() };
        assert_eq!(domain.to_string(), ", constraint `digits` of the type public.code");
        let raised = Names { function: text("no_change"), ..Names::default() };
        assert_eq!(raised.to_string(), ", raised in the function `no_change`");
        assert_eq!(Names::default().to_string(), "");
    }
}
