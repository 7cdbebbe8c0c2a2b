//! `doctor -i`: the mirror itself, for a while.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use earwitness_capture::{CaptureError, LinkState, LiveOptions, LiveSource, Refusal, Source, wait};
use earwitness_doctor::{Options, Report, RingLosses, Surroundings};
use signal_hook::consts::{SIGINT, SIGTERM};

use super::{
    super::record::{Growing, LOOK_EVERY, each_once},
    Doctor, surroundings,
};
use crate::{
    context::Context,
    exit::{Exit, Failure},
};

/// How long it may take to notice that the time is over.
const NOTICE: Duration = Duration::from_millis(200);

/// What is said of all the interfaces together: two outputs of a tap are one mirror. Ctrl-C ends it early.
pub(super) fn examine(command: &Doctor, context: &Context, options: Options) -> Result<Report, Failure> {
    let names = &command.interfaces;
    each_once(names)?;
    let mut sources = names.iter().map(|name| open(command, name)).collect::<Result<Vec<_>, _>>()?;
    let is_over = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        signal_hook::flag::register(signal, Arc::clone(&is_over))?;
    }
    context.say(format_args!("listening to {} for {} s", names.join(", "), command.seconds));
    let mut doctor = earwitness_doctor::Doctor::new(options);
    let began = Instant::now();
    let end = began + Duration::from_secs(command.seconds.into());
    let mut number = 1;
    let mut key_logs = Growing::new(&command.tls_keys);
    let mut looked = None::<Instant>;
    while !is_over.load(Ordering::Relaxed) {
        let Some(left) = end.checked_duration_since(Instant::now()) else { break };
        if !command.tls_keys.is_empty() && looked.is_none_or(|looked| looked.elapsed() >= LOOK_EVERY) {
            // Also when there are no lines yet: connections are held for those that come.
            doctor.handle_key_log(&key_logs.read(|trouble| context.say(trouble)));
            looked = Some(Instant::now());
        }
        wait(&sources.iter().collect::<Vec<_>>(), left.min(NOTICE));
        for source in &mut sources {
            source.number_from(number);
            source
                .poll(&mut |frame| doctor.handle_frame(frame))
                .map_err(|cause| Failure::new(Exit::Failed, cause))?;
            number = source.next_number();
        }
    }
    let listened = began.elapsed().as_secs_f64();
    // By now the keys of what was heard are in them.
    doctor.handle_key_log(&key_logs.read(|trouble| context.say(trouble)));
    let down = sources.iter().filter(|source| source.link() != LinkState::Up);
    let down = down.map(|source| source.name().to_owned()).collect();
    let ring = losses(&mut sources);
    let disk = surroundings::disk_trial(context);
    let clock = surroundings::clock_state();
    Ok(doctor.finish(&Surroundings { clock, ring: Some(ring), disk, down, listened: Some(listened) }))
}

fn losses(sources: &mut [LiveSource]) -> RingLosses {
    let mut sum = RingLosses { received: 0, dropped: 0, dropped_by_interface: 0, ring_bytes: 0 };
    for source in sources {
        let losses = source.take_losses();
        sum.received += losses.received;
        sum.dropped += losses.kernel;
        sum.dropped_by_interface += losses.interface;
        sum.ring_bytes = sum.ring_bytes.max(source.ring_bytes().unwrap_or(0));
    }
    sum
}

fn open(command: &Doctor, interface: &str) -> Result<LiveSource, Failure> {
    let filter = (!command.expression.is_empty()).then(|| command.expression.join(" "));
    let options =
        LiveOptions { ring_bytes: (command.buffer as usize) << 20, filter, ..LiveOptions::default() };
    LiveSource::open(interface, &options).map_err(|cause| {
        let missing =
            matches!(&cause, CaptureError::Interface { refusal: Refusal::NoSuchInterface { .. }, .. });
        Failure::new(if missing { Exit::NotFound } else { Exit::Failed }, cause)
    })
}
