//! Addresses: `IN IP4 10.1.0.5` (RFC 8866, 5.7).

use std::net::IpAddr;

use crate::sip::host_address;
use crate::sip::scan::{cut, first_word};

/// The address in `IN IP4 address[/ttl[/count]]`; `None` for a host name. An address of the other family is taken as it
/// is written: some senders say IP4 whatever they mean.
pub(crate) fn connection_address(value: &[u8]) -> Option<IpAddr> {
    let (net_type, rest) = first_word(value);
    let (_address_type, rest) = first_word(rest);
    let (address, _) = first_word(rest);
    let address = cut(address, b'/').map_or(address, |(address, _ttl)| address);
    net_type.eq_ignore_ascii_case(b"IN").then(|| host_address(address)).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_both_families_are_read() {
        let check = |value: &str, expected: Option<&str>| {
            let expected = expected.map(|address| address.parse().unwrap());
            assert_eq!(connection_address(value.as_bytes()), expected, "{value}");
        };
        check("IN IP4 10.1.0.5", Some("10.1.0.5"));
        check("IN  IP4\t10.1.0.5 ", Some("10.1.0.5"));
        check("IN IP4 224.2.36.42/127/3", Some("224.2.36.42"));
        check("IN IP6 2001:db8::20", Some("2001:db8::20"));
        check("IN IP6 [2001:db8::20]", Some("2001:db8::20"));
        check("IN IP6 ::ffff:192.0.2.2", Some("::ffff:192.0.2.2"));
        check("IN IP4 2001:db8::20", Some("2001:db8::20"));
        check("in ip4 0.0.0.0", Some("0.0.0.0"));
        check("IN IP4 media.example.kr", None);
        check("IN IP4 10.1.0.256", None);
        check("ATM NSAP 1", None);
        check("IN IP4", None);
        check("", None);
    }
}
