#!/usr/bin/env python3
"""Makes the captures of tests/pcaps/synthetic: what real captures say, carried in ways that the network may carry it.

    synthetic.py [FOLDER]

Of each capture below, one flow's payloads are taken, in their order, and put into new segments:

    normal       a handshake, one segment for each payload, its acknowledgment, the end
    split        every byte in a segment of its own
    reordered    each payload in three segments, of which the first comes last
    duplicated   every segment twice
    lost         a segment from the middle was not captured, though it was acknowledged
    mid-stream   the capture begins inside the first payload
    malformed    bytes of the second half are changed
    over-limits  then the client begins a message that is longer than any that is kept, and breaks off

The same input gives the same files, byte for byte. Captures are gzipped: bytes in segments of their own pack well.
"""
import gzip
import pathlib
import struct
import sys

HERE = pathlib.Path(__file__).parent
# Name, capture, which of its flows. Of a flow, as many payloads are taken as have PAYLOADS_MAX bytes together.
BASES = [
    ('amqp', 'amqp/amqp1.pcap', 0), ('diameter', 'diameter/diameter_synthetic.pcap', 0), ('dns-tcp', 'dns/dns-tcp-multi.pcap', 0),
    ('dns-udp', 'dns/dns-https.pcap', 0), ('http', 'http/http-content-gzip.pcap', 0),
    ('grpc', 'http/grpc-service-name.pcap', 0), ('kafka', 'kafka/00-produce-v7-sw8.pcap', 0), ('ldap', 'ldap/ldap-add.pcap', 0), ('memcached', 'memcached/memcached.pcap', 0),
    ('memcached-udp', 'memcached/memcache_text_udp_multi_store.pcap', 0), ('mongodb', 'mongodb/mongo-msg.pcap', 0),
    ('mqtt', 'mqtt/mqtt_roundtrip.pcap', 0), ('mysql', 'mysql/query-attr.pcap', 0), ('nats', 'nats/nats-headers.pcap', 0),
    ('postgresql', 'postgresql/pgsql_extended_query.pcap', 0), ('radius', 'radius/RADIUS.pcap', 0), ('redis', 'redis/redis-debug.pcap', 0),
    ('tls', 'tls/tls13_psk_succesfull.pcap', 0), ('ws', 'ws/two-binary-fragments.pcap', 0),
]
PAYLOADS_MAX = 3000
# Longer than `message_max` of host/dissect/src/limits.rs, and what is sent of it.
LONG, FILLER = 300000, b'x' * 2000
# The beginning of a message of that length, or, for HTTP, one of more header fields than `fields_max`.
LONG_MESSAGES = {
    'amqp': struct.pack('>BHIHH', 1, 1, LONG, 60, 40) + FILLER,
    'diameter': struct.pack('>B3sB3sIII', 1, LONG.to_bytes(3, 'big'), 0x80, (272).to_bytes(3, 'big'), 4, 1, 2) + struct.pack('>IB3s', 263, 0x40, (LONG - 20).to_bytes(3, 'big')) + FILLER,
    'http': b'POST /many HTTP/1.1\r\nHost: a\r\n' + b''.join(b'f%d: v\r\n' % n for n in range(1100)) + b' folded\r\nContent-Length: 5\r\n\r\nhello',
    'grpc': LONG.to_bytes(3, 'big') + b'\0\0' + struct.pack('>I', 1) + FILLER,
    'kafka': struct.pack('>IhhI', LONG, 0, 7, 99) + b'\0\6client' + FILLER,
    'ldap': b'\x30\x83' + LONG.to_bytes(3, 'big') + b'\x02\x01\x63\x68\x83' + (LONG - 8).to_bytes(3, 'big') + FILLER,
    'memcached': b'set key 0 0 %d\r\n' % LONG + FILLER,
    'mongodb': struct.pack('<IIIIIB', LONG, 99, 0, 2013, 0, 0) + struct.pack('<I', LONG - 21) + FILLER,
    'mqtt': b'\x30\xe0\xa7\x12\0\3a/b' + FILLER,
    'mysql': LONG.to_bytes(3, 'little') + b'\0\3SELECT ' + FILLER,
    'nats': b'PUB a.b %d\r\n' % LONG + FILLER,
    'postgresql': b'Q' + struct.pack('>I', LONG) + b'SELECT ' + FILLER,
    'redis': b'*3\r\n$3\r\nSET\r\n$3\r\nkey\r\n$%d\r\n' % LONG + FILLER,
    'tls': b'\x16\x03\x03' + struct.pack('>H', 0x5000) + FILLER,
    'ws': b'\x81\xff' + struct.pack('>QI', LONG, 0) + FILLER,
}
CLIENT, SERVER = 0, 1
FIN, SYN, PSH, ACK = 1, 2, 8, 16


# ---------------------------------------------------------------- reading

def frames(file):
    """The frames of a pcap file on Ethernet."""
    data = file.read_bytes()
    order = '<' if data[0] in (0xd4, 0x4d) else '>'
    at = 24
    while at + 16 <= len(data):
        length = struct.unpack_from(order + 'I', data, at + 8)[0]
        yield data[at + 16:at + 16 + length]
        at += 16 + length


