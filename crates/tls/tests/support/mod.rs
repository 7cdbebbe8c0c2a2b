//! A listener that buffers what it cannot use yet, as streams do.

#![allow(dead_code, reason = "each test file uses its part of it")]

use earwitness_tls::{Half, Handshake, KeyLog, Role, Step};

/// Both directions of a connection, and what was heard.
pub(crate) struct Listener {
    halves: [Half; 2],
    both: Handshake,
    pub(crate) log: KeyLog,
    unread: [Vec<u8>; 2],
    pub(crate) heard: [Vec<u8>; 2],
    pub(crate) unopened: usize,
    pub(crate) is_over: bool,
}

impl Listener {
    pub(crate) fn new(key_log: &str) -> Self {
        let mut log = KeyLog::default();
        log.handle_text(key_log.as_bytes());
        Self {
            halves: [Half::new(Role::Client), Half::new(Role::Server)],
            both: Handshake::default(),
            log,
            unread: Default::default(),
            heard: Default::default(),
            unopened: 0,
            is_over: false,
        }
    }

    /// The next bytes of a side; then the other is looked at again.
    pub(crate) fn feed(&mut self, side: usize, bytes: &[u8]) {
        self.unread[side].extend(bytes);
        self.read(side);
        self.read(1 - side);
    }

    pub(crate) fn lose(&mut self, side: usize) {
        self.lose_bytes(side, 0);
    }

    /// So many bytes of a side are missing.
    pub(crate) fn lose_bytes(&mut self, side: usize, missing: u64) {
        self.unread[side].clear();
        self.halves[side].handle_gap(missing);
    }

    /// The ends are new ones, of the same connection.
    pub(crate) fn begin_anew(&mut self) {
        self.unread = Default::default();
        self.halves = [Half::new(Role::Client), Half::new(Role::Server)];
    }

    /// A hello that somebody else says in the place of a side.
    pub(crate) fn feed_beside(&mut self, side: usize, bytes: &[u8]) {
        let role = [Role::Client, Role::Server][side];
        let step = Half::new(role).step(bytes, &mut self.both, &self.log, &mut Vec::new());
        assert!(matches!(step, Step::Used(_)));
    }

    /// Bytes that wait.
    pub(crate) fn waiting(&self) -> usize {
        self.unread.iter().map(Vec::len).sum()
    }

    fn read(&mut self, side: usize) {
        let (unread, heard) = (&mut self.unread[side], &mut self.heard[side]);
        let mut stood_still = 0;
        while !self.is_over {
            let before = heard.len();
            let step = self.halves[side].step(unread, &mut self.both, &self.log, heard);
            match step {
                Step::Used(len) | Step::Unopened(len) => {
                    assert!(len <= unread.len(), "no more is used than there is");
                    stood_still = if len == 0 { stood_still + 1 } else { 0 };
                    assert!(stood_still < 2, "each step goes on");
                    self.unopened += usize::from(matches!(step, Step::Unopened(_)));
                    unread.drain(..len);
                }
                Step::More | Step::Waiting => return assert_eq!(heard.len(), before),
                Step::Never => self.is_over = true,
            }
        }
    }
}
