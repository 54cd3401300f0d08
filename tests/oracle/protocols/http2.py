"""HTTP/2: exchanges, by what of them was seen."""
from message import Message, address, endpoints


def truth_messages(truth):
    flows = {c['s']: endpoints(c['a'], c['b']) for c in truth.get('tcp', [])}
    for item in truth.get('l7', {}).get('http2', []):
        request, response = item['req'], item['resp']
        # Streams that only have a priority.
        if not request and not response:
            continue
        fields = {ours: side[name] for side, name, ours in ((request, 'method', 'method'), (request, 'path', 'path'), (request, 'authority', 'host'), (response, 'status', 'status')) if name in side}
        if not item.get('unknown_headers'):
            fields.update({'request': item['data']['>'], 'response': item['data']['<']})
        if grpc := item.get('grpc'):
            fields['grpc'] = [grpc['service'], grpc['method'], grpc['status']]
        yield item['f'], Message((flows[item['s']], item['sid']), 'http2', fields, where='frame %d stream %d' % (item['f'], item['sid']))


def our_messages(items):
    for item in items:
        if item['protocol']['name'] == 'http' and item['protocol']['version'] == '2':
            request, response = item.get('request') or {}, item.get('response') or {}
            place = endpoints(address(item['src']['ip'], item['src']['port']), address(item['dst']['ip'], item['dst']['port']))
            frame = min(frames[0] for frames in item['frames'].values())
            fields = {'method': request.get('method'), 'path': request.get('path'), 'host': request.get('host'), 'status': response.get('status')}
            fields.update({'request': request.get('bodySize', 0), 'response': response.get('bodySize', 0)})
            call, outcome = request.get('grpc') or {}, response.get('grpc') or {}
            fields['grpc'] = [call.get('service'), call.get('method'), outcome.get('status')]
            partial = item['completeness']['grade'] != 'full'
            stream = request.get('streamId') or response.get('streamId')
            yield frame, Message((place, stream), 'http2', fields, partial, 'frame %d' % frame)
