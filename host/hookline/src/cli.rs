//! The command line.

use clap::{Args, Parser, Subcommand, ValueEnum};
use std::{net::SocketAddr, path::PathBuf, time::Duration};

/// Actionable network observability: live traffic in, sandboxed hooks' alerts out.
#[derive(Debug, Parser)]
#[command(name = "hookline", version, max_term_width = 100)]
pub(crate) struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
    /// Log more: -v for info, -vv for debug. HOOKLINE_LOG takes tracing filters.
    #[arg(short, long, action = clap::ArgAction::Count, global = true)]
    pub(crate) verbose: u8,
    /// The configuration file; without it /etc/hookline/hookline.toml, if it is there.
    #[arg(long, value_name = "FILE", env = "HOOKLINE_CONFIG", global = true)]
    pub(crate) config: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Sample traffic, sample hooks, a dashboard: nothing else needed.
    #[command(after_help = "Example:\n  hookline demo --once")]
    Demo(Demo),
    /// Watch an interface: dissect its traffic, run plugins, deliver what they say, serve the dashboard.
    #[command(after_help = "Examples:\n  hookline run -i eth0 --plugins ./hooks\n  \
                            hookline run -i eth0 --kfl 'http and dst.port == 8080'")]
    Run(Run),
    /// Say what this machine lets hookline do: kernel, rights, and how each interface can be captured from.
    #[command(after_help = "Example:\n  hookline doctor -i eth0")]
    Doctor(Doctor),
    /// Read a capture file and print its items.
    #[command(after_help = "Example:\n  hookline read a.pcap --kfl 'http and response.status == 500' --format ndjson")]
    Read(Read),
    /// Run a Kubeshark script as it is.
    #[command(subcommand)]
    Script(Script),
    /// Check a filter, or explain it on an item.
    #[command(after_help = "Example:\n  hookline kfl 'http and response.status >= 500' --item item.json")]
    Kfl(Kfl),
    /// Write, build, check, test and watch plugins.
    #[command(subcommand)]
    Plugin(Plugin),
    /// Write the packets behind items, or of a time, from what a hookline keeps (`run --record-mib`), into a pcapng file.
    #[command(
        after_help = "Example:\n  hookline snapshot --data /var/lib/hookline --kfl 'http and response.status == 500' --last 10m -o out.pcapng"
    )]
    Snapshot(Snapshot),
    /// Look at the events that could not be delivered, and try them again or drop them.
    #[command(after_help = "Examples:\n  hookline dlq --data /var/lib/hookline ls\n  hookline dlq --data /var/lib/hookline retry --all")]
    Dlq(Dlq),
    /// Print what plugins and scripts print, of a hookline that runs.
    #[command(after_help = "Example:\n  hookline logs my-hook -f")]
    Logs(Logs),
}

/// A hookline that runs.
#[derive(Args, Clone, Debug)]
pub(crate) struct ApiArgs {
    /// Address of its dashboard.
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8898")]
    pub(crate) url: String,
}

#[derive(Args, Debug)]
pub(crate) struct Logs {
    /// Only this plugin's lines.
    pub(crate) plugin: Option<String>,
    /// Go on with new lines as they come, until Ctrl-C.
    #[arg(short, long)]
    pub(crate) follow: bool,
    #[command(flatten)]
    pub(crate) api: ApiArgs,
}

