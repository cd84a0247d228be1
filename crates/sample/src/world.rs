//! The organisations of one sample and the keys of their rows. Every key is computed, none is remembered.

use uuid::Uuid;

use crate::draw::{Draw, stream};
use crate::known::KNOWN_ORGANISATIONS;
use crate::layout;
use crate::moment;
use crate::scale::{OrganisationSize, Scale};
use crate::words::Words;

/// Members that each organisation lends to the one before it.
const GUESTS: u64 = 2;

/// What all rows of a sample are computed from.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) seed: u64,
    pub(crate) words: Words,
    /// The organisations, and at the end nobody: rows that belong to no organisation.
    pub(crate) tenants: Vec<Tenant>,
}

/// An organisation, or nobody.
#[derive(Debug, Clone)]
pub(crate) struct Tenant {
    /// Its place, from 0.
    pub(crate) index: u64,
    /// Its key; `None` for nobody.
    pub(crate) id: Option<Uuid>,
    pub(crate) name: String,
    pub(crate) email_domain: String,
    pub(crate) size: OrganisationSize,
    /// Users that are not lent by another organisation.
    pub(crate) own_users: u64,
    /// Keys of the users that are.
    pub(crate) guests: Vec<u64>,
    pub(crate) seed: u64,
    stride: u64,
}

/// Tables whose keys are random, for streams of their own.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Keyed {
    Organisation,
    Conversation,
    MediaAsset,
    Device,
    Token,
}

impl World {
    /// The sample of that size that belongs to `seed`.
    pub(crate) fn new(scale: &Scale, seed: u64) -> Self {
        let words = Words::new(seed);
        let organisations = u64::try_from(scale.organisations().len()).unwrap_or_default();
        let stride = organisations + 1;
        let guests = if organisations > 1 { GUESTS } else { 0 };
        let mut tenants: Vec<Tenant> = scale
            .organisations()
            .iter()
            .zip(0..)
            .map(|(size, index)| {
                let mut tenant = Tenant::organisation(index, *size, seed, &words);
                tenant.stride = stride;
                tenant.own_users = size.users - guests;
                let lender = (index + 1) % organisations;
                tenant.guests = (1..=guests).map(|user| user * stride + lender).collect();
                tenant
            })
            .collect();
        tenants.push(Tenant::nobody(organisations, stride, seed));
        Self { seed, words, tenants }
    }

    /// The organisations, without nobody.
    pub(crate) fn organisations(&self) -> impl Iterator<Item = &Tenant> {
        self.tenants.iter().filter(|tenant| tenant.id.is_some())
    }
}

impl Tenant {
    fn organisation(index: u64, size: OrganisationSize, seed: u64, words: &Words) -> Self {
        let known = usize::try_from(index).ok().and_then(|index| KNOWN_ORGANISATIONS.get(index));
        let mut draw = Draw::of([seed, stream::ORGANISATION, index, 0]);
        let (id, name, email_domain) = match known {
            Some(known) => (known.id, known.name.to_owned(), known.email_domain.to_owned()),
            None => {
                let company = draw.pick(&words.companies).cloned().unwrap_or_default();
                (
                    key(seed, Keyed::Organisation, index, 0),
                    format!("{company} {index}"),
                    format!("tenant{index}.example"),
                )
            }
        };
        Self { id: Some(id), name, email_domain, size, ..Self::nobody(index, 1, seed) }
    }

    /// Rows without an organisation: people who left, and lines of the system's own log.
    fn nobody(index: u64, stride: u64, seed: u64) -> Self {
        let size = OrganisationSize {
            users: 3,
            user_devices: 0,
            conversations: 0,
            messages: 0,
            contents: 0,
            schedules: 0,
            metrics: 0,
            logs: 5,
            media_assets: 0,
            oauth_tokens: 0,
            safety_events: 0,
        };
        let email_domain = "left.example".to_owned();
        Self {
            index,
            id: None,
            name: String::new(),
            email_domain,
            size,
            own_users: size.users,
            guests: Vec::new(),
            stride,
            seed,
        }
    }

    /// The key of the table's row `row` where keys count through all organisations in turn.
    pub(crate) fn counted(&self, row: u64) -> u64 {
        row * self.stride + self.index
    }

    /// The key of the `number`th member, own users first.
    pub(crate) fn member(&self, number: u64) -> u64 {
        let guest = number.checked_sub(self.own_users).and_then(|guest| usize::try_from(guest).ok());
        guest.and_then(|guest| self.guests.get(guest)).copied().unwrap_or_else(|| self.counted(number))
    }

