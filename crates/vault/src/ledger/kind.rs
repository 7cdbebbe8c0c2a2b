//! What happens to a recording, to the recorder, or to the ledger itself.

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident = $code:literal,)*) => {
        /// What a row of the ledger says. Closed: each kind has its code byte on disk for ever, and a code is never used
        /// again for something else.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u8)]
        pub enum LedgerKind {
            $($(#[$doc])* $name = $code,)*
        }

        impl LedgerKind {
            /// Every kind, in the order of codes.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// Its byte on disk.
            #[must_use]
            pub const fn code(self) -> u8 {
                self as u8
            }

            /// The kind with this code; `None` for a code of a later version.
            #[must_use]
            pub const fn from_code(code: u8) -> Option<Self> {
                match code {
                    $($code => Some(Self::$name),)*
                    _ => None,
                }
            }
        }
    };
}

kinds! {
    /// The recorder began to watch.
    RecorderStarted = 1,
    /// The recorder stopped in order.
    RecorderStopped = 2,
    /// A recording is complete: its call, its id and the hash of its manifest.
    Recorded = 3,
    /// A call was seen and not kept, by the rules or because there was nothing to keep: its entry.
    Excluded = 4,
    /// A call should have been kept and was not, or not whole.
    Failed = 5,
    /// Other rules are in force.
    RuleSetChanged = 6,
    /// Calls may have passed unseen.
    CoverageGap = 7,
    /// A recording was listened to.
    Listened = 8,
    /// A recording was exported.
    Exported = 9,
    /// A legal hold was laid on a recording.
    Held = 10,
    /// A legal hold was lifted.
    Released = 11,
    /// A recording's key was destroyed.
    Disposed = 12,
    /// A vault that was not closed in order was opened, and what was torn was cut or finished.
    Recovered = 13,
    /// The index was rebuilt from volumes and ledger.
    IndexRebuilt = 14,
    /// The machine's clock was stepped.
    ClockStepped = 15,
    /// The link of an interface changed.
    InterfaceChanged = 16,
    /// Something needs to be looked at, or does not any more.
    Alarm = 17,
    /// The recorder watches: a sign of life.
    Alive = 18,
    /// Somebody proposed to keep recordings longer or shorter than their class says.
    RetentionProposed = 19,
    /// Somebody else approved it.
    RetentionChanged = 20,
    /// Somebody said that the clock is right, after it had leapt.
    ClockConfirmed = 21,
    /// A disposal ended, and has its certificate.
    DisposalRun = 22,
    /// A day is over: which rows are its own, and what they come to.
    DayClosed = 24,
    /// A signed head was anchored: printed, handed to a hook, or time-stamped.
    Anchored = 25,
    /// What the system says of its clock.
    ClockStatus = 27,
    /// The vault has another officer: every day key was wrapped anew.
    KeysRotated = 28,
    /// A backup of the keys was taken, or refreshed.
    KeysBackedUp = 29,
    /// The officer's key was put on paper.
    KeysSplit = 30,
    /// A backup of volumes and ledger was taken, or brought up to date.
    BackedUp = 31,
    /// The vault was made again of a backup: what was told after the backup was taken is not in this ledger.
    Restored = 32,
    /// Recordings of an earlier recorder were imported.
    Imported = 33,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_reads_back_and_none_is_zero() {
        for &kind in LedgerKind::ALL {
            assert_eq!(LedgerKind::from_code(kind.code()), Some(kind));
        }
        assert_eq!(LedgerKind::from_code(0), None, "zeros left by a crash are no row");
        assert_eq!(LedgerKind::from_code(200), None);
        assert_eq!((LedgerKind::Recorded.code(), LedgerKind::Excluded.code()), (3, 4), "codes are for ever");
    }
}
