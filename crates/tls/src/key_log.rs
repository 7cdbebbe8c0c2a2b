//! A key log: secrets by the random of the ClientHello that they belong to, as NSS, OpenSSL and others write them down
//! (draft-ietf-tls-keylogfile).
//!
//! ```text
//!  # a comment
//!  CLIENT_RANDOM 52…9f 3b…e1                      TLS 1.2: the master secret
//!  CLIENT_HANDSHAKE_TRAFFIC_SECRET 52…9f 8a…04    TLS 1.3: one for each direction and stage
//!  │                               │     secret, hexadecimal
//!  label                           client random, 32 bytes
//! ```

use std::collections::{BTreeMap, VecDeque};

use zeroize::Zeroizing;

/// Secrets that are kept; the oldest go.
pub const MOST_SECRETS: usize = 65_536;

/// The longest line that can be one: a label, 32 and 48 bytes.
const MOST_LINE: usize = 256;
/// Bytes of the master secret of TLS 1.2 (RFC 5246, 8.1).
const MASTER: usize = 48;

/// The random of a ClientHello.
pub(crate) type Random = [u8; 32];

/// What a secret is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Label {
    /// All of a connection in TLS 1.2.
    Master,
    /// What a client says before it has heard from the server.
    ClientEarly,
    ClientHandshake,
    ServerHandshake,
    ClientTraffic,
    ServerTraffic,
}

impl Label {
    fn read(word: &[u8]) -> Option<Self> {
        Some(match word {
            b"CLIENT_RANDOM" => Self::Master,
            b"CLIENT_EARLY_TRAFFIC_SECRET" => Self::ClientEarly,
            b"CLIENT_HANDSHAKE_TRAFFIC_SECRET" => Self::ClientHandshake,
            b"SERVER_HANDSHAKE_TRAFFIC_SECRET" => Self::ServerHandshake,
            b"CLIENT_TRAFFIC_SECRET_0" => Self::ClientTraffic,
            b"SERVER_TRAFFIC_SECRET_0" => Self::ServerTraffic,
            _ => return None,
        })
    }

    /// Whether a secret for it can be so long: the hashes of TLS 1.3 have 32 or 48 bytes.
    const fn fits(self, len: usize) -> bool {
        match self {
            Self::Master => len == MASTER,
            Self::ClientEarly
            | Self::ClientHandshake
            | Self::ServerHandshake
            | Self::ClientTraffic
            | Self::ServerTraffic => len == 32 || len == 48,
        }
    }
}

/// Labels of secrets that open no record.
const UNUSED: [&[u8]; 5] =
    [b"EXPORTER_SECRET", b"EARLY_EXPORTER_SECRET", b"RSA", b"ECH_SECRET", b"ECH_CONFIG"];

/// What was read of a key log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct KeyLogCounts {
    /// Secrets, each once.
    pub secrets: u64,
    /// Lines that are neither a secret nor a comment.
    pub other_lines: u64,
    /// Secrets that went, because [`MOST_SECRETS`] newer ones came.
    pub forgotten: u64,
}

/// The secrets. They are wiped when they go.
///
/// Invariants: `order` has each key of `secrets` once; `held` is the number of all secrets in it.
#[derive(Default)]
pub struct KeyLog {
    secrets: BTreeMap<Random, Vec<(Label, Secret)>>,
    order: VecDeque<Random>,
    held: usize,
    counts: KeyLogCounts,
}

/// One secret, where it was put once: moving it leaves no copy.
type Secret = Zeroizing<Box<[u8]>>;

/// Counts, and no secret.
impl std::fmt::Debug for KeyLog {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KeyLog").field("counts", &self.counts).finish_non_exhaustive()
    }
}

impl KeyLog {
    /// Takes whole lines of a key log; lines that were there before change nothing.
    pub fn handle_text(&mut self, text: &[u8]) {
        text.split(|byte| *byte == b'\n').for_each(|line| self.handle_line(line.trim_ascii()));
    }

    /// What was read so far.
    #[must_use]
    pub const fn counts(&self) -> KeyLogCounts {
        self.counts
    }

    /// Whether there is a secret for connections that began with `client_random`.
    #[must_use]
    pub fn knows(&self, client_random: &[u8; 32]) -> bool {
        self.secrets.contains_key(client_random)
    }

    /// The secret for `label` of the connection that began with `random`.
    pub(crate) fn secret(&self, random: &Random, label: Label) -> Option<&[u8]> {
        let secrets = self.secrets.get(random)?;
        secrets.iter().find(|(of, _)| *of == label).map(|(_, secret)| &***secret)
    }

