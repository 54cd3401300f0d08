#!/usr/bin/env python3
"""Writes the capture that the pipeline bench reads: HTTP/1.1 on keep-alive connections, and DNS over UDP.

    generate.py OUT.pcap [--packets 400000]

The same bytes each time: sizes, paths, status codes and gaps come from a seeded generator. One in 200 responses is a 500. Three
packets in four are HTTP's; checksums of IP are right, those of TCP and UDP are left 0, as an offloading network card does.
"""
import argparse
import random
import struct

SEED = 20261122
CONNECTIONS = 2000
EXCHANGES = 40  # per connection
HEADERS = (b'Host: shop.example\r\nUser-Agent: bench/1.0 (generated)\r\nAccept: application/json, text/html;q=0.9\r\n'
           b'Accept-Encoding: gzip, deflate\r\nCookie: session=%032x; theme=dark\r\nX-Request-Id: %016x\r\n\r\n')
ANSWER = (b'HTTP/1.1 %d %s\r\nServer: bench\r\nDate: Sun, 22 Nov 2026 22:50:00 GMT\r\nContent-Type: application/json\r\n'
          b'Cache-Control: no-store\r\nContent-Length: %d\r\n\r\n')
SYN, ACK, PSH, FIN = 2, 16, 8, 1


def ip_checksum(header):
    total = sum(struct.unpack('!10H', header))
    total = (total & 0xffff) + (total >> 16)
    return ~((total & 0xffff) + (total >> 16)) & 0xffff


def ethernet(src, dst, protocol, body):
    header = struct.pack('!BBHHHBBH4s4s', 0x45, 0, 20 + len(body), 0, 0x4000, 64, protocol, 0, src, dst)
    header = header[:10] + struct.pack('!H', ip_checksum(header)) + header[12:]
    return b'\x02\0\0\0\0\2\x02\0\0\0\0\1\x08\0' + header + body


class Connection:
    """Yields the packets of one connection: handshake, exchanges, close."""

    def __init__(self, number, rng):
        self.rng = rng
        self.client = struct.pack('!I', 0x0a000000 + 2 + number % 250 + (number // 250 << 8))
        self.server = struct.pack('!I', 0x0a800001 + number % 16)
        self.port = 20000 + number % 40000
        self.seq = [rng.randrange(1 << 32), rng.randrange(1 << 32)]

    def segment(self, from_client, flags, data=b''):
        ports = (self.port, 80) if from_client else (80, self.port)
        mine, other = (0, 1) if from_client else (1, 0)
        tcp = struct.pack('!HHIIBBHHH', *ports, self.seq[mine], self.seq[other] if flags & ACK else 0, 0x50, flags, 64240, 0, 0) + data
        self.seq[mine] = (self.seq[mine] + len(data) + bool(flags & (SYN | FIN))) & 0xffffffff
        ends = (self.client, self.server) if from_client else (self.server, self.client)
        return ethernet(*ends, 6, tcp)

    def packets(self):
        yield self.segment(True, SYN)
        yield self.segment(False, SYN | ACK)
        yield self.segment(True, ACK)
        for n in range(EXCHANGES):
            path = b'/api/v1/%s/%d?page=%d' % (self.rng.choice([b'cart', b'item', b'user', b'order']), self.rng.randrange(10000), n)
            request = b'GET ' + path + b' HTTP/1.1\r\n' + HEADERS % (self.rng.getrandbits(128), self.rng.getrandbits(64))
            yield self.segment(True, PSH | ACK, request)
            status, text = (500, b'Internal Server Error') if self.rng.randrange(200) == 0 else (200, b'OK')
            body = b'{"items":[' + b'"xxxxxxxxxxxxxxxx",' * self.rng.randrange(2, 60) + b'0]}'
            yield self.segment(False, PSH | ACK, ANSWER % (status, text, len(body)) + body)
            yield self.segment(True, ACK)
        yield self.segment(True, FIN | ACK)
        yield self.segment(False, FIN | ACK)
        yield self.segment(True, ACK)


def lookup(rng):
    """The query and the answer of one name, on a socket of its own."""
    name = b'\x04%s\x07example\x03com\0' % rng.choice([b'shop', b'mail', b'news', b'wiki'])
    ident, port = rng.randrange(1 << 16), rng.randrange(30000, 60000)
    client, server = struct.pack('!I', 0x0a000000 + rng.randrange(2, 60000)), b'\x0a\x80\0\x35'
    question = name + b'\0\1\0\1'
    query = struct.pack('!6H', ident, 0x0100, 1, 0, 0, 0) + question
    answer = struct.pack('!6H', ident, 0x8180, 1, 1, 0, 0) + question + b'\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4' + rng.randbytes(4)
    yield ethernet(client, server, 17, struct.pack('!4H', port, 53, 8 + len(query), 0) + query)
    yield ethernet(server, client, 17, struct.pack('!4H', 53, port, 8 + len(answer), 0) + answer)


def frames(count):
    rng = random.Random(SEED)
    started, open_now = 0, []
    while count > 0:
        while len(open_now) < CONNECTIONS // 8:
            open_now.append(Connection(started, rng).packets())
            started += 1
        if rng.randrange(7) == 0:
            burst = lookup(rng)
        else:
            at = rng.randrange(len(open_now))
            burst = [p for p in (next(open_now[at], None),) if p]
            if not burst:
                open_now[at] = open_now[-1]
                open_now.pop()
        for packet in burst:
            if count > 0:
                count -= 1
                yield packet


def main():
    args = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    args.add_argument('out')
    args.add_argument('--packets', type=int, default=400000)
    args = args.parse_args()
    with open(args.out, 'wb') as out:
        out.write(struct.pack('<IHHiIII', 0xa1b2c3d4, 2, 4, 0, 0, 262144, 1))
        for number, packet in enumerate(frames(args.packets)):
            micros = number * 25
            out.write(struct.pack('<IIII', 1795387800 + micros // 1000000, micros % 1000000, len(packet), len(packet)) + packet)


if __name__ == '__main__':
    main()
