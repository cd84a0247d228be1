//! Why an owner does without a step, or without what it waits for.

use serde::{Deserialize, Serialize};

/// Why an owner does without a step, or without what it waits for. A closed list, because the reason
/// enters the audit log; [`super::StepKind::skip_reasons`] says which of them fit a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SkipReason {
    /// The provider has closed its service.
    ProviderClosed,
    /// The tokens have expired by themselves.
    TokensExpired,
    /// The tokens were revoked by other means.
    RevokedElsewhere,
    /// The erasure cannot wait, and the risk is accepted.
    RiskAccepted,
    /// The open transactions cannot write rows that the erasure is about, as a backup's.
    TransactionHarmless,
}

impl SkipReason {
    /// Every reason.
    pub const ALL: [Self; 5] = [
        Self::ProviderClosed,
        Self::TokensExpired,
        Self::RevokedElsewhere,
        Self::RiskAccepted,
        Self::TransactionHarmless,
    ];

    /// The name in the database, in the audit log and in the API.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::ProviderClosed => "provider_closed",
            Self::TokensExpired => "tokens_expired",
            Self::RevokedElsewhere => "revoked_elsewhere",
            Self::RiskAccepted => "risk_accepted",
            Self::TransactionHarmless => "transaction_harmless",
        }
    }

    /// The reason of that name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.name() == name)
    }
}
