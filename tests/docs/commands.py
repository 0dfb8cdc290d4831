#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Every command that a document shows.  A fenced block of shell is marked `sh run` or `sh check`:
  sh run     executed, all of a document's blocks as one script, in mounts of its own: /etc, /usr/local, /var/lib and /run are
             copies or empty, so that nothing of this machine changes
  sh check   looked at: program, preset, subcommand and options exist
An sh block without a mark is a fault.  As root, on a machine that may be thrown away; KEYREEVE_BUILD is the build."""
import glob, json, os, re, shlex, shutil, signal, subprocess, sys, tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get('KEYREEVE_BUILD', os.path.join(ROOT, 'build', 'release'))
BIN = os.path.join(BUILD, 'bin')
FENCE = re.compile(r'^```sh *(\w*)\n(.*?)^```$', re.M | re.S)
PRIVATE = '''set -eu
mount --make-rprivate /
cp -a /etc "$SCRATCH/etc"
mount --bind "$SCRATCH/etc" /etc
for directory in /usr/local /var/lib /run; do mount -t tmpfs -o mode=0755 tmpfs $directory; done
export PATH=/usr/local/bin:/usr/local/sbin:/usr/bin:/usr/sbin:/bin:/sbin
cd "$SCRATCH/work"
'''
faults = []


def fault(document, command, why):
    faults.append(f'{document}: {command}: {why}')


def said(*command):
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=30)
    return done.stdout + done.stderr


def presets(kind):
    return {p['name'] for p in json.load(open(os.path.join(ROOT, 'CMakePresets.json')))[kind]}


def options_known(document, line, words, help_text):
    for word in words:
        if word.startswith('--') and not re.search(rf'(?<![\w-]){re.escape(word)}(?![\w-])', help_text):
            fault(document, line, f'{word} is not in the help')


def check_cmake(document, line, words):
    kind = 'testPresets' if words[0] == 'ctest' else 'buildPresets' if '--build' in words else 'configurePresets'
    if '--preset' not in words or words[words.index('--preset') + 1] not in presets(kind):
        fault(document, line, f'is none of {kind}')


def check_keyreeve(document, line, words):
    plain = [word for word in words[1:3] if not word.startswith('-')]
    for count in (2, 1):
        text = said(os.path.join(BIN, 'keyreeve'), *plain[:count], '--help')
        if 'usage:' in text:
            options_known(document, line, words, text)
            return
    fault(document, line, 'no such command')


def check_line(document, line):
    words = shlex.split(line)
    if words[0] in ('cmake', 'ctest'):
        check_cmake(document, line, words)
    elif words[0] == 'keyreeve':
        check_keyreeve(document, line, words)
    elif words[0] == 'keyreeved':
        options_known(document, line, words, said(os.path.join(BIN, 'keyreeved'), '--help'))
    elif '/' in words[0]:
        path = os.path.join(ROOT, words[0])
        if not os.access(path, os.X_OK):
            fault(document, line, 'is no program')
        elif not all(re.search(rf'(?<!\w){re.escape(word)}(?!\w)', open(path).read()) for word in words[1:]):
            fault(document, line, 'the program does not know its argument')
    elif shutil.which(words[0]) is None:
        fault(document, line, 'is no program')


def run_script(document, script):
    """In a mount namespace and a process group of its own; what it left behind ends with it."""
    script = script.replace('build/release', shlex.quote(BUILD)).replace(' deploy/', f' {ROOT}/deploy/')
    with tempfile.TemporaryDirectory(prefix='keyreeve-docs-') as scratch:
        os.chmod(scratch, 0o755)
        os.mkdir(os.path.join(scratch, 'work'))
        out = open(os.path.join(scratch, 'out'), 'w+')
        shell = subprocess.Popen(['unshare', '--mount', '--pid', '--fork', '--mount-proc', '--kill-child', '/bin/bash', '-c', PRIVATE + 'set -x\n' + script],
                                 stdin=subprocess.DEVNULL, stdout=out, stderr=out, env={'SCRATCH': scratch, 'HOME': '/root'})
        try:
            code = shell.wait(100)
        except subprocess.TimeoutExpired:
            shell.kill()
            code = shell.wait()
        if code != 0:
            out.seek(0)
            fault(document, 'its sh run blocks', f'ended with {code}:\n{out.read()[-6000:]}')


def main():
    documents = [name for name in subprocess.check_output(['git', 'ls-files', '--cached', '--others', '--exclude-standard', '*.md'],
                                                          cwd=ROOT, text=True).split() if not name.startswith('tests/')]
    checked = ran = 0
    for document in documents:
        script = ''
        for mark, text in FENCE.findall(open(os.path.join(ROOT, document)).read()):
            if mark == 'run':
                script += text
                ran += 1
            elif mark == 'check':
                for line in filter(None, text.splitlines()):
                    check_line(document, line)
                    checked += 1
            else:
                fault(document, text.splitlines()[0], 'an sh block is marked run or check')
        if script:
            run_script(document, script)
    print(*faults, sep='\n')
    print(f'{len(documents)} documents, {ran} blocks run, {checked} commands checked, {len(faults)} faults')
    sys.exit(1 if faults or ran == 0 or checked == 0 else 0)


main()
