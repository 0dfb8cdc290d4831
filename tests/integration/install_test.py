#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What an installation has: programs that say what they are, manual pages, completion, and a library that a stranger's
program links with pkg-config and with CMake, and uses on the real daemon."""
import os, re, sys
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'support'))
from rig import *

PAGES = {'man1/keyreeve.1', 'man3/libkeyreeve.3', 'man5/keyreeve.yaml.5', 'man8/keyreeved.8', 'man8/keyreeve-config.8'}
COMPILER = 'gcc'
CONSUMER = r'''
#include <keyreeve.h>
#include <stdio.h>
#include <string.h>

int main(void)
{
	struct keyreeve_options options = { .size = sizeof(options), .auth = KEYREEVE_AUTH_UNIX_PEER };
	static const uint8_t hash[32] = { 1 }, other[32] = { 2 };
	uint8_t signature[KEYREEVE_SIGNATURE_MAX];
	size_t len = sizeof(signature);
	struct keyreeve_error error;
	struct keyreeve *k;

	if (keyreeve_open(&options, &k, &error) != KEYREEVE_OK ||
	    keyreeve_generate_key(k, "consumer", "ecc-p256", "ecdsa-sha-256", 0) != KEYREEVE_OK ||
	    keyreeve_sign_hash(k, "consumer", "ecdsa-sha-256", hash, 32, signature, &len) != KEYREEVE_OK ||
	    keyreeve_verify_hash(k, "consumer", "ecdsa-sha-256", hash, 32, signature, len) != KEYREEVE_OK ||
	    keyreeve_verify_hash(k, "consumer", "ecdsa-sha-256", other, 32, signature, len) != KEYREEVE_SIGNATURE ||
	    keyreeve_destroy_key(k, "consumer") != KEYREEVE_OK)
		return 1;
	keyreeve_close(k);
	printf("used %s\n", keyreeve_version());
	return 0;
}
'''
# Lists keys each half second, as often as its argument says.
SPIFFE_CONSUMER = r'''
#include <keyreeve_spiffe.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	char reason[KEYREEVE_TEXT_BYTES];
	struct keyreeve_spiffe *source;
	struct keyreeve_keys keys;
	struct keyreeve *k;

	if (argc != 2 || keyreeve_spiffe_open(NULL, NULL, &source, reason) != 0)
		return 1;
	struct keyreeve_options options = { .size = sizeof(options), .auth = KEYREEVE_AUTH_JWT_SVID,
		.token = keyreeve_spiffe_token, .token_context = source };
	if (keyreeve_open(&options, &k, NULL) != KEYREEVE_OK)
		return 2;
	for (int i = atoi(argv[1]); i > 0; i--) {
		if (keyreeve_list_keys(k, &keys) != KEYREEVE_OK) {
			fprintf(stderr, "%s\n", keyreeve_last_error(k)->text);
			return 3;
		}
		keyreeve_keys_free(&keys);
		usleep(500000);
	}
	keyreeve_close(k);
	keyreeve_spiffe_close(source);
	return 0;
}
'''


def cache(name):
    return re.search(rf'^{name}:\w+=(.*)$', open(os.path.join(BUILD, 'CMakeCache.txt')).read(), re.M).group(1)


def sanitizer():
    """What a consumer of a sanitized library must be linked with."""
    return [f'-fsanitize={cache("KEYREEVE_SANITIZE")}'] if cache('KEYREEVE_SANITIZE') else []


def run(*arguments, **more):
    done = subprocess.run(list(map(str, arguments)), capture_output=True, text=True, timeout=120, **more)
    assert done.returncode == 0, (arguments, done.returncode, done.stdout[-3000:], done.stderr[-3000:])
    return done.stdout


class Installed:
    """An installation in a directory of its own."""

    def __enter__(self):
        self.prefix = tempfile.mkdtemp(prefix='keyreeve-install-')
        os.chmod(self.prefix, 0o755)
        run('cmake', '--install', BUILD, '--prefix', self.prefix)
        self.lib = os.path.dirname(glob.glob(self.path('lib', '**', 'libkeyreeve.so'), recursive=True)[0])
        self.env = dict(os.environ, PKG_CONFIG_PATH=os.path.join(self.lib, 'pkgconfig'), LD_LIBRARY_PATH=self.lib)
        return self

    def path(self, *parts):
        return os.path.join(self.prefix, *parts)

    def files(self, under):
        return {os.path.relpath(os.path.join(top, name), self.path(under)) for top, _, names in os.walk(self.path(under)) for name in names}

    def flags(self, *arguments):
        return run('pkg-config', *arguments, env=self.env).split()

    def write(self, name, text):
        with open(self.path(name), 'w') as f:
            f.write(text)
        return self.path(name)

    def __exit__(self, *_):
        shutil.rmtree(self.prefix)


# ---- what a program is -------------------------------------------------------------------------------------------------


def needed(program):
    """Its direct libraries, as another program reads them."""
    return re.findall(r'\(NEEDED\).*\[(.*)\]', run('readelf', '-d', program))


def every_program_names_its_version_its_build_and_its_libraries():
    with Installed() as it:
        programs = [it.path('bin', name) for name in it.files('bin')] + [it.path('libexec/keyreeve', name) for name in it.files('libexec/keyreeve')]
        assert len(programs) == 9, programs
        builds = set()
        for program in programs + [os.path.join(BUILD, 'tests', 'keyreeve-test-issuer')]:
            first, *lines = run(program, '--version').rstrip('\n').split('\n')
            name, version, build = re.fullmatch(r'(\S+) (\d+\.\d+\.\d+) \(build (\S+)\)', first).groups()
            assert name == os.path.basename(program) and build.startswith(version + '+'), first
            builds.add(build)
            told = dict(line.split(None, 1) for line in lines)
            assert list(told) == needed(program), (program, told)
            assert all(re.search(r'\d', version) for version in told.values()), told
        assert len(builds) == 1, builds


def the_versions_are_those_of_this_machine():
    """Of the packages, as another program knows them."""
    told = {}
    for program in ('bin/keyreeve', 'libexec/keyreeve/keyreeve-agent', 'libexec/keyreeve/keyreeve-config'):
        told.update(line.split(None, 1) for line in run(os.path.join(BUILD, program), '--version').rstrip('\n').split('\n')[1:])
    for soname, module, product in (('libcrypto.so.3', 'libcrypto', 'OpenSSL'), ('libsqlite3.so.0', 'sqlite3', 'SQLite'),
                                    ('libjansson.so.4', 'jansson', 'Jansson'), ('libprotobuf-c.so.1', 'libprotobuf-c', 'protobuf-c'),
                                    ('libyaml-0.so.2', 'yaml-0.1', 'libyaml'), ('libseccomp.so.2', 'libseccomp', 'libseccomp')):
        version = run('pkg-config', '--modversion', module).strip()
        assert told[soname].startswith(f'{product} {version}'), (soname, told[soname], version)


# ---- manual pages ------------------------------------------------------------------------------------------------------


def plain(page):
    """The page as text, and what the formatter has to say against it."""
    env = dict(os.environ, LC_ALL='C.UTF-8', MANWIDTH='200', MANPAGER='cat', MANROFFOPT='-c', GROFF_NO_SGR='1')
    done = subprocess.run(['man', '--warnings', '-E', 'UTF-8', '-l', page], capture_output=True, text=True, env=env)
    assert done.returncode == 0 and done.stderr == '', (page, done.stderr)
    return re.sub('.\b', '', done.stdout).replace('\u2010', '-')


def the_pages_are_installed_and_well_formed():
    with Installed() as it:
        assert it.files('share/man') == PAGES, it.files('share/man')
        for page in PAGES:
            text = plain(it.path('share/man', page))
            assert len(text) > 1500 and 'NAME' in text and 'SEE ALSO' in text, page
            name = os.path.basename(page).rsplit('.', 1)[0]
            assert re.match(rf'\S+: "{re.escape(name)} - .+"$', run('lexgrog', it.path('share/man', page)).strip()), page


def options_of(text):
    return set(re.findall(r'(?<![\w-])--[a-z][a-z0-9-]*', text))


def the_pages_have_every_option_field_and_function():
    with Installed() as it:
        keyreeve = it.path('bin', 'keyreeve')
        commands = [line.split()[:2] for line in run(keyreeve, '--help').split('\n\n')[1].split('\n')]
        commands = [words if words[1].islower() else words[:1] for words in commands if words]
        helps = ''.join(run(keyreeve, *words, '--help') for words in [[]] + commands)
        rows = [('man1/keyreeve.1', helps), ('man8/keyreeved.8', run(it.path('bin', 'keyreeved'), '--help')),
                ('man8/keyreeve-config.8', run(it.path('libexec/keyreeve/keyreeve-config'), '--help'))]
        for page, text in rows:
            known, wanted = options_of(plain(it.path('share/man', page))), options_of(text)
            assert len(wanted) >= 3 and wanted <= known, (page, wanted - known)
            assert not {option for option in known - wanted if page.startswith('man8') and option not in ('--help', '--version')}, page
        functions = set(re.findall(r'\b(keyreeve_\w+)\(', open(it.path('include/keyreeve.h')).read() + open(it.path('include/keyreeve_admin.h')).read() + open(it.path('include/keyreeve_spiffe.h')).read()))
        shown = plain(it.path('share/man/man3/libkeyreeve.3'))
        assert len(functions) >= 30 and all(f'{name}(' in shown for name in functions), [f for f in functions if f'{f}(' not in shown]
        reference = open(os.path.join(ROOT, 'docs/configuration.md')).read().split('# Policy tests')[0]
        fields = re.findall(r'^\| `(\w+)` \|', reference, re.M)
        page = plain(it.path('share/man/man5/keyreeve.yaml.5'))
        assert len(fields) > 40 and all(re.search(rf'^ +{name}\b', page, re.M) for name in fields), [f for f in fields if not re.search(rf'^ +{f}\b', page, re.M)]


def the_schema_is_installed_as_the_program_prints_it():
    with Installed() as it:
        schema = open(it.path('share/keyreeve/keyreeve.schema.json')).read()
        assert schema == run(it.path('libexec/keyreeve/keyreeve-config'), '--schema')
        assert json.loads(schema)['properties']['apiVersion']


# ---- completion --------------------------------------------------------------------------------------------------------


class Bash:
    """The installed completion in a real bash, on a line that ends with its last word."""

    def __init__(self, it, endpoint='/nowhere'):
        self.script = it.path('share/bash-completion/completions/keyreeve')
        self.env = {'PATH': it.path('bin') + ':/usr/bin:/bin', 'PARSEC_SERVICE_ENDPOINT': f'unix:{endpoint}', 'LC_ALL': 'C.UTF-8'}

    def offers(self, *words, cwd='/'):
        text = ('source "$1"; shift; COMP_WORDS=(keyreeve "$@"); COMP_CWORD=$#; COMP_LINE="keyreeve $*"; COMP_POINT=${#COMP_LINE}; '
                'complete -p keyreeve | grep -q -- "-F _keyreeve" || exit 9; _keyreeve; printf "%s\\n" "${COMPREPLY[@]}"')
        done = subprocess.run(['bash', '--norc', '-c', text, 'bash', self.script, *words], capture_output=True, text=True, env=self.env, cwd=cwd)
        assert done.returncode == 0 and done.stderr == '', (words, done)
        return set(filter(None, done.stdout.split('\n')))


def completion_has_every_command_and_option_of_the_program():
    with Installed() as it:
        bash, keyreeve = Bash(it), it.path('bin', 'keyreeve')
        overview = run(keyreeve, '--help')
        commands = [line.split()[:2] for line in overview.split('\n\n')[1].split('\n') if line]
        commands = [tuple(words) if words[1].islower() and words[1].isalpha() and words[0] in ('key', 'token', 'client', 'admin', 'tenant', 'audit', 'policy')
                    else (words[0],) for words in commands]
        assert len(commands) >= 19
        assert bash.offers('') == {words[0] for words in commands}
        assert bash.offers('--') == options_of(overview.split('\n\n')[2]) | {'--help', '--version'}
        for group in {words[0] for words in commands if len(words) == 2}:
            assert bash.offers(group, '') == {words[1] for words in commands if words[0] == group}, group
        for words in commands:
            help_text = run(keyreeve, *words, '--help')
            own = set(re.findall(r'^  (--[a-z0-9-]+)', help_text, re.M)) | {'--help'}
            for before in ([], ['--json'], ['--socket', '/s']):
                if words[0] != 'policy' or not before:
                    assert bash.offers(*before, *words, '--') == own, (words, bash.offers(*before, *words, '--') ^ own)
            values = set(re.findall(r'^  (--[a-z0-9-]+) [A-Z]', help_text, re.M))
            for option in values:                                 # what follows it is its value, and no command or option
                assert not {offer for offer in bash.offers(*words, option, '') if offer.startswith('--')}, option
        assert bash.offers('key', 'create', '--type', 'ecc-p3') == bash.offers('key', 'create', '--type', '=', 'ecc-p3') == {'ecc-p384'}
        assert 'ecdsa-sha-256' in bash.offers('sign', '--alg', '')
        assert bash.offers('key', 'create', '--type', 'ecc-p256', 'web', '--us') == {'--usage'}


def completion_offers_keys_and_files_whatever_their_names():
    with Installed() as it, Rig(providers=('soft',), wrap='file') as rig:
        rig.start()
        bash, client = Bash(it, rig.socket), Client(rig.socket)
        for name in ('web', 'web two', '$(touch x)'):
            client.generate(SOFT, name)
        for words in (['key', 'show'], ['key', 'destroy'], ['key', 'public'], ['sign'], ['verify'], ['audit', 'show', '--key']):
            assert bash.offers(*words, 'w') == {'web', 'web\\ two'}, words
        there = Bash(it)                                          # another socket, named on the line
        assert there.offers('key', 'show', 'w') == set()
        assert there.offers('--socket', rig.socket, 'key', 'show', 'w') == {'web', 'web\\ two'}
        os.mkdir(rig.path('files'))
        for name in ('a file', 'a', 'b'):
            open(rig.path('files', name), 'w').close()
        for words in (['sign', 'web'], ['key', 'public', 'web', '--out'], ['verify', 'web', '--signature'], ['token', 'inspect'], ['policy', 'check']):
            assert bash.offers(*words, 'a', cwd=rig.path('files')) == {'a', 'a file'}, words
        bash.offers('--socket', '$(touch pwned)', 'key', 'show', '', cwd=rig.path('files'))    # nothing of a line is executed
        assert sorted(os.listdir(rig.path('files'))) == ['a', 'a file', 'b']


# ---- the library ---------------------------------------------------------------------------------------------------------


def uses(program, rig, env):
    out = run(program, env=dict(env, PARSEC_SERVICE_ENDPOINT=f'unix:{rig.socket}'))
    assert re.fullmatch(r'used \d+\.\d+\.\d+\n', out), out
    done = [line['op'] for line in rig.audit() if line.get('key') == 'consumer' and line['wire'] == 0]
    assert done[-3:] == ['PsaSignHash', 'PsaVerifyHash', 'PsaDestroyKey'], done


def a_program_links_it_by_pkg_config_and_by_cmake():
    with Installed() as it, Rig(providers=('soft',), wrap='file') as rig:
        rig.start()
        source = it.write('consumer.c', CONSUMER)
        strict = [COMPILER, '-std=c99', '-pedantic-errors', '-Wall', '-Wextra', '-Werror', *sanitizer()]
        flags = it.flags('--cflags', '--libs', 'keyreeve')
        assert f'-I{it.path("include")}' in map(os.path.normpath, flags) or any(os.path.realpath(f[2:]) == it.path('include') for f in flags), flags
        run(*strict, source, '-o', it.path('shared'), *flags)
        assert 'libkeyreeve.so.0' in needed(it.path('shared'))
        uses(it.path('shared'), rig, it.env)
        # the static one, with what it needs itself
        private = [flag for flag in it.flags('--static', '--libs', 'keyreeve') if flag != '-lkeyreeve']
        run(*strict, source, '-I' + it.path('include'), '-o', it.path('static'), os.path.join(it.lib, 'libkeyreeve.a'), *private)
        assert 'libkeyreeve.so.0' not in needed(it.path('static'))
        uses(it.path('static'), rig, os.environ)
        # C++ may include it
        run('g++', '-Wall', '-Wextra', '-Werror', '-fsyntax-only', '-x', 'c++', it.path('include/keyreeve.h'))
        run('g++', '-Wall', '-Wextra', '-Werror', '-fsyntax-only', '-x', 'c++', it.path('include/keyreeve_admin.h'))
        os.mkdir(it.path('project'))
        it.write('project/CMakeLists.txt', 'cmake_minimum_required(VERSION 3.25)\nproject(consumer C)\nfind_package(keyreeve 0.1 REQUIRED)\n'
                 f'add_executable(consumer {source})\ntarget_link_libraries(consumer keyreeve::keyreeve)\n')
        run('cmake', '-S', it.path('project'), '-B', it.path('project/build'), f'-DCMAKE_PREFIX_PATH={it.prefix}', f'-DCMAKE_C_COMPILER={COMPILER}',
            f'-DCMAKE_C_FLAGS={" ".join(sanitizer())}')
        run('cmake', '--build', it.path('project/build'))
        uses(it.path('project/build/consumer'), rig, os.environ)
        os.unlink(it.path('include/keyreeve.h'))                  # an incomplete installation is told, not linked
        shutil.rmtree(it.path('project/build'))
        broken = subprocess.run(['cmake', '-S', it.path('project'), '-B', it.path('project/build'), f'-DCMAKE_PREFIX_PATH={it.prefix}'],
                                capture_output=True, text=True)
        assert broken.returncode != 0 and 'keyreeve.h is not where' in broken.stderr, broken.stderr


def only_its_own_names_are_exported():
    with Installed() as it:
        for name, command in (('libkeyreeve.so', ['nm', '-D', '--defined-only']), ('libkeyreeve.a', ['nm', '-g', '--defined-only']),
                              ('libkeyreeve-spiffe.so', ['nm', '-D', '--defined-only'])):
            symbols = re.findall(r'^[0-9a-f]+ [B-Z] (\w+)', run(*command, os.path.join(it.lib, name)), re.M)
            assert symbols and all(symbol.startswith('keyreeve_') for symbol in symbols), symbols


def a_token_is_fetched_once_and_again_at_half_of_its_life():
    """Tokens of eight seconds: calls in the first four share one, the next need another."""
    with Installed() as it, Rig(providers=('soft',), wrap='file') as rig:
        rig.options['spiffe'] = rig.path('issuer.sock')
        issuer = Issuer(rig, '--ttl', '8')
        issuer.say('entry-delete', 'any')
        issuer.say('entry', SERVICE_UID, 'spiffe://rig.example/keyreeve')
        issuer.say('entry', 0, 'spiffe://rig.example/ns/a/sa/w')
        rig.start()
        source = it.write('spiffe.c', SPIFFE_CONSUMER)
        run(COMPILER, '-Wall', *sanitizer(), source, '-o', it.path('spiffe'), *it.flags('--cflags', '--libs', 'keyreeve-spiffe', 'keyreeve'))
        client = Client(rig.socket, ('jwt', issuer.token))
        wait_for('the key document', lambda: status_of(client.keys) == 0)

        def fetched(calls):
            before = svids(issuer)
            run(it.path('spiffe'), calls, env=dict(it.env, PARSEC_SERVICE_ENDPOINT=f'unix:{rig.socket}', SPIFFE_ENDPOINT_SOCKET=f'unix://{issuer.socket}'))
            return svids(issuer) - before
        assert fetched(5) == 1                                    # within 2.5 s
        assert fetched(13) == 2                                   # 6.5 s: the second one lives until 8 s and more


def svids(issuer):
    return int(re.search(r'svids=(\d+)', issuer.say('seen')).group(1))


main([every_program_names_its_version_its_build_and_its_libraries, the_versions_are_those_of_this_machine, the_pages_are_installed_and_well_formed,
      the_pages_have_every_option_field_and_function, the_schema_is_installed_as_the_program_prints_it, completion_has_every_command_and_option_of_the_program,
      completion_offers_keys_and_files_whatever_their_names, a_program_links_it_by_pkg_config_and_by_cmake, only_its_own_names_are_exported,
      a_token_is_fetched_once_and_again_at_half_of_its_life])
