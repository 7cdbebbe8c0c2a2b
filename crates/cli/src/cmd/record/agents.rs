//! `--hep`: where capture agents are listened to.

use std::{net::SocketAddr, path::Path};

use earwitness_capture::{Feed, HepCarrier, HepKey, HepOptions, HepSource};

use super::Record;
use crate::{
    context::Context,
    exit::{Exit, Failure},
    instruments::Event,
};

/// A value of `--hep`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ListenedAt {
    carrier: HepCarrier,
    address: SocketAddr,
}

/// `10.1.0.9:9060`, `udp:10.1.0.9:9060`, `tcp:[::]:9060`.
pub(super) fn listened_at(text: &str) -> Result<ListenedAt, String> {
    let carriers = [("udp:", HepCarrier::Udp), ("tcp:", HepCarrier::Tcp), ("", HepCarrier::Both)];
    let named =
        carriers.into_iter().find_map(|(prefix, carrier)| Some((carrier, text.strip_prefix(prefix)?)));
    let parsed = named.and_then(|(carrier, at)| Some(ListenedAt { carrier, address: at.parse().ok()? }));
    parsed.ok_or_else(|| {
        "an address and a port, `udp:` or `tcp:` before them: 10.1.0.9:9060, udp:0.0.0.0:9060, tcp:[::]:9060".to_owned()
    })
}

/// Listens wherever it was asked for. Before anything is given up: a port below 1024 may need what is given up.
pub(super) fn listen(record: &Record) -> Result<Vec<Feed>, Failure> {
    let key = record.hep_key_file.as_deref().map(key).transpose()?;
    let open = |ListenedAt { carrier, address }: &ListenedAt| {
        let options = HepOptions {
            carrier: *carrier,
            address: *address,
            key: key.clone(),
            patience: HepOptions::PATIENCE,
            clock: Context::now,
        };
        HepSource::open(&options).map(Feed::from).map_err(|cause| Failure::new(Exit::Failed, cause))
    };
    record.hep.iter().map(open).collect()
}

/// What whoever runs it has to know: that everybody who reaches the port is believed.
pub(super) fn open_to_all(record: &Record) -> Option<Event> {
    let is_open = |at: &&ListenedAt| !at.address.ip().to_canonical().is_loopback();
    let at = record.hep.iter().find(is_open).filter(|_| record.hep_key_file.is_none())?;
    let why = format!(
        "whoever reaches {} makes calls and ends them: give agents and recorder a key (--hep-key-file), or let a firewall pass agents alone",
        at.address
    );
    Some(Event::Without { what: "a key for capture agents", why })
}

fn key(path: &Path) -> Result<HepKey, Failure> {
    let text = std::fs::read(path)
        .map_err(|cause| Failure::new(Exit::Failed, format_args!("{}: {cause}", path.display())))?;
    HepKey::new(&text)
        .ok_or_else(|| Failure::new(Exit::Usage, format_args!("{}: there is no key in it", path.display())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_may_name_its_carrier() {
        for (text, carrier, address) in [
            ("10.1.0.9:9060", HepCarrier::Both, "10.1.0.9:9060"),
            ("udp:0.0.0.0:9060", HepCarrier::Udp, "0.0.0.0:9060"),
            ("tcp:[::]:9061", HepCarrier::Tcp, "[::]:9061"),
        ] {
            let address = address.parse().unwrap();
            assert_eq!(listened_at(text), Ok(ListenedAt { carrier, address }));
        }
        for text in ["9060", "sctp:10.1.0.9:9060", "udp:homer:9060", ""] {
            assert!(listened_at(text).unwrap_err().starts_with("an address and a port"), "{text}");
        }
    }
}
