//! Which trap lies where.

use super::Found::{Row, Values};
use super::value as v;
use super::{Found, Trap};

const fn trap(table: &'static str, found: Found, why: &'static str) -> Trap {
    Trap { table, why, found }
}

/// Traps in every organisation.
pub const TRAPS: &[Trap] = &[
    trap(
        "contents",
        Values("body", v::TEXTS),
        "quoting, escapes, formulas, scripts, controls",
    ),
    trap("contents", Row("t.body IS NULL"), "NULL beside ''"),
    trap(
        "contents",
        Row("length(t.body) > 16000"),
        "a value stored out of line",
    ),
    trap(
        "contents",
        Row("t.\"order\" = 0"),
        "a part of a composite key that is 0; a column named by a reserved word",
    ),
    trap(
        "contents",
        Row("t.\"order\" > 0"),
        "a key of which the first column alone is not unique",
    ),
    trap(
        "contents",
        Values("annotations", v::JSONBS),
        "numbers beyond double, JSON null, empty keys",
    ),
    trap("contents", Row("t.annotations IS NULL"), "NULL beside JSON null"),
    trap(
        "contents",
        Row("t.body LIKE '%@%.example%'"),
        "personal data in free text",
    ),
    trap(
        "users",
        Values("family_name", v::NAMES),
        "names that are refused or mistaken",
    ),
    trap("users", Values("locale", v::LOCALES), "text at its full length"),
    trap(
        "users",
        Values("tags", v::TEXT_ARRAYS),
        "NULL in arrays, nested arrays, other lower bounds, quoting",
    ),
    trap("users", Row("t.tags IS NULL"), "NULL beside an empty array"),
    trap(
        "users",
        Row("t.email <> lower(t.email)"),
        "addresses that differ by case only",
    ),
    trap("users", Row("t.email LIKE '\"%'"), "a quoted local part"),
    trap("users", Row("t.phone = ''"), "'' beside NULL"),
    trap("users", Row("t.phone IS NULL"), "NULL beside ''"),
    trap(
        "users",
        Row("t.phone LIKE '+%'"),
        "a telephone number is a formula to a spreadsheet",
    ),
    trap(
        "users",
        Row("t.marketing_consent IS NULL"),
        "a boolean with three states",
    ),
    trap("users", Row("t.marketing_consent = false"), "false is not absent"),
    trap(
        "users",
        Row("'do not disturb' = ANY (t.notify_by)"),
        "an array of an enum, with blanks in it",
    ),
    trap("users", Row("t.notify_by = '{}'"), "an empty array of an enum"),
    trap("users", Row("t.totp_secret IS NULL"), "a secret that is not set"),
    trap("users", Row("t.preferences = '{}'"), "an empty object"),
    trap(
        "users",
        Row("(SELECT count(*) FROM memberships m WHERE m.user_id = t.id) = 1"),
        "a member of one organisation",
    ),
    trap(
        "memberships",
        Row("t.invited_by IS NOT NULL"),
        "a composite foreign key to the same table",
    ),
    trap("memberships", Values("permissions", v::TEXT_ARRAYS), "arrays"),
    trap(
        "userDevices",
        Row("t.\"pushToken\" IS NULL"),
        "names in camel case",
    ),
    trap(
        "conversations",
        Values("metadata", v::JSONS),
        "line breaks, repeated keys and zero bytes that json keeps",
    ),
    trap(
        "conversations",
        Row("t.metadata IS NULL"),
        "NULL beside JSON null",
    ),
    trap(
        "conversations",
        Row("t.parent_id IS NOT NULL AND t.parent_id <> t.id"),
        "a table that references itself",
    ),
    trap(
        "conversations",
        Row("t.parent_id = t.id"),
        "a row that references itself",
    ),
    trap(
        "conversations",
        Row("t.status = 'on hold'"),
        "an enum value with a blank",
    ),
    trap(
        "conversations",
        Row("t.participant_ids = '{}'"),
        "an empty array of bigint",
    ),
    trap(
        "conversations",
        Row("cardinality(t.participant_ids) > 1"),
        "references inside an array",
    ),
    trap(
        "conversations",
        Row("t.satisfaction = 100.00"),
        "a domain over numeric",
    ),
    trap("conversations", Row("t.title IS NULL"), "NULL"),
    trap(
        "conversations",
        Values("closed_at", v::TIMESTAMPS),
        "times without a zone, infinity",
    ),
    trap(
        "messages",
        Values("sentiment", v::DOUBLES),
        "NaN, infinities, negative zero, shortest digits",
    ),
    trap("messages", Row("t.sentiment IS NULL"), "NULL beside NaN"),
    trap(
        "messages",
        Values("edited_at", v::TIMESTAMPTZS),
        "times before 1970, beyond microseconds of a double, infinity",
    ),
    trap(
        "messages",
        Values("response_time", v::INTERVALS),
        "intervals of months, of mixed signs",
    ),
    trap(
        "messages",
        Row("t.reply_to IS NOT NULL"),
        "a table that references itself",
    ),
    trap("messages", Row("t.sender_id IS NULL"), "an optional reference"),
    trap("messages", Row("scale(t.cost) = 9"), "trailing zeros are digits"),
    trap(
        "schedules",
        Values("key", v::SCHEDULE_KEYS),
        "a text key that is '', a blank, a formula",
    ),
    trap(
        "schedules",
        Row("t.\"user\" IS NOT NULL"),
        "a column named by a reserved word",
    ),
    trap("schedules", Values("runs_at", v::TIMES), "the time 24:00"),
    trap(
        "schedules",
        Values("ends_on", v::DATES),
        "infinity, leap days, first and last years",
    ),
    trap("schedules", Values("every", v::INTERVALS), "intervals"),
    trap(
        "schedules",
        Values("weekdays", v::INTEGER_ARRAYS),
        "arrays of integers",
    ),
    trap("schedules", Values("payload", v::JSONS), "json as received"),
    trap("metrics", Row("t.name = ''"), "a composite key with '' in it"),
    trap("metrics", Values("value", v::DOUBLES), "NaN and infinities"),
    trap(
        "metrics",
        Values("exact", v::NUMERICS),
        "56 digits, NaN, infinities, trailing zeros",
    ),
    trap(
        "metrics",
        Values("samples", v::BIGINTS),
        "integers that a double cannot hold",
    ),
    trap(
        "metrics",
        Values("histogram", v::INTEGER_ARRAYS),
        "arrays of integers",
    ),
    trap("metrics", Row("t.exact IS NULL"), "NULL beside NaN"),
    trap("logs", Values("ip", v::INETS), "networks, IPv6, mapped IPv4"),
    trap("logs", Row("t.ip IS NULL"), "NULL"),
    trap("logs", Values("status", v::SMALLINTS), "smallint"),
    trap("logs", Values("context", v::JSONBS), "jsonb"),
    trap(
        "logs",
        Row("t.\"x-request-id\" IS NOT NULL"),
        "a column name with a hyphen",
    ),
    trap(
        "media_assets",
        Values("thumbnail", v::BYTEAS),
        "no bytes, a zero byte, bytes that look like \\N",
    ),
    trap("media_assets", Row("length(t.thumbnail) = 256"), "every byte"),
    trap("media_assets", Row("t.thumbnail IS NULL"), "NULL beside no bytes"),
    trap("media_assets", Row("t.is_image"), "a generated column"),
    trap(
        "media_assets",
        Row("t.storage_key ~ '[^ -~]'"),
        "an object key that is not ASCII",
    ),
    trap(
        "media_assets",
        Row("t.storage_key LIKE '% %'"),
        "an object key with blanks",
    ),
    trap(
        "media_assets",
        Row("t.size_bytes > 4294967296"),
        "more than 32 bits",
    ),
    trap(
        "oauth_tokens",
        Row("t.expires_at = 'infinity'"),
        "a token that never expires",
    ),
    trap(
        "oauth_tokens",
        Row("t.refresh_token IS NULL"),
        "a grant without a refresh token",
    ),
    trap("safety_events", Values("score", v::REALS), "single precision"),
    trap(
        "safety_events",
        Row("t.content_order > 0"),
        "a composite foreign key, four tables from the organisation",
    ),
    trap(
        "safety_events",
        Row("t.reporter_email IS NOT NULL"),
        "a person without an account",
    ),
    trap("safety_events", Values("flagged_terms", v::TEXT_ARRAYS), "arrays"),
];

/// Traps that a key allows only once: they lie in the first organisation.
pub const TRAPS_ONCE: &[Trap] = &[
    trap("users", Row("t.id = 0"), "a key that is 0"),
    trap(
        "memberships",
        Row("t.user_id = 0"),
        "a part of a composite key that is 0",
    ),
    trap("messages", Row("t.id = 0"), "a key that is 0"),
    trap(
        "contents",
        Row("t.message_id = 0 AND t.\"order\" = 0"),
        "a composite key of zeros only",
    ),
    trap("logs", Row("t.id = 0"), "a key that is 0"),
    trap("safety_events", Row("t.id = ''"), "a key that is ''"),
];
