use earwitness_model::Flow;
use earwitness_wire::TcpFlags;

use super::*;
use crate::Secret;

/// Connections, and what became of the frames that carried their segments.
struct Bench {
    masks: Masks,
    connections: Connections,
    fates: Vec<Fate>,
    slot: u64,
}

const BARE: TcpFlags = TcpFlags { syn: false, fin: false, rst: false };
const SYN: TcpFlags = TcpFlags { syn: true, ..BARE };
const FIN: TcpFlags = TcpFlags { fin: true, ..BARE };
const RST: TcpFlags = TcpFlags { rst: true, ..BARE };

impl Bench {
    fn new() -> Self {
        let (masks, connections) = (Masks::new(Secret::seeded(1)), Connections::default());
        Self { masks, connections, fates: Vec::new(), slot: 0 }
    }

    /// A segment at `ms` from the telephone at `port`, or to it; the number of its frame.
    fn send(&mut self, ms: i64, port: i32, (sequence, flags, payload): (u32, TcpFlags, &[u8])) -> u64 {
        let phone = SocketAddr::from(([10, 1, 0, 41], port.unsigned_abs() as u16));
        let server = SocketAddr::from(([10, 1, 0, 5], 5060));
        let (src, dst) = if port > 0 { (phone, server) } else { (server, phone) };
        let segment = TcpSegment {
            flow: Flow { src, dst },
            sequence,
            acknowledged: None,
            flags,
            payload,
            cut: 0,
            hop_limit: 64,
            tunnel: None,
        };
        self.slot += 1;
        let now = PacketTime::from_nanos(ms * 1_000_000);
        self.connections.handle_time(&mut self.masks, now, &mut self.fates);
        self.connections.handle_segment(&mut self.masks, (&segment, self.slot, now), &mut self.fates);
        self.slot
    }

    /// Time goes on until `ms` in steps of a second.
    fn wait(&mut self, from: i64, ms: i64) {
        for ms in (from..=ms).step_by(1000) {
            let now = PacketTime::from_nanos(ms * 1_000_000);
            self.connections.handle_time(&mut self.masks, now, &mut self.fates);
        }
    }

    fn fate(&self, slot: u64) -> Option<Result<Vec<u8>, Dropped>> {
        self.fates.iter().find_map(|fate| match fate {
            Fate::Fill(number, bytes) if *number == slot => Some(Ok(bytes.clone())),
            Fate::Drop(number, dropped) if *number == slot => Some(Err(*dropped)),
            Fate::Fill(..) | Fate::Drop(..) => None,
        })
    }

    fn held(&self) -> usize {
        let held = self.connections.table.values().map(Connection::remembered).sum();
        assert_eq!(self.connections.remembered, held, "what is counted is what there is");
        held
    }
}

/// A message with a body of so many bytes.
fn message(body: usize) -> Vec<u8> {
    let mut message =
        format!("MESSAGE sip:4001@10.1.0.5 SIP/2.0\r\nCall-ID: 1\r\nContent-Length: {body}\r\n\r\n")
            .into_bytes();
    message.extend(vec![b'a'; body]);
    message
}

#[test]
fn a_connection_that_both_sides_ended_is_remembered_for_half_a_minute() {
    let text = message(1000);
    let end = 2 + text.len() as u32;
    let mut bench = Bench::new();
    for (port, last) in [(5001, FIN), (5002, RST)] {
        bench.send(0, port, (1, SYN, b""));
        bench.send(1, port, (2, BARE, &text));
        bench.send(2, -port, (90, BARE, &text));
        bench.send(3, port, (end, last, b""));
    }
    bench.send(4, -5001, (90 + text.len() as u32, FIN, b""));
    let again = bench.send(9000, 5001, (2, BARE, &text));
    assert_eq!(bench.fate(again), bench.fate(2), "a segment that comes again");
    assert_eq!(bench.connections.table.len(), 2);
    assert!(bench.held() >= 4 * text.len());
    bench.wait(10_000, 60_000);
    assert_eq!((bench.connections.table.len(), bench.held()), (0, 0));
}

