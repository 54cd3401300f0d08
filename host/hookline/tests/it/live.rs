//! Live: real sockets on loopback, the running program, its API. Needs CAP_NET_RAW; skips loudly without.

use crate::support::{Running, get_json, hookline, may_capture, root, until};
use hookline_capture::testing::Cable;
use serde_json::Value;
use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    process::{Command, Output},
    sync::mpsc::{Receiver, channel},
    thread,
    time::{Duration, Instant},
};

/// An HTTP server that answers every request in this way, and tells the body of each.
fn server(status: &'static str) -> (SocketAddr, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    let (sender, receiver) = channel();
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            let mut length = 0;
            let mut line = String::new();
            while reader.read_line(&mut line).is_ok_and(|n| n > 2) {
                if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                    length = value.trim().parse().unwrap();
                }
                line.clear();
            }
            let mut body = vec![0; length];
            reader.read_exact(&mut body).unwrap();
            let _ = write!(stream, "HTTP/1.1 {status}\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok");
            let _ = sender.send(String::from_utf8_lossy(&body).into_owned());
        }
    });
    (addr, receiver)
}

fn request(addr: SocketAddr, path: &str) {
    let mut stream = TcpStream::connect(addr).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: shop.test\r\nConnection: close\r\n\r\n").unwrap();
    stream.read_to_end(&mut Vec::new()).unwrap();
}

#[test]
fn a_500_on_loopback_reaches_the_webhook() {
    if !may_capture() {
        return;
    }
    let (shop, _) = server("500 Internal Server Error");
    let (hook, told) = server("200 OK");
    let plugins = tempfile::tempdir().unwrap();
    let script = format!(
        "function onItemCaptured(data) {{\n  if (data.dst.port === \"{}\" && data.response && data.response.status === 500)\n    \
         vendor.webhook(\"POST\", env.HOOK, {{ path: data.request.path, host: data.dst.name }}), \
         console.log(\"told\");\n}}\n",
        shop.port()
    );
    fs::write(plugins.path().join("alarm.js"), script).unwrap();
    fs::write(plugins.path().join("alarm.toml"), "[grants]\nenv = [\"HOOK\"]\nactions = { webhook = [\"http://127.0.0.1:*\"] }\n").unwrap();
    let running = Running::start(&[
        "run",
        "-i",
        "lo",
        "--listen",
        "127.0.0.1:0",
        "--plugins",
        &plugins.path().display().to_string(),
        "--env",
        &format!("HOOK=http://{hook}/"),
    ]);
    request(shop, "/cart");
    let asked = Instant::now();
    let body: Value = serde_json::from_str(&told.recv_timeout(Duration::from_secs(10)).expect("the webhook is told")).unwrap();
    eprintln!("the webhook was told after {:?}", asked.elapsed());
    assert_eq!(body, serde_json::json!({"path": "/cart", "host": "shop.test"}));
    let logs = hookline(&["logs", "alarm", "--url", &running.url]);
    assert_eq!((logs.code, logs.out.as_str()), (Some(0), "<alarm>] told\n"), "{}", logs.err);
    assert_eq!(hookline(&["logs", "another", "--url", &running.url]).out, "");
    // The exchange is an item, once: loopback shows each packet twice.
    let filter = format!("dst.port == {} and response.status == 500", shop.port());
    let items = until(|| Some(get_json(&running.url, "api/items", &filter)["items"].as_array()?.clone()).filter(|i| !i.is_empty()));
    assert_eq!(items.len(), 1);
    let ended = running.stop();
    assert_eq!(ended.code, Some(0), "{}", ended.err);
}

