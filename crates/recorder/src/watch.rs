//! How the rest of the program speaks with the capture thread: it asks and orders by queues, and reads the health that
//! the thread writes down once a second. Nothing here ever makes the capture thread wait.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};
use earwitness_engine::LiveCall;
use earwitness_rules::RuleSet;
use zeroize::Zeroizing;

use crate::{
    health::Health,
    queue::{ASKED, ORDERED},
};

/// The asking side. Clones speak with the same recorder.
#[derive(Clone)]
pub struct Watch {
    health: Arc<Mutex<Option<Arc<Health>>>>,
    asks: Sender<Ask>,
    orders: Sender<Order>,
}

/// The capture thread's side: taken by [`crate::Recorder::watch`].
pub struct Post {
    health: Arc<Mutex<Option<Arc<Health>>>>,
    pub(crate) asks: Receiver<Ask>,
    pub(crate) orders: Receiver<Order>,
}

/// Longer than this the capture thread never needs between two questions, unless it hangs.
const PATIENCE: Duration = Duration::from_secs(2);

/// The recorder has stopped, or so many others ask or order that it has no time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the recorder does not answer")]
pub struct NoAnswer;

pub(crate) enum Ask {
    Calls { most: usize, reply: Sender<Vec<LiveCall>> },
}

pub(crate) enum Order {
    Stop,
    Rules(Box<RuleSet>),
    RulesRefused,
    Disposal { has_failed: bool },
    KeyLog(Arc<KeyLogLines>),
}

/// Whole lines of a TLS key log, wiped when they were read everywhere, and ports on which TLS is taken for SIP beside those of
/// SIP.
pub struct KeyLogLines {
    /// The lines: secrets.
    pub text: Zeroizing<Vec<u8>>,
    /// The ports.
    pub ports: Vec<u16>,
}

/// The two sides.
#[must_use]
pub fn watch() -> (Watch, Post) {
    let health = Arc::default();
    let (asks, asked) = bounded(ASKED);
    let (orders, ordered) = bounded(ORDERED);
    let post = Post { health: Arc::clone(&health), asks: asked, orders: ordered };
    (Watch { health, asks, orders }, post)
}

impl Watch {
    /// The latest health; `None` in the first second.
    #[must_use]
    pub fn health(&self) -> Option<Arc<Health>> {
        self.health.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The calls that run now, newest first, at most `most`.
    ///
    /// # Errors
    /// When the recorder has stopped, hangs, or has too many questions waiting.
    pub fn calls(&self, most: usize) -> Result<Vec<LiveCall>, NoAnswer> {
        let (reply, answer) = bounded(1);
        self.asks.try_send(Ask::Calls { most, reply }).map_err(|_full_or_gone| NoAnswer)?;
        answer.recv_timeout(PATIENCE).map_err(|_late_or_gone| NoAnswer)
    }

    /// Ends recording: what is in the ring is read, running calls are finished and sealed. Where other orders wait before it,
    /// this waits for room: it is never refused.
    ///
    /// # Errors
    /// When the recorder has stopped already.
    pub fn stop(&self) -> Result<(), NoAnswer> {
        self.orders.send(Order::Stop).map_err(|_gone| NoAnswer)
    }

    /// Calls that begin from now on are decided by `rules`.
    ///
    /// # Errors
    /// When the recorder has stopped.
    pub fn rules(&self, rules: RuleSet) -> Result<(), NoAnswer> {
        self.order(Order::Rules(Box::new(rules)))
    }

    /// The rules were to be read again, and have errors: those in force stay.
    ///
    /// # Errors
    /// When the recorder has stopped.
    pub fn rules_refused(&self) -> Result<(), NoAnswer> {
        self.order(Order::RulesRefused)
    }

    /// Whether what is due could be destroyed when it was last tried.
    ///
    /// # Errors
    /// When the recorder has stopped, or has no time: it can be said again.
    pub fn disposal(&self, has_failed: bool) -> Result<(), NoAnswer> {
        self.order(Order::Disposal { has_failed })
    }

    /// SIP in TLS is read with these keys, and from the first time on held for those that come.
    ///
    /// # Errors
    /// When the recorder has stopped, or has no time: it can be said again.
    pub fn key_log(&self, lines: KeyLogLines) -> Result<(), NoAnswer> {
        self.order(Order::KeyLog(Arc::new(lines)))
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
