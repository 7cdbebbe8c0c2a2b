//! What both directions of a connection have to know of their hellos.

use crate::{half::Step, hello::Chosen, key_log::Random, suite::Version};

/// Hellos of each end that are remembered.
const MOST: usize = 4;

/// What both directions of a connection have to know of their hellos.
///
/// Of each end the newest few count: an end that begins anew from the same port says another, and others forge some beside the
/// real one. Which of them a direction belongs to shows in what opens its records.
#[derive(Debug, Clone, Default)]
pub struct Handshake {
    clients: Newest<Random>,
    servers: Newest<ServerSaid>,
}

/// What a server's hello was.
#[derive(Debug, Clone, Copy)]
pub(crate) enum ServerSaid {
    Chosen(Chosen),
    Unread,
}

/// What a direction said in its own hello.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) enum Own {
    #[default]
    Nothing,
    Client(Random),
    Server(Chosen),
}

/// Two hellos that may belong to each other.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Agreed {
    pub(crate) client: Random,
    pub(crate) chosen: Chosen,
}

/// The newest first.
#[derive(Debug, Clone)]
struct Newest<T>([Option<T>; MOST]);

impl<T> Default for Newest<T> {
    fn default() -> Self {
        Self(std::array::from_fn(|_| None))
    }
}

impl<T> Newest<T> {
    /// The oldest goes.
    fn add(&mut self, new: T) {
        self.0.rotate_right(1);
        if let Some(first) = self.0.first_mut() {
            *first = Some(new);
        }
    }

    fn iter(&self) -> impl Iterator<Item = &T> {
        self.0.iter().flatten()
    }
}

impl Agreed {
    pub(crate) const fn version(&self) -> Version {
        self.chosen.suite.version
    }
}

impl Handshake {
    pub(crate) fn add_client(&mut self, random: Random) {
        // The hello that follows a HelloRetryRequest has the random of the first.
        if !self.clients.iter().any(|known| *known == random) {
            self.clients.add(random);
        }
    }

    pub(crate) fn add_server(&mut self, said: ServerSaid) {
        let is_it = |known: &ServerSaid| match (known, &said) {
            (ServerSaid::Chosen(known), ServerSaid::Chosen(new)) => known.random == new.random,
            (ServerSaid::Unread, ServerSaid::Unread) => true,
            (ServerSaid::Chosen(_), ServerSaid::Unread) | (ServerSaid::Unread, ServerSaid::Chosen(_)) => {
                false
            }
        };
        if !self.servers.iter().any(is_it) {
            self.servers.add(said);
        }
    }

    /// What both may have agreed on, the newest first; or what is to be done without it by a direction that said `own`.
    pub(crate) fn pairs(&self, own: Own) -> Result<Vec<Agreed>, Step> {
        let pairs: Vec<Agreed> = match own {
            Own::Nothing => return Err(Step::Never),
            Own::Server(chosen) => {
                self.clients.iter().map(|client| Agreed { client: *client, chosen }).collect()
            }
            Own::Client(client) => {
                let chosen = self.servers.iter().filter_map(|said| match said {
                    ServerSaid::Chosen(chosen) => Some(Agreed { client, chosen: *chosen }),
                    ServerSaid::Unread => None,
                });
                let pairs: Vec<Agreed> = chosen.collect();
                if pairs.is_empty() && self.servers.iter().next().is_some() {
                    return Err(Step::Never);
                }
                pairs
            }
        };
        if pairs.is_empty() { Err(Step::Waiting) } else { Ok(pairs) }
    }
}
