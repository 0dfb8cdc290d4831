/* SPDX-License-Identifier: Apache-2.0
 *
 * keyreeve-corpus SEED COUNT: mutations of good tokens and key documents, written with our verdict to the file that
 * KEYREEVE_CORPUS names (tests/support/corpus.h).  First every single one: each member of header, claims, JWK and
 * document dropped, doubled, retyped, renamed, reordered, written otherwise; each text cut at every length; signatures
 * bent.  Then COUNT more, two or three at a time as the seed decides. */
#include <jansson.h>
#include <stdlib.h>

#include "tests/support/corpus.h"
#include "tests/support/mint_x509.h"
#include "tests/unit/jwtsvid/world.h"

enum { MEMBERS_MAX = 12, NAME_BYTES = 160 };

static size_t written;

/* ---- JSON objects as text ------------------------------------------------------------------------------ */

/* Raw JSON: the name with its quotes, the value as it is written, and another value that would be as good. */
struct member {
	const char *name, *value, *other;
};
struct object {
	struct member at[MEMBERS_MAX];
	size_t count;
};

/* Text that grows; the last one is the caller's to free(). */
static void add(char **text, const char *more)
{
	char *longer = mint_printf("%s%s", *text != NULL ? *text : "", more);

	free(*text);
	*text = longer;
}

static char *object_text(const struct object *o)
{
	char *text = NULL;

	add(&text, "{");
	for (size_t i = 0; i < o->count; i++) {
		add(&text, i > 0 ? "," : "");
		add(&text, o->at[i].name);
		add(&text, ":");
		add(&text, o->at[i].value);
	}
	add(&text, "}");
	return text;
}

/* The members of a JSON object, for good. */
static struct object object_of(const char *text)
{
	json_t *root = json_loads(text, 0, NULL), *value;
	struct object o = { 0 };
	const char *name;

	assert_non_null(root);
	json_object_foreach(root, name, value)
	{
		char *dumped = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);

		assert_true(o.count < MEMBERS_MAX);
		o.at[o.count++] = (struct member){ mint_printf("\"%s\"", name), dumped, "\"other\"" };
	}
	json_decref(root);
	return o;
}

static bool is_text(const char *value)
{
	return value[0] == '"';
}

/* "abc" with every byte as \u00XX. */
static char *escaped(const char *value)
{
	char *text = NULL;

	add(&text, "\"");
	for (const char *at = value + 1; at[1] != '\0'; at++) {
		char *one = mint_printf("\\u%04x", (uint8_t)*at);

		add(&text, one);
		free(one);
	}
	add(&text, "\"");
	return text;
}

static char *upper(const char *text, size_t letters)
{
	char *copy = mint_printf("%s", text);

	for (char *at = copy; *at != '\0' && letters > 0; at++)
		if (*at >= 'a' && *at <= 'z') {
			*at = (char)(*at - 32);
			letters--;
		}
	return copy;
}

/* ---- one mutation of an object --------------------------------------------------------------------------
 * Each returns its n-th text, or NULL, and then takes its number of texts off n. */

typedef char *operator(const struct object *o, size_t *n, char *name);

static char *named(char *name, const char *what, const char *member, char *text)
{
	(void)snprintf(name, NAME_BYTES, "%s %s", what, member);
	return text;
}

/* Where in n the operator's texts lie: count of them per member. */
static bool is_mine(const struct object *o, size_t *n, size_t count, size_t *ret_member, size_t *ret_choice)
{
	if (*n >= o->count * count) {
		*n -= o->count * count;
		return false;
	}
	*ret_member = *n / count;
	*ret_choice = *n % count;
	return true;
}

static struct object without(const struct object *o, size_t member)
{
	struct object less = *o;

	memmove(&less.at[member], &less.at[member + 1], (less.count - member - 1) * sizeof(less.at[0]));
	less.count--;
	return less;
}

static struct object inserted(const struct object *o, size_t place, struct member one)
{
	struct object more = *o;

