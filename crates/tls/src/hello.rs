//! What the hellos say that a listener needs (RFC 8446, 4.1; RFC 5246, 7.4.1).

use crate::{
    half::Role,
    key_log::Random,
    suite::{Suite, Version},
};

/// RFC 8446, 4.2.1.
const SUPPORTED_VERSIONS: u16 = 43;
/// RFC 7366, 2.
const ENCRYPT_THEN_MAC: u16 = 22;
/// The random of a ServerHello that asks for another ClientHello (RFC 8446, 4.1.3).
const RETRY: Random = [
    0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91, 0xc2,
    0xa2, 0x11, 0x16, 0x7a, 0xbb, 0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c,
];

/// What a server chose.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Chosen {
    pub(crate) random: Random,
    pub(crate) suite: Suite,
    pub(crate) order: MacOrder,
}

/// Whether what is encrypted under CBC is authenticated (RFC 7366), or what is authenticated encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MacOrder {
    EncryptThenMac,
    MacThenEncrypt,
}

/// What a ServerHello says.
#[derive(Debug, Clone, Copy)]
pub(crate) enum ServerHello {
    Chosen(Chosen),
    /// Another ClientHello is to come.
    Retry,
    /// A version, a suite or a compression that is not read, or no ServerHello at all.
    Unread,
}

/// Whose hello `bytes` begin with: a record of a handshake, and in it a ClientHello or a ServerHello.
#[must_use]
pub const fn hello_of(bytes: &[u8]) -> Option<Role> {
    match bytes {
        [22, 3, _, _, _, 1, ..] => Some(Role::Client),
        [22, 3, _, _, _, 2, ..] => Some(Role::Server),
        _ => None,
    }
}

/// The random of the ClientHello that `bytes`, the first ones of a connection, begin with; `None` when there are too few of
/// them, or it is none.
#[must_use]
pub fn client_random(bytes: &[u8]) -> Option<[u8; 32]> {
    let Some((&[22, 3, _, _, _, 1, _, _, _], hello)) = bytes.split_first_chunk::<9>() else { return None };
    random(hello)
}

/// The random of a hello: behind its version.
pub(crate) fn random(hello: &[u8]) -> Option<Random> {
    match hello.split_first_chunk::<2>()? {
        ([3, _], rest) => rest.first_chunk().copied(),
        _ => None,
    }
}

/// Reads the body of a ServerHello.
pub(crate) fn server_hello(hello: &[u8]) -> ServerHello {
    match random(hello) {
        Some(RETRY) => ServerHello::Retry,
        Some(random) => chosen(random, hello).map_or(ServerHello::Unread, ServerHello::Chosen),
        None => ServerHello::Unread,
    }
}

fn chosen(random: Random, hello: &[u8]) -> Option<Chosen> {
    let (version, rest) = hello.split_first_chunk::<2>()?;
    let (&id_len, rest) = rest.get(32..)?.split_first()?;
    let (&[s0, s1, compression], rest) = rest.get(usize::from(id_len)..)?.split_first_chunk::<3>()?;
    let suite = Suite::from_code(u16::from_be_bytes([s0, s1]))?;
    let mut extensions = rest.get(2..).unwrap_or_default();
    let (mut is_13, mut order) = (false, MacOrder::MacThenEncrypt);
    while let Some((&[k0, k1, l0, l1], rest)) = extensions.split_first_chunk::<4>() {
        let (value, after) = rest.split_at_checked(usize::from(u16::from_be_bytes([l0, l1])))?;
        match u16::from_be_bytes([k0, k1]) {
            SUPPORTED_VERSIONS => is_13 = value == [3, 4],
            ENCRYPT_THEN_MAC => order = MacOrder::EncryptThenMac,
            _ => {}
        }
        extensions = after;
    }
    let version = match (is_13, version) {
        (true, _) => Version::V13,
        (false, [3, 3]) => Version::V12,
        (false, _) => return None,
    };
    (suite.version == version && compression == 0).then_some(Chosen { random, suite, order })
}
