# SPDX-License-Identifier: Apache-2.0
"""A rig for integration tests: real swtpm, real SoftHSM2, the real daemon, and a Parsec client of our own that can
say anything.  Nothing here is shipped."""
import glob, json, os, pwd, shutil, signal, socket, struct, subprocess, sys, tempfile, time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get('KEYREEVE_BUILD', os.path.join(ROOT, 'build', 'release'))
SOFTHSM = os.path.realpath('/usr/lib/softhsm/libsofthsm2.so')
SERVICE_UID = 64200        # the service's account, made for the run
PIN = '4711-rig'
SIGSYS_END = f'signal {int(signal.SIGSYS)}'   # as the daemon logs the end of a role that did what it may not
MAGIC = 0x5EC0A710
SOFT, PKCS11, TPM = 1, 2, 3
PROVIDERS = {'soft': SOFT, 'hsm': PKCS11, 'tpm': TPM}

# ---- protobuf, as much as Parsec needs ----------------------------------------------------------------------------


def varint(n):
    out = b''
    while True:
        out += bytes([n & 127 | (128 if n > 127 else 0)])
        n >>= 7
        if n == 0:
            return out


def pb(*fields):
    """pb((1, 5), (2, b'x')): integers as varints, bytes as length-delimited."""
    out = b''
    for number, value in fields:
        if isinstance(value, int):
            out += varint(number << 3) + varint(value)
        else:
            value = value.encode() if isinstance(value, str) else value
            out += varint(number << 3 | 2) + varint(len(value)) + value
    return out


def unpb(data):
    """Fields in order: [(number, value)]."""
    out, at = [], 0

    def read():
        nonlocal at
        n = shift = 0
        while True:
            b = data[at]
            at += 1
            n |= (b & 127) << shift
            shift += 7
            if b < 128:
                return n
    while at < len(data):
        key = read()
        if key & 7 == 0:
            out.append((key >> 3, read()))
        else:
            assert key & 7 == 2, key
            size = read()
            out.append((key >> 3, data[at:at + size]))
            at += size
    return out


def field(data, number, default=b''):
    for n, v in unpb(data):
        if n == number:
            return v
    return default


SHA256, SHA384, SHA512 = 7, 8, 9


def sign_alg(kind, hash_alg=SHA256):
    """Alg.AsymmetricSignature: pkcs1, pss, ecdsa; hash_alg None is `any`."""
    hashes = pb((1, b'')) if hash_alg is None else pb((2, hash_alg))
    return pb(({'pkcs1': 1, 'pss': 3, 'ecdsa': 4}[kind], pb((1, hashes))))


def attributes(kind='ecc', bits=256, alg=None, usage=(8, 9)):
    alg = alg if alg is not None else sign_alg('ecdsa' if kind == 'ecc' else 'pkcs1')
    key_type = pb((11, pb((1, 2)))) if kind == 'ecc' else pb((10, b''))
    return pb((1, key_type), (2, bits), (3, pb((1, pb(*[(u, 1) for u in usage])), (2, pb((6, alg))))))


# ---- the wire --------------------------------------------------------------------------------------------------------


def frame(opcode, body=b'', provider=0, auth_type=0, auth=b'', **over):
    f = dict(magic=MAGIC, hdr=30, major=1, minor=0, flags=0, provider=provider, session=0, content=0, accept=0,
             auth_type=auth_type, body_len=len(body), auth_len=len(auth), opcode=opcode, status=0, r1=0, r2=0)
    f.update(over)
    return struct.pack('<IHBBHBQBBBIHIHBB', f['magic'], f['hdr'], f['major'], f['minor'], f['flags'], f['provider'],
                       f['session'], f['content'], f['accept'], f['auth_type'], f['body_len'], f['auth_len'],
                       f['opcode'], f['status'], f['r1'], f['r2']) + body + auth


def parse(raw):
    names = 'magic hdr major minor flags provider session content accept auth_type body_len auth_len opcode status r1 r2'
    return dict(zip(names.split(), struct.unpack('<IHBBHBQBBBIHIHBB', raw[:36])), body=raw[36:])


