"""HTTP/1: requests and responses."""
from message import Message, address, endpoints, plain


def truth_messages(truth):
    flows = {c['s']: endpoints(c['a'], c['b']) for c in truth.get('tcp', [])}
    for item in truth.get('l7', {}).get('http', []):
        place = flows.get(item['s'])
        if place is None:
            continue
        request, response = item['req'], item['resp']
        if request:
            fields = {k: plain(request.get(k)) for k in ('method', 'host', 'uri', 'version', 'ctype', 'body', 'decoded', 'cenc') if k in request}
            mark = (request.get('method'), plain(request.get('uri', ''))[:200])
            yield request['f'], Message((place, 'request'), mark, fields, where='frame %d' % request['f'])
        if response:
            fields = {k: plain(response.get(k)) for k in ('status', 'version', 'ctype', 'body', 'decoded', 'cenc') if k in response}
            fields['interim'] = [s for s in item.get('interim', [])]
            if request:
                fields['of'] = plain(request.get('uri', ''))
            yield response['f'], Message((place, 'response'), (response['status'],), fields, where='frame %d' % response['f'])


def our_messages(items):
    for item in items:
        if item['protocol']['name'] != 'http' or item['protocol']['version'].startswith('2'):
            continue
        place = endpoints(address(item['src']['ip'], item['src']['port']), address(item['dst']['ip'], item['dst']['port']))
        partial = item['completeness']['grade'] != 'full' or item['protocol']['version'] == '0.9' \
            or any(a.endswith('incomplete') for a in item['anomalies'])
        request, response = item.get('request'), item.get('response')
        if request:
            fields = {'method': request['method'], 'uri': plain(request['url']), 'version': request['httpVersion'], **common(request, request.get('body', {}))}
            frame = item['frames']['request'][1]
            yield frame, Message((place, 'request'), (request['method'], plain(request['url'])[:200]), fields, partial, 'frame %d' % frame)
        if response:
            fields = {'status': response.get('status'), 'version': response['httpVersion'], **common(response, response.get('content', {}))}
            fields['interim'] = [i['status'] for i in response.get('interim', [])]
            fields['of'] = plain(request['url']) if request else None
            frame = item['frames']['response'][1]
            yield frame, Message((place, 'response'), (response.get('status'),), fields, partial, 'frame %d' % frame)


def common(part, body):
    """Fields that requests and responses share; tshark shows the last of repeated header fields."""
    last = {name.lower(): plain(value) for name, value in part['headerList']}
    fields = {'ctype': last.get('content-type'), 'cenc': last.get('content-encoding'), 'host': last.get('host'), 'body': part['bodySize']}
    if 'decodedSize' in body and body['decodedSize'] != body['size']:
        fields['decoded'] = body['decodedSize']
    return fields
