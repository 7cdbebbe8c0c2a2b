//! What makes `record -i` a service: what it tells the service manager, and what it gives up before the first frame.
//!
//! Nothing here is needed to record. Without a service manager nobody is told; where the kernel cannot confine, the
//! recorder says so and records.

mod confine;
mod files;
mod memory;
mod owner;
mod privileges;
mod pulse;
mod systemd;

pub(crate) use confine::{Confined, Confinement, Hooks, confine};
pub(crate) use memory::{Capabilities, guard_keys, lock as lock_memory};
pub(crate) use owner::give_to_owner_of;
pub(crate) use systemd::{attend, stopping};
