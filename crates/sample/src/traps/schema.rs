//! Traps of the schema and between organisations.

/// Traps that lie in the schema or between organisations: where, and what they are.
pub const SCHEMA_TRAPS: &[(&str, &str)] = &[
    ("organisations, users", "two tables that reference each other"),
    ("organisations.\"displayName\", users.\"displayName\"", "one camel-case column in a snake-case table"),
    ("\"userDevices\"", "a camel-case table with camel-case columns"),
    ("contents.\"order\", schedules.\"user\"", "columns named by reserved words"),
    ("logs.\"x-request-id\"", "a column name that is no identifier"),
    (
        "memberships, contents, schedules, metrics",
        "composite primary keys, with uuid, bigint, smallint, text and timestamptz",
    ),
    ("conversations, oauth_tokens, \"userDevices\", memberships, safety_events", "composite foreign keys"),
    ("contents, safety_events", "no organisation column: three and four foreign keys away"),
    ("users", "members of two organisations: their row belongs to both exports"),
    ("users, logs", "rows that belong to no organisation"),
    ("logs", "references without foreign keys"),
    ("conversations.participant_ids", "references in an array"),
    ("users.email, organisations.billing_email, conversations.satisfaction", "domains with checks"),
    ("media_assets.is_image", "a column that cannot be written"),
    ("contents, memberships, metrics, \"userDevices\"", "tables without created_at"),
    ("schedules.created_at, conversations.closed_at", "times without a zone"),
    ("messages, contents, safety_events, \"userDevices\"", "foreign keys that cascade"),
    (
        "users.password_hash, users.totp_secret, oauth_tokens.access_token, oauth_tokens.refresh_token",
        "secrets, never to be exported",
    ),
    ("active_members", "a view over personal data"),
];
