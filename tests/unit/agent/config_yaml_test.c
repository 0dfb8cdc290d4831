/* SPDX-License-Identifier: Apache-2.0
 *
 * The file's form: every error with its exact place and sentence, and what is read when there is none. */
#include "tests/support/unit.h"

#include <stdlib.h>

#include "agent/config_yaml.h"
#include "base/own.h"

#define HEAD                        \
	"apiVersion: keyreeve/v1\n" \
	"kind: Agent\n"             \
	"providers: [{name: soft, type: software}]\n"
#define TENANTS HEAD "tenants:\n"
#define ISSUER HEAD "issuers: [{issuer: https://x, audiences: parsec, jwks_file: /k}]\n"

enum { ERRORS_MAX = 64 * 1024 };

static void auto_config(struct config **config)
{
	config_free(*config);
}

/* clang-format off */
static const struct refusal {
	const char *what, *text;
	enum status_code status;
	const char *errors;
} refusals[] = {
	{ "empty", "",
		STATUS_CONFIG_SYNTAX,
		"f:1:1: the file is empty\n" },
	{ "comment only", "# nothing\n",
		STATUS_CONFIG_SYNTAX,
		"f:1:1: the file is empty\n" },
	{ "scalar document", "hello\n",
		STATUS_CONFIG_SYNTAX,
		"f:1:1: the file must be a map\n" },
	{ "list document", "- a\n",
		STATUS_CONFIG_SYNTAX,
		"f:1:1: the file must be a map\n" },
	{ "no head", "posture: strict\n",
		STATUS_CONFIG_SYNTAX,
		"f:1:1: apiVersion is missing\n"
		"f:1:1: kind is missing\n"
		"f:1:1: providers is missing\n" },
	{ "wrong version", "apiVersion: keyreeve/v2\n"
		"kind: Agent\n"
		"providers: [{name: soft, type: software}]\n",
		STATUS_CONFIG_SYNTAX,
		"f:1:13: apiVersion is not 'keyreeve/v1', the only version that this program reads\n" },
	{ "wrong kind", "apiVersion: keyreeve/v1\n"
		"kind: Agnet\n"
		"providers: [{name: soft, type: software}]\n",
		STATUS_CONFIG_SYNTAX,
		"f:2:7: kind is not 'Agent'\n" },
	{ "second document", HEAD "---\n"
		"a: b\n",
		STATUS_CONFIG_SYNTAX,
		"f:4:1: a second document is refused\n" },
	{ "directive", "%YAML 1.1\n"
		"---\n"
		"apiVersion: keyreeve/v1\n"
		"kind: Agent\n"
		"providers: [{name: soft, type: software}]\n",
		STATUS_CONFIG_SYNTAX,
		"f:1:1: directives are refused\n" },
	{ "anchor", HEAD "user: &a keyreeve\n",
		STATUS_CONFIG_SYNTAX,
		"f:4:7: anchors are refused; quote a value that begins with '&'\n" },
	{ "anchor on map", HEAD "limits: &a {queue: 5}\n",
		STATUS_CONFIG_SYNTAX,
		"f:4:9: anchors are refused; quote a value that begins with '&'\n" },
	{ "alias", HEAD "user: *a\n",
		STATUS_CONFIG_SYNTAX,
		"f:4:7: aliases are refused; quote a value that begins with '*'\n" },
	{ "alias key", HEAD "*a : keyreeve\n",
		STATUS_CONFIG_SYNTAX,
		"f:4:1: aliases are refused; quote a value that begins with '*'\n" },
	{ "tag", HEAD "user: !!str keyreeve\n",
		STATUS_CONFIG_SYNTAX,
		"f:4:7: tags are refused; quote a value that begins with '!'\n" },
	{ "unquoted star star", TENANTS "  - {match: {spiffe: spiffe://a/b}, tenant: t, rules: [{allow: use, keys: **}]}\n",
		STATUS_CONFIG_SYNTAX,
		"f:5:76: a value that begins with '*' must be quoted, as in \"**\"\n" },
	{ "unquoted star", TENANTS "  - match: {spiffe: spiffe://a/b}\n"
		"    tenant: t\n"
		"    rules:\n"
		"      - allow: use\n"
		"        keys: *\n",
		STATUS_CONFIG_SYNTAX,
		"f:9:16: a value that begins with '*' must be quoted, as in \"**\"\n" },
	{ "unclosed", HEAD "limits: {queue: 5\n",
		STATUS_CONFIG_SYNTAX,
		"f:5:1: not valid YAML: did not find expected ',' or '}' while parsing a flow mapping\n" },
	{ "tab", HEAD "limits:\n"
		"\tqueue: 5\n",
		STATUS_CONFIG_SYNTAX,
		"f:5:1: not valid YAML: found character that cannot start any token while scanning for the next token\n" },
	{ "control char", HEAD "user: key\001reeve\n",
		STATUS_CONFIG_SYNTAX,
		"f:4:10: not valid YAML: control characters are not allowed\n" },
	{ "bad utf-8", HEAD "user: key\377reeve\n",
		STATUS_CONFIG_SYNTAX,
		"f:4:10: not valid YAML: invalid leading UTF-8 octet\n" },
	{ "deep", HEAD "limits: [[[[[[[[[[[[[[[[[[[[[[[[[[[[[\n",
		STATUS_CONFIG_SYNTAX,
		"f:4:9: limits must be a map\n"
		"f:4:20: nested deeper than 12\n" },
	{ "duplicate", HEAD "user: a\n"
		"user: b\n",
		STATUS_CONFIG_SYNTAX,
		"f:5:1: user stands there twice, first in line 4\n" },
	{ "unknown near", HEAD "postur: strict\n",
		STATUS_CONFIG_SYNTAX,
		"f:4:1: the file has no field 'postur'; did you mean 'posture'?\n" },
	{ "unknown far", HEAD "frobnicate: 1\n",
		STATUS_CONFIG_SYNTAX,
		"f:4:1: the file has no field 'frobnicate'\n" },
	{ "unknown nested", HEAD "listeners:\n"
		"  - path: /run/a\n"
		"    authenticator: [jwt-svid]\n",
		STATUS_CONFIG_SYNTAX,
		"f:6:5: listeners[0] has no field 'authenticator'; did you mean 'authenticators'?\n" },
	{ "key not scalar", HEAD "[a, b]: c\n",
		STATUS_CONFIG_SYNTAX,
		"f:4:1: the file has a key that is no name\n" },
	{ "word", HEAD "posture: stritc\n",
		STATUS_CONFIG_SYNTAX,
		"f:4:10: posture 'stritc' is none of strict, permissive; did you mean 'strict'?\n" },
	{ "word far", HEAD "posture: whatever\n",
		STATUS_CONFIG_SYNTAX,
		"f:4:10: posture 'whatever' is none of strict, permissive\n" },
	{ "word unsupported", HEAD "compat: parsec\n",
		STATUS_CONFIG_UNSUPPORTED,
		"f:4:9: compat 'parsec' is not supported yet\n" },
	{ "validation remote", HEAD "spiffe: {validation: remote}\n",
		STATUS_CONFIG_SYNTAX,
		"f:4:22: spiffe.validation is remote, where a forged answer lets anybody in: strict has local and both\n" },
	{ "issuer with two sources", HEAD "issuers: [{issuer: a, audiences: parsec, jwks_file: /k, jwks_url: https://x}]\n",
		STATUS_CONFIG_SYNTAX,
		"f:4:67: issuers[0].jwks_url beside jwks_file: an issuer has one source\n" },
	{ "jwks_url without TLS", HEAD "issuers: [{issuer: a, audiences: parsec, jwks_url: http://x}]\n",
		STATUS_CONFIG_SYNTAX,
		"f:4:52: issuers[0].jwks_url is not an https URL with a host, without user and fragment\n" },
	{ "jwks_url with a user", HEAD "issuers: [{issuer: a, audiences: parsec, jwks_url: https://u@x/}]\n",
		STATUS_CONFIG_SYNTAX,
		"f:4:52: issuers[0].jwks_url is not an https URL with a host, without user and fragment\n" },
	{ "jwks_url misspelt", HEAD "issuers: [{issuer: a, audiences: parsec, jwks_uri: https://x}]\n",
		STATUS_CONFIG_SYNTAX,
		"f:4:42: issuers[0] has no field 'jwks_uri'; did you mean 'jwks_url'?\n" },
	{ "jwks_refresh", HEAD "issuers: [{issuer: a, audiences: parsec, jwks_url: https://x, jwks_refresh: 29s}]\n",
		STATUS_CONFIG_SYNTAX,
		"f:4:77: issuers[0].jwks_refresh '29s' is not a time between 30s and 1d, as 90s, 1h or 30d\n" },
	{ "jwks_max_age", HEAD "issuers: [{issuer: a, audiences: parsec, jwks_url: https://x, jwks_max_age: 8d}]\n",
		STATUS_CONFIG_SYNTAX,
		"f:4:77: issuers[0].jwks_max_age '8d' is not a time between 10s and 7d, as 90s, 1h or 30d\n" },
	{ "issuer without its parts", HEAD "issuers: [{jwks_file: /k}]\n",
		STATUS_CONFIG_SYNTAX,
		"f:4:11: issuers[0].issuer is missing\n"
		"f:4:11: issuers[0].audiences is missing\n" },
	{ "issuer without keys", HEAD "issuers: [{issuer: a, audiences: parsec}]\n",
		STATUS_CONFIG_SYNTAX,
		"f:4:11: issuers[0] needs jwks_file or jwks_url: where its keys come from\n" },
	{ "issuer with a space", HEAD "issuers: [{issuer: \"a b\", audiences: parsec, jwks_file: /k}]\n",
		STATUS_CONFIG_SYNTAX,
		"f:4:20: issuers[0].issuer may have printable ASCII without spaces only\n" },
	{ "issuer twice", HEAD "issuers:\n"
		"  - {issuer: a, audiences: parsec, jwks_file: /k}\n"
		"  - {issuer: a, audiences: [p, p], types: [JWT, JWT], jwks_file: /k}\n",
		STATUS_CONFIG_SYNTAX,
		"f:6:14: issuers[1].issuer is the issuer of issuers[0] too\n"
		"f:6:32: issuers[1].audiences[1] stands there twice\n"
		"f:6:49: issuers[1].types[1] stands there twice\n" },
	{ "issuer's algorithm", HEAD "issuers: [{issuer: a, audiences: parsec, jwks_file: /k, algorithms: [HS256]}]\n",
		STATUS_CONFIG_SYNTAX,
		"f:4:70: issuers[0].algorithms[0] 'HS256' is none of RS256, RS384, RS512, ES256, ES384, ES512, PS256, PS384, PS512; did you mean 'RS256'?\n" },
	{ "issuer's lifetime", HEAD "issuers: [{issuer: a, audiences: parsec, jwks_file: /k, max_lifetime: 25h}]\n",
		STATUS_CONFIG_SYNTAX,
		"f:4:71: issuers[0].max_lifetime '25h' is not a time between 1s and 1d, as 90s, 1h or 30d\n" },
	{ "authenticator jwt", HEAD "listeners: [{authenticators: [jwt]}]\n",
		STATUS_CONFIG_SYNTAX,
		"f:4:30: listeners[0].authenticators has jwt, but the file has no issuers whose tokens could be meant\n" },
	{ "match of no issuer", TENANTS "  - {match: {issuer: https://x, subject: y}, tenant: t}\n",
		STATUS_CONFIG_SYNTAX,
		"f:5:22: tenants[0].match.issuer is none of this file's issuers\n" },
	{ "match without subject", ISSUER "tenants:\n"
		"  - {match: {issuer: https://x}, tenant: t}\n"
		"  - {match: {subject: a}, tenant: t}\n"
		"  - {match: {issuer: https://x, subject: a, uid: 1}, tenant: t}\n",
		STATUS_CONFIG_SYNTAX,
		"f:6:13: tenants[0].match needs both issuer and subject\n"
		"f:7:13: tenants[1].match needs both issuer and subject\n"
		"f:8:13: tenants[2].match needs exactly one of spiffe, uid, user and direct, or issuer with subject\n" },
	{ "match with a bad subject", ISSUER "tenants:\n"
		"  - {match: {issuer: https://x, subject: a/}, tenant: t}\n"
		"  - {match: {issuer: https://x, subject: \"b/{x}\"}, tenant: \"t/{y}\"}\n",
		STATUS_CONFIG_SYNTAX,
		"f:6:42: tenants[0].match.subject ends in '/'\n"
		"f:7:60: tenants[1].tenant has {y}, which the match does not have\n" },
	{ "matches of one issuer that cover", ISSUER "tenants:\n"
		"  - {match: {issuer: https://x, subject: \"a/{b}\"}, tenant: t}\n"
		"  - {match: {issuer: https://x, subject: a/b}, tenant: u}\n"
		"  - {match: {spiffe: \"spiffe://x/a/b\"}, tenant: u}\n"
		"  - {match: {direct: a/b}, tenant: u}\n",
		STATUS_CONFIG_SYNTAX,
		"f:7:13: tenants[1].match is never reached: tenants[0] matches all of it, for example issuer:https://x a/b, and the first match wins\n" },
	{ "tenants of one issuer that join", ISSUER "tenants:\n"
		"  - {match: {issuer: https://x, subject: \"a/{t}\"}, tenant: \"{t}\", namespace: tenant}\n"
		"  - {match: {issuer: https://x, subject: \"b/{t}\"}, tenant: \"{t}\", namespace: tenant}\n"
		"  - {match: {spiffe: \"spiffe://x/b/{t}\"}, tenant: \"{t}\", namespace: tenant}\n",
		STATUS_CONFIG_SYNTAX,
		"f:7:60: tenants[1].tenant '{t}' can be the same tenant as '{t}' of tenants[0], and both share their keys: identities of one could use the keys of the other, for example issuer:https://x b/x those of issuer:https://x a/x\n" },
	{ "rules of an issuer's tenant", ISSUER "tenants:\n"
		"  - match: {issuer: https://x, subject: a/**}\n"
		"    tenant: t\n"
		"    token: {max_age: 5m}\n"
		"    rules:\n"
		"      - {allow: use, subjects: [b/c], authenticators: jwt-svid, token: {max_age: 6m}}\n",
		STATUS_CONFIG_SYNTAX,
		"f:10:33: tenants[0].rules[0].subjects[0] is no identity that the tenant's match covers\n"
		"f:10:55: tenants[0].rules[0].authenticators never holds: identities of this tenant come by jwt\n"
		"f:10:82: tenants[0].rules[0].token.max_age is looser than the tenant's own bound, so it does nothing\n" },
	{ "admin of an issuer", HEAD "admins: [{issuer: https://x, subject: y}, {issuer: https://x}]\n",
		STATUS_CONFIG_SYNTAX,
		"f:4:19: admins[0].issuer is none of this file's issuers\n"
		"f:4:43: admins[1] needs both issuer and subject\n" },
	{ "admin of an issuer, a pattern", ISSUER "admins: [{issuer: https://x, subject: \"{y}\"}]\n",
		STATUS_CONFIG_SYNTAX,
		"f:5:39: admins[0].subject is a pattern: an administrator is one identity, written out\n" },
	{ "quota of rates", TENANTS "  - match: {spiffe: spiffe://a/b}\n"
		"    tenant: t\n"
		"    quota: {requests: [50/s, 5/m, 0/s, 60/s, 1000000001/d], keys: 1000001, in_flight: 0}\n",
		STATUS_CONFIG_SYNTAX,
		"f:7:30: tenants[0].quota.requests[1] '5/m' is not a number between 1 and 1000000000 per second or day, as 50/s or 20000/d\n"
		"f:7:35: tenants[0].quota.requests[2] '0/s' is not a number between 1 and 1000000000 per second or day, as 50/s or 20000/d\n"
		"f:7:40: tenants[0].quota.requests[3] has two numbers per second\n"
		"f:7:46: tenants[0].quota.requests[4] '1000000001/d' is not a number between 1 and 1000000000 per second or day, as 50/s or 20000/d\n"
		"f:7:67: tenants[0].quota.keys '1000001' is not a number between 0 and 1000000\n"
		"f:7:87: tenants[0].quota.in_flight '0' is not a number between 1 and 65536\n" },
	{ "quota of bytes", TENANTS "  - {match: {uid: 1}, tenant: t, quota: {bytes: 1MiB}}\n"
		"  - {match: {uid: 2}, tenant: u, quota: {bytes: 1023/s, requests: []}}\n"
		"  - {match: {uid: 3}, tenant: v, quota: 3}\n",
		STATUS_CONFIG_SYNTAX,
		"f:5:49: tenants[0].quota.bytes '1MiB' is not a size per second between 1KiB/s and 1024MiB/s, as 1MiB/s\n"
		"f:6:49: tenants[1].quota.bytes '1023/s' is not a size per second between 1KiB/s and 1024MiB/s, as 1MiB/s\n"
		"f:6:67: tenants[1].quota.requests is an empty list\n"
		"f:7:41: tenants[2].quota must be a map\n" },
	{ "addresses", "apiVersion: keyreeve/v1\n"
		"kind: Agent\n"
		"providers: \n"
		"  - {name: h, type: pkcs11, module: /m, token: t, pin_file: /p, addresses: [10.0.0.1]}\n",
		STATUS_CONFIG_UNSUPPORTED,
		"f:4:65: providers[0].addresses is not supported yet\n" },
	{ "literal pin", "apiVersion: keyreeve/v1\n"
		"kind: Agent\n"
		"providers: \n"
		"  - {name: h, type: pkcs11, module: /m, token: t, pin: 1234}\n",
		STATUS_CONFIG_SYNTAX,
		"f:4:51: providers[0].pin: a PIN never stands in this file; put it into a file of mode 0400 and name that with pin_file\n" },
	{ "literal owner", "apiVersion: keyreeve/v1\n"
		"kind: Agent\n"
		"providers: \n"
		"  - {name: h, type: tpm, owner_auth: hush}\n",
		STATUS_CONFIG_SYNTAX,
		"f:4:26: providers[0].owner_auth: an authorization never stands in this file; put it into a file of mode 0400 and name that with owner_auth_file\n" },
	{ "word twice", HEAD "listeners: [{authenticators: [jwt-svid, jwt-svid]}]\n",
		STATUS_CONFIG_SYNTAX,
		"f:4:41: listeners[0].authenticators[1] names 'jwt-svid' twice\n" },
	{ "number", HEAD "limits: {queue: many}\n",
		STATUS_CONFIG_SYNTAX,
		"f:4:17: limits.queue 'many' is not a number between 1 and 65536\n" },
	{ "number low", HEAD "limits: {queue: 0}\n",
		STATUS_CONFIG_SYNTAX,
		"f:4:17: limits.queue '0' is not a number between 1 and 65536\n" },
	{ "number overflow", HEAD "limits: {queue: 99999999999999999999999}\n",
		STATUS_CONFIG_SYNTAX,
		"f:4:17: limits.queue '99999999999999999999999' is not a number between 1 and 65536\n" },
	{ "number tail", HEAD "limits: {queue: 12x}\n",
		STATUS_CONFIG_SYNTAX,
		"f:4:17: limits.queue '12x' is not a number between 1 and 65536\n" },
	{ "handle range", "apiVersion: keyreeve/v1\n"
		"kind: Agent\n"
		"providers: [{name: t, type: tpm, handle: 0x40000001}]\n",
		STATUS_CONFIG_SYNTAX,
		"f:3:42: providers[0].handle '0x40000001' is not a number between 0x81000001 and 0x817FFFFF\n" },
	{ "size", HEAD "audit: {segment: 64MB}\n",
		STATUS_CONFIG_SYNTAX,
		"f:4:18: audit.segment '64MB' is not a size between 64KiB and 1024MiB, as 64MiB\n" },
	{ "size small", HEAD "audit: {segment: 1KiB}\n",
		STATUS_CONFIG_SYNTAX,
		"f:4:18: audit.segment '1KiB' is not a size between 64KiB and 1024MiB, as 64MiB\n" },
	{ "time without unit", TENANTS "  - {match: {spiffe: spiffe://a/b}, tenant: t, token: {max_age: 150}}\n",
		STATUS_CONFIG_SYNTAX,
		"f:5:65: tenants[0].token.max_age '150' is not a time between 1s and 600s, as 90s, 5m or 1h\n" },
	{ "time loosens", TENANTS "  - {match: {spiffe: spiffe://a/b}, tenant: t, token: {max_age: 11m}}\n",
		STATUS_CONFIG_SYNTAX,
		"f:5:65: tenants[0].token.max_age '11m' is not a time between 1s and 600s, as 90s, 5m or 1h\n" },
	{ "leeway loosens", TENANTS "  - {match: {spiffe: spiffe://a/b}, tenant: t, token: {leeway: 11s}}\n",
		STATUS_CONFIG_SYNTAX,
		"f:5:64: tenants[0].token.leeway '11s' is not a time between 0s and 10s, as 90s, 5m or 1h\n" },
	{ "lifetime loosens", TENANTS "  - {match: {spiffe: spiffe://a/b}, tenant: t, token: {max_lifetime: 1h}}\n",
		STATUS_CONFIG_SYNTAX,
		"f:5:70: tenants[0].token.max_lifetime '1h' is not a time between 1s and 600s, as 90s, 5m or 1h\n" },
	{ "bool", HEAD "listeners: [{admin: yes}]\n",
		STATUS_CONFIG_SYNTAX,
		"f:4:21: listeners[0].admin 'yes' is neither true nor false\n" },
	{ "mode", HEAD "listeners: [{mode: rw}]\n",
		STATUS_CONFIG_SYNTAX,
		"f:4:20: listeners[0].mode 'rw' is not an octal mode such as 0660\n" },
	{ "text empty", HEAD "user:\n",
		STATUS_CONFIG_SYNTAX,
		"f:4:6: user is empty\n" },
	{ "text long", HEAD "user: abcdefghijklmnopqrstuvwxyzabcdefg\n",
		STATUS_CONFIG_SYNTAX,
		"f:4:7: user is too long\n" },
	{ "text control", HEAD "user: \"a\\tb\"\n",
		STATUS_CONFIG_SYNTAX,
		"f:4:7: user has a control character\n" },
	{ "relative path", HEAD "paths: {state: var/lib}\n",
		STATUS_CONFIG_SYNTAX,
		"f:4:16: paths.state is not an absolute path\n" },
	{ "dotdot path", HEAD "paths: {state: /var/../lib}\n",
		STATUS_CONFIG_SYNTAX,
		"f:4:16: paths.state has an empty, '.' or '..' part\n" },
	{ "double slash path", HEAD "paths: {state: /var//lib}\n",
		STATUS_CONFIG_SYNTAX,
		"f:4:16: paths.state has an empty, '.' or '..' part\n" },
	{ "trailing slash path", HEAD "paths: {state: /var/lib/}\n",
		STATUS_CONFIG_SYNTAX,
		"f:4:16: paths.state has an empty, '.' or '..' part\n" },
	{ "map wanted", HEAD "limits: 5\n",
		STATUS_CONFIG_SYNTAX,
		"f:4:9: limits must be a map\n" },
	{ "list wanted", HEAD "listeners: {path: /a}\n",
		STATUS_CONFIG_SYNTAX,
		"f:4:12: listeners must be a list\n" },
	{ "scalar wanted", HEAD "user: [a]\n",
		STATUS_CONFIG_SYNTAX,
		"f:4:7: user must be a single value\n" },
	{ "scalar in list wanted", HEAD "spiffe: {audience: [[a]]}\n",
		STATUS_CONFIG_SYNTAX,
		"f:4:21: spiffe.audience[0] must be a single value\n" },
	{ "map in list wanted", HEAD "listeners: [a]\n",
		STATUS_CONFIG_SYNTAX,
		"f:4:13: listeners[0] must be a map\n" },
	{ "list or scalar wanted", HEAD "spiffe: {audience: {a: b}}\n",
		STATUS_CONFIG_SYNTAX,
		"f:4:20: spiffe.audience must be a list or a single value\n" },
	{ "empty list", HEAD "spiffe: {audience: []}\n",
		STATUS_CONFIG_SYNTAX,
		"f:4:20: spiffe.audience is an empty list\n" },
	{ "empty verbs", TENANTS "  - {match: {spiffe: spiffe://a/b}, tenant: t, rules: [{allow: []}]}\n",
		STATUS_CONFIG_SYNTAX,
		"f:5:64: tenants[0].rules[0].allow is an empty list\n" },
	{ "no providers", "apiVersion: keyreeve/v1\n"
		"kind: Agent\n"
		"providers: []\n",
		STATUS_CONFIG_SYNTAX,
		"f:3:12: providers is an empty list\n" },
	{ "missing names", "apiVersion: keyreeve/v1\n"
		"kind: Agent\n"
		"providers: [{type: software}]\n",
		STATUS_CONFIG_SYNTAX,
		"f:3:13: providers[0].name is missing\n" },
	{ "missing type", "apiVersion: keyreeve/v1\n"
		"kind: Agent\n"
		"providers: [{name: soft, tcti: \"device:/dev/tpm0\"}]\n",
		STATUS_CONFIG_SYNTAX,
		"f:3:13: providers[0].type is missing\n" },
	{ "other type's field", "apiVersion: keyreeve/v1\n"
		"kind: Agent\n"
		"providers: [{name: soft, type: software, tcti: \"device:/dev/tpm0\"}]\n",
		STATUS_CONFIG_SYNTAX,
		"f:3:42: providers[0].tcti is for providers of type tpm\n" },
	{ "pkcs11 needs", "apiVersion: keyreeve/v1\n"
		"kind: Agent\n"
		"providers: [{name: soft, type: pkcs11}]\n",
		STATUS_CONFIG_SYNTAX,
		"f:3:13: providers[0] needs module: the path of the PKCS#11 module\n"
		"f:3:13: providers[0] needs token: the token's label\n"
		"f:3:13: providers[0] needs pin_file: the file with the user PIN\n" },
	{ "env list", "apiVersion: keyreeve/v1\n"
		"kind: Agent\n"
		"providers: [{name: h, type: pkcs11, module: /m, token: t, pin_file: /p, env: [a]}]\n",
		STATUS_CONFIG_SYNTAX,
		"f:3:78: providers[0].env must be a map\n" },
	{ "env twice", "apiVersion: keyreeve/v1\n"
		"kind: Agent\n"
		"providers: [{name: h, type: pkcs11, module: /m, token: t, pin_file: /p, env: {A: b, A: c}}]\n",
		STATUS_CONFIG_SYNTAX,
		"f:3:85: providers[0].env.A stands there twice\n" },
	{ "env value", "apiVersion: keyreeve/v1\n"
		"kind: Agent\n"
		"providers: [{name: h, type: pkcs11, module: /m, token: t, pin_file: /p, env: {A: [b]}}]\n",
		STATUS_CONFIG_SYNTAX,
		"f:3:82: providers[0].env.A must be a single value\n" },
	{ "env loader", "apiVersion: keyreeve/v1\n"
		"kind: Agent\n"
		"providers: [{name: h, type: pkcs11, module: /m, token: t, pin_file: /p, env: {LD_PRELOAD: /x}}]\n",
		STATUS_CONFIG_SYNTAX,
		"f:3:79: providers[0].env.LD_PRELOAD changes how programs are loaded and is never passed on\n" },
	{ "module hash", "apiVersion: keyreeve/v1\n"
		"kind: Agent\n"
		"providers: [{name: h, type: pkcs11, module: /m, token: t, pin_file: /p, module_sha256: "
		"g123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef}]\n",
		STATUS_CONFIG_SYNTAX,
		"f:3:88: providers[0].module_sha256 is not 64 hexadecimal digits, as sha256sum prints them\n" },
	{ "signers", "apiVersion: keyreeve/v1\n"
		"kind: Agent\n"
		"config_signers: [k]\n"
		"providers: [{name: s, type: software}]\n",
		STATUS_CONFIG_UNSUPPORTED, "f:3:1: config_signers is not supported yet\n" },
	{ "env name", "apiVersion: keyreeve/v1\n"
		"kind: Agent\n"
		"providers: [{name: h, type: pkcs11, module: /m, token: t, pin_file: /p, env: {A-B: /x}}]\n",
		STATUS_CONFIG_SYNTAX,
		"f:3:79: providers[0].env.A-B is not the name of an environment variable\n" },
	{ "provider name", "apiVersion: keyreeve/v1\n"
		"kind: Agent\n"
		"providers: [{name: Soft, type: software}]\n",
		STATUS_CONFIG_SYNTAX,
		"f:3:20: providers[0].name may have lower-case letters, digits and '-' only\n" },
	{ "provider reserved", "apiVersion: keyreeve/v1\n"
		"kind: Agent\n"
		"providers: [{name: auto, type: software}]\n",
		STATUS_CONFIG_SYNTAX,
		"f:3:20: providers[0].name is a word of the field wrap: choose another name\n" },
	{ "provider twice", "apiVersion: keyreeve/v1\n"
		"kind: Agent\n"
		"providers: \n"
		"  - {name: soft, type: software}\n"
		"  - {name: soft, type: tpm}\n",
		STATUS_CONFIG_SYNTAX,
		"f:5:12: providers[1].name is the name of providers[0] too\n" },
	{ "wrap unknown", "apiVersion: keyreeve/v1\n"
		"kind: Agent\n"
		"providers: [{name: soft, type: software, wrap: tmp}]\n",
		STATUS_CONFIG_SYNTAX,
		"f:3:48: providers[0].wrap is neither auto nor file nor the name of a TPM or token\n" },
	{ "tcti", "apiVersion: keyreeve/v1\n"
		"kind: Agent\n"
		"providers: [{name: t, type: tpm, tcti: \"cmd:sh\"}]\n",
		STATUS_CONFIG_SYNTAX,
		"f:3:40: providers[0].tcti is neither device:/PATH nor swtpm:...\n" },
	{ "tcti twice", "apiVersion: keyreeve/v1\n"
		"kind: Agent\n"
		"providers: \n"
		"  - {name: a, type: tpm}\n"
		"  - {name: b, type: tpm}\n",
		STATUS_CONFIG_SYNTAX,
		"f:5:5: providers[1].tcti is the TPM of providers[0] too\n" },
	{ "token twice", "apiVersion: keyreeve/v1\n"
		"kind: Agent\n"
		"providers: \n"
		"  - {name: a, type: pkcs11, module: /m, token: t, pin_file: /p}\n"
		"  - {name: b, type: pkcs11, module: /m, token: t, pin_file: /q}\n",
		STATUS_CONFIG_SYNTAX,
		"f:5:48: providers[1].token is the token of providers[0] too\n" },
	{ "listener mode", HEAD "listeners: [{mode: 0777}]\n",
		STATUS_CONFIG_SYNTAX,
		"f:4:20: listeners[0].mode is neither 0666 (everybody may connect, the token decides) nor 0660 (a group may)\n" },
	{ "listener group missing", HEAD "listeners: [{mode: 0660}]\n",
		STATUS_CONFIG_SYNTAX,
		"f:4:20: listeners[0].mode is 0660 without a group: name the group that may connect\n" },
	{ "listener group idle", HEAD "listeners: [{group: a}]\n",
		STATUS_CONFIG_SYNTAX,
		"f:4:21: listeners[0].group has no effect with mode 0666: write mode: \"0660\" or leave the group out\n" },
	{ "listener group name", HEAD "listeners: [{mode: 0660, group: 'a b'}]\n",
		STATUS_CONFIG_SYNTAX,
		"f:4:33: listeners[0].group is not the name of a group\n" },
	{ "admin listener open", HEAD "listeners: [{admin: true}]\n",
		STATUS_CONFIG_SYNTAX,
		"f:4:21: listeners[0].admin needs mode: \"0660\" and a group\n" },
	{ "admin direct", HEAD "posture: permissive\n"
		"listeners: [{mode: 0660, group: a, admin: true, authenticators: direct}]\n",
		STATUS_CONFIG_SYNTAX,
		"f:5:65: listeners[0].authenticators has direct: a claimed name cannot administer\n" },
	{ "admin parsec path", HEAD "listeners: [{mode: 0660, group: a, admin: true, parsec_path: true}]\n",
		STATUS_CONFIG_SYNTAX,
		"f:4:62: listeners[0].parsec_path is not for administrators\n" },
	{ "listener twice", HEAD "listeners: [{path: /run/a}, {path: /run/a}]\n",
		STATUS_CONFIG_SYNTAX,
		"f:4:36: listeners[1].path is the path of listeners[0] too: /run/a\n" },
	{ "parsec path twice", HEAD "listeners: [{path: /run/a, parsec_path: true}, {path: /run/parsec/parsec.sock}]\n",
		STATUS_CONFIG_SYNTAX,
		"f:4:12: listeners[2].path is the path of listeners[1] too: /run/parsec/parsec.sock\n" },
	{ "direct beside others", HEAD "listeners: [{mode: 0660, group: a, authenticators: [direct, jwt-svid]}]\n",
		STATUS_CONFIG_SYNTAX,
		"f:4:52: listeners[0].authenticators has direct beside others: under strict it needs a listener of its own (DOC-33)\n" },
	{ "direct open", HEAD "listeners: [{authenticators: [direct]}]\n",
		STATUS_CONFIG_SYNTAX,
		"f:4:30: listeners[0].authenticators has direct: under strict that needs mode: \"0660\" and a group (DOC-33)\n" },
	{ "direct two", HEAD "listeners:\n"
		"  - {path: /run/a, mode: 0660, group: a, authenticators: [direct]}\n"
		"  - {path: /run/b, mode: 0660, group: b, authenticators: [direct]}\n",
		STATUS_CONFIG_SYNTAX,
		"f:6:58: listeners[1].authenticators has direct, as another listener does: under strict its group is one tenant (DOC-33)\n" },
	{ "endpoint", HEAD "spiffe: {endpoint: tcp://1.2.3.4:5}\n",
		STATUS_CONFIG_SYNTAX,
		"f:4:20: spiffe.endpoint is not of the form unix:///path/of/socket\n" },
	{ "server twice", HEAD "spiffe: {server_uid: 0, server_user: root}\n",
		STATUS_CONFIG_SYNTAX,
		"f:4:38: spiffe.server_user stands beside server_uid: one of them\n" },
	{ "audience twice", HEAD "spiffe: {audience: [a, b, a]}\n",
		STATUS_CONFIG_SYNTAX,
		"f:4:27: spiffe.audience[2] stands there twice\n" },
	{ "limits", HEAD "limits: {connections: 10, connections_per_uid: 20}\n",
		STATUS_CONFIG_SYNTAX,
		"f:4:48: limits.connections_per_uid is more than limits.connections\n" },
	{ "paths same", HEAD "paths: {state: /a, private: /a}\n",
		STATUS_CONFIG_SYNTAX,
		"f:4:29: paths.private is the directory of paths.state too\n" },
	{ "user name", HEAD "user: 'key reeve'\n",
		STATUS_CONFIG_SYNTAX,
		"f:4:7: user is not the name of an account\n" },
	{ "match none", TENANTS "  - {match: {}, tenant: t}\n",
		STATUS_CONFIG_SYNTAX,
		"f:5:13: tenants[0].match needs exactly one of spiffe, uid, user and direct, or issuer with subject\n" },
	{ "match two", TENANTS "  - {match: {uid: 1, user: a}, tenant: t}\n",
		STATUS_CONFIG_SYNTAX,
		"f:5:13: tenants[0].match needs exactly one of spiffe, uid, user and direct, or issuer with subject\n" },
	{ "match missing", TENANTS "  - {tenant: t}\n",
		STATUS_CONFIG_SYNTAX,
		"f:5:5: tenants[0].match is missing\n" },
	{ "match scheme", TENANTS "  - {match: {spiffe: 'https://a/b'}, tenant: t}\n",
		STATUS_CONFIG_SYNTAX,
		"f:5:22: tenants[0].match.spiffe does not begin with spiffe:// and a trust domain\n" },
	{ "match domain", TENANTS "  - {match: {spiffe: 'spiffe://A/b'}, tenant: t}\n",
		STATUS_CONFIG_SYNTAX,
		"f:5:22: tenants[0].match.spiffe has a trust domain that is not one (lower-case letters, digits, '.', '-', '_')\n" },
	{ "match no path", TENANTS "  - {match: {spiffe: 'spiffe://a'}, tenant: t}\n",
		STATUS_CONFIG_SYNTAX,
		"f:5:22: tenants[0].match.spiffe has no path\n" },
	{ "match slash", TENANTS "  - {match: {spiffe: 'spiffe://a/b/'}, tenant: t}\n",
		STATUS_CONFIG_SYNTAX,
		"f:5:22: tenants[0].match.spiffe ends in '/'\n" },
	{ "match empty segment", TENANTS "  - {match: {spiffe: 'spiffe://a//b'}, tenant: t}\n",
		STATUS_CONFIG_SYNTAX,
		"f:5:22: tenants[0].match.spiffe has an empty segment\n" },
	{ "match star", TENANTS "  - {match: {spiffe: 'spiffe://a/b*'}, tenant: t}\n",
		STATUS_CONFIG_SYNTAX,
		"f:5:22: tenants[0].match.spiffe has '*', which means nothing here: write {name} for one segment, or a last segment ** for the rest\n" },
	{ "match rest inside", TENANTS "  - {match: {spiffe: 'spiffe://a/**/b'}, tenant: t}\n",
		STATUS_CONFIG_SYNTAX,
		"f:5:22: tenants[0].match.spiffe has '**' before its last segment\n" },
	{ "match half placeholder", TENANTS "  - {match: {spiffe: 'spiffe://a/x{b}'}, tenant: t}\n",
		STATUS_CONFIG_SYNTAX,
		"f:5:22: tenants[0].match.spiffe has a placeholder that is not one whole segment, as {name}\n" },
	{ "match placeholder twice", TENANTS "  - {match: {spiffe: 'spiffe://a/{b}/{b}'}, tenant: t}\n",
		STATUS_CONFIG_SYNTAX,
		"f:5:22: tenants[0].match.spiffe has a placeholder twice\n" },
	{ "match bad byte", TENANTS "  - {match: {spiffe: 'spiffe://a/b%20'}, tenant: t}\n",
		STATUS_CONFIG_SYNTAX,
		"f:5:22: tenants[0].match.spiffe has a segment that no name can have\n" },
	{ "match dots", TENANTS "  - {match: {spiffe: 'spiffe://a/../b'}, tenant: t}\n",
		STATUS_CONFIG_SYNTAX,
		"f:5:22: tenants[0].match.spiffe has a segment that no name can have\n" },
	{ "match deep", TENANTS "  - {match: {spiffe: 'spiffe://a/1/2/3/4/5/6/7/8/9/10/11/12/13/14/15/16/17'}, tenant: t}\n",
		STATUS_CONFIG_SYNTAX,
		"f:5:22: tenants[0].match.spiffe has more than 16 segments\n" },
	{ "match user", TENANTS "  - {match: {user: 'a b'}, tenant: t}\n",
		STATUS_CONFIG_SYNTAX,
		"f:5:20: tenants[0].match.user is not the name of an account\n" },
	{ "template placeholder", TENANTS "  - {match: {spiffe: 'spiffe://a/{b}'}, tenant: 'k/{c}'}\n",
		STATUS_CONFIG_SYNTAX,
		"f:5:49: tenants[0].tenant has {c}, which the match does not have\n" },
	{ "template of uid", TENANTS "  - {match: {uid: 5}, tenant: '{uid}'}\n",
		STATUS_CONFIG_SYNTAX,
		"f:5:31: tenants[0].tenant has {uid}, which the match does not have\n" },
	{ "template half", TENANTS "  - {match: {spiffe: 'spiffe://a/{b}'}, tenant: 'k-{b}'}\n",
		STATUS_CONFIG_SYNTAX,
		"f:5:49: tenants[0].tenant has a placeholder that is not one whole segment, as {name}\n" },
	{ "template byte", TENANTS "  - {match: {uid: 5}, tenant: 'a b'}\n",
		STATUS_CONFIG_SYNTAX,
		"f:5:31: tenants[0].tenant has a segment that no name can have\n" },
	{ "tenant provider unknown", TENANTS "  - {match: {uid: 5}, tenant: t, providers: [hsm]}\n",
		STATUS_CONFIG_SYNTAX,
		"f:5:46: tenants[0].providers[0] names no provider of this file\n" },
	{ "tenant provider type twice", "apiVersion: keyreeve/v1\n"
		"kind: Agent\n"
		"providers: \n"
		"  - {name: a, type: software}\n"
		"  - {name: b, type: software}\n"
		"tenants:\n"
		"  - {match: {uid: 5}, tenant: t, providers: [a, b]}\n",
		STATUS_CONFIG_SYNTAX,
		"f:7:49: tenants[0].providers[1] is of type software, as 'a' is: a client's request names the type only, so a tenant has one of each\n" },
	{ "rule neither", TENANTS "  - {match: {uid: 5}, tenant: t, rules: [{keys: a}]}\n",
		STATUS_CONFIG_SYNTAX,
		"f:5:42: tenants[0].rules[0] needs exactly one of allow and deny\n" },
	{ "rule both", TENANTS "  - {match: {uid: 5}, tenant: t, rules: [{allow: use, deny: sign}]}\n",
		STATUS_CONFIG_SYNTAX,
		"f:5:42: tenants[0].rules[0] needs exactly one of allow and deny\n" },
	{ "rule verb", TENANTS "  - {match: {uid: 5}, tenant: t, rules: [{allow: [use, sgin]}]}\n",
		STATUS_CONFIG_SYNTAX,
		"f:5:56: tenants[0].rules[0].allow[1] 'sgin' is none of sign, verify, encrypt, decrypt, agree, mac, list, export-public, can-do, generate, import, destroy, export, attest, use, read, create; did you mean 'sign'?\n" },
	{ "rule token of uid", TENANTS "  - {match: {uid: 5}, tenant: t, rules: [{allow: use, token: {max_age: 5s}}]}\n",
		STATUS_CONFIG_SYNTAX,
		"f:5:62: tenants[0].rules[0].token bounds a token, but this tenant has none: its match is no spiffe or issuer\n" },
	{ "tenant token of uid", TENANTS "  - {match: {uid: 5}, tenant: t, token: {max_age: 5s}}\n",
		STATUS_CONFIG_SYNTAX,
		"f:5:41: tenants[0].token bounds a token, but this tenant has none: its match is no spiffe or issuer\n" },
	{ "deny with token", TENANTS "  - {match: {spiffe: spiffe://a/b}, tenant: t, rules: [{deny: use, token: {max_age: 5s}}]}\n",
		STATUS_CONFIG_SYNTAX,
		"f:5:75: tenants[0].rules[0].token would let an older token pass this denial: bound the rule that allows\n" },
	{ "rule looser", TENANTS "  - {match: {spiffe: spiffe://a/b}, tenant: t, token: {max_age: 5m}, rules: [{allow: use, token: {max_age: 6m}}]}\n",
		STATUS_CONFIG_SYNTAX,
		"f:5:108: tenants[0].rules[0].token.max_age is looser than the tenant's own bound, so it does nothing\n" },
#define BOUND(token) TENANTS "  - {match: {spiffe: spiffe://a/b}, tenant: t, token: {" token "}}\n"
	{ "declared, nobody", BOUND("binding: declared"), STATUS_CONFIG_SYNTAX,
		"f:5:65: tenants[0].token.binding is declared, but nobody is: list principals in declared\n" },
	{ "declared, nobody in the list", BOUND("binding: declared, declared: []"), STATUS_CONFIG_SYNTAX,
		"f:5:65: tenants[0].token.binding is declared, but nobody is: list principals in declared\n" },
	{ "declared, everybody", BOUND("binding: declared, declared: [{uid: 1}, {}]"), STATUS_CONFIG_SYNTAX,
		"f:5:96: tenants[0].token.declared[1] is everybody: give uid, gid, cgroup or label\n" },
	{ "declared, cgroup", BOUND("binding: declared, declared: [{cgroup: a/../b}]"), STATUS_CONFIG_SYNTAX,
		"f:5:95: tenants[0].token.declared[0].cgroup is not an absolute path\n" },
	{ "declared for nothing", BOUND("declared: [{uid: 1}]"), STATUS_CONFIG_SYNTAX,
		"f:5:66: tenants[0].token.declared is asked by binding: declared only\n" },
	{ "instances of declared", BOUND("binding: declared, instances: 2, declared: [{uid: 1}]"), STATUS_CONFIG_SYNTAX,
		"f:5:86: tenants[0].token.instances narrows binding: first-use only\n" },
	{ "instances of watch", BOUND("binding: watch, instances: 2"), STATUS_CONFIG_SYNTAX,
		"f:5:83: tenants[0].token.instances narrows binding: first-use only\n" },
	{ "no instances", BOUND("instances: 0"), STATUS_CONFIG_SYNTAX,
		"f:5:67: tenants[0].token.instances '0' is not a number between 1 and 64\n" },
	{ "instance without instances", BOUND("instance: cgroup"), STATUS_CONFIG_SYNTAX,
		"f:5:66: tenants[0].token.instance says what instances counts, which is not given\n" },
	{ "binding word", BOUND("binding: first_use"), STATUS_CONFIG_SYNTAX,
		"f:5:65: tenants[0].token.binding 'first_use' is none of first-use, declared, watch, none; did you mean 'first-use'?\n" },
	{ "binding without a token", TENANTS "  - {match: {uid: 5}, tenant: t, token: {binding: watch}}\n", STATUS_CONFIG_SYNTAX,
		"f:5:41: tenants[0].token binds a token, but this tenant has none: its match is no spiffe or issuer\n" },
	{ "binding in a rule's token", TENANTS "  - {match: {spiffe: spiffe://a/b}, tenant: t, rules: [{allow: use, token: {binding: watch}}]}\n", STATUS_CONFIG_SYNTAX,
		"f:5:77: tenants[0].rules[0].token has no field 'binding'\n" },
	{ "another binding in a rule", TENANTS "  - {match: {spiffe: spiffe://a/b}, tenant: t, rules: [{allow: use, binding: [declared, watch]}]}\n", STATUS_CONFIG_SYNTAX,
		"f:5:78: tenants[0].rules[0].binding never holds: the tenant's token.binding is another\n" },
	{ "binding of an account", TENANTS "  - {match: {uid: 5}, tenant: t, rules: [{allow: use, binding: first-use}]}\n", STATUS_CONFIG_SYNTAX,
		"f:5:64: tenants[0].rules[0].binding asks about a token, but this tenant has none: its match is no spiffe or issuer\n" },
	{ "principals of an account", TENANTS "  - {match: {uid: 5}, tenant: t, rules: [{allow: use, max_principals: 1}]}\n", STATUS_CONFIG_SYNTAX,
		"f:5:71: tenants[0].rules[0].max_principals asks about a token, but this tenant has none: its match is no spiffe or issuer\n" },
	{ "principals uncounted", TENANTS "  - {match: {spiffe: spiffe://a/b}, tenant: t, token: {binding: none}, rules: [{allow: use, max_principals: 1}]}\n", STATUS_CONFIG_SYNTAX,
		"f:5:109: tenants[0].rules[0].max_principals cannot be known: nobody is counted under binding: none\n" },
	{ "declared account", HEAD "admins: [{uid: 0, declared: [{uid: 0}]}]\n", STATUS_CONFIG_SYNTAX,
		"f:4:29: admins[0].declared is for an identity that comes with a token: an account is bound by its uid\n" },
	{ "declared admin, everybody", HEAD "admins: [{spiffe: spiffe://a/b, declared: [{}]}]\n", STATUS_CONFIG_SYNTAX,
		"f:4:44: admins[0].declared[0] is everybody: give uid, gid, cgroup or label\n" },
	{ "shadow", TENANTS "  - {match: {spiffe: 'spiffe://a/{x}/{y}'}, tenant: t}\n"
		"  - {match: {spiffe: 'spiffe://a/b/c'}, tenant: u}\n",
		STATUS_CONFIG_SYNTAX,
		"f:6:13: tenants[1].match is never reached: tenants[0] matches all of it, for example spiffe://a/b/c, and the first match wins\n" },
	{ "shadow rest", TENANTS "  - {match: {spiffe: 'spiffe://a/**'}, tenant: t}\n"
		"  - {match: {spiffe: 'spiffe://a/b/**'}, tenant: u}\n",
		STATUS_CONFIG_SYNTAX,
		"f:6:13: tenants[1].match is never reached: tenants[0] matches all of it, for example spiffe://a/b/x, and the first match wins\n" },
	{ "shadow uid", TENANTS "  - {match: {uid: 5}, tenant: t}\n"
		"  - {match: {uid: 5}, tenant: u}\n",
		STATUS_CONFIG_SYNTAX,
		"f:6:13: tenants[1].match is never reached: tenants[0] matches all of it, and the first match wins\n" },
	{ "joined", TENANTS "  - {match: {spiffe: 'spiffe://a/ns/{n}/sa/{s}'}, tenant: 'k8s/{n}', namespace: tenant}\n"
		"  - {match: {spiffe: 'spiffe://a/vm/{h}'}, tenant: 'k8s/{h}', namespace: tenant}\n",
		STATUS_CONFIG_SYNTAX,
		"f:6:52: tenants[1].tenant 'k8s/{h}' can be the same tenant as 'k8s/{n}' of tenants[0], and both share their keys: identities of one could use the keys of the other, for example spiffe://a/vm/x those of spiffe://a/ns/x/sa/x\n" },
	{ "joined literal", TENANTS "  - {match: {spiffe: 'spiffe://a/ns/{n}'}, tenant: '{n}', namespace: tenant}\n"
		"  - {match: {spiffe: 'spiffe://a/vm/{h}'}, tenant: 'payments', namespace: tenant}\n",
		STATUS_CONFIG_SYNTAX,
		"f:6:52: tenants[1].tenant 'payments' can be the same tenant as '{n}' of tenants[0], and both share their keys: identities of one could use the keys of the other, for example spiffe://a/vm/x those of spiffe://a/ns/payments\n" },
	{ "direct chooses", HEAD "listeners: [{mode: 0660, group: a, authenticators: direct}]\n"
		"tenants: [{match: {direct: '{x}'}, tenant: '{x}'}]\n",
		STATUS_CONFIG_SYNTAX,
		"f:5:44: tenants[0].tenant lets a claimed name choose its tenant: under strict all of direct is one tenant (DOC-33)\n" },
	{ "direct two tenants", TENANTS "  - {match: {direct: 'a'}, tenant: 'a'}\n"
		"  - {match: {direct: 'b'}, tenant: 'b'}\n",
		STATUS_CONFIG_SYNTAX,
		"f:6:36: tenants[1].tenant lets a claimed name choose its tenant: under strict all of direct is one tenant (DOC-33)\n" },
	{ "admin pattern", HEAD "admins: [{spiffe: 'spiffe://a/{b}'}]\n",
		STATUS_CONFIG_SYNTAX,
		"f:4:19: admins[0].spiffe is a pattern: an administrator is one identity, written out\n" },
	{ "admin rest", HEAD "admins: [{spiffe: 'spiffe://a/b/**'}]\n",
		STATUS_CONFIG_SYNTAX,
		"f:4:19: admins[0].spiffe is a pattern: an administrator is one identity, written out\n" },
	{ "admin scheme", HEAD "admins: [{spiffe: 'a'}]\n",
		STATUS_CONFIG_SYNTAX,
		"f:4:19: admins[0].spiffe does not begin with spiffe:// and a trust domain\n" },
	{ "admin none", HEAD "admins: [{}]\n",
		STATUS_CONFIG_SYNTAX,
		"f:4:10: admins[0] needs exactly one of spiffe, uid and user, or issuer with subject\n" },
	{ "admin two", HEAD "admins: [{uid: 1, user: a}]\n",
		STATUS_CONFIG_SYNTAX,
		"f:4:10: admins[0] needs exactly one of spiffe, uid and user, or issuer with subject\n" },
	{ "admin direct name", HEAD "admins: [{direct: a}]\n",
		STATUS_CONFIG_SYNTAX,
		"f:4:11: admins[0].direct: a claimed name cannot be an administrator\n" },
	{ "admin user", HEAD "admins: [{user: 'a b'}]\n",
		STATUS_CONFIG_SYNTAX,
		"f:4:17: admins[0].user is not the name of an account\n" },
	{ "accept unknown", HEAD "accept: [{check: DOC-99, because: x}]\n",
		STATUS_CONFIG_SYNTAX,
		"f:4:18: accept[0].check is no start-up check\n" },
	{ "accept later", HEAD "accept: [{check: DOC-05, because: x}]\n",
		STATUS_CONFIG_UNSUPPORTED,
		"f:4:18: accept[0].check is not supported yet\n" },
	{ "accept never", HEAD "accept: [{check: DOC-11, because: x}]\n",
		STATUS_CONFIG_SYNTAX,
		"f:4:18: accept[0].check cannot be accepted: mend what it finds\n" },
	{ "accept twice", HEAD "accept: [{check: DOC-04, because: x}, {check: DOC-04, because: y}]\n",
		STATUS_CONFIG_SYNTAX,
		"f:4:47: accept[1].check stands there twice\n" },
	{ "accept no reason", HEAD "accept: [{check: DOC-04}]\n",
		STATUS_CONFIG_SYNTAX,
		"f:4:10: accept[0].because is missing\n" },
	{ "accept form", HEAD "accept: [{check: DOC004, because: x}]\n",
		STATUS_CONFIG_SYNTAX,
		"f:4:18: accept[0].check is no start-up check\n" },
	{ "several", HEAD "postur: strict\n"
		"limits: {queue: 0, quue: 5}\n"
		"user: []\n",
		STATUS_CONFIG_SYNTAX,
		"f:4:1: the file has no field 'postur'; did you mean 'posture'?\n"
		"f:5:17: limits.queue '0' is not a number between 1 and 65536\n"
		"f:5:20: limits has no field 'quue'; did you mean 'queue'?\n"
		"f:6:7: user must be a single value\n" },
	{ "unsupported and its consequences", "apiVersion: keyreeve/v1\n"
		"kind: Agent\n"
		"providers: [{name: h, type: pkcs11, module: /m, token: t, addresses: [10.0.0.1]}]\n",
		STATUS_CONFIG_UNSUPPORTED,
		"f:3:59: providers[0].addresses is not supported yet\n" },
};
/* clang-format on */

