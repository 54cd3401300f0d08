"""PostgreSQL: messages of clients, and of what servers say: command tags, errors, notices, descriptions of rows, settings.

The truth has more kinds (rows, completions without a text); our items count them or imply them."""
from message import Message, address, endpoints

REQUESTS = {'Startup message': 'Startup', 'SSL request': 'SSLRequest', 'GSS encrypt request': 'GSSENCRequest', 'Cancel request': 'CancelRequest', 'Simple query': 'Query',
            'Parse': 'Parse', 'Bind': 'Bind', 'Execute': 'Execute', 'Describe': 'Describe', 'Close': 'Close', 'Sync': 'Sync', 'Flush': 'Flush', 'Function call': 'FunctionCall',
            'Password message': 'Password', 'SASLInitialResponse message': 'SASLInitialResponse', 'SASLResponse message': 'SASLResponse', 'GSSResponse message': 'GSSResponse',
            'Termination': 'Terminate'}


def truth_messages(truth):
    flows = {c['s']: endpoints(c['a'], c['b']) for c in truth.get('tcp', [])}
    for n, item in enumerate(truth.get('l7', {}).get('pgsql', [])):
        kind, place, where = item.get('type'), flows[item['s']], 'frame %d' % item['f']
        if item['d'] == '>' and kind in REQUESTS:
            fields = {'query': item['query']} if 'query' in item else {}
            if kind == 'Startup message':
                fields = dict(zip(item['names'], item['values']))
            yield n, Message((place, 'request'), REQUESTS[kind], fields, where=where)
        elif kind == 'Command completion':
            yield n, Message((place, 'tag'), item['tag'], {}, where=where)
        elif kind == 'Error':
            code = str(item['code']).zfill(5) if 'code' in item else None
            yield n, Message((place, 'error'), code, {'severity': item.get('sev'), 'message': item.get('msg')}, where=where)
        elif kind == 'Notice':
            yield n, Message((place, 'notice'), item['msg'], {'severity': item['sev']}, where=where)
        elif kind == 'Parameter status':
            yield n, Message((place, 'setting'), (item['names'][0], item['values'][0]), {}, where=where)
        elif kind == 'Row description':
            yield n, Message((place, 'columns'), item['cols'], {}, where=where)


def our_messages(items):
    for n, item in enumerate(i for i in items if i['protocol']['name'] == 'postgresql'):
        place = endpoints(address(item['src']['ip'], item['src']['port']), address(item['dst']['ip'], item['dst']['port']))
        partial, where = item['completeness']['grade'] != 'full', 'item %s' % item['id']
        request, response = item.get('request'), item.get('response')
        if request and request['command'] not in ('CopyData', 'CopyDone', 'CopyFail'):
            fields = {'query': request.get('query'), **request.get('options', {})}
            yield n, Message((place, 'request'), request['command'], fields, partial, where)
        if response:
            for tag in response.get('tags') or [response[t] for t in ['tag'] if t in response]:
                yield n, Message((place, 'tag'), tag, {}, partial, where)
            if 'errorCode' in response:
                yield n, Message((place, 'error'), response['errorCode'], {k: response.get(k) for k in ('severity', 'message')}, partial, where)
            for notice in response.get('notices', []):
                yield n, Message((place, 'notice'), notice['message'], {'severity': notice['severity']}, partial, where)
            for setting in response.get('parameters', {}).items():
                yield n, Message((place, 'setting'), setting, {}, partial, where)
            if 'columns' in response:
                yield n, Message((place, 'columns'), len(response['columns']), {}, partial, where)
