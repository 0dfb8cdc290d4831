#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The JSON Schema of the configuration, judged by a validator that nobody here wrote: what is shipped and shown passes, and
broken files fail where the program itself refuses them."""
import glob, json, os, re, subprocess, sys, tempfile
import jsonschema, yaml
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'support'))
from rig import BUILD, ROOT, main

CONFIG = os.path.join(BUILD, 'libexec', 'keyreeve', 'keyreeve-config')
GOOD = '''apiVersion: keyreeve/v1
kind: Agent
posture: permissive
user: root
paths: {state: /var/lib/keyreeve, private: /run/keyreeve-private}
audit: {segment: 64MiB, keep: 16, reserve: 64MiB}
listeners:
  - {path: /run/keyreeve/keyreeve.sock, mode: "0666", authenticators: [jwt-svid, unix-peer]}
providers:
  - {name: soft, type: software, wrap: file}
  - {name: hsm, type: pkcs11, module: /usr/lib/softhsm/libsofthsm2.so, token: t, pin_file: /run/pin, env: {SOFTHSM2_CONF: /x}}
tenants:
  - match: {spiffe: "spiffe://prod.example/ns/{namespace}/sa/{account}"}
    tenant: "k8s/{namespace}"
    token: {max_lifetime: 10m}
    rules:
      - {allow: [use, read], keys: "web-*"}
      - {deny: destroy}
admins:
  - {uid: 0}
'''
# What is wrong: (text of GOOD, text instead).
BROKEN = [
    ('apiVersion: keyreeve/v1', 'apiVersion: keyreeve/v2'), ('kind: Agent', 'kind: Agnet'), ('kind: Agent\n', ''),
    ('posture: permissive', 'posture: lax'), ('posture: permissive', 'posture: [strict]'), ('posture: permissive', 'postur: strict'),
    ('user: root', f'user: {"x" * 33}'), ('user: root', 'user: ""'), ('user: root', 'user: {name: root}'),
    ('state: /var/lib/keyreeve,', 'state: var/lib/keyreeve,'), ('keep: 16', 'keep: none'), ('keep: 16', 'keep: -1'),
    ('keep: 16', 'keep: 100000000'), ('keep: 16', 'keeps: 16'), ('segment: 64MiB', 'segment: 64MB'), ('segment: 64MiB', 'segment: big'),
    ('audit: {segment: 64MiB, keep: 16, reserve: 64MiB}', 'audit: [64MiB]'), ('mode: "0666"', 'mode: "0999"'),
    ('[jwt-svid, unix-peer]', '[jwt-svid, peer]'), ('[jwt-svid, unix-peer]', '[]'),
    ('type: software', 'type: hardware'), ('name: soft, ', ''), ('wrap: file', 'pin: 1234'), ('env: {SOFTHSM2_CONF: /x}', 'env: [x]'),
    ('max_lifetime: 10m', 'max_lifetime: 10 minutes'), ('max_lifetime: 10m', 'max_lifetime: -10m'), ('max_lifetime: 10m', 'lifetime: 10m'),
    ('allow: [use, read]', 'allow: [use, reed]'), ('allow: [use, read]', 'allow: []'), ('keys: "web-*"', 'keys: {a: b}'),
    ('deny: destroy', 'deny: everything'), ('    tenant: "k8s/{namespace}"\n', ''), ('{uid: 0}', '{group: 0}'),
    ('admins:\n  - {uid: 0}\n', 'admins: {uid: 0}\n'), ('{uid: 0}', '{uid: root}'),
    ('admins:\n', 'spiffe: {validation: everywhere}\nadmins:\n'), ('admins:\n', 'config_signers: [x]\nadmins:\n'),
]


class Core(yaml.SafeLoader):
    """Scalars as YAML 1.2's core schema has them, and editors with it: 'on' and '12:30' are texts, 0666 is a number."""


