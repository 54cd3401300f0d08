"""memcached: commands. Of responses the truth has each line; ours are whole."""
from message import Message, address, endpoints

BINARY = {0x00: 'Get', 0x01: 'Set', 0x02: 'Add', 0x03: 'Replace', 0x04: 'Delete', 0x05: 'Increment', 0x06: 'Decrement', 0x07: 'Quit', 0x0a: 'No-op', 0x0b: 'Version', 0x0c: 'GetK',
          0x0d: 'GetKQ', 0x11: 'SetQ', 0x09: 'GetQ'}


def truth_messages(truth):
    flows = {c['s']: endpoints(c['a'], c['b']) for c in truth.get('tcp', []) + truth.get('udp', [])}
    for item in truth.get('l7', {}).get('memcache', []):
        if 'command' not in item or item.get('magic') == 129:
            continue
        command = BINARY.get(item['command'], item['command'])
        fields = {'keys': item.get('key', [])}
        if item.get('vlen'):
            fields['length'] = item['vlen']
        yield item['f'], Message((flows[item['s']], item['f']), command, fields, where='frame %d %s' % (item['f'], command))


def our_messages(items):
    for item in items:
        if item['protocol']['name'] == 'memcached' and (command := item.get('request')):
            frame = item['frames']['request'][1]
            place = endpoints(address(item['src']['ip'], item['src']['port']), address(item['dst']['ip'], item['dst']['port']))
            fields = {'keys': command['keys'], 'length': command.get('valueLength')}
            partial = item['completeness']['grade'] != 'full'
            yield frame, Message((place, frame), command['command'], fields, partial, 'frame %d %s' % (frame, command['command']))
