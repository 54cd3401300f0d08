//! `hookline read`: a capture file's items.

use crate::{
    cli::{Format, Read},
    commands::kfl,
    error,
    output::Printer,
    plugins::{FILE_NODE, FileHooks, explain_filters},
    session::Session,
};
use anyhow::Context as _;
use hookline_capture::{CaptureError, Drained, PacketSource, Position, file::FileSource};
use hookline_item::{Item, Timestamp};
use indicatif::{ProgressBar, ProgressStyle};
use std::{
    io::{BufWriter, IsTerminal as _},
    sync::Arc,
};

pub(crate) fn run(args: &Read) -> anyhow::Result<()> {
    let filter = kfl::parse(&args.kfl, &args.macros, false)?;
    if filter.redacts() && !matches!(args.format, Format::Ndjson | Format::Summary | Format::None) {
        return Err(error::usage("redact() hides values in JSON: give --format ndjson".to_owned()));
    }
    let limits = args.dissect.limits()?;
    let mut source = FileSource::open(&args.file).map_err(error::capture)?;
    let node = args.plugins.node.as_deref().unwrap_or(FILE_NODE);
    let hooks = args.plugins.plugins.as_deref().map(|dir| FileHooks::start(dir, &args.plugins, node)).transpose()?;
    if let Some(hooks) = hooks.as_ref().filter(|_| args.plugins.explain_filters) {
        eprint!("{}", explain_filters(&hooks.host));
    }
    let mut session = Session::new(node, &source, hooks.as_ref().map(|h| h.host.feeder()), limits);
    let mut printer = Printer::new(args.format);
    let mut matched = 0;
    let mut failed = None;
    let mut on_item = |item: Arc<Item>, now: Timestamp| {
        let wanted = filter.matches(item.as_ref(), now) && filter.limit().is_none_or(|limit| matched < limit);
        if wanted && failed.is_none() {
            matched += 1;
            failed = printer.item(&item, &filter).err();
        }
    };
    let result = pass(&mut source, &mut session, &mut on_item);
    if let Some(error) = failed {
        return Err(error).context("cannot keep items in order: the temporary folder cannot be written");
    }
    let counted = crate::lane::Counted { matched, ..session.counted(&mut source) };
    printer.finish(&counted, &mut BufWriter::with_capacity(1 << 16, std::io::stdout().lock())).context("cannot write")?;
    if let Some(hooks) = hooks {
        hooks.finish();
    }
    // What could be read has been printed; only now the damage is told.
    result.map_err(error::capture)
}

/// Takes the whole source through the session, with a progress bar where somebody looks on.
pub(crate) fn pass(
    source: &mut FileSource,
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
    if !std::io::stderr().is_terminal() {
        return None;
    }
    let bar = ProgressBar::new(total);
    // The template is a constant; were it wrong, the default style would serve.
    if let Ok(style) = ProgressStyle::with_template("{bar:40} {bytes}/{total_bytes} {bytes_per_sec} {eta}") {
        bar.set_style(style);
    }
    Some(bar)
}
