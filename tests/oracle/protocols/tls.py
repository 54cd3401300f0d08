"""TLS: hellos, those in QUIC too."""
from message import Message, address, endpoints


def truth_messages(truth):
    flows = {c['s']: endpoints(c['a'], c['b']) for c in truth.get('tcp', []) + truth.get('udp', [])}
    for item in truth.get('l7', {}).get('tls', []):
        # The first of two fragments of a hello over datagrams: tshark lists both.
        if item.get('over') == 'dtls' and not item.get('ciphers'):
            continue
        client = item['hs'] == 'client'
        names = ('sni', 'alpn', 'legacy', 'versions', 'ciphers', 'exts', 'ja3', 'ja4') if client else ('version', 'cipher', 'alpn', 'ja3s')
        fields = {n: item[n] for n in names if n in item}
        yield item['f'], Message((flows[item['s']], item['hs']), mark(item), fields, where='frame %d %s' % (item['f'], item['hs']))


def our_messages(items):
    for item in items:
        if item['protocol']['name'] not in ('tls', 'quic'):
            continue
        data, frames = item['data'], item['frames']
        if item['protocol']['name'] == 'quic':
            data = data.get('tls', {})
        place = endpoints(address(item['src']['ip'], item['src']['port']), address(item['dst']['ip'], item['dst']['port']))
        partial = item['completeness']['grade'] != 'full'
        if 'ja3' in data:
            legacy = int(data['ja3'].split(',')[0])
            fields = {'sni': data.get('sni'), 'alpn': data.get('alpn'), 'legacy': legacy, 'versions': [VERSIONS.get(v) or int(v, 16) for v in data.get('versions', []) if v != 'GREASE'],
                      'ciphers': len(data['cipherSuites']), 'exts': len(data['extensions']), 'ja3': data['ja3Hash'], 'ja4': data['ja4']}
            yield frames['request'][0], Message((place, 'client'), mark(fields), fields, partial, 'frame %d client' % frames['request'][1])
        if 'server' in data:
            server = data['server']
            fields = {'version': server['versionId'], 'cipher': server['cipherSuiteId'], 'alpn': [server['alpn']] if 'alpn' in server else None, 'ja3s': server['ja3sHash']}
            yield frames['response'][0], Message((place, 'server'), mark(fields), fields, partial, 'frame %d server' % frames['response'][0])


def mark(fields):
    """What tells hellos of one flow apart."""
    return fields.get('ja3'), fields.get('cipher')


VERSIONS = {'SSL 3.0': 768, 'TLS 1.0': 769, 'TLS 1.1': 770, 'TLS 1.2': 771, 'TLS 1.3': 772, 'DTLS 1.0': 65279, 'DTLS 1.2': 65277}
