//! Where telephone numbers are at home that are written without the code of a country.

use std::fmt;
use std::str::FromStr;

use phonenumber::country;

/// A region whose rules for telephone numbers libphonenumber knows, by its code of two letters (ISO 3166-1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Region(country::Id);

impl Region {
    pub(crate) fn id(self) -> country::Id {
        self.0
    }
}

impl FromStr for Region {
    type Err = UnknownRegion;

    fn from_str(code: &str) -> Result<Self, UnknownRegion> {
        code.parse().map(Self).map_err(|_| UnknownRegion)
    }
}

impl fmt::Display for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_ref())
    }
}

/// No region of that code has telephone numbers of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "`region` is the code of a country with telephone numbers of its own in two capital letters, as DE or US"
)]
pub struct UnknownRegion;
