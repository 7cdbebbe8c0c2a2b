//! A port of capture agents, on the loopback interface: real sockets, and everything that comes to them and should not.

#![expect(clippy::unwrap_used, reason = "a test stops where something it counts on is not so")]

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream, UdpSocket},
    time::{Duration, Instant},
};

use earwitness_capture::{Feed, HepCarrier, HepKey, HepOptions, HepSource, Polled, Source};
use earwitness_model::{LinkType, WallTime};

/// The clock of the tests: 2026-11-21 09:00 in Korea, and it stands still.
const NOW: i64 = 1_795_219_200_000_000_000;
/// Longer than anything takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);

fn open(carrier: HepCarrier, key: Option<&[u8]>) -> HepSource {
    open_patient(carrier, key, PATIENCE)
}

fn open_patient(carrier: HepCarrier, key: Option<&[u8]>, patience: Duration) -> HepSource {
    let options = HepOptions {
        carrier,
        address: "127.0.0.1:0".parse().unwrap(),
        key: key.and_then(HepKey::new),
        patience,
        clock: || WallTime::from_nanos(NOW),
    };
    HepSource::open(&options).unwrap()
}

fn chunk(kind: u16, value: &[u8]) -> Vec<u8> {
    [&[0, 0], &kind.to_be_bytes()[..], &(6 + value.len() as u16).to_be_bytes(), value].concat()
}

/// A packet of an agent whose clock is 3 s ahead.
fn packet(key: &[u8], text: &str) -> Vec<u8> {
    let seconds = (NOW / 1_000_000_000 + 3) as u32;
    let body = [chunk(9, &seconds.to_be_bytes()), chunk(14, key), chunk(15, text.as_bytes())].concat();
    [b"HEP3", &(6 + body.len() as u16).to_be_bytes()[..], &body].concat()
}

/// Polls until `is_enough` of what came.
fn taken(source: &mut HepSource, is_enough: impl Fn(&HepSource, &[Vec<u8>]) -> bool) -> Vec<Vec<u8>> {
    let (mut all, begun) = (Vec::new(), Instant::now());
    while !is_enough(source, &all) {
        assert!(begun.elapsed() < PATIENCE, "{source:?}");
        let polled = source.poll(&mut |frame| {
            assert_eq!(
                (frame.link, frame.time.nanos(), frame.wire_len as usize),
                (LinkType::Hep, NOW, frame.bytes.len())
            );
            assert_eq!(frame.number, all.len() as u64 + 1);
            all.push(frame.bytes.to_vec());
        });
        if polled.unwrap() == Polled::Idle {
            std::thread::sleep(Duration::from_millis(1));
        }
    }
    all
}

fn connected(source: &HepSource) -> TcpStream {
    TcpStream::connect(source.address().unwrap()).unwrap()
}

#[test]
fn packets_come_over_both_carriers_at_one_port_and_none_is_read_twice() {
    let mut source = open(HepCarrier::Both, None);
    let address: SocketAddr = source.address().unwrap();
    let agent = UdpSocket::bind("127.0.0.1:0").unwrap();
    agent.send_to(&packet(b"", "by datagram"), address).unwrap();
    assert_eq!(taken(&mut source, |_, all| all.len() == 1), [packet(b"", "by datagram")]);
    let mut stream = connected(&source);
    let (one, two) = (packet(b"", "one"), packet(b"", "two"));
    let mut all = Vec::new();
    for (part, packets) in [([&one[..], &two[..7]].concat(), 1), (two[7..].to_vec(), 2)] {
        stream.write_all(&part).unwrap();
        let begun = Instant::now();
        while all.len() < packets {
            assert!(begun.elapsed() < PATIENCE);
            source.poll(&mut |frame| all.push(frame.bytes.to_vec())).unwrap();
        }
    }
    assert_eq!(all, [one, two]);
    let counts = source.counts();
    assert_eq!((counts.packets, counts.connections, counts.not_hep), (3, 1, 0));
    assert_eq!(
        counts.clock_difference_ns,
        Some(3_000_000_000),
        "the agent's clock is told, and not believed"
    );
    assert_eq!((source.take_losses().received, source.take_losses().received), (3, 0));
}

