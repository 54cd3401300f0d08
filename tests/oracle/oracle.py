#!/usr/bin/env python3
"""Compares what `hookline read` prints with what tshark says of the same captures.

    oracle.py --hookline PATH [-v] [--only GLOB] [--protocol NAME] CAPTURES TRUTH

For each capture below CAPTURES with a ground truth TRUTH/<path>.json: runs `hookline read FILE --format ndjson`, takes the
messages of each protocol on both sides, and counts those that match, are missed, or are extra, and fields that differ.
Differences that are right are listed, with the reason, in differences.md beside this file.

Exit code 1 if less than 99 % of a protocol's messages match, or anything differs that is not listed. An extra message that says
itself that it is incomplete is no difference: tshark shows only whole ones.

A protocol is added by a function `truth -> [Message]`, a function `items -> [Message]`, and a line in PROTOCOLS.
"""
import argparse
import collections
import concurrent.futures
import difflib
import fnmatch
import json
import pathlib
import re
import subprocess
import sys

SHARE_MIN = 0.99
ANY = object()       # equals everything
OF_WHOLE_BODIES = ('body', 'decoded')


class Message:
    """One message: where it belongs, what identifies it there, and the fields to compare."""

    def __init__(self, place, mark, fields, partial=False, where=''):
        self.place, self.mark, self.fields, self.partial, self.where = place, mark, fields, partial, where

    def __repr__(self):
        return '%s %s' % (self.where, self.mark)


# ---------------------------------------------------------------- comparing values

def plain(value):
    """Text as both sides can show it: what is no printable ASCII is one mark."""
    return re.sub(r'[^\x20-\x7e]+|\\[rnt]|\\x[0-9a-f]{2}', '?', value) if isinstance(value, str) else value


def same(want, got):
    """Whether a value of the truth and one of ours agree; the truth cuts long texts and marks names that it cannot read."""
    if got is ANY:
        return True
    if isinstance(want, str) and isinstance(got, str):
        if re.match(r'<(Name too long|Unknown extended label|Name contains a pointer)', want):
            return True
        cut = re.fullmatch(r'(?s)(.{400})\.\.\.\(\d+\)', want)
        return got.startswith(cut[1]) if cut else want.rstrip() == got.rstrip()
    if isinstance(want, (list, tuple)) and isinstance(got, (list, tuple)):
        return len(want) == len(got) and all(same(a, b) for a, b in zip(want, got))
    return want == got


# ---------------------------------------------------------------- HTTP/1

def endpoints(a, b):
    return tuple(sorted((a, b)))


def address(ip, port):
    return ('[%s]:%s' if ':' in ip else '%s:%s') % (ip, port)


def http_truth(truth):
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


def http_ours(items):
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


# ---------------------------------------------------------------- DNS

def dns_truth(truth):
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


def dns_ours(items):
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


PROTOCOLS = {'http': (http_truth, http_ours), 'dns': (dns_truth, dns_ours)}


# ---------------------------------------------------------------- matching

class Result:
    """What one capture came to in one protocol."""

    def __init__(self):
        self.matched, self.partial = 0, 0
        self.findings = []      # (what, text): what is missed, extra or a field's name

    def pair(self, want, got):
        self.matched += 1
        for field, value in want.fields.items():
            # Of a message with holes tshark shows what comes before the first, or nothing.
            if got.partial and field in OF_WHOLE_BODIES:
                continue
            if not same(value, got.fields.get(field)):
                self.findings.append((field, '%s: %s is %r, tshark says %r' % (want, field, got.fields.get(field), value)))

    def alone(self, want, got):
        """Messages between matching ones: as many on both sides are the same ones in disguise."""
        if len(want) == len(got):
            for a, b in zip(want, got):
                self.pair(a, b)
            return
        self.findings += [('missed', repr(m)) for m in want]
        self.findings += [('extra', repr(m)) for m in got if not m.partial]
        self.partial += sum(m.partial for m in got)


