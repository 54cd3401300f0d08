//! A stand-in for Slack's incoming webhooks on this machine: prints what arrives.

use serde_json::Value;
use std::{
    io::{self, BufRead as _, BufReader, Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    thread,
    time::Duration,
};

/// Bytes of a message that are read: Slack's own limit for a message's text is 40,000 characters.
const BODY_MAX: u64 = 1 << 20;
/// A client that says nothing for this long is left alone.
const PATIENCE: Duration = Duration::from_secs(5);

/// Starts the stand-in on a free port; it ends with the program. `show` gets one line a message.
pub(super) fn start(show: fn(&str)) -> io::Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let addr = listener.local_addr()?;
    let serve = move || {
        for stream in listener.incoming().flatten() {
            // A client that breaks off has told nothing.
            let _ = answer(stream, show);
        }
    };
    thread::Builder::new().name("slack stand-in".into()).spawn(serve)?;
    Ok(addr)
}

/// Reads one request (RFC 9112) and answers it as Slack does.
fn answer(mut stream: TcpStream, show: fn(&str)) -> io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut length = 0;
    loop {
        let mut line = String::new();
        if reader.by_ref().take(BODY_MAX).read_line(&mut line)? == 0 || line.trim().is_empty() {
            break;
        }
        if let Some((name, value)) = line.split_once(':').filter(|(n, _)| n.eq_ignore_ascii_case("content-length")) {
            length = value.trim().parse().map_err(|_| io::Error::other(format!("{name} is no number")))?;
        }
    }
    let mut body = Vec::new();
    reader.take(u64::min(length, BODY_MAX)).read_to_end(&mut body)?;
    show(&describe(&body));
    stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")
}

fn describe(body: &[u8]) -> String {
    let Ok(message) = serde_json::from_slice::<Value>(body) else { return format!("slack: {} bytes that are no JSON", body.len()) };
    let attachment = message["attachments"].get(0).unwrap_or(&message);
    let text = attachment["text"].as_str().unwrap_or("");
    let short: String = text.chars().take(100).collect();
    format!("slack: [{}] {} {short}…", attachment["color"].as_str().unwrap_or(""), attachment["pretext"].as_str().unwrap_or(""))
}
