/* SPDX-License-Identifier: Apache-2.0
 *
 * keyreeve sign | verify | random.  What is signed is hashed here, whatever its length, and the service sees the hash;
 * --message sends the message itself, at most 1 MiB of it. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/own.h"
#include "client/cli.h"
#include "crypto/digest.h"

/* What is to be signed or verified, ready for a call. */
struct input {
	char alg[PSA_NAME_BYTES];
	struct psa_alg parsed;
	struct keyreeve_key key;
	struct buf message; /* --message */
	uint8_t hash[PSA_HASH_MAX_BYTES];
	size_t hash_len;
};

/* ---- algorithm --------------------------------------------------------------------------------------- */

static uint8_t default_hash(const struct keyreeve_key *key)
{
	bool is_ecc = strncmp(key->type, "ecc", 3) == 0;

	if (is_ecc && key->bits > 384)
		return PSA_HASH_SHA_512;
	return is_ecc && key->bits > 256 ? PSA_HASH_SHA_384 : PSA_HASH_SHA_256;
}

/* --alg, else the key's policy; "any" becomes a hash that fits the key. */
static bool alg_choose(const struct cli *cli, struct input *in)
{
	const char *text = cli->alg != NULL ? cli->alg : in->key.alg[0] != '\0' ? in->key.alg : "ecdsa-sha-256";

	if (!psa_alg_from_name(text, &in->parsed) || !psa_alg_is_signature(in->parsed))
		return false;
	if (in->parsed.hash == PSA_HASH_ANY)
		in->parsed.hash = default_hash(&in->key);
	psa_alg_name(in->parsed, in->alg);
	return psa_hash_bytes(in->parsed.hash) > 0;
}

/* ---- input ------------------------------------------------------------------------------------------- */

static int hash_failed(const struct cli *cli, const char *what, struct status st)
{
	if (st.code == STATUS_ATTR_ALG)
		return cli_refuse(
			cli, KEYREEVE_INVALID, what, "this hash cannot be computed here", "use SHA-2 or SHA-3");
	return cli_refuse(cli, KEYREEVE_FAILED, what, status_text(st.code), "");
}

/* Read and hash to the end of fd, a piece at a time. */
static int hash_stream(const struct cli *cli, const char *name, int fd, struct input *in)
{
	struct digest *digest = NULL;
	struct status st = digest_new(in->parsed.hash, &digest);
	int code = 0;

	while (st.code == STATUS_OK) {
		uint8_t part[64 * 1024];
		ssize_t n = read(fd, part, sizeof(part));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			code = cli_file_failed(cli, name, errno);
		if (n <= 0)
			break;
		st = digest_add(digest, bytes_of(part, (size_t)n));
	}
	if (code == 0 && st.code == STATUS_OK)
		st = digest_end(digest, in->hash, &in->hash_len);
	digest_free(digest);
	return code != 0 || st.code == STATUS_OK ? code : hash_failed(cli, name, st);
}

static int hash_file(const struct cli *cli, const char *path, struct input *in)
{
	bool is_file = path != NULL && strcmp(path, "-") != 0;
	AUTO(own_close) int fd = is_file ? open(path, O_RDONLY | O_CLOEXEC) : -1;

	if (is_file && fd < 0)
		return cli_file_failed(cli, path, errno);
	return hash_stream(cli, is_file ? path : "standard input", is_file ? fd : STDIN_FILENO, in);
}

static int input_get(struct cli *cli, const char *name, const char *path, struct input *in)
{
	int code = cli_open(cli);

	if (code == 0)
		code = cli_key_find(cli, name, &in->key);
	if (code != 0)
		return code;
	if (!alg_choose(cli, in))
		return cli_refuse(cli, KEYREEVE_INVALID, cli->alg != NULL ? cli->alg : name,
			"no signature algorithm with a hash",
			"name one: --alg ecdsa-sha-256, --alg rsa-pss-sha-256, ...");
	in->message = buf_make(KEYREEVE_MESSAGE_MAX);
	return cli->message ? cli_read(cli, path, &in->message) : hash_file(cli, path, in);
}

static bool is_ecdsa(const struct input *in)
{
	return in->parsed.kind == PSA_ALG_ECDSA || in->parsed.kind == PSA_ALG_DETERMINISTIC_ECDSA;
}

/* ---- sign -------------------------------------------------------------------------------------------- */

static int signature_out(struct cli *cli, const struct input *in, const char *name, struct bytes raw)
{
	struct buf der = buf_make(raw.len + 64), text = buf_make(2 * KEYREEVE_SIGNATURE_MAX);
	bool as_der = is_ecdsa(in) && !cli->raw;
	int code;

	if (as_der)
		encode_ecdsa(&der, raw);
	else
		buf_put(&der, raw);
	if (cli->json) {
		json_t *o = json_object();

		encode_base64(&text, buf_bytes(&der));
		json_object_set_new(o, "key", cli_json_text(name));
		json_object_set_new(o, "algorithm", json_string(in->alg));
		json_object_set_new(o, "provider", json_string(cli_provider_name(in->key.provider)));
		json_object_set_new(o, "format", json_string(as_der ? "der" : "raw"));
		json_object_set_new(o, "signature", json_stringn((const char *)text.data, text.len));
		code = cli_json(o);
	} else {
		code = cli_write(cli, buf_bytes(&der), CLI_BASE64);
	}
	buf_done(&der);
	buf_done(&text);
	return code;
}

