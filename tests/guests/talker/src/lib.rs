//! Talks to plugins, servers and actions, and keeps files; what it does is in `[config]`: for tests.

use hookline_sdk::{
    Batch, Flows, Items, Message, Outcome, Plugin, RowBatch, config, files, http, hub, jobs, pcap, publish, request, row, text,
};

row! {
    struct One<'a> {
        status: u64 = "response.status",
        stream: &'a str = "stream",
    }
}

row! {
    struct FlowRow<'a> {
        event: &'a str = "event",
        protocol: &'a str = "protocol",
        port: u64 = "server.port",
        sent: u64 = "bytesSent",
        reason: &'a str = "reason",
    }
}

struct Talker {
    mode: String,
}

/// Publishes what a test looks at.
fn say(name: &str, what: &str) {
    publish(name, &format!("{what:?}")).expect("it may publish");
}

fn fetch(url: &str) -> String {
    let request = http::Request {
        method: "POST".into(),
        url: url.into(),
        headers: vec![("x-from".into(), "talker".into())],
        body: b"question".to_vec(),
        timeout_ms: 2000,
    };
    match http::fetch(&request) {
        Ok(response) => format!("{} {}", response.status, String::from_utf8_lossy(&response.body)),
        Err(http::Failure::Refused(error)) => format!("refused: {}", text(&error)),
        Err(http::Failure::Failed(reason)) => format!("failed: {reason}"),
    }
}

fn keep(status: u64) -> Result<String, files::Error> {
    files::append("seen/statuses.txt", format!("{status}\n").as_bytes())?;
    let all = files::read("seen/statuses.txt")?.unwrap_or_default();
    let found = files::find("seen/")?;
    let outside = files::read("../../kv").map_or_else(|e| text(&e), |_| "read".to_owned());
    let much = files::write("much", &vec![0; 4 << 20]).map_or_else(|e| text(&e), |()| "written".to_owned());
    Ok(format!("{} bytes, {} files; {outside}; {much}", all.len(), found.len()))
}

impl Plugin for Talker {
    fn init() -> Result<Self, String> {
        let mode = config::get("mode").unwrap_or_default();
        if mode == "flows" {
            Flows::matching(&config::get("filter").unwrap_or_default()).rows::<FlowRow>()?;
        } else {
            Items::matching("").rows::<One>()?;
        }
        if mode == "fetch" {
            say("at-start", &fetch(&config::get("url").unwrap_or_default()));
            jobs::schedule("fetch", "* * * * * *", 1).map_err(|e| text(&e))?;
        }
        Ok(Self { mode })
    }

    fn items(&mut self, batch: &Batch<'_>) {
        for (row, _) in batch.rows::<One>() {
            match self.mode.as_str() {
                "hub" => {
                    hub::send("seen", &row.status.to_string()).expect("it is granted");
                    let other = hub::send("other", "1").map_or_else(|e| text(&e), |()| "sent".to_owned());
                    say("other", &other);
                }
                "echo" => hub::send("seen", "1").expect("it is granted"),
                "pcap" => {
                    let saved = pcap::save(&[row.stream.to_owned()], "evidence.pcapng");
                    say("saved", &saved.map_or_else(|e| text(&e), |packets| format!("{packets} packets of {}", row.stream)));
                }
                "files" => say("kept", &keep(row.status).map_or_else(|e| text(&e), |kept| kept)),
                "request" => {
                    let args = format!("{{\"url\":{:?},\"body\":\"{}\"}}", config::get("url").unwrap_or_default(), row.status);
                    let id = request("webhook", &args).map_err(|e| text(&e)).expect("it is granted");
                    say("asked", &id);
                }
                _ => {}
            }
        }
    }

    fn flows(&mut self, batch: &RowBatch<'_>) {
        for row in batch.rows::<FlowRow>() {
            say("flow", &format!("{} {} {} {} {}", row.event, row.protocol, row.port, row.sent, row.reason));
        }
    }

    fn message(&mut self, message: &Message) -> Result<(), String> {
        if self.mode == "echo" {
            return hub::send("seen", "1").map_err(|e| text(&e));
        }
        say("got", &format!("{} {} from {} on {}", message.topic, message.payload, message.from, message.node));
        if message.payload == "500" { Err("500 is too much".into()) } else { Ok(()) }
    }

    fn result(&mut self, outcome: &Outcome) {
        let Outcome { id, action, delivered, detail, attempts } = outcome;
        say("outcome", &format!("{id} {action} {delivered} {detail} {attempts}"));
    }

    fn job(&mut self, _tag: &str) -> Result<(), String> {
        say("fetched", &fetch(&config::get("url").unwrap_or_default()));
        Ok(())
    }
}

hookline_sdk::export!(Talker);
