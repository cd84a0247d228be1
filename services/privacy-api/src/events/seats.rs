//! How many streams an organisation may have open at this process.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use domain::id::OrganisationId;

/// The streams that are open, by organisation.
#[derive(Debug, Clone)]
pub struct Seats {
    most: usize,
    taken: Arc<Mutex<HashMap<OrganisationId, usize>>>,
}

/// One open stream; free again when dropped.
#[derive(Debug)]
pub struct Seat {
    organisation: OrganisationId,
    taken: Arc<Mutex<HashMap<OrganisationId, usize>>>,
}

impl Seats {
    /// At most so many for each organisation.
    #[must_use]
    pub fn new(most: usize) -> Self {
        Self { most, taken: Arc::default() }
    }

    /// How many there are for each organisation.
    #[must_use]
    pub fn most(&self) -> usize {
        self.most
    }

    /// A seat, if one is free.
    #[must_use]
    pub fn take(&self, organisation: &OrganisationId) -> Option<Seat> {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let number = taken.entry(organisation.clone()).or_default();
        if *number >= self.most {
            if *number == 0 {
                taken.remove(organisation);
            }
            return None;
        }
        *number = number.saturating_add(1);
        Some(Seat { organisation: organisation.clone(), taken: Arc::clone(&self.taken) })
    }

    /// How many are taken, over all organisations.
    #[must_use]
    pub fn taken(&self) -> usize {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner).values().sum()
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(number) = taken.get_mut(&self.organisation) {
            *number = number.saturating_sub(1);
            if *number == 0 {
                taken.remove(&self.organisation);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_organisation_has_its_own_seats_and_gives_them_back() {
        let id = |text: &str| OrganisationId::parse(text).unwrap();
        let seats = Seats::new(2);
        let first = seats.take(&id("acme"));
        let second = seats.take(&id("acme"));
        assert!(first.is_some() && second.is_some() && seats.take(&id("acme")).is_none());
        let other = seats.take(&id("other"));
        assert_eq!((other.is_some(), seats.taken()), (true, 3));
        drop(first);
        assert!(seats.take(&id("acme")).is_some());
        drop((second, other));
        assert_eq!(seats.taken(), 0);
        assert!(seats.taken.lock().unwrap().is_empty());
        assert!(Seats::new(0).take(&id("acme")).is_none());
    }
}
