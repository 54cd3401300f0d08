"""MySQL: handshakes, logins, commands, and how they went: errors, affected rows, numbers of columns, prepared statements.

Of the truth's packets without a name, the parts of authenticating have numbers that look like commands; they are left out."""
import re

from message import Message, address, endpoints


def spaced(text):
    """The truth has a space for each end of a line."""
    return text and re.sub(r'[\r\n\t]', ' ', text)


def truth_messages(truth):
    flows = {c['s']: endpoints(c['a'], c['b']) for c in truth.get('tcp', [])}
    for n, item in enumerate(truth.get('l7', {}).get('mysql', [])):
        place, where = flows[item['s']], 'frame %d' % item['f']
        if 'server' in item:
            yield n, Message((place, 'handshake'), item['server'], {}, where=where)
        elif 'user' in item:
            yield n, Message((place, 'login'), item['user'], {'database': item.get('schema') or None}, where=where)
        elif 'command' in item and item['seq'] == 0:
            fields = {'query': spaced(item['query'])} if item['command'] in (3, 22) and 'query' in item else {}
            if item['command'] in (23, 25, 26):
                fields['statement'] = item['stmt_id']
            yield n, Message((place, 'command'), item['command'], fields, where=where)
        elif 'error' in item:
            yield n, Message((place, 'error'), item['error'], {'state': str(item['state']) if 'state' in item else None, 'message': item.get('msg')}, where=where)
        elif 'stmt_id' in item:
            yield n, Message((place, 'prepared'), item['stmt_id'], {'columns': item.get('cols')}, where=where)
        elif 'cols' in item:
            yield n, Message((place, 'columns'), item['cols'], {}, where=where)


def our_messages(items):
    for n, item in enumerate(i for i in items if i['protocol']['name'] == 'mysql'):
        place = endpoints(address(item['src']['ip'], item['src']['port']), address(item['dst']['ip'], item['dst']['port']))
        partial, where = item['completeness']['grade'] != 'full', 'item %s' % item['id']
        request, response = item.get('request'), item.get('response') or {}
        if request and request['command'] in ('Login', 'COM_CHANGE_USER'):
            yield n, Message((place, 'login'), request['user'], {'database': request.get('database')}, partial, where)
        elif request and 'commandId' in request:
            yield n, Message((place, 'command'), request['commandId'], {'query': spaced(request.get('query')), 'statement': request.get('statementId')}, partial, where)
        if 'serverVersion' in response:
            yield n, Message((place, 'handshake'), response['serverVersion'], {}, partial, where)
        if 'errorCode' in response:
            yield n, Message((place, 'error'), response['errorCode'], {'state': response.get('sqlState'), 'message': response.get('message')}, partial, where)
        if 'statementId' in response:
            yield n, Message((place, 'prepared'), response['statementId'], {'columns': len(response.get('columns', []))}, partial, where)
        elif 'columns' in response and request and request.get('commandId') != 4:
            for _ in range(response.get('results', 1)):
                yield n, Message((place, 'columns'), len(response['columns']), {}, partial, where)