/// The kernel divides an interface's packets among lanes so that each exchange is seen whole, and once.
#[test]
fn lanes_share_an_interface() {
    if !may_capture() {
        return;
    }
    let (shop, _) = server("200 OK");
    let running = Running::start(&["run", "-i", "lo", "--lanes", "2", "--listen", "127.0.0.1:0"]);
    (0..30).for_each(|n| request(shop, &format!("/{n}")));
    let filter = format!("http and dst.port == {}", shop.port());
    let items = until(|| Some(get_json(&running.url, "api/items", &filter)["items"].as_array()?.clone()).filter(|i| i.len() >= 30));
    let mut ids: Vec<String> = items.iter().map(|i| i["id"].to_string()).collect();
    ids.sort();
    ids.dedup();
    assert_eq!((items.len(), ids.len()), (30, 30), "each once, and no two lanes give one name");
    assert!(items.iter().all(|i| i["response"]["status"] == 200 && i["completeness"]["grade"] == "full"));
    assert_eq!(running.stop().code, Some(0));
}

/// `--kfl` decides what is captured, kept and given to plugins; of another port not even the packets come.
#[test]
fn a_filter_leaves_out_in_the_kernel_what_it_cannot_match() {
    if !may_capture() {
        return;
    }
    let [(shop, _), (other, _)] = [server("200 OK"), server("200 OK")];
    let filter = format!("http and dst.port == {}", shop.port());
    let running = Running::start(&["run", "-i", "lo", "--listen", "127.0.0.1:0", "--kfl", &filter, "--explain-filters"]);
    (0..20).for_each(|n| request(other, &format!("/other/{n}")));
    request(shop, "/wanted");
    let items = || get_json(&running.url, "api/items", "")["items"].as_array().unwrap().clone();
    let items = until(|| Some(items()).filter(|i| !i.is_empty()));
    assert_eq!(items.iter().map(|i| i["request"]["path"].clone()).collect::<Vec<_>>(), ["/wanted"]);
    let ended = running.stop();
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    assert!(ended.err.contains("leaves packets out by a BPF program of"), "{}", ended.err);
    let frames = ended.err.lines().find_map(|l| l.split(" items from ").nth(1)?.strip_suffix(" frames")?.parse::<u32>().ok());
    assert!(frames.is_some_and(|n| (6..20).contains(&n)), "one exchange's frames: {}", ended.err);
}

#[test]
fn a_plugin_that_traps_comes_back_when_a_fixed_file_is_dropped_in() {
    if !may_capture() {
        return;
    }
    let (shop, _) = server("200 OK");
    let plugins = tempfile::tempdir().unwrap();
    let drop_in = |name: &str, mode: &str| {
        fs::write(plugins.path().join(format!("{name}.toml")), format!("[config]\nmode = \"{mode}\"\n")).unwrap();
        fs::copy(root().join("tests/guests/dist/hostile.wasm"), plugins.path().join(format!("{name}.wasm"))).unwrap();
    };
    drop_in("bad", "trap");
    drop_in("good", "");
    let running = Running::start(&["run", "-i", "lo", "--listen", "127.0.0.1:0", "--plugins", &plugins.path().display().to_string()]);
    let plugin = |name: &str| -> Value {
        let all = get_json(&running.url, "api/plugins", "");
        all["plugins"].as_array().unwrap().iter().find(|p| p["name"] == name).unwrap().clone()
    };
    let count = |name: &str, counter: &str| plugin(name)[counter].as_u64().unwrap();
    request(shop, "/poison");
    until(|| (count("bad", "traps") > 0).then_some(()));
    assert!(plugin("bad")["error"].as_str().unwrap().contains("unreachable"), "{}", plugin("bad"));
    drop_in("bad", "");
    until(|| (plugin("bad")["reloads"] == 1 && plugin("bad")["state"] == "running").then_some(()));
    let before = count("bad", "delivered");
    request(shop, "/again");
    until(|| (count("bad", "delivered") > before).then_some(()));
    let top = hookline(&["plugin", "top", "--once", "--url", &running.url]);
    let row = |name: &str| top.out.lines().find(|l| l.starts_with(name)).unwrap().split_whitespace().nth(1).unwrap().to_owned();
    assert_eq!((top.code, row("bad").as_str(), row("good").as_str()), (Some(0), "running", "running"), "{}", top.out);
    let good = plugin("good");
    assert_eq!((&good["failed"], &good["dropped_queue_full"], &good["skipped_down"]), (&0.into(), &0.into(), &0.into()));
    running.stop();
}

