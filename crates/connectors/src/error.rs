//! What can go wrong with a subject store, in words that give no row away.

mod names;
mod tls;

use std::fmt;

use deadpool_postgres::PoolError;
use domain::schema::TableName;
use tokio_postgres::error::{DbError, ErrorPosition};

use names::Names;
use tls::fault;

pub use tls::TlsFault;

/// A failure of a subject store.
///
/// A server's message, detail and hint may quote values of rows, so none of them is kept: what
/// remains is the SQLSTATE, what it means, and the names of what it is about: table, column, type and
/// constraint, and the function in which it was raised. Failures that never reached the server (a refused
/// connection, a certificate) keep their source.
#[derive(Debug, thiserror::Error)]
#[error(
    "subject store `{store}`: {}{}{}{}",
    .kind.explain(), Reading(.reading), Code(.sqlstate.as_deref()), .names
)]
pub struct StoreError {
    store: String,
    kind: StoreErrorKind,
    sqlstate: Option<Box<str>>,
    names: Box<Names>,
    reading: Vec<TableName>,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

/// What kind of failure it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum StoreErrorKind {
    /// The store's settings cannot be used; the text says what would be right.
    Configuration(&'static str),
    /// The server cannot be reached, or hung up.
    Unreachable,
    /// The role may not do this.
    Permission,
    /// The server does not let the role log in.
    Login,
    /// No protected connection came about.
    Tls(TlsFault),
    /// There is no database of the name that the URL gives.
    NoDatabase,
    /// A lock or a free connection took longer than allowed.
    Timeout,
    /// A statement took longer than allowed, or somebody cancelled it.
    Cancelled,
    /// The organisation's id is no value of its key's type, so there is no such organisation.
    BadOrganisation,
    /// A value is none of the type of the column that it is compared with.
    BadValue,
    /// A table, column, type or operator is not there: the schema is not the one that was planned for.
    Schema,
    /// The server is a replica that has not replayed what is to be read.
    Behind,
    /// A COPY of this transaction was given up, so that nothing can follow it.
    Abandoned,
    /// Anything else.
    Other,
}

impl StoreErrorKind {
    /// The code under which a step that fails by this reports it; operators look it up.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Configuration(_) | Self::NoDatabase => "store_misconfigured",
            Self::Unreachable => "store_unreachable",
            Self::Permission => "store_permission",
            Self::Login => "store_login",
            Self::Tls(_) => "store_tls",
            Self::Timeout | Self::Cancelled => "store_timeout",
            Self::BadOrganisation => "organisation_unknown",
            Self::BadValue => "store_value",
            Self::Schema => "store_schema",
            Self::Behind => "store_behind",
            Self::Abandoned | Self::Other => "store_refused",
        }
    }

    fn explain(self) -> &'static str {
        match self {
            Self::Configuration(text) => text,
            Self::Unreachable => "the server cannot be reached",
            Self::Permission => {
                "the role lacks a permission: grant it CONNECT, USAGE on the schema, SELECT, and BYPASSRLS where row-level security is on; to erase, also UPDATE and DELETE"
            }
            Self::NoDatabase => {
                "the server has no database of that name; correct the name at the end of the store's `url`"
            }
            Self::Timeout => {
                "waiting for a lock or for a free connection took longer than the timeout allows; look for transactions that keep locks, and let the role and the database have as many connections as `max_connections` of all processes together"
            }
            Self::Cancelled => {
                "the statement was cancelled: it took longer than the store's `statement_timeout` or a limit of the role allows, or somebody cancelled it"
            }
            Self::Login => {
                "the server does not let the role log in; check user and password, pg_hba.conf, and whether it asks for TLS"
            }
            Self::Tls(fault) => fault.explain(),
            Self::BadOrganisation => "the organisation's id is no value of the type of its key",
            Self::BadValue => {
                "a value is none of the type of the column that it is compared with; check the data map, and the holds on rows"
            }
            Self::Schema => {
                "a table, column, type or operator is missing; check the data map against the live schema"
            }
            Self::Behind => {
                "the replica has not replayed all that was committed up to the cutoff; try again when it has caught up"
            }
            Self::Abandoned => "a copy was given up in this transaction; begin a new one",
            Self::Other => "the server refused, or did not answer as expected",
        }
    }
}

impl StoreError {
    pub(crate) fn new(store: &str, kind: StoreErrorKind) -> Self {
        let store = store.to_owned();
        Self { store, kind, sqlstate: None, names: Box::default(), reading: Vec::new(), source: None }
    }

    pub(crate) fn because(self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self { source: Some(source.into()), ..self }
    }

    pub(crate) fn driver(store: &str, error: tokio_postgres::Error) -> Self {
        if let Some(refusal) = error.as_db_error() {
            let sqlstate = Some(refusal.code().code().into());
            let names = Box::new(Names::of(refusal));
            return Self { sqlstate, names, ..Self::new(store, classify(refusal)) };
        }
        let transport = error.is_closed()
            || std::error::Error::source(&error).is_some_and(|source| source.is::<std::io::Error>());
        let kind = match fault(&error) {
            Some(fault) => StoreErrorKind::Tls(fault),
            None if transport => StoreErrorKind::Unreachable,
            None => StoreErrorKind::Other,
        };
        Self::new(store, kind).because(error)
    }

