# SPDX-License-Identifier: Apache-2.0
"""A real SPIRE server and agent for one test, and what a workload gets from them."""
import base64, json, os, shutil, signal, sys, tempfile
from peers import HERE, peer, run
from rig import SERVICE_UID, Client, Rig, alive, wait_for

DOMAIN = 'rig.example'     # the trust domain of the rig's tenants
SERVICE = f'spiffe://{DOMAIN}/keyreeve'
WEB, WEB_UID = f'spiffe://{DOMAIN}/ns/a/sa/web', 2001
DB, DB_UID = f'spiffe://{DOMAIN}/ns/b/sa/db', 2002
LONG, LONG_UID = f'spiffe://{DOMAIN}/ns/c/sa/long', 2003
ACCEPTED, REFUSED = 0, 11
TRUST_SECONDS = 40         # reconnecting backs off
RUN = os.path.join(HERE, 'spire', 'run')


def part(token, which):
    """Header (0) or claims (1) of a token, unverified."""
    text = token.split('.')[which]
    return json.loads(base64.urlsafe_b64decode(text + '=' * (-len(text) % 4)))


def kid(token):
    return part(token, 0)['kid']


class Spire:
    """Both processes, with entries {identity: uid}.  Every change is waited for: an entry and a key reach the agent with
    its next sync, once a second."""

    def __init__(self, entries, domain=DOMAIN):
        self.domain = domain
        self.agent, self.server = peer('spire', 'spire-agent'), peer('spire', 'spire-server')
        self.dir = tempfile.mkdtemp(prefix='keyreeve-spire-')
        try:
            self.say('start', domain)
            for identity, uid in entries.items():
                self.say('entry', identity, uid)
            for identity, uid in entries.items():
                self.say('wait', identity, uid)
        except BaseException:
            self.close()
            raise

    socket = property(lambda self: os.path.join(self.dir, 'agent.sock'))

    def say(self, verb, *arguments):
        done = run([RUN, verb, self.dir, *arguments], env={'SPIRE_LOG_LEVEL': 'DEBUG'}, timeout=90)
        assert done.returncode == 0, (verb, arguments, done.stderr)
        return done.stdout.strip()

    def register(self, identity, uid, ttl=300, *federated):
        """federated: a trust domain whose bundle it gets, too."""
        self.say('entry', identity, uid, ttl, *federated)
        self.say('wait', identity, uid)

    def federate(self, other):
        """Trust the other server's domain, whose bundles come from its https_spiffe endpoint from now on."""
        self.say('federate', other.dir)

    def refresh(self, other):
        """Ask that endpoint now."""
        self.say('refresh', other.dir)

    def remove(self, identity, uid):
        self.say('entry-delete', identity)
        wait_for(f'{identity} to go', lambda: identity not in self.svids(uid))

    def fetch(self, uid, audience='parsec'):
        """What the agent's own client prints, under the account: (tokens by identity, key ids of the bundles)."""
        got = run([self.agent, 'api', 'fetch', 'jwt', '-audience', audience, '-socketPath', self.socket,
                   '-output', 'json'], uid)
        if got.returncode != 0:
            return {}, set()
        svids, bundles = json.loads(got.stdout)
        documents = [json.loads(base64.b64decode(document)) for document in bundles['bundles'].values()]
        return {s['spiffe_id']: s['svid'] for s in svids['svids']}, {key['kid'] for d in documents for key in d['keys']}

    def svids(self, uid):
        return self.fetch(uid)[0]

    def token(self, identity, uid, audience='parsec'):
        svids = self.fetch(uid, audience)[0]
        assert identity in svids, f'the agent has no token for {identity} and uid {uid}'
        return svids[identity]

    def published(self):
        """Key ids of JWT-SVIDs in `spire-server bundle show`."""
        return {key['kid'] for key in json.loads(self.say('bundle'))['keys'] if key['use'] == 'jwt-svid'}

    def known_to_agent(self, uid, key, present=True):
        wait_for(f'key {key} in the agent', lambda: (key in self.fetch(uid)[1]) is present)

    def new_key(self, uid):
        """Prepare, let it spread, activate: from here on the server signs with it."""
        key = self.say('rotate', 'prepare')
        self.known_to_agent(uid, key)
        self.say('rotate', 'activate')
        return key

    def taint(self, identity, uid):
        """The agent lets go of tokens of the former key; the key stays published."""
        key = self.say('rotate', 'taint')
        wait_for('tokens of the new key', lambda: kid(self.token(identity, uid)) != key)
        return key

    def kill_agent(self):
        pid = self.agent_pid()
        os.kill(pid, signal.SIGKILL)
        wait_for('the agent to die', lambda: not alive(pid))

    def agent_pid(self):
        return int(open(os.path.join(self.dir, 'agent.pid')).read())

    def calls(self, method, log='agent.log'):
        """Lines of the agent's log, at its level DEBUG, that say that this method was called."""
        return [line for line in open(os.path.join(self.dir, log)) if f'method={method} ' in line]

    def close(self):
        try:
            self.say('stop')
        finally:
            if os.environ.get('KEYREEVE_KEEP'):
                print(f'kept: {self.dir}')
            else:
                shutil.rmtree(self.dir, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *failure):
        self.close()