#[test]
fn what_cannot_be_captured_or_bound_is_told() {
    let nobody = hookline(&["logs", "--url", "http://127.0.0.1:9"]);
    assert_eq!(nobody.code, Some(1));
    assert!(nobody.err.contains("cannot ask http://127.0.0.1:9/") && nobody.err.contains("--url"), "{}", nobody.err);
    let ended = hookline(&["run", "-i", "no-such-if"]);
    assert_eq!(ended.code, Some(1));
    assert!(ended.err.contains("no-such-if"), "{}", ended.err);
    if !may_capture() {
        return;
    }
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = taken.local_addr().unwrap().to_string();
    let ended = hookline(&["run", "-i", "lo", "--listen", &addr]);
    assert_eq!(ended.code, Some(2));
    assert!(ended.err.contains(&addr) && ended.err.contains("--listen"), "{}", ended.err);
}

/// Packets that were captured are there when their item is looked at: by the API, by `snapshot`, while it runs and after.
#[test]
fn the_packets_of_an_item_can_be_had() {
    if !may_capture() {
        return;
    }
    let (shop, _) = server("500 Internal Server Error");
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data").display().to_string();
    let args = ["run", "-i", "lo", "--listen", "127.0.0.1:0", "--data", &data, "--record-mib", "64"];
    let running = Running::start(&args);
    (0..3).for_each(|n| request(shop, &format!("/{n}")));
    let filter = format!("dst.port == {} and request.path == \"/1\"", shop.port());
    let item = until(|| get_json(&running.url, "api/items", &filter)["items"].as_array()?.first().cloned());
    let id = item["id"].as_str().unwrap();
    assert_eq!(get_json(&running.url, "api/about", "")["packets"], true, "the dashboard offers them");
    let file = dir.path().join("api.pcapng").display().to_string();
    let curl = ["-s", "-S", "-f", "-o", &file, &format!("{}api/packets/{id}", running.url)];
    assert!(Command::new("curl").args(curl).status().unwrap().success());
    // Read again they give the same exchange, and nothing else.
    let paths = |file: &str| -> Vec<Value> {
        let read = hookline(&["read", file, "--kfl", "http", "--format", "ndjson"]);
        assert_eq!(read.code, Some(0), "{}", read.err);
        read.out.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()).map(|i| i["request"]["path"].clone()).collect()
    };
    assert_eq!(paths(&file), ["/1"]);
    assert!(String::from_utf8_lossy(&fs::read(&file).unwrap()).contains(&format!("hookline items: {id}")));
    let snapshot = |kfl: &str, out: &str| hookline(&["snapshot", "--data", &data, "--kfl", kfl, "--last", "10m", "-o", out]);
    let out = dir.path().join("running.pcapng.zst").display().to_string();
    let of_two = snapshot(&format!("http and dst.port == {} and request.path != \"/1\"", shop.port()), &out);
    assert_eq!(of_two.code, Some(0), "{}", of_two.err);
    assert_eq!(paths(&out), ["/0", "/2"]);
    assert_eq!(running.stop().code, Some(0));
    // Another run on the same folder: what is kept stays, and its streams have names of their own.
    let running = Running::start(&args);
    request(shop, "/after");
    let filter = format!("http and dst.port == {}", shop.port());
    let all = until(|| Some(get_json(&running.url, "api/items", &filter)["items"].as_array()?.clone()).filter(|items| items.len() == 4));
    let mut ids: Vec<String> = all.iter().map(|item| item["id"].to_string()).collect();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 4, "items of two runs have different names");
    assert_eq!(running.stop().code, Some(0));
    let out = dir.path().join("after.pcapng").display().to_string();
    assert_eq!(snapshot(&filter, &out).code, Some(0));
    assert_eq!(paths(&out), ["/0", "/1", "/2", "/after"]);
    let nothing = snapshot("http and request.path == \"/nowhere\"", &out);
    assert_eq!(nothing.code, Some(1));
    assert!(nothing.err.contains("no packet is kept of what was asked for"), "{}", nothing.err);
    let none = hookline(&["snapshot", "--data", &dir.path().display().to_string(), "-o", &out]);
    assert_eq!(none.code, Some(2));
    assert!(none.err.contains("--record-mib"), "{}", none.err);
    assert_eq!(hookline(&["run", "-i", "lo", "--record-mib", "1"]).code, Some(2), "packets need a folder");
}

