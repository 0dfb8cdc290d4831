# SPDX-License-Identifier: Apache-2.0
"""What is measured and how: one run of bench-load or bench-raw with the CPU time of everybody concerned, the services
under test, and their memory.  tests/bench/run decides what is run in which order."""
import json, os, subprocess, sys, tempfile, time
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'support'))
from rig import *

LOAD, RAW = (os.path.join(BUILD, 'tests', name) for name in ('bench-load', 'bench-raw'))
DIGEST = b'digest of 32 bytes, made to vary'
WORKLOAD = 'spiffe://rig.example/ns/a/sa/w'
CPUS = os.cpu_count()
START_ATTEMPTS = 5
TICK_S = 1 / os.sysconf('SC_CLK_TCK')


class Broken(Exception):
    """A measurement that does not count: something was refused, cut off, or not signed."""


# ---- CPU time and memory -----------------------------------------------------------------------------------------------


def cpu_s(pid):
    """User and system time of a process.  The scheduler's sum of its threads, in nanoseconds, where the kernel has
    it; else /proc/PID/stat, in ticks."""
    try:
        tasks = os.listdir(f'/proc/{pid}/task')
        return sum(int(open(f'/proc/{pid}/task/{task}/schedstat').read().split()[0]) for task in tasks) / 1e9
    except (OSError, IndexError):
        fields = open(f'/proc/{pid}/stat').read().rsplit(')', 1)[1].split()
        return (int(fields[11]) + int(fields[12])) * TICK_S


def busy_s():
    """All processors' time that was neither idle nor waiting, with what the hypervisor took."""
    fields = [int(n) for n in open('/proc/stat').readline().split()[1:]]
    return (sum(fields[:8]) - fields[3] - fields[4]) * TICK_S


def pss_kib(pid):
    for line in open(f'/proc/{pid}/smaps_rollup'):
        if line.startswith('Pss:'):
            return int(line.split()[1])
    raise Broken(f'no Pss for {pid}')


class Watch:
    """CPU time between start() and stop(), by name, and what the rest of the machine used meanwhile."""

    def __init__(self, pids):
        self.pids = pids

    def start(self):
        self.began, self.busy = time.monotonic(), busy_s()
        self.before = {name: cpu_s(pid) for name, pid in self.pids.items()}

    def stop(self):
        used = {name: cpu_s(pid) - self.before[name] for name, pid in self.pids.items()}
        wall = time.monotonic() - self.began
        return used, wall, (busy_s() - self.busy) / (wall * CPUS)


# ---- one measurement ---------------------------------------------------------------------------------------------------


def run_watched(command, pids, stdin=b'', **options):
    """The program's lines of JSON as one; .cpu: microseconds per request by name; .others: share of the machine that
    neither the program nor `pids` used."""
    watch = Watch(pids)
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, **options) as program_:
        program_.stdin.write(stdin)
        program_.stdin.close()
        if program_.stdout.readline() != b'start\n':
            raise Broken(f'{command}: exit {program_.wait()}')
        watch.start()
        first = program_.stdout.readline()
        used, wall, busy = watch.stop()
        rest = program_.stdout.read()
    if program_.returncode != 0:
        raise Broken(f'{command}: exit {program_.returncode}')
    result = json.loads(first) | (json.loads(rest) if rest else {})
    count = max(result['count'], 1)
    own = result['cpu_us'] * count / 1e6
    result['cpu'] = {name: s * 1e6 / count for name, s in used.items()}
    result['others'] = max(0.0, busy - (sum(used.values()) + own) / (wall * CPUS))
    return result


def raw(backend, threads, seconds, *arguments, pids=None, **options):
    return run_watched([RAW, backend, str(threads), str(seconds), *arguments], pids or {}, **options)


def sign_request(client, provider, key, keep):
    auth_type, auth = client.credentials()
    body = pb((1, key), (2, sign_alg('ecdsa')), (3, DIGEST))
    request = frame(4, body, provider, auth_type, auth, flags=int(keep))
    return request, request.index(DIGEST)


def ping_request(client, keep):
    auth_type, auth = client.credentials()
    return frame(1, b'', 0, auth_type, auth, flags=int(keep)), 0


def load(service, request, clients, seconds):
    """Every answer was a success, and the last signature is one."""
    frame_, vary = request
    result = run_watched([LOAD, service.socket, str(clients), str(seconds), str(vary)], service.pids(), frame_)
    if result['refused'] or result['broken']:
        raise Broken(f'{result["refused"]} refused (last status {result["last_status"]}), {result["broken"]} cut off')
    service.signed += result['sent'] if vary else 0
    if vary:
        sent = bytes.fromhex(result['request'])
        answer = parse(bytes.fromhex(result['answer']))
        verify_outside(service.public[key_of(sent)], sent[vary:vary + 32], field(answer['body'], 1))
    del result['request'], result['answer']
    return result


def key_of(request):
    header = parse(request)
    return field(header['body'][:header['body_len']], 1).decode()


# ---- the services ------------------------------------------------------------------------------------------------------


class Service:
    """A running service with keys made on its providers: .socket, .public {key name: point}, .signed (requests sent)."""

    def __init__(self):
        self.public, self.signed = {}, 0

    def make_keys(self, client, providers, prefix):
        for name, number in providers.items():
            key = f'{prefix}-{name}'
            client.generate(number, key)
            self.public[key] = client.public(number, key)
        client.sock = None


