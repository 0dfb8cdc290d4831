#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What the unit tests cover, per folder: builds the preset `coverage`, runs them, prints a table.
A role's process writes no counts, since its sandbox lets it open nothing: its main, and what only integration tests
reach, reads as not covered here.  unit.agent.config_main starts such a role and is left out."""
import collections, json, os, subprocess, sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BUILD = os.path.join(ROOT, 'build', 'coverage')
FIELDS = ('line_covered', 'line_total', 'branch_covered', 'branch_total')


def run(*command):
    subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)


def main():
    run('cmake', '--preset', 'coverage')
    run('cmake', '--build', '--preset', 'coverage', '-j', str(os.cpu_count()))
    run('ctest', '--test-dir', BUILD, '-L', 'unit', '-LE', 'lint', '-E', 'agent.config_main', '-j', str(os.cpu_count()))
    report = os.path.join(BUILD, 'coverage.json')
    run('gcovr', '-r', '.', '--object-directory', BUILD, '--json-summary', report, '-e', 'tests/', '-e', 'build/')
    folders = collections.defaultdict(lambda: [0] * len(FIELDS))
    for entry in json.load(open(report))['files']:
        name = os.path.dirname(entry['filename'])
        for i, field in enumerate(FIELDS):
            folders[name][i] += entry[field]
            folders['all'][i] += entry[field]
    for name in sorted(folders, key=lambda n: (n == 'all', n)):
        lines, of_lines, branches, of_branches = folders[name]
        print(f'{name:16} {lines:6} of {of_lines:6} lines {100 * lines / max(1, of_lines):5.1f} %   '
              f'branches {100 * branches / max(1, of_branches):5.1f} %')


main()
