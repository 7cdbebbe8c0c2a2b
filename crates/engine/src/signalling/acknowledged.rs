//! An answer that the mirror did not show: the caller's ACK tells it from a failure. The ACK of a failure belongs to the
//! transaction of the INVITE and has its branch (RFC 3261, 17.1.1.3); that of a 2xx is a transaction of its own (13.2.2.4).

use std::hash::BuildHasher;

use earwitness_wire::sip::Message;
use foldhash::fast::FixedState;

/// What every branch begins with that is unique to its transaction (RFC 3261, 8.1.1.7).
const COOKIE: &[u8] = b"z9hG4bK";
/// INVITEs looked back on: with challenges, redirections and hops a call has a few.
const MOST_INVITES: usize = 16;

/// The transactions of a call's INVITEs, where it was first seen and on later hops.
#[derive(Debug, Default)]
pub(super) struct Invited(Vec<u64>);

impl Invited {
    /// An INVITE outside a dialog was seen.
    pub(super) fn handle_invite(&mut self, message: &Message<'_>) {
        let Some(branch) = branch(message).filter(|branch| !self.0.contains(branch)) else { return };
        if self.0.len() == MOST_INVITES {
            self.0.remove(0);
        }
        self.0.push(branch);
    }

    /// Whether `ack` acknowledges a 2xx: it belongs to none of the transactions.
    pub(super) fn is_answered(&self, ack: &Message<'_>) -> bool {
        !self.0.is_empty() && branch(ack).is_some_and(|branch| !self.0.contains(&branch))
    }

    /// Another dialog takes the call over.
    pub(super) fn forget(&mut self) {
        self.0.clear();
    }
}

/// The transaction of whoever sent the message to the next hop; `None` for one from before RFC 3261.
fn branch(message: &Message<'_>) -> Option<u64> {
    let branch = message.top_via()?.branch.filter(|branch| branch.starts_with(COOKIE))?;
    Some(FixedState::default().hash_one(branch))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_branch(branch: &str) -> String {
        format!("ACK sip:a@b SIP/2.0\r\nVia: SIP/2.0/UDP 10.1.0.5;branch={branch}\r\n\r\n")
    }

    #[test]
    fn the_acks_branch_tells_an_answer_from_a_failure() {
        let mut invited = Invited::default();
        let [invite, own, old] = ["z9hG4bK-1", "z9hG4bK-2", "1"].map(with_branch);
        let [invite, own, old] = [&invite, &own, &old].map(|text| Message::parse(text.as_bytes()).unwrap());
        assert!(!invited.is_answered(&own), "no INVITE was seen");
        invited.handle_invite(&invite);
        assert!(invited.is_answered(&own) && !invited.is_answered(&invite) && !invited.is_answered(&old));
    }

    #[test]
    fn so_many_are_remembered() {
        let mut invited = Invited::default();
        for n in 0..100 {
            invited.handle_invite(&Message::parse(with_branch(&format!("z9hG4bK{n}")).as_bytes()).unwrap());
        }
        assert_eq!(invited.0.len(), MOST_INVITES);
    }
}
