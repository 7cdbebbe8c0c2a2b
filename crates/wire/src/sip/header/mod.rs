//! The headers a recorder reads, one file for each grammar.

mod cseq;
mod name;
mod name_addr;
mod params;
mod reason;
mod replaces;
mod session_id;
mod via;

pub use cseq::CSeq;
pub use name::HeaderName;
pub use name_addr::NameAddr;
pub use params::{Param, Params};
pub use reason::Reason;
pub use replaces::Replaces;
pub use session_id::SessionId;
pub use via::{Transport, Via};

pub(crate) use cseq::method_name as cseq_method_name;

/// Whether it stood as the grammar wants it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    AsWritten,
    Repaired,
}
