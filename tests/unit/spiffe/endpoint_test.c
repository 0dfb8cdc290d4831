/* SPDX-License-Identifier: Apache-2.0
 *
 * Workload Endpoint addresses: every row of the vector catalogue, TV-EA. */
#include "tests/support/unit.h"

#include "base/own.h"
#include "spiffe/endpoint.h"

#include <stdlib.h>

struct row {
	const char *name;
	const char *uri;
	size_t len;
};
#define ROW(name, text)                      \
	{                                    \
		name, text, sizeof(text) - 1 \
	}

/* clang-format off */
static const struct row bad[] = {
	ROW("TV-EA-07", ""),
	ROW("TV-EA-08", "/run/a.sock"),
	ROW("TV-EA-08", "run/a.sock"),
	ROW("TV-EA-09", "unix://run/a.sock"),
	ROW("TV-EA-09", "unix://localhost/run/a.sock"),
	ROW("TV-EA-10", "unix:run/a.sock"),
	ROW("TV-EA-10", "unix:"),
	ROW("TV-EA-10", "unix:/"),
	ROW("TV-EA-10", "unix://"),
	ROW("TV-EA-10", "unix:///"),
	ROW("TV-EA-11", "unix:///a?x"),
	ROW("TV-EA-11", "unix:///a?"),
	ROW("TV-EA-11", "unix:///a#f"),
	ROW("TV-EA-11", "unix:///a#"),
	ROW("TV-EA-11", "unix://u@/a"),
	ROW("TV-EA-12", "unix:///a%00b"),
	ROW("TV-EA-12", "unix:///a%2Fb"),
	ROW("TV-EA-12", "unix:///a%2fb"),
	ROW("TV-EA-12", "unix:///a%zz"),
	ROW("TV-EA-12", "unix:///a%4"),
	ROW("TV-EA-12", "unix:///a%"),
	ROW("TV-EA-12 raw NUL", "unix:///a\0b"),
	ROW("TV-EA-14", "tcp://127.0.0.1"),
	ROW("TV-EA-14", "tcp://127.0.0.1:"),
	ROW("TV-EA-14", "tcp://[::1]"),
	ROW("TV-EA-14", "tcp://[::1]:"),
	ROW("TV-EA-15", "tcp://localhost:8000"),
	ROW("TV-EA-15", "tcp://agent.example:8000"),
	ROW("TV-EA-16", "tcp://127.0.0.1:8000/foo"),
	ROW("TV-EA-16", "tcp://127.0.0.1:8000/"),
	ROW("TV-EA-17", "tcp://u@127.0.0.1:8000"),
	ROW("TV-EA-17", "tcp://127.0.0.1:8000?x"),
	ROW("TV-EA-17", "tcp://127.0.0.1:8000#f"),
	ROW("TV-EA-18", "tcp://127.0.0.1:0"),
	ROW("TV-EA-18", "tcp://127.0.0.1:65536"),
	ROW("TV-EA-18", "tcp://127.0.0.1:+80"),
	ROW("TV-EA-18", "tcp://127.0.0.1:8e1"),
	ROW("TV-EA-18", "tcp://127.0.0.1:-1"),
	ROW("TV-EA-18", "tcp://127.0.0.1:000080"),
	ROW("TV-EA-18", "tcp://127.0.0.1:4294967376"),
	ROW("TV-EA-19", "tcp://::1:8000"),
	ROW("TV-EA-19", "tcp:127.0.0.1:8000"),
	ROW("TV-EA-19", "tcp://127.1:80"),
	ROW("TV-EA-19", "tcp://0x7f.0.0.1:80"),
	ROW("TV-EA-19", "tcp://127.0.0.01:80"),
	ROW("TV-EA-19", "tcp://[fe80::1%25eth0]:80"),
	ROW("TV-EA-19", "tcp://[fe80::1%eth0]:80"),
	ROW("TV-EA-19", "tcp://[127.0.0.1]:80"),
	ROW("TV-EA-19", "tcp://[]:80"),
	ROW("TV-EA-19", "tcp://:80"),
	ROW("TV-EA-19", "tcp://[::1:80"),
	ROW("TV-EA-19", "tcp://127.0.0.1\0.9:80"),
	ROW("TV-EA-20", "http://127.0.0.1:8000"),
	ROW("TV-EA-20", "npipe:x"),
	ROW("TV-EA-20", "vsock://2:1"),
	ROW("TV-EA-21", "unix:///run/a.sock\n"),
	ROW("TV-EA-21", "unix:///run/a.sock "),
	ROW("TV-EA-21", " unix:///run/a.sock"),
	ROW("TV-EA-21", "tcp://127.0.0.1:80 "),
	ROW("TV-EA-21", "unix:///run/a b"),
	ROW("TV-EA-21", "unix:///run/\xc3\xa9"),
};
/* clang-format on */