int cmd_sign(struct cli *cli, const char *const *argument)
{
	struct input in = { 0 };
	uint8_t signature[KEYREEVE_SIGNATURE_MAX];
	size_t len = sizeof(signature);
	enum keyreeve_result result;
	int code = input_get(cli, argument[0], argument[1], &in);

	if (code == 0) {
		result = cli->message ? keyreeve_sign_message(cli->handle, argument[0], in.alg, in.message.data,
						in.message.len, signature, &len)
				      : keyreeve_sign_hash(cli->handle, argument[0], in.alg, in.hash, in.hash_len,
						signature, &len);
		code = result == KEYREEVE_OK ? signature_out(cli, &in, argument[0], bytes_of(signature, len))
					     : cli_failed(cli, argument[0]);
	}
	buf_done(&in.message);
	return code;
}

/* ---- verify ------------------------------------------------------------------------------------------ */

/* As it is, or from base64; ECDSA: DER unless --raw, or unless it is as long as a raw one of this key. */
static bool signature_decode(const struct cli *cli, const struct input *in, struct bytes file, struct buf *to)
{
	size_t half = in->key.bits > 0 ? psa_bits_to_bytes(in->key.bits) : 32;
	struct buf binary = buf_make(4 * KEYREEVE_SIGNATURE_MAX);
	bool good = true;

	if (cli->base64)
		good = decode_base64(&binary, file, false);
	else
		buf_put(&binary, file);
	if (good && is_ecdsa(in) && !cli->raw && binary.len != 2 * half)
		good = decode_ecdsa(to, buf_bytes(&binary), half);
	else
		buf_put(to, buf_bytes(&binary));
	buf_done(&binary);
	return good && buf_check(to).code == STATUS_OK;
}

static int verified(const struct cli *cli, const char *name, enum keyreeve_result result)
{
	if (cli->json && (result == KEYREEVE_OK || result == KEYREEVE_SIGNATURE)) {
		json_t *o = json_object();

		json_object_set_new(o, "key", cli_json_text(name));
		json_object_set_new(o, "verified", json_boolean(result == KEYREEVE_OK));
		(void)cli_json(o);
		return (int)result;
	}
	if (result != KEYREEVE_OK)
		return cli_failed(cli, name);
	(void)printf("verified\n");
	return 0;
}

static bool is_standard_input(const char *path)
{
	return path == NULL || strcmp(path, "-") == 0;
}

int cmd_verify(struct cli *cli, const char *const *argument)
{
	struct buf file = buf_make(4 * KEYREEVE_SIGNATURE_MAX), signature = buf_make(KEYREEVE_SIGNATURE_MAX);
	struct input in = { 0 };
	int code;

	if (cli->signature == NULL)
		return cli_refuse(cli, KEYREEVE_INVALID, "verify", "--signature FILE is missing",
			"FILE is what keyreeve sign NAME --out FILE wrote");
	if (is_standard_input(cli->signature) && is_standard_input(argument[1]))
		return cli_refuse(cli, KEYREEVE_INVALID, "verify",
			"message and signature cannot both be standard input", "name a file for one of them");
	code = cli_read(cli, cli->signature, &file);
	if (code == 0)
		code = input_get(cli, argument[0], argument[1], &in);
	if (code == 0 && !signature_decode(cli, &in, buf_bytes(&file), &signature))
		code = cli_refuse(cli, KEYREEVE_SIGNATURE, cli->signature, "it is no signature of this kind of key",
			"--base64 for text, --raw for r and s side by side");
	else if (code == 0)
		code = verified(cli, argument[0],
			cli->message ? keyreeve_verify_message(cli->handle, argument[0], in.alg, in.message.data,
					       in.message.len, signature.data, signature.len)
				     : keyreeve_verify_hash(cli->handle, argument[0], in.alg, in.hash, in.hash_len,
					       signature.data, signature.len));
	buf_done(&file);
	buf_done(&signature);
	buf_done(&in.message);
	return code;
}

/* ---- random ------------------------------------------------------------------------------------------ */

static int random_json(struct bytes data)
{
	struct buf text = buf_make(2 * KEYREEVE_RANDOM_MAX);
	json_t *o = json_object();

	encode_base64(&text, data);
	json_object_set_new(o, "bytes", json_integer((json_int_t)data.len));
	json_object_set_new(o, "base64", json_stringn(text.len > 0 ? (const char *)text.data : "", text.len));
	buf_done(&text);
	return cli_json(o);
}

int cmd_random(struct cli *cli, const char *const *argument)
{
	uint8_t *data;
	char *end = NULL;
	unsigned long len = strtoul(argument[0], &end, 10);
	int code;

	if (argument[0][0] < '0' || argument[0][0] > '9' || *end != '\0' || len > KEYREEVE_RANDOM_MAX)
		return cli_refuse(cli, KEYREEVE_INVALID, argument[0], "not a number of bytes up to 1048576",
			"for more, ask several times");
	code = cli_open(cli);
	if (code != 0)
		return code;
	data = malloc(len > 0 ? len : 1);
	if (data == NULL)
		return cli_refuse(cli, KEYREEVE_FAILED, "random", "out of memory", "");
	if (keyreeve_generate_random(cli->handle, data, len) != KEYREEVE_OK)
		code = cli_failed(cli, "random");
	else
		code = cli->json ? random_json(bytes_of(data, len)) : cli_write(cli, bytes_of(data, len), CLI_HEX);
	explicit_bzero(data, len);
	free(data);
	return code;
}