    /// The key of any member.
    pub(crate) fn any_member(&self, draw: &mut Draw) -> u64 {
        self.member(draw.below(self.size.users))
    }

    /// The random key of row `row`.
    pub(crate) fn key(&self, table: Keyed, row: u64) -> Uuid {
        key(self.seed, table, self.index, row)
    }

    /// The key of any conversation.
    pub(crate) fn any_conversation(&self, draw: &mut Draw) -> Uuid {
        self.key(Keyed::Conversation, draw.below(self.size.conversations))
    }

    /// When conversation `number` began: evenly over the years, and a month before the end at the latest.
    pub(crate) fn conversation_at(&self, number: u64) -> i64 {
        let mut draw = Draw::of([self.seed, stream::CONVERSATION_TIME, self.index, number]);
        let (fine, last) = (1_000_000, moment::END - 30 * moment::DAY);
        moment::between(moment::START, last, number * fine + draw.below(fine), self.size.conversations * fine)
    }

    /// The conversation of message `message`, the message's place in it, and the conversation's length.
    pub(crate) fn place(&self, message: u64) -> (u64, u64, u64) {
        let (parents, children) = (self.size.conversations, self.size.messages);
        let conversation = layout::parent_of(message, parents, children);
        let first = layout::first_child(conversation, parents, children);
        let next = layout::first_child(conversation + 1, parents, children);
        (conversation, message - first, next - first)
    }

    /// When message `message` was sent: in the order of its conversation, which lasts three weeks at most.
    pub(crate) fn message_at(&self, message: u64) -> i64 {
        let (conversation, place, length) = self.place(message);
        let step = (7 * moment::MINUTE).min(21 * moment::DAY / moment::span(length.max(1)));
        let step = u64::try_from(step).unwrap_or_default();
        let jitter = Draw::of([self.seed, stream::MESSAGE_TIME, self.index, message]).below(step);
        self.conversation_at(conversation) + moment::span(place * step + jitter)
    }
}

fn key(seed: u64, table: Keyed, tenant: u64, row: u64) -> Uuid {
    let stream = match table {
        Keyed::Organisation => stream::ORGANISATION_KEY,
        Keyed::Conversation => stream::CONVERSATION_KEY,
        Keyed::MediaAsset => stream::MEDIA_ASSET_KEY,
        Keyed::Device => stream::DEVICE_KEY,
        Keyed::Token => stream::TOKEN_KEY,
    };
    uuid::Builder::from_random_bytes(Draw::of([seed, stream, tenant, row]).bytes()).into_uuid()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn world() -> World {
        World::new(&Scale::organisations_of_rows(&[2_000, 400, 300, 300]), 5)
    }

    #[test]
    fn keys_that_count_are_unique_over_all_organisations() {
        let mut seen = BTreeSet::new();
        for tenant in &world().tenants {
            assert!((0..tenant.own_users).all(|user| seen.insert(tenant.counted(user))));
        }
        assert!(seen.contains(&0));
    }

    #[test]
    fn guests_are_users_of_another_organisation() {
        let world = world();
        let organisations: Vec<&Tenant> = world.organisations().collect();
        for (tenant, lender) in organisations.iter().zip(organisations.iter().cycle().skip(1)) {
            let own: BTreeSet<u64> = (0..lender.own_users).map(|user| lender.counted(user)).collect();
            assert!(tenant.guests.iter().all(|guest| own.contains(guest)));
            let members: BTreeSet<u64> = (0..tenant.size.users).map(|number| tenant.member(number)).collect();
            assert_eq!(u64::try_from(members.len()).unwrap(), tenant.size.users);
        }
        assert!(World::new(&Scale::rows(300, 0), 5).tenants[0].guests.is_empty());
    }

    #[test]
    fn messages_follow_each_other_within_the_sample() {
        for tenant in world().organisations() {
            let mut last = (0, 0);
            for message in 0..tenant.size.messages {
                let (conversation, at) = (tenant.place(message).0, tenant.message_at(message));
                assert!(at >= tenant.conversation_at(conversation) && at < moment::END);
                assert!(last.0 < conversation || last.1 <= at);
                last = (conversation, at);
            }
        }
    }

    #[test]
    fn the_first_organisations_are_known() {
        let world = world();
        let names: Vec<&str> = world.organisations().map(|tenant| tenant.name.as_str()).collect();
        assert_eq!(names[..3], KNOWN_ORGANISATIONS.map(|known| known.name));
        assert_eq!(world.tenants[0].id, Some(KNOWN_ORGANISATIONS[0].id));
        assert_ne!(world.tenants[3].id, World::new(&Scale::rows(300, 3), 6).tenants[3].id);
    }
}
