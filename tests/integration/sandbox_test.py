#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The sandboxes, act by act: each one is possible outside and refused inside, in the way that sandbox-acts.tsv says; and
the filter that was tried here is the one that the running roles have."""
import ctypes, os, re, shutil, signal, struct, subprocess, sys, tempfile
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'support'))
from rig import *

PROBE = os.path.join(BUILD, 'tests', 'keyreeve-probe')
ACTS = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'sandbox-acts.tsv')
ROLES = ('keyreeved', 'agent', 'old-agent', 'idp', 'soft', 'tpm', 'swtpm', 'p11', 'fetch', 'config')
REFUSED = 3                                                         # the probe's exit
FEWEST = 40                                                         # refusals of a role
PTRACE_ATTACH, PTRACE_DETACH, PTRACE_SECCOMP_GET_FILTER = 16, 17, 0x420C
WAIT_ALL = 0x40000000                                               # __WALL: threads too


def rows():
    """[(role, act, needs root, way)]"""
    lines = [line.rstrip('\n').split('\t') for line in open(ACTS) if not line.startswith('#')]
    return [(role, act, needs == 'root', way) for role, act, needs, way in lines]


def become(user):
    os.setgroups([])
    os.setgid(user.pw_gid)
    os.setuid(user.pw_uid)


def attempt(role, act, as_root):
    """How it went: possible, killed, or an errno's name."""
    user = account('keyreeve-rig', SERVICE_UID)
    with tempfile.TemporaryDirectory(prefix='keyreeve-probe-') as scratch:
        if not as_root:
            os.chown(scratch, user.pw_uid, user.pw_gid)
        done = subprocess.run([PROBE, role, act, scratch], capture_output=True, text=True, timeout=20, stdin=subprocess.DEVNULL,
                              preexec_fn=None if as_root else lambda: become(user))
    if (done.returncode, done.stdout) == (0, 'done\n'):
        return 'possible'
    if done.returncode == -signal.SIGSYS:
        return 'killed'
    assert done.returncode == REFUSED, f'{role} {act}: ended with {done.returncode}: {done.stdout}{done.stderr}'
    return done.stdout.removeprefix('errno ').strip()


def the_table_names_every_pair_once():
    acts = subprocess.run([PROBE, '--list'], capture_output=True, text=True, check=True).stdout.split()
    acts.remove('wait')
    assert [(r[0], r[1]) for r in rows()] == [(role, act) for role in ROLES for act in acts]
    for role in ROLES:
        refused = sum(1 for r in rows() if r[0] == role and r[3] != 'possible')
        assert refused >= FEWEST, (role, refused)


def every_act_is_possible_outside():
    needs = {act: as_root for _, act, as_root, _ in rows()}
    wrong = {act: way for act in needs if (way := attempt('none', act, needs[act])) != 'possible'}
    assert not wrong, wrong


def every_act_is_refused_inside():
    wrong = [(role, act, want, got) for role, act, as_root, want in rows() if (got := attempt(role, act, as_root)) != want]
    assert not wrong, 'role, act, expected, found: ' + ' '.join(map(str, wrong))


FREE = {                                                            # what a captured role may still do: section 2 of the ledger
    'idp': {'thread', 'random', 'unix-socket'},
    'agent': {'thread', 'random', 'state-file', 'read-store', 'write-store', 'remove-store', 'list-audit', 'read-audit', 'write-audit',
              'read-wrapping-key', 'write-wrapping-key', 'read-pin-record', 'write-pin-record', 'store-by-proc', 'make-token'}}


def a_captured_idp_reaches_nothing_and_what_it_forges_is_judged():
    """A10-E1, A13-E1: the roles that read what SPIFFE says, and a bundle that the Workload API, or idp, has made up."""
    for role, free in FREE.items():
        mine = [row for row in rows() if row[0] == role]
        got = {act: attempt(role, act, as_root) for _, act, as_root, _ in mine}
        assert {act for act in got if got[act] == 'possible'} == free, role
        assert len(got) - len(free) >= FEWEST and got == {act: want for _, act, _, want in mine}, role
    with Rig(('soft',), wrap='file') as rig:
        rig.options['spiffe'] = rig.path('issuer.sock')
        issuer = Issuer(rig)
        rig.start()

        def ask(token):
            return Client(rig.socket, ('jwt', token)).exchange(26)['status']

        def alarms():
            return [line for line in rig.audit() if line.get('event') == 'trust-alarm']
        wait_for('trust', lambda: ask(issuer.token()) == 0)
        if not is_sanitized():
            for role in FREE:
                assert filters_of(rig.roles()[role])[-1] == filters_of_probe(role)[-1], role
        for restart in (False, True):                                # no overlap with what is known, running and from the store
            issuer.process.kill()
            issuer.process.wait()
            for path in (issuer.socket, issuer.control):
                os.unlink(path)
            issuer, before = Issuer(rig), len(alarms())
            if restart:
                rig.stop()
                rig.start()
            wait_for('the alarm', lambda: len(alarms()) > before, 40)
            assert ask(issuer.token()) == 11
        rig.stop()
        shutil.rmtree(rig.path('state', 'audit'))
        os.unlink(rig.path('state', 'keys.db'))                      # nothing known, but a pin
        plain = rig.write_config

        def pinned():
            plain()
            text = open(rig.path('keyreeve.yaml')).read()
            assert 'validation: local}' in text
            open(rig.path('keyreeve.yaml'), 'w').write(text.replace(
                'validation: local}', f'validation: local, bundles: [{{trust_domain: rig.example, keys: [{"A" * 43}]}}]}}'))
        rig.write_config = pinned
        rig.start()
        wait_for('the alarm', alarms, 40)
        assert ask(issuer.token()) == 11 and not [line for line in rig.audit() if line.get('event') == 'trust-accepted']