	memmove(&more.at[place + 1], &more.at[place], (more.count - place) * sizeof(more.at[0]));
	more.at[place] = one;
	more.count++;
	return more;
}

static char *dropped(const struct object *o, size_t *n, char *name)
{
	struct object changed;
	size_t m, choice;

	if (!is_mine(o, n, 1, &m, &choice))
		return NULL;
	changed = without(o, m);
	return named(name, "drop", o->at[m].name, object_text(&changed));
}

static char *doubled(const struct object *o, size_t *n, char *name)
{
	static const char *const what[] = { "double", "double other first", "double other last" };
	struct object changed;
	size_t m, choice;

	if (!is_mine(o, n, 3, &m, &choice))
		return NULL;
	changed = inserted(o, choice == 1 ? m : o->count,
		(struct member){ o->at[m].name, choice == 0 ? o->at[m].value : o->at[m].other, NULL });
	return named(name, what[choice], o->at[m].name, object_text(&changed));
}

static char *retyped(const struct object *o, size_t *n, char *name)
{
	static const char *const values[] = { "null", "true", "false", "0", "-1", "1.5", "1e400", "1e300",
		"9223372036854775808", "\"\"", "\"x\"", "\"\\u0000\"", "[]", "{}", "[null]", "[[%s]]", "[%s]",
		"{\"x\":%s}", "\"%s\"", "[%s,1]", "[%s,\"\"]", "[\"y\",%s]" };
	enum { COUNT = sizeof(values) / sizeof(values[0]) };
	struct object changed = *o;
	size_t m, choice;
	char *value = NULL, *text;
	const char *hole;

	if (!is_mine(o, n, COUNT, &m, &choice))
		return NULL;
	hole = strchr(values[choice], '%');
	if (hole == NULL) {
		add(&value, values[choice]);
	} else if (values[choice][0] == '"' && is_text(o->at[m].value)) {
		add(&value, "\"\\\"\""); /* a quote inside a string */
	} else {
		value = mint_printf("%.*s%s%s", (int)(hole - values[choice]), values[choice], o->at[m].value, hole + 2);
	}
	changed.at[m].value = value;
	text = object_text(&changed);
	(void)snprintf(name, NAME_BYTES, "retype %s as %s", o->at[m].name, values[choice]);
	free(value);
	return text;
}

static char *reordered(const struct object *o, size_t *n, char *name)
{
	struct object changed = *o;
	size_t m, choice;

	if (!is_mine(o, n, o->count, &m, &choice))
		return NULL;
	changed = without(o, m);
	changed = inserted(&changed, choice, o->at[m]);
	return named(name, "move", o->at[m].name, object_text(&changed));
}

static char *rewritten(const struct object *o, size_t *n, char *name)
{
	static const char *const what[] = { "escape name of", "escape value of", "space around", "capital in name of",
		"capitals in name of", "number form of" };
	struct object changed = *o;
	char *text = NULL, *made = NULL;
	struct member *it;
	size_t m, choice;

	if (!is_mine(o, n, 6, &m, &choice))
		return NULL;
	it = &changed.at[m];
	switch (choice) {
	case 0:
		it->name = made = escaped(it->name);
		break;
	case 1:
		it->value = made = is_text(it->value) ? escaped(it->value) : mint_printf(" %s", it->value);
		break;
	case 2:
		it->value = made = mint_printf(" \t\r\n%s \n", it->value);
		break;
	case 3:
	case 4:
		it->name = made = upper(it->name, choice == 3 ? 1 : SIZE_MAX);
		break;
	default:
		it->value = made = mint_printf(is_text(it->value) ? "%s " : "%s.0", it->value);
	}
	text = object_text(&changed);
	free(made);
	return named(name, what[choice], o->at[m].name, text);
}