class Refused(Exception):
    def __init__(self, status):
        super().__init__(f'status {status}')
        self.status = status


class Client:
    """One identity: Unix peer by default, else ('direct', name), ('jwt', token or a function) or ('issued', the same)."""

    def __init__(self, path, auth='unix', keep=False, timeout=70):
        self.path, self.auth, self.keep, self.timeout, self.sock = path, auth, keep, timeout, None

    def credentials(self):
        if self.auth is None:
            return 0, b''
        if self.auth == 'unix':
            return 3, struct.pack('<I', os.geteuid())
        kind, value = self.auth
        value = value() if callable(value) else value
        return {'direct': 1, 'issued': 2, 'jwt': 4}[kind], value if isinstance(value, bytes) else value.encode()

    def connect(self):
        s = socket.socket(socket.AF_UNIX)
        s.settimeout(self.timeout)
        s.connect(self.path)
        return s

    def raw(self, data):
        """Send bytes, read to the end of file."""
        with self.connect() as s:
            try:
                s.sendall(data)
            except BrokenPipeError:
                pass
            out = b''
            while True:
                try:
                    part = s.recv(65536)
                except ConnectionResetError:
                    break
                if not part:
                    return out
                out += part
            return out

    def exchange(self, opcode, body=b'', provider=0, **over):
        auth_type, auth = self.credentials()
        over.setdefault('auth_type', auth_type)
        over.setdefault('auth', auth)
        if not self.keep:
            return parse(self.raw(frame(opcode, body, provider, **over)))
        if self.sock is None:
            self.sock = self.connect()
        try:
            self.sock.sendall(frame(opcode, body, provider, flags=1, **over))
            head = self.read(36)
            return parse(head + self.read(parse(head)['body_len']))
        except OSError:
            self.sock = None    # the next one connects anew
            raise

    def read(self, n):
        out = b''
        while len(out) < n:
            part = self.sock.recv(n - len(out))
            if not part:
                raise ConnectionError('end of file')
            out += part
        return out

    def call(self, opcode, body=b'', provider=0, **over):
        answer = self.exchange(opcode, body, provider, **over)
        if answer['status'] != 0:
            raise Refused(answer['status'])
        return answer['body']

    # operations
    def ping(self):
        return self.call(1)

    def generate(self, provider, name, attrs=None):
        self.call(2, pb((1, name), (2, attrs if attrs is not None else attributes())), provider)

    def destroy(self, provider, name):
        self.call(3, pb((1, name)), provider)

    def sign(self, provider, name, digest, alg=None):
        return field(self.call(4, pb((1, name), (2, alg or sign_alg('ecdsa')), (3, digest)), provider), 1)

    def verify(self, provider, name, digest, signature, alg=None):
        self.call(5, pb((1, name), (2, alg or sign_alg('ecdsa')), (3, digest), (4, signature)), provider)

    def sign_message(self, provider, name, message, alg=None):
        return field(self.call(24, pb((1, name), (2, alg or sign_alg('ecdsa')), (3, message)), provider), 1)

    def verify_message(self, provider, name, message, signature, alg=None):
        self.call(25, pb((1, name), (2, alg or sign_alg('ecdsa')), (3, message), (4, signature)), provider)

    def public(self, provider, name):
        return field(self.call(7, pb((1, name)), provider), 1)

    def keys(self):
        return [(field(v, 2).decode(), field(v, 1, 0)) for n, v in unpb(self.call(26)) if n == 1]


def status_of(function, *args, **kwargs):
    """0, or the status that it was refused with."""
    try:
        function(*args, **kwargs)
        return 0
    except Refused as e:
        return e.status


# ---- outside proof -----------------------------------------------------------------------------------------------------


