# SPDX-License-Identifier: Apache-2.0
"""What drives the conformance harness: authorities and certificates made on the spot, peers for its two TLS roles, and the
program itself."""
import datetime, http.client, json, os, shutil, socket, ssl, subprocess, tempfile, threading, time
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from rig import BUILD, Issuer, pb, wait_for

DOMAIN = 'rig.example'      # the issuer's
NOW = int(time.time())
USAGES = ('digital_signature', 'content_commitment', 'key_encipherment', 'data_encipherment', 'key_agreement',
          'key_cert_sign', 'crl_sign', 'encipher_only', 'decipher_only')
EXTENDED = {'serverAuth': ExtendedKeyUsageOID.SERVER_AUTH, 'clientAuth': ExtendedKeyUsageOID.CLIENT_AUTH}


def when(seconds):
    return datetime.datetime.utcfromtimestamp(seconds)


def der_of(certificate):
    return certificate.public_bytes(serialization.Encoding.DER)


def usage_of(names):
    return x509.KeyUsage(**{usage: usage in names for usage in USAGES})


def build(subject, issuer, key, signer, uris, ca, usage, extended, start, end):
    builder = (x509.CertificateBuilder().subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject)]))
               .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)])).public_key(key.public_key())
               .serial_number(x509.random_serial_number()).not_valid_before(when(start)).not_valid_after(when(end))
               .add_extension(x509.BasicConstraints(ca, None), True))
    if uris:
        names = x509.SubjectAlternativeName([x509.UniformResourceIdentifier(uri) for uri in uris])
        builder = builder.add_extension(names, False)
    if usage is not None:
        builder = builder.add_extension(usage_of(usage), True)
    if extended is not None:
        builder = builder.add_extension(x509.ExtendedKeyUsage([EXTENDED[name] for name in extended]), False)
    return builder.sign(signer, hashes.SHA256())


class Leaf:
    """A chain without its root, and its key."""

    def __init__(self, spiffe_id, certificates, key):
        self.id, self.certificates, self.key = spiffe_id, certificates, key
        self.chain = b''.join(der_of(c) for c in certificates)
        self.key_der = key.private_bytes(serialization.Encoding.DER, serialization.PrivateFormat.PKCS8,
                                         serialization.NoEncryption())

    def load_into(self, context):
        """Python reads chains from files only."""
        with tempfile.NamedTemporaryFile('wb', suffix='.pem') as f:
            for certificate in self.certificates:
                f.write(certificate.public_bytes(serialization.Encoding.PEM))
            f.write(self.key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                           serialization.NoEncryption()))
            f.flush()
            context.load_cert_chain(f.name)


class Authority:
    """A root of a trust domain, or one that such a root signed."""

    def __init__(self, name, parent=None, ca=True, start=NOW - 3600, end=NOW + 86400):
        self.key, self.parent = ec.generate_private_key(ec.SECP256R1()), parent
        self.subject = 'root' if parent is None else 'intermediate'
        self.certificate = build(self.subject, parent.subject if parent else 'root', self.key,
                                 parent.key if parent else self.key, [name], ca, ('key_cert_sign', 'crl_sign'), None, start, end)
        self.name = name

    der = property(lambda self: der_of(self.certificate))

    def intermediate(self, name=None, **more):
        return Authority(name or self.name, self, **more)

    def leaf(self, spiffe_id, key='ec', more=(), ca=False, usage=('digital_signature',),
             extended=('serverAuth', 'clientAuth'), start=NOW - 60, end=NOW + 3600):
        made = ec.generate_private_key(ec.SECP256R1()) if key == 'ec' else rsa.generate_private_key(65537, 2048)
        uris = ([spiffe_id] if spiffe_id is not None else []) + list(more)
        certificate = build('leaf', self.subject, made, self.key, uris, ca, usage, extended, start, end)
        return Leaf(spiffe_id, [certificate] + ([self.certificate] if self.parent else []), made)


# ---- messages of the Workload API ------------------------------------------------------------------------------------


def svid(spiffe_id, leaf, authority):
    return pb((1, spiffe_id), (2, leaf.chain), (3, leaf.key_der), (4, authority.der))


def svids(entries, federated=None):
    return (pb(*[(1, entry) for entry in entries]) +
            pb(*[(3, pb((1, key), (2, authority.der))) for key, authority in (federated or {}).items()]))


# ---- the other side of a connection ------------------------------------------------------------------------------------


def uri_of(der):
    names = x509.load_der_x509_certificate(der).extensions.get_extension_for_class(x509.SubjectAlternativeName)
    return names.value.get_values_for_type(x509.UniformResourceIdentifier)[0]


class Server:
    """An mTLS server with one leaf, which takes any client that its authority signed."""

    def __init__(self, leaf, authority):
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        leaf.load_into(self.context)
        self.context.verify_mode = ssl.CERT_REQUIRED
        self.context.load_verify_locations(cadata=authority.certificate.public_bytes(serialization.Encoding.PEM).decode())
        self.listener = socket.create_server(('127.0.0.1', 0))
        self.address = '127.0.0.1:%d' % self.listener.getsockname()[1]
        self.seen, self.thread = None, threading.Thread(target=self.serve)
        self.thread.start()

    def serve(self):
        try:
            connection, _ = self.listener.accept()
            connection.settimeout(10)
            with self.context.wrap_socket(connection, server_side=True) as s:
                self.seen = uri_of(s.getpeercert(True))
        except OSError:
            pass        # refused by the client, or nobody came

    def peer(self):
        self.thread.join(10)
        return self.seen

    def __enter__(self):
        return self

    def __exit__(self, *failure):
        try:
            self.listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.thread.join(10)
        self.listener.close()