/* A member's own text, cut at every length. */
static char *value_cut(const struct object *o, size_t *n, char *name)
{
	for (size_t m = 0; m < o->count; m++) {
		size_t len = is_text(o->at[m].value) ? strlen(o->at[m].value) - 2 : 0;
		struct object changed = *o;
		char *value, *text;

		if (*n >= len) {
			*n -= len;
			continue;
		}
		changed.at[m].value = value = mint_printf("\"%.*s\"", (int)*n, o->at[m].value + 1);
		text = object_text(&changed);
		free(value);
		return named(name, "cut value of", o->at[m].name, text);
	}
	return NULL;
}

static char *cut(const struct object *o, size_t *n, char *name)
{
	char *text = object_text(o);
	size_t len = strlen(text);

	if (*n >= len) {
		*n -= len;
		free(text);
		return NULL;
	}
	text[*n] = '\0';
	return named(name, "cut", "text", text);
}

static char *wrapped(const struct object *o, size_t *n, char *name)
{
	static const char *const forms[] = { "[%s]", "%s%s", "%s x", "\xef\xbb\xbf%s", " %s\n", "%s,", "(%s)",
		"{\"x\":%s}", "%s]", "\xff%s", "%s/**/" };
	enum { COUNT = sizeof(forms) / sizeof(forms[0]) };
	char *plain = object_text(o), *text = NULL;

	if (*n < COUNT)
		for (const char *at = forms[*n]; *at != '\0'; at++) {
			bool is_hole = at[0] == '%';

			add(&text, is_hole ? plain : (const char[]){ *at, '\0' });
			at += is_hole;
		}
	else
		*n -= COUNT;
	free(plain);
	return text != NULL ? named(name, "wrap", "text", text) : NULL;
}

static operator* const operators[] = { dropped, doubled, retyped, reordered, rewritten, value_cut, cut, wrapped };

/* The n-th mutation; NULL past the last. */
static char *mutant(const struct object *o, size_t n, char *name)
{
	char *text = NULL;

	for (size_t i = 0; i < sizeof(operators) / sizeof(operators[0]) && text == NULL; i++)
		text = operators[i](o, &n, name);
	return text;
}

/* How many there are. */
static size_t mutants(const struct object *o)
{
	char name[NAME_BYTES], *text;
	size_t low = 0, high = 1 << 14;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		text = mutant(o, middle, name);
		*(text != NULL ? &low : &high) = text != NULL ? middle + 1 : middle;
		free(text);
	}
	return low;
}

/* ---- tokens ------------------------------------------------------------------------------------------------ */

struct good {
	const char *name;
	enum world_key key;
	enum mint_alg alg;
	struct object header, claims;
};

/* clang-format off */
static struct good goods[] = {
	{ "ES256", K1, MINT_ES256, { { { 0 } }, 0 }, { { { 0 } }, 0 } },
	{ "RS256", R1, MINT_RS256, { { { 0 } }, 0 }, { { { 0 } }, 0 } },
	{ "PS256", R1, MINT_PS256, { { { 0 } }, 0 }, { { { 0 } }, 0 } },
	{ "ES384", E3, MINT_ES384, { { { 0 } }, 0 }, { { { 0 } }, 0 } },
	{ "ES512", E5, MINT_ES512, { { { 0 } }, 0 }, { { { 0 } }, 0 } },
	{ "RS384", R1, MINT_RS384, { { { 0 } }, 0 }, { { { 0 } }, 0 } },
	{ "RS512", R1, MINT_RS512, { { { 0 } }, 0 }, { { { 0 } }, 0 } },
	{ "PS384", R1, MINT_PS384, { { { 0 } }, 0 }, { { { 0 } }, 0 } },
	{ "PS512", R1, MINT_PS512, { { { 0 } }, 0 }, { { { 0 } }, 0 } },
};
static const struct object claims = { {
	{ "\"sub\"", "\"spiffe://example.org/w\"", "\"spiffe://example.org/admin\"" },
	{ "\"aud\"", "[\"A\"]", "[\"B\"]" },
	{ "\"exp\"", "1900000000", "1" },
	{ "\"iat\"", "1899999700", "1900009700" },
	{ "\"nbf\"", "1899999700", "1900009700" },
	{ "\"iss\"", "\"https://spire.example.org\"", "\"x\"" },
	{ "\"jti\"", "\"0123456789abcdef\"", "\"x\"" },
}, 7 };
/* clang-format on */
enum { GOODS = sizeof(goods) / sizeof(goods[0]) };

