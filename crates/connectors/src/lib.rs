//! Subject stores: the company's own databases, whose rows are exported and erased.
//!
//! A [`SubjectStore`] is a small pool of connections to one PostgreSQL database. Its
//! [`live_schema`](SubjectStore::live_schema) is what the data map is checked against. From a
//! collection of the map and that schema, [`CollectionRead::plan`] makes the SQL that selects the
//! rows of one organisation, and a [`ReadTransaction`] streams them out with COPY. A large collection
//! is [`split`](ReadTransaction::split) into [`KeyRange`]s, which several transactions read side by
//! side; [`MediaRead`] finds the objects that rows name. [`revoke`] is the one part that speaks to
//! somebody else: to the providers of the OAuth tokens that rows hold.
//!
//! Nothing writes to a subject store but [`erase`], each batch of which is one transaction with its
//! entry in the store's own journal; every other transaction is READ ONLY. No value of a row, and
//! no message of the server that could quote one, enters an error or a log line; see
//! [`StoreError`].

mod beat;
mod config;
mod connection;
mod cutoff;
pub mod erase;
mod error;
mod export;
mod introspect;
mod media;
mod pool;
mod privilege;
mod range;
mod read;
mod replica;
pub mod revoke;
mod session;
mod settings;
mod size;
mod sources;
mod split;
mod sql;

pub use beat::beating;
pub use config::StoreConfig;
pub use error::{StoreError, StoreErrorKind, TlsFault};
pub use export::{CellRendering, CollectionRead, CopyCell, ExportColumn, ExportScope, OmittedColumn};
pub use media::{MediaCount, MediaKey, MediaKeys, MediaRead};
pub use pool::SubjectStore;
pub use range::KeyRange;
pub use read::{CopyRows, FoundOrganisation, ReadTransaction};
pub use settings::StoreSettings;
pub use sources::{Schemas, Sources, SourcesError, collection_path};
pub use sql::{OrganisationRead, PlanError};
