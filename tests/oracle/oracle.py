#!/usr/bin/env python3
"""Compares what `hookline read` prints with what tshark says of the same captures.

    oracle.py --hookline PATH [-v] [--only GLOB] [--protocol NAME] [--page FILE] CAPTURES TRUTH

For each capture below CAPTURES with a ground truth TRUTH/<path>.json: runs `hookline read FILE --format ndjson`, takes the
messages of each protocol on both sides, and counts those that match, are missed, or are extra, and fields that differ.
Differences that are right are listed, with the reason, in differences.md beside this file.

Exit code 1 if, of what is not listed there, more than 1 % of a protocol's messages are missed, more than 0.5 % are extra, or any field
differs. An extra message that says itself that it is incomplete is no difference: tshark shows only whole ones.

With --page, the table is also written to FILE, in place of the one of a set of captures of the same name.

A protocol is a file in protocols/ with a function `truth_messages(truth)` and a function `our_messages(items)`, both giving (frame, Message).
"""
import argparse
import collections
import concurrent.futures
import difflib
import fnmatch
import importlib
import json
import pathlib
import re
import subprocess
import sys

from message import ANY

SHARE_MIN = 0.99
EXTRA_MAX = 0.005
HERE = pathlib.Path(__file__).parent
OF_WHOLE_BODIES = ('body', 'decoded')


# ---------------------------------------------------------------- comparing values

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


def protocols():
    return {p.stem: importlib.import_module('protocols.' + p.stem) for p in sorted((HERE / 'protocols').glob('*.py'))}


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
    args.add_argument('--page', type=pathlib.Path, help='a Markdown page to write the table to')
    args.add_argument('--jobs', type=int, default=2)
    args.add_argument('-v', '--verbose', action='store_true', help='print each difference')
    args = args.parse_args()
    rows = allowed_differences(HERE / 'differences.md')
    files = sorted(p for p in args.captures.rglob('*') if p.is_file() and (args.truth / (str(p.relative_to(args.captures)) + '.json')).exists())
    files = [p for p in files if fnmatch.fnmatch(str(p.relative_to(args.captures)), args.only)]
    known = protocols()
    if args.protocol not in (None, *known):
        sys.exit('oracle: no protocol %s; there are %s' % (args.protocol, ', '.join(known)))
    sums = {p: collections.Counter() for p in known if args.protocol in (None, p)}

    def one(path):
        return run(args.hookline, path)

    with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
        for path, items in zip(files, pool.map(one, files)):
            file = str(path.relative_to(args.captures))
            truth = json.loads((args.truth / (file + '.json')).read_text())
            for protocol, total in sums.items():
                module = known[protocol]
                result = compare(list(module.truth_messages(truth)), list(module.our_messages(items)))
                total['matched'] += result.matched
                total['partial'] += result.partial
                for what, text in result.findings:
                    listed = is_allowed(rows, file, protocol, what)
                    kind = what if what in ('missed', 'extra') else 'fields'
                    total[kind + (' listed' if listed else '')] += 1
                    if args.verbose:
                        print('%s %s %s %s: %s' % ('listed' if listed else 'DIFF', file, protocol, what, text))
    if args.page:
        write_page(args.page, args.captures.resolve().name, sums, len(files))
    sys.exit(report(sums, len(files)))


PAGE = """# Conformance

Messages that `hookline read` and tshark both see in sets of captures that other projects publish, written by `cargo xtask oracle CAPTURES TRUTH`.
Differences that are right are counted behind a plus sign; their reasons are in [differences.md](../tests/oracle/differences.md).
*Incomplete* messages say themselves that a part of them is missing; tshark shows only whole ones.
"""


def write_page(page, name, sums, files):
    """Writes the table of this set into the page, in place of an older one."""
    text = page.read_text() if page.exists() else PAGE
    rows = ['## %s: %d captures' % (name, files), '', '| protocol | matched | missed | extra | fields that differ | incomplete | share |', '|---|---:|---:|---:|---:|---:|---:|']
    for protocol, total in sums.items():
        wanted = total['matched'] + total['missed']
        if wanted + total['extra'] == 0:
            continue
        cells = ['%d%s' % (total[c], ' + %d' % total[c + ' listed'] if total[c + ' listed'] else '') for c in ('missed', 'extra', 'fields')]
        rows.append('| %s | %d | %s | %d | %.2f %% |' % (protocol, total['matched'], ' | '.join(cells), total['partial'], total['matched'] / max(wanted, 1) * 100))
    sections = [s for s in re.split(r'(?m)^(?=## )', text) if not s.startswith('## %s:' % name)]
    head, sections = sections[0], sections[1:] + ['\n'.join(rows) + '\n\n']
    page.write_text((head.rstrip() + '\n\n' + ''.join(sorted(sections))).rstrip() + '\n')


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
        bad |= share < SHARE_MIN or total['extra'] > EXTRA_MAX * wanted or total['fields'] > 0
    return 1 if bad else 0


if __name__ == '__main__':
    main()