static void goods_make(void)
{
	static const char *const kids[KEY_COUNT] = {
		[K1] = "\"k1\"", [R1] = "\"r1\"", [E3] = "\"e3\"", [E5] = "\"e5\""
	};

	for (size_t i = 0; i < GOODS; i++) {
		goods[i].header =
			(struct object){ {
						 { "\"alg\"", mint_printf("\"%s\"", goods[i].name), "\"none\"" },
						 { "\"kid\"", kids[goods[i].key], "\"e3\"" },
						 { "\"typ\"", "\"JWT\"", "\"x\"" },
					 },
				3 };
		goods[i].claims = claims;
	}
}

static void ask(const char *name, char *token, const struct keyset *keys)
{
	written++;
	(void)world_verify(name, token, keys, &world()->rules);
}

static char *token_of(const struct good *good, const char *header, const char *payload)
{
	return mint_token(header, payload, world()->key[good->key], good->alg);
}

static void objects_of_token(const struct good *good)
{
	char *header = object_text(&good->header), *payload = object_text(&good->claims), name[NAME_BYTES], *text;
	char full[NAME_BYTES + 32];

	for (size_t n = 0; (text = mutant(&good->header, n, name)) != NULL; n++) {
		(void)snprintf(full, sizeof(full), "M %s header %s", good->name, name);
		ask(full, token_of(good, text, payload), world()->keys);
		free(text);
	}
	for (size_t n = 0; (text = mutant(&good->claims, n, name)) != NULL; n++) {
		(void)snprintf(full, sizeof(full), "M %s claims %s", good->name, name);
		ask(full, token_of(good, header, text), world()->keys);
		free(text);
	}
	free(header);
	free(payload);
}

/* One place of the token's text: something put in, or what follows it cut off. */
static char *text_mutant(const char *token, size_t place, unsigned choice, char *name)
{
	static const char *const puts[] = { "=", "==", "+", "/", " ", "\n", "\r\n", "\t", "~", ".", "A", "-", "%3d",
		"\xc3\xa4", "AAAA" };
	enum { PUTS = sizeof(puts) / sizeof(puts[0]) };

	if (choice % (PUTS + 1) == PUTS) {
		(void)snprintf(name, NAME_BYTES, "token cut");
		return mint_printf("%.*s", (int)place, token);
	}
	(void)snprintf(name, NAME_BYTES, "token insert %%%02x", (uint8_t)puts[choice % (PUTS + 1)][0]);
	return mint_printf("%.*s%s%s", (int)place, token, puts[choice % (PUTS + 1)], token + place);
}

static void texts_of_token(const struct good *good)
{
	char *header = object_text(&good->header), *payload = object_text(&good->claims), name[NAME_BYTES];
	char full[NAME_BYTES + 32], *token = token_of(good, header, payload);
	size_t len = strlen(token);

	for (size_t place = 0; place <= len; place++) {
		char *text = text_mutant(token, place, 15, name);

		(void)snprintf(full, sizeof(full), "M %s %s", good->name, name);
		ask(full, text, world()->keys);
		text = text_mutant(token, place, (unsigned)(mint_random() % 15), name);
		(void)snprintf(full, sizeof(full), "M %s %s", good->name, name);
		ask(full, text, world()->keys);
	}
	free(token);
	free(header);
	free(payload);
}