# ---- the harness -----------------------------------------------------------------------------------------------------------


class Program:
    """The harness as a child, on some Workload API."""

    def __init__(self, endpoint, folder, prefix=()):
        self.lines, self.folder = [], folder
        self.stderr = os.path.join(folder, 'harness.log')
        with open(self.stderr, 'ab') as log:
            self.process = subprocess.Popen(list(prefix) + [os.path.join(BUILD, 'tests', 'keyreeve-conformance-harness')],
                                            stdout=subprocess.PIPE, stderr=log, text=True,
                                            env=dict(os.environ, SPIFFE_ENDPOINT_SOCKET=endpoint))
        self.reader = threading.Thread(target=self.read)
        self.reader.start()

    def read(self):
        for line in self.process.stdout:
            self.lines.append(line.rstrip('\n'))

    def said(self):
        return open(self.stderr, errors='replace').read()

    def wait_ready(self, seconds=20):
        wait_for('READY', lambda: 'READY' in self.lines or self.process.poll() is not None, seconds)
        assert self.process.poll() is None, self.said()

    def value(self, name):
        return [int(line.split('=')[1]) for line in self.lines if line.startswith(name + '=')][0]

    x509_port = property(lambda self: self.value('SPIFFE_X509_PORT'))
    control_port = property(lambda self: self.value('SPIFFE_CONTROL_PORT'))

    def exchange(self, method, path, body=None):
        connection = http.client.HTTPConnection('127.0.0.1', self.control_port, timeout=20)
        try:
            connection.request(method, path, body, {'Content-Type': 'application/json'})
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())
        finally:
            connection.close()

    def get(self, path):
        code, answer = self.exchange('GET', path)
        assert (code, answer['status']) == (200, 'ok'), answer
        return answer

    def post(self, path, want, **request):
        code, answer = self.exchange('POST', path, json.dumps(request))
        assert code == want, (code, answer, request)
        return answer

    def status(self, path, **request):
        return self.exchange('POST', path, json.dumps(request))[0]

    def connect(self, leaf, version=None):
        """As a client that trusts anybody: (the line that was written, the server's certificate); '' when refused."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        if version == 'TLSv1.1':
            context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
            context.set_ciphers('ALL:@SECLEVEL=0')
        elif version == 'TLSv1.2':
            context.maximum_version = ssl.TLSVersion.TLSv1_2
        if leaf is not None:
            leaf.load_into(context)
        shown, line = None, b''
        try:
            with socket.create_connection(('127.0.0.1', self.x509_port), 10) as plain:
                with context.wrap_socket(plain) as s:
                    shown = s.getpeercert(True)
                    while part := s.recv(4096):
                        line += part
        except OSError:     # ssl.SSLError is one
            pass
        return line.decode(), shown

    def peer_id(self, leaf, version=None):
        line = self.connect(leaf, version)[0]
        assert line == '' or line.endswith('\n'), line
        return line.rstrip('\n')

    def shown_id(self, leaf):
        shown = self.connect(leaf)[1]
        return None if shown is None else uri_of(shown)

    def end(self):
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.reader.join()
        self.process.stdout.close()


class Harness(Program):
    """The harness and a test issuer, which sends the SVIDs that it is given."""

    def __init__(self, svids=None, federated=None, wait=True):
        self.dir, self.processes, self.build = tempfile.mkdtemp(prefix='keyreeve-harness-'), [], BUILD
        self.discarded = 0
        self.log = open(os.path.join(self.dir, 'issuer.log'), 'wb')
        try:
            self.issuer = Issuer(self)
            if svids is not None:
                self.serve(svids, federated)
            super().__init__(f'unix://{self.issuer.socket}', self.dir)
            if wait:
                self.wait_ready()
        except BaseException:
            self.close()
            raise

    # this, log, build and processes are what Issuer needs of a rig
    def path(self, *parts):
        return os.path.join(self.dir, *parts)

    def serve(self, entries, federated=None):
        self.serve_raw(svids(entries, federated))

    def serve_raw(self, message):
        """Pushed to the stream that is open, and the first message of the next one."""
        with open(self.path('x509.bin'), 'wb') as f:
            f.write(message)
        self.issuer.say('x509', '@' + self.path('x509.bin'))

    def wait_discarded(self, words):
        """One more message was found wanting, for this reason."""
        self.discarded += 1
        lines = lambda: [line for line in self.said().splitlines() if 'discarded' in line]
        wait_for('the message to be discarded', lambda: len(lines()) >= self.discarded)
        assert len(lines()) == self.discarded and words in lines()[-1], (words, lines()[-1])

    def restart(self):
        self.end()
        Program.__init__(self, f'unix://{self.issuer.socket}', self.dir)

    def close(self):
        if hasattr(self, 'process'):
            self.end()
        for p in self.processes:
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
        if kind is not None and os.path.exists(getattr(self, 'stderr', '')):
            print(self.said()[-3000:])
        self.close()
