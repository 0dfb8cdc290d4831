#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Damaged rows of the store: while the daemon is down one byte is changed in each column of rows of each table.  What a
row held is lost and reported; everything else is served."""
import os, sqlite3, sys, threading
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'support'))
from rig import *

DIGEST = b'd' * 32
DAMAGED = 1151


def store(rig):
    return sqlite3.connect(rig.path('state', 'keys.db'))


def rows(rig, sql):
    with store(rig) as db:
        return db.execute(sql).fetchall()


def flip(db, table, rowid, column, at=0):
    """One bit of one value; a number is one more."""
    value, = db.execute(f'SELECT {column} FROM {table} WHERE rowid = ?', (rowid,)).fetchone()
    if isinstance(value, int):
        changed = value + 1
    else:
        raw = bytearray(value.encode() if isinstance(value, str) else value)
        raw[at] ^= 4
        changed = raw.decode() if isinstance(value, str) else bytes(raw)
    db.execute(f'UPDATE {table} SET {column} = ? WHERE rowid = ?', (changed, rowid))


def flip_in_file(rig, here):
    """One bit where these bytes are in the file: no index hears of it."""
    raw = bytearray(open(rig.path('state', 'keys.db'), 'rb').read())
    assert raw.count(here) == 1
    raw[raw.index(here)] ^= 4
    open(rig.path('state', 'keys.db'), 'r+b').write(raw)


def damaged(rig):
    """Events of the last start."""
    lines = rig.audit()
    start = max(i for i, line in enumerate(lines) if line.get('event') == 'start')
    found = [line for line in lines[start:] if line.get('event') == 'record-damaged']
    assert all(line['status'] == 'RECORD_CORRUPT' and line['wire'] == DAMAGED for line in found), found
    return found


def signs(client, provider, name):
    signature = client.sign(PROVIDERS[provider], name, DIGEST)
    verify_outside(client.public(PROVIDERS[provider], name), DIGEST, signature)


# Where a byte of a key's row is changed: column, and for the record what is looked for in it.
PLACES = {'id': None, 'ns': None, 'provider': None, 'state': None, 'generation': None, 'version': 0, 'check': -1,
          'tenant': b'uid0', 'name': b'-name', 'hardware': bytes.fromhex('0800 20000000'), 'curve': b'\x04',
          'length': b'uid0'}


def change(rig, db, provider, place):
    name = f'{provider}-{place}'
    rowid, record = next((r, rec) for r, rec in db.execute('SELECT rowid, record FROM key') if name.encode() in rec)
    if place == 'version' or place == 'check':
        flip(db, 'key', rowid, 'record', PLACES[place])
    elif place == 'hardware':                                  # a random byte of the hardware id, behind tag and store's tag
        flip(db, 'key', rowid, 'record', record.index(PLACES[place]) + 6 + 20)
    elif place == 'curve':
        flip(db, 'key', rowid, 'record', len(record) - 120)    # somewhere in public key or blob
    elif place == 'length':                                    # of the tenant: nothing behind it can be read
        flip(db, 'key', rowid, 'record', record.index(b'uid0') - 4)
    elif PLACES[place] is not None:
        flip(db, 'key', rowid, 'record', record.index(PLACES[place]))
    else:
        flip(db, 'key', rowid, place)


def a_damaged_key_costs_that_key():
    with Rig(wrap='file') as rig:
        rig.start()
        client, other = Client(rig.socket), Client(rig.direct_socket, ('direct', 'b'))
        for provider, kind in PROVIDERS.items():
            for name in ('good', 'file', *PLACES):
                client.generate(kind, f'{provider}-{name}')
        rig.stop()
        with store(rig) as db:
            for provider in PROVIDERS:
                for place in PLACES:
                    change(rig, db, provider, place)
        db.close()
        for key, ns, record in rows(rig, 'SELECT id, ns, record FROM key'):
            if b'-file' in record:
                flip_in_file(rig, key + ns)
        ids = {key.hex() for key, record in rows(rig, 'SELECT id, record FROM key') if b'-good' not in record}
        rig.start()
        # the others serve, and only they are listed
        assert sorted(name for name, _ in client.keys()) == sorted(f'{p}-good' for p in PROVIDERS), client.keys()
        for provider in PROVIDERS:
            signs(client, provider, f'{provider}-good')
        # each is reported once, by the id that its row has
        events = damaged(rig)
        assert {line['record'] for line in events} == ids and len(events) == len(ids), (len(events), len(ids))
        assert {line['detail'] for line in events} == {'a key: it can only be destroyed'}
        assert [line['provider'] for line in events].count('hsm') == len(PLACES) + 1, events
        assert f'{len(ids)} rows of the key store are damaged' in rig.tail(400)
        for provider, kind in PROVIDERS.items():
            for place in ('file', *PLACES):
                name = f'{provider}-{place}'
                assert status_of(other.sign, kind, name, DIGEST) == 1140, name          # another tenant's view
                uses = [status_of(client.sign, kind, name, DIGEST), status_of(client.public, kind, name),
                        status_of(client.verify, kind, name, DIGEST, b's' * 64), status_of(client.sign_message, kind, name, b'm')]
                assert uses == [DAMAGED] * 4, (name, uses)
                assert status_of(client.generate, kind, name) == 1139, name
        for provider, kind in PROVIDERS.items():
            for place in ('file', *PLACES):
                name = f'{provider}-{place}'
                assert status_of(client.destroy, kind, name) == 0, name
                assert status_of(client.sign, kind, name, DIGEST) == 1140, name
        # A token's object is found by the hardware id in the record: without it, it stays there.
        lost = sum(place in ('hardware', 'length') for place in PLACES)
        assert rig.token_objects().count('Private Key Object') == 1 + lost, rig.token_objects()
        client.generate(SOFT, 'soft-name')
        rig.stop()
        rig.start()
        assert damaged(rig) == []
        signs(client, 'soft', 'soft-name')
        for provider in PROVIDERS:
            signs(client, provider, f'{provider}-good')


def a_damaged_key_goes_with_its_client():
    with Rig(providers=('soft',), wrap='file') as rig:
        rig.start()
        direct, admin = Client(rig.direct_socket, ('direct', 'b')), Client(rig.admin_socket)
        direct.generate(SOFT, 'k')
        rig.stop()
        with store(rig) as db:
            flip(db, 'key', 1, 'record', -1)
        db.close()
        rig.start()
        assert status_of(direct.sign, SOFT, 'k', DIGEST) == DAMAGED
        admin.call(28, pb((1, 'direct:b')))
        assert status_of(direct.sign, SOFT, 'k', DIGEST) == 1140 and rows_after_stop(rig, 'key') == 0


def rows_after_stop(rig, table):
    rig.stop()
    return rows(rig, f'SELECT count(*) FROM {table}')[0][0]


def a_damaged_parent_costs_the_keys_below_it():
    for column in ('id', 'provider', 'record'):
        with Rig(providers=('tpm', 'soft'), wrap='file') as rig:
            rig.start()
            client, other = Client(rig.socket), Client(rig.direct_socket, ('direct', 'b'))
            for each in (client, other):
                each.generate(TPM, 'k')
            client.generate(SOFT, 's')
            rig.stop()
            with store(rig) as db:
                rowid, = [r for r, rec in db.execute('SELECT rowid, record FROM namespace') if b'uid0' in rec]
                flip(db, 'namespace', rowid, column, -1)
            db.close()
            rig.start()
            event, = damaged(rig)
            assert event['detail'].startswith('the parent') and len(event['record']) == 64, event
            signs(client, 'soft', 's')
            signs(other, 'tpm', 'k')
            assert status_of(client.sign, TPM, 'k', DIGEST) == DAMAGED
            client.generate(TPM, 'new')                            # below a new parent
            signs(client, 'tpm', 'new')
            assert status_of(client.sign, TPM, 'k', DIGEST) == DAMAGED
            assert status_of(client.generate, TPM, 'k') == 1139
            assert ('k', TPM) in client.keys()                     # its own record is sound
            client.destroy(TPM, 'k')
            rig.stop()
            rig.start()
            signs(client, 'tpm', 'new')
            assert len(damaged(rig)) == (0 if column == 'record' else 1)   # the same row has a new parent, or is in nobody's way


def a_damaged_row_of_the_journal_holds_nothing_up():
    columns = ('op', 'key', 'node', 'hardware_id', 'record')
    with Rig(providers=('soft',), wrap='file') as rig:
        rig.start()
        client = Client(rig.socket)
        client.generate(SOFT, 'good')
        stand_still(rig.roles()['soft'])               # creates stop between intent and worker's answer
        creates = [threading.Thread(target=unanswered, args=(rig, name)) for name in (*columns, 'sound')]
        for thread in creates:
            thread.start()
        time.sleep(1)
        rig.kill()
        for thread in creates:
            thread.join()
        with store(rig) as db:
            found = {name: r for r, rec in db.execute('SELECT rowid, record FROM intent')
                     for name in (*columns, 'sound') if b'\x00' + name.encode() + b'\x03' in rec}
            assert set(found) == {*columns, 'sound'}, found
            for column in columns:
                flip(db, 'intent', found[column], column)
        db.close()
        rig.start()
        events = damaged(rig)
        assert len(events) == len(columns) and {line['detail'] for line in events} == {'a row of the journal: what it owed is not done'}
        signs(client, 'soft', 'good')
        for name in (*columns, 'sound'):
            client.generate(SOFT, name)
            signs(client, 'soft', name)
        recovered = [line['key'] for line in rig.audit() if line.get('event') == 'recovered']
        assert recovered == ['sound'], recovered
        assert rows_after_stop(rig, 'intent') == len(columns)


def unanswered(rig, name):
    try:
        Client(rig.socket, timeout=20).generate(SOFT, name)
    except (OSError, Refused, struct.error):
        return
    raise AssertionError(name)


def a_damaged_state_costs_its_provider():
    with Rig(providers=('tpm', 'soft', 'hsm'), wrap='file') as rig:
        rig.start()
        client = Client(rig.socket)
        for provider, kind in PROVIDERS.items():
            client.generate(kind, f'{provider}-k')
        rig.stop()
        with store(rig) as db:
            rowid, kept = db.execute("SELECT rowid, value FROM kv WHERE name = 'worker/tpm'").fetchone()
            flip(db, 'kv', rowid, 'value', 20)
        db.close()
        rig.start(wait=False)
        wait_for('the line', lambda: [line for line in rig.audit() if line.get('event') == 'provider-down' and line['provider'] == 'tpm'])
        event, = damaged(rig)
        assert event['provider'] == 'tpm' and event['detail'].startswith('a provider'), event
        for provider in ('soft', 'hsm'):
            signs(client, provider, f'{provider}-k')
        assert status_of(client.sign, TPM, 'tpm-k', DIGEST) == 1145
        rig.stop()
        with store(rig) as db:                                     # it is as it was: nothing was made anew
            db.execute("UPDATE kv SET value = ? WHERE name = 'worker/tpm'", (kept,))
        db.close()
        rig.start()
        signs(client, 'tpm', 'tpm-k')


main([a_damaged_key_costs_that_key, a_damaged_key_goes_with_its_client, a_damaged_parent_costs_the_keys_below_it,
      a_damaged_row_of_the_journal_holds_nothing_up, a_damaged_state_costs_its_provider])