def filters_of(pid):
    """The BPF programs of a process, the newest last; its own number, which some rows compare with, left out."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
    libc.ptrace.restype = ctypes.c_long
    assert libc.ptrace(PTRACE_ATTACH, pid, None, None) == 0, os.strerror(ctypes.get_errno())
    programs = []
    try:
        os.waitpid(pid, WAIT_ALL)
        while (size := libc.ptrace(PTRACE_SECCOMP_GET_FILTER, pid, len(programs), None)) > 0:
            code = ctypes.create_string_buffer(size * 8)
            assert libc.ptrace(PTRACE_SECCOMP_GET_FILTER, pid, len(programs), code) == size
            programs.append([(c, t, f, 0 if k == pid else k) for c, t, f, k in struct.iter_unpack('=HBBI', code.raw)])
    finally:
        libc.ptrace(PTRACE_DETACH, pid, None, None)
    return programs


def filters_of_probe(role):
    with tempfile.TemporaryDirectory(prefix='keyreeve-probe-') as scratch:
        probe = subprocess.Popen([PROBE, role, 'wait', scratch], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        try:
            wait_for('the probe', lambda: 'Seccomp:\t2' in open(f'/proc/{probe.pid}/status').read())
            return filters_of(probe.pid)
        finally:
            out = probe.communicate()[0]
            assert (probe.returncode, out) == (0, b'done\n')


def is_sanitized():
    lines = open(os.path.join(BUILD, 'CMakeCache.txt')).read().splitlines()
    return any(line.startswith('KEYREEVE_SANITIZE:') and not line.endswith('=') for line in lines)


def the_running_roles_have_the_filter_that_was_tried():
    """keyreeve-config is gone by then; sanitized roles have a filter of their own, which is never shipped."""
    if is_sanitized():
        print('        a sanitized build: its roles have another filter', flush=True)
        return
    with Rig(spiffe='/nonexistent/agent.sock') as rig:
        rig.start()
        outside = int(re.search(r'Seccomp_filters:\s+(\d+)', open('/proc/self/status').read()).group(1))
        outer = filters_of(rig.daemon.pid)
        assert len(outer) == outside + 1 and outer[-1] == filters_of_probe('keyreeved')[-1], len(outer)
        for role, pid in sorted(rig.roles().items()):
            running, tried = filters_of(pid), filters_of_probe('swtpm' if role == 'tpm' else role)
            assert len(running) == len(tried) == outside + 2, (role, len(running), len(tried), outside)
            assert running[-1] == tried[-1], f'{role}: {len(running[-1])} and {len(tried[-1])} instructions'
            assert running[-2] == outer[-1], role                    # inherited from keyreeved


LOGIN_AND_FORK = """
import ctypes, os, sys
module = ctypes.CDLL(sys.argv[1])
def call(name, *values):
    code = getattr(module, name)(*values)
    assert code == 0, (name, hex(code))
def privates(session):
    class Attribute(ctypes.Structure):
        _fields_ = [('type', ctypes.c_ulong), ('value', ctypes.c_void_p), ('len', ctypes.c_ulong)]
    kind, found, count = ctypes.c_ulong(3), (ctypes.c_ulong * 9)(), ctypes.c_ulong()      # CKA_CLASS is CKO_PRIVATE_KEY
    wanted = Attribute(0, ctypes.addressof(kind), ctypes.sizeof(kind))
    call('C_FindObjectsInit', session, ctypes.byref(wanted), ctypes.c_ulong(1))
    call('C_FindObjects', session, found, ctypes.c_ulong(9), ctypes.byref(count))
    call('C_FindObjectsFinal', session)
    return count.value
