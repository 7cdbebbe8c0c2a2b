//! What a vault promises, tried from outside: what goes in comes out, what was acknowledged stays, what was changed is
//! noticed.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test that cannot go on fails, and crash tests say how many images they looked at"
)]

mod backups;
mod crash;
mod days;
mod disk_errors;
mod disk_full;
mod disposal;
mod ended_days;
mod flipped;
mod given_up;
mod gone;
mod holds_and_clocks;
mod index_crash;
mod index_key;
mod key_backups;
mod life;
mod nonces;
mod proven;
mod real_disk;
mod resume;
mod rotation;
mod schemas;
mod speed;
mod strange_clock;
mod support;
mod tamper;
mod too_large;
mod torn;
mod verifier;
