//! Makes the hook host out of what the command line says.

use crate::{cli::PluginArgs, config::Config, delivery::Delivery, embedded, error::usage, fields};
use hookline_actions::ActionStatus;
use hookline_bus::Event;
use hookline_hooks::{Change, Fetch, Folder, HookHost, LogLine, Options, Outbox, Packets, PluginStatus, Policy};
use hookline_item::Timestamp;
use hookline_kfl::{Plan, Settings};
use std::{
    collections::BTreeMap,
    fmt::Write as _,
    path::{Path, PathBuf},
    sync::{Arc, LazyLock},
};

/// What a host is made with.
pub(crate) struct Setup<'a> {
    pub(crate) env: &'a [String],
    pub(crate) node: &'a str,
    /// Packets come from a file.
    pub(crate) replay: bool,
    pub(crate) now: Timestamp,
    /// What filters are compiled with.
    pub(crate) filters: &'a Settings,
    /// What plugins may be granted at most.
    pub(crate) policy: &'a Policy,
    /// Folder for what plugins keep, and for calls that failed.
    pub(crate) data: Option<PathBuf>,
    /// Makes plugins' requests.
    pub(crate) fetch: Option<Arc<dyn Fetch>>,
    /// Has the packets, if they are kept.
    pub(crate) packets: Option<Arc<dyn Packets>>,
    /// Whether plugins' instructions are counted.
    pub(crate) fuel: bool,
}

/// Whoever runs a plugin by hand is bound by no site's policy.
static NO_POLICY: LazyLock<Policy> = LazyLock::new(Policy::default);

impl<'a> Setup<'a> {
    /// For a capture file: nothing is kept, nothing is asked of servers.
    pub(crate) fn on_file(filters: &'a Settings) -> Self {
        Self {
            env: &[],
            node: FILE_NODE,
            replay: true,
            now: Timestamp(0),
            filters,
            policy: &NO_POLICY,
            data: None,
            fetch: None,
            packets: None,
            fuel: false,
        }
    }
}

/// A host without plugins.
pub(crate) fn host(setup: &Setup<'_>, outbox: Arc<dyn Outbox>) -> anyhow::Result<HookHost> {
    let options = Options {
        cache: cache_dir(),
        script_engine: embedded::SCRIPT_ENGINE.map(Into::into),
        node: setup.node.to_owned(),
        env: env_values(setup.env)?,
        kind_of: Box::new(fields::kind_of),
        replay: setup.replay,
        now: setup.now,
        filters: setup.filters.clone(),
        policy: setup.policy.clone(),
        data: setup.data.clone(),
        fetch: setup.fetch.clone(),
        packets: setup.packets.clone(),
        fuel: setup.fuel,
    };
    HookHost::new(options, outbox).map_err(anyhow::Error::msg)
}

/// Loads the plugins of a folder; a plugin that is refused is an error of the folder's owner.
pub(crate) fn load_folder(host: &HookHost, dir: &Path) -> anyhow::Result<Folder> {
    if !dir.is_dir() {
        return Err(usage(format!("{}: there is no such folder of plugins", dir.display())));
    }
    let mut folder = Folder::new(dir.to_owned());
    for change in folder.load_all(host).map_err(|e| usage(format!("{}: {e}", dir.display())))? {
        if let Change::Refused(name, reason) = change {
            eprintln!("warning: plugin {name} in {} is not run: {reason}", dir.display());
        }
    }
    Ok(folder)
}

/// Where compiled plugins are kept between runs: `$XDG_CACHE_HOME/hookline`, else `~/.cache/hookline`.
fn cache_dir() -> Option<PathBuf> {
    let base = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from).filter(|p| p.is_absolute());
    let home = || std::env::var_os("HOME").map(|h| PathBuf::from(h).join(".cache"));
    Some(base.or_else(home)?.join("hookline"))
}

/// `NAME=VALUE`, or `NAME` for the value that it has in our own environment.
fn env_values(args: &[String]) -> anyhow::Result<BTreeMap<String, String>> {
    let value = |arg: &String| match arg.split_once('=') {
        Some((name, value)) => Ok((name.to_owned(), value.to_owned())),
        None => std::env::var(arg)
            .map(|v| (arg.clone(), v))
            .map_err(|_| usage(format!("--env {arg}: it is not set in the environment; give it as {arg}=VALUE"))),
    };
    args.iter().map(value).collect()
}

