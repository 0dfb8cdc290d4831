/* SPDX-License-Identifier: Apache-2.0
 *
 * keyreeve key create | list | show | destroy | public */
#include <string.h>

#include "client/cli.h"
#include "crypto/der.h"

/* ---- create ------------------------------------------------------------------------------------------ */

/* A policy that every provider can keep and every verifier knows: one hash, as strong as the key. */
static const char *default_alg(const char *type)
{
	if (strncmp(type, "rsa", 3) == 0)
		return "rsa-pkcs1v15-sha-256";
	if (strcmp(type, "ecc-p384") == 0)
		return "ecdsa-sha-384";
	return strcmp(type, "ecc-p521") == 0 ? "ecdsa-sha-512" : "ecdsa-sha-256";
}

static unsigned usage_flag(const char *name, size_t len)
{
	for (unsigned flag = 1; flag <= KEYREEVE_USAGE_DERIVE; flag <<= 1) {
		const char *known = psa_usage_name((uint16_t)flag);

		if (strlen(known) == len && memcmp(known, name, len) == 0)
			return flag;
	}
	if (len == 4 && memcmp(name, "sign", 4) == 0)
		return KEYREEVE_USAGE_SIGN_HASH;
	return len == 6 && memcmp(name, "verify", 6) == 0 ? KEYREEVE_USAGE_VERIFY_HASH : 0;
}

/* "sign,verify"; 0 for a word that is none. */
static unsigned usage_parse(const char *list)
{
	unsigned usage = 0;

	while (*list != '\0') {
		size_t len = strcspn(list, ",");
		unsigned flag = usage_flag(list, len);

		if (flag == 0)
			return 0;
		usage |= flag;
		list += len + (list[len] == ',');
	}
	return usage;
}

static json_t *usage_json(unsigned usage)
{
	json_t *list = json_array();

	for (unsigned flag = 1; flag <= KEYREEVE_USAGE_DERIVE; flag <<= 1)
		if ((usage & flag) != 0)
			json_array_append_new(list, json_string(psa_usage_name((uint16_t)flag)));
	return list;
}

static json_t *key_json(const struct keyreeve_key *key)
{
	json_t *o = json_object();

	json_object_set_new(o, "name", cli_json_text(key->name));
	json_object_set_new(o, "type", cli_json_text(key->type));
	json_object_set_new(o, "bits", json_integer(key->bits));
	json_object_set_new(o, "algorithm", cli_json_text(key->alg));
	json_object_set_new(o, "provider", json_string(cli_provider_name(key->provider)));
	json_object_set_new(o, "usage", usage_json(key->usage));
	return o;
}

int cmd_key_create(struct cli *cli, const char *const *argument)
{
	const char *type = cli->type != NULL ? cli->type : "ecc-p256";
	const char *alg = cli->alg != NULL ? cli->alg : default_alg(type);
	unsigned usage = cli->usage != NULL ? usage_parse(cli->usage) : 0;
	int code;

	if (cli->usage != NULL && usage == 0)
		return cli_refuse(cli, KEYREEVE_INVALID, "--usage", "it has a word that is no usage",
			"sign, verify, sign-hash, sign-message, verify-hash, verify-message, export, derive, ...");
	if (argument[0][0] == '\0')
		return cli_refuse(cli, KEYREEVE_INVALID, "key create", "the name is empty",
			"is the variable set that should hold it?");
	code = cli_open(cli);
	if (code != 0)
		return code;
	if (keyreeve_generate_key(cli->handle, argument[0], type, alg, usage) != KEYREEVE_OK)
		return cli_failed(cli, argument[0]);
	if (cli->json) {
		json_t *o = json_object();

		json_object_set_new(o, "created", cli_json_text(argument[0]));
		json_object_set_new(o, "type", cli_json_text(type));
		json_object_set_new(o, "algorithm", cli_json_text(alg));
		return cli_json(o);
	}
	(void)printf("created %s: %s, %s\n", argument[0], type, alg);
	return 0;
}

/* ---- list and show ----------------------------------------------------------------------------------- */

static void usage_print(unsigned usage)
{
	const char *comma = "";

	for (unsigned flag = 1; flag <= KEYREEVE_USAGE_DERIVE; flag <<= 1)
		if ((usage & flag) != 0) {
			(void)printf("%s%s", comma, psa_usage_name((uint16_t)flag));
			comma = ",";
		}
	(void)putchar('\n');
}

/* As cli_put() counts them. */
static int characters(const char *name)
{
	int count = 0;

	for (; *name != '\0'; name++)
		count += ((unsigned char)*name & 0xc0) != 0x80;
	return count;
}

static void list_print(const struct keyreeve_keys *list)
{
	int width = 4;

	for (size_t i = 0; i < list->count; i++)
		if (characters(list->items[i].name) > width)
			width = characters(list->items[i].name);
	(void)printf("%-*s  %-9s  %-22s  %-9s  %s\n", width, "NAME", "TYPE", "ALGORITHM", "PROVIDER", "USAGE");
	for (size_t i = 0; i < list->count; i++) {
		const struct keyreeve_key *key = &list->items[i];
		int used = cli_put(stdout, key->name);

		(void)printf("%*s  %-9s  %-22s  %-9s  ", width - used, "", key->type, key->alg,
			cli_provider_name(key->provider));
		usage_print(key->usage);
	}
}

