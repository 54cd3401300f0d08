//! SCTP and ICMP.

use super::{Bench, CLIENT, Event, SERVER, ethernet, ipv4};
use crate::{Close, Limits};
use hookline_item::Sender;

fn data(tsn: u32, flags: u8, text: &[u8]) -> Vec<u8> {
    let len = u16::try_from(16 + text.len()).unwrap().to_be_bytes();
    let mut chunk = [&[0, flags, len[0], len[1]], &tsn.to_be_bytes()[..], &[0, 1, 0, 0, 0, 0, 0, 46], text].concat();
    chunk.resize(chunk.len().next_multiple_of(4), 0);
    chunk
}

fn packet(from: Sender, chunks: &[Vec<u8>]) -> Vec<u8> {
    let (src, dst) = if from == Sender::Client { (CLIENT, SERVER) } else { (SERVER, CLIENT) };
    let header = [&src.1.to_be_bytes()[..], &dst.1.to_be_bytes(), &[0; 8]].concat();
    ethernet(0x0800, &ipv4(132, src.0, dst.0, &[header, chunks.concat()].concat()))
}

#[test]
fn user_messages_come_whole_and_once() {
    let mut bench = Bench::new(Limits::default());
    let init = vec![1, 0, 0, 4];
    for frame in [
        packet(Sender::Client, &[init]),
        packet(Sender::Client, &[data(10, 3, b"one"), data(12, 0, b"wo ")]),
        packet(Sender::Client, &[data(10, 3, b"one"), data(13, 1, b"parts")]),
        packet(Sender::Client, &[data(11, 2, b"t")]),
        packet(Sender::Server, &[data(99, 3, b"answer")]),
        packet(Sender::Server, &[vec![14, 0, 0, 4]]),
    ] {
        bench.bytes(&frame, frame.len());
    }
    assert_eq!(bench.streams.stats().repeated_chunks, 1);
    let events = bench.finish();
    let want = [
        Event::Open { client: CLIENT.1, server: SERVER.1, guessed: false, mid_stream: false },
        Event::Bytes(1, Sender::Client, 2, b"one".to_vec()),
        Event::Bytes(1, Sender::Client, 4, b"two parts".to_vec()),
        Event::Bytes(1, Sender::Server, 5, b"answer".to_vec()),
        Event::Close(1, Close::Fin),
    ];
    assert_eq!(events, want);
}

#[test]
fn icmp_messages_of_two_hosts_are_one_flow() {
    let mut bench = Bench::new(Limits::default());
    let echo = ethernet(0x0800, &ipv4(1, CLIENT.0, SERVER.0, &[8, 0, 0, 0, 0, 1, 0, 1]));
    let reply = ethernet(0x0800, &ipv4(1, SERVER.0, CLIENT.0, &[0, 0, 0, 0, 0, 1, 0, 1]));
    bench.bytes(&echo, echo.len());
    bench.bytes(&reply, reply.len());
    let events = bench.finish();
    assert_eq!(events.len(), 4);
    assert!(matches!(&events[2], Event::Bytes(1, Sender::Server, 2, bytes) if bytes[0] == 0));
}

#[test]
fn any_chunks_are_survived() {
    let mut bench = Bench::new(Limits::default());
    for n in 0..2000_u32 {
        let frame = packet(Sender::Client, &[data(n.wrapping_mul(7919), (n % 4) as u8, &[0; 500]), vec![9, 9, 0, 1], vec![0, 3, 0, 5]]);
        bench.bytes(&frame, frame.len() - (n as usize % 20));
    }
    bench.finish();
}
