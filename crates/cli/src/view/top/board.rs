//! What `top` shows and how keys change it: which calls, in which order, which one is looked at.

use std::cmp::Ordering;

use earwitness_model::WallTime;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

use crate::instruments::{CallLine, Look};

/// The order of the calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    Newest,
    Longest,
    From,
    To,
    Loss,
    Mos,
    Verdict,
}

impl Order {
    const ALL: [Self; 7] =
        [Self::Newest, Self::Longest, Self::From, Self::To, Self::Loss, Self::Mos, Self::Verdict];

    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Newest => "newest",
            Self::Longest => "longest",
            Self::From => "from",
            Self::To => "to",
            Self::Loss => "loss",
            Self::Mos => "mos",
            Self::Verdict => "verdict",
        }
    }

    fn next(self) -> Self {
        let place = Self::ALL.iter().position(|order| *order == self).unwrap_or(0);
        Self::ALL[(place + 1) % Self::ALL.len()]
    }

    fn compare(self, one: &CallLine, other: &CallLine) -> Ordering {
        let worst_mos = |call: &CallLine| {
            call.legs.iter().flatten().filter_map(|leg| leg.mos).reduce(f64::min).unwrap_or(f64::INFINITY)
        };
        let loss = |call: &CallLine| call.worst_loss().unwrap_or(-1.0);
        match self {
            Self::Newest => other.start.cmp(&one.start),
            Self::Longest => one.start.cmp(&other.start),
            Self::From => one.from.cmp(&other.from),
            Self::To => one.to.cmp(&other.to),
            Self::Loss => loss(other).total_cmp(&loss(one)),
            Self::Mos => worst_mos(one).total_cmp(&worst_mos(other)),
            Self::Verdict => one.verdict.cmp(&other.verdict),
        }
        .then_with(|| one.id.cmp(&other.id))
    }
}

/// What the keys act on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Face {
    Calls,
    /// A filter is typed.
    Filter,
    Details,
    Help,
}

/// Whether the calls move on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Motion {
    Running,
    Paused,
}

/// Whether to go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flow {
    GoOn,
    Leave,
}

/// Everything that is shown.
#[derive(Debug)]
pub(crate) struct Board {
    pub(super) look: Option<Look>,
    /// Why there is nothing newer.
    pub(super) trouble: Option<String>,
    pub(super) face: Face,
    pub(super) motion: Motion,
    pub(super) order: Order,
    pub(super) filter: String,
    /// The call that is looked at.
    pub(super) chosen: Option<String>,
    /// Rows of the table when it was last drawn.
    pub(super) page: usize,
    pub(super) now: WallTime,
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "keys are the terminal library's enum: one that means nothing here does nothing"
)]
impl Board {
    /// A board that knows nothing yet.
    pub(crate) const fn new(now: WallTime) -> Self {
        Self {
            look: None,
            trouble: None,
            face: Face::Calls,
            motion: Motion::Running,
            order: Order::Newest,
            filter: String::new(),
            chosen: None,
            page: 1,
            now,
        }
    }

    /// The recorder was looked at, or could not be.
    pub(crate) fn handle_look(&mut self, look: Result<Look, String>) {
        match (look, self.motion) {
            (Ok(_), Motion::Paused) => self.trouble = None,
            (Ok(look), Motion::Running) => {
                let vitals = look.vitals.seen_at(self.now);
                (self.look, self.trouble) = (Some(Look { vitals, ..look }), None);
            }
            (Err(why), _) => self.trouble = Some(why),
        }
    }

    /// Time passed.
    pub(crate) const fn handle_time(&mut self, now: WallTime) {
        self.now = now;
    }

