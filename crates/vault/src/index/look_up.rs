//! sled: what is looked up by another key than the id. It is made of the entries, and opened by whoever needs it first: the
//! recorder, because it puts; who only lists and looks up by id never waits for it.

use std::{
    collections::BTreeSet,
    sync::{Arc, PoisonError},
};

use earwitness_model::CallId;

use super::{
    Index, MAX_MATCHES,
    error::{Damage, IndexError},
    listing::Listing,
    schema::{self, BATCH_KEY},
    store::Store,
    waiting::{Found, Waiting, unless_full},
};

impl Index {
    /// The calls that have a dialog with this SIP Call-ID, oldest first, [`MAX_MATCHES`] at most.
    ///
    /// # Errors
    /// When the store fails.
    pub fn by_sip_call_id(&self, sip_call_id: &str) -> Result<Vec<CallId>, IndexError> {
        let open = self.store.read().unwrap_or_else(PoisonError::into_inner).clone();
        match open {
            Some(store) => self.looked_up(&store, sip_call_id),
            None => self.looked_through(sip_call_id),
        }
    }

    fn looked_up(&self, store: &Arc<Store>, sip_call_id: &str) -> Result<Vec<CallId>, IndexError> {
        let hash = self.sip_call_ids.of(sip_call_id);
        let (mut calls, mut damage) = (BTreeSet::new(), None);
        self.each_look_up(store, |found| match found {
            Found::LookUp(look_up, _) if look_up.hash == hash => drop(calls.insert(look_up.call)),
            Found::Damaged(found) => damage = Some(found),
            Found::LookUp(..) | Found::Unknown => {}
        })?;
        if let Some(damage) = damage {
            return Err(damage.into());
        }
        let mut found = Vec::new();
        for call in calls {
            // Another Call-ID may have the same hash.
            let entry = self.get(call)?;
            if entry
                .is_some_and(|entry| entry.summary.sip_call_ids.iter().any(|id| id.expose() == sip_call_id))
            {
                found.push(call);
            }
            if found.len() >= MAX_MATCHES {
                break;
            }
        }
        Ok(found)
    }

    /// Without sled: by the columns of all calls. A row that is damaged only matters when no other is found.
    fn looked_through(&self, sip_call_id: &str) -> Result<Vec<CallId>, IndexError> {
        let (mut found, mut damage) = (Vec::new(), None);
        for entry in Listing::of_sip_call_id(self, sip_call_id) {
            match entry {
                Ok(entry) if entry.summary.sip_call_ids.iter().any(|id| id.expose() == sip_call_id) => {
                    found.push(entry.summary.id);
                }
                Ok(_) => {}
                Err(error) => damage = Some(error),
            }
            if found.len() >= MAX_MATCHES {
                break;
            }
        }
        match damage {
            Some(error) if found.is_empty() => Err(error),
            Some(_) | None => Ok(found),
        }
    }

    /// The store, opened if it was not.
    pub(super) fn store(&self) -> Result<Arc<Store>, IndexError> {
        if let Some(store) = &*self.store.read().unwrap_or_else(PoisonError::into_inner) {
            return Ok(Arc::clone(store));
        }
        let mut slot = self.store.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(store) = &*slot {
            return Ok(Arc::clone(store));
        }
        let store = Arc::new(Store::open(&self.dir)?);
        self.teach(&store)?;
        Ok(Arc::clone(slot.insert(store)))
    }

    /// Finds in the entries what the store does not know yet, and puts it there. On a full disk it waits.
    fn teach(&self, store: &Arc<Store>) -> Result<(), IndexError> {
        let row = store.get(&BATCH_KEY)?.ok_or(Damage::TallyMissing)?;
        let known = match schema::open_batch(&self.key, &row) {
            Err(Damage::RowSeal) => return Err(IndexError::WrongKey),
            other => other?,
        };
        let days = self.days();
        let batch = days.contents.tally.batch;
        if known > batch {
            return Err(Damage::Behind { acknowledged: known, found: batch }.into());
        }
        let mut waiting = Waiting::after(known);
        days.put_after(known, |head, entry, stood| {
            if let Some(stood) = stood {
                waiting.take_out(stood, head.call);
            }
            waiting.bring_in(head.batch, entry.iter().flat_map(|entry| self.sip_call_ids.look_ups(entry)));
        })?;
        *self.waiting() = waiting;
        drop(days);
        if known == batch {
            return Ok(());
        }
        unless_full(self.write_up_to(batch, store))
    }
}
