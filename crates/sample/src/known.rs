//! The organisations that are the same in every sample, so that documents and transcripts can name them.

use uuid::Uuid;

/// An organisation whose key, name and owner never change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KnownOrganisation {
    /// Its key.
    pub id: Uuid,
    /// Its name.
    pub name: &'static str,
    /// Domain of its members' e-mail addresses.
    pub email_domain: &'static str,
    /// Given and family name of the member who owns it.
    pub owner: (&'static str, &'static str),
    /// The owner's e-mail address, the only one in the sample that is written down here.
    pub owner_email: &'static str,
}

/// The first organisations of every sample, in their order. The first is the one that demonstrations use.
pub const KNOWN_ORGANISATIONS: [KnownOrganisation; 3] = [
    KnownOrganisation {
        id: Uuid::from_u128(0xa0e1_1a00_0000_4000_8000_0000_0000_0001),
        name: "Aurelia Robotics",
        email_domain: "aurelia.example",
        owner: ("Ada", "Lindqvist"),
        owner_email: "ada.lindqvist@aurelia.example",
    },
    KnownOrganisation {
        id: Uuid::from_u128(0xb0e1_1a00_0000_4000_8000_0000_0000_0002),
        name: "O'Hara & Søn",
        email_domain: "ohara.example",
        owner: ("Brendan", "O'Hara"),
        owner_email: "brendan.ohara@ohara.example",
    },
    KnownOrganisation {
        id: Uuid::from_u128(0xc0e1_1a00_0000_4000_8000_0000_0000_0003),
        name: "大神物流 Ōkami Logistics",
        email_domain: "okami.example",
        owner: ("遥", "大神"),
        owner_email: "haruka.okami@okami.example",
    },
];
