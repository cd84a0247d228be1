//! The closed vocabularies of holds.

use domain::hold;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Why data may be kept although its erasure was asked for: the letters of Art. 17(3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum HoldGround {
    /// (a) The right of freedom of expression and information.
    Expression,
    /// (b) A legal obligation, or a task in the public interest.
    LegalObligation,
    /// (c) Public interest in the area of public health.
    PublicHealth,
    /// (d) Archiving in the public interest, research, or statistics.
    Archiving,
    /// (e) The establishment, exercise or defence of legal claims.
    LegalClaims,
}

/// How a column is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Operator {
    /// `=`
    Equal,
    /// `<>`
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    AtMost,
    /// `>`
    Greater,
    /// `>=`
    AtLeast,
}

impl From<HoldGround> for hold::HoldGround {
    fn from(ground: HoldGround) -> Self {
        match ground {
            HoldGround::Expression => Self::Expression,
            HoldGround::LegalObligation => Self::LegalObligation,
            HoldGround::PublicHealth => Self::PublicHealth,
            HoldGround::Archiving => Self::Archiving,
            HoldGround::LegalClaims => Self::LegalClaims,
        }
    }
}

impl From<hold::HoldGround> for HoldGround {
    fn from(ground: hold::HoldGround) -> Self {
        match ground {
            hold::HoldGround::Expression => Self::Expression,
            hold::HoldGround::LegalObligation => Self::LegalObligation,
            hold::HoldGround::PublicHealth => Self::PublicHealth,
            hold::HoldGround::Archiving => Self::Archiving,
            hold::HoldGround::LegalClaims => Self::LegalClaims,
        }
    }
}

impl From<Operator> for hold::Operator {
    fn from(operator: Operator) -> Self {
        match operator {
            Operator::Equal => Self::Equal,
            Operator::NotEqual => Self::NotEqual,
            Operator::Less => Self::Less,
            Operator::AtMost => Self::AtMost,
            Operator::Greater => Self::Greater,
            Operator::AtLeast => Self::AtLeast,
        }
    }
}

impl From<hold::Operator> for Operator {
    fn from(operator: hold::Operator) -> Self {
        match operator {
            hold::Operator::Equal => Self::Equal,
            hold::Operator::NotEqual => Self::NotEqual,
            hold::Operator::Less => Self::Less,
            hold::Operator::AtMost => Self::AtMost,
            hold::Operator::Greater => Self::Greater,
            hold::Operator::AtLeast => Self::AtLeast,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grounds_have_the_names_of_the_domain() {
        for ground in hold::HoldGround::ALL {
            assert_eq!(serde_json::to_value(HoldGround::from(ground)).unwrap(), ground.name());
            assert_eq!(hold::HoldGround::from(HoldGround::from(ground)), ground);
        }
    }
}