    /// A key was pressed.
    pub(crate) fn handle_key(&mut self, key: KeyEvent) -> Flow {
        if key.kind == KeyEventKind::Release {
            return Flow::GoOn;
        }
        if key.code == KeyCode::Char('c') && key.modifiers.contains(KeyModifiers::CONTROL) {
            return Flow::Leave;
        }
        match self.face {
            Face::Filter => self.type_filter(key.code),
            Face::Help => self.face = Face::Calls,
            Face::Details => match key.code {
                KeyCode::Esc | KeyCode::Enter | KeyCode::Char('q') => self.face = Face::Calls,
                code => self.move_by(code),
            },
            Face::Calls => return self.handle_calls_key(key.code),
        }
        Flow::GoOn
    }

    fn handle_calls_key(&mut self, code: KeyCode) -> Flow {
        match code {
            KeyCode::Char('q') | KeyCode::F(10) => return Flow::Leave,
            KeyCode::Esc if self.filter.is_empty() => return Flow::Leave,
            KeyCode::Esc => self.filter.clear(),
            KeyCode::F(1) | KeyCode::Char('?' | 'h') => self.face = Face::Help,
            KeyCode::Char('/') | KeyCode::F(3 | 7) => self.face = Face::Filter,
            KeyCode::Char('s') => self.order = self.order.next(),
            KeyCode::Char('p') => {
                self.motion = match self.motion {
                    Motion::Running => Motion::Paused,
                    Motion::Paused => Motion::Running,
                }
            }
            KeyCode::Enter => {
                // It stays the one that is looked at when a newer one comes.
                self.chosen = self.chosen_call().map(|call| call.id.clone());
                if self.chosen.is_some() {
                    self.face = Face::Details;
                }
            }
            code => self.move_by(code),
        }
        Flow::GoOn
    }

    fn type_filter(&mut self, code: KeyCode) {
        match code {
            KeyCode::Enter => self.face = Face::Calls,
            KeyCode::Esc => {
                self.filter.clear();
                self.face = Face::Calls;
            }
            KeyCode::Backspace => drop(self.filter.pop()),
            KeyCode::Char(letter) if self.filter.chars().count() < 64 => self.filter.push(letter),
            _ => {}
        }
    }

    fn move_by(&mut self, code: KeyCode) {
        let calls = self.calls();
        let Some(last) = calls.len().checked_sub(1) else { return };
        let place = self.place(&calls).unwrap_or(0);
        let to = match code {
            KeyCode::Up | KeyCode::Char('k') => place.saturating_sub(1),
            KeyCode::Down | KeyCode::Char('j') => place + 1,
            KeyCode::PageUp => place.saturating_sub(self.page),
            KeyCode::PageDown => place + self.page,
            KeyCode::Home => 0,
            KeyCode::End => last,
            _ => return,
        };
        let chosen = calls[to.min(last)].id.clone();
        self.chosen = Some(chosen);
    }

    /// The calls that are shown, in order.
    pub(super) fn calls(&self) -> Vec<&CallLine> {
        let needle = self.filter.to_lowercase();
        let has =
            |text: &Option<String>| text.as_ref().is_some_and(|text| text.to_lowercase().contains(&needle));
        let is_shown = |call: &&CallLine| {
            needle.is_empty()
                || [&call.from, &call.to, &call.department, &call.rule].into_iter().any(has)
                || call.verdict.word().contains(&needle)
                || call.state.word().contains(&needle)
        };
        let mut calls: Vec<_> = self.look.iter().flat_map(|look| &look.calls).filter(is_shown).collect();
        calls.sort_by(|one, other| self.order.compare(one, other));
        calls
    }

    /// Where the call that is looked at is among `calls`: the first, while none was chosen or it is over.
    pub(super) fn place(&self, calls: &[&CallLine]) -> Option<usize> {
        let chosen = calls.iter().position(|call| Some(&call.id) == self.chosen.as_ref());
        chosen.or_else(|| (!calls.is_empty()).then_some(0))
    }

    /// The call that is looked at.
    pub(super) fn chosen_call(&self) -> Option<&CallLine> {
        let calls = self.calls();
        self.place(&calls).map(|place| calls[place])
    }
}
