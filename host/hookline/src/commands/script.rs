//! `hookline script run`: a Kubeshark script, as it is.

use crate::{
    cli::ScriptRun,
    commands::{
        read::pass,
        run::{line_sink, watch},
    },
    config::Config,
    counters::Counters,
    delivery::{Delivery, wall_clock},
    error::{self, usage},
    plugin::name_of,
    plugins::{self, FILE_NODE, Outlet, Setup},
    service::print_out,
    session::Session,
};
use hookline_capture::{
    afpacket::{AfPacket, AfPacketOptions},
    file::FileSource,
};
use hookline_hooks::{Code, LogLevel, LogLine, Manifest, read_plugin};
use hookline_item::Timestamp;
use std::sync::{Arc, atomic::AtomicBool};

pub(crate) fn run(args: &ScriptRun, config: &Config) -> anyhow::Result<()> {
    let (code, _) = read_plugin(&args.file).map_err(usage)?;
    if !matches!(code, Code::Script(..)) {
        return Err(usage(format!("{}: give a .js file", args.file.display())));
    }
    let limits = args.dissect.limits(None)?;
    let replay = args.read.is_some();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let (delivery, emitter) = Delivery::start(&runtime, None, replay, Arc::new(line_sink), config.routes(), Box::new(|_| {}))?;
    let outlet = Outlet {
        event: emitter.or_show(args.dry_run),
        line: |line: LogLine| if line.level == LogLevel::Error { eprintln!("{}", line.text) } else { print_out(&line.text) },
    };
    let node = if replay { FILE_NODE.to_owned() } else { plugins::node_name(None) };
    let now = if replay { Timestamp(0) } else { wall_clock() };
    let filters = config.settings(&args.macros)?;
    let fetch = Some(delivery.fetcher(&runtime));
    let setup = Setup { env: &args.env, node: &node, replay, now, fetch, ..Setup::on_file(&filters) };
    let host = plugins::host(&setup, Arc::new(outlet))?;
    delivery.report_to(&host);
    // Who runs a script by hand trusts it with what it is given.
    host.load(&name_of(&args.file), code, Manifest::trusted())?;
    let result = match (&args.read, &args.interface) {
        (Some(file), _) => {
            let mut source = FileSource::open(file).map_err(error::capture)?;
            let mut session = Session::new(&node, &source, Some(host.feeder()), limits);
            pass(&mut source, &mut session, &mut |_, _| {})
        }
        (None, interface) => {
            let mut source =
                AfPacket::open(interface.as_deref().unwrap_or_default(), &AfPacketOptions::default()).map_err(error::capture)?;
            let mut session = Session::new(&node, &source, Some(host.feeder()), limits);
            watch(&mut source, &mut session, &stop_on_ctrl_c(&runtime), &Counters::default(), &mut |_, _| {})
        }
    };
    host.finish();
    let status = host.status().pop();
    drop(host);
    plugins::tell_undelivered(&delivery.finish(&runtime));
    if let Some(text) = status.and_then(|s| s.error) {
        eprintln!("warning: {text}");
    }
    result.map_err(error::capture)
}

fn stop_on_ctrl_c(runtime: &tokio::runtime::Runtime) -> Arc<AtomicBool> {
    let stop = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&stop);
    runtime.spawn(async move {
        if tokio::signal::ctrl_c().await.is_ok() {
            flag.store(true, std::sync::atomic::Ordering::Relaxed);
        }
    });
    stop
}
