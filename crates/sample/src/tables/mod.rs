//! The tables: their columns, how many rows each organisation has, and how a row is computed.

mod contents;
mod conversations;
mod logs;
mod media_assets;
mod memberships;
mod messages;
mod metrics;
mod oauth_tokens;
mod organisations;
mod row;
mod safety_events;
mod schedules;
mod table;
mod user_devices;
mod users;

pub(crate) use row::Row;
pub(crate) use table::{Rows, Table};

/// All tables, in the order in which they are loaded.
pub(crate) const TABLES: [Table; 13] = [
    organisations::TABLE,
    users::TABLE,
    memberships::TABLE,
    user_devices::TABLE,
    conversations::TABLE,
    messages::TABLE,
    media_assets::TABLE,
    contents::TABLE,
    schedules::TABLE,
    metrics::TABLE,
    logs::TABLE,
    oauth_tokens::TABLE,
    safety_events::TABLE,
];
