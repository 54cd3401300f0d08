#!/usr/bin/env python3
"""How `hookline read` does on large captures: packets a second, whether it is linear, what a second lane brings, what stays in memory.

    large.py --hookline PATH --amplify PATH --captures DIR --out FILE [--mib 1024] [--flows 1000000] [--minutes 0]

The capture is made of all that the tests keep, with new addresses each round (`benches/src/bin/amplify.rs`). Each figure is the least of
five runs. With --minutes one process is given rounds of the captures for so long, and what it keeps in memory is watched.
"""
import argparse
import os
import pathlib
import subprocess
import tempfile
import time

from pipeline import head

RUNS = 5
# Bytes that a million idle connections may take.
FLOWS_BYTES_MAX = 1 << 30


def timed(command):
    """Wall seconds, CPU seconds and peak bytes of `command`."""
    started = time.monotonic()
    with open(os.devnull, 'wb') as null:
        process = subprocess.Popen([str(c) for c in command], stdout=null)
        _, status, usage = os.wait4(process.pid, 0)
    if status != 0:
        raise SystemExit('bench: failed: %s' % ' '.join(map(str, command)))
    return time.monotonic() - started, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024


def least(command):
    return [min(figures) for figures in zip(*(timed(command) for _ in range(RUNS)))]


def frames_of(hookline, capture):
    text = subprocess.run([hookline, 'read', capture, '--format', 'summary'], check=True, capture_output=True, text=True).stdout
    return int(text.split()[1])


def resident(pid):
    for line in open('/proc/%d/status' % pid):
        if line.startswith('VmRSS'):
            return int(line.split()[1]) * 1024
    return 0


def loop(args, tmp):
    """Resident bytes, twice a minute, of one process that is given rounds of the captures for so many minutes."""
    pipe = tmp / 'pipe'
    os.mkfifo(pipe)
    process = subprocess.Popen([args.hookline, 'read', pipe, '--format', 'none'], stderr=subprocess.DEVNULL)
    endless = subprocess.Popen([args.amplify, pipe, str(1 << 30), args.captures])
    until, seen = time.monotonic() + args.minutes * 60, []
    while time.monotonic() < until and process.poll() is None:
        time.sleep(min(30, max(0, until - time.monotonic())))
        seen.append(resident(process.pid))
    if process.poll() is not None:
        raise SystemExit('bench: the process ended on its own after %d s' % (time.monotonic() - until + args.minutes * 60))
    read = int(open('/proc/%d/io' % process.pid).readline().split()[1])
    endless.kill()
    endless.wait()
    # The capture ends within a frame: the exit code says so.
    process.wait()
    return read, seen


def main():
    args = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    args.add_argument('--hookline', required=True)
    args.add_argument('--amplify', required=True)
    args.add_argument('--captures', required=True)
    args.add_argument('--out', required=True, type=pathlib.Path)
    args.add_argument('--mib', type=int, default=1024)
    args.add_argument('--flows', type=int, default=1000000)
    args.add_argument('--minutes', type=float, default=0)
    args = args.parse_args()
    lines = [head('large, %d MiB' % args.mib)]

    def say(line):
        print(line, flush=True)
        lines.append(line)

    def read(capture, *more):
        return [args.hookline, 'read', capture, '--format', 'none', *more]

    with tempfile.TemporaryDirectory() as tmp:
        large, small, idle = (pathlib.Path(tmp) / name for name in ('large.pcap', 'small.pcap', 'idle.pcap'))
        subprocess.run([args.amplify, large, str(args.mib), args.captures], check=True)
        subprocess.run([args.amplify, small, str(args.mib // 4), args.captures], check=True)
        wall, cpu, peak = least(read(large))
        count, count_small = frames_of(args.hookline, large), frames_of(args.hookline, small)
        say('one lane             %8.2f s  %8.2f CPU s  %9.0f packets/s  %6.0f MiB' % (wall, cpu, count / cpu, peak / 2**20))
        _, cpu_small, peak_small = least(read(small))
        say('a quarter of it               %8.2f CPU s  %9.0f packets/s  %6.0f MiB' % (cpu_small, count_small / cpu_small, peak_small / 2**20))
        say('ratio CPU a packet, whole/quarter: %.2f' % (cpu / count / (cpu_small / count_small)))
        wall2, cpu2, _ = least(read(large, '--lanes', '2'))
        say('two lanes            %8.2f s  %8.2f CPU s' % (wall2, cpu2))
        say('ratio two lanes/one, packets a second: %.2f' % (wall / wall2))
        subprocess.run([args.amplify, '--flows', idle, str(args.flows)], check=True)
        _, _, peak = timed(read(idle, '--max-flows', str(args.flows)))
        say('%d idle connections  %6.0f MiB' % (args.flows, peak / 2**20))
        if args.flows >= 1000000 and peak > FLOWS_BYTES_MAX:
            raise SystemExit('bench: a million idle connections take more than 1 GiB')
        if args.minutes:
            read_bytes, seen = loop(args, pathlib.Path(tmp))
            shown = ' '.join('%.0f' % (n / 2**20) for n in seen)
            say('%.1f GiB in %g minutes; resident twice a minute, MiB: %s' % (read_bytes / 2**30, args.minutes, shown))
    args.out.parent.mkdir(parents=True, exist_ok=True)
    args.out.write_text('\n'.join(lines) + '\n')


if __name__ == '__main__':
    main()
