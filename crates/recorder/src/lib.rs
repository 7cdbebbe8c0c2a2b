//! The running system: capture thread, sealing pool, vault writer, counters.
