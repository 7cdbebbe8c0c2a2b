//! How the rest of the program speaks with the capture thread: it asks and orders by queues, and reads the health that
//! the thread writes down once a second. Nothing here ever makes the capture thread wait.

use std::sync::{Arc, Mutex, PoisonError};

use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};
use earwitness_rules::RuleSet;

use crate::{health::Health, queue::ORDERED};

/// The asking side. Clones speak with the same recorder.
#[derive(Clone)]
pub struct Watch {
    health: Arc<Mutex<Option<Arc<Health>>>>,
    orders: Sender<Order>,
}

/// The capture thread's side: taken by [`crate::Recorder::watch`].
pub struct Post {
    health: Arc<Mutex<Option<Arc<Health>>>>,
    pub(crate) orders: Receiver<Order>,
}

/// The recorder has stopped, or so many others ask or order that it has no time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the recorder does not answer")]
pub struct NoAnswer;

pub(crate) enum Order {
    Stop,
    Rules(Box<RuleSet>),
}

/// The two sides.
#[must_use]
pub fn watch() -> (Watch, Post) {
    let health = Arc::default();
    let (orders, ordered) = bounded(ORDERED);
    let post = Post { health: Arc::clone(&health), orders: ordered };
    (Watch { health, orders }, post)
}

impl Watch {
    /// The latest health; `None` in the first second.
    #[must_use]
    pub fn health(&self) -> Option<Arc<Health>> {
        self.health.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Ends recording: what is in the ring is read, running calls are finished and sealed.
    ///
    /// # Errors
    /// When the recorder has stopped already.
    pub fn stop(&self) -> Result<(), NoAnswer> {
        self.order(Order::Stop)
    }

    /// Calls that begin from now on are decided by `rules`.
    ///
    /// # Errors
    /// When the recorder has stopped.
    pub fn rules(&self, rules: RuleSet) -> Result<(), NoAnswer> {
        self.order(Order::Rules(Box::new(rules)))
    }

    fn order(&self, order: Order) -> Result<(), NoAnswer> {
        self.orders.try_send(order).map_err(|refused| match refused {
            TrySendError::Full(_) | TrySendError::Disconnected(_) => NoAnswer,
        })
    }
}

impl Post {
    pub(crate) fn publish(&self, health: Health) {
        *self.health.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(health));
    }
}
