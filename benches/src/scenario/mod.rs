//! What the hot path does, in pieces whose instructions are counted.
//!
//! Each piece makes its input, does a fixed amount of work inside [`counted_work`](crate::counted::counted_work), asserts
//! what came of it, and says of how many units it was the work: packets, messages, calls. Instructions per unit have a budget
//! in `benches/budgets.toml`.

mod engine;
mod vault;
mod wire;

/// One piece.
pub struct Scenario {
    /// Its name in the budgets.
    pub name: &'static str,
    /// What a unit is.
    pub per: &'static str,
    /// Does the work, and says of how many units it was.
    run: fn() -> u64,
}

/// All of them.
pub const ALL: [Scenario; 11] = [
    Scenario { name: "decode", per: "frame", run: wire::decode },
    Scenario { name: "sip-invite", per: "message", run: wire::invite },
    Scenario { name: "sdp", per: "body", run: wire::sdp },
    Scenario { name: "engine-begin", per: "packet", run: engine::begin },
    Scenario { name: "engine-steady", per: "packet", run: engine::steady },
    Scenario { name: "engine-sip-call", per: "call", run: engine::sip_call },
    Scenario { name: "seal", per: "packet", run: vault::seal },
    Scenario { name: "short-recording", per: "call", run: vault::short_recording },
    Scenario { name: "verify", per: "packet", run: vault::verify },
    Scenario { name: "index-put", per: "call", run: vault::index_put },
    Scenario { name: "export-wav", per: "packet", run: vault::export_wav },
];

pub use self::engine::slowed;

impl Scenario {
    /// The one of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<&'static Self> {
        ALL.iter().find(|scenario| scenario.name == name)
    }

    /// Does the work, and says of how many units it was.
    #[must_use]
    pub fn run(&self) -> u64 {
        (self.run)()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_piece_comes_to_what_it_should_and_has_a_budget() {
        let budgets = include_str!("../../budgets.toml");
        for scenario in &ALL {
            assert!(scenario.run() > 0, "{}", scenario.name);
            assert!(budgets.contains(&format!("\n{} = ", scenario.name)), "{}", scenario.name);
        }
        assert!(Scenario::named("engine-steady").is_some() && Scenario::named("no such piece").is_none());
    }
}
