//! How the packets of a run become samples of the export: decoded and raised to its rate, or as the codes they are.

use g711::{Law, decode, encode_sample};

use crate::{
    codec::{Coding, Decoder, Format},
    conceal,
    resample::Upsampler,
    timeline::{RunPacket, scaled},
};

/// Samples with a place on the timeline.
pub(crate) type Placed<S> = (i64, Vec<S>);

/// What a run's packets become, shown one after the other in RTP order.
pub(crate) trait Voicing {
    /// A sample of the export.
    type Sample: Copy;

    /// For an export with so many samples per second.
    fn new(rate: u32) -> Self;

    /// A packet that begins at `start`.
    fn voice(&mut self, packet: &RunPacket<'_>, start: i64, out: &mut Vec<Placed<Self::Sample>>);

    /// What stands in for loss between the last packet's end and `until`, as far as that goes.
    fn conceal(&mut self, until: i64, out: &mut Vec<Placed<Self::Sample>>);

    /// Where samples begin that wait for those behind them; there are none when nothing waits.
    fn waits_from(&self) -> Option<i64>;

    /// Nothing comes behind the last packet: hands out what waits.
    fn finish(&mut self, out: &mut Vec<Placed<Self::Sample>>);
}

/// Linear samples.
pub(crate) struct Linear {
    rate: u32,
    decoder: Option<(Format, Decoder)>,
    /// The last packet's samples, at its own rate.
    last: Vec<i16>,
    /// Where it ended.
    end: i64,
    raised: Option<Raised>,
    /// What raised the stretch before, from a rate: its kernel is worth keeping.
    idle: Option<(u32, Upsampler)>,
}

/// A stretch without a hole whose rate is raised.
struct Raised {
    from: u32,
    upsampler: Upsampler,
    /// Where the next sample goes that comes out of it.
    next: i64,
    /// Where the samples end that went into it.
    end: i64,
}

impl Linear {
    /// Places samples of `format`, the rate of which may be lower than the export's.
    fn place(&mut self, format: Format, (start, samples): (i64, &[i16]), out: &mut Vec<Placed<i16>>) {
        if format.rate == self.rate {
            self.finish(out);
            out.push((start, samples.to_vec()));
            return;
        }
        // Rates that do not divide each other round places by a sample.
        let goes_on = |it: &Raised| it.from == format.rate && it.end.abs_diff(start) <= 1;
        if !self.raised.as_ref().is_some_and(goes_on) {
            self.finish(out);
            let upsampler = match self.idle.take() {
                Some((from, upsampler)) if from == format.rate => upsampler,
                Some(_) | None => Upsampler::new(format.rate, self.rate),
            };
            self.raised = Some(Raised { from: format.rate, upsampler, next: start, end: start });
        }
        if let Some(raised) = &mut self.raised {
            let mut made = Vec::new();
            raised.upsampler.push(samples, &mut made);
            raised.end = start.saturating_add(scaled(samples.len() as i64, self.rate, format.rate));
            let next = raised.next.saturating_add(made.len() as i64);
            out.push((std::mem::replace(&mut raised.next, next), made));
        }
    }
}

impl Voicing for Linear {
    type Sample = i16;

    fn new(rate: u32) -> Self {
        Self { rate, decoder: None, last: Vec::new(), end: 0, raised: None, idle: None }
    }

    fn voice(&mut self, packet: &RunPacket<'_>, start: i64, out: &mut Vec<Placed<i16>>) {
        let format = packet.format;
        let mut decoder = match self.decoder.take() {
            Some((before, decoder)) if before == format => decoder,
            Some(_) | None => Decoder::new(format.coding),
        };
        let mut samples = std::mem::take(&mut self.last);
        samples.clear();
        decoder.decode(packet.payload, &mut samples);
        self.place(format, (start, &samples), out);
        self.end = start.saturating_add(scaled(samples.len() as i64, self.rate, format.rate));
        self.last = samples;
        self.decoder = Some((format, decoder));
    }

    fn conceal(&mut self, until: i64, out: &mut Vec<Placed<i16>>) {
        let Some((format, mut decoder)) = self.decoder.take() else { return };
        let missing = scaled(until.saturating_sub(self.end).max(0), format.rate, self.rate);
        let count = missing.unsigned_abs().min(conceal::longest(format.rate) as u64) as usize;
        let mut samples = Vec::with_capacity(count);
        match &mut decoder {
            Decoder::Opus(opus) => opus.conceal(count, &mut samples),
            Decoder::G711(_) | Decoder::G722(_) | Decoder::Gsm(_) | Decoder::G726(_) | Decoder::L16(_) => {
                samples.extend((0..count).map(|since| conceal::sample(&self.last, format.rate, since)));
            }
        }
        if count > 0 {
            self.place(format, (self.end, &samples), out);
        }
        self.decoder = Some((format, decoder));
    }

    fn waits_from(&self) -> Option<i64> {
        self.raised.as_ref().map(|raised| raised.next)
    }

    fn finish(&mut self, out: &mut Vec<Placed<i16>>) {
        if let Some(mut raised) = self.raised.take() {
            let mut rest = Vec::new();
            raised.upsampler.finish(&mut rest);
            out.push((raised.next, rest));
            self.idle = Some((raised.from, raised.upsampler));
        }
    }
}

/// The G.711 codes as they were captured; packets of other encodings are none.
pub(crate) struct Codes {
    law: Law,
    rate: u32,
    last: Vec<u8>,
    end: i64,
}

impl Voicing for Codes {
    type Sample = u8;

    fn new(rate: u32) -> Self {
        Self { law: Law::A, rate, last: Vec::new(), end: 0 }
    }

    fn voice(&mut self, packet: &RunPacket<'_>, start: i64, out: &mut Vec<Placed<u8>>) {
        let Coding::G711(law) = packet.format.coding else { return };
        self.law = law;
        self.last.clear();
        self.last.extend_from_slice(packet.payload);
        self.end = start.saturating_add(packet.payload.len() as i64);
        out.push((start, self.last.clone()));
    }

    fn conceal(&mut self, until: i64, out: &mut Vec<Placed<u8>>) {
        if self.last.is_empty() {
            return;
        }
        let missing = until.saturating_sub(self.end).max(0).unsigned_abs();
        let count = missing.min(conceal::longest(self.rate) as u64) as usize;
        let mut last = vec![0; self.last.len()];
        decode(self.law, &self.last, &mut last);
        let codes = (0..count).map(|since| encode_sample(self.law, conceal::sample(&last, self.rate, since)));
        out.push((self.end, codes.collect()));
    }

    fn waits_from(&self) -> Option<i64> {
        None
    }

    fn finish(&mut self, _: &mut Vec<Placed<u8>>) {}
}
