//! What a recorder should find of a load, a line of JSON for each call, in the words of `earwitness list --json`.

use std::io::{self, Write};

use earwitness_testkit::{CallTruth, DirectionTruth, Load};

/// Writes the truth about `load`: none of its strings has a character that JSON would have escaped.
pub(crate) fn write(load: &Load, mut to: impl Write) -> io::Result<()> {
    for (number, call) in load.truth().calls.iter().enumerate() {
        let streams: Vec<String> =
            call.directions.iter().map(|direction| stream(load, number as u32, direction)).collect();
        writeln!(to, "{}", line(call, &streams.join(", ")))?;
    }
    to.flush()
}

fn line(call: &CallTruth, streams: &str) -> String {
    format!(
        "{{\"sip_call_id\": \"{}\", \"from\": \"{}\", \"to\": \"{}\", \"streams\": [{streams}]}}",
        call.sip_call_id, call.from, call.to
    )
}

fn stream(load: &Load, call: u32, direction: &DirectionTruth) -> String {
    let mut hash = blake3::Hasher::new();
    let mut packet = vec![0; load.payload_length()];
    for index in load.sent(call, direction.leg) {
        load.payload_into(call, direction.leg, index, &mut packet);
        hash.update(&packet);
    }
    format!(
        "{{\"leg\": \"{}\", \"src\": \"{}\", \"dst\": \"{}\", \"ssrc\": \"0x{:08x}\", \"packets\": {}, \"lost\": {}, \
         \"duplicates\": {}, \"payload_bytes\": {}, \"payload_blake3\": \"{}\"}}",
        format!("{:?}", direction.leg).to_lowercase(),
        direction.src,
        direction.dst,
        direction.ssrc,
        direction.packets,
        direction.lost,
        direction.duplicates,
        direction.payload_bytes,
        hash.finalize().to_hex()
    )
}
