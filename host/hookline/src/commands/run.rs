//! `hookline run`: watch an interface.

use crate::{
    cli::{Mode, Run},
    commands::kfl,
    config::Config,
    counters::Counters,
    delivery::wall_clock,
    error, plugins,
    service::{Parts, Service, print_out},
    session::Session,
};
use hookline_capture::{
    CaptureError, Drained, PacketFilter, PacketSource,
    af_xdp::{AfXdp, AfXdpOptions},
    afpacket::{AfPacket, AfPacketOptions},
};
use hookline_item::{Item, Timestamp};
use hookline_kfl::{Filter, Plan, Settings};
use hookline_packet::TUNNEL_PORTS;
use std::{
    collections::BTreeSet,
    str::FromStr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

/// How often counters are handed to the API.
const COUNTERS_EVERY: Duration = Duration::from_millis(500);
/// How long what the kernel holds is read at the end, where traffic goes on: its memory is read in less.
const LAST_READ_MAX: Duration = Duration::from_secs(2);

pub(crate) fn run(args: &Run, config: &Config) -> anyhow::Result<()> {
    let node = plugins::node_name(args.plugins.node.as_deref());
    let filters = config.settings(&args.macros)?;
    let only = Arc::new(only(args, &filters)?);
    let plan = only.plan();
    let in_kernel = in_kernel(&plan);
    // Items are kept whole, for whoever looks at them.
    let limits = args.dissect.limits(Some(&Plan { bodies: true, ..plan }))?;
    let mut sources = open(args, &in_kernel)?;
    let counters = Counters::default();
    let rendered = counters.clone();
    let parts = Parts {
        serve: &args.serve,
        plugins: &args.plugins,
        node: &node,
        replay: false,
        filters: &filters,
        policy: &config.policy,
        routes: config.routes(),
        source: format!("interface {}", args.interface),
        metrics: Arc::new(move || rendered.render()),
    };
    let service = Service::start(&parts, Arc::new(line_sink))?;
    eprintln!("capturing on {}; dashboard: {} (Ctrl-C ends)", args.interface, service.url());
    if args.plugins.explain_filters {
        eprint!("{}{}", explain(&only, &in_kernel), plugins::explain_filters(&service.host, &filters));
    }
    let stop = service.stop_flag();
    let first_stream = first_stream(wall_clock());
    let lane = |(lane, source): (usize, &mut Box<dyn PacketSource>)| {
        let source = source.as_mut();
        let feeder = Some(service.host.feeder());
        let number = u32::try_from(lane).unwrap_or(0);
        let mut session = Session::new(&node, source, feeder, limits.clone())
            .in_lane(number, args.lanes.lanes.into())
            .numbered_from(first_stream)
            .recorded(service.record(number))
            .only(Arc::clone(&only));
        let result = watch(source, &mut session, &stop, &counters.of_lane(lane), &mut service.on_item());
        // A lane that fails ends the others: half of the traffic would look like loss.
        stop.store(true, Ordering::Relaxed);
        result
    };
    let results: Vec<Result<(), CaptureError>> = std::thread::scope(|scope| {
        let lanes: Vec<_> = sources.iter_mut().enumerate().map(|source| scope.spawn(|| lane(source))).collect();
        lanes.into_iter().map(|l| l.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))).collect()
    });
    eprintln!("ending: {} items from {} frames", counters.items(), counters.frames());
    service.finish();
    results.into_iter().collect::<Result<(), _>>().map_err(error::capture)
}

/// The number before a run's first stream. Items of former runs are kept with their names: a run that began later numbers its streams from a
/// later number, unless four million flows a second opened all the time between. It has 48 bits, as names show; it begins anew in two years.
fn first_stream(now: Timestamp) -> u64 {
    ((now.as_millis() >> 4) & 0xffff_ffff) << 16
}

