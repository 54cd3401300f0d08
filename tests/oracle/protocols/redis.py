"""Redis: commands. The truth has their names, counts of arguments and keys; replies are only counted there."""
from message import Message, address, endpoints


def truth_messages(truth):
    flows = {c['s']: endpoints(c['a'], c['b']) for c in truth.get('tcp', [])}
    for n, item in enumerate(truth.get('l7', {}).get('redis', [])):
        if 'cmd' in item and item['s'] in flows:
            fields = {'argc': item['argc']}
            yield n, Message(flows[item['s']], item['cmd'], fields, where='%s %d' % (item['s'], n))


def our_messages(items):
    for n, item in enumerate(i for i in items if i['protocol']['name'] == 'redis' and i.get('request')):
        place = endpoints(address(item['src']['ip'], item['src']['port']), address(item['dst']['ip'], item['dst']['port']))
        request = item['request']
        partial = item['completeness']['grade'] != 'full'
        yield n, Message(place, request['command'], {'argc': 1 + len(request['args'])}, partial, 'item %s' % item['id'])