#[test]
fn what_is_no_hep_is_counted_and_its_connection_closed_and_others_go_on() {
    let mut source = open(HepCarrier::Both, None);
    let agent = UdpSocket::bind("127.0.0.1:0").unwrap();
    let whole = packet(b"", "whole");
    for datagram in [&b"GET / HTTP/1.1"[..], b"", b"HEP3", &whole[..whole.len() - 1], &whole] {
        agent.send_to(datagram, source.address().unwrap()).unwrap();
    }
    assert_eq!(taken(&mut source, |_, all| all.len() == 1), [whole]);
    assert_eq!(source.counts().not_hep, 4);
    let (mut bad, mut good) = (connected(&source), connected(&source));
    bad.write_all(&[&packet(b"", "then")[..], b"HEP4"].concat()).unwrap();
    let begun = Instant::now();
    while source.counts().not_hep < 5 {
        assert!(begun.elapsed() < PATIENCE);
        source.poll(&mut |_| {}).unwrap();
    }
    assert_eq!(source.counts().packets, 2, "what came before it was a packet");
    bad.set_read_timeout(Some(PATIENCE)).unwrap();
    assert!(matches!(bad.read(&mut [0]), Ok(0) | Err(_)), "nobody answers, and the connection is closed");
    good.write_all(&packet(b"", "good")).unwrap();
    let begun = Instant::now();
    while source.counts().packets < 3 {
        assert!(begun.elapsed() < PATIENCE);
        source.poll(&mut |_| {}).unwrap();
    }
    assert_eq!(source.counts().connections, 1);
}

#[test]
fn a_packet_without_the_key_is_counted_and_nothing_else_and_ends_its_connection() {
    let mut source = open(HepCarrier::Both, Some(b"secret\n"));
    let agent = UdpSocket::bind("127.0.0.1:0").unwrap();
    let (right, wrong) = (packet(b"secret", "right"), packet(b"Secret", "wrong"));
    for datagram in [&wrong, &right] {
        agent.send_to(datagram, source.address().unwrap()).unwrap();
    }
    assert_eq!(taken(&mut source, |_, all| all.len() == 1), std::slice::from_ref(&right));
    assert_eq!(source.counts().wrong_key, 1);
    let mut stream = connected(&source);
    stream.write_all(&[&wrong[..], &right].concat()).unwrap();
    let begun = Instant::now();
    while source.counts().wrong_key < 2 || source.counts().connections > 0 {
        assert!(begun.elapsed() < PATIENCE);
        source.poll(&mut |_| panic!("what comes after a wrong key is not asked for its own")).unwrap();
    }
    assert_eq!(source.counts().packets, 1);
}

#[test]
fn connections_are_bounded_and_those_that_say_nothing_are_closed() {
    let mut source = open_patient(HepCarrier::Tcp, None, Duration::from_secs(1));
    let mut proven = connected(&source);
    proven.write_all(&packet(b"", "proven")).unwrap();
    taken(&mut source, |_, all| all.len() == 1);
    let mut silent: Vec<TcpStream> = Vec::new();
    // The system's own queue is shorter than all of them.
    for number in 0..100 {
        silent.push(connected(&source));
        if number % 10 == 9 {
            source.poll(&mut |_| {}).unwrap();
        }
    }
    // A byte now and then is not enough to stay.
    let mut drops = b"HEP3\xff\xff".iter().copied().chain(std::iter::repeat(0));
    let begun = Instant::now();
    while source.counts().refused + source.counts().too_slow < 100 {
        assert!(begun.elapsed() < PATIENCE, "{source:?}");
        source.poll(&mut |_| {}).unwrap();
        assert!(source.counts().connections <= 9, "those of one address that said nothing are eight at most");
        let drop = drops.next().expect("it has no end");
        // Those that were refused cannot be written to.
        silent.iter_mut().for_each(|stream| stream.write_all(&[drop]).unwrap_or_default());
        std::thread::sleep(Duration::from_millis(20));
    }
    let counts = source.counts();
    assert!(counts.refused >= 80 && counts.too_slow > 0 && counts.not_hep == 0, "{counts:?}");
    proven.write_all(&packet(b"", "still here")).unwrap();
    let begun = Instant::now();
    while source.counts().packets < 2 {
        assert!(begun.elapsed() < PATIENCE);
        source.poll(&mut |_| {}).unwrap();
    }
    assert_eq!(source.counts().connections, 1);
}

