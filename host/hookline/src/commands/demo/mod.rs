//! `hookline demo`: sample traffic, sample hooks, a dashboard.

mod paced;
mod slack;

use crate::{
    cli::{Demo, MacroArgs, PluginArgs, Serve},
    commands::{
        read::pass,
        run::{line_sink, watch},
    },
    config::Config,
    counters::Counters,
    delivery::wall_clock,
    embedded::{DEMO_CAPTURES, DEMO_TEXTS, DNS_ERRORS, HTTP_ERRORS},
    error,
    lane::LaneLimits,
    service::{Parts, Service, print_out},
    session::Session,
};
use anyhow::Context as _;
use hookline_actions::ActionStatus;
use hookline_hooks::PluginStatus;
use paced::Paced;
use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
    sync::{Arc, atomic::Ordering},
};
use tempfile::TempDir;

/// The node's name in the demo.
const NODE: &str = "demo";

pub(crate) fn run(args: &Demo, config: &Config) -> anyhow::Result<()> {
    let filters = config.settings(&MacroArgs::default())?;
    let folder = plugin_folder()?;
    let slack = slack::start(print_out).context("cannot start the stand-in for Slack")?;
    let plugins = PluginArgs {
        plugins: Some(folder.path().to_owned()),
        env: vec![format!("SLACK_WEBHOOK=http://{slack}/services/T000/B000/demo")],
        ..PluginArgs::default()
    };
    // One pass needs no fixed address: nobody has time to look.
    let listen = if args.once { "127.0.0.1:0".parse()? } else { args.listen };
    let serve = Serve { listen, data: None, keep_items: 100_000, keep_mib: 512, record_mib: 0, record_last: std::time::Duration::ZERO };
    let counters = Counters::default();
    let rendered = counters.clone();
    let parts = Parts {
        serve: &serve,
        plugins: &plugins,
        node: NODE,
        replay: args.once,
        filters: &filters,
        policy: &config.policy,
        routes: config.routes(),
        source: "sample traffic".to_owned(),
        metrics: Arc::new(move || rendered.render()),
    };
    let service = Service::start(&parts, Arc::new(line_sink))?;
    let plugins = if args.once { once(&service, &counters)? } else { show(&service, &counters, args, folder.path())? };
    let actions = service.finish();
    summarise(&counters, &plugins, &actions);
    Ok(())
}

/// One pass over the sample traffic, as fast as it can be read.
fn once(service: &Service, counters: &Counters) -> anyhow::Result<Vec<PluginStatus>> {
    for (name, bytes) in DEMO_CAPTURES {
        let mut source = paced::at_once(name, bytes).map_err(error::capture)?;
        let mut session = Session::new(NODE, &source, Some(service.host.feeder()), LaneLimits::default());
        pass(&mut source, &mut session, &mut service.on_item()).map_err(error::capture)?;
        counters.set(session.counted(&mut source));
        counters.keep();
    }
    service.host.finish();
    Ok(service.host.status())
}

/// The sample traffic in a loop at its own pace, until Ctrl-C.
fn show(service: &Service, counters: &Counters, args: &Demo, folder: &Path) -> anyhow::Result<Vec<PluginStatus>> {
    let url = service.url();
    print_out(&format!("dashboard   {url}\nplugins     {} (drop a .js or .wasm here)\nCtrl-C ends\n", folder.display()));
    if !args.no_open {
        open_browser(&url);
    }
    let stop = service.stop_flag();
    let mut shown = 0;
    for (name, bytes) in DEMO_CAPTURES.iter().cycle() {
        let mut source = Paced::new(name, bytes, shown, wall_clock).map_err(error::capture)?;
        // Each showing is a capture of its own: the same connections come again.
        let mut session = Session::new(NODE, &source, Some(service.host.feeder()), LaneLimits::default());
        watch(&mut source, &mut session, &stop, counters, &mut service.on_item()).map_err(error::capture)?;
        counters.keep();
        shown = source.shown();
        if stop.load(Ordering::Relaxed) {
            break;
        }
    }
    Ok(service.host.status())
}

/// A folder with the sample plugins; it is gone when the program ends.
fn plugin_folder() -> anyhow::Result<TempDir> {
    let dir = tempfile::Builder::new().prefix("hookline-demo-").tempdir().context("cannot make a folder for the sample plugins")?;
    for (name, code) in [("http-errors.wasm", HTTP_ERRORS), ("dns-errors.wasm", DNS_ERRORS)] {
        let code = code.context("this hookline was built without the sample plugins: use `cargo xtask demo`, which builds them first")?;
        fs::write(dir.path().join(name), code)?;
    }
    for (name, text) in DEMO_TEXTS {
        fs::write(dir.path().join(name), text)?;
    }
    Ok(dir)
}

/// Opens the dashboard where there is a desktop to open it on.
fn open_browser(url: &str) {
    let desktop = ["DISPLAY", "WAYLAND_DISPLAY"].iter().any(|v| std::env::var_os(v).is_some());
    if desktop {
        // Without a browser the address that was printed serves as well.
        let _ = Command::new("xdg-open").arg(url).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
    }
}

fn summarise(counters: &Counters, plugins: &[PluginStatus], actions: &[ActionStatus]) {
    print_out(&format!("\nitems      {:>8}   from {} frames", counters.items(), counters.frames()));
    for p in plugins {
        let error = p.error.as_ref().map(|e| format!("   {e}")).unwrap_or_default();
        print_out(&format!("hook       {:>8}   items or packets in {} calls: {}{error}", p.counts.delivered, p.counts.calls, p.name));
    }
    for a in actions {
        let error = a.last_error.as_ref().map(|e| format!("   {}", e.reason)).unwrap_or_default();
        print_out(&format!("action     {:>8}   delivered, {} given up: {}{error}", a.delivered, a.dead, a.action));
    }
}
