//! `hookline logs`: what plugins print.

use crate::{cli::Logs, client::Client};
use serde_json::Value;
use std::{
    io::{ErrorKind, IsTerminal as _, Write as _},
    time::Duration,
};

/// How often new lines are asked for.
const EVERY: Duration = Duration::from_millis(300);

pub(crate) fn run(args: &Logs) -> anyhow::Result<()> {
    let client = Client::new(&args.api.url)?;
    let colours = std::io::stdout().is_terminal();
    let mut after = 0;
    loop {
        let answer = client.get(&format!("api/console?after={after}"))?;
        after = answer["next"].as_u64().unwrap_or(after);
        let lines = answer["lines"].as_array().map(Vec::as_slice).unwrap_or_default();
        let wanted = lines.iter().filter(|line| args.plugin.as_ref().is_none_or(|p| line["plugin"] == p.as_str()));
        let text: String = wanted.map(|line| shown(line, colours)).collect();
        match std::io::stdout().lock().write_all(text.as_bytes()) {
            // A reader that has gone away is no error.
            Err(e) if e.kind() == ErrorKind::BrokenPipe => return Ok(()),
            result => result?,
        }
        if !args.follow {
            return Ok(());
        }
        std::thread::sleep(EVERY);
    }
}

/// `<plugin>] text`, as Kubeshark's console has it; what the text has of colours itself stays.
fn shown(line: &Value, colours: bool) -> String {
    let text = |name: &str| line[name].as_str().unwrap_or_default();
    let code = match text("level") {
        "error" => "31",
        "warn" => "33",
        "debug" => "2",
        _ => "",
    };
    let (plugin, said) = (text("plugin"), text("text"));
    if !colours {
        return format!("<{plugin}>] {said}\n");
    }
    format!("\x1b[36m<{plugin}>]\x1b[0m \x1b[{code}m{said}\x1b[0m\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn lines_have_their_script_and_the_colour_of_their_level() {
        let line = json!({"plugin": "a", "level": "error", "text": "it \u{1b}[1mbroke"});
        assert_eq!(shown(&line, false), "<a>] it \u{1b}[1mbroke\n");
        assert_eq!(shown(&line, true), "\u{1b}[36m<a>]\u{1b}[0m \u{1b}[31mit \u{1b}[1mbroke\u{1b}[0m\n");
    }
}
