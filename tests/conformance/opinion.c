/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/conformance/opinion.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { VERDICT_MAX = 1024 * 1024 };

#define REQUIRE(cond)                                                                       \
	do {                                                                                \
		if (!(cond)) {                                                              \
			fprintf(stderr, "opinion: %s:%d: %s\n", __FILE__, __LINE__, #cond); \
			exit(3);                                                            \
		}                                                                           \
	} while (0)

static struct opinion_keys *all; /* for good: tokens name them later */
static size_t all_count;

static int nibble(char c)
{
	return c <= '9' ? c - '0' : c - 'a' + 10;
}

/* With a NUL behind it, for good. */
static struct bytes unhex(const json_t *value)
{
	size_t len = json_string_length(value) / 2;
	const char *text = json_string_value(value);
	uint8_t *data = calloc(1, len + 1);

	REQUIRE(text != NULL && data != NULL);
	for (size_t i = 0; i < len; i++)
		data[i] = (uint8_t)(nibble(text[2 * i]) << 4 | nibble(text[2 * i + 1]));
	return bytes_of(data, len);
}

static void bytes_free(struct bytes bytes)
{
	free((void *)(uintptr_t)bytes.data);
}

static void keys_line(const struct opinion *opinion, const json_t *line, bool is_bundle, struct buf *verdict)
{
	json_t *documents = json_object_get(line, "documents"), *pair;
	struct opinion_keys *keys;
	size_t i;

	all = reallocarray(all, all_count + 1, sizeof(*all));
	REQUIRE(all != NULL);
	keys = &all[all_count++];
	*keys = (struct opinion_keys){ .is_bundle = is_bundle };
	keys->name = strdup(json_string_value(json_object_get(line, "keys")));
	REQUIRE(keys->name != NULL);
	json_array_foreach(documents, i, pair)
	{
		REQUIRE(keys->count < OPINION_DOCUMENTS_MAX);
		keys->documents[keys->count++] =
			(struct opinion_document){ unhex(json_array_get(pair, 0)), unhex(json_array_get(pair, 1)) };
	}
	opinion->keys(keys, verdict);
}

static const struct opinion_keys *keys_find(const json_t *line)
{
	const char *name = json_string_value(json_object_get(line, "keys"));

	for (size_t i = all_count; i-- > 0;)
		if (strcmp(all[i].name, name) == 0)
			return &all[i];
	return NULL;
}

static int64_t number(const json_t *line, const char *name)
{
	return json_integer_value(json_object_get(line, name));
}

static void token_line(const struct opinion *opinion, const json_t *line, struct buf *verdict)
{
	struct opinion_token token = { .text = unhex(json_object_get(line, "input")),
		.keys = keys_find(line),
		.now_s = number(line, "time"),
		.leeway_s = number(line, "leeway"),
		.max_lifetime_s = number(line, "max_lifetime"),
		.single_audience = json_is_true(json_object_get(line, "single")) };
	json_t *audience;
	size_t i;

	REQUIRE(token.keys != NULL);
	token.text0 = (const char *)token.text.data;
	json_array_foreach(json_object_get(line, "audiences"), i, audience) token.audiences[token.audience_count++] =
		bytes_of(json_string_value(audience), json_string_length(audience));
	opinion->token(&token, verdict);
	bytes_free(token.text);
}

static void line_answer(const struct opinion *opinion, const json_t *line)
{
	const char *kind = json_string_value(json_object_get(line, "kind"));
	struct buf verdict = buf_make(VERDICT_MAX);

	REQUIRE(kind != NULL);
	if (strcmp(kind, "token") == 0) {
		token_line(opinion, line, &verdict);
	} else if (strcmp(kind, "id") == 0) {
		struct bytes text = unhex(json_object_get(line, "input"));

		opinion->id(text, &verdict);
		bytes_free(text);
	} else {
		keys_line(opinion, line, strcmp(kind, "bundle") == 0, &verdict);
	}
	REQUIRE(buf_check(&verdict).code == STATUS_OK);
	printf("%.*s\n", (int)verdict.len, (const char *)verdict.data);
	fflush(stdout);
	buf_done(&verdict);
}

int opinion_run(const struct opinion *opinion)
{
	char *text = NULL;
	size_t room = 0;
	ssize_t len;

	while ((len = getline(&text, &room, stdin)) > 0) {
		json_t *line = json_loadb(text, (size_t)len, 0, NULL);

		REQUIRE(line != NULL);
		line_answer(opinion, line);
		json_decref(line);
	}
	free(text);
	return 0;
}

void opinion_put_text(struct buf *verdict, struct bytes text)
{
	for (size_t i = 0; i < text.len; i++)
		if (text.data[i] > ' ' && text.data[i] < 0x7f)
			buf_put_u8(verdict, text.data[i]);
		else
			buf_printf(verdict, "%%%02x", text.data[i]);
}

void opinion_put_kid(struct buf *verdict, struct bytes kid)
{
	for (size_t i = 0; i < kid.len; i++)
		if (isalnum(kid.data[i]) || kid.data[i] == '.' || kid.data[i] == '_' || kid.data[i] == '-')
			buf_put_u8(verdict, kid.data[i]);
		else
			buf_printf(verdict, "%%%02x", kid.data[i]);
}