static void refuses_with_file_line_column_and_sentence(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
		AUTO(buf_done) struct buf errors = buf_make(ERRORS_MAX);
		AUTO(auto_config) struct config *config = NULL;
		struct status st = config_yaml_parse(bytes_from_text(refusals[i].text), "f", &errors, &config);

		buf_put_u8(&errors, '\0');
		if (st.code != refusals[i].status || strcmp((const char *)errors.data, refusals[i].errors) != 0)
			fail_msg("%s: %s, want %s\n%s--- want\n%s", refusals[i].what, status_name(st.code),
				status_name(refusals[i].status), (const char *)errors.data, refusals[i].errors);
		assert_null(config);
	}
}

/* The text of a file of the tree; the caller frees. */
static char *file_text(const char *path)
{
	char full[512];
	char *text = calloc(1, CONFIG_FILE_MAX + 1);
	FILE *file;

	(void)snprintf(full, sizeof(full), "%s/%s", TEST_SOURCE_DIR, path);
	file = fopen(full, "r");
	assert_non_null(file);
	assert_non_null(text);
	assert_true(fread(text, 1, CONFIG_FILE_MAX, file) > 0);
	fclose(file);
	return text;
}

static struct config *load(const char *text)
{
	AUTO(buf_done) struct buf errors = buf_make(ERRORS_MAX);
	struct config *config = NULL;
	struct status st = config_yaml_parse(bytes_from_text(text), "f", &errors, &config);

