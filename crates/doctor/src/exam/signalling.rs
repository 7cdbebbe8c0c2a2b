//! SIP between two machines of which one is never heard.

use earwitness_model::Flow;
use earwitness_wire::sip::{Message, StartLine};

use super::Sight;
use crate::{
    Code, Evidence, Finding, Severity,
    pair::{Sender, Sides},
    report::{Examples, percent},
};

/// Messages from which on a pair is judged.
const FEWEST: u64 = 3;
/// From this share of messages on it is the mirror.
const DEFECT_PERCENT: f64 = 10.0;

/// What one of a pair sent.
#[derive(Debug, Clone, Copy, Default)]
struct Direction {
    messages: u64,
    /// Messages that nobody sends who was not spoken to: responses, and requests in a dialog. A request alone may have
    /// gone to a dead address.
    replies: u64,
    first_frame: u64,
}

/// SIP by pair and direction.
#[derive(Debug)]
pub(crate) struct SignallingSides {
    pairs: Sides<Direction>,
    messages: u64,
}

impl SignallingSides {
    pub(crate) fn new() -> Self {
        Self { pairs: Sides::new(), messages: 0 }
    }

    /// Takes a message.
    pub(crate) fn handle_message(&mut self, message: &Message<'_>, flow: Flow, at: Sight) {
        self.messages += 1;
        let Some(direction) = self.pairs.direction(flow) else { return };
        if direction.messages == 0 {
            direction.first_frame = at.number;
        }
        direction.messages += 1;
        // A To tag is the other party's word (RFC 3261, 12.2.1.1).
        let replies = match message.start_line() {
            StartLine::Status { .. } => true,
            StartLine::Request { .. } => message.to().is_some_and(|to| to.tag().is_some()),
        };
        direction.replies += u64::from(replies);
    }

    pub(crate) fn finish(&self) -> Option<Finding> {
        let (mut count, mut found, mut frames) = (0, Vec::new(), Vec::new());
        for (pair, sides) in self.pairs.iter() {
            let (heard, sender) = match sides {
                [low, Direction { messages: 0, .. }] => (low, Sender::Low),
                [Direction { messages: 0, .. }, high] => (high, Sender::High),
                [_, _] => continue,
            };
            if heard.messages >= FEWEST && heard.replies > 0 {
                count += heard.messages;
                found.push(pair.flow(sender));
                frames.push(heard.first_frame);
            }
        }
        if found.is_empty() {
            return None;
        }
        found.sort_unstable();
        let share = percent(count, self.messages);
        let frames: Examples = frames.into_iter().collect();
        Some(Finding {
            code: Code::SignallingOneWay,
            severity: if share >= DEFECT_PERCENT { Severity::Defect } else { Severity::Note },
            sentence: format!(
                "between {} of {} pairs of machines that speak SIP only one is heard, though the other must have answered ({count} of {} messages)",
                found.len(),
                self.pairs.len(),
                self.messages
            ),
            evidence: Evidence::counted([
                ("pairs", self.pairs.len() as u64),
                ("pairs_heard_one_way", found.len() as u64),
                ("messages", self.messages),
                ("messages_one_way", count),
            ])
            .at(&frames)
            .between(found),
        })
    }

    pub(crate) const fn left_out(&self) -> u64 {
        self.pairs.left_out()
    }
}
