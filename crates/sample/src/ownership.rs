//! Which rows belong to an organisation, written by hand.

/// The rows of `table` that belong to an organisation, as SQL: `FROM` and `WHERE` with the alias `t` for the table and
/// `$1` for the organisation's key. `None` when the sample has no such table.
///
/// Put `SELECT t.*` or `SELECT count(*)` in front. It says the same as [`DATA_MAP`](crate::DATA_MAP) without having been
/// derived from it, so that tests can hold one against the other.
#[must_use]
pub fn rows_of_organisation(table: &str) -> Option<&'static str> {
    Some(match table {
        "organisations" => "FROM organisations t WHERE t.id = $1",
        "users" => {
            "FROM users t WHERE EXISTS (SELECT FROM memberships m WHERE m.user_id = t.id AND m.organisation_id = $1)"
        }
        "memberships" => "FROM memberships t WHERE t.organisation_id = $1",
        "userDevices" => "FROM \"userDevices\" t WHERE t.\"organisationId\" = $1",
        "conversations" => "FROM conversations t WHERE t.organisation_id = $1",
        "messages" => {
            "FROM messages t JOIN conversations c ON c.id = t.conversation_id WHERE c.organisation_id = $1"
        }
        "media_assets" => {
            "FROM media_assets t JOIN conversations c ON c.id = t.conversation_id WHERE c.organisation_id = $1"
        }
        "contents" => {
            "FROM contents t JOIN messages m ON m.id = t.message_id JOIN conversations c ON c.id = m.conversation_id \
             WHERE c.organisation_id = $1"
        }
        "schedules" => "FROM schedules t WHERE t.organisation_id = $1",
        "metrics" => "FROM metrics t WHERE t.organisation_id = $1",
        "logs" => "FROM logs t WHERE t.organisation_id = $1",
        "oauth_tokens" => "FROM oauth_tokens t WHERE t.organisation_id = $1",
        "safety_events" => {
            "FROM safety_events t JOIN contents p ON (p.message_id, p.\"order\") = (t.message_id, t.content_order) \
             JOIN messages m ON m.id = p.message_id JOIN conversations c ON c.id = m.conversation_id WHERE c.organisation_id = $1"
        }
        _ => return None,
    })
}