static void is_unix(const char *name, const char *uri, const char *path)
{
	struct endpoint e = { 0 };

	if (endpoint_parse(bytes_from_text(uri), &e).code != STATUS_OK)
		fail_msg("%s %s", name, uri);
	assert_int_equal(e.kind, ENDPOINT_UNIX);
	assert_string_equal(e.path, path);
}

static void is_tcp(const char *name, const char *uri, const char *host, bool is_ipv6, unsigned port)
{
	struct endpoint e = { 0 };

	if (endpoint_parse(bytes_from_text(uri), &e).code != STATUS_OK)
		fail_msg("%s %s", name, uri);
	assert_int_equal(e.kind, ENDPOINT_TCP);
	assert_string_equal(e.host, host);
	assert_int_equal(e.is_ipv6, is_ipv6);
	assert_int_equal(e.port, port);
}

static void addresses_of_the_catalogue_are_read(void **state)
{
	(void)state;
	is_unix("TV-EA-01", "unix:///run/spire/agent.sock", "/run/spire/agent.sock");
	is_unix("TV-EA-02", "unix:/run/spire/agent.sock", "/run/spire/agent.sock");
	is_tcp("TV-EA-03", "tcp://127.0.0.1:8000", "127.0.0.1", false, 8000);
	is_tcp("TV-EA-04", "tcp://[::1]:8000", "::1", true, 8000);
	is_unix("TV-EA-05", "UNIX:///run/a.sock", "/run/a.sock");
	is_tcp("TV-EA-05", "TcP://127.0.0.1:65535", "127.0.0.1", false, 65535);
	is_unix("TV-EA-06", "unix:///run/a%20b.sock", "/run/a b.sock");
	is_unix("TV-EA-06 once", "unix:///run/a%2520b", "/run/a%20b");
}

static void malformed_addresses_of_the_catalogue_are_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct endpoint e = { 0 };
		struct status st = endpoint_parse(bytes_of(bad[i].uri, bad[i].len), &e);

		if (st.code != STATUS_CLIENT_ENDPOINT)
			fail_msg("%s %s: %s", bad[i].name, bad[i].uri, status_name(st.code));
		assert_int_equal(e.kind, ENDPOINT_NONE);
	}
}

static void a_path_fits_a_socket_address_or_is_refused(void **state)
{
	char uri[300] = "unix:///";
	struct endpoint e;

	(void)state;
	memset(uri + 8, 'a', 106); /* with the slash: 107 */
	assert_ok(endpoint_parse(bytes_of(uri, 8 + 106), &e));
	assert_int_equal(strlen(e.path), 107);
	memset(uri + 8, 'a', 107);
	assert_fails(endpoint_parse(bytes_of(uri, 8 + 107), &e), CLIENT_ENDPOINT); /* TV-EA-13 */
	memset(uri + 8, 'a', 250);
	assert_fails(endpoint_parse(bytes_of(uri, 8 + 250), &e), CLIENT_ENDPOINT);
}