int cmd_key_list(struct cli *cli, const char *const *argument)
{
	struct keyreeve_keys list = { 0 };
	int code = cli_open(cli);

	(void)argument;
	if (code != 0)
		return code;
	if (keyreeve_list_keys(cli->handle, &list) != KEYREEVE_OK)
		return cli_failed(cli, "key list");
	if (cli->json) {
		json_t *keys = json_array();

		for (size_t i = 0; i < list.count; i++)
			json_array_append_new(keys, key_json(&list.items[i]));
		(void)cli_json(keys);
	} else if (list.count > 0) {
		list_print(&list);
	} else {
		(void)fprintf(stderr, "no keys yet: keyreeve key create NAME\n");
	}
	keyreeve_keys_free(&list);
	return 0;
}

/* The key must be in the list. */
static int key_need(struct cli *cli, const char *name, struct keyreeve_key *ret_key)
{
	int code = cli_open(cli);

	if (code == 0)
		code = cli_key_find(cli, name, ret_key);
	if (code == 0 && ret_key->type[0] == '\0')
		return cli_refuse(cli, KEYREEVE_KEY, name, "no such key", keyreeve_status_hint(1140));
	return code;
}

int cmd_key_show(struct cli *cli, const char *const *argument)
{
	struct keyreeve_key key;
	int code = key_need(cli, argument[0], &key);

	if (code != 0)
		return code;
	if (cli->json)
		return cli_json(key_json(&key));
	(void)printf("name       %s\ntype       %s\nbits       %u\nalgorithm  %s\nprovider   %s\nusage      ", key.name,
		key.type, key.bits, key.alg, cli_provider_name(key.provider));
	usage_print(key.usage);
	return 0;
}

int cmd_key_destroy(struct cli *cli, const char *const *argument)
{
	struct keyreeve_key key;
	int code = cli_open(cli);

	if (code == 0)
		code = cli_key_find(cli, argument[0], &key);
	if (code != 0)
		return code;
	if (keyreeve_destroy_key(cli->handle, argument[0]) != KEYREEVE_OK)
		return cli_failed(cli, argument[0]);
	if (cli->json)
		return cli_json_named("destroyed", argument[0]);
	(void)printf("destroyed %s\n", argument[0]);
	return 0;
}

/* ---- public ------------------------------------------------------------------------------------------ */

/* What the bytes are, where the list does not say: a point has its curve's length. */
static bool attributes_from_bytes(struct bytes key, struct psa_key_attributes *to)
{
	if (key.len > 0 && key.data[0] == 0x04 && key.len % 2 == 1) {
		const char *type = key.len == 65    ? "ecc-p256"
				   : key.len == 97  ? "ecc-p384"
				   : key.len == 133 ? "ecc-p521"
						    : "";

		return psa_key_from_name(type, to);
	}
	return psa_key_from_name("rsa-2048", to); /* the structure says how long it really is */
}

static bool spki_put(struct buf *to, const struct keyreeve_key *key, struct bytes public_key)
{
	struct psa_key_attributes attributes = { 0 };

	if (!psa_key_from_name(key->type, &attributes) && !attributes_from_bytes(public_key, &attributes))
		return false;
	return der_spki_put(to, &attributes, public_key).code == STATUS_OK;
}

static int public_json(const struct keyreeve_key *key, const char *name, struct bytes pem)
{
	json_t *o = json_object();

	json_object_set_new(o, "name", cli_json_text(name));
	if (key->type[0] != '\0')
		json_object_set_new(o, "type", cli_json_text(key->type));
	json_object_set_new(o, "pem", json_stringn((const char *)pem.data, pem.len));
	return cli_json(o);
}

int cmd_key_public(struct cli *cli, const char *const *argument)
{
	uint8_t data[KEYREEVE_PUBLIC_MAX];
	size_t len = sizeof(data);
	struct keyreeve_key key;
	struct buf spki = buf_make(DER_SPKI_MAX_BYTES), pem = buf_make(2 * DER_SPKI_MAX_BYTES);
	int code = cli_open(cli);

	if (code == 0)
		code = cli_key_find(cli, argument[0], &key);
	if (code != 0)
		return code;
	if (keyreeve_export_public_key(cli->handle, argument[0], data, &len) != KEYREEVE_OK)
		return cli_failed(cli, argument[0]);
	if (cli->raw && !cli->json)
		return cli_write(cli, bytes_of(data, len), CLI_BASE64);
	if (!spki_put(&spki, &key, bytes_of(data, len)))
		code = cli_refuse(
			cli, KEYREEVE_FAILED, argument[0], "its public key cannot be written as PEM", "use --raw");
	else if (cli->der && !cli->json)
		code = cli_write(cli, buf_bytes(&spki), CLI_BASE64);
	else {
		encode_pem(&pem, "PUBLIC KEY", buf_bytes(&spki));
		code = cli->json ? public_json(&key, argument[0], buf_bytes(&pem))
				 : cli_write(cli, buf_bytes(&pem), CLI_BYTES);
	}
	buf_done(&spki);
	buf_done(&pem);
	return code;
}
