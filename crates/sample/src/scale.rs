//! How large a sample is.

/// Rows of one organisation in each table, as an export of the organisation would count them.
///
/// The organisation's own row comes on top, and every user has one membership in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OrganisationSize {
    /// Members, those included who belong to another organisation too.
    pub users: u64,
    /// Devices of members.
    pub user_devices: u64,
    /// Conversations.
    pub conversations: u64,
    /// Messages.
    pub messages: u64,
    /// Parts of messages; always more than messages.
    pub contents: u64,
    /// Schedules.
    pub schedules: u64,
    /// Metrics, one per name and hour.
    pub metrics: u64,
    /// Log lines.
    pub logs: u64,
    /// Files.
    pub media_assets: u64,
    /// Grants of other services.
    pub oauth_tokens: u64,
    /// Flagged parts of messages.
    pub safety_events: u64,
}

impl OrganisationSize {
    /// The smallest organisation that holds every trap.
    pub const MINIMUM: Self = Self {
        users: 14,
        user_devices: 6,
        conversations: 14,
        messages: 40,
        contents: 52,
        schedules: 12,
        metrics: 16,
        logs: 16,
        media_assets: 12,
        oauth_tokens: 4,
        safety_events: 8,
    };

    /// An organisation of exactly `rows` rows over all tables, split as a company of that size would have them.
    ///
    /// Fewer rows than [`MINIMUM`](Self::MINIMUM) has are not possible; the smallest organisation is the answer then.
    #[must_use]
    pub fn with_rows(rows: u64) -> Self {
        let least = Self::MINIMUM;
        let spare = rows.saturating_sub(least.rows());
        let with_share = |least: u64, per_mille: u64| {
            least + spare / 1_000 * per_mille + spare % 1_000 * per_mille / 1_000
        };
        let mut size = Self {
            users: with_share(least.users, 8),
            user_devices: with_share(least.user_devices, 6),
            conversations: with_share(least.conversations, 25),
            messages: with_share(least.messages, 280),
            contents: 0,
            schedules: with_share(least.schedules, 4),
            metrics: with_share(least.metrics, 120),
            logs: with_share(least.logs, 150),
            media_assets: with_share(least.media_assets, 12),
            oauth_tokens: with_share(least.oauth_tokens, 4),
            safety_events: with_share(least.safety_events, 6),
        };
        size.contents = rows.max(least.rows()).saturating_sub(size.rows());
        size
    }

    /// All rows of the organisation: its own row, users and memberships included.
    #[must_use]
    pub fn rows(&self) -> u64 {
        1 + 2 * self.users
            + self.user_devices
            + self.conversations
            + self.messages
            + self.contents
            + self.schedules
            + self.metrics
            + self.logs
            + self.media_assets
            + self.oauth_tokens
            + self.safety_events
    }

    fn at_least_minimum(self) -> Self {
        let least = Self::MINIMUM;
        let messages = self.messages.max(least.messages);
        Self {
            users: self.users.max(least.users),
            user_devices: self.user_devices.max(least.user_devices),
            conversations: self.conversations.max(least.conversations),
            messages,
            contents: self.contents.max(least.contents).max(messages + 1),
            schedules: self.schedules.max(least.schedules),
            metrics: self.metrics.max(least.metrics),
            logs: self.logs.max(least.logs),
            media_assets: self.media_assets.max(least.media_assets),
            oauth_tokens: self.oauth_tokens.max(least.oauth_tokens),
            safety_events: self.safety_events.max(least.safety_events),
        }
    }
}

/// The organisations of a sample and their sizes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scale {
    organisations: Vec<OrganisationSize>,
}

impl Scale {
    /// Rows of each further organisation in [`rows`](Self::rows).
    pub const SMALL_ORGANISATION_ROWS: u64 = 1_000;

    /// A sample of organisations with these sizes, each raised to [`OrganisationSize::MINIMUM`] where it is below.
    #[must_use]
    pub fn of(sizes: impl IntoIterator<Item = OrganisationSize>) -> Self {
        Self { organisations: sizes.into_iter().map(OrganisationSize::at_least_minimum).collect() }
    }

    /// For demonstrations: three organisations of a few thousand rows; seeded within seconds.
    #[must_use]
    pub fn demo() -> Self {
        Self::organisations_of_rows(&[6_000, 3_000, 2_000])
    }

    /// For measurements: one organisation of `total_rows` rows, and `others` of 1,000 rows each.
    #[must_use]
    pub fn rows(total_rows: u64, others: usize) -> Self {
        let mut rows = vec![Self::SMALL_ORGANISATION_ROWS; others];
        rows.insert(0, total_rows);
        Self::organisations_of_rows(&rows)
    }

    /// One organisation for each entry, with that many rows over all tables.
    #[must_use]
    pub fn organisations_of_rows(rows: &[u64]) -> Self {
        Self::of(rows.iter().map(|&rows| OrganisationSize::with_rows(rows)))
    }

    /// The size of each organisation.
    #[must_use]
    pub fn organisations(&self) -> &[OrganisationSize] {
        &self.organisations
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_organisation_has_exactly_the_rows_asked_for() {
        let least = OrganisationSize::MINIMUM.rows();
        for rows in [least, least + 1, 300, 500, 777, 1_000, 1_001, 3_000, 12_345, 1_000_000, 50_000_000] {
            let size = OrganisationSize::with_rows(rows);
            assert_eq!(size.rows(), rows, "{size:?}");
            assert_eq!(size, size.at_least_minimum());
        }
        assert_eq!(OrganisationSize::with_rows(0), OrganisationSize::MINIMUM);
    }

    #[test]
    fn sizes_below_the_minimum_are_raised() {
        let none = OrganisationSize { users: 0, messages: 90, contents: 0, ..OrganisationSize::MINIMUM };
        let scale = Scale::of([none]);
        assert_eq!(scale.organisations()[0].users, OrganisationSize::MINIMUM.users);
        assert_eq!(scale.organisations()[0].contents, 91);
    }

    #[test]
    fn a_sample_for_measurements_has_one_large_organisation() {
        let scale = Scale::rows(100_000, 2);
        let rows: Vec<u64> = scale.organisations().iter().map(OrganisationSize::rows).collect();
        assert_eq!(rows, [100_000, 1_000, 1_000]);
    }
}
