//! `hookline run`: watch an interface.

use crate::{
    cli::Run,
    counters::Counters,
    delivery::wall_clock,
    error, plugins,
    service::{Parts, Service, print_out},
    session::Session,
};
use hookline_capture::{
    CaptureError, Drained, PacketSource,
    afpacket::{AfPacket, AfPacketOptions},
};
use hookline_item::{Item, Timestamp};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

/// How often counters are handed to the API.
const COUNTERS_EVERY: Duration = Duration::from_millis(500);

pub(crate) fn run(args: &Run) -> anyhow::Result<()> {
    let node = plugins::node_name(args.plugins.node.as_deref());
    let limits = args.dissect.limits()?;
    let options = AfPacketOptions { promiscuous: args.promiscuous, ..AfPacketOptions::default() };
    let mut source = AfPacket::open(&args.interface, &options).map_err(error::capture)?;
    let counters = Counters::default();
    let rendered = counters.clone();
    let parts = Parts {
        serve: &args.serve,
        plugins: &args.plugins,
        node: &node,
        replay: false,
        source: format!("interface {}", args.interface),
        metrics: Arc::new(move || rendered.render()),
    };
    let service = Service::start(&parts, Arc::new(line_sink))?;
    eprintln!("capturing on {}; dashboard: {} (Ctrl-C ends)", args.interface, service.url());
    if args.plugins.explain_filters {
        eprint!("{}", plugins::explain_filters(&service.host));
    }
    let mut session = Session::new(&node, &source, Some(service.host.feeder()), limits);
    let result = watch(&mut source, &mut session, &service.stop_flag(), &counters, &mut service.on_item());
    eprintln!("ending: {} items from {} frames", counters.items(), counters.frames());
    drop(session);
    service.finish();
    result.map_err(error::capture)
}

/// Alerts and the `log` action go to standard output.
pub(crate) fn line_sink(line: &str) -> std::io::Result<()> {
    print_out(line);
    Ok(())
}

/// Captures until told to stop, or until the source ends.
pub(crate) fn watch(
    source: &mut dyn PacketSource,
    session: &mut Session,
    stop: &AtomicBool,
    counters: &Counters,
    on_item: &mut dyn FnMut(Arc<Item>, Timestamp),
) -> Result<(), CaptureError> {
    let mut counted_at = Timestamp(0);
    let result = loop {
        if stop.load(Ordering::Relaxed) {
            break Ok(());
        }
        match session.drain(source, on_item) {
            Ok(Drained::End) => break Ok(()),
            Ok(Drained::Some(_)) => {}
            Ok(Drained::Idle) => session.advance(wall_clock(), on_item),
            Err(error) => break Err(error),
        }
        let now = wall_clock();
        if now.since(counted_at) >= COUNTERS_EVERY {
            counted_at = now;
            counters.set(session.counted(source));
        }
    };
    session.finish(on_item);
    counters.set(session.counted(source));
    result
}