Core.yaml_implicit_resolvers = {}
for tag, pattern, first in (('bool', r'true|false', 'tf'), ('null', r'null|~|', 'n~'), ('int', r'-?[0-9]+|0x[0-9a-fA-F]+', '-0123456789'),
                            ('float', r'-?[0-9]+\.[0-9]+', '-0123456789')):
    Core.add_implicit_resolver(f'tag:yaml.org,2002:{tag}', re.compile(f'^(?:{pattern})$'), list(first))


def schema():
    text = subprocess.run([CONFIG, '--schema'], capture_output=True, check=True, timeout=20).stdout
    parsed = json.loads(text)
    jsonschema.Draft202012Validator.check_schema(parsed)
    return jsonschema.Draft202012Validator(parsed)


def reference():
    """{field: its type} of the page that is printed from the same table."""
    page = open(os.path.join(ROOT, 'docs', 'configuration.md')).read().split('## Verbs')[0]
    return {m[1]: m[2].strip() for m in re.finditer(r'^\| `(\w+)` \| ([^|]*)\|', page, re.M)}


def faults(validator, text, but_later=False):
    """but_later: fields that are said not to be built yet may stand in a sample of the design."""
    later = {name for name, kind in reference().items() if kind == 'not supported yet'}
    return [f'{"/".join(map(str, e.absolute_path))}: {e.message[:200]}' for e in validator.iter_errors(yaml.load(text, Core))
            if not (but_later and e.validator == 'additionalProperties' and set(e.instance) - set(e.schema['properties']) <= later)]


def is_refused(text):
    """By the program, for its form: what this machine lacks is another matter."""
    with tempfile.NamedTemporaryFile('w', suffix='.yaml') as f:
        f.write(text)
        f.flush()
        done = subprocess.run([CONFIG, '--check', f.name], capture_output=True, text=True, timeout=20)
    assert done.returncode >= 0, done
    return done.returncode != 0


def shown():
    """Configurations in files and documents of the tree."""
    for name in ('deploy/keyreeve.yaml', 'tests/vectors/config/design-sample.yaml'):
        yield name, open(os.path.join(ROOT, name)).read()
    for name in sorted(glob.glob(os.path.join(ROOT, 'tests', 'fuzz', 'corpus', 'config', '*'))):
        text = open(name, errors='replace').read()
        if text.startswith('apiVersion') and 'kind: Agent' in text:
            yield name, text
    for name in ['README.md'] + sorted(glob.glob(os.path.join(ROOT, 'docs', '*.md'))):
        for block in re.findall(r'^(apiVersion: keyreeve/v1\nkind: Agent\n.*?)^(?:```|END)', open(os.path.join(ROOT, name)).read(), re.M | re.S):
            yield name, block


def what_is_shipped_and_shown_passes():
    validator, count = schema(), 0
    for name, text in shown():
        assert not faults(validator, text, True), (name, faults(validator, text, True))
        count += 1
    assert count >= 6, count
    assert not faults(validator, GOOD) and not is_refused(GOOD)


def broken_files_fail_as_the_program_refuses_them():
    validator = schema()
    for old, new in BROKEN:
        assert GOOD.count(old) == 1, old
        text = GOOD.replace(old, new)
        assert is_refused(text), f"the program takes {new}"
        assert faults(validator, text), f"the schema takes {new}"


def every_field_of_the_reference_page_is_in_the_schema():
    """And the other way round: both are printed from one table."""
    named = set()

    def walk(node):
        for name, inner in node.get('properties', {}).items():
            named.add(name)
            walk(inner)
        walk(node['items']) if isinstance(node.get('items'), dict) else None
    walk(schema().schema)
    rows = reference()
    built = {name for name, kind in rows.items() if kind != 'not supported yet'}
    assert len(named) > 40 and built <= named <= set(rows), (built - named, named - set(rows))


main([what_is_shipped_and_shown_passes, broken_files_fail_as_the_program_refuses_them,
      every_field_of_the_reference_page_is_in_the_schema])