#[test]
fn waiting_ends_when_a_packet_comes_and_a_port_that_is_taken_is_told() {
    let source = open(HepCarrier::Both, None);
    let address = source.address().unwrap();
    let taken = HepOptions {
        carrier: HepCarrier::Tcp,
        address,
        key: None,
        patience: PATIENCE,
        clock: || WallTime::from_nanos(NOW),
    };
    let refused = HepSource::open(&taken).unwrap_err().to_string();
    assert!(refused.starts_with(&format!("hep:tcp:{address}: cannot be opened")), "{refused}");
    let feed = Feed::from(source);
    let begun = Instant::now();
    Feed::wait(&[&feed], Duration::from_millis(20));
    assert!(begun.elapsed() >= Duration::from_millis(10));
    let agent = UdpSocket::bind("127.0.0.1:0").unwrap();
    agent.send_to(&packet(b"", "now"), address).unwrap();
    let begun = Instant::now();
    Feed::wait(&[&feed], PATIENCE);
    assert!(begun.elapsed() < PATIENCE / 2);
}

#[test]
fn what_the_kernel_had_no_room_for_is_counted() {
    let mut source = open(HepCarrier::Udp, None);
    let agent = UdpSocket::bind("127.0.0.1:0").unwrap();
    let long = packet(b"", &"x".repeat(8_000));
    let sent = 4_000;
    for _ in 0..sent {
        agent.send_to(&long, source.address().unwrap()).unwrap();
    }
    while source.poll(&mut |_| {}).unwrap() == Polled::Frames {}
    let losses = source.take_losses();
    assert!(losses.kernel > 0 && source.counts().packets > 0, "{losses:?}");
    assert_eq!((losses.received, source.counts().packets + losses.kernel), (sent, sent));
    assert_eq!(source.take_losses().received, 0);
}

#[test]
fn a_batch_is_bounded_whatever_comes_and_everybody_has_a_turn() {
    const EACH: usize = 20_000;
    let mut source = open(HepCarrier::Both, None);
    let empty = b"HEP3\0\x06";
    let mut floods: Vec<TcpStream> = (0..3).map(|_| connected(&source)).collect();
    let mut quiet = connected(&source);
    let writers: Vec<_> = floods
        .drain(..)
        .map(|mut stream| std::thread::spawn(move || stream.write_all(&empty.repeat(EACH)).map(|()| stream)))
        .collect();
    let agent = UdpSocket::bind("127.0.0.1:0").unwrap();
    let mut turns_of_quiet = None;
    let (mut all, mut begun) = (0, Instant::now());
    while all < 3 * EACH + 500 + 1 {
        assert!(begun.elapsed() < PATIENCE, "{all} {source:?}");
        let mut batch = 0;
        let polled = source.poll(&mut |frame| {
            batch += 1;
            if frame.bytes.len() > 1_000 {
                turns_of_quiet = turns_of_quiet.map(|turns: usize| turns + 1_000_000);
            }
        });
        assert!(batch <= 256, "{batch}");
        assert_eq!(polled.unwrap() == Polled::Frames, batch > 0);
        if all < 5_000 && all + batch >= 5_000 {
            quiet.write_all(&packet(b"", &"x".repeat(1_000))).unwrap();
            turns_of_quiet = Some(0);
            (0..500).for_each(|_| assert_eq!(agent.send_to(empty, source.address().unwrap()).unwrap(), 6));
            begun = Instant::now();
        }
        turns_of_quiet = turns_of_quiet.map(|turns| if turns < 1_000_000 { turns + 1 } else { turns });
        all += batch;
    }
    let turns = turns_of_quiet.unwrap().checked_sub(1_000_000).expect("it came");
    assert!(turns <= 20, "{turns} batches until the quiet one had its turn");
    writers.into_iter().for_each(|writer| drop(writer.join().unwrap().unwrap()));
    assert_eq!(source.counts().not_hep, 0);
}
