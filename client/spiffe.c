/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/secret.h"
#include "client/keyreeve_spiffe.h"
#include "spiffe/workload.h"
#include "spiffe/workload_jwt.h"

enum { FETCH_MS = 10000 };

struct keyreeve_spiffe {
	struct endpoint endpoint;
	char *audience; /* owned */
	struct secret token;
	int64_t refresh_s; /* from then on a new one is fetched */
};

static int fail(char *reason, const char *text)
{
	if (reason != NULL)
		(void)snprintf(reason, KEYREEVE_TEXT_BYTES, "%s", text);
	return -1;
}

static int endpoint_wrong(char *reason, const char *endpoint)
{
	const char *variable = getenv(ENDPOINT_VARIABLE);

	if (reason == NULL)
		return -1;
	if (endpoint == NULL && (variable == NULL || variable[0] == '\0'))
		return fail(reason, "no Workload API: " ENDPOINT_VARIABLE " is not set");
	(void)snprintf(reason, KEYREEVE_TEXT_BYTES,
		"%.100s%.100s is no address of a Workload API, such as unix:///path",
		endpoint == NULL ? ENDPOINT_VARIABLE "=" : "", endpoint != NULL ? endpoint : variable);
	return -1;
}

const char *keyreeve_spiffe_library(void)
{
	return workload_library_version();
}

int keyreeve_spiffe_open(
	const char *endpoint, const char *audience, struct keyreeve_spiffe **ret_source, char *ret_reason)
{
	struct keyreeve_spiffe *source = calloc(1, sizeof(*source));

	if (source == NULL)
		return fail(ret_reason, "out of memory");
	source->audience = strdup(audience != NULL ? audience : "parsec");
	if (source->audience == NULL || endpoint_choose(endpoint, &source->endpoint).code != STATUS_OK) {
		int rc = source->audience == NULL ? fail(ret_reason, "out of memory")
						  : endpoint_wrong(ret_reason, endpoint);

		free(source->audience);
		free(source);
		return rc;
	}
	workload_library_begin();
	*ret_source = source;
	return 0;
}

void keyreeve_spiffe_close(struct keyreeve_spiffe *source)
{
	if (source == NULL)
		return;
	workload_library_end();
	secret_done(&source->token);
	free(source->audience);
	free(source);
}

/* "At half of its life" (WA-17); a token without a start counts from now. */
static int64_t half_life(struct bytes token, struct bytes id, const struct bytes *audience, int64_t now_s)
{
	struct workload_jwt_times times;

	if (workload_jwt_check(token, id, audience, 1, now_s, &times).code != STATUS_OK)
		return now_s;
	if (times.start_s == 0 || times.start_s > times.expires_s)
		times.start_s = now_s;
	return times.start_s + (times.expires_s - times.start_s) / 2;
}

static int fetch(struct keyreeve_spiffe *source, int64_t now_s, char *reason)
{
	struct bytes audience = bytes_from_text(source->audience);
	struct workload_jwt_request request = {
		.endpoint = &source->endpoint, .audiences = &audience, .audience_count = 1, .deadline_ms = FETCH_MS
	};
	char why[WORKLOAD_REASON_BYTES] = "";
	struct workload_jwts *jwts = calloc(1, sizeof(*jwts));
	struct bytes token;
	int rc = 0;

	if (jwts == NULL)
		return fail(reason, "out of memory");
	if (workload_fetch_jwt(&request, jwts, why).code != STATUS_OK) {
		free(jwts);
		return fail(reason, why[0] != '\0' ? why : "the Workload API gave none");
	}
	token = jwts->item[0].token;
	secret_done(&source->token);
	if (secret_alloc(&source->token, token.len).code == STATUS_OK) {
		memcpy(source->token.data, token.data, token.len);
		source->refresh_s = half_life(token, jwts->item[0].spiffe_id, &audience, now_s);
	} else {
		rc = fail(reason, "out of memory");
	}
	workload_jwts_done(jwts);
	free(jwts);
	return rc;
}

int keyreeve_spiffe_token(void *context, int again, char *buffer, size_t size, size_t *ret_len, char *reason)
{
	struct keyreeve_spiffe *source = context;
	int64_t now_s = clock_wall_us() / US_PER_S;

	if (again != 0 || source->token.len == 0 || now_s >= source->refresh_s)
		if (fetch(source, now_s, reason) != 0)
			return -1;
	if (source->token.len > size)
		return fail(reason, "the token is too long");
	memcpy(buffer, source->token.data, source->token.len);
	*ret_len = source->token.len;
	return 0;
}