class Keyreeve(Service):
    """The daemon on devices of its own, with a Workload API for its tokens."""

    def __init__(self, providers, sessions, jwt=True, **options):
        super().__init__()
        self.rig = Rig(providers=providers, sessions=sessions, wrap='file', segment='64MiB', keep=64, **options)
        self.rig.options['spiffe'] = self.rig.path('issuer.sock')
        self.issuer = Issuer(self.rig) if jwt else None
        self.socket = self.rig.socket
        numbers = {name: PROVIDERS[name] for name in providers}
        try:
            self.first_answer_s, self.ready_s = self.start()
            self.rig.wait_ready()
            self.make_keys(Client(self.socket), numbers, 'peer')
            if jwt:
                client = self.client('jwt')
                wait_for('trust', lambda: status_of(client.call, 26) == 0)
                self.make_keys(client, numbers, 'jwt')
        except BaseException:
            self.rig.close()
            raise

    def start(self):
        """Seconds from the start to the first Ping answered, and until every provider has made and destroyed a key."""
        began = time.monotonic()
        self.rig.start(wait=False)
        while not self.rig.pings():
            if self.rig.daemon.poll() is not None or time.monotonic() - began > 30:
                raise Broken(f'keyreeved does not serve:\n{self.rig.tail()}')
            time.sleep(0.001)
        first = time.monotonic() - began
        for name in self.rig.providers:
            while not self.rig.provider_up(name):
                if time.monotonic() - began > 30:
                    raise Broken(f'provider {name} does not come up:\n{self.rig.tail()}')
                time.sleep(0.002)
        return first, time.monotonic() - began

    def client(self, auth):
        return Client(self.socket, ('jwt', lambda: self.issuer.token(WORKLOAD)) if auth == 'jwt' else 'unix')

    def roles(self):
        return {'keyreeved': self.rig.daemon.pid, **self.rig.roles()}

    def pids(self):
        return self.roles() | ({'swtpm': self.rig.swtpm.pid} if self.rig.swtpm else {})

    def memory_kib(self):
        return {name: pss_kib(pid) for name, pid in self.roles().items()}

    def audited(self):
        """Lines of successful signatures in the audit log's files, beside the number of signatures asked for."""
        self.rig.stop()
        count = 0
        for segment in glob.glob(self.rig.path('state', 'audit', '*.log')):
            with open(segment, 'rb') as lines:
                count += sum(1 for line in lines if b'"op":"PsaSignHash"' in line and b'"wire":0,' in line)
        return count, self.signed

    def close(self):
        self.rig.close()


class Parsec(Service):
    """Parsec as tests/peers builds it; Unix peer credentials, a connection per request, hmac sessions on its TPM."""
    RUN = os.path.join(ROOT, 'tests', 'peers', 'parsec', 'run')
    KINDS = {'soft': 'mbed', 'hsm': 'pkcs11', 'tpm': 'tpm'}

    @staticmethod
    def is_built():
        return subprocess.run([os.path.join(ROOT, 'tests', 'peers', 'path'), 'parsec'], capture_output=True).returncode == 0

    def __init__(self, providers):
        super().__init__()
        self.dir = tempfile.mkdtemp(prefix='keyreeve-parsec-')
        self.socket = os.path.join(self.dir, 'parsec.sock')
        try:
            self.start([self.KINDS[p] for p in providers])
            self.make_keys(Client(self.socket), {name: PROVIDERS[name] for name in providers}, 'peer')
        except BaseException:
            self.close()
            raise

    def start(self, kinds):
        """On a busy machine its script may look for the process before there is one."""
        for attempt in range(START_ATTEMPTS):
            if subprocess.run([self.RUN, 'start', self.dir, 'unix', *kinds], stdout=subprocess.DEVNULL).returncode == 0:
                return
        raise Broken('Parsec does not start')

    def client(self, auth):
        return Client(self.socket)

    def pids(self):
        names = ('parsec', 'swtpm')
        return {name: int(open(os.path.join(self.dir, name + '.pid')).read()) for name in names
                if os.path.exists(os.path.join(self.dir, name + '.pid'))}

    def memory_kib(self):
        return {'parsec': pss_kib(self.pids()['parsec'])}

    def close(self):
        subprocess.run([self.RUN, 'stop', self.dir], check=False)
        shutil.rmtree(self.dir, ignore_errors=True)


class RawDevices:
    """A token and a TPM that no daemon uses."""

    def __init__(self):
        self.rig = Rig(providers=('tpm', 'hsm'))

    def measure(self, name, seconds):
        if name == 'evp1' or name == 'evp2':
            return raw('evp', int(name[-1]), seconds)
        if name == 'hsm':
            return raw('p11', 1, seconds, SOFTHSM, PIN, preexec_fn=self.rig.as_user,
                       env=dict(os.environ, SOFTHSM2_CONF=self.rig.softhsm_conf))
        return raw(name, 1, seconds, 'swtpm:path=' + self.rig.path('tpm', 'sock'), pids={'swtpm': self.rig.swtpm.pid})

    def close(self):
        self.rig.close()
