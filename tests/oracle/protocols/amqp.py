"""AMQP: methods, and the messages that they carry."""
from message import Message, address, endpoints


def truth_messages(truth):
    flows = {c['s']: endpoints(c['a'], c['b']) for c in truth.get('tcp', [])}
    for item in truth.get('l7', {}).get('amqp', []):
        if item['type'] == 1:
            names = {'exchange': 'exchange', 'queue': 'queue', 'rk': 'routingKey', 'code': 'replyCode', 'text': 'replyText'}
            fields = {ours: item[name] for name, ours in names.items() if name in item}
            yield item['f'], Message((flows[item['s']], item['ch'], item['class'], item['method']), item['method'], fields, where='frame %d' % item['f'])
        elif item['type'] == 2:
            yield item['f'], Message((flows[item['s']], item['ch'], 'message'), item['body_size'], {}, where='frame %d message' % item['f'])


def our_messages(items):
    for item in items:
        for side in ('request', 'response') if item['protocol']['name'] == 'amqp' else ():
            if method := item.get(side):
                frame = item['frames'][side][0]
                place = endpoints(address(item['src']['ip'], item['src']['port']), address(item['dst']['ip'], item['dst']['port']))
                partial = item['completeness']['grade'] != 'full'
                yield frame, Message((place, method['channel'], method['classId'], method['methodId']), method['methodId'], method, partial, 'frame %d' % frame)
                if 'bodySize' in method:
                    yield frame, Message((place, method['channel'], 'message'), method['bodySize'], {}, partial, 'frame %d message' % frame)