/// Sends a capture file's frames over the cable as they are.
fn replay(cable: &Cable, pcap: &str) {
    const REPLAY: &str = "import socket, struct, sys, time\n\
        out = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)\n\
        out.bind(('va', 0))\n\
        data, at = open(sys.argv[1], 'rb').read(), 24\n\
        while at < len(data):\n\
        \x20   length = struct.unpack_from('<I', data, at + 8)[0]\n\
        \x20   out.send(data[at + 16:at + 16 + length])\n\
        \x20   at += 16 + length\n";
    let sent = cable.send(|| Command::new("python3").args(["-c", REPLAY, pcap]).output().unwrap());
    assert!(sent.status.success(), "{}", String::from_utf8_lossy(&sent.stderr));
}

/// Runs the program where it is captured.
fn hookline_there(cable: &Cable, args: &[&str]) -> Output {
    cable.capture(|| Command::new(env!("CARGO_BIN_EXE_hookline")).args(args).output().unwrap())
}

/// What comes over a cable by AF_XDP, and by AF_PACKET, gives the items that the file gives which was sent.
#[test]
fn every_way_to_capture_gives_the_items_of_the_file() {
    if !may_capture() {
        return;
    }
    let plugins = tempfile::tempdir().unwrap();
    let script = "function onItemCaptured(d) {\n  if (d.protocol.name === \"http\")\n    console.error(\"item\", d.method, d.summary, d.status, \
                  d.requestSize, d.responseSize, d.completeness.grade);\n}\n";
    fs::write(plugins.path().join("tell.js"), script).unwrap();
    let folder = plugins.path().display().to_string();
    let items = |err: &str| -> Vec<String> {
        let mut lines: Vec<String> = err.lines().filter(|line| line.starts_with("tell: item")).map(str::to_owned).collect();
        lines.sort();
        lines
    };
    let capture = root().join("tests/pcaps/demo/browsing.pcap").display().to_string();
    let of_file = items(&hookline(&["read", &capture, "--format", "none", "--plugins", &folder]).err);
    assert!(of_file.len() > 20, "{of_file:?}");
    for mode in ["afxdp", "afpacket", "auto"] {
        let Some(cable) = Cable::new(1500, 1) else { return };
        let running =
            cable.capture(|| Running::start(&["run", "-i", "vb", "--mode", mode, "--listen", "127.0.0.1:0", "--plugins", &folder]));
        replay(&cable, &capture);
        // Packets are in the kernel's memory by now; what waits there is read before the end.
        let ended = running.stop();
        assert_eq!(ended.code, Some(0), "{}", ended.err);
        assert_eq!(items(&ended.err), of_file, "{mode}");
    }
}

