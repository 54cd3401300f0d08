//! TCP streams: order, holes, overlaps, wrap, ends.

use super::{Bench, Event, Segment, text};
use crate::{Close, Limits, TcpFlags};
use hookline_item::Sender::{self, Client, Server};

const NO_FLAGS: TcpFlags = TcpFlags(0);

fn data(from: Sender, seq: u32, data: &[u8]) -> Segment<'_> {
    Segment { from, seq, ack: None, flags: NO_FLAGS, data }
}

fn ack(from: Sender, seq: u32, ack: u32) -> Segment<'static> {
    Segment { from, seq, ack: Some(ack), flags: NO_FLAGS, data: b"" }
}

fn flagged(from: Sender, seq: u32, flags: TcpFlags) -> Segment<'static> {
    Segment { from, seq, ack: None, flags, data: b"" }
}

/// Offsets in the stream, and bytes.
type Segments<'a> = &'a [(u32, &'a [u8])];

/// What the server receives of these segments, after a handshake in which the client's bytes start at `start`.
fn stream(start: u32, segments: Segments<'_>) -> String {
    let mut bench = Bench::new(Limits::default());
    bench.handshake(start, 500);
    for (offset, bytes) in segments {
        bench.send(data(Client, start.wrapping_add(*offset), bytes));
    }
    text(&bench.finish(), Client)
}

#[test]
fn order() {
    let cases: [(&str, Segments<'_>, &str); 12] = [
        ("in order", &[(0, b"abc"), (3, b"def")], "abcdef"),
        ("swapped", &[(3, b"def"), (0, b"abc")], "abcdef"),
        ("backwards", &[(4, b"e"), (3, b"d"), (2, b"c"), (1, b"b"), (0, b"a")], "abcde"),
        ("sent again", &[(0, b"abc"), (0, b"abc"), (3, b"def"), (0, b"abcdef")], "abcdef"),
        ("sent again in other pieces", &[(0, b"abc"), (1, b"bcdef")], "abcdef"),
        ("keep-alive", &[(0, b"abc"), (2, b"\0"), (3, b"def")], "abcdef"),
        ("first copy wins over later ones", &[(0, b"abc"), (0, b"xyzdef")], "abcdef"),
        ("first copy wins behind a hole", &[(3, b"def"), (2, b"xxxxx"), (0, b"ab")], "abxdefx"),
        ("first copy wins when the hole is filled", &[(3, b"de"), (7, b"h"), (0, b"xxxxxxxxx")], "xxxdexxhx"),
        ("a hole at the end of the capture", &[(0, b"abc"), (5, b"fg"), (9, b"jk")], "abc<2>fg<2>jk"),
        ("zero window probe", &[(0, b"abc"), (3, b"d"), (3, b"def")], "abcdef"),
        ("held twice", &[(2, b"cd"), (2, b"cd"), (1, b"bcde"), (0, b"a")], "abcde"),
    ];
    for start in [1000, u32::MAX, u32::MAX - 3, 0x7fff_fffe] {
        for (name, segments, expected) in cases {
            assert_eq!(stream(start, segments), expected, "{name}, from {start}");
        }
    }
}

#[test]
fn bytes_keep_the_frame_that_brought_them() {
    let mut bench = Bench::new(Limits::default());
    bench.handshake(1, 500);
    bench.send(data(Client, 4, b"def"));
    bench.send(data(Client, 1, b"abc"));
    let events = bench.finish();
    assert_eq!(events[1..3], [Event::Bytes(1, Client, 5, b"abc".to_vec()), Event::Bytes(1, Client, 4, b"def".to_vec())]);
}

#[test]
fn a_hole_is_given_up_when_the_receiver_has_what_follows() {
    let mut bench = Bench::new(Limits::default());
    bench.handshake(1, 500);
    bench.send(data(Client, 4, b"def"));
    bench.send(ack(Server, 500, 4));
    bench.wait(50);
    bench.send(ack(Server, 500, 4));
    assert_eq!(text(&bench.sink.0, Client), "", "only the hole is acknowledged, which the receiver may have by another way");
    bench.send(ack(Server, 500, 7));
    bench.wait(8);
    bench.send(ack(Client, 7, 500));
    assert_eq!(text(&bench.sink.0, Client), "", "a frame may have been overtaken");
    bench.wait(5);
    bench.streams.advance(bench.now, &mut bench.sink);
    assert_eq!(text(&bench.sink.0, Client), "<3>def");
    bench.send(data(Client, 1, b"abc"));
    bench.send(data(Client, 7, b"ghi"));
    assert_eq!(text(&bench.finish(), Client), "<3>defghi");
}

#[test]
fn a_hole_is_given_up_with_time() {
    let mut bench = Bench::new(Limits::default());
    bench.handshake(1, 500);
    bench.send(data(Client, 4, b"def"));
    bench.wait(1000);
    bench.send(data(Client, 9, b"ij"));
    bench.wait(3500);
    bench.streams.advance(bench.now, &mut bench.sink);
    assert_eq!(text(&bench.sink.0, Client), "<3>def");
    bench.wait(1000);
    bench.streams.advance(bench.now, &mut bench.sink);
    assert_eq!(text(&bench.sink.0, Client), "<3>def<2>ij", "the second hole waits from its own start");
}

#[test]
fn a_hole_that_the_receiver_has_too_waits_longer() {
    let mut bench = Bench::new(Limits::default());
    bench.handshake(1, 500);
    bench.send(data(Client, 4, b"def"));
    bench.send(ack(Server, 500, 1));
    bench.wait(8000);
    bench.send(data(Client, 1, b"abc"));
    assert_eq!(text(&bench.finish(), Client), "abcdef");
}

#[test]
fn a_hole_is_given_up_when_too_much_waits() {
    let limits = Limits { held_bytes_per_side_max: 10, held_segments_per_side_max: 3, ..Limits::default() };
    let mut bench = Bench::new(limits.clone());
    bench.handshake(1, 500);
    bench.send(data(Client, 4, b"0123456789"));
    assert_eq!(text(&bench.sink.0, Client), "");
    bench.send(data(Client, 20, b"x"));
    assert_eq!(text(&bench.sink.0, Client), "<3>0123456789");
    for seq in [22, 24, 26] {
        bench.send(data(Client, seq, b"y"));
    }
    assert_eq!(text(&bench.sink.0, Client), "<3>0123456789<6>x", "by segments");
    assert_eq!(bench.streams.stats().holes_over_limit, 2);
    let mut bench = Bench::new(Limits { held_bytes_max: 5, ..limits });
    bench.handshake(1, 500);
    bench.send(data(Server, 503, b"1234"));
    bench.send(data(Client, 4, b"ab"));
    assert_eq!((text(&bench.sink.0, Client), text(&bench.sink.0, Server)), ("<3>ab".into(), String::new()), "over all flows");
}

#[test]
fn the_snap_length_makes_gaps() {
    let mut bench = Bench::new(Limits::default());
    bench.handshake(1, 500);
    let first = data(Client, 1, b"abcdef").frame();
    let summary = bench.bytes(&first[..first.len() - 2], first.len());
    assert_eq!((summary.payload_len, summary.truncated), (6, true));
    let third = data(Client, 10, b"jkl").frame();
    bench.bytes(&third[..third.len() - 1], third.len());
    bench.send(data(Client, 7, b"ghijk"));
    bench.send(data(Client, 13, b"m"));
    assert_eq!(text(&bench.finish(), Client), "abcd<2>ghijk<1>m");
}

#[test]
fn ends() {
    let mut bench = Bench::new(Limits::default());
    bench.handshake(1, 500);
    bench.send(data(Client, 1, b"abc"));
    bench.send(flagged(Client, 4, TcpFlags::FIN));
    bench.send(data(Server, 500, b"still "));
    bench.send(flagged(Client, 4, TcpFlags::FIN));
    bench.send(data(Server, 506, b"here"));
    bench.send(flagged(Server, 510, TcpFlags::FIN));
    assert_eq!(bench.sink.0.last(), Some(&Event::Close(1, Close::Fin)));
    bench.send(ack(Client, 5, 511));
    bench.send(data(Client, 1, b"abc"));
    let events = bench.finish();
    assert_eq!((text(&events, Client), text(&events, Server)), ("abc$".into(), "still here$".into()));
    assert!(matches!(events.last(), Some(Event::Close(1, Close::Fin))), "strays open no flow");
}

#[test]
fn an_end_that_comes_before_its_data_waits() {
    let mut bench = Bench::new(Limits::default());
    bench.handshake(1, 500);
    bench.send(flagged(Client, 7, TcpFlags::FIN));
    bench.send(data(Client, 4, b"def"));
    assert_eq!(text(&bench.sink.0, Client), "");
    bench.send(data(Client, 1, b"abc"));
    assert_eq!(text(&bench.sink.0, Client), "abcdef$");
    let mut bench = Bench::new(Limits::default());
    bench.handshake(1, 500);
    bench.send(flagged(Client, 7, TcpFlags::FIN));
    bench.send(ack(Server, 500, 8));
    bench.wait(20);
    bench.streams.advance(bench.now, &mut bench.sink);
    assert_eq!(text(&bench.sink.0, Client), "<6>$");
}

#[test]
fn resets_count_when_they_are_in_the_window() {
    let mut bench = Bench::new(Limits::default());
    bench.handshake(1_000_000, 500);
    bench.send(data(Client, 1_000_003, b"def"));
    bench.send(flagged(Client, 5, TcpFlags::RST));
    assert_eq!(bench.streams.stats().stray_resets, 1);
    bench.send(flagged(Server, 500, TcpFlags::RST));
    assert_eq!(bench.sink.0[1..], [Event::Gap(1, Client, 3), Event::Bytes(1, Client, 4, b"def".to_vec()), Event::Close(1, Close::Reset)]);
    let mut refused = Bench::new(Limits::default());
    refused.send(flagged(Client, 77, TcpFlags::SYN));
    refused.send(Segment { from: Server, seq: 0, ack: Some(78), flags: TcpFlags::RST, data: b"" });
    assert_eq!(refused.sink.0.last(), Some(&Event::Close(1, Close::Reset)));
}

#[test]
fn damaged_sequence_numbers_do_not_move_the_stream_but_losses_do() {
    let mut bench = Bench::new(Limits::default());
    bench.handshake(1, 500);
    bench.send(data(Client, 0x5000_0000, b"???"));
    bench.send(data(Client, 1, b"abc"));
    bench.send(data(Client, 0xd000_0000, b"???"));
    bench.send(data(Client, 4, b"def"));
    assert_eq!(bench.streams.stats().stray_bytes, 6);
    bench.send(data(Client, 0x5000_0000, b"gh"));
    bench.send(data(Client, 0x5000_0002, b"ij"));
    bench.send(data(Client, 0x5000_0004, b"kl"));
    let missing = 0x5000_0002u32 - 7;
    assert_eq!(text(&bench.finish(), Client), format!("abcdef<{missing}>ijkl"));
}

#[test]
fn data_with_the_syn() {
    let mut bench = Bench::new(Limits::default());
    bench.send(Segment { from: Client, seq: 9, ack: None, flags: TcpFlags::SYN, data: b"GET " });
    bench.send(Segment { from: Server, seq: 99, ack: Some(14), flags: TcpFlags::SYN, data: b"" });
    bench.send(data(Client, 14, b"/"));
    assert_eq!(text(&bench.finish(), Client), "GET /");
}