/// What items must match.
fn only(args: &Run, settings: &Settings) -> anyhow::Result<Filter> {
    let filter = kfl::parse(&args.kfl, settings, false)?;
    if filter.limit().is_some() {
        return Err(error::usage("--kfl: limit() ends a listing, and a capture that runs is none: leave it out".to_owned()));
    }
    if filter.redacts() {
        return Err(error::usage("--kfl: redact() hides values where items are printed: give --redact or --redact-json".to_owned()));
    }
    Ok(filter)
}

/// What can be told of a packet, so that the kernel leaves the others out.
fn in_kernel(plan: &Plan) -> PacketFilter {
    PacketFilter {
        ports: plan.ports.as_ref().and_then(parsed),
        addresses: plan.addresses.as_ref().and_then(parsed),
        vlans: plan.vlans.as_ref().and_then(parsed),
        tunnel_ports: TUNNEL_PORTS,
    }
    .bounded()
}

/// The values, if all are what they should be: else a comparison may mean something else, and is left to the items.
fn parsed<T: FromStr + Ord>(values: &BTreeSet<String>) -> Option<BTreeSet<T>> {
    values.iter().map(|value| value.parse().ok()).collect()
}

/// The plan of the user's filter, and what of it the kernel does.
fn explain(only: &Filter, in_kernel: &PacketFilter) -> String {
    if only.source().trim().is_empty() {
        return String::new();
    }
    let kernel = match in_kernel.program(true, 1).len() {
        _ if in_kernel.is_empty() => "leaves nothing out".to_owned(),
        len => format!("leaves packets out by a BPF program of {len} instructions"),
    };
    format!("--kfl {}\n{}", only.source(), plugins::indented(&format!("{}in the kernel    {kernel}\n", only.plan().render())))
}

/// The interface, once for each lane; the kernel divides its packets among them.
fn open(args: &Run, filter: &PacketFilter) -> anyhow::Result<Vec<Box<dyn PacketSource>>> {
    let (lanes, memory) = (args.lanes.lanes, (args.buffer_mib as usize) << 20);
    if args.mode == Mode::Afxdp {
        let options = AfXdpOptions {
            memory_bytes: memory,
            filter: filter.clone(),
            kernel_times: !args.coarse_times,
            steals: args.i_know_it_steals,
            ..AfXdpOptions::default()
        };
        let sources = AfXdp::open(&args.interface, lanes.into(), &options).map_err(error::capture)?;
        return Ok(sources.into_iter().map(|source| Box::new(source) as Box<dyn PacketSource>).collect());
    }
    // Groups are the machine's: the process's number keeps two captures apart.
    let fanout = (lanes > 1).then(|| (std::process::id() & 0xffff) as u16);
    let ring_bytes = memory / usize::from(lanes.max(1));
    let options =
        AfPacketOptions { promiscuous: args.promiscuous, ring_bytes, fanout, filter: filter.clone(), ..AfPacketOptions::default() };
    let source = |_| Ok(Box::new(AfPacket::open(&args.interface, &options).map_err(error::capture)?) as Box<dyn PacketSource>);
    (0..lanes).map(source).collect()
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
    let mut stopped_at = None;
    let result = loop {
        let stopping = stop.load(Ordering::Relaxed);
        match session.drain(source, on_item) {
            Ok(Drained::End) => break Ok(()),
            Ok(Drained::Some(_) | Drained::Time(_)) => {}
            // What was captured before the end has been read.
            Ok(Drained::Idle) if stopping => break Ok(()),
            Ok(Drained::Idle) => session.advance(wall_clock(), on_item),
            Err(error) => break Err(error),
        }
        let now = wall_clock();
        if stopping && now.since(*stopped_at.get_or_insert(now)) >= LAST_READ_MAX {
            break Ok(());
        }
        if now.since(counted_at) >= COUNTERS_EVERY {
            counted_at = now;
            counters.set(session.counted(source));
        }
    };
    session.finish(on_item);
    counters.set(session.counted(source));
    result
}
