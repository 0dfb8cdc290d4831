/* SPDX-License-Identifier: Apache-2.0
 *
 * keyreeve ping | info | client list | client delete | token inspect */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "client/cli.h"
#include "client/keyreeve_spiffe.h"
#include "base/clock.h"
#include "wire/opcode.h"

/* ---- ping and info ----------------------------------------------------------------------------------- */

int cmd_ping(struct cli *cli, const char *const *argument)
{
	unsigned major, minor;
	uint64_t start;
	int code = cli_open(cli);

	(void)argument;
	if (code != 0)
		return code;
	start = clock_mono_us();
	if (keyreeve_ping(cli->handle, &major, &minor) != KEYREEVE_OK)
		return cli_failed(cli, "ping");
	if (cli->json) {
		json_t *o = json_object();

		json_object_set_new(o, "protocol", json_sprintf("%u.%u", major, minor));
		json_object_set_new(o, "microseconds", json_integer((json_int_t)(clock_mono_us() - start)));
		return cli_json(o);
	}
	(void)printf("protocol %u.%u, %llu us\n", major, minor, (unsigned long long)(clock_mono_us() - start));
	return 0;
}

static json_t *version_json(const unsigned version[3])
{
	return json_sprintf("%u.%u.%u", version[0], version[1], version[2]);
}

static json_t *opcodes_json(struct cli *cli, int provider)
{
	struct keyreeve_opcodes list = { 0 };
	json_t *names = json_array();

	if (keyreeve_list_opcodes(cli->handle, provider, &list) != KEYREEVE_OK)
		return names;
	for (size_t i = 0; i < list.count; i++) {
		const char *name = keyreeve_opcode_name(list.items[i]);

		json_array_append_new(names, name != NULL ? json_string(name) : json_sprintf("0x%x", list.items[i]));
	}
	keyreeve_opcodes_free(&list);
	return names;
}

static json_t *providers_json(struct cli *cli, const struct keyreeve_providers *list)
{
	json_t *all = json_array();

	for (size_t i = 0; i < list->count; i++) {
		const struct keyreeve_provider *from = &list->items[i];
		json_t *o = json_object();

		json_object_set_new(o, "id", json_integer(from->id));
		json_object_set_new(o, "name", json_string(cli_provider_name(from->id)));
		json_object_set_new(o, "description", cli_json_text(from->description));
		json_object_set_new(o, "vendor", cli_json_text(from->vendor));
		json_object_set_new(o, "uuid", cli_json_text(from->uuid));
		json_object_set_new(o, "version", version_json(from->version));
		json_object_set_new(o, "operations", opcodes_json(cli, from->id));
		json_array_append_new(all, o);
	}
	return all;
}

static json_t *authenticators_json(const struct keyreeve_authenticators *list)
{
	json_t *all = json_array();

	for (size_t i = 0; i < list->count; i++) {
		const struct auth_row *row = auth_row((uint32_t)list->items[i].id);
		json_t *o = json_object();

		json_object_set_new(o, "id", json_integer(list->items[i].id));
		json_object_set_new(o, "name", json_string(row != NULL ? row->name : "unknown"));
		json_object_set_new(o, "description", cli_json_text(list->items[i].description));
		json_array_append_new(all, o);
	}
	return all;
}

static const char *text_of(const json_t *object, const char *field)
{
	const char *text = json_string_value(json_object_get(object, field));

	return text != NULL ? text : "";
}

static void info_print(const json_t *info)
{
	const json_t *item, *operation;
	size_t i, j;

	(void)printf("authenticators\n");
	json_array_foreach(json_object_get(info, "authenticators"), i, item)(void)
		printf("  %-10s %s\n", text_of(item, "name"), text_of(item, "description"));
	(void)printf("providers%s\n",
		json_array_size(json_object_get(info, "providers")) > 1 ? " (the first is the default)" : "");
	json_array_foreach(json_object_get(info, "providers"), i, item)
	{
		(void)printf("  %-10s %s\n            ", text_of(item, "name"), text_of(item, "description"));
		json_array_foreach(json_object_get(item, "operations"), j, operation)(void)
			printf(" %s", json_string_value(operation));
		(void)putchar('\n');
	}
}