def payloads(file, wanted):
    """Protocol, server port, and (sender, payload) of the flow of this number that carries something."""
    flows = {}
    for frame in frames(file):
        if frame[12:14] != b'\x08\x00' or frame[23] not in (6, 17):
            continue
        ip = frame[14:]
        rest = ip[(ip[0] & 15) * 4:struct.unpack_from('>H', ip, 2)[0]]
        payload = rest[(rest[12] >> 4) * 4:] if ip[9] == 6 else rest[8:]
        ends = (ip[12:16] + rest[:2], ip[16:20] + rest[2:4])
        flow = flows.setdefault((ip[9], frozenset(ends)), {'client': ends[0], 'server': ends[1], 'said': [], 'sequences': set()})
        mark = (ends[0], rest[4:8])
        if payload and (ip[9] == 17 or mark not in flow['sequences']):
            flow['sequences'].add(mark)
            flow['said'].append((CLIENT if ends[0] == flow['client'] else SERVER, payload))
    (protocol, _), flow = [item for item in flows.items() if item[1]['said']][wanted]
    said, total = [], 0
    for sender, payload in flow['said']:
        total += len(payload)
        if said and total > PAYLOADS_MAX:
            break
        said.append((sender, payload))
    return protocol, struct.unpack('>H', flow['server'][4:])[0], said


# ---------------------------------------------------------------- writing

def checksum(data):
    total = sum(struct.unpack('>%dH' % (len(data) // 2), data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return struct.pack('>H', ~total & 0xffff)


class Flow:
    """Packets between a client and a server, a millisecond apart."""

    def __init__(self, protocol, port):
        self.protocol, self.ports = protocol, (40000, port)
        self.next = [1000, 2000]
        self.packets = []

    def packet(self, sender, rest):
        addresses = (bytes([10, 0, 0, 1]), bytes([10, 0, 0, 2]))
        head = struct.pack('>BBHHHBB', 0x45, 0, 20 + len(rest), len(self.packets), 0x4000, 64, self.protocol)
        ends = addresses[sender] + addresses[1 - sender]
        ip = head + checksum(head + b'\0\0' + ends) + ends
        self.packets.append(b'\x02\0\0\0\0\x02\x02\0\0\0\0\x01\x08\0' + ip + rest)

    def segment(self, sender, flags, sequence, payload=b''):
        header = struct.pack('>HHIIBBHHH', self.ports[sender], self.ports[1 - sender], sequence, self.next[1 - sender], 0x50, flags, 65535, 0, 0)
        self.packet(sender, header + payload)

    def open(self):
        for sender, flags in ((CLIENT, SYN), (SERVER, SYN | ACK), (CLIENT, ACK)):
            self.segment(sender, flags, self.next[sender] - (flags & SYN > 0))

    def say(self, sender, pieces, order=None, times=1, captured=lambda at: True):
        """Segments of what a side says, and the acknowledgment. `order`: in which order they come."""
        if self.protocol == 17:
            payload = b''.join(pieces)
            header = struct.pack('>HHHH', self.ports[sender], self.ports[1 - sender], 8 + len(payload), 0)
            for _ in range(times):
                self.packet(sender, header + payload)
            return
        starts, at = [], self.next[sender]
        for piece in pieces:
            starts.append(at)
            at += len(piece)
        for index in order or range(len(pieces)):
            for _ in range(times):
                if captured(index):
                    self.segment(sender, PSH | ACK, starts[index], pieces[index])
        self.next[sender] = at
        self.segment(1 - sender, ACK, self.next[1 - sender])

    def end(self):
        if self.protocol == 6:
            for sender in (CLIENT, SERVER):
                self.segment(sender, FIN | ACK, self.next[sender])
                self.next[sender] += 1
            self.segment(CLIENT, ACK, self.next[CLIENT])

    def pcap(self):
        out = struct.pack('<IHHiIII', 0xa1b2c3d4, 2, 4, 0, 0, 65535, 1)
        for number, packet in enumerate(self.packets):
            out += struct.pack('<IIII', 1700000000 + number // 1000, number % 1000 * 1000, len(packet), len(packet)) + packet
        return gzip.compress(out, 9, mtime=0)


# ---------------------------------------------------------------- variants

def thirds(payload):
    n = -(-len(payload) // 3)
    return [payload[i:i + n] for i in range(0, len(payload), n)]


def damaged(payload):
    """Every eleventh byte of the second half changed."""
    half = len(payload) // 2
    return bytes(b ^ 0x55 if at >= half and at % 11 == 0 else b for at, b in enumerate(payload))


def make(name, protocol, port, said, variant):
    flow = Flow(protocol, port)
    if (name, variant) == ('http', 'over-limits'):
        # Nothing would be read behind what closes the connection.
        said = []
    if protocol == 6 and variant != 'mid-stream':
        flow.open()
    for turn, (sender, payload) in enumerate(said):
        pieces = thirds(payload)
        if variant == 'split':
            flow.say(sender, [payload[i:i + 1] for i in range(len(payload))])
        elif variant == 'reordered':
            flow.say(sender, pieces, order=[*range(1, len(pieces)), 0])
        elif variant == 'duplicated':
            flow.say(sender, [payload], times=2)
        elif variant == 'lost' and turn == len(said) // 2:
            flow.say(sender, pieces, captured=lambda at: at != len(pieces) // 2)
        elif variant == 'mid-stream' and turn == 0:
            flow.say(sender, [payload[len(payload) // 2:]])
        elif variant == 'malformed':
            flow.say(sender, [damaged(payload)])
        else:
            flow.say(sender, [payload])
    if variant == 'over-limits':
        message = LONG_MESSAGES[name]
        flow.say(CLIENT, [message[i:i + 1400] for i in range(0, len(message), 1400)])
    flow.end()
    return flow.pcap()


def main():
    folder = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else HERE / 'synthetic'
    for name, capture, number in BASES:
        protocol, port, said = payloads(HERE / capture, number)
        variants = ['normal', 'duplicated', 'malformed']
        if protocol == 6:
            variants += ['split', 'reordered', 'lost', 'mid-stream']
        if name in LONG_MESSAGES:
            variants.append('over-limits')
        for variant in variants:
            (folder / ('%s-%s.pcap.gz' % (name, variant))).write_bytes(make(name, protocol, port, said, variant))


if __name__ == '__main__':
    main()