	if (st.code != STATUS_OK)
		fail_msg("%s\n%.*s", status_name(st.code), (int)errors.len, (const char *)errors.data);
	return config;
}

static void the_design_s_sample_loads(void **state)
{
	AUTO(own_free) char *text = file_text("tests/vectors/config/design-sample.yaml");
	AUTO(auto_config) struct config *config = NULL;
	const struct config_tenant *tenant;

	(void)state;
	config = load(text);
	assert_int_equal(config->posture, POSTURE_STRICT);
	assert_string_equal(config->user, "keyreeve");
	assert_string_equal(config->paths.state, "/var/lib/keyreeve");
	assert_int_equal(config->audit.segment_bytes, 64 * 1024 * 1024);
	assert_int_equal(config->audit.keep, 16);
	assert_int_equal(config->listener_count, 2);
	assert_int_equal(config->listeners[0].mode, 0666);
	assert_int_equal(config->listeners[0].authenticator_count, 2);
	assert_int_equal(config->listeners[0].authenticators[0], AUTHENTICATOR_JWT_SVID);
	assert_int_equal(config->listeners[0].authenticators[1], AUTHENTICATOR_UNIX_PEER);
	assert_true(config->listeners[1].is_admin);
	assert_string_equal(config->listeners[1].group, "keyreeve-admin");
	assert_int_equal(config->spiffe.audience_count, 1);
	assert_string_equal(config->spiffe.audiences[0], "parsec");
	assert_int_equal(config->provider_count, 3);
	assert_int_equal(config->providers[0].type, PROVIDER_TPM);
	assert_int_equal(config->providers[0].handle, 0x8101A001);
	assert_string_equal(config->providers[1].wrap, "auto");
	assert_string_equal(config->providers[2].env[0].name, "SOFTHSM2_CONF");
	assert_string_equal(config->providers[2].env[0].value, "/etc/keyreeve/softhsm2.conf");
	assert_int_equal(config->tenant_count, 2);
	tenant = &config->tenants[0];
	assert_int_equal(tenant->namespace_kind, NAMESPACE_IDENTITY);
	assert_int_equal(tenant->provider_count, 2);
	assert_int_equal(tenant->token.bounds.max_lifetime_s, 600);
	assert_int_equal(tenant->token.bounds.leeway_s, 10);
	assert_int_equal(tenant->token.bind.binding, BINDING_FIRST_USE);
	assert_int_equal(tenant->token.bind.instances, CONFIG_UNSET);
	assert_int_equal(tenant->quota.keys, 200);
	assert_int_equal(tenant->quota.requests.per_s, 50);
	assert_int_equal(tenant->quota.requests.per_d, 20000);
	assert_int_equal(tenant->quota.in_flight, 16);
	assert_int_equal(tenant->quota.bytes_per_s, CONFIG_UNSET);
	assert_int_equal(config->tenants[1].quota.keys, CONFIG_UNSET);
	assert_int_equal(config->tenants[1].quota.requests.per_s, 0);
	assert_int_equal(tenant->rule_count, 2);
	assert_int_equal(
		tenant->rules[1].allow, VERB_BIT(VERB_GENERATE) | VERB_BIT(VERB_IMPORT) | VERB_BIT(VERB_DESTROY));
	assert_int_equal(tenant->rules[1].token.max_age_s, 150);
	assert_int_equal(tenant->rules[1].token.max_lifetime_s, CONFIG_UNSET);
	assert_int_equal(config->tenants[1].match.uid, 2001);
	assert_int_equal(config->admin_count, 2);
	assert_int_equal(config->admins[1].match.uid, 0);
}

