"""LDAP: operations. What a search found is counted in our response, and a message each in the truth."""
import re

from message import ANY, Message, address, endpoints, plain


def truth_messages(truth):
    flows = {c['s']: endpoints(c['a'], c['b']) for c in truth.get('tcp', []) + truth.get('udp', [])}
    for item in truth.get('l7', {}).get('ldap', []):
        fields = {name: plain(item[name]) for name in ('result', 'base', 'filter') if name in item}
        if item['op'] != 3:
            fields.pop('filter', None)
        # Filters that tshark gives in another spelling: names of bit rules, values in hexadecimal.
        if ':' in fields.get('filter', '') or '\\' in fields.get('filter', ''):
            fields.pop('filter')
        yield item['f'], Message((flows[item['s']], item['id'], item['op']), item['op'], fields, where='frame %d op %d' % (item['f'], item['op']))


def our_messages(items):
    for item in items:
        if item['protocol']['name'] != 'ldap':
            continue
        place = endpoints(address(item['src']['ip'], item['src']['port']), address(item['dst']['ip'], item['dst']['port']))
        partial = item['completeness']['grade'] != 'full'
        for side in ('request', 'response'):
            message = item.get(side)
            if not message:
                continue
            frame, operation = item['frames'][side][1], message['operationId']
            found = [4] * message.get('entryCount', 0) + [19] * message.get('referenceCount', 0)
            names = [entry['dn'] for entry in message.get('entries', [])]
            for at, n in enumerate(found):
                fields = {'base': plain(names[at]) if at < len(names) else ANY}
                yield frame, Message((place, message['messageId'], n), n, fields, partial, 'frame %d op %d' % (frame, n))
            base = message.get('baseDn') or message.get('dn') or message.get('bindName')
            # An entry without the end of its search.
            if operation in found:
                continue
            fields = {'result': message.get('resultCode'), 'base': plain(base), 'filter': plain(part_of(message.get('filter', '')))}
            yield frame, Message((place, message['messageId'], operation), operation, fields, partial, 'frame %d op %d' % (frame, operation))


def part_of(text):
    """What the truth has of a filter: the first attribute that shall be there, else the last value."""
    present = re.search(r'\((\w+)=\*\)', text)
    values = re.findall(r'=([^()]*)\)', text)
    return present[1] if present else values[-1] if values else None
