//! SIP messages (RFC 3261) as views over a datagram.
