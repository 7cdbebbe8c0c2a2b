//! `earwitness bench anonymise`: a capture of one's own site as a load that may be given away.

use std::{
    fs::{File, OpenOptions, remove_file},
    io::{self, BufWriter, Read},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use clap::Args;
use earwitness_anonymise::{Anonymiser, Dropped, Secret};
use earwitness_capture::{CaptureEnd, FileSource, Polled, Source};
use earwitness_load::pcap::{PcapWriter, Precision};
use earwitness_model::LinkType;
use zeroize::Zeroizing;

use crate::{
    cmd::doctor::open,
    context::Context,
    exit::{Exit, Failure, Outcome},
    view::counted,
};

/// Make a capture that may be given away: other people, the same timing and shapes
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  earwitness bench anonymise site.pcap -o load.pcap                       a load with nobody in it
  earwitness bench anonymise mon.pcap.gz tue.pcapng -o load.pcap          several files, one after the other
  earwitness bench anonymise site.pcap -o load.pcap --mapping own.csv     and who is who, for the owner alone
  earwitness bench --against ./earwitness-new -r load.pcap                what such a load is good for

Replaced, always by the same for the same: MAC and IP addresses (of the same class, with as many digits; hosts of one /24 \
stay in one /24), in headers of every tunnel and in text; numbers and users (as long; a leading 0 stays one), names, hosts, \
Call-IDs, tags, branches, keys, credentials; values of headers that are not known, and bodies that describe no media; audio, by \
noise that does not follow it; digits that were pressed, all by one digit. The secret behind it is made for one run and kept \
nowhere.

Kept, and so told to whoever gets the file: when frames came and how long they were; ports, codecs, RTP sequence numbers and \
timestamps; which calls were made, answered, held, transferred, by parties of how long a number; what receivers measured; VLANs; the \
product that a User-Agent begins with; which packets hold the same sound. Where TLS or SRTP protected a call it stays closed.

Left out and counted: whatever is no telephony, TLS, and what is not understood. No byte comes through that was not understood.

Exit codes: 0 written, 7 an input ends before its end, 1 failed")]
pub(super) struct Anonymise {
    /// Capture files: pcap or pcapng, plain or gzip; `-` is standard input
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    /// The load, a pcap file with nanoseconds; it must not exist
    #[arg(short = 'o', long, value_name = "FILE")]
    output: PathBuf,
    /// Also write what numbers, users and addresses were replaced by, as CSV that only its owner can read
    #[arg(long, value_name = "FILE")]
    mapping: Option<PathBuf>,
    /// Replace by what everybody can make again: for tests, and no protection
    #[arg(long, value_name = "N", hide = true)]
    seed: Option<u64>,
}

/// How far the files could be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Extent {
    Whole,
    Part,
}

impl Anonymise {
    pub(super) fn run(&self, context: &Context) -> Outcome {
        let secret = match self.seed {
            Some(seed) => Secret::seeded(seed),
            None => made().map_err(|cause| Failure::new(Exit::Failed, cause))?,
        };
        let mut anonymiser = match self.mapping {
            Some(_) => Anonymiser::with_mapping(secret),
            None => Anonymiser::new(secret),
        };
        let file = create(&self.output, 0o644)?;
        let written = self.write(context, &mut anonymiser, file);
        let written = written.and_then(|extent| self.write_mapping(&anonymiser).map(|()| extent));
        let extent = written.map_err(|cause| match remove_file(&self.output) {
            // Half a load is none.
            Ok(()) => cause,
            Err(left) => {
                let cause = format!("{cause}; half of it is left in {}: {left}", self.output.display());
                Failure::new(Exit::Failed, cause)
            }
        })?;
        tell(context, &anonymiser);
        Ok(match extent {
            Extent::Whole => Exit::Done,
            Extent::Part => Exit::Part,
        })
    }

