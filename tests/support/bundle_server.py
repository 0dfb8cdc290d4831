#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Bundle endpoints that do what they must not: HTTPS servers with certificates made on the spot, good and bad ones, and
paths that redirect, trickle, swell and stop.  As a module for Python tests; as a program, `bundle_server.py DIRECTORY`,
for others: it writes web.pem (the Web's authority) and authority.der (of trust domain b.example), prints one line NAME
PORT for each server, then an empty one, and ends with its standard input."""
import base64, datetime, gzip, http.server, json, os, ssl, sys, threading, time
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

DAY = datetime.timedelta(days=1)
MIB = 1024 * 1024


class Authority:
    """A certificate authority: of the Web, or of a trust domain."""

    def __init__(self, name, uri=None):
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        builder = self.builder(self.name, self.key, 30 * DAY, -DAY)
        builder = builder.add_extension(x509.BasicConstraints(True, None), True).add_extension(usage(sign=True), True)
        if uri:
            builder = builder.add_extension(x509.SubjectAlternativeName([x509.UniformResourceIdentifier(uri)]), False)
        self.cert = builder.sign(self.key, hashes.SHA256())

    def builder(self, subject, key, until, since):
        now = datetime.datetime.utcnow()
        return (x509.CertificateBuilder().subject_name(subject).issuer_name(self.name).public_key(key.public_key())
                .serial_number(x509.random_serial_number()).not_valid_before(now + since).not_valid_after(now + until))

    def issue(self, names, until=DAY, since=-DAY):
        """(key, certificate) in PEM."""
        key = ec.generate_private_key(ec.SECP256R1())
        builder = self.builder(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, 'server')]), key, until, since)
        cert = (builder.add_extension(x509.SubjectAlternativeName(names), False)
                .add_extension(x509.BasicConstraints(False, None), True).add_extension(usage(), True)
                .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]), False)
                .sign(self.key, hashes.SHA256()))
        return (key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
                + cert.public_bytes(serialization.Encoding.PEM))

    def web(self, host='localhost', **more):
        return self.issue([x509.DNSName(host)], **more)

    def svid(self, spiffe_id, **more):
        return self.issue([x509.UniformResourceIdentifier(spiffe_id)], **more)

    def der(self):
        return self.cert.public_bytes(serialization.Encoding.DER)

    def pem(self):
        return self.cert.public_bytes(serialization.Encoding.PEM)

    def jwk(self):
        """As a SPIFFE bundle has it."""
        return dict(public_jwk(self.key), use='x509-svid', x5c=[base64.b64encode(self.der()).decode()])


def usage(sign=False):
    return x509.KeyUsage(digital_signature=not sign, content_commitment=False, key_encipherment=False, data_encipherment=False,
                         key_agreement=False, key_cert_sign=sign, crl_sign=sign, encipher_only=False, decipher_only=False)


def b64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b'=').decode()


def public_jwk(key):
    n = key.public_key().public_numbers()
    return {'kty': 'EC', 'crv': 'P-256', 'x': b64url(n.x.to_bytes(32, 'big')), 'y': b64url(n.y.to_bytes(32, 'big'))}


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'

    def log_message(self, *words):
        pass

    def send(self, body, status=200, **headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace('_', '-'), value)
        self.send_header('Content-Length', str(len(body)))
        self.send_header('Connection', 'close')
        self.end_headers()
        self.wfile.write(body)
        self.close_connection = True

    def redirect(self, to, status=302):
        self.send(b'', status, Location=to)

    def do_GET(self):
        self.server.owner.requests.append((self.path, time.monotonic(), dict(self.headers)))
        name = self.path.split('?')[0].strip('/').replace('-', '_')
        act = getattr(self, 'get_' + name, None)
        try:
            if act is not None:
                act()
            elif self.path in self.server.owner.documents:
                self.send(self.server.owner.documents[self.path], Content_Type='application/json')
            else:
                self.send(b'not here', 404)
        except (BrokenPipeError, ConnectionResetError, ssl.SSLError):
            self.close_connection = True

    def raw(self, *pieces):
        for piece in pieces:
            self.wfile.write(piece)
            self.wfile.flush()
        self.close_connection = True

    def get_big(self):
        self.raw(b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n',
                 *[b'10000\r\n' + b' ' * 65536 + b'\r\n' for _ in range(2 * MIB // 65536)], b'0\r\n\r\n')

    def get_big_announced(self):
        self.send(b' ' * (2 * MIB))

    def get_fault(self):
        self.send(b'{"keys": []}', 500)

    def get_trickle(self):
        self.wfile.write(b'HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n')
        for _ in range(1000):
            self.raw(b' ')
            time.sleep(0.1)

    def get_silence(self):
        self.server.owner.stopped.wait(60)
        self.close_connection = True

    def get_cut(self):
        self.raw(b'HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{"keys": []}')

    def get_headers(self):
        self.raw(b'HTTP/1.1 200 OK\r\n', *[b'X-%d: %s\r\n' % (i, b'x' * 60000) for i in range(200)], b'\r\n')

    def get_not_http(self):
        self.raw(b'{"keys": []}')

    def get_gzip(self):
        self.send(gzip.compress(b'{"keys": []}'), Content_Encoding='gzip')

    def get_garbage(self):
        self.send(os.urandom(1000))

    def get_loop(self):
        self.redirect('/loop')

    def get_hop(self):
        self.redirect('/good')

    def get_hops(self):
        left = int(self.path.split('?')[1])
        self.redirect('/good' if left == 1 else f'/hops?{left - 1}')

    def get_down(self):
        self.redirect(f'http://localhost:{self.server.server_port}/good')

    def get_user(self):
        self.redirect(f'https://somebody@localhost:{self.server.server_port}/good')

    def get_file(self):
        self.redirect('file:///etc/passwd')

    def get_elsewhere(self):
        self.redirect(self.server.owner.elsewhere)


class Server:
    """One endpoint; documents: path to bytes; requests: what was asked."""

    def __init__(self, directory, name, pem, documents=None, port=0):
        path = os.path.join(directory, f'server-{name}.pem')
        with open(path, 'wb') as f:
            f.write(pem)
        self.name, self.documents, self.requests, self.elsewhere = name, documents or {}, [], ''
        self.stopped = threading.Event()
        self.http = http.server.ThreadingHTTPServer(('127.0.0.1', port), Handler)
        self.http.daemon_threads, self.http.owner = True, self
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(path)
        self.http.socket = self.context.wrap_socket(self.http.socket, server_side=True, do_handshake_on_connect=False)
        self.http.handle_error = lambda *a: None
        self.port = self.http.server_port
        threading.Thread(target=self.http.serve_forever, args=(0.05,), daemon=True).start()

    def url(self, path):
        return f'https://localhost:{self.port}{path}'

    def stop(self):
        self.stopped.set()
        self.http.shutdown()
        self.http.server_close()


def main(directory):
    web, stranger = Authority('the Web'), Authority('a stranger')
    domain, other = Authority('b.example', 'spiffe://b.example'), Authority('other', 'spiffe://b.example')
    endpoint = 'spiffe://b.example/bundle/endpoint'
    kinds = {'web': web.web(), 'web-host': web.web('elsewhere.example'), 'web-expired': web.web(until=-DAY / 24),
             'web-early': web.web(since=DAY / 24), 'web-stranger': stranger.web(), 'web-svid': domain.svid(endpoint),
             'svid': domain.svid(endpoint), 'svid-id': domain.svid(endpoint + '/other'), 'svid-parent': domain.svid('spiffe://b.example'),
             'svid-domain': domain.svid('spiffe://c.example/bundle/endpoint'), 'svid-expired': domain.svid(endpoint, until=-DAY / 24),
             'svid-other': other.svid(endpoint), 'svid-web': web.web()}
    with open(os.path.join(directory, 'web.pem'), 'wb') as f:
        f.write(web.pem())
    with open(os.path.join(directory, 'authority.der'), 'wb') as f:
        f.write(domain.der())
    servers = {name: Server(directory, name, pem, {'/good': b'{"keys": []}'}) for name, pem in kinds.items()}
    servers['web'].elsewhere = servers['web-stranger'].url('/good')
    servers['svid'].elsewhere = servers['svid-id'].url('/good')
    for name, server in servers.items():
        print(name, server.port)
    print(flush=True)
    sys.stdin.read()
    os._exit(0)


if __name__ == '__main__':
    main(sys.argv[1])