def compare(want, got):
    result = Result()
    places = collections.OrderedDict()
    for side, messages in ((0, want), (1, got)):
        for _, message in sorted(messages, key=lambda m: m[0]):
            places.setdefault(message.place, ([], []))[side].append(message)
    for a, b in places.values():
        matcher = difflib.SequenceMatcher(None, [m.mark for m in a], [m.mark for m in b], autojunk=False)
        for kind, a1, a2, b1, b2 in matcher.get_opcodes():
            if kind == 'equal':
                for x, y in zip(a[a1:a2], b[b1:b2]):
                    result.pair(x, y)
            else:
                result.alone(a[a1:a2], b[b1:b2])
    return result


def allowed_differences(path):
    """Rows `| file glob | protocol | missed, extra, a field or * | reason |` of the table."""
    rows = []
    for line in path.read_text().splitlines() if path.exists() else []:
        cells = [c.strip().strip('`') for c in line.strip().strip('|').split('|')]
        if line.startswith('|') and len(cells) == 4 and not set(cells[0]) <= set('-: ') and cells[0] != 'file':
            if not cells[3]:
                sys.exit('%s: no reason given: %s' % (path, line))
            rows.append((cells[0], cells[1], [w.strip() for w in cells[2].split(',')]))
    return rows


def is_allowed(rows, file, protocol, what):
    return any(fnmatch.fnmatch(file, glob) and protocol == p and (what in whats or '*' in whats) for glob, p, whats in rows)


def run(hookline, path):
    done = subprocess.run([hookline, 'read', str(path), '--format', 'ndjson'], capture_output=True, timeout=300)
    if done.returncode < 0:
        raise RuntimeError('%s died: signal %d\n%s' % (path, -done.returncode, done.stderr.decode(errors='replace')[-500:]))
    return [json.loads(line) for line in done.stdout.splitlines() if line]


def main():
    args = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    args.add_argument('captures', type=pathlib.Path)
    args.add_argument('truth', type=pathlib.Path)
    args.add_argument('--hookline', required=True, help='the binary to test')
    args.add_argument('--only', default='*', help='files to compare, as a glob')
    args.add_argument('--protocol', help='compare only this one')
    args.add_argument('--jobs', type=int, default=2)
    args.add_argument('-v', '--verbose', action='store_true', help='print each difference')
    args = args.parse_args()
    rows = allowed_differences(pathlib.Path(__file__).with_name('differences.md'))
    files = sorted(p for p in args.captures.rglob('*') if p.is_file() and (args.truth / (str(p.relative_to(args.captures)) + '.json')).exists())
    files = [p for p in files if fnmatch.fnmatch(str(p.relative_to(args.captures)), args.only)]
    sums = {p: collections.Counter() for p in PROTOCOLS if args.protocol in (None, p)}

    def one(path):
        return run(args.hookline, path)

    with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
        for path, items in zip(files, pool.map(one, files)):
            file = str(path.relative_to(args.captures))
            truth = json.loads((args.truth / (file + '.json')).read_text())
            for protocol, total in sums.items():
                from_truth, from_ours = PROTOCOLS[protocol]
                result = compare(list(from_truth(truth)), list(from_ours(items)))
                total['matched'] += result.matched
                total['partial'] += result.partial
                for what, text in result.findings:
                    listed = is_allowed(rows, file, protocol, what)
                    kind = what if what in ('missed', 'extra') else 'fields'
                    total[kind + (' listed' if listed else '')] += 1
                    if args.verbose:
                        print('%s %s %s %s: %s' % ('listed' if listed else 'DIFF', file, protocol, what, text))
    sys.exit(report(sums, len(files)))


def report(sums, files):
    """Prints the table. 1 if something is wrong."""
    columns = ('matched', 'missed', 'extra', 'fields')
    print('%d captures' % files)
    print('%-8s %9s %16s %16s %16s %11s %8s' % ('', 'matched', 'missed (listed)', 'extra (listed)', 'fields (listed)', 'incomplete', 'share'))
    bad = False
    for protocol, total in sums.items():
        wanted = total['matched'] + total['missed']
        share = total['matched'] / wanted if wanted else 1.0
        cells = ['%d (%d)' % (total[c], total[c + ' listed']) for c in columns[1:]]
        print('%-8s %9d %16s %16s %16s %11d %7.2f%%' % (protocol, total['matched'], *cells, total['partial'], share * 100))
        bad |= share < SHARE_MIN or any(total[c] for c in columns[1:])
    return 1 if bad else 0


if __name__ == '__main__':
    main()
