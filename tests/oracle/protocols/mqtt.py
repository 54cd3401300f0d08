"""MQTT: control packets."""
from message import Message, address, endpoints, plain


def truth_messages(truth):
    flows = {c['s']: endpoints(c['a'], c['b']) for c in truth.get('tcp', [])}
    for item in truth.get('l7', {}).get('mqtt', []):
        names = {'id': 'packetId', 'client': 'clientId', 'user': 'user', 'qos': 'qos', 'ver': 'protocolVersion'}
        # Of a SUBSCRIBE the truth has the bits of its fixed header, which are always the same.
        if item['type'] != 3:
            item.pop('qos', None)
        fields = {ours: plain(item[name]) for name, ours in names.items() if name in item}
        if 'topic' in item:
            topics = item['topic'] if isinstance(item['topic'], list) else [item['topic']]
            fields['topic'] = plain(topics[0])
        yield item['f'], Message((flows[item['s']], item['type']), item.get('id'), fields, where='frame %d type %d' % (item['f'], item['type']))


def our_messages(items):
    for item in items:
        if item['protocol']['name'] != 'mqtt':
            continue
        place = endpoints(address(item['src']['ip'], item['src']['port']), address(item['dst']['ip'], item['dst']['port']))
        for side in ('request', 'response', 'data'):
            if packet := item.get(side):
                frame = item['frames'].get(side, item['frames'].get('request', [0]))[0]
                fields = {name: plain(packet.get(name)) for name in ('packetId', 'clientId', 'user', 'qos', 'protocolVersion', 'topic')}
                partial = item['completeness']['grade'] != 'full'
                yield frame, Message((place, packet['packetTypeId']), packet.get('packetId'), fields, partial, 'frame %d type %d' % (frame, packet['packetTypeId']))
