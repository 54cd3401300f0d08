"""WebSocket: frames."""
from message import Message, address, endpoints


def truth_messages(truth):
    flows = {c['s']: endpoints(c['a'], c['b']) for c in truth.get('tcp', [])}
    for item in truth.get('l7', {}).get('websocket', []):
        fields = {'fin': bool(item['fin']), 'masked': bool(item['mask']), 'length': item['len'], 'rsv': item['rsv'] != 0}
        yield item['f'], Message((flows[item['s']], item['op']), item['len'], fields, where='frame %d' % item['f'])


def our_messages(items):
    for item in items:
        if item['protocol']['name'] != 'ws':
            continue
        place = endpoints(address(item['src']['ip'], item['src']['port']), address(item['dst']['ip'], item['dst']['port']))
        data = item['data']
        fields = {'fin': data['fin'], 'masked': data['masked'], 'length': data['payloadLength'], 'rsv': data['rsv1'] or data['rsv2'] or data['rsv3']}
        frame = item['frames']['request'][1]
        partial = item['completeness']['grade'] != 'full'
        yield frame, Message((place, data['opCodeId']), data['payloadLength'], fields, partial, 'frame %d' % frame)