#[test]
fn of_a_connection_that_says_nothing_only_its_place_is_remembered() {
    let text = message(1000);
    let mut bench = Bench::new();
    bench.send(0, 5001, (2, BARE, &text));
    bench.wait(1000, 119_000);
    assert!(bench.held() >= text.len());
    bench.wait(120_000, 140_000);
    assert_eq!((bench.connections.table.len(), bench.held()), (1, 0));
    let next = bench.send(150_000, 5001, (2 + text.len() as u32, BARE, &text));
    assert_eq!(bench.fate(next), bench.fate(1));
}

#[test]
fn what_all_connections_remember_is_bounded() {
    // Line ends are the quickest to be replaced.
    let text = [&message(0)[..message(0).len() - 5], b"60000\r\n\r\n", &[b'\n'; 60_000]].concat();
    let mut bench = Bench::new();
    for port in 1..1300 {
        bench.send(i64::from(port), port, (2, BARE, &text));
    }
    assert!(bench.held() <= MAX_REMEMBERED);
    assert_eq!(bench.connections.table.len(), 1299);
    assert!(bench.fates.iter().all(|fate| matches!(fate, Fate::Fill(..))));
}

#[test]
fn what_a_frame_that_waits_carries_is_not_forgotten() {
    let (one, other) = (message(1000), message(500));
    let (first, rest) = other.split_at(100);
    let mut bench = Bench::new();
    let waits = bench.send(0, 5001, (2, BARE, &[&one[..], first].concat()));
    bench.connections.forget();
    assert_eq!(bench.fate(waits), None);
    bench.send(10, 5001, (2 + (one.len() + first.len()) as u32, BARE, rest));
    let filled = bench.fate(waits).unwrap().unwrap();
    assert!(filled.starts_with(b"MESSAGE sip:") && filled.len() == one.len() + first.len());
}

#[test]
fn frames_of_a_connection_before_the_next_between_the_same_ends_do_not_wait() {
    let text = message(1000);
    let (start, rest) = text.split_at(300);
    for far in [1 << 30, 3 << 30] {
        let mut bench = Bench::new();
        bench.send(0, 5001, (far, SYN, b""));
        bench.send(1, 5001, (far + 1, BARE, &text));
        let cut = bench.send(2, 5001, (far + 1 + text.len() as u32, BARE, start));
        let beyond_gap = bench.send(3, 5001, (far + 90_000, BARE, start));
        assert_eq!((bench.fate(cut), bench.fate(beyond_gap)), (None, None));
        bench.send(100, 5001, (2000, SYN, b""));
        for slot in [cut, beyond_gap] {
            let filled = bench.fate(slot).unwrap().unwrap();
            assert!(filled.starts_with(b"MESSAGE sip:") && filled.len() == start.len());
        }
        bench.send(101, 5001, (2001, BARE, start));
        let last = bench.send(102, 5001, (2001 + start.len() as u32, BARE, rest));
        assert_eq!(bench.fate(last).unwrap().unwrap().len(), rest.len());
        assert!(bench.connections.waiting.is_empty());
    }
}

#[test]
fn in_a_connection_that_is_ours_nothing_waits_for_more_than_half_a_minute() {
    let text = message(1000);
    let mut bench = Bench::new();
    bench.send(0, 5001, (2, BARE, &text));
    let kept = bench.send(1, -5001, (50, BARE, b"\r\n"));
    let junk = bench.send(2, -5001, (52, BARE, b"\x00\x17rest of Kim\r\nsecret"));
    assert_eq!(bench.fate(kept), Some(Ok(b"\r\n".to_vec())));
    bench.wait(1000, 33_000);
    let filled = bench.fate(junk).unwrap().unwrap();
    assert!(!filled.windows(3).any(|window| window == b"Kim" || window == b"sec"), "{filled:?}");
    let whole = bench.send(34_000, -5001, (52 + filled.len() as u32, BARE, &text));
    assert_eq!(bench.fate(whole), bench.fate(1));
}
