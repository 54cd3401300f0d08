#!/usr/bin/env python3
"""Makes scan.pcap: a host that sends SYNs to 25 ports, among connections of others that are none of a scan."""
import pathlib
import struct


def frame(source, destination, sport, dport, flags):
    ip = lambda text: bytes(int(part) for part in text.split('.'))
    tcp = struct.pack('>HHIIBBHHH', sport, dport, 1, 0, 0x50, flags, 65535, 0, 0)
    head = struct.pack('>BBHHHBBH', 0x45, 0, 20 + len(tcp), 0, 0x4000, 64, 6, 0) + ip(source) + ip(destination)
    return bytes.fromhex('020000000001020000000002' '0800') + head + tcp


SYN, SYN_ACK, RST_ACK = 2, 0x12, 0x14
frames = []
for n in range(25):
    frames.append((n * 1000, frame('10.0.0.66', '10.0.0.2', 50000, 20 + n, SYN)))
    frames.append((n * 1000 + 100, frame('10.0.0.2', '10.0.0.66', 20 + n, 50000, RST_ACK)))
    frames.append((n * 1000 + 200, frame('10.0.0.7', '10.0.0.2', 40000 + n, 443, SYN)))
    frames.append((n * 1000 + 300, frame('10.0.0.2', '10.0.0.7', 443, 40000 + n, SYN_ACK)))
out = struct.pack('<IHHiIII', 0xa1b2c3d4, 2, 4, 0, 0, 65535, 1)
for micros, data in frames:
    out += struct.pack('<IIII', 1700000000, micros, len(data), len(data)) + data
pathlib.Path(__file__).with_name('scan.pcap').write_bytes(out)