#[derive(Args, Debug)]
pub(crate) struct Dlq {
    /// The folder that `hookline run` has as its --data; it may be running.
    #[arg(long, value_name = "DIR")]
    pub(crate) data: PathBuf,
    #[command(subcommand)]
    pub(crate) command: DlqCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum DlqCommand {
    /// List them, the oldest first.
    Ls {
        /// Only those of this action.
        #[arg(long, value_name = "NAME")]
        action: Option<String>,
        /// Print JSON, one line each.
        #[arg(long)]
        json: bool,
    },
    /// Show one, with what it says and why each attempt failed.
    Show {
        /// Its event's id; the first letters are enough.
        id: String,
    },
    /// Deliver again, with all attempts before it; a hookline that runs does so within seconds.
    Retry(DlqWhich),
    /// Forget.
    Drop(DlqWhich),
}

#[derive(Args, Debug)]
#[group(required = true, multiple = false)]
pub(crate) struct DlqWhich {
    /// Its event's id; the first letters are enough.
    pub(crate) id: Option<String>,
    /// Every one of this action.
    #[arg(long, value_name = "NAME")]
    pub(crate) action: Option<String>,
    /// Every one.
    #[arg(long)]
    pub(crate) all: bool,
}

#[derive(Args, Debug)]
pub(crate) struct Doctor {
    /// Only this interface; exit code 1 if it cannot be captured from.
    #[arg(short, long, value_name = "NAME")]
    pub(crate) interface: Option<String>,
}

#[derive(Args, Debug)]
pub(crate) struct Snapshot {
    /// The folder that `hookline run` has as its --data; it may be running.
    #[arg(long, value_name = "DIR")]
    pub(crate) data: PathBuf,
    /// The packets of the streams that have an item which matches; without it, all packets.
    #[arg(long, value_name = "FILTER", default_value = "")]
    pub(crate) kfl: String,
    /// Only items, or packets, of so long ago at most: 90s, 10m, 2h, 1d.
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    pub(crate) last: Option<Duration>,
    /// The file, compressed if it ends in .zst; - for standard output.
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: PathBuf,
    #[command(flatten)]
    pub(crate) macros: MacroArgs,
}

/// A number with a unit: 90s, 10m, 2h, 1d.
fn parse_time(text: &str) -> Result<Duration, String> {
    let wrong = || format!("{text} is no time: write 90s, 10m, 2h or 1d");
    let unit = text.chars().last().ok_or_else(wrong)?;
    let seconds = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3600,
        'd' => 86_400,
        _ => return Err(wrong()),
    };
    let number: u64 = text[..text.len() - unit.len_utf8()].parse().map_err(|_| wrong())?;
    number.checked_mul(seconds).map(Duration::from_secs).ok_or_else(wrong)
}

/// What plugins are run, and what they are given.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct PluginArgs {
    /// Folder of plugins: NAME.wasm or NAME.js, each with an optional manifest NAME.toml.
    #[arg(long, value_name = "DIR")]
    pub(crate) plugins: Option<PathBuf>,
    /// A value that plugins may be granted to read; without =VALUE it is taken from the environment.
    #[arg(long, value_name = "NAME[=VALUE]")]
    pub(crate) env: Vec<String>,
    /// Show what plugins emit on standard error instead of delivering it.
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Name of this node, in item ids and subjects.
    #[arg(long, value_name = "NAME")]
    pub(crate) node: Option<String>,
    /// Print on standard error, of each plugin's filters, what can be decided before there are items, and what they read.
    #[arg(long)]
    pub(crate) explain_filters: bool,
}

/// How traffic is dissected.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct DissectArgs {
    /// Flows that each lane follows at once (default 262144); beyond, the one idle for longest is ended early. A million idle TCP
    /// connections take some 600 MiB.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=16_000_000))]
    pub(crate) max_flows: Option<u32>,
    /// Show the values of Authorization, Cookie, Proxy-Authorization and Set-Cookie instead of REDACTED. Passwords in the log-ins of
    /// other protocols are never shown.
    #[arg(long)]
    pub(crate) no_redact: bool,
    /// Also mask this header field; may be given several times.
    #[arg(long, value_name = "HEADER")]
    pub(crate) redact: Vec<String>,
    /// Also mask this value in JSON bodies, WebSocket messages and server-sent events: user.password, items.*.token, ..secret (at any
    /// depth); may be given several times.
    #[arg(long, value_name = "PATH")]
    pub(crate) redact_json: Vec<String>,
    /// Read what is said on these server ports as this protocol, whatever it looks like; may be given several times.
    #[arg(long, value_name = "PROTOCOL=PORT[,PORT...]")]
    pub(crate) port_map: Vec<String>,
    /// Make items of these protocols only, and leave what leads to no such item unread.
    #[arg(long, value_name = "PROTOCOL", value_delimiter = ',')]
    pub(crate) protocols: Vec<String>,
}

/// The user's own macros.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct MacroArgs {
    /// A short name for a filter, to be used in filters: shop='dst.name == "shop"'; may be given several times.
    #[arg(long = "macro", value_name = "NAME=FILTER")]
    pub(crate) macros: Vec<String>,
    /// Run filters in KFL1 as Kubeshark runs them, bug for bug.
    #[arg(long, conflicts_with = "macros")]
    pub(crate) kfl_compat: bool,
}