slots, count, session = (ctypes.c_ulong * 9)(), ctypes.c_ulong(9), ctypes.c_ulong()
call('C_Initialize', None)
call('C_GetSlotList', ctypes.c_ubyte(1), slots, ctypes.byref(count))
call('C_OpenSession', ctypes.c_ulong(slots[0]), ctypes.c_ulong(4), None, None, ctypes.byref(session))
before = privates(session)
call('C_Login', session, ctypes.c_ulong(1), sys.argv[2].encode(), ctypes.c_ulong(len(sys.argv[2])))
pid = os.fork()
if pid == 0:
    os._exit(privates(session))
print(before, os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
"""


def no_child_of_a_worker_inherits_its_login():
    """N-11: the control is a process that forks after its login; keyreeve-p11 cannot, with the filter that was tried."""
    with Rig(('hsm',), wrap='hsm') as rig:
        rig.start()
        Client(rig.socket).generate(PKCS11, 'k')
        control = subprocess.run(['/usr/bin/python3', '-c', LOGIN_AND_FORK, SOFTHSM, PIN], capture_output=True, text=True, timeout=30,
                                 env={'SOFTHSM2_CONF': rig.softhsm_conf, 'PATH': os.environ['PATH']}, preexec_fn=rig.as_user)
        assert control.stdout == '0 1\n', control                    # nothing before the login, the key in the child after it
        ways = {act: attempt('p11', act, False) for act in ('fork', 'vfork', 'clone-process', 'clone3-process')}
        assert ways == {'fork': 'EPERM', 'vfork': 'EPERM', 'clone-process': 'EPERM', 'clone3-process': 'ENOSYS'}, ways
        assert all(attempt('none', act, False) == 'possible' for act in ways)
        worker = rig.roles()['p11']
        assert is_sanitized() or filters_of(worker)[-1] == filters_of_probe('p11')[-1]
        for _ in range(2):                                           # a fresh one each time, of keyreeved, and nobody's parent
            assert not any(children_of_thread(task) for task in glob.glob(f'/proc/{worker}/task/*'))
            assert open(f'/proc/{worker}/stat').read().rsplit(')', 1)[1].split()[1] == str(rig.daemon.pid)
            os.kill(worker, signal.SIGKILL)
            wait_for('another worker', lambda: rig.roles().get('p11', worker) != worker and rig.provider_up('hsm'))
            worker = rig.roles()['p11']


def children_of_thread(task):
    return open(f'{task}/children').read().split()


def hsm_signs(rig):
    client = Client(rig.socket)
    client.generate(PKCS11, 'k')
    verify_outside(client.public(PKCS11, 'k'), b'h' * 32, client.sign(PKCS11, 'k', b'h' * 32))
    client.destroy(PKCS11, 'k')


def a_token_below_the_state_directory_works():
    """SoftHSM's own file names it there; beside it lie the store and the log, which the worker cannot open."""
    with Rig(('hsm', 'soft'), wrap='hsm') as rig:
        shutil.move(rig.path('hsm', 'tokens'), rig.path('state', 'tokens'))
        conf = open(rig.softhsm_conf).read().replace(rig.path('hsm', 'tokens'), rig.path('state', 'tokens'))
        open(rig.softhsm_conf, 'w').write(conf)
        rig.start()
        hsm_signs(rig)
        os.kill(rig.roles()['p11'], signal.SIGKILL)                  # and again, with the store there
        wait_for('another worker', lambda: rig.provider_up('hsm'))
        hsm_signs(rig)


def a_token_directory_that_is_the_state_itself_does_not_work():
    """The daemon serves; its token cannot be read."""
    with Rig(('hsm', 'soft'), wrap='file') as rig:
        conf = open(rig.softhsm_conf).read().replace(rig.path('hsm', 'tokens'), rig.path('state'))
        open(rig.softhsm_conf, 'w').write(conf)
        for name in os.listdir(rig.path('hsm', 'tokens')):
            shutil.move(rig.path('hsm', 'tokens', name), rig.path('state', name))
        rig.start(wait=False)
        wait_for('the daemon', rig.pings)
        wait_for('a line about hsm', lambda: 'provider hsm is down' in rig.tail(200))
        assert status_of(Client(rig.socket).generate, PKCS11, 'k') == 1145
        Client(rig.socket).generate(SOFT, 'k')


main([the_table_names_every_pair_once, every_act_is_possible_outside, every_act_is_refused_inside,
      the_running_roles_have_the_filter_that_was_tried, no_child_of_a_worker_inherits_its_login,
      a_captured_idp_reaches_nothing_and_what_it_forges_is_judged, a_token_below_the_state_directory_works,
      a_token_directory_that_is_the_state_itself_does_not_work])
