//! Sealed volumes, keys, index and ledger as one durable thing.
