//! `hookline read`: a capture file's items.

use crate::{
    cli::{Format, Read},
    commands::kfl,
    config::Config,
    error,
    lane::Counted,
    output::Printer,
    plugins::{FILE_NODE, FileHooks, explain_filters, needs},
    session::Session,
};
use anyhow::Context as _;
use hookline_capture::{
    CaptureError, Drained, PacketSource, Position,
    file::{FileSource, divide},
};
use hookline_item::{Item, Timestamp};
use hookline_kfl::{Filter, Plan};
use hookline_packet::lane_of;
use indicatif::{ProgressBar, ProgressStyle};
use std::{
    io::{self, BufWriter, IsTerminal as _},
    sync::Arc,
};

pub(crate) fn run(args: &Read, config: &Config) -> anyhow::Result<()> {
    let settings = config.settings(&args.macros)?;
    let filter = kfl::parse(&args.kfl, &settings, false)?;
    if filter.redacts() && !matches!(args.format, Format::Ndjson | Format::Summary | Format::None) {
        return Err(error::usage("redact() hides values in JSON: give --format ndjson".to_owned()));
    }
    let sources = open(args, &filter)?;
    let node = args.plugins.node.as_deref().unwrap_or(FILE_NODE);
    let hooks = args.plugins.plugins.as_deref().map(|dir| FileHooks::start(dir, &args.plugins, node, &settings, config)).transpose()?;
    if let Some(hooks) = hooks.as_ref().filter(|_| args.plugins.explain_filters) {
        eprint!("{}", explain_filters(&hooks.host, &settings));
    }
    // What the output shows, and what the plugins have subscribed to.
    let subscribed = hooks.as_ref().and_then(|hooks| needs(&hooks.host, &settings));
    let shown = !matches!(args.format, Format::Text | Format::Summary | Format::None);
    let contents = shown || subscribed.is_some() || filter.plan().bodies;
    let needed = match subscribed {
        Some(plan) => filter.plan().or(plan),
        None => filter.plan(),
    };
    let limits = args.dissect.limits(Some(&Plan { bodies: contents, ..needed }))?;
    let lane = |(lane, mut source): (u32, Source)| {
        let feeder = hooks.as_ref().map(|h| h.host.feeder());
        let session = Session::new(node, source.as_ref(), feeder, limits.clone()).in_lane(lane, args.lanes.lanes.into());
        read_lane(source.as_mut(), session, &filter, args.format)
    };
    let mut done = lanes(sources, &lane).into_iter();
    let Some(mut sum) = done.next() else { return Ok(()) };
    let mut cannot_keep = sum.failed.take();
    for mut lane in done {
        sum.result = sum.result.and(lane.result);
        sum.counted.add(&lane.counted);
        cannot_keep = cannot_keep.or(lane.failed.take()).or(sum.printer.absorb(lane.printer).err());
    }
    if let Some(error) = cannot_keep {
        return Err(error).context("cannot keep items in order: the temporary folder cannot be written");
    }
    sum.printer.finish(&sum.counted, &mut BufWriter::with_capacity(1 << 16, io::stdout().lock())).context("cannot write")?;
    if let Some(hooks) = hooks {
        hooks.finish();
    }
    // What could be read has been printed; only now the damage is told.
    sum.result.map_err(error::capture)
}

/// Where a lane's frames come from.
type Source = Box<dyn PacketSource>;

/// The file, divided among the lanes.
fn open(args: &Read, filter: &Filter) -> anyhow::Result<Vec<Source>> {
    let lanes = u32::from(args.lanes.lanes);
    if lanes > 1 && filter.limit().is_some() {
        return Err(error::usage("limit() lets the first items through, and lanes do not know of each other's: leave --lanes out"));
    }
    let file = FileSource::open(&args.file).map_err(error::capture)?;
    if lanes <= 1 {
        return Ok(vec![Box::new(file)]);
    }
    let parts = divide(file, lanes as usize, move |frame| lane_of(frame, lanes) as usize);
    Ok(parts.into_iter().map(|part| Box::new(part) as Source).collect())
}

/// Runs each lane on a thread of its own, the first one on this.
fn lanes(sources: Vec<Source>, run: &(impl Fn((u32, Source)) -> LaneRead + Sync)) -> Vec<LaneRead> {
    let mut sources = (0..).zip(sources);
    let first = sources.next();
    std::thread::scope(|scope| {
        let others: Vec<_> = sources.map(|source| scope.spawn(move || run(source))).collect();
        let first = first.map(run);
        let joined = others.into_iter().map(|o| o.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        first.into_iter().chain(joined).collect()
    })
}

/// What a lane made of the capture.
struct LaneRead {
    printer: Printer,
    counted: Counted,
    /// What is wrong with the capture.
    result: Result<(), CaptureError>,
    /// Why items could not be kept.
    failed: Option<io::Error>,
}

fn read_lane(source: &mut dyn PacketSource, mut session: Session, filter: &Filter, format: Format) -> LaneRead {
    let mut printer = Printer::new(format);
    let mut matched = 0;
    let mut failed = None;
    let mut on_item = |item: Arc<Item>, now: Timestamp| {
        let wanted = filter.matches(item.as_ref(), now) && filter.limit().is_none_or(|limit| matched < limit);
        if wanted && failed.is_none() {
            matched += 1;
            failed = printer.item(&item, filter).err();
        }
    };
    let result = pass(source, &mut session, &mut on_item);
    let counted = Counted { matched, ..session.counted(source) };
    LaneRead { printer, counted, result, failed }
}

/// Takes the whole source through the session, with a progress bar where somebody looks on.
pub(crate) fn pass(
    source: &mut dyn PacketSource,
    session: &mut Session,
    on_item: &mut dyn FnMut(Arc<Item>, Timestamp),
) -> Result<(), CaptureError> {
    let bar = progress_bar(source.position());
    let result = loop {
        match session.drain(source, on_item) {
            Ok(Drained::End) => break Ok(()),
            Ok(_) => {}
            Err(error) => break Err(error),
        }
        if let (Some(bar), Some(position)) = (&bar, source.position()) {
            bar.set_position(position.read);
        }
    };
    if let Some(bar) = bar {
        bar.finish_and_clear();
    }
    session.finish(on_item);
    result
}

/// A bar for files that take long, if standard error is a terminal and standard output is not (there the items are the progress).
fn progress_bar(position: Option<Position>) -> Option<ProgressBar> {
    /// A second's work, or more.
    const LARGE: u64 = 64 << 20;
    let total = position?.total.filter(|t| *t > LARGE)?;
    if !io::stderr().is_terminal() {
        return None;
    }
    let bar = ProgressBar::new(total);
    // The template is a constant; were it wrong, the default style would serve.
    if let Ok(style) = ProgressStyle::with_template("{bar:40} {bytes}/{total_bytes} {bytes_per_sec} {eta}") {
        bar.set_style(style);
    }
    Some(bar)
}