int cmd_info(struct cli *cli, const char *const *argument)
{
	struct keyreeve_providers providers = { 0 };
	struct keyreeve_authenticators authenticators = { 0 };
	json_t *info = NULL;
	int code = cli_open(cli);

	(void)argument;
	if (code != 0)
		return code;
	if (keyreeve_list_providers(cli->handle, &providers) != KEYREEVE_OK ||
		keyreeve_list_authenticators(cli->handle, &authenticators) != KEYREEVE_OK) {
		code = cli_failed(cli, "info");
	} else {
		info = json_object();
		json_object_set_new(info, "authenticators", authenticators_json(&authenticators));
		json_object_set_new(info, "providers", providers_json(cli, &providers));
	}
	keyreeve_providers_free(&providers);
	keyreeve_authenticators_free(&authenticators);
	if (code != 0 || cli->json)
		return code != 0 ? code : cli_json(info);
	info_print(info);
	json_decref(info);
	return 0;
}

/* ---- administration ---------------------------------------------------------------------------------- */

int cmd_client_list(struct cli *cli, const char *const *argument)
{
	struct keyreeve_clients list = { 0 };
	int code;

	(void)argument;
	cli->is_admin = true;
	code = cli_open(cli);
	if (code != 0)
		return code;
	if (keyreeve_list_clients(cli->handle, &list) != KEYREEVE_OK)
		return cli_failed(cli, "client list");
	if (cli->json) {
		json_t *names = json_array();

		for (size_t i = 0; i < list.count; i++)
			json_array_append_new(names, cli_json_text(list.items[i].name));
		(void)cli_json(names);
	} else {
		for (size_t i = 0; i < list.count; i++)
			(void)printf("%s\n", list.items[i].name);
	}
	keyreeve_clients_free(&list);
	return 0;
}

int cmd_client_delete(struct cli *cli, const char *const *argument)
{
	int code;

	cli->is_admin = true;
	code = cli_open(cli);
	if (code != 0)
		return code;
	if (keyreeve_delete_client(cli->handle, argument[0]) != KEYREEVE_OK)
		return cli_failed(cli, argument[0]);
	if (cli->json)
		return cli_json_named("deleted", argument[0]);
	(void)printf("deleted all keys of %s\n", argument[0]);
	return 0;
}

/* ---- token inspect ----------------------------------------------------------------------------------- */

/* One segment of a compact JWS as a JSON object; NULL if it is none. */
static json_t *segment_json(struct bytes segment)
{
	struct buf text = buf_make(KEYREEVE_TOKEN_MAX);
	json_t *value = NULL;

	if (decode_base64(&text, segment, true))
		value = json_loadb((const char *)text.data, text.len, JSON_REJECT_DUPLICATES, NULL);
	buf_done(&text);
	if (json_is_object(value))
		return value;
	json_decref(value);
	return NULL;
}

static void moment_print(const char *what, const json_t *claim, int64_t now_s)
{
	time_t at = (time_t)json_number_value(claim);
	int64_t away = (int64_t)at - now_s;
	char text[40];
	struct tm tm;

	if (!json_is_number(claim) || gmtime_r(&at, &tm) == NULL)
		return;
	(void)strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm);
	(void)printf("%-10s %s (%lld s %s)\n", what, text, (long long)(away < 0 ? -away : away),
		away < 0 ? "ago" : "from now");
}

static void claim_print(const char *what, const json_t *value)
{
	char *text = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT | JSON_ENSURE_ASCII);

	if (text != NULL && json_is_string(value)) /* without its quotes */
		(void)printf("%-10s %.*s\n", what, (int)strlen(text) - 2, text + 1);
	else if (text != NULL)
		(void)printf("%-10s %s\n", what, text);
	free(text);
}

