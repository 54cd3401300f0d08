"""RADIUS: packets."""
from message import Message


def truth_messages(truth):
    for item in truth.get('l7', {}).get('radius', []):
        fields = {name: item[name] for name in ('user',) if name in item and item['code'] in (1, 4)}
        yield item['f'], Message((item['f'], item['id']), item['code'], fields, where='frame %d' % item['f'])


def our_messages(items):
    for item in items:
        for side in ('request', 'response') if item['protocol']['name'] == 'radius' else ():
            if packet := item.get(side):
                frame = item['frames'][side][0]
                yield frame, Message((frame, packet['id']), packet['code'], {'user': packet.get('user')}, where='frame %d' % frame)
