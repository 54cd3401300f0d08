"""NATS: operations."""
from message import Message, address, endpoints


def truth_messages(truth):
    flows = {c['s']: endpoints(c['a'], c['b']) for c in truth.get('tcp', [])}
    for n, item in enumerate(truth.get('l7', {}).get('nats', [])):
        names = {'subject': 'subject', 'sid': 'sid', 'reply': 'replyTo'}
        fields = {ours: item[name] for name, ours in names.items() if name in item}
        if item.get('len') is not None:
            fields['length'] = item['len']
        yield n, Message((flows[item['s']], item['op']), item.get('subject'), fields, where='%s %d' % (item['op'], n))


def our_messages(items):
    n = 0
    for item in items:
        if item['protocol']['name'] != 'nats':
            continue
        place = endpoints(address(item['src']['ip'], item['src']['port']), address(item['dst']['ip'], item['dst']['port']))
        for side in ('request', 'response'):
            if operation := item.get(side):
                fields = {name: operation.get(name) for name in ('subject', 'sid', 'replyTo')}
                fields['length'] = operation.get('payloadLength', 0) + header_bytes(item, side, operation)
                frame = item['frames'][side][0] * 1000 + n
                n += 1
                partial = item['completeness']['grade'] != 'full'
                yield frame, Message((place, operation['op']), operation.get('subject'), fields, partial, 'frame %d %s' % (frame // 1000, operation['op']))


def header_bytes(item, side, operation):
    """Bytes of the headers, which the truth counts with the payload: what is left of the message."""
    if operation['op'] not in ('HPUB', 'HMSG'):
        return 0
    words = [operation['op'], operation['subject'], operation.get('sid'), operation.get('replyTo')]
    known = len(' '.join(w for w in words if w)) + 1
    rest = item[side + 'Size'] - operation['payloadLength'] - known - 4
    # `HEADERS TOTAL` in as many digits as they have.
    for headers in range(max(rest - 20, 0), rest):
        if len('%d %d' % (headers, headers + operation['payloadLength'])) + headers == rest:
            return headers
    return 0
