//! What people read of a package: the page that opens offline, a schema per collection and a note
//! in plain words.
//!
//! Rows come in as COPY writes them and leave as text of a page, so everything here escapes: a
//! value, a name or a reason may have been written to deceive. Nothing refers to the network.

mod categories;
mod collection;
mod contents;
mod figures;
mod note;
mod page;
mod preview;
mod schema;
mod types;
mod visible;

pub use collection::CollectionGuide;
pub use note::cover_note;
pub use page::index_html;
pub use preview::{FirstRows, Preview};
pub use schema::schema_json;
