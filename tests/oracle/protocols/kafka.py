"""Kafka: requests and responses."""
from message import ANY, Message, address, endpoints


def truth_messages(truth):
    flows = {c['s']: endpoints(c['a'], c['b']) for c in truth.get('tcp', [])}
    for item in truth.get('l7', {}).get('kafka', []):
        fields = {'length': item['len'], 'correlation': item['corr']}
        # What tshark takes for a response without its request has no key.
        if 'client' in item or item.get('req_frame'):
            fields.update({'key': item['api_key'], 'version': item['version']})
        for name in ('client', 'topics'):
            if name in item:
                fields[name] = sorted(set(item[name])) if name == 'topics' else item[name]
        if 'errors' in item:
            fields['error'] = next((e for e in item['errors'] if e), 0)
        yield item['f'], Message((flows[item['s']], item['corr']), item['len'], fields, where='frame %d' % item['f'])


def our_messages(items):
    for item in items:
        if item['protocol']['name'] != 'kafka':
            continue
        place = endpoints(address(item['src']['ip'], item['src']['port']), address(item['dst']['ip'], item['dst']['port']))
        partial = item['completeness']['grade'] != 'full'
        request = item.get('request') or {}
        for side in ('request', 'response'):
            if message := item.get(side):
                fields = {'length': message['size'], 'correlation': message['correlationID'], 'client': message.get('clientID')}
                fields.update({'key': request.get('apiKey', ANY), 'version': request.get('apiVersion', ANY)})
                fields.update({'topics': sorted(set(message['topics'])), 'error': message.get('errorCode')})
                frame = item['frames'][side][1]
                yield frame, Message((place, message['correlationID']), message['size'], fields, partial, 'frame %d' % frame)