/* The signature's bytes: cut at every length, one more in front or behind, one bit of each changed. */
static void signatures_of_token(const struct good *good)
{
	char *header = object_text(&good->header), *payload = object_text(&good->claims), *token, full[NAME_BYTES];
	uint8_t *signature, longer[1024] = { 0 };
	size_t len;

	token = token_of(good, header, payload);
	signature = mint_signature(token, &len);
	for (size_t i = 0; i < len; i++) {
		(void)snprintf(full, sizeof(full), "M %s signature cut", good->name);
		ask(full, mint_token_signed(header, payload, bytes_of(signature, i)), world()->keys);
		signature[i] ^= (uint8_t)(1 << i % 8);
		(void)snprintf(full, sizeof(full), "M %s signature bit", good->name);
		ask(full, mint_token_signed(header, payload, bytes_of(signature, len)), world()->keys);
		signature[i] ^= (uint8_t)(1 << i % 8);
	}
	for (size_t before = 0; before < 4; before++)
		for (size_t after = 0; after < 4; after++) {
			memset(longer, 0, sizeof(longer));
			memcpy(longer + before, signature, len);
			(void)snprintf(full, sizeof(full), "M %s signature zeros", good->name);
			ask(full, mint_token_signed(header, payload, bytes_of(longer, before + len + after)),
				world()->keys);
		}
	free(signature);
	free(token);
	free(header);
	free(payload);
}

/* ---- key documents ------------------------------------------------------------------------------------------ */

/* The document (taken), and two tokens under it: of the key that was changed, and of its neighbour e3. */
static void document_ask(const char *name, char *document, const struct good *good)
{
	struct keyset *keys = world_keyset_of(document);
	char *header = object_text(&good->header), *payload = object_text(&good->claims);
	char *other = object_text(&goods[3].header);

	ask(name, token_of(good, header, payload), keys);
	ask(name, token_of(&goods[3], other, payload), keys);
	keyset_unref(keys);
	free(header);
	free(payload);
	free(other);
}

static char *document_of(const char *jwk, const char *other)
{
	return mint_printf("{\"keys\":[%s,%s],\"spiffe_sequence\":1,\"spiffe_refresh_hint\":300}", jwk, other);
}

static struct object jwk_of(const struct good *good, const char *kid, const char *more)
{
	char *text = mint_jwk(world()->key[good->key], kid, more);
	struct object o = object_of(text);

	free(text);
	return o;
}

static const char *const jwk_more = "\"use\":\"jwt-svid\",\"key_ops\":[\"verify\"]";

static void jwks_of(const struct good *good, const char *kid)
{
	struct object jwk = jwk_of(good, kid, jwk_more), document;
	char *e3 = mint_jwk(world()->key[E3], "e3", NULL), name[NAME_BYTES], full[NAME_BYTES + 32], *text, *whole;

	for (size_t n = 0; (text = mutant(&jwk, n, name)) != NULL; n++) {
		(void)snprintf(full, sizeof(full), "M %s jwk %s", good->name, name);
		document_ask(full, document_of(text, e3), good);
		free(text);
	}
	text = object_text(&jwk);
	whole = document_of(text, e3);
	document = object_of(whole);
	for (size_t n = 0; good->key == K1 && (text = mutant(&document, n, name)) != NULL; n++) {
		(void)snprintf(full, sizeof(full), "M %s document %s", good->name, name);
		document_ask(full, text, good);
	}
	free(whole);
	free(e3);
}

/* SPIFFE bundle documents: no tokens, the keys that are found are the verdict. */
static void bundle_put(const char *name, const char *document)
{
	static uint64_t number = UINT64_C(1) << 32;
	struct buf list = buf_make(65536);

	mint_list_put(&list, "spiffe://example.org", document);
	corpus_put_keys("bundle", name, ++number, buf_bytes(&list));
	written++;
	buf_done(&list);
}

