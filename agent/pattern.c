/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/pattern.h"

#include "base/own.h"

enum { DOMAIN_MAX = 255 /* SPIFFE-ID section 2.1 */, PATTERN_EXAMPLE_MAX = 2 * CONFIG_TEXT_MAX };

static bool is_lower_or_digit(uint8_t c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

static bool is_word_byte(uint8_t c)
{
	return is_lower_or_digit(c) || (c >= 'A' && c <= 'Z') || c == '-' || c == '_' || c == '.';
}

static bool all_of(struct bytes text, bool (*is_legal)(uint8_t c))
{
	for (size_t i = 0; i < text.len; i++)
		if (!is_legal(text.data[i]))
			return false;
	return text.len > 0;
}

static bool is_domain_byte(uint8_t c)
{
	return is_lower_or_digit(c) || c == '-' || c == '_' || c == '.';
}

static bool is_direct_byte(uint8_t c)
{
	return c >= 0x20 && c != 0x7f && c != '*' && c != '{' && c != '}';
}

static bool is_name_byte(uint8_t c)
{
	return is_lower_or_digit(c) || (c >= 'A' && c <= 'Z') || c == '_';
}

bool pattern_next(struct bytes *left, struct bytes *ret_segment)
{
	const uint8_t *slash = left->len == 0 ? NULL : memchr(left->data, '/', left->len);
	size_t len = slash == NULL ? left->len : (size_t)(slash - left->data);

	if (len == 0)
		return false;
	*ret_segment = bytes_of(left->data, len);
	*left = slash == NULL ? bytes_of(NULL, 0) : bytes_of(slash + 1, left->len - len - 1);
	return true;
}

bool pattern_split(struct bytes id, struct bytes *ret_domain, struct bytes *ret_path)
{
	static const struct bytes scheme = BYTES_LITERAL("spiffe://");
	struct bytes rest, domain;

	if (id.len <= scheme.len || memcmp(id.data, scheme.data, scheme.len) != 0)
		return false;
	rest = bytes_of(id.data + scheme.len, id.len - scheme.len);
	if (!pattern_next(&rest, &domain))
		return false;
	*ret_domain = domain;
	*ret_path = rest;
	return true;
}

/* ---- parsing -------------------------------------------------------------------------------------------------- */

static const char *segment_parse(struct bytes text, bool (*is_legal)(uint8_t c), struct pattern *pattern)
{
	struct pattern_segment *to = &pattern->segment[pattern->count];
	bool is_braced = text.len > 2 && text.data[0] == '{' && text.data[text.len - 1] == '}';

	if (pattern->count == CONFIG_SEGMENTS_MAX)
		return "has more than 16 segments";
	if (is_braced && all_of(bytes_of(text.data + 1, text.len - 2), is_name_byte)) {
		*to = (struct pattern_segment){ bytes_of(text.data + 1, text.len - 2), true };
		pattern->count++;
		return NULL;
	}
	if (memchr(text.data, '{', text.len) != NULL || memchr(text.data, '}', text.len) != NULL)
		return "has a placeholder that is not one whole segment, as {name}";
	if (memchr(text.data, '*', text.len) != NULL)
		return "has '*', which means nothing here: write {name} for one segment, or a last segment ** for the "
		       "rest";
	if (!all_of(text, is_legal) || bytes_equal(text, BYTES_LITERAL(".")) || bytes_equal(text, BYTES_LITERAL("..")))
		return "has a segment that no name can have";
	*to = (struct pattern_segment){ text, false };
	pattern->count++;
	return NULL;
}

static const char *path_parse(struct bytes path, bool may_rest, bool (*is_legal)(uint8_t c), struct pattern *pattern)
{
	struct bytes segment;
	const char *why;

	if (path.len == 0)
		return "has no path";
	if (path.data[path.len - 1] == '/')
		return "ends in '/'";
	while (path.len > 0) {
		if (!pattern_next(&path, &segment))
			return "has an empty segment";
		if (may_rest && bytes_equal(segment, BYTES_LITERAL("**"))) {
			pattern->has_rest = true;
			return path.len == 0 ? NULL : "has '**' before its last segment";
		}
		why = segment_parse(segment, is_legal, pattern);
		if (why != NULL)
			return why;
	}
	return NULL;
}

static const char *placeholders_check(const struct pattern *pattern)
{
	for (uint32_t i = 0; i < pattern->count; i++)
		if (pattern->segment[i].is_placeholder &&
			pattern_placeholder(pattern, pattern->segment[i].text) != (int)i)
			return "has a placeholder twice";
	return NULL;
}

static struct status finish(
	const struct pattern *pattern, const char *why, struct pattern *ret_pattern, const char **ret_why)
{
	if (why != NULL) {
		*ret_why = why;
		return FAIL(CONFIG_SYNTAX);
	}
	*ret_pattern = *pattern;
	return OK;
}

struct status pattern_spiffe(struct bytes text, struct pattern *ret_pattern, const char **ret_why)
{
	struct pattern pattern = { .authenticator = AUTHENTICATOR_JWT_SVID };
	struct bytes path = { 0 };
	const char *why;

	if (!pattern_split(text, &pattern.domain, &path))
		why = "does not begin with spiffe:// and a trust domain";
	else if (pattern.domain.len > DOMAIN_MAX || !all_of(pattern.domain, is_domain_byte))
		why = "has a trust domain that is not one (lower-case letters, digits, '.', '-', '_')";
	else
		why = path_parse(path, true, is_word_byte, &pattern);
	return finish(&pattern, why != NULL ? why : placeholders_check(&pattern), ret_pattern, ret_why);
}

struct status pattern_direct(struct bytes text, struct pattern *ret_pattern, const char **ret_why)
{
	struct pattern pattern = { .authenticator = AUTHENTICATOR_DIRECT };
	const char *why = path_parse(text, true, is_direct_byte, &pattern);

	return finish(&pattern, why != NULL ? why : placeholders_check(&pattern), ret_pattern, ret_why);
}

/* Subjects are as free as claimed names. */
static struct status pattern_issued(
	const char *issuer, struct bytes subject, struct pattern *ret_pattern, const char **ret_why)
{
	struct pattern pattern = { .authenticator = AUTHENTICATOR_ISSUER, .domain = bytes_from_text(issuer) };
	const char *why = path_parse(subject, true, is_direct_byte, &pattern);

	return finish(&pattern, why != NULL ? why : placeholders_check(&pattern), ret_pattern, ret_why);
}

struct status pattern_template(struct bytes text, struct pattern *ret_template, const char **ret_why)
{
	struct pattern pattern = { 0 };

	return finish(&pattern, path_parse(text, false, is_word_byte, &pattern), ret_template, ret_why);
}

/* ---- matches ---------------------------------------------------------------------------------------------------- */

uint8_t pattern_authenticator(const struct config_match *match)
{
	if (match->spiffe != NULL)
		return AUTHENTICATOR_JWT_SVID;
	if (match->issuer != NULL)
		return AUTHENTICATOR_ISSUER;
	return match->direct != NULL ? AUTHENTICATOR_DIRECT : AUTHENTICATOR_UNIX_PEER;
}

const char *pattern_text(const struct config_match *match)
{
	if (match->spiffe != NULL)
		return match->spiffe;
	return match->issuer != NULL ? match->subject : match->direct;
}

struct status pattern_like(
	const struct config_match *match, struct bytes text, struct pattern *ret_pattern, const char **ret_why)
{
	if (match->spiffe != NULL)
		return pattern_spiffe(text, ret_pattern, ret_why);
	if (match->issuer != NULL)
		return pattern_issued(match->issuer, text, ret_pattern, ret_why);
	if (match->direct != NULL)
		return pattern_direct(text, ret_pattern, ret_why);
	*ret_why = "is about names, and an account has none";
	return FAIL(CONFIG_SYNTAX);
}

struct status pattern_of_match(const struct config_match *match, struct pattern *ret_pattern, const char **ret_why)
{
	const char *text = pattern_text(match);

	if (pattern_authenticator(match) != AUTHENTICATOR_UNIX_PEER)
		return pattern_like(match, bytes_from_text(text != NULL ? text : ""), ret_pattern, ret_why);
	*ret_pattern = (struct pattern){ .authenticator = AUTHENTICATOR_UNIX_PEER };
	return OK;
}

/* ---- comparing ------------------------------------------------------------------------------------------------ */

int pattern_placeholder(const struct pattern *pattern, struct bytes name)
{
	for (uint32_t i = 0; i < pattern->count; i++)
		if (pattern->segment[i].is_placeholder && bytes_equal(pattern->segment[i].text, name))
			return (int)i;
	return -1;
}

static bool same_kind(const struct pattern *a, const struct pattern *b)
{
	return a->authenticator == b->authenticator && bytes_equal(a->domain, b->domain);
}

bool pattern_is_exact(const struct pattern *pattern)
{
	for (uint32_t i = 0; i < pattern->count; i++)
		if (pattern->segment[i].is_placeholder)
			return false;
	return !pattern->has_rest;
}

static bool segment_covers(const struct pattern_segment *a, const struct pattern_segment *b)
{
	return a->is_placeholder || (!b->is_placeholder && bytes_equal(a->text, b->text));
}

bool pattern_covers(const struct pattern *earlier, const struct pattern *later)
{
	if (!same_kind(earlier, later) || later->count < earlier->count)
		return false;
	/* the rest is one segment at least, so that a rest covers a rest, or more segments */
	if (later->count == earlier->count ? earlier->has_rest != later->has_rest : !earlier->has_rest)
		return false;
	for (uint32_t i = 0; i < earlier->count; i++)
		if (!segment_covers(&earlier->segment[i], &later->segment[i]))
			return false;
	return true;
}

bool pattern_matches(const struct pattern *pattern, struct bytes domain, struct bytes path)
{
	struct bytes segment;

	if (!bytes_equal(pattern->domain, domain))
		return false;
	for (uint32_t i = 0; i < pattern->count; i++)
		if (!pattern_next(&path, &segment) ||
			(!pattern->segment[i].is_placeholder && !bytes_equal(pattern->segment[i].text, segment)))
			return false;
	return (path.len > 0) == pattern->has_rest;
}

/* The literal that stands there, empty for any segment; false beyond the pattern's end. */
static bool segment_at(const struct pattern *pattern, uint32_t i, struct bytes *ret_literal)
{
	*ret_literal = (struct bytes){ 0 };
	if (i >= pattern->count)
		return pattern->has_rest;
	if (!pattern->segment[i].is_placeholder)
		*ret_literal = pattern->segment[i].text;
	return true;
}

bool pattern_meet(const struct pattern *a, const struct pattern *b, struct buf *example)
{
	uint32_t a_least = a->count + a->has_rest, b_least = b->count + b->has_rest;
	uint32_t count = a_least > b_least ? a_least : b_least;
	AUTO(buf_done) struct buf name = buf_make(PATTERN_EXAMPLE_MAX);
	bool is_issued;

	if (!same_kind(a, b))
		return false;
	if (a->domain.len > 0) {
		is_issued = a->authenticator == AUTHENTICATOR_ISSUER;
		buf_put_text(&name, is_issued ? "issuer:" : "spiffe://");
		buf_put(&name, a->domain);
		buf_put_text(&name, is_issued ? " " : "/");
	}
	for (uint32_t i = 0; i < count; i++) {
		struct bytes left, right;

		if (!segment_at(a, i, &left) || !segment_at(b, i, &right) ||
			(left.len > 0 && right.len > 0 && !bytes_equal(left, right)))
			return false;
		buf_put_text(&name, i > 0 ? "/" : "");
		buf_put(&name, left.len > 0 ? left : right.len > 0 ? right : BYTES_LITERAL("x"));
	}
	if (example != NULL)
		buf_put(example, buf_bytes(&name));
	return true;
}

bool pattern_templates_meet(const struct pattern *a, const struct pattern *b)
{
	if (a->count != b->count)
		return false;
	for (uint32_t i = 0; i < a->count; i++)
		if (!segment_covers(&a->segment[i], &b->segment[i]) && !segment_covers(&b->segment[i], &a->segment[i]))
			return false;
	return true;
}

static bool segments_equal(const struct pattern *a, const struct pattern *b, uint32_t count)
{
	if (a->count < count || b->count < count)
		return false;
	for (uint32_t i = 0; i < count; i++)
		if (a->segment[i].is_placeholder != b->segment[i].is_placeholder ||
			!bytes_equal(a->segment[i].text, b->segment[i].text))
			return false;
	return true;
}

bool pattern_same_tenant(const struct pattern *match_a, const struct pattern *template_a, const struct pattern *match_b,
	const struct pattern *template_b)
{
	uint32_t through = 0;

	if (template_a->count != template_b->count || !segments_equal(template_a, template_b, template_a->count))
		return false;
	for (uint32_t i = 0; i < template_a->count; i++) {
		int at = template_a->segment[i].is_placeholder
				 ? pattern_placeholder(match_a, template_a->segment[i].text)
				 : -1;

		if (at >= (int)through)
			through = (uint32_t)at + 1;
	}
	return segments_equal(match_a, match_b, through);
}

/* ---- key names ------------------------------------------------------------------------------------------------ */

/* Greedy with one point to come back to: after a later '*' an earlier one never has to be tried again. */
bool pattern_key(struct bytes pattern, struct bytes name)
{
	size_t p = 0, n = 0, star = SIZE_MAX, resume = 0;

	while (n < name.len) {
		if (p < pattern.len && pattern.data[p] == '*') {
			star = p++;
			resume = n;
		} else if (p < pattern.len && pattern.data[p] == name.data[n]) {
			p++;
			n++;
		} else if (star != SIZE_MAX) {
			p = star + 1;
			n = ++resume;
		} else {
			return false;
		}
	}
	while (p < pattern.len && pattern.data[p] == '*')
		p++;
	return p == pattern.len;
}
