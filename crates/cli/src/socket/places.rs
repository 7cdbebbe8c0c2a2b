//! Who is served at once, and who finds no place.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Clients at once.
const MAX_CLIENTS: usize = 16;
/// So many of them may be others than root and the recorder's own user, who always find a place.
const MAX_OTHERS: usize = 12;
/// So many of those may be one user, so that nobody keeps the others out.
const MAX_OF_ONE: usize = 6;

/// What a client is to the recorder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rank {
    /// Root, or the recorder's own user.
    Owner,
    /// Whoever else the socket admits.
    Other,
}

impl Rank {
    pub(super) fn of(uid: u32) -> Self {
        let is_owner = uid == 0 || uid == rustix::process::getuid().as_raw();
        if is_owner { Self::Owner } else { Self::Other }
    }
}

/// The places of one server.
#[derive(Debug, Default)]
pub(super) struct Places {
    taken: Mutex<Vec<(u32, Rank)>>,
}

/// A place, until it is dropped.
#[derive(Debug)]
pub(super) struct Place<'p> {
    places: &'p Places,
    who: (u32, Rank),
}

impl Places {
    /// A place for a client of this user; `None` when there is none.
    pub(super) fn take(&self, uid: u32, rank: Rank) -> Option<Place<'_>> {
        let (who, mut taken) = ((uid, rank), self.taken());
        let others = taken.iter().filter(|(_, rank)| *rank == Rank::Other).count();
        let of_one = taken.iter().filter(|other| **other == who).count();
        let is_room = match rank {
            Rank::Owner => true,
            Rank::Other => others < MAX_OTHERS && of_one < MAX_OF_ONE,
        };
        if taken.len() >= MAX_CLIENTS || !is_room {
            return None;
        }
        taken.push(who);
        Some(Place { places: self, who })
    }

    fn taken(&self) -> MutexGuard<'_, Vec<(u32, Rank)>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut taken = self.places.taken();
        if let Some(at) = taken.iter().position(|who| *who == self.who) {
            taken.swap_remove(at);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_takes_all_places_and_the_owner_always_finds_one() {
        let places = Places::default();
        let take = |uid, rank, most| -> Vec<Place<'_>> {
            std::iter::from_fn(|| places.take(uid, rank)).take(most).collect()
        };
        let kim = take(1000, Rank::Other, 99);
        let lee = take(1001, Rank::Other, 99);
        let (park, root) = (take(1002, Rank::Other, 99), take(0, Rank::Owner, 99));
        assert_eq!([&kim, &lee, &park, &root].map(Vec::len), [6, 6, 0, 4]);
        drop(kim);
        assert_eq!([take(1002, Rank::Other, 2).len(), take(0, Rank::Owner, 99).len()], [2, 4]);
        drop((lee, root));
        assert_eq!(take(0, Rank::Owner, 99).len(), 16);
    }
}