    fn write(&self, context: &Context, anonymiser: &mut Anonymiser, file: File) -> Result<Extent, Failure> {
        let mut load = Load::Empty(BufWriter::with_capacity(1 << 20, file));
        let (mut extent, mut number) = (Extent::Whole, 0);
        for path in &self.files {
            let mut source = open(path)?;
            loop {
                context.go_on()?;
                let polled = source.poll(&mut |frame| {
                    number += 1;
                    anonymiser.handle_frame(&earwitness_model::RawFrame { number, ..*frame });
                });
                load = load.fetch(anonymiser).map_err(failed(&self.output))?;
                match polled {
                    Ok(Polled::Frames | Polled::Idle) => {}
                    Ok(Polled::End(CaptureEnd::Complete)) => break,
                    Ok(Polled::End(CaptureEnd::Cut { frame, at_byte, .. })) => {
                        let name = FileSource::name(&source);
                        context.say(format_args!(
                            "{name}: the file ends inside frame {frame} (byte {at_byte}): what came before is in the load"
                        ));
                        extent = Extent::Part;
                        break;
                    }
                    Err(cause) if number == 0 => return Err(Failure::new(Exit::Failed, cause)),
                    Err(cause) => {
                        context.say(format_args!("{cause}; what came before is in the load"));
                        extent = Extent::Part;
                        break;
                    }
                }
            }
        }
        anonymiser.handle_end();
        let load = load.fetch(anonymiser).map_err(failed(&self.output))?;
        if let Load::Empty(_) = load {
            let what =
                format_args!("of {number} frames none is telephony that is understood: there is no load");
            return Err(Failure::new(Exit::Failed, what));
        }
        load.finish().map_err(failed(&self.output))?;
        Ok(extent)
    }
}

impl Anonymise {
    /// `kind,was,is`, in order, where it is wanted.
    fn write_mapping(&self, anonymiser: &Anonymiser) -> Result<(), Failure> {
        let Some(path) = &self.mapping else { return Ok(()) };
        let write = |file: File| -> io::Result<()> {
            let mut table = csv::Writer::from_writer(BufWriter::new(file));
            table.write_record(["kind", "was", "is"])?;
            for (old, new) in anonymiser.mapped_users() {
                table.write_record(["user", old, new])?;
            }
            let mut addresses: Vec<_> = anonymiser.mapped_addresses().collect();
            addresses.sort_unstable();
            for (old, new) in addresses {
                table.write_record(["address", &old.to_string(), &new.to_string()])?;
            }
            table.flush()
        };
        write(create(path, 0o600)?).map_err(failed(path))
    }
}

/// The file that is written. Its header names the link type, which the first frame says.
enum Load {
    Empty(BufWriter<File>),
    Begun(PcapWriter<BufWriter<File>>),
}

impl Load {
    /// Writes what is done.
    fn fetch(self, anonymiser: &mut Anonymiser) -> io::Result<Self> {
        let mut own = self;
        while let Some(frame) = anonymiser.poll_frame() {
            let mut writer = own.begun(frame.link)?;
            writer.write_cut(frame.time, &frame.bytes, frame.wire_len)?;
            own = Self::Begun(writer);
        }
        Ok(own)
    }

    fn begun(self, link: LinkType) -> io::Result<PcapWriter<BufWriter<File>>> {
        match self {
            Self::Empty(file) => PcapWriter::new(file, link, Precision::Nano),
            Self::Begun(writer) => Ok(writer),
        }
    }

    fn finish(self) -> io::Result<()> {
        let file = self.begun(LinkType::Ethernet)?.finish()?;
        file.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()
    }
}

/// A secret that nobody else has.
fn made() -> io::Result<Secret> {
    let mut key = Zeroizing::new([0; 32]);
    File::open("/dev/urandom")?.read_exact(&mut key[..])?;
    Ok(Secret::new(*key))
}

fn create(path: &Path, mode: u32) -> Result<File, Failure> {
    OpenOptions::new().write(true).create_new(true).mode(mode).open(path).map_err(failed(path))
}

fn failed(path: &Path) -> impl Fn(io::Error) -> Failure {
    let path = path.display().to_string();
    move |cause| Failure::new(Exit::Failed, format!("cannot write {path}: {cause}"))
}

/// What is in the load and what was left out, for whoever made it.
fn tell(context: &Context, anonymiser: &Anonymiser) {
    let counts = anonymiser.counts();
    context.say(format_args!("{} of {}", counted(counts.written, "frame"), counted(counts.frames, "frame")));
    for reason in Dropped::ALL {
        let count = counts.of(reason);
        if count > 0 {
            context.say(format_args!("left out: {}, {reason}", counted(count, "frame")));
        }
    }
}
