#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Static analysis of the product: gcc -fanalyzer and cppcheck over every source in our folders.
  analyze.py BUILD [FILE ...]     BUILD is a configured build, for its flags
What they find is mended, or suppressed in the place with its reason: `// cppcheck-suppress ID ; reason` above the line."""
import json, os, shlex, subprocess, sys
from concurrent.futures import ThreadPoolExecutor

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
FOLDERS = ('base', 'wire', 'spiffe', 'jwtsvid', 'crypto', 'keystore', 'agent', 'client')
# Leaks are found by LeakSanitizer in the unit tests; GCC 12's analyzer loses what lies in an array or ends by a cleanup
# attribute.
GCC = ['-fanalyzer', '-Wno-analyzer-malloc-leak', '-S', '-o', '/dev/null']
# From one file cppcheck sees neither system headers (nor that protobuf-c's version fits), nor through STATUS_ROWS.
CPPCHECK = ['--enable=warning,performance,portability', '--inline-suppr', '--error-exitcode=1', '--quiet', '--std=c11',
            '--template=gcc', '--suppress=missingIncludeSystem', '--suppress=preprocessorErrorDirective',
            '--suppress=syntaxError:*/base/status.c']


def commands(build, only):
    """{source: the compiler's arguments without what is about the output or sanitizers}"""
    found = {}
    for entry in json.load(open(os.path.join(build, 'compile_commands.json'))):
        source = os.path.relpath(os.path.join(entry['directory'], entry['file']), ROOT)
        if source.split('/')[0] not in FOLDERS or (only and source not in only):
            continue
        words = shlex.split(entry['command'])
        words = words[next(i for i, w in enumerate(words) if w.startswith('-')):]
        kept, skip = [], False
        for word in words:
            if skip or word in ('-c', '-MD') or word.startswith(('-fsanitize', '-fno-sanitize', entry['file'])):
                skip = False
            elif word in ('-o', '-MT', '-MF'):
                skip = True
            else:
                kept.append(word)
        found[source] = (entry['directory'], kept)
    return found


def gcc(source, directory, arguments):
    run = subprocess.run(['gcc', *arguments, *GCC, os.path.join(ROOT, source)],
                         cwd=directory, capture_output=True, text=True)
    return run.returncode, run.stderr


def cppcheck(source, directory, arguments):
    flags = [a for a in arguments if a.startswith(('-I', '-D'))]
    run = subprocess.run(['cppcheck', *CPPCHECK, *flags, os.path.join(ROOT, source)], cwd=directory, capture_output=True, text=True)
    return run.returncode, run.stderr


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    bad = 0
    found = commands(os.path.abspath(sys.argv[1]), set(sys.argv[2:]))
    with ThreadPoolExecutor(os.cpu_count()) as threads:
        jobs = [(source, threads.submit(tool, source, *how)) for source, how in sorted(found.items()) for tool in (gcc, cppcheck)]
        for source, job in jobs:
            code, text = job.result()
            bad += code != 0
            if text:
                print(text, end='')
    print(f'{len(found)} sources, {bad} findings')
    sys.exit(1 if bad or (len(found) < 100 and len(sys.argv) == 2) else 0)


main()