static void inspect_print(const json_t *header, const json_t *claims, int64_t now_s)
{
	const json_t *exp = json_object_get(claims, "exp"), *iat = json_object_get(claims, "iat");

	claim_print("subject", json_object_get(claims, "sub"));
	claim_print("audience", json_object_get(claims, "aud"));
	claim_print("algorithm", json_object_get(header, "alg"));
	if (json_object_get(header, "kid") != NULL)
		claim_print("key id", json_object_get(header, "kid"));
	moment_print("issued", iat, now_s);
	moment_print("not before", json_object_get(claims, "nbf"), now_s);
	moment_print("expires", exp, now_s);
	if (json_is_number(exp) && json_is_number(iat))
		(void)printf(
			"%-10s %lld s\n", "lifetime", (long long)(json_number_value(exp) - json_number_value(iat)));
}

/* The signature is neither checked nor shown: whoever sees the output must not be able to use the token. */
static int inspect(const struct cli *cli, const char *name, struct bytes token)
{
	const uint8_t *first = memchr(token.data, '.', token.len);
	const uint8_t *second =
		first != NULL ? memchr(first + 1, '.', token.len - (size_t)(first + 1 - token.data)) : NULL;
	int64_t now_s = clock_wall_us() / US_PER_S;
	json_t *header = NULL, *claims = NULL;
	bool expired;

	if (second != NULL) {
		header = segment_json(bytes_of(token.data, (size_t)(first - token.data)));
		claims = segment_json(bytes_of(first + 1, (size_t)(second - first - 1)));
	}
	if (header == NULL || claims == NULL) {
		json_decref(header);
		json_decref(claims);
		return cli_refuse(cli, KEYREEVE_INVALID, name, "not a token: a compact JWS",
			"three parts of base64url with dots between; in the Workload API's answer it is the field "
			"svid");
	}
	expired = json_number_value(json_object_get(claims, "exp")) <= (double)now_s;
	if (cli->json) {
		json_t *o = json_object();

		json_object_set(o, "header", header);
		json_object_set(o, "claims", claims);
		json_object_set_new(o, "expired", json_boolean(expired));
		(void)cli_json(o);
	} else {
		inspect_print(header, claims, now_s);
	}
	json_decref(header);
	json_decref(claims);
	return expired ? CLI_FINDINGS : 0;
}

/* From the Workload API, or from a file or standard input. */
int cmd_token_inspect(struct cli *cli, const char *const *argument)
{
	struct buf token = buf_make(KEYREEVE_TOKEN_MAX);
	char reason[KEYREEVE_TEXT_BYTES] = "";
	const char *name = argument[0] == NULL		   ? "token"
			   : strcmp(argument[0], "-") == 0 ? "standard input"
							   : argument[0];
	struct keyreeve_spiffe *spiffe;
	size_t len = 0;
	int code = 0;

	if (argument[0] != NULL) {
		code = cli_read(cli, argument[0], &token);
		while (token.len > 0 && (token.data[token.len - 1] == '\n' || token.data[token.len - 1] == '\r'))
			token.len--;
	} else {
		uint8_t *room = buf_reserve(&token, KEYREEVE_TOKEN_MAX);

		spiffe = cli_spiffe(cli);
		if (spiffe == NULL || room == NULL)
			code = KEYREEVE_NO_TOKEN;
		else if (keyreeve_spiffe_token(spiffe, 1, (char *)room, KEYREEVE_TOKEN_MAX, &len, reason) != 0)
			code = cli_refuse(cli, KEYREEVE_NO_TOKEN, "no token", reason,
				"is the agent running, and is this process registered with it?");
		buf_grew(&token, len);
	}
	if (code == 0)
		code = token.len > 0 ? inspect(cli, name, buf_bytes(&token))
				     : cli_refuse(cli, KEYREEVE_INVALID, name, "it is empty",
					       "a token is expected there: without FILE it is fetched");
	buf_done(&token);
	return code;
}