/// The node's name: as given, else the host's.
pub(crate) fn node_name(given: Option<&str>) -> String {
    given.map_or_else(|| std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default().trim().to_owned(), str::to_owned)
}

/// The node's name in what is read from a file: the capture does not say where it was made.
pub(crate) const FILE_NODE: &str = "file";

/// An outbox out of two functions.
pub(crate) struct Outlet<E, L> {
    pub(crate) event: E,
    pub(crate) line: L,
}

impl<E, L> Outbox for Outlet<E, L>
where
    E: Fn(Event) -> bool + Send + Sync,
    L: Fn(LogLine) + Send + Sync,
{
    fn event(&self, event: Event) -> bool {
        (self.event)(event)
    }

    fn log(&self, line: LogLine) {
        (self.line)(line);
    }
}

/// What all plugins' filters together need; nothing if none has subscribed to items.
pub(crate) fn needs(host: &HookHost, filters: &Settings) -> Option<Plan> {
    plans(host, filters).into_iter().map(|(_, _, plan)| plan).reduce(Plan::or)
}

/// What can be decided of the plugins' filters before there are items, of each and of all together.
pub(crate) fn explain_filters(host: &HookHost, filters: &Settings) -> String {
    let mut out = String::new();
    for (name, source, plan) in plans(host, filters) {
        let shown = if source.is_empty() { "everything" } else { &source };
        let _ = write!(out, "{name}: {shown}\n{}", indented(&plan.render()));
    }
    match needs(host, filters) {
        Some(plan) => format!("{out}together:\n{}", indented(&plan.render())),
        None => "no plugin has subscribed to items\n".to_owned(),
    }
}

/// Each plugin's name, and its filters with their plans. What it has subscribed with has been compiled before.
fn plans(host: &HookHost, filters: &Settings) -> Vec<(String, String, Plan)> {
    let of = |plugin: PluginStatus| {
        let name = plugin.name;
        plugin.filters.into_iter().filter_map(move |source| Some((name.clone(), source.clone(), filters.parse(&source).ok()?.plan())))
    };
    host.status().into_iter().flat_map(of).collect()
}

/// Each line set in.
pub(crate) fn indented(text: &str) -> String {
    text.lines().map(|line| format!("  {line}\n")).collect()
}

/// Plugins on a file: the host, and the workers that deliver what they say.
pub(crate) struct FileHooks {
    pub(crate) host: HookHost,
    delivery: Delivery,
    runtime: tokio::runtime::Runtime,
}

impl FileHooks {
    /// Loads the plugins of `dir`. Their logs and alerts go to standard error: standard output has the items.
    pub(crate) fn start(dir: &Path, args: &PluginArgs, node: &str, filters: &Settings, config: &Config) -> anyhow::Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let to_stderr = |line: &str| {
            eprintln!("{line}");
            Ok(())
        };
        let (delivery, emitter) = Delivery::start(&runtime, None, true, Arc::new(to_stderr), config.routes(), Box::new(|_| {}))?;
        let outlet = Outlet { event: emitter.or_show(args.dry_run), line: |line: LogLine| eprintln!("{}: {}", line.plugin, line.text) };
        let fetch = Some(delivery.fetcher(&runtime));
        let setup = Setup { env: &args.env, node, policy: &config.policy, fetch, ..Setup::on_file(filters) };
        let host = host(&setup, Arc::new(outlet))?;
        delivery.report_to(&host);
        load_folder(&host, dir)?;
        Ok(Self { host, delivery, runtime })
    }

    /// Lets plugins and workers finish; says what could not be done.
    pub(crate) fn finish(self) {
        self.host.finish();
        let status = self.host.status();
        drop(self.host);
        for plugin in status.iter().filter(|p| p.counts.failed > 0) {
            let error = plugin.error.as_deref().unwrap_or("");
            eprintln!("warning: plugin {} failed on {} items or packets: {error}", plugin.name, plugin.counts.failed);
        }
        tell_undelivered(&self.delivery.finish(&self.runtime));
    }
}

/// Says which actions gave events up.
pub(crate) fn tell_undelivered(actions: &[ActionStatus]) {
    for action in actions.iter().filter(|a| a.dead > 0) {
        let reason = action.last_error.as_ref().map_or("", |e| e.reason.as_str());
        eprintln!("warning: {} events for {} were not delivered: {reason}", action.dead, action.action);
    }
}