    pub(crate) fn pool(store: &str, error: PoolError) -> Self {
        use deadpool_postgres::TimeoutType;
        match error {
            PoolError::Backend(error) => Self::driver(store, error),
            PoolError::Timeout(TimeoutType::Wait) => Self::new(store, StoreErrorKind::Timeout).because(error),
            PoolError::Timeout(_) | PoolError::Closed => {
                Self::new(store, StoreErrorKind::Unreachable).because(error)
            }
            PoolError::NoRuntimeSpecified | PoolError::PostCreateHook(_) => {
                Self::new(store, StoreErrorKind::Other)
            }
        }
    }

    /// The same failure of a statement whose only value is the organisation's id.
    pub(crate) fn of_organisation(self) -> Self {
        let kind = match self.kind == StoreErrorKind::BadValue {
            true => StoreErrorKind::BadOrganisation,
            false => self.kind,
        };
        Self { kind, ..self }
    }

    /// The same failure, met while reading these tables.
    pub(crate) fn reading(self, tables: &[TableName]) -> Self {
        Self { reading: tables.to_vec(), ..self }
    }

    /// What kind of failure it is.
    #[must_use]
    pub fn kind(&self) -> StoreErrorKind {
        self.kind
    }

    /// The server's five-letter code, when the server answered.
    #[must_use]
    pub fn sqlstate(&self) -> Option<&str> {
        self.sqlstate.as_deref()
    }

    /// The constraint that the server says is broken.
    #[must_use]
    pub fn constraint(&self) -> Option<&str> {
        self.names.constraint()
    }

    /// The table that the server says it is about, with its schema.
    #[must_use]
    pub fn table(&self) -> Option<&str> {
        self.names.table()
    }

    /// Whether the same attempt may succeed later without anybody mending anything.
    ///
    /// By class of SQLSTATE: 08 connection, 53 resources, 57P0x shutdown, 57014 cancelled or timed
    /// out, 55P03 lock, 25P03 and 25P04 transaction timed out, 40001 and 40P01 conflicts (also
    /// with recovery on a replica).
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self.sqlstate.as_deref() {
            Some(code) => {
                code.starts_with("08")
                    || code.starts_with("53")
                    || code.starts_with("57P0")
                    || ["40001", "40P01", "57014", "55P03", "25P03", "25P04"].contains(&code)
            }
            None => match self.kind {
                StoreErrorKind::Unreachable
                | StoreErrorKind::Timeout
                | StoreErrorKind::Cancelled
                | StoreErrorKind::Behind => true,
                StoreErrorKind::Tls(fault) => fault.may_pass(),
                StoreErrorKind::Configuration(_)
                | StoreErrorKind::Permission
                | StoreErrorKind::Login
                | StoreErrorKind::NoDatabase
                | StoreErrorKind::BadOrganisation
                | StoreErrorKind::BadValue
                | StoreErrorKind::Schema
                | StoreErrorKind::Abandoned
                | StoreErrorKind::Other => false,
            },
        }
    }
}

fn classify(refusal: &DbError) -> StoreErrorKind {
    let code = refusal.code().code();
    // A literal that is no value of its type is found while the statement is parsed, and then has a
    // place in it. The same code without a place comes from a row, as from a view that casts.
    let in_our_text = matches!(refusal.position(), Some(ErrorPosition::Original(_)));
    match code {
        "22P02" | "22003" | "22007" | "22008" | "22P03" if in_our_text => StoreErrorKind::BadValue,
        "42501" => StoreErrorKind::Permission,
        "28000" | "28P01" => StoreErrorKind::Login,
        "3D000" => StoreErrorKind::NoDatabase,
        "57014" => StoreErrorKind::Cancelled,
        "55P03" | "25P03" | "25P04" | "53300" => StoreErrorKind::Timeout,
        "42P01" | "42703" | "42704" | "42883" | "42804" | "3F000" => StoreErrorKind::Schema,
        _ if code.starts_with("08") || code.starts_with("57P0") => StoreErrorKind::Unreachable,
        _ => StoreErrorKind::Other,
    }
}

struct Reading<'a>(&'a [TableName]);

impl fmt::Display for Reading<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some((table, through)) = self.0.split_first() else {
            return Ok(());
        };
        write!(f, ", reading {table}")?;
        let mut lead = " through ";
        for table in through {
            write!(f, "{lead}{table}")?;
            lead = ", ";
        }
        Ok(())
    }
}

struct Code<'a>(Option<&'a str>);

impl fmt::Display for Code<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.map_or(Ok(()), |code| write!(f, " (SQLSTATE {code})"))
    }
}
