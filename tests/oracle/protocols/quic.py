"""QUIC: packets with long headers, by their types."""
from message import Message, address, endpoints

TYPES = {0: 'initial', 1: 'zeroRtt', 2: 'handshake', 3: 'retry'}
VERSION_2 = 0x6b3343cf


def truth_messages(truth):
    flows = {c['s']: (endpoints(c['a'], c['b']), c['a']) for c in truth.get('udp', [])}
    for item in truth.get('l7', {}).get('quic', []):
        version = int(item['version'], 16)
        # tshark gives version 2 the numbers on the wire, which are another order.
        types = [TYPES[(t - 1) % 4 if version == VERSION_2 else t] for t in item.get('types') or []] or ['versionNegotiation']
        place, _ = flows[item['s']]
        for kind in types:
            yield item['f'], Message((place, kind), kind, {}, where='frame %d %s' % (item['f'], kind))


def our_messages(items):
    for item in items:
        if item['protocol']['name'] != 'quic':
            continue
        place = endpoints(address(item['src']['ip'], item['src']['port']), address(item['dst']['ip'], item['dst']['port']))
        frame = min(frames[0] for frames in item['frames'].values())
        for side, packets in item['data']['packets'].items():
            for kind, count in packets.items():
                for _ in range(count):
                    yield frame, Message((place, kind), kind, {}, where='item %s %s %s' % (item['id'], side, kind))