class Setup:
    """SPIRE with both workloads, and the daemon; the daemon may come later, by start()."""

    def __init__(self, start=True, providers=('soft',), **options):
        self.spire = Spire({SERVICE: SERVICE_UID, WEB: WEB_UID, DB: DB_UID})
        try:
            self.rig = Rig(providers=providers, spiffe=self.spire.socket, wrap='file', **options)
        except BaseException:
            self.spire.close()
            raise
        self.begin = start

    def __enter__(self):
        try:
            if self.begin:
                self.rig.start()
                self.wait_trust()
        except BaseException:
            self.__exit__(*sys.exc_info())
            raise
        return self

    def __exit__(self, *failure):
        try:
            self.rig.__exit__(*failure)
        finally:
            self.spire.close()

    def wait_trust(self, seconds=TRUST_SECONDS):
        """With a token of its own, since a token belongs to the account that used it first."""
        token = self.spire.token(WEB, WEB_UID, 'parsec,wait')
        wait_for('trust', lambda: self.ask(token) == ACCEPTED, seconds)

    def ask(self, token):
        return Client(self.rig.socket, ('jwt', token)).exchange(26)['status']

    def client(self, identity=WEB, uid=WEB_UID):
        """A workload that fetches a token for each request."""
        return Client(self.rig.socket, ('jwt', lambda: self.spire.token(identity, uid)))

    def received(self):
        """How often new key documents came over the Workload API."""
        return self.rig.tail(1000000).count('key documents received')

    def refusals(self, status):
        return [line for line in self.rig.audit() if line.get('wire') == REFUSED and line.get('status') == status]


def as_account(uid, function):
    """What function returns in a process of its own under that account; an exception there is one here."""
    ours, theirs = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.setgroups([])
            os.setresgid(uid, uid, uid)
            os.setresuid(uid, uid, uid)
            result = [function(), None]
        except BaseException as e:
            result = [None, f'{type(e).__name__}: {e}']
        os.write(theirs, json.dumps(result).encode())
        os._exit(0)
    os.close(theirs)
    with os.fdopen(ours, 'rb') as f:
        text = f.read()
    os.waitpid(pid, 0)
    value, failure = json.loads(text)
    assert failure is None, failure
    return value


def limit(seconds):
    """A test that hangs ends by an exception, so that SPIRE, which is nobody's child, ends too."""
    def late(number, frame):
        raise TimeoutError(f'not done within {seconds} s')
    signal.signal(signal.SIGALRM, late)
    signal.alarm(seconds)
