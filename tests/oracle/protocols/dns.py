"""DNS: messages."""
from message import ANY, Message


def truth_messages(truth):
    for item in truth.get('l7', {}).get('dns', []):
        answer = item.get('resp') == 1
        fields = {'opcode': item.get('opcode'), 'truncated': bool(item.get('tc')), 'questions': [tuple(q) for q in item.get('q', [])]}
        if answer:
            fields['rcode'] = item.get('rcode', 0)
        # In updates (RFC 2136) the sections have other names, under which the truth does not look.
        sections = (('answers', 'an'), ('authorities', 'ns'), ('additionals', 'ar')) if item.get('opcode') != 5 else ()
        for ours, section in sections:
            fields[ours] = [(r['n'], r.get('t'), r.get('ttl'), tuple(r.get('v', ()))) for r in item.get(section, [])]
        yield item['f'], Message((item['f'], item.get('id'), answer), (), fields, where='frame %d' % item['f'])


def our_messages(items):
    for item in items:
        if item['protocol']['name'] != 'dns':
            continue
        for side in ('request', 'response'):
            message = item.get(side)
            if not message:
                continue
            frame = item['frames'][side][1]
            fields = {'opcode': message['opCodeId'], 'truncated': message['flags']['truncated']}
            fields['questions'] = [(name(q['name']), q['typeId']) for q in message['questions']]
            if side == 'response':
                fields['rcode'] = message['rcode'] & 15
            for section in ('answers', 'authorities', 'additionals'):
                fields[section] = [(name(r['name']), kind(r['typeId']), r.get('ttl'), rdata(r)) for r in message.get(section, []) if not is_service(r)]
            partial = item['completeness']['grade'] != 'full' or (item['error'] or {}).get('type') == 'dissection'
            yield frame, Message((frame, message['id'], side == 'response'), (), fields, partial, 'frame %d' % frame)


def name(text):
    return '<Root>' if text == '.' else text


def kind(number):
    """A record's type. For types with a bitmap of types the truth gives the last of these instead."""
    return ANY if number in (47, 50, 62) else number


def is_service(record):
    """SRV records with a service's name are not in the truth: tshark has other fields for these names."""
    return record['typeId'] == 33 and record['name'].startswith('_') or record['typeId'] == 33 and '._' in record['name']


def rdata(record):
    """The values that the truth has for a record's type."""
    for key in ('ip', 'ns', 'cname', 'ptr'):
        if key in record and record['typeId'] != 39:
            return (name(record[key]),)
    if 'txts' in record and record['typeId'] == 16:
        return tuple(record['txts'])
    for key, field in (('mx', 'name'), ('srv', 'name'), ('soa', 'mname')):
        if key in record:
            return (name(record[key][field]),)
    return ()