static void what_is_not_stated_has_its_default(void **state)
{
	AUTO(auto_config) struct config *config = load(HEAD);

	(void)state;
	assert_int_equal(config->posture, POSTURE_STRICT);
	assert_string_equal(config->user, "keyreeve");
	assert_int_equal(config->uid, CONFIG_UNSET);
	assert_string_equal(config->paths.private_sockets, "/run/keyreeve-private");
	assert_int_equal(config->audit.reserve_bytes, 64 * 1024 * 1024);
	assert_int_equal(config->listener_count, 1);
	assert_string_equal(config->listeners[0].path, "/run/keyreeve/keyreeve.sock");
	assert_int_equal(config->listeners[0].mode, 0666);
	assert_int_equal(config->listeners[0].gid, CONFIG_UNSET);
	assert_int_equal(config->listeners[0].authenticator_count, 1);
	assert_int_equal(config->listeners[0].authenticators[0], AUTHENTICATOR_JWT_SVID);
	assert_string_equal(config->spiffe.endpoint, "unix:///run/spire/agent-sockets/spire-agent.sock");
	assert_string_equal(config->spiffe.audiences[0], "parsec");
	assert_int_equal(config->spiffe.validation, VALIDATION_LOCAL);
	assert_int_equal(config->providers[0].verify_after_sign, SWITCH_AUTO);
	assert_int_equal(config->providers[0].threads, 0);
	assert_null(config->providers[0].tcti);
	assert_int_equal(config->tenant_count, 0);
	assert_int_equal(config->limits.queue, 1024);
}