/// A filter language.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum FilterLanguage {
    /// Kubeshark's first filter language.
    Kfl1,
    /// The Common Expression Language, Kubeshark's second.
    Cel,
}

/// On how many threads traffic is dissected.
#[derive(Args, Clone, Copy, Debug)]
pub(crate) struct LaneArgs {
    /// Threads that dissect. Packets between the same two addresses go to the same one; batches of plugins hold items of one lane.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=64))]
    pub(crate) lanes: u16,
}

#[derive(Args, Debug)]
pub(crate) struct Read {
    /// A pcap or pcapng file, plain or compressed by gzip or zstd; - is standard input.
    pub(crate) file: PathBuf,
    /// Only items that match this filter, in KFL1 or CEL.
    #[arg(long, value_name = "FILTER", default_value = "")]
    pub(crate) kfl: String,
    #[command(flatten)]
    pub(crate) macros: MacroArgs,
    /// How items are printed.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(crate) format: Format,
    #[command(flatten)]
    pub(crate) lanes: LaneArgs,
    #[command(flatten)]
    pub(crate) dissect: DissectArgs,
    #[command(flatten)]
    pub(crate) plugins: PluginArgs,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// One item a line, as JSON.
    Ndjson,
    /// One line an item, for people.
    Text,
    /// An HTTP archive (HAR 1.2) of the HTTP items.
    Har,
    /// Suricata's EVE JSON, of HTTP and DNS items.
    Eve,
    /// Counts alone.
    Summary,
    /// Nothing: for measuring, or for the sake of plugins.
    None,
}

#[derive(Args, Debug)]
pub(crate) struct Run {
    /// The interface to capture on.
    #[arg(short, long, value_name = "NAME")]
    pub(crate) interface: String,
    /// How to capture: afpacket watches and takes nothing away; afxdp shares memory with the card's driver and takes frames away from the machine,
    /// for ports that only get copies of traffic (a switch's mirror, a tap).
    #[arg(long, value_enum, default_value_t = Mode::Auto)]
    pub(crate) mode: Mode,
    /// Let afxdp take frames away on an interface that has an address or the default route: connections over it break.
    #[arg(long)]
    pub(crate) i_know_it_steals: bool,
    /// Let afxdp give frames the time at which they are read, up to half a millisecond late: the kernel has less to do for each.
    #[arg(long)]
    pub(crate) coarse_times: bool,
    /// Memory for frames that were not read yet, in MiB, of all lanes together.
    #[arg(long, value_name = "MIB", default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=4096))]
    pub(crate) buffer_mib: u32,
    /// Also see frames that are not addressed to this machine; afxdp always does.
    #[arg(long)]
    pub(crate) promiscuous: bool,
    /// Only items that match this filter, in KFL1 or CEL: others are not kept, shown or given to plugins. Packets that can have no part in
    /// such an item, by their ports, addresses or VLAN, are left out in the kernel; packet hooks do not see them either.
    #[arg(long, value_name = "FILTER", default_value = "")]
    pub(crate) kfl: String,
    #[command(flatten)]
    pub(crate) lanes: LaneArgs,
    #[command(flatten)]
    pub(crate) macros: MacroArgs,
    #[command(flatten)]
    pub(crate) dissect: DissectArgs,
    #[command(flatten)]
    pub(crate) plugins: PluginArgs,
    #[command(flatten)]
    pub(crate) serve: Serve,
}

/// Ways to capture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Mode {
    /// The one that is safe everywhere: afpacket.
    Auto,
    /// AF_XDP.
    Afxdp,
    /// AF_PACKET.
    Afpacket,
}

/// The dashboard and the data behind it.
#[derive(Args, Clone, Debug)]
pub(crate) struct Serve {
    /// Address of the dashboard and the API. It has no log-in: keep it on a loopback address.
    #[arg(long, value_name = "ADDR:PORT", default_value = "127.0.0.1:8898")]
    pub(crate) listen: SocketAddr,
    /// Folder for the item index and the event queue; without it they are kept in memory.
    #[arg(long, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
    /// Items kept, oldest go first.
    #[arg(long, value_name = "N", default_value_t = 100_000)]
    pub(crate) keep_items: u64,
    /// Bytes of items kept, in MiB.
    #[arg(long, value_name = "MIB", default_value_t = 512)]
    pub(crate) keep_mib: u64,
    /// Keep packets in --data, so many MiB of them compressed; the oldest go. 0 keeps none.
    #[arg(long, value_name = "MIB", default_value_t = 0)]
    pub(crate) record_mib: u64,
    /// Keep packets for so long at most.
    #[arg(long, value_name = "TIME", default_value = "1d", value_parser = parse_time)]
    pub(crate) record_last: Duration,
}

