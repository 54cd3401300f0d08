//! `hookline doctor`: what this machine lets us do.

use crate::{cli::Doctor, error};
use hookline_capture::doctor::{Interface, Report, examine};
use std::io::{self, Write};

pub(crate) fn run(args: &Doctor) -> anyhow::Result<()> {
    let report = examine(args.interface.as_deref()).map_err(error::capture)?;
    print(&mut io::stdout().lock(), &report)?;
    let works = |interface: &Interface| interface.afpacket.is_ok() || interface.afxdp.is_ok();
    match (&args.interface, report.interfaces.iter().any(works)) {
        (Some(name), false) => anyhow::bail!("{name} cannot be captured from"),
        _ => Ok(()),
    }
}

fn print(out: &mut dyn Write, report: &Report) -> io::Result<()> {
    writeln!(out, "kernel        Linux {}", report.kernel)?;
    for (right, held) in &report.rights {
        writeln!(out, "{:<13} {right}", if *held { "have" } else { "lack" })?;
    }
    for interface in &report.interfaces {
        let Interface { name, mtu, queues, used_for, afpacket, afxdp } = interface;
        let mtu = mtu.map_or_else(String::new, |mtu| format!(", MTU {mtu}"));
        let used = used_for.as_ref().map_or_else(String::new, |used| format!(", {used}"));
        writeln!(out, "\ninterface     {name}{mtu}, {queues} queue{}{used}", if *queues == 1 { "" } else { "s" })?;
        for (mode, result) in [("afpacket", afpacket), ("afxdp", afxdp)] {
            match result {
                Ok(()) => writeln!(out, "  {mode:<11} works")?,
                Err(reason) => writeln!(out, "  {mode:<11} no: {reason}")?,
            }
        }
    }
    Ok(())
}
