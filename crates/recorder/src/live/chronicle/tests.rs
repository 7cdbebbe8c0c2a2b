//! What is told while the disk does not answer.

use std::{
    collections::HashMap,
    io,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering::SeqCst},
    },
    thread,
    time::{Duration, Instant},
};

use earwitness_capture::HepCounts;
use earwitness_vault::{Access, CipherSuite, Disk, DiskFile, NewVault, OpenAs, RealDisk, Vault};

use super::*;
use crate::{pipeline::Pipeline, writer::OnFull};

/// The real disk, but for how long it takes to say how much room it has.
#[derive(Debug, Default)]
struct SlowDisk {
    hangs: AtomicBool,
    asked: AtomicU32,
}

/// Longer than anybody behind a wire may wait, and no longer than a test should.
const HANGS_FOR: Duration = Duration::from_secs(3);

impl Disk for SlowDisk {
    fn make_dir(&self, dir: &Path) -> io::Result<()> {
        RealDisk.make_dir(dir)
    }

    fn open(&self, path: &Path, how: OpenAs) -> io::Result<Box<dyn DiskFile>> {
        RealDisk.open(path, how)
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<PathBuf>> {
        RealDisk.list(dir)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        RealDisk.rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        RealDisk.remove(path)
    }

    fn space(&self, path: &Path) -> io::Result<(u64, u64)> {
        self.asked.fetch_add(1, SeqCst);
        let begun = Instant::now();
        while self.hangs.load(SeqCst) && begun.elapsed() < HANGS_FOR {
            thread::sleep(Duration::from_millis(5));
        }
        RealDisk.space(path)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        RealDisk.sync_dir(dir)
    }
}

fn sight() -> Sight {
    Sight {
        threads: Vec::new(),
        interfaces: Vec::new(),
        queues: Vec::new(),
        rings: RingHealth::default(),
        counts: Counts::default(),
        calls: 0,
        call_counts: CallCounts::default(),
    }
}

fn at(second: i64) -> WallTime {
    WallTime::from_nanos(1_795_219_200_000_000_000 + second * 1_000_000_000)
}

#[test]
fn a_disk_that_does_not_say_how_much_room_it_has_keeps_nobody_from_capturing() {
    let home = tempfile::tempdir().unwrap();
    let dir = home.path().join("vault");
    let new = NewVault {
        access: Access::Open,
        cipher: CipherSuite::Aes256Gcm,
        zone: chrono_tz::Asia::Seoul,
        passphrase: None,
        officer_key: None,
        now: at(0),
    };
    earwitness_vault::create(&dir, new).unwrap();
    let disk = Arc::new(SlowDisk::default());
    let vault = Vault::open_on(Arc::clone(&disk) as Arc<dyn Disk>, &dir).unwrap();
    let clock = || at(0);
    let pipeline = Pipeline {
        vault: &vault,
        clock: &clock,
        on_full: OnFull::Wait,
        continues: HashMap::new(),
        shards: 1,
    };
    let outcome = pipeline.run(|mut ends, own| {
        drop(own);
        let pool = ends.pop().unwrap();
        let asked = disk.asked.load(SeqCst);
        assert_eq!(asked, 1, "before anything was captured");
        disk.hangs.store(true, SeqCst);
        let begun = Instant::now();
        while disk.asked.load(SeqCst) == asked && begun.elapsed() < HANGS_FOR {
            thread::sleep(Duration::from_millis(5));
        }
        assert!(disk.asked.load(SeqCst) > asked, "the writer waits for the disk");
        let mut chronicle = Chronicle::new(Watching::default(), at(0));
        let begun = Instant::now();
        let looks: Vec<Health> =
            (1..=3).filter_map(|second| chronicle.look(at(second), sight(), &pool).ok()).collect();
        let took = begun.elapsed();
        disk.hangs.store(false, SeqCst);
        (looks, took)
    });
    let Ok(((looks, took), _)) = outcome else { panic!("the pipeline ends in order") };
    assert_eq!(looks.len(), 3);
    assert!(took < Duration::from_millis(500), "{took:?}");
    assert!(looks.iter().all(|health| health.disk.total > 0), "what it last said is told");
}

#[test]
fn what_is_dropped_at_the_port_of_agents_is_told_and_is_no_lost_audio() {
    let mut chronicle = Chronicle::new(Watching::default(), at(0));
    let losses = Losses { received: 10, kernel: 5, interface: 0 };
    for (name, hep, expected) in
        [("eth1", None, Missing::Frames), ("hep:10.1.0.9:9060", Some(HepCounts::default()), Missing::Nothing)]
    {
        let port = InterfaceHealth {
            name: name.to_owned(),
            link: Link::Up,
            frames: 5,
            bytes: 500,
            frames_per_second: 5.0,
            bytes_per_second: 500.0,
            kernel_drops: 5,
            interface_drops: 0,
            last_frame: None,
            hep,
        };
        assert_eq!(chronicle.lost((at(0), at(1)), &port, losses), expected, "{name}");
    }
    assert_eq!(chronicle.lapses.take_all().len(), 2, "both are in the ledger");
}

#[test]
fn an_interface_that_came_back_was_away_until_the_look_that_found_it() {
    let mut chronicle = Chronicle::new(Watching::default(), at(5));
    for event in [LinkEvent::Gone, LinkEvent::Renamed { to: "eth2".to_owned() }] {
        chronicle.link_changed(at(6), &event, "eth1");
    }
    assert_eq!(chronicle.lapses.take_all(), []);
    for event in [LinkEvent::Back, LinkEvent::Up] {
        chronicle.link_changed(at(6), &event, "eth1");
        let [gap] = &chronicle.lapses.take_all()[..] else { panic!("{event:?}") };
        let cause = CoverageCause::InterfaceDown;
        assert_eq!((gap.from, gap.to, gap.cause), (at(5), at(6), cause), "{event:?}");
    }
}