#[derive(Args, Debug)]
pub(crate) struct Demo {
    /// One pass over the sample traffic, then a summary.
    #[arg(long)]
    pub(crate) once: bool,
    /// Address of the dashboard.
    #[arg(long, value_name = "ADDR:PORT", default_value = "127.0.0.1:8898")]
    pub(crate) listen: SocketAddr,
    /// Do not open a browser.
    #[arg(long)]
    pub(crate) no_open: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Script {
    /// Run a script on a capture file or an interface; its console is printed on standard output.
    #[command(after_help = "Example:\n  hookline script run count.js --read a.pcap")]
    Run(ScriptRun),
}

#[derive(Args, Debug)]
pub(crate) struct ScriptRun {
    /// The script.
    pub(crate) file: PathBuf,
    /// A capture file; - is standard input.
    #[arg(long, value_name = "FILE", conflicts_with = "interface", required_unless_present = "interface")]
    pub(crate) read: Option<PathBuf>,
    /// An interface to capture on.
    #[arg(short, long, value_name = "NAME")]
    pub(crate) interface: Option<String>,
    /// A value for the script's env; without =VALUE it is taken from the environment.
    #[arg(long, value_name = "NAME[=VALUE]")]
    pub(crate) env: Vec<String>,
    /// Show what the script emits on standard error instead of delivering it.
    #[arg(long)]
    pub(crate) dry_run: bool,
    #[command(flatten)]
    pub(crate) macros: MacroArgs,
    #[command(flatten)]
    pub(crate) dissect: DissectArgs,
}

#[derive(Args, Debug)]
pub(crate) struct Kfl {
    /// The filter, in KFL1 or CEL; which one is told by its operators, or by a prefix kfl1: or cel:.
    pub(crate) filter: String,
    /// A file with an item as JSON, or items one a line; - is standard input. Prints whether each matches.
    #[arg(long, value_name = "FILE")]
    pub(crate) item: Option<PathBuf>,
    /// With --item: print the filter as a tree, each part with its value on the item.
    #[arg(long, requires = "item")]
    pub(crate) explain: bool,
    /// Print the filter as it is best written.
    #[arg(long, conflicts_with_all = ["item", "to", "plan", "complete"])]
    pub(crate) fmt: bool,
    /// Print the filter in this language.
    #[arg(long, value_enum, value_name = "LANGUAGE", conflicts_with_all = ["item", "plan", "complete"])]
    pub(crate) to: Option<FilterLanguage>,
    /// Print what can be decided before there are items, and what the filter reads of them.
    #[arg(long, conflicts_with_all = ["item", "complete"])]
    pub(crate) plan: bool,
    /// Print what may follow: the filter may be unfinished.
    #[arg(long, conflicts_with = "item")]
    pub(crate) complete: bool,
    #[command(flatten)]
    pub(crate) macros: MacroArgs,
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Plugin {
    /// Make the folder of a new plugin, ready to be built.
    #[command(after_help = "Example:\n  hookline plugin new my-hook --lang rust")]
    New {
        /// Its name: the folder's and the plugin's.
        name: PathBuf,
        /// The language.
        #[arg(long, value_enum, default_value_t = Language::Rust)]
        lang: Language,
    },
    /// Build the plugin in a folder; writes NAME.wasm there.
    #[command(after_help = "Example:\n  hookline plugin build my-hook")]
    Build {
        /// Its folder.
        #[arg(default_value = ".")]
        dir: PathBuf,
    },
    /// Load a plugin and say what it is: hooks, subscriptions, grants; or why it is refused.
    #[command(after_help = "Example:\n  hookline plugin check my-hook.wasm")]
    Check {
        /// A .wasm or .js file.
        file: PathBuf,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Show what is in a plugin's file, without running it: contract, imports, hooks, memory, the tools that made it.
    #[command(after_help = "Example:\n  hookline plugin inspect my-hook.wasm")]
    Inspect {
        /// A .wasm file.
        file: PathBuf,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Run a plugin on a capture and show what it says; or compare that with what is expected.
    #[command(after_help = "Examples:\n  hookline plugin test my-hook                       (all tests of my-hook/tests/*.toml)\n  \
                            hookline plugin test my-hook.wasm --read a.pcap --expect expected.ndjson")]
    Test(PluginTest),
    /// Build and try a plugin each time one of its files is saved, until Ctrl-C.
    #[command(after_help = "Example:\n  hookline plugin dev my-hook --read a.pcap")]
    Dev(PluginDev),
    /// Measure what a plugin costs on a capture; exit code 1 if it does not keep within its manifest's budget.
    #[command(after_help = "Example:\n  hookline plugin bench my-hook.wasm --read a.pcap")]
    Bench(PluginBench),
    /// Show what the plugins of a hookline that runs do and cost, until Ctrl-C.
    #[command(after_help = "Example:\n  hookline plugin top --url http://127.0.0.1:8898")]
    Top(Top),
}

#[derive(Args, Debug)]
pub(crate) struct PluginDev {
    /// Its folder.
    #[arg(default_value = ".")]
    pub(crate) dir: PathBuf,
    /// Try it on this capture file, and show what it says; without it, run the tests in its folder.
    #[arg(long, value_name = "FILE")]
    pub(crate) read: Option<PathBuf>,
    /// A value for the plugin's env.
    #[arg(long, value_name = "NAME[=VALUE]")]
    pub(crate) env: Vec<String>,
}

#[derive(Args, Debug)]
pub(crate) struct PluginBench {
    /// A .wasm or .js file.
    pub(crate) file: PathBuf,
    /// The capture file; read again and again.
    #[arg(long, value_name = "FILE")]
    pub(crate) read: PathBuf,
    /// For so many seconds.
    #[arg(long, value_name = "N", default_value_t = 3)]
    pub(crate) seconds: u16,
    /// Count the plugin's instructions too: exact, the same in each run, and the CPU times grow by it.
    #[arg(long)]
    pub(crate) fuel: bool,
    /// A value for the plugin's env.
    #[arg(long, value_name = "NAME[=VALUE]")]
    pub(crate) env: Vec<String>,
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args, Debug)]
pub(crate) struct Top {
    /// Seconds between two looks.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) seconds: u16,
    /// Print once what was counted since each plugin's start.
    #[arg(long)]
    pub(crate) once: bool,
    #[command(flatten)]
    pub(crate) api: ApiArgs,
}

#[derive(Args, Debug)]
pub(crate) struct PluginTest {
    /// A .wasm or .js file; or a plugin's folder, whose tests/*.toml are run.
    pub(crate) plugin: PathBuf,
    /// The capture file.
    #[arg(long, value_name = "FILE")]
    pub(crate) read: Option<PathBuf>,
    /// Items instead of a capture: a file of JSON objects, as `hookline read --format ndjson` prints them.
    #[arg(long, value_name = "FILE", conflicts_with = "read")]
    pub(crate) items: Option<PathBuf>,
    /// The events that it must emit, one a line as JSON: each line's fields must be in the event's.
    #[arg(long, value_name = "FILE")]
    pub(crate) expect: Option<PathBuf>,
    /// Write what it emits as what is expected of it.
    #[arg(long)]
    pub(crate) bless: bool,
    /// A value for the plugin's env.
    #[arg(long, value_name = "NAME[=VALUE]")]
    pub(crate) env: Vec<String>,
    /// A call that failed, as it is kept in the folder `faults` of `hookline run --data`: call the plugin with the same again.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["read", "items", "expect", "bless"])]
    pub(crate) repro: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Language {
    /// Rust, with the SDK beside it.
    Rust,
    /// JavaScript, for the shim.
    Js,
    /// C, with the SDK beside it; built by clang.
    C,
    /// C++, with the SDK beside it; built by clang.
    Cpp,
    /// Zig, with the SDK in C beside it; built by zig.
    Zig,
    /// Python, with the contract beside it; built by componentize-py.
    Python,
    /// TypeScript, for the shim; bundled by esbuild.
    Ts,
}
