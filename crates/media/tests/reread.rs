//! A call out of its own pcapng.
#![expect(clippy::unwrap_used, reason = "what cannot be unwrapped fails the test")]

mod script;

use earwitness_media::{
    CallAudio, RereadError,
    export::{WavOptions, payload, placed_pcapng, wav},
    reread, wave,
};
use earwitness_model::{Flow, Leg, PayloadKind, SignallingMessage, SipTransport, TrackIndex};
use script::{MS, Outline, START, Spoken, program::piped, spoken, track};

fn outline() -> Outline {
    Outline { end: Some(400), ..Outline::default() }
}

/// Both parties, a wrap of sequence numbers, a keypress, and a hole of more than half their space.
fn packets() -> Vec<Spoken> {
    let caller = (0..10).map(|n| Spoken {
        marker: n == 0,
        payload: (0..160).map(|at| (at * 3 + n * 7) as u8).collect(),
        ..spoken(65_530 + n, n * 160, i64::from(n) * 20, (0, 0))
    });
    let callee =
        (0..9).map(|n| Spoken { track: 1, ..spoken(n, n * 160, i64::from(n) * 20 + 7, (0xd5, 160)) });
    let key = Spoken {
        track: 1,
        payload_type: 101,
        kind: PayloadKind::TelephoneEvent,
        payload: vec![1, 10, 3, 0x20],
        ..spoken(9, 1_440, 190, (0, 0))
    };
    let far = spoken(140_000, 2_400, 300, (0x55, 160));
    caller.chain(callee).chain([key, far]).collect()
}

fn file(call: &CallAudio) -> Vec<u8> {
    let message = |ms: i64, transport| SignallingMessage {
        time: START.plus_nanos(ms * MS),
        flow: Flow { src: "10.1.0.5:5060".parse().unwrap(), dst: "[2001:db8::9]:5060".parse().unwrap() },
        transport,
        bytes: b"OPTIONS sip:a SIP/2.0\r\n\r\n",
    };
    let messages = [message(-50, SipTransport::Udp), message(60, SipTransport::Tcp)];
    let mut out = Vec::new();
    placed_pcapng(call, messages.into_iter(), &mut out).unwrap();
    out
}

fn sound(call: &CallAudio) -> Vec<u8> {
    let mut samples = Vec::new();
    wav(call, WavOptions::default(), &mut samples).unwrap();
    samples
}

/// The payload of both parties' audio, where there is any.
fn payloads(call: &CallAudio) -> [Vec<u8>; 2] {
    [0, 1].map(|track| {
        let mut bytes = Vec::new();
        payload(call, (TrackIndex(track), 8), &mut bytes).map_or(Vec::new(), |_| bytes)
    })
}

#[test]
fn what_was_written_is_read_back_to_the_sample() {
    let call = outline().call(&packets());
    let read = reread(&outline().summary(), &file(&call)).unwrap();
    assert_eq!((read.packets, read.messages), (21, 2));
    assert!(sound(&read.audio) == sound(&call));
    assert_eq!((read.audio.answer, read.audio.end), (call.answer, call.end));
    assert!(file(&read.audio) == file(&call), "and written again it is the same file");
}

#[test]
fn no_changed_byte_of_media_is_read_as_if_it_had_been_sent() {
    let call = outline().call(&packets());
    let (summary, whole) = (outline().summary(), file(&call));
    let heard = payloads(&call);
    let (mut refused, mut harmless, mut told) = (0, 0, 0);
    for at in 0..whole.len() {
        let mut changed = whole.clone();
        changed[at] ^= 0x41;
        match reread(&summary, &changed) {
            Err(_) => refused += 1,
            // When a packet came, who wrote the file and what a message says is no audio.
            Ok(read) if payloads(&read.audio) == heard => harmless += 1,
            // The upper half of a sequence number stands in no packet: the order of the payload tells, and so its hash.
            Ok(_) => told += 1,
        }
        if let Ok(read) = reread(&summary, &whole[..at]) {
            assert!(read.packets < 21, "cut at {at}");
        }
    }
    assert!(refused > 4_000 && harmless < 1_000 && told < 50, "{refused} {harmless} {told}");
}

#[test]
fn packets_of_other_tracks_and_repeated_ones_are_named() {
    let call = outline().call(&packets());
    let one_track = Outline { tracks: vec![track(Leg::Caller, 0)], ..outline() };
    let error = reread(&one_track.summary(), &file(&call)).err().unwrap();
    assert!(matches!(error, RereadError::NoSuchTrack { .. }), "{error}");
    let swapped = Outline { tracks: vec![track(Leg::Callee, 0), track(Leg::Caller, 0)], ..outline() };
    let error = reread(&swapped.summary(), &file(&call)).err().unwrap();
    assert!(matches!(error, RereadError::OtherTrack { .. }), "{error}");
    let mut twice = file(&call);
    let last = twice.len() - 12 - 20 - 16 - (42 + 12 + 160 + 2);
    twice.extend_from_within(last..);
    assert_eq!(reread(&outline().summary(), &twice).err(), Some(RereadError::Repeated { count: 1 }));
    assert_eq!(reread(&outline().summary(), b"").err(), Some(RereadError::NotOurs));
}

#[test]
fn wireshark_reads_frames_that_tell_their_places() {
    let call = outline().call(&packets());
    let fields = ["-r", "-", "-d", "udp.port==4000,rtp", "-Y", "rtp", "-T", "fields", "-e", "rtp.seq"];
    let Some(said) = piped("tshark", &fields, file(&call)) else { return };
    let said = String::from_utf8(said).unwrap();
    assert_eq!(said.lines().count(), 21, "{said}");
    assert!(said.lines().any(|line| line == (140_000_u32 as u16).to_string()), "{said}");
}

#[test]
fn a_picture_has_the_extremes_of_each_column() {
    let call = outline().call(&packets());
    let shape = wave(&call, 40).unwrap();
    assert_eq!((shape.start, shape.end), (START, START.plus_nanos(400 * MS)));
    assert_eq!(shape.voices.each_ref().map(Vec::len), [40, 40]);
    // 10 ms a column: the caller's first ten packets are the first twenty; the callee is silent on the line.
    let [caller, callee] = &shape.voices;
    assert!(caller[..20].iter().all(|(low, high)| low < high && *high > 1_000), "{caller:?}");
    assert_eq!(caller[20..30], [(0, 0); 10]);
    assert!(callee.iter().all(|(low, high)| high - low <= 16), "{callee:?}");
    assert_eq!(
        wave(&Outline { end: Some(0), ..Outline::default() }.call(&[]), 40).unwrap().voices[0].len(),
        0
    );
}
