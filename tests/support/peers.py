# SPDX-License-Identifier: Apache-2.0
"""Programs that others wrote, from the cache of tests/peers, and under which account they run."""
import os, subprocess

HERE = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), 'peers')


def peer(name, program):
    """The executable's path.  A peer that is not built fails the test: it is never skipped."""
    found = subprocess.run([os.path.join(HERE, 'path'), name], capture_output=True, text=True)
    path = os.path.join(found.stdout.strip(), program)
    assert found.returncode == 0 and os.access(path, os.X_OK), f'{name} is not built: run tests/peers/build {name}'
    return path


def run(arguments, uid=None, env=None, timeout=60, data=None):
    """A program's result, as uid if one is given.  It does not go through a shell: the cache may be in a private home,
    which setpriv, started by root, gets past and nothing after it does."""
    account = [] if uid is None else ['setpriv', '--reuid', str(uid), '--regid', str(uid), '--clear-groups']
    return subprocess.run(account + [str(a) for a in arguments], env=dict(os.environ, **(env or {})), capture_output=True,
                          text=True, timeout=timeout, input=data, stdin=None if data is not None else subprocess.DEVNULL)


def steps(result, needed):
    """Judge the output of go-client and rust-client: nothing failed, every needed step ran, and what was skipped was
    skipped because the service does not claim to have it.  Returns how many were good."""
    lines = result.stdout.splitlines()
    assert result.returncode == 0, '\n'.join([line for line in lines if not line.startswith('ok')] + [result.stderr])
    good = {line.removeprefix('ok ') for line in lines if line.startswith('ok ')}
    assert set(needed) <= good, f'not run: {sorted(set(needed) - good)}'
    for line in lines:
        unlisted = line.startswith('skip ') and line.endswith(': the service does not list it for this provider')
        assert line.startswith('ok ') or unlisted, line
    return len(good)