def verify_outside(public, message_digest, signature, kind='ecc', alg='ecdsa', bits=256):
    """Raises unless an implementation that is not ours accepts the signature."""
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec, padding, utils
    h = {32: hashes.SHA256, 48: hashes.SHA384, 64: hashes.SHA512}[len(message_digest)]()
    if kind == 'ecc':
        curve = {256: ec.SECP256R1, 384: ec.SECP384R1, 521: ec.SECP521R1}[bits]()
        key = ec.EllipticCurvePublicKey.from_encoded_point(curve, public)
        half = len(signature) // 2
        der = utils.encode_dss_signature(int.from_bytes(signature[:half], 'big'), int.from_bytes(signature[half:], 'big'))
        key.verify(der, message_digest, ec.ECDSA(utils.Prehashed(h)))
        return
    key = serialization.load_der_public_key(rsa_spki(public))
    pad = padding.PKCS1v15() if alg == 'pkcs1' else padding.PSS(padding.MGF1(h), len(message_digest))
    key.verify(signature, message_digest, pad, utils.Prehashed(h))


def der(tag, content):
    n = len(content)
    size = bytes([n]) if n < 128 else bytes([0x81, n]) if n < 256 else bytes([0x82, n >> 8, n & 255])
    return bytes([tag]) + size + content


def rsa_spki(pkcs1):
    return der(0x30, bytes.fromhex('300d06092a864886f70d0101010500') + der(3, b'\0' + pkcs1))


# ---- the parts ---------------------------------------------------------------------------------------------------------


def wait_for(what, condition, seconds=10):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return
        time.sleep(0.02)
    raise TimeoutError(f'{what}: not within {seconds} s')


def account(name, uid):
    """A locked account of this machine; tests run as root in a throw-away system."""
    try:
        pwd.getpwnam(name)
    except KeyError:
        subprocess.run(['groupadd', '-f', '-g', str(uid), name], check=True)
        subprocess.run(['useradd', '-M', '-N', '-g', str(uid), '-u', str(uid), '-s', '/usr/sbin/nologin', name], check=True)
    return pwd.getpwnam(name)


