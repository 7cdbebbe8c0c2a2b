//! An office on a Saturday morning, to try a recorder with and to listen to.

use crate::{Frame, script};

/// The script of the office: `fixtures/calls/demo-office`, where its README tells each call.
pub const OFFICE: &str = include_str!("../../../fixtures/calls/demo-office/script.call");

/// The capture of 90 seconds from 2026-11-21 09:00 Korean time: inbound, outbound, internal, selective and never-recorded
/// extensions, a busy one, an authenticated call, a hold, a call with loss.
#[must_use]
pub fn office() -> Vec<Frame> {
    script::parse(OFFICE).expect("the script is part of the program and tested").frames()
}