static void parsec_s_path_gets_a_listener_of_its_own(void **state)
{
	AUTO(auto_config)
	struct config *config = load(HEAD "listeners: [{path: /run/a, mode: 0660, group: g, parsec_path: true, "
					  "authenticators: [unix-peer, jwt-svid]}]\n");

	(void)state;
	assert_int_equal(config->listener_count, 2);
	assert_string_equal(config->listeners[1].path, CONFIG_PARSEC_PATH);
	assert_string_equal(config->listeners[1].group, "g");
	assert_int_equal(config->listeners[1].mode, 0660);
	assert_int_equal(config->listeners[1].authenticator_count, 2);
	assert_int_equal(config->listeners[1].authenticators[0], AUTHENTICATOR_UNIX_PEER);
	assert_false(config->listeners[1].at_parsec_path);
}

/* What would be an error next door is meant here. */
static void accepts_what_only_looks_like_an_error(void **state)
{
	static const char *const texts[] = {
		TENANTS "  - {match: {spiffe: 'spiffe://a/ns/{n}/sa/admin'}, tenant: '{n}', namespace: tenant}\n"
			"  - {match: {spiffe: 'spiffe://a/ns/{n}/sa/{s}'}, tenant: '{n}', namespace: tenant}\n",
		TENANTS "  - {match: {spiffe: 'spiffe://a/x'}, tenant: pay, namespace: tenant}\n"
			"  - {match: {spiffe: 'spiffe://a/y'}, tenant: pay, namespace: tenant}\n",
		TENANTS "  - {match: {spiffe: 'spiffe://a/ns/{n}'}, tenant: 'k/{n}', namespace: tenant}\n"
			"  - {match: {spiffe: 'spiffe://b/vm/{h}'}, tenant: 'k/{h}', namespace: tenant}\n",
		TENANTS "  - {match: {spiffe: 'spiffe://a/ns/{n}'}, tenant: 'k/{n}', namespace: tenant}\n"
			"  - {match: {spiffe: 'spiffe://a/vm/{h}'}, tenant: 'k/{h}'}\n",
		TENANTS "  - {match: {spiffe: 'spiffe://a/b/c'}, tenant: t}\n"
			"  - {match: {spiffe: \"spiffe://a/**\"}, tenant: u}\n",
		TENANTS "  - {match: {spiffe: 'spiffe://a/b/**'}, tenant: t}\n"
			"  - {match: {spiffe: 'spiffe://a/b'}, tenant: u}\n",
		HEAD "posture: permissive\nlisteners: [{authenticators: [direct, jwt-svid]}]\n"
		     "tenants: [{match: {direct: \"{x}\"}, tenant: \"{x}\"}]\n",
		HEAD
		"accept: [{check: DOC-33, because: the group is one person}]\nlisteners: [{authenticators: direct}]\n",
		HEAD "user: 'no'\n",
		"---\n" HEAD "...\n",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		config_free(load(texts[i]));
}

static void lists_errors_up_to_a_limit_and_counts_the_rest(void **state)
{
	AUTO(buf_done) struct buf text = buf_make(CONFIG_FILE_MAX), errors = buf_make(ERRORS_MAX);
	struct config *config = NULL;
	unsigned lines = 0;

	(void)state;
	buf_put_text(&text, HEAD);
	for (int i = 0; i < CONFIG_ERRORS_MAX + 7; i++)
		buf_printf(&text, "nonsense%d: 1\n", i);
	assert_fails(config_yaml_parse(buf_bytes(&text), "f", &errors, &config), CONFIG_SYNTAX);
	for (size_t i = 0; i < errors.len; i++)
		lines += errors.data[i] == '\n';
	assert_int_equal(lines, CONFIG_ERRORS_MAX + 1);
	buf_put_u8(&errors, '\0');
	assert_non_null(strstr((const char *)errors.data, "\nf: 7 more errors\n"));
}

static void refuses_a_file_over_the_limit(void **state)
{
	AUTO(own_free) char *text = malloc(CONFIG_FILE_MAX + 1);
	AUTO(buf_done) struct buf errors = buf_make(ERRORS_MAX);
	struct config *config = NULL;

	(void)state;
	assert_non_null(text);
	memset(text, '\n', CONFIG_FILE_MAX + 1);
	memcpy(text, HEAD, strlen(HEAD));
	assert_fails(config_yaml_parse(bytes_of(text, CONFIG_FILE_MAX + 1), "f", &errors, &config), CONFIG_SYNTAX);
	assert_bytes(buf_bytes(&errors), BYTES_LITERAL("f:1:1: the file is larger than 4194304 bytes\n"));
	assert_ok(config_yaml_parse(bytes_of(text, CONFIG_FILE_MAX), "f", &errors, &config));
	config_free(config);
}

/* A prefix may load only where the rest was optional; it must never crash or leak. */
static void every_prefix_of_the_sample_ends_in_order(void **state)
{
	AUTO(own_free) char *text = file_text("tests/vectors/config/design-sample.yaml");

	(void)state;
	for (size_t len = 0; len <= strlen(text); len++) {
		AUTO(own_free) char *exact = malloc(len + 1); /* so that a read beyond the end is seen */
		AUTO(buf_done) struct buf errors = buf_make(ERRORS_MAX);
		AUTO(auto_config) struct config *config = NULL;
		struct status st;

		assert_non_null(exact);
		memcpy(exact, text, len);
		st = config_yaml_parse(bytes_of(exact, len), "f", &errors, &config);
		assert_true((st.code == STATUS_OK) == (errors.len == 0));
		assert_true((st.code == STATUS_OK) == (config != NULL));
	}
}

/* The rules of tenants grow with their square: the largest file must still be quick. */
static void takes_as_many_tenants_as_allowed_and_no_more(void **state)
{
	for (unsigned extra = 0; extra < 2; extra++) {
		AUTO(buf_done) struct buf text = buf_make(CONFIG_FILE_MAX), errors = buf_make(ERRORS_MAX);
		AUTO(auto_config) struct config *config = NULL;
		struct status st;

		(void)state;
		buf_put_text(&text, TENANTS);
		for (unsigned i = 0; i < CONFIG_TENANTS_MAX + extra; i++)
			buf_printf(&text, "  - {match: {spiffe: \"spiffe://d/ns/n%u/sa/{a}\"}, tenant: t%u}\n", i, i);
		st = config_yaml_parse(buf_bytes(&text), "f", &errors, &config);
		assert_int_equal(st.code, extra == 0 ? STATUS_OK : STATUS_CONFIG_SYNTAX);
		if (extra == 1)
			assert_bytes(
				buf_bytes(&errors), BYTES_LITERAL("f:4101:5: tenants[4096] is one entry too many\n"));
	}
}

static void the_shipped_sample_loads(void **state)
{
	AUTO(own_free) char *text = file_text("deploy/keyreeve.yaml");
	AUTO(auto_config) struct config *config = load(text);

	(void)state;
	assert_int_equal(config->posture, POSTURE_STRICT);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(refuses_with_file_line_column_and_sentence),
	cmocka_unit_test(the_design_s_sample_loads),
	cmocka_unit_test(what_is_not_stated_has_its_default),
	cmocka_unit_test(parsec_s_path_gets_a_listener_of_its_own),
	cmocka_unit_test(accepts_what_only_looks_like_an_error),
	cmocka_unit_test(lists_errors_up_to_a_limit_and_counts_the_rest),
	cmocka_unit_test(refuses_a_file_over_the_limit),
	cmocka_unit_test(every_prefix_of_the_sample_ends_in_order),
	cmocka_unit_test(takes_as_many_tenants_as_allowed_and_no_more),
	cmocka_unit_test(the_shipped_sample_loads),
};

UNIT_MAIN(tests)
