"""MongoDB: messages, with the names of all elements in their documents."""
from message import ANY, Message, address, endpoints


# What extended JSON names types by.
TYPES = ('$binary', '$undefined', '$oid', '$date', '$regularExpression', '$dbPointer', '$code', '$symbol', '$timestamp', '$numberDecimal', '$numberLong', '$maxKey', '$minKey')


def truth_messages(truth):
    flows = {c['s']: endpoints(c['a'], c['b']) for c in truth.get('tcp', [])}
    for item in truth.get('l7', {}).get('mongo', []):
        fields = {'elements': item.get('elements', []), 'strings': item.get('strings', []), 'returned': item.get('returned')}
        fields = {name: value for name, value in fields.items() if value}
        yield item['f'], Message((flows[item['s']], item['d'] == '<' and item['to'], item['id']), item['op'], fields, where='frame %d op %d' % (item['f'], item['op']))


def our_messages(items):
    for item in items:
        for side in ('request', 'response') if item['protocol']['name'] == 'mongodb' else ():
            if message := item.get(side):
                frame = item['frames'][side][0]
                place = endpoints(address(item['src']['ip'], item['src']['port']), address(item['dst']['ip'], item['dst']['port']))
                document = message['document']
                # The documents of an OP_REPLY stand one after the other, those of a cursor are counted in ours.
                of_old = message['opcode'] == 'OP_REPLY' and list(document) == ['documents']
                names = [name for one in document['documents'] for name in walk(one)] if of_old else list(walk(document))
                fields = {'elements': names, 'strings': ANY, 'returned': ANY if 'cursor' in document else message.get('returned')}
                partial = item['completeness']['grade'] != 'full'
                to = message['responseTo'] if side == 'response' else False
                yield frame, Message((place, to, message['requestId']), message['opcodeId'], fields, partial, 'frame %d op %d' % (frame, message['opcodeId']))


def walk(document):
    if isinstance(document, dict):
        for name, value in document.items():
            if name in TYPES:
                continue
            yield name
            yield from walk(value)
    elif isinstance(document, list):
        for at, value in enumerate(document):
            yield str(at)
            yield from walk(value)
