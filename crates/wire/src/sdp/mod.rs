//! SDP (RFC 8866) as views over a body.