    fn handle_line(&mut self, line: &[u8]) {
        if line.is_empty() || line.starts_with(b"#") {
            return;
        }
        let mut words = line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
        let label = words.next().unwrap_or_default();
        if UNUSED.contains(&label) {
            return;
        }
        let read = || {
            let label = Label::read(label)?;
            let mut random = [0; 32];
            let (random_word, secret_word) = (words.next()?, words.next()?);
            unhex(random_word, &mut random)?;
            let mut secret: Secret = Zeroizing::new(vec![0; secret_word.len() / 2].into_boxed_slice());
            unhex(secret_word, &mut secret)?;
            (label.fits(secret.len()) && words.next().is_none()).then_some((random, label, secret))
        };
        match (line.len() <= MOST_LINE).then(read).flatten() {
            Some((random, label, secret)) => self.add(random, label, secret),
            None => self.counts.other_lines += 1,
        }
    }

    fn add(&mut self, random: Random, label: Label, secret: Secret) {
        let known = self.secrets.entry(random).or_insert_with(|| {
            self.order.push_back(random);
            Vec::new()
        });
        if known.iter().any(|(of, _)| *of == label) {
            return;
        }
        known.push((label, secret));
        self.held += 1;
        self.counts.secrets += 1;
        while self.held > MOST_SECRETS {
            let Some(oldest) = self.order.pop_front() else { return };
            let gone = self.secrets.remove(&oldest).map_or(0, |secrets| secrets.len());
            self.held -= gone;
            self.counts.forgotten += gone as u64;
        }
    }
}

/// Reads exactly as many hexadecimal digits as `bytes` take.
fn unhex(digits: &[u8], bytes: &mut [u8]) -> Option<()> {
    let value = |digit: u8| char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok());
    if digits.len() != 2 * bytes.len() {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        let [high, low] = *pair else { return None };
        *byte = value(high)? << 4 | value(low)?;
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(label: &str, random: u32, secret: usize) -> String {
        format!("{label} {:064x} {}\n", random, "0a".repeat(secret))
    }

    fn random(of: u32) -> Random {
        let mut random = [0; 32];
        random[28..].copy_from_slice(&of.to_be_bytes());
        random
    }

    #[test]
    fn a_line_is_a_secret_a_comment_or_counted() {
        let mut log = KeyLog::default();
        let text = [
            "# SSL/TLS secrets log file, generated by NSS\n\n".to_owned(),
            line("CLIENT_RANDOM", 1, 48),
            line("CLIENT_HANDSHAKE_TRAFFIC_SECRET", 2, 32).replace('\n', "\r\n"),
            line("SERVER_TRAFFIC_SECRET_0", 2, 48).to_uppercase(),
            line("EXPORTER_SECRET", 2, 48),
            line("CLIENT_RANDOM", 1, 48),
            // None of these.
            line("CLIENT_RANDOM", 3, 47),
            line("CLIENT_TRAFFIC_SECRET_0", 3, 33),
            line("client_random", 3, 48),
            line("CLIENT_RANDOM", 3, 48).replace("0a", "0g"),
            line("CLIENT_RANDOM", 3, 48).replace('\n', " 00\n"),
            format!("CLIENT_RANDOM 00 {}\n", "0a".repeat(48)),
            "-----BEGIN PRIVATE KEY-----\n".to_owned(),
            "x".repeat(300),
        ];
        log.handle_text(text.concat().as_bytes());
        assert_eq!(log.counts(), KeyLogCounts { secrets: 3, other_lines: 8, forgotten: 0 });
        assert_eq!(log.secret(&random(1), Label::Master), Some(&[10; 48][..]));
        assert_eq!(log.secret(&random(2), Label::ClientHandshake), Some(&[10; 32][..]));
        assert_eq!(log.secret(&random(2), Label::ServerTraffic), Some(&[10; 48][..]));
        assert_eq!(log.secret(&random(2), Label::Master), None);
        assert!(log.knows(&random(1)) && !log.knows(&random(3)));
    }

    #[test]
    fn beyond_the_bound_the_oldest_connections_go() {
        let mut log = KeyLog::default();
        for of in 0..MOST_SECRETS as u32 / 2 + 3 {
            log.handle_text(line("CLIENT_TRAFFIC_SECRET_0", of, 32).as_bytes());
            log.handle_text(line("SERVER_TRAFFIC_SECRET_0", of, 32).as_bytes());
        }
        assert_eq!((log.held, log.secrets.len()), (MOST_SECRETS, MOST_SECRETS / 2));
        assert_eq!((log.counts().forgotten, log.order.len()), (6, MOST_SECRETS / 2));
        assert!(!log.knows(&random(2)) && log.knows(&random(3)));
    }

    #[test]
    fn secrets_do_not_print() {
        let mut log = KeyLog::default();
        log.handle_text(line("CLIENT_RANDOM", 1, 48).as_bytes());
        let said = format!("{log:?}");
        assert!(said.contains("secrets: 1") && !said.contains("10, 10"), "{said}");
    }
}
