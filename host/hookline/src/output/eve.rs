//! Suricata's EVE JSON, for what already reads it: `http`, `dns` (version 2), `tls` and `flow` events.

use hookline_item::{Item, json};
use serde_json::{Map, Value, json};

/// The events of an item: one, but for DNS one for the query and one for the answer.
pub(super) fn events(item: &Item) -> Vec<Value> {
    let Ok(j) = serde_json::from_str::<Value>(&json::to_string(item)) else { return Vec::new() };
    match item.protocol.name {
        "http" => vec![event(&j, "http", false, http(&j))],
        "dns" => [("request", false), ("response", true)]
            .into_iter()
            .filter_map(|(side, back)| Some(event(&j, "dns", back, dns(j.get(side)?, back))))
            .collect(),
        "tls" => vec![event(&j, "tls", false, tls(&j))],
        "tcp" | "udp" | "sctp" => vec![flow(&j)],
        _ => Vec::new(),
    }
}

fn tls(j: &Value) -> Value {
    let (data, certificate) = (&j["data"], &j["data"]["server"]["certificates"][0]);
    let hash = |text: &Value, md5: &Value| without_null(json!({ "string": text, "hash": md5 }));
    without_null(json!({
        "version": data["version"], "sni": data["sni"], "subject": certificate["subject"], "issuerdn": certificate["issuer"],
        "notbefore": certificate["notBefore"], "notafter": certificate["notAfter"], "ja3": hash(&data["ja3"], &data["ja3Hash"]),
        "ja3s": hash(&data["server"]["ja3s"], &data["server"]["ja3sHash"]), "ja4": data["ja4"],
        "client_alpns": data["alpn"], "session_resumed": data["resumed"],
    }))
}

/// A conversation: Suricata has what was spoken beside the flow's own fields.
fn flow(j: &Value) -> Value {
    let data = &j["data"];
    let body = json!({
        "pkts_toserver": data["client"]["packets"], "pkts_toclient": data["server"]["packets"],
        "bytes_toserver": data["client"]["bytes"], "bytes_toclient": data["server"]["bytes"],
        "start": j["startTime"], "age": data["duration"].as_u64().unwrap_or(0) / 1_000_000, "state": data["state"], "reason": data["state"],
    });
    let mut out = event(j, "flow", false, body);
    if let (Some(out), Some(l7)) = (out.as_object_mut(), data["l7"].as_str()) {
        out.insert("app_proto".into(), json!(if l7.is_empty() { "failed" } else { l7 }));
    }
    out
}

/// The envelope; what the server sends has its addresses the other way round.
fn event(j: &Value, kind: &str, back: bool, body: Value) -> Value {
    let (src, dst) = if back { (&j["dst"], &j["src"]) } else { (&j["src"], &j["dst"]) };
    let port = |side: &Value| side["port"].as_str().and_then(|p| p.parse::<u16>().ok());
    // EVE's time zone form has no colon: 2026-11-22T22:50:01.123456+0000.
    let time = j["startTime"].as_str().and_then(|t| t.get(..26)).map(|t| format!("{t}+0000"));
    let flow = j["stream"].as_str().and_then(|s| u64::from_str_radix(s, 16).ok());
    let mut out = Map::new();
    for (name, value) in [
        ("timestamp", json!(time)),
        ("flow_id", json!(flow)),
        ("event_type", json!(kind)),
        ("src_ip", src["ip"].clone()),
        ("src_port", json!(port(src))),
        ("dest_ip", dst["ip"].clone()),
        ("dest_port", json!(port(dst))),
        ("proto", json!(j["protocol"]["layer4"].as_str().unwrap_or("").to_uppercase())),
        (kind, body),
    ] {
        out.insert(name.to_owned(), value);
    }
    Value::Object(out)
}

fn http(j: &Value) -> Value {
    let (request, response) = (&j["request"], &j["response"]);
    without_null(json!({
        "hostname": request["host"], "url": request["url"], "http_user_agent": request["headers"]["User-Agent"],
        "http_refer": request["headers"]["Referer"], "http_content_type": response["content"]["mimeType"], "http_method": request["method"],
        "protocol": request.get("httpVersion").unwrap_or(&response["httpVersion"]), "status": response["status"], "length": response["bodySize"],
    }))
}

fn dns(side: &Value, answer: bool) -> Value {
    let question = &side["questions"][0];
    let kind = if answer { "answer" } else { "query" };
    let records = |name: &str| -> Option<Vec<Value>> { Some(side.get(name)?.as_array()?.iter().map(record).collect()) };
    without_null(json!({
        "version": 2, "type": kind, "id": side["id"], "rrname": question["name"], "rrtype": question["type"],
        "rcode": side["rcode"], "answers": records("answers"), "authorities": records("authorities"),
    }))
}

fn record(r: &Value) -> Value {
    let data = ["ip", "cname", "ns", "ptr"].iter().find_map(|n| r.get(*n));
    without_null(json!({ "rrname": r["name"], "rrtype": r["type"], "ttl": r["ttl"], "rdata": data }))
}

fn without_null(mut v: Value) -> Value {
    if let Some(o) = v.as_object_mut() {
        o.retain(|_, v| !v.is_null());
    }
    v
}