/* Every mutation of one object, in the document that `around` makes of it. */
static void bundles_of(const char *what, const struct object *o, const char *other)
{
	char name[NAME_BYTES], full[NAME_BYTES + 32], *text;

	for (size_t n = 0; (text = mutant(o, n, name)) != NULL; n++) {
		char *whole = other != NULL ? document_of(text, other) : mint_printf("%s", text);

		(void)snprintf(full, sizeof(full), "M bundle %s %s", what, name);
		bundle_put(full, whole);
		free(whole);
		free(text);
	}
}

static void bundles(void)
{
	const struct mint_cert root = { .key = world()->key[OTHER],
		.subject = "root",
		.issuer = "root",
		.uri = { "spiffe://example.org" },
		.basic = "critical,CA:TRUE",
		.usage = "critical,keyCertSign,cRLSign",
		.hash = "SHA256",
		.from_s = NOW - 3600,
		.to_s = NOW + 3600 };
	struct bytes der = mint_certificate(&root);
	char *x5c = mint_base64(der), *more = mint_printf("\"use\":\"x509-svid\",\"x5c\":[\"%s\"]", x5c);
	char *authority = mint_jwk(root.key, NULL, more),
	     *jwt = mint_jwk(world()->key[K1], "k1", "\"use\":\"jwt-svid\"");
	char *whole = document_of(authority, jwt);
	struct object a = object_of(authority), b = object_of(jwt), document = object_of(whole);

	bundles_of("authority", &a, jwt);
	bundles_of("jwk", &b, authority);
	bundles_of("document", &document, NULL);
	mint_bytes_free(&der);
	free(x5c);
	free(more);
	free(authority);
	free(jwt);
	free(whole);
}

/* ---- several at a time --------------------------------------------------------------------------------------- */

/* A random mutation of the object, or every fourth time none. */
static char *sometimes(const struct object *o, size_t count, const char *what, char *full, size_t room)
{
	char name[NAME_BYTES], *text;
	size_t used = strlen(full);

	if (mint_random() % 4 == 0)
		return object_text(o);
	text = mutant(o, mint_random() % count, name);
	assert_non_null(text);
	(void)snprintf(full + used, room - used, " %s %s", what, name);
	return text;
}

static void several(const struct good *good)
{
	static size_t headers[GOODS], payloads[GOODS];
	size_t g = (size_t)(good - goods);
	char full[3 * NAME_BYTES] = "", name[NAME_BYTES], *header, *payload, *token;

	if (headers[g] == 0) {
		headers[g] = mutants(&good->header);
		payloads[g] = mutants(&good->claims);
	}
	(void)snprintf(full, sizeof(full), "R %s", good->name);
	header = sometimes(&good->header, headers[g], "header", full, sizeof(full));
	payload = sometimes(&good->claims, payloads[g], "claims", full, sizeof(full));
	token = token_of(good, header, payload);
	if (mint_random() % 4 == 0) {
		char *text = text_mutant(token, mint_random() % strlen(token), (unsigned)mint_random(), name);

		(void)snprintf(full + strlen(full), sizeof(full) - strlen(full), " %s", name);
		free(token);
		token = text;
	}
	ask(full, token, world()->keys);
	free(header);
	free(payload);
}

int main(int argc, char **argv)
{
	if (argc != 3 || !corpus_is_open()) {
		fprintf(stderr, "usage: KEYREEVE_CORPUS=FILE keyreeve-corpus SEED COUNT\n");
		return 2;
	}
	(void)world();
	goods_make();
	mint_seed(strtoull(argv[1], NULL, 10));
	for (size_t i = 0; i < GOODS; i++)
		objects_of_token(&goods[i]);
	texts_of_token(&goods[0]);
	texts_of_token(&goods[1]);
	for (size_t i = 0; i < 4; i++)
		signatures_of_token(&goods[i]);
	jwks_of(&goods[0], "k1");
	jwks_of(&goods[1], "r1");
	bundles();
	for (size_t singles = written, count = strtoull(argv[2], NULL, 10); written < singles + count;)
		several(&goods[mint_random() % GOODS]);
	printf("%zu\n", written);
	return 0;
}