class Rig:
    def __init__(self, providers=('tpm', 'soft', 'hsm'), posture='permissive', build=BUILD, **options):
        self.dir = tempfile.mkdtemp(prefix='keyreeve-rig-')
        os.chmod(self.dir, 0o755)
        self.build, self.providers, self.posture, self.options = build, providers, posture, options
        self.user = account('keyreeve-rig', SERVICE_UID)
        self.processes, self.daemon, self.swtpm = [], None, None
        for name, mode in (('state', 0o700), ('run', 0o755), ('private', 0o700), ('hsm', 0o700), ('tpm', 0o700), ('admin', 0o755)):
            os.mkdir(self.path(name), mode)
            os.chown(self.path(name), self.user.pw_uid, self.user.pw_gid)
            os.chmod(self.path(name), mode)
        self.log = open(self.path('daemon.log'), 'ab')
        if 'tpm' in providers:
            self.start_swtpm()
        if 'hsm' in providers:
            self.make_token()

    def path(self, *parts):
        return os.path.join(self.dir, *parts)

    socket = property(lambda self: self.path('run', 'keyreeve.sock'))
    direct_socket = property(lambda self: self.path('run', 'direct.sock'))
    admin_socket = property(lambda self: self.path('admin', 'admin.sock'))
    softhsm_conf = property(lambda self: self.path('hsm', 'softhsm2.conf'))

    def as_user(self):
        os.setgid(self.user.pw_gid)
        os.setgroups([])
        os.setuid(self.user.pw_uid)

    def start_swtpm(self):
        sock = self.path('tpm', 'sock')
        self.swtpm = subprocess.Popen(
            ['swtpm', 'socket', '--tpm2', '--server', f'type=unixio,path={sock}', '--ctrl', f'type=unixio,path={sock}.ctrl',
             '--tpmstate', f'dir={self.path("tpm")}', '--flags', 'not-need-init,startup-clear'],
            preexec_fn=self.as_user, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.processes.append(self.swtpm)
        wait_for('swtpm', lambda: os.path.exists(sock))

    def stop_swtpm(self):
        self.swtpm.kill()
        self.swtpm.wait()
        for name in ('sock', 'sock.ctrl'):
            if os.path.exists(self.path('tpm', name)):
                os.unlink(self.path('tpm', name))

    def make_token(self):
        os.mkdir(self.path('hsm', 'tokens'), 0o700)
        os.chown(self.path('hsm', 'tokens'), self.user.pw_uid, self.user.pw_gid)
        with open(self.softhsm_conf, 'w') as f:
            f.write(f'directories.tokendir = {self.path("hsm", "tokens")}\nobjectstore.backend = file\nlog.level = ERROR\n')
        os.chown(self.softhsm_conf, self.user.pw_uid, self.user.pw_gid)
        self.write_pin(PIN)
        subprocess.run(['softhsm2-util', '--init-token', '--free', '--label', 'rig', '--pin', PIN, '--so-pin', 'so-' + PIN],
                       env={'SOFTHSM2_CONF': self.softhsm_conf, 'PATH': os.environ['PATH']}, preexec_fn=self.as_user,
                       check=True, stdout=subprocess.DEVNULL)

    def write_pin(self, pin):
        with open(self.path('pin'), 'w') as f:
            f.write(pin)
        os.chown(self.path('pin'), self.user.pw_uid, self.user.pw_gid)
        os.chmod(self.path('pin'), 0o400)

    def token_objects(self):
        """What the token holds, by another program: lines of pkcs11-tool."""
        out = subprocess.run(['pkcs11-tool', '--module', SOFTHSM, '--token-label', 'rig', '--login', '--pin', PIN, '-O'],
                             env={'SOFTHSM2_CONF': self.softhsm_conf, 'PATH': os.environ['PATH']}, capture_output=True,
                             text=True, preexec_fn=self.as_user)
        return out.stdout

    # ---- configuration
    def provider_yaml(self, name):
        if name == 'tpm':
            return (f'  - {{name: tpm, type: tpm, tcti: "swtpm:path={self.path("tpm", "sock")}", '
                    f'sessions: {self.options.get("sessions", "hmac")}}}\n')
        if name == 'soft':
            return f'  - {{name: soft, type: software, wrap: {self.options.get("wrap", "auto")}}}\n'
        return (f'  - name: hsm\n    type: pkcs11\n    module: {self.options.get("module", SOFTHSM)}\n    token: rig\n'
                f'    pin_file: {self.path("pin")}\n    env: {{SOFTHSM2_CONF: {self.softhsm_conf}{self.options.get("hsm_env", "")}}}\n'
                + self.options.get('hsm_more', ''))

    def tenants_yaml(self):
        if 'tenants' in self.options:
            return self.options['tenants']
        listed = f'providers: [{", ".join(self.providers)}]'
        text = ('  - match: {spiffe: "spiffe://rig.example/ns/{namespace}/sa/{account}"}\n    tenant: "k8s/{namespace}"\n'
                f'    {listed}\n')
        for uid in (0, 2001, 2002):
            text += f'  - {{match: {{uid: {uid}}}, tenant: "uid{uid}", {listed}}}\n'
        return text + f'  - {{match: {{direct: "{{name}}"}}, tenant: "direct", {listed}}}\n'

    def write_config(self):
        o = self.options
        text = (f'apiVersion: keyreeve/v1\nkind: Agent\nposture: {self.posture}\nuser: keyreeve-rig\n'
                f'paths: {{state: {self.path("state")}, private: {self.path("private")}}}\n'
                f'audit: {{segment: {o.get("segment", "64MiB")}, keep: {o.get("keep", 16)}, reserve: {o.get("reserve", "1MiB")}}}\n'
                'listeners:\n'
                f'  - {{path: {self.socket}, mode: "0666", authenticators: {o.get("authenticators", "[unix-peer, jwt-svid]")}}}\n'
                f'  - {{path: {self.direct_socket}, mode: "0660", group: keyreeve-rig, authenticators: [direct]}}\n'
                f'  - {{path: {self.admin_socket}, mode: "0660", group: keyreeve-rig, admin: true, '
                f'authenticators: [{o.get("admin_authenticators", "unix-peer")}]}}\n')
        if 'spiffe' in o:
            text += f'spiffe: {{endpoint: "unix://{o["spiffe"]}", audience: parsec, validation: {o.get("validation", "local")}{o.get("spiffe_more", "")}}}\n'
        text += 'providers:\n' + ''.join(self.provider_yaml(p) for p in self.providers)
        text += 'tenants:\n' + self.tenants_yaml() + f'admins:\n  - {{uid: {o.get("admin_uid", 0)}}}\n' + o.get('more', '')
        text = self.with_failures(text)
        if self.posture == 'strict' and 'accept:' not in text:
            text += 'accept: [{check: DOC-31, because: "these tests ask as root"}]\n'
        with open(self.path('keyreeve.yaml'), 'w') as f:
            f.write(text)
        os.chmod(self.path('keyreeve.yaml'), 0o644)

    def with_failures(self, text):
        """Tests fail on purpose, from one process: it is boxed only where a test is about that (failures=None: the
        default)."""
        failures = self.options.get('failures', 1000000)
        if failures is None:
            return text
        if 'limits: {' in text:
            return text.replace('limits: {', f'limits: {{failures: {failures}, ')
        return text + f'limits: {{failures: {failures}}}\n'

    # ---- daemon
    def start(self, wait=True, wrapper=(), env=None):
        self.write_config()
        self.daemon = subprocess.Popen(
            list(wrapper) + [os.path.join(self.build, 'bin', 'keyreeved'), '--config', self.path('keyreeve.yaml')],
            stdout=self.log, stderr=self.log, stdin=subprocess.DEVNULL, env=dict(os.environ, **(env or {})))
        if wait:
            self.wait_ready()
        return self

    def wait_ready(self, seconds=30):
        """Serving, and every provider has answered once."""
        wait_for('the daemon', lambda: self.daemon.poll() is not None or self.pings(), seconds)
        if self.daemon.poll() is not None:
            raise RuntimeError(f'keyreeved ended with {self.daemon.returncode}:\n{self.tail()}')
        for name in self.providers:
            wait_for(f'provider {name}', lambda: self.provider_up(name), seconds)

    def pings(self):
        try:
            Client(self.socket, None, timeout=2).ping()
            return True
        except (OSError, Refused, struct.error):
            return False

    def provider_up(self, name):
        """A key that does not exist is 1140 on a provider that is up and on one that is down: so make one."""
        client = Client(self.socket, timeout=70)
        status = status_of(client.generate, PROVIDERS[name], '.rig')
        if status in (0, 1139):
            status_of(client.destroy, PROVIDERS[name], '.rig')
            return True
        return False

    def tail(self, lines=40):
        self.log.flush()
        return '\n'.join(open(self.path('daemon.log'), errors='replace').read().splitlines()[-lines:])

    def kill(self):
        """Power off: SIGKILL to the first process; the roles die with it."""
        pids = self.roles()
        self.daemon.kill()
        self.daemon.wait()
        wait_for('the roles to die', lambda: not any(os.path.exists(f'/proc/{p}/exe') and alive(p) for p in pids.values()))

    def stop(self):
        if self.daemon and self.daemon.poll() is None:
            self.daemon.send_signal(signal.SIGTERM)
            try:
                self.daemon.wait(15)
            except subprocess.TimeoutExpired:
                self.daemon.kill()
                self.daemon.wait()
        return self.daemon.returncode if self.daemon else None

    def roles(self):
        """{'agent': pid, 'tpm': pid, ...} of the running roles, by the program's name."""
        found = {}
        for pid in children(self.daemon.pid):
            name = program(pid)
            if name.startswith('keyreeve-'):
                found[name.removeprefix('keyreeve-')] = pid
        return found

    def audit(self):
        lines = []
        for segment in sorted(glob.glob(self.path('state', 'audit', '*.log'))):
            lines += [json.loads(line) for line in open(segment)]
        return lines

    def close(self):
        try:
            self.stop()
        finally:
            for p in self.processes:
                if p.poll() is None:
                    p.kill()
                    p.wait()
            self.log.close()
            if os.environ.get('KEYREEVE_KEEP'):
                print(f'kept: {self.dir}')
            else:
                shutil.rmtree(self.dir, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        if kind is not None:
            sys.stderr.write(self.tail() + '\n')
        log = self.path('daemon.log')
        broken = [line for line in open(log, errors='replace') if SIGSYS_END in line]
        self.close()
        assert kind is not None or not broken, f'a role was ended by its own sandbox: {broken}'


def fill_up(path):
    """Take the file system's last byte."""
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        for size in (65536, 4096, 512, 1):
            try:
                while True:
                    os.write(fd, b'x' * size)
            except OSError:
                pass
    finally:
        os.close(fd)


def alive(pid):
    try:
        return open(f'/proc/{pid}/stat').read().rsplit(')', 1)[1].split()[0] != 'Z'
    except OSError:
        return False


def stand_still(pid):
    """SIGSTOP, and only back when it has reached every thread: until then one of them may still answer."""
    os.kill(pid, signal.SIGSTOP)
    wait_for(f'{pid} stands still', lambda: all(open(stat).read().rsplit(')', 1)[1].split()[0] in 'TZ'
                                                for stat in glob.glob(f'/proc/{pid}/task/*/stat')))


def children(pid):
    try:
        return [int(c) for c in open(f'/proc/{pid}/task/{pid}/children').read().split()]
    except OSError:
        return []


def program(pid):
    try:
        return os.path.basename(os.readlink(f'/proc/{pid}/exe'))
    except OSError:
        return ''


class Issuer:
    """keyreeve-test-issuer with its control socket."""

    def __init__(self, rig, *arguments):
        self.socket, self.control = rig.path('issuer.sock'), rig.path('issuer.ctl')
        self.process = subprocess.Popen(
            [os.path.join(rig.build, 'tests', 'keyreeve-test-issuer'), '--socket', self.socket, '--trust-domain', 'rig.example',
             '--control', self.control, *arguments], stdout=rig.log, stderr=rig.log)
        rig.processes.append(self.process)
        wait_for('the issuer', lambda: os.path.exists(self.socket) and os.path.exists(self.control))
        os.chmod(self.socket, 0o777)
        self.say('entry', 'any', 'spiffe://rig.example/keyreeve')

    def say(self, *words):
        """One command; its answer without the closing "ok"."""
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(10)
            s.connect(self.control)
            s.sendall((' '.join(str(w) for w in words) + '\n').encode())
            answer = b''
            while not answer.endswith(b'\n'):
                part = s.recv(65536)
                if not part:
                    break
                answer += part
        text = answer.decode().strip()
        assert not text.startswith('error'), (words, text)
        return text.removeprefix('ok').strip()

    def token(self, subject='spiffe://rig.example/ns/a/sa/w', audience='parsec', ttl=300, age=0, jti=None):
        return self.say('mint', subject, audience, ttl, *([age] if age or jti else []), *([jti] if jti else []))


# ---- running ---------------------------------------------------------------------------------------------------------


def main(tests):
    """Run test functions (all, or those named; without those named behind `--but`), one line each; the last line counts."""
    names, _, but = ' '.join(sys.argv[1:]).partition('--but')
    names, but = [a for a in names.split() if not a.startswith('-')], but.split()
    if unknown := set(but) - {t.__name__ for t in tests}:
        sys.exit(f'no test of that name: {unknown}')
    chosen = [t for t in tests if (not names or t.__name__ in names) and t.__name__ not in but]
    if not chosen:
        sys.exit('no test of that name')
    failed = 0
    for test in chosen:
        start = time.monotonic()
        try:
            test()
            print(f'ok      {test.__name__} ({time.monotonic() - start:.1f} s)', flush=True)
        except Exception as e:
            failed += 1
            import traceback
            traceback.print_exc()
            print(f'FAILED  {test.__name__}: {e}', flush=True)
    print(f'{len(chosen) - failed} passed, {failed} failed')
    sys.exit(1 if failed else 0)
