//! What a live recording is fed by.

use std::time::Duration;

use earwitness_model::RawFrame;

use crate::{
    CaptureError, HepCounts, HepSource, LinkEvent, LinkState, LiveSource, Losses, MemorySource, Polled,
    Source, live,
};

/// A live source of frames.
#[derive(Debug)]
pub enum Feed {
    /// An interface on a mirror port.
    Interface(Box<LiveSource>),
    /// A port where capture agents are listened to.
    Hep(Box<HepSource>),
    /// Another thread, which fills a ring in memory.
    Memory(Box<MemorySource>),
}

impl Feed {
    /// What it is called now.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Interface(source) => source.name(),
            Self::Hep(source) => source.name(),
            Self::Memory(source) => source.name(),
        }
    }

    /// Whether anything can come. Agents may always speak.
    #[must_use]
    pub fn link(&self) -> LinkState {
        match self {
            Self::Interface(source) => source.link(),
            Self::Hep(_) | Self::Memory(_) => LinkState::Up,
        }
    }

    /// What happened to it, oldest first.
    pub fn poll_event(&mut self) -> Option<LinkEvent> {
        match self {
            Self::Interface(source) => source.poll_event(),
            Self::Hep(_) | Self::Memory(_) => None,
        }
    }

    /// What came and what was lost since the last call.
    pub fn take_losses(&mut self) -> Losses {
        match self {
            Self::Interface(source) => source.take_losses(),
            Self::Hep(source) => source.take_losses(),
            Self::Memory(source) => source.take_losses(),
        }
    }

    /// What a HEP port counts; `None` of an interface.
    #[must_use]
    pub fn hep(&self) -> Option<HepCounts> {
        match self {
            Self::Interface(_) | Self::Memory(_) => None,
            Self::Hep(source) => Some(source.counts()),
        }
    }

    /// As [`crate::wait()`], for feeds of every kind.
    pub fn wait(feeds: &[&Self], at_most: Duration) {
        let (mut interfaces, mut sockets) = (Vec::new(), Vec::new());
        for feed in feeds {
            match feed {
                Self::Interface(source) => interfaces.push(source.as_ref()),
                Self::Hep(source) => sockets.extend(source.fds()),
                Self::Memory(source) => sockets.push(source.fd()),
            }
        }
        live::wait_beside(&interfaces, &sockets, at_most);
    }
}

impl Source for Feed {
    fn poll(&mut self, visit: &mut dyn FnMut(&RawFrame<'_>)) -> Result<Polled, CaptureError> {
        match self {
            Self::Interface(source) => source.poll(visit),
            Self::Hep(source) => source.poll(visit),
            Self::Memory(source) => source.poll(visit),
        }
    }
}

impl From<LiveSource> for Feed {
    fn from(source: LiveSource) -> Self {
        Self::Interface(Box::new(source))
    }
}

impl From<HepSource> for Feed {
    fn from(source: HepSource) -> Self {
        Self::Hep(Box::new(source))
    }
}

impl From<MemorySource> for Feed {
    fn from(source: MemorySource) -> Self {
        Self::Memory(Box::new(source))
    }
}
