//! Capture files as they are met: every format, every cut, and libpcap's opinion of the same bytes.

#![expect(clippy::unwrap_used, reason = "a test stops where something it counts on is not so")]

mod classic;
mod cut;
mod gzip;
mod laws;
mod libpcap;
mod pcapng;

use std::io::{Cursor, Write};

use earwitness_capture::{CaptureEnd, CaptureError, FileSource, Polled, Source};
use earwitness_model::LinkType;
use flate2::{Compression, write::GzEncoder};

/// A frame that was handed over: number, time in ns, link type, length on the wire, bytes.
type Seen = (u64, i64, LinkType, u32, Vec<u8>);

/// Reads a capture to its end.
fn read(bytes: &[u8]) -> (Vec<Seen>, Result<CaptureEnd, CaptureError>) {
    match FileSource::from_reader(Box::new(Cursor::new(bytes.to_vec())), "test") {
        Ok(mut source) => drain(&mut source),
        Err(error) => (Vec::new(), Err(error)),
    }
}

fn drain(source: &mut FileSource) -> (Vec<Seen>, Result<CaptureEnd, CaptureError>) {
    let mut seen = Vec::new();
    loop {
        let polled = source.poll(&mut |frame| {
            seen.push((frame.number, frame.time.nanos(), frame.link, frame.wire_len, frame.bytes.to_vec()));
        });
        match polled {
            Ok(Polled::Frames) => {}
            Ok(Polled::Idle) => panic!("a file always has frames or an end"),
            Ok(Polled::End(end)) => return (seen, Ok(end)),
            Err(error) => return (seen, Err(error)),
        }
    }
}

/// Reads a capture that is expected to be complete.
fn frames(bytes: &[u8]) -> Vec<Seen> {
    let (seen, end) = read(bytes);
    assert_eq!(end.expect("a capture"), CaptureEnd::Complete);
    seen
}

/// What is wrong with a capture.
fn error(bytes: &[u8]) -> CaptureError {
    read(bytes).1.expect_err("not a good capture")
}

fn gzipped(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).expect("a Vec takes all bytes");
    encoder.finish().expect("a Vec takes all bytes")
}
