#!/usr/bin/env python3
"""CPU seconds of `hookline read` on one generated HTTP/DNS capture: alone, with hooks, and beside tshark and ndpiReader.

    pipeline.py --hookline PATH --plugins DIR --out FILE [--packets 400000] [--runs 7]

Each row is the least of several runs (user + system CPU time of the process and its threads), since noise only adds. Ratios are of one
run on one machine: compare those, not the seconds. The table is printed, and written to FILE with the machine's name.
"""
import argparse
import os
import pathlib
import platform
import shutil
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).parent
# Filters that match nothing in the capture, each another: 50 plugins that watch for something else.
IDLE = 50
SCRIPT = 'var n = 0;\nfunction onItemCaptured(data) { if (data.protocol.name === "http" && data.response && data.response.status === 500) n++; }\n'


def cpu(command):
    """CPU seconds of `command`. One that fails or warns measures nothing: a plugin may not have been run."""
    with open(os.devnull, 'wb') as null, tempfile.TemporaryFile() as said:
        process = subprocess.Popen([str(c) for c in command], stdout=null, stderr=said)
        _, status, usage = os.wait4(process.pid, 0)
        said.seek(0)
        text = said.read().decode(errors='replace')
    if status != 0 or 'warning:' in text:
        raise SystemExit('bench: failed: %s\n%s' % (' '.join(map(str, command)), text))
    return usage.ru_utime + usage.ru_stime


def folders(tmp, plugins):
    """Plugin folders: one Rust hook on every item, one script, 50 hooks whose filters match nothing."""
    made = {}
    for name in ('rust', 'script', 'idle'):
        made[name] = tmp / name
        made[name].mkdir()
    shutil.copy(plugins / 'every-item.wasm', made['rust'])
    (made['script'] / 'count.js').write_text(SCRIPT)
    for n in range(IDLE):
        shutil.copy(plugins / 'every-item.wasm', made['idle'] / ('idle-%02d.wasm' % n))
        (made['idle'] / ('idle-%02d.toml' % n)).write_text('[config]\nfilter = "http and response.status == %d"\n' % (600 + n))
    return made


def measure(args, capture, made):
    read = [args.hookline, 'read', capture, '--format', 'none']
    cpu(read + ['--plugins', made['idle']])    # fills the cache of compiled code
    cpu(read + ['--plugins', made['script']])
    rows = [('hookline read', read)]
    rows += [('  with a Rust hook on every item', read + ['--plugins', made['rust']]),
             ('  with a JS hook on every item', read + ['--plugins', made['script']]),
             ('  with %d hooks that match nothing' % IDLE, read + ['--plugins', made['idle']])]
    if shutil.which('ndpiReader'):
        rows.append(('ndpiReader', ['ndpiReader', '-q', '-i', capture]))
    if shutil.which('tshark'):
        rows.append(('tshark -Y http', ['tshark', '-r', capture, '-Y', 'http']))
    # Row after row in each round: what else the machine does hits all rows alike.
    times = {name: [] for name, _ in rows}
    for turn in range(args.runs):
        for name, command in rows:
            if turn == 0 or not name.startswith('tshark'):
                times[name].append(cpu(command))
    return [(name, min(times[name])) for name, _ in rows]


def report(rows, packets):
    base = rows[0][1]
    lines = ['%-40s %9s %9s %14s' % ('', 'CPU s', 'ratio', 'packets/s')]
    lines += ['%-40s %9.3f %9.2f %14.0f' % (name, seconds, seconds / base, packets / seconds) for name, seconds in rows]
    return '\n'.join(lines)


def main():
    args = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    args.add_argument('--hookline', required=True)
    args.add_argument('--plugins', required=True, type=pathlib.Path)
    args.add_argument('--out', required=True, type=pathlib.Path)
    args.add_argument('--packets', type=int, default=400000)
    args.add_argument('--runs', type=int, default=7)
    args = args.parse_args()
    with tempfile.TemporaryDirectory() as tmp:
        tmp = pathlib.Path(tmp)
        capture = tmp / 'bench.pcap'
        subprocess.run([sys.executable, HERE / 'generate.py', capture, '--packets', str(args.packets)], check=True)
        made = folders(tmp, args.plugins)
        text = report(measure(args, capture, made), args.packets)
    text = head('pipeline, %d packets' % args.packets) + '\n' + text
    print(text)
    args.out.parent.mkdir(parents=True, exist_ok=True)
    args.out.write_text(text + '\n')


def head(what):
    """What was measured, when and on what."""
    return '%s, %s, %s, %d cores, %s' % (what, time.strftime('%Y-%m-%d'), cpu_name(), os.cpu_count(), platform.release())


def cpu_name():
    for line in open('/proc/cpuinfo'):
        if line.startswith('model name'):
            return line.split(':', 1)[1].strip()
    return platform.machine()


if __name__ == '__main__':
    main()