/// What a sink refuses is kept apart, shown with its reason, and delivered once the sink is well.
#[test]
fn what_was_not_delivered_is_tried_again() {
    if !may_capture() {
        return;
    }
    let (shop, _) = server("200 OK");
    let dir = tempfile::tempdir().unwrap();
    let (data, plugins) = (dir.path().join("data").display().to_string(), dir.path().join("plugins"));
    fs::create_dir(&plugins).unwrap();
    // A sink that refuses, and one that takes, at the same address.
    let sink = TcpListener::bind("127.0.0.1:0").unwrap();
    let hook = sink.local_addr().unwrap();
    let answers = thread::spawn(move || {
        for (status, stream) in ["400 Bad Request", "200 OK"].into_iter().zip(sink.incoming().flatten()) {
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            let mut line = String::new();
            while reader.read_line(&mut line).is_ok_and(|n| n > 2) {
                line.clear();
            }
            let _ = write!(&stream, "HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        }
    });
    let script = format!(
        "function onItemCaptured(d) {{ if (d.protocol.name === \"http\" && d.dst.port === \"{}\") vendor.webhook(\"GET\", \"http://{hook}/\"); }}",
        shop.port()
    );
    fs::write(plugins.join("tell.js"), script).unwrap();
    fs::write(plugins.join("tell.toml"), "[grants.actions]\nwebhook = [\"*\"]\n").unwrap();
    let plugins = plugins.display().to_string();
    let running = Running::start(&["run", "-i", "lo", "--listen", "127.0.0.1:0", "--data", &data, "--plugins", &plugins]);
    request(shop, "/");
    let dlq = |args: &[&str]| hookline(&[&["dlq", "--data", &data], args].concat());
    let listed = until(|| Some(dlq(&["ls"])).filter(|ended| !ended.out.is_empty()));
    assert!(
        listed.out.contains("webhook") && listed.out.contains("tell  1 attempts: refused: ") && listed.out.lines().count() == 1,
        "{}",
        listed.out
    );
    let id = listed.out.split_whitespace().next().unwrap();
    let shown: Value = serde_json::from_str(&dlq(&["show", id]).out).unwrap();
    assert_eq!((&shown["action"], &shown["event"]["data"]["method"]), (&"webhook".into(), &"GET".into()));
    assert_eq!(dlq(&["show", "nothing"]).code, Some(2));
    assert_eq!(dlq(&["retry"]).code, Some(2), "which must be said");
    assert_eq!(dlq(&["retry", id]).out, "1 will be delivered again\n");
    // The worker looks within seconds, and the sink takes it now.
    answers.join().unwrap();
    until(|| dlq(&["ls"]).out.is_empty().then_some(()));
    assert_eq!(dlq(&["drop", "--all"]).out, "0 dropped\n");
    assert_eq!(running.stop().code, Some(0));
}

#[test]
fn the_doctor_says_what_works() {
    let all = hookline(&["doctor"]);
    assert_eq!(all.code, Some(0), "{}", all.err);
    assert!(all.out.contains("kernel        Linux ") && all.out.contains("interface     lo, MTU 65536"), "{}", all.out);
    assert!(all.out.contains("CAP_NET_RAW") && all.out.contains("captured frames do not reach the machine"), "{}", all.out);
    let lo = hookline(&["doctor", "-i", "lo"]);
    assert_eq!(lo.code, Some(i32::from(!may_capture())), "{}", lo.err);
    assert_eq!(lo.out.matches("interface ").count(), 1);
    let none = hookline(&["doctor", "-i", "nowhere"]);
    assert!(none.code == Some(1) && none.err.contains("there is no interface nowhere"), "{:?} {}", none.code, none.err);
    let Some(cable) = Cable::new(1500, 1) else { return };
    let out = hookline_there(&cable, &["doctor", "-i", "vb"]);
    let out = String::from_utf8_lossy(&out.stdout);
    assert!(out.contains("  afpacket    works\n  afxdp       works\n"), "{out}");
}

#[test]
fn afxdp_does_not_take_the_machines_own_interface() {
    let Some(cable) = Cable::new(1500, 1) else { return };
    cable.ip(&["addr", "add", "10.98.0.2/24", "dev", "vb"]);
    let refused = hookline_there(&cable, &["run", "-i", "vb", "--mode", "afxdp", "--listen", "127.0.0.1:0"]);
    let err = String::from_utf8_lossy(&refused.stderr);
    assert_eq!(refused.status.code(), Some(1), "{err}");
    assert!(err.contains("it has the address 10.98.0.2") && err.contains("--i-know-it-steals"), "{err}");
}