static void every_prefix_of_an_address_fails_or_is_shorter(void **state)
{
	static const char tcp[] = "tcp://[::1]:80";

	(void)state;
	for (size_t len = 0; len < sizeof(tcp) - 2; len++) {
		char *exact = malloc(len + 1);
		struct endpoint e;

		assert_non_null(exact);
		memcpy(exact, tcp, len);
		assert_fails(endpoint_parse(bytes_of(exact, len), &e), CLIENT_ENDPOINT);
		free(exact);
	}
}

static void the_configuration_wins_over_the_environment(void **state)
{
	struct endpoint e = { 0 };

	(void)state;
	assert_int_equal(setenv(ENDPOINT_VARIABLE, "unix:///from-environment", 1), 0);
	assert_ok(endpoint_choose("unix:///configured", &e)); /* TV-EA-22 */
	assert_string_equal(e.path, "/configured");
	assert_ok(endpoint_choose(NULL, &e));
	assert_string_equal(e.path, "/from-environment");
	/* EP-03: empty is an error, on either side, and never "unset". */
	assert_fails(endpoint_choose("", &e), CLIENT_ENDPOINT);
	assert_int_equal(setenv(ENDPOINT_VARIABLE, "", 1), 0);
	assert_fails(endpoint_choose(NULL, &e), CLIENT_ENDPOINT); /* TV-EA-07 */
	assert_int_equal(unsetenv(ENDPOINT_VARIABLE), 0);
	assert_fails(endpoint_choose(NULL, &e), CLIENT_ENDPOINT); /* TV-EA-07 */
	assert_string_equal(e.path, "/from-environment");
}

static void a_section_is_one_address_and_nothing_else(void **state)
{
	static const char more[] = "\x0c\0\0\0unix:///r/a.\x0a\0\0\0\x07\0\0\0x",
			  ageless[] = "\x0c\0\0\0unix:///r/a.\0\0\0\0\x07\0\0\0",
			  anybodys[] = "\x0c\0\0\0unix:///r/a.\x0a\0\0\0\xff\xff\xff\xff",
			  port[] = "\x0f\0\0\0tcp://1.2.3.4:5\x0a\0\0\0\x07\0\0\0";
	AUTO(buf_done) struct buf good = buf_make(64);
	struct endpoint_section s = { 0 };

	(void)state;
	assert_fails(endpoint_section_get(bytes_of(more, sizeof(more) - 1), &s), CONFIG_SYNTAX);
	assert_fails(endpoint_section_get(bytes_of(ageless, sizeof(ageless) - 1), &s), CONFIG_SYNTAX);
	assert_fails(endpoint_section_get(bytes_of(anybodys, sizeof(anybodys) - 1), &s), CONFIG_SYNTAX);
	assert_fails(endpoint_section_get(bytes_of(port, sizeof(port) - 1), &s), CLIENT_ENDPOINT);
	endpoint_section_put(&good, BYTES_LITERAL("unix:///r/a."), 10, 7);
	for (size_t len = 0; len < good.len; len++)
		assert_fails(endpoint_section_get(bytes_of(good.data, len), &s), CONFIG_SYNTAX);
	assert_fails(endpoint_section_get(BYTES_LITERAL("\0\0\0\0\x0a\0\0\0\x07\0\0\0"), &s), CLIENT_ENDPOINT);
	assert_int_equal(s.endpoint.kind, ENDPOINT_NONE);
	assert_ok(endpoint_section_get(buf_bytes(&good), &s));
	assert_string_equal(s.endpoint.path, "/r/a.");
	assert_int_equal(s.max_age_s, 10);
	assert_int_equal(s.endpoint.server_uid, 7);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(addresses_of_the_catalogue_are_read),
	cmocka_unit_test(malformed_addresses_of_the_catalogue_are_refused),
	cmocka_unit_test(a_path_fits_a_socket_address_or_is_refused),
	cmocka_unit_test(every_prefix_of_an_address_fails_or_is_shorter),
	cmocka_unit_test(the_configuration_wins_over_the_environment),
	cmocka_unit_test(a_section_is_one_address_and_nothing_else),
};
UNIT_MAIN(tests)
