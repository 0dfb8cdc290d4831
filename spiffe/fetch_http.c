/* SPDX-License-Identifier: Apache-2.0 */
#include "spiffe/fetch_http.h"

#include <curl/curl.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/own.h"
#include "spiffe/x509.h"

struct fetch_http {
	CURLM *multi;
	char *ca_file; /* owned */
	struct fetch_http_events events;
	struct transfer *transfers; /* owned */
};

struct transfer {
	struct transfer *next;
	struct fetch_http *http;	   /* borrowed */
	const struct fetch_source *source; /* borrowed */
	uint64_t id;
	uint64_t until_us;
	CURL *curl;
	struct x509svid_bundles *authorities; /* https_spiffe */
	unsigned redirects;
	struct buf body;
	struct fault refused; /* why the certificate was, or the body */
	char error[CURL_ERROR_SIZE];
};

static void transfer_free(struct transfer *transfer)
{
	if (transfer->curl != NULL) {
		(void)curl_multi_remove_handle(transfer->http->multi, transfer->curl); /* it was added, or never */
		curl_easy_cleanup(transfer->curl);
	}
	x509svid_bundles_unref(transfer->authorities);
	buf_done(&transfer->body);
	free(transfer);
}

static void transfer_done(struct transfer **transfer)
{
	if (*transfer != NULL)
		transfer_free(*transfer);
}

/* ---- the server's certificate under https_spiffe ------------------------------------------------------- */

/* Instead of everything that OpenSSL would check itself: "the SPIFFE ID of the endpoint MUST match" (Federation
 * 5.2.2.4), and the authorities are those of this one question. */
static struct status server_verify(STACK_OF(X509) * shown, const struct transfer *transfer)
{
	struct bytes chain[X509SVID_CHAIN_MAX] = { { 0 } };
	AUTO(spiffe_id_done) struct spiffe_id id = { 0 };
	int count = sk_X509_num(shown);
	struct status st;

	for (int i = 0; i < count && i < X509SVID_CHAIN_MAX; i++) {
		uint8_t *der = NULL;
		int len = i2d_X509(sk_X509_value(shown, i), &der);

		chain[i] = bytes_of(der, len > 0 ? (size_t)len : 0);
	}
	st = x509svid_verify(
		chain, count > 0 ? (size_t)count : 0, transfer->authorities, clock_wall_us() / US_PER_S, &id);
	for (int i = 0; i < X509SVID_CHAIN_MAX; i++)
		OPENSSL_free((void *)(uintptr_t)chain[i].data);
	TRY(st);
	ENSURE(bytes_equal(spiffe_id_text(&id), transfer->source->endpoint_id), X509_ID);
	return OK;
}

static int verify_callback(X509_STORE_CTX *store, void *context)
{
	struct transfer *transfer = context;

	if (server_verify(X509_STORE_CTX_get0_untrusted(store), transfer).code == STATUS_OK) {
		X509_STORE_CTX_set_error(store, X509_V_OK);
		return 1;
	}
	fault_take(&transfer->refused);
	X509_STORE_CTX_set_error(store, X509_V_ERR_APPLICATION_VERIFICATION);
	return 0;
}

/* For every connection anew, those of redirects too. */
static CURLcode context_callback(CURL *curl, void *ssl_context, void *context)
{
	(void)curl;
	SSL_CTX_set_cert_verify_callback(ssl_context, verify_callback, context);
	return CURLE_OK;
}

/* ---- one transfer -------------------------------------------------------------------------------------- */

/* The library has a limit of its own only for bodies whose length is announced. */
static size_t body_callback(char *data, size_t size, size_t count, void *context)
{
	struct transfer *transfer = context;

	buf_put(&transfer->body, bytes_of(data, size * count));
	return transfer->body.bad ? 0 : size * count;
}

static bool set_common(CURL *curl, struct transfer *transfer)
{
	return curl_easy_setopt(curl, CURLOPT_PRIVATE, transfer) == CURLE_OK &&
	       curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, transfer->error) == CURLE_OK &&
	       curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, body_callback) == CURLE_OK &&
	       curl_easy_setopt(curl, CURLOPT_WRITEDATA, transfer) == CURLE_OK &&
	       curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
	       curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "https") == CURLE_OK &&
	       curl_easy_setopt(curl, CURLOPT_DISALLOW_USERNAME_IN_URL, 1L) == CURLE_OK &&
	       curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L) == CURLE_OK && /* looked at here, one by one */
	       curl_easy_setopt(curl, CURLOPT_PROXY, "") == CURLE_OK &&		 /* nor one of the environment */
	       curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1) == CURLE_OK &&
	       curl_easy_setopt(curl, CURLOPT_USERAGENT, "keyreeve") == CURLE_OK &&
	       curl_easy_setopt(curl, CURLOPT_MAXFILESIZE, (long)FETCH_DOCUMENT_MAX) == CURLE_OK &&
	       curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, (long)FETCH_CONNECT_MS) == CURLE_OK &&
	       curl_easy_setopt(curl, CURLOPT_FRESH_CONNECT, 1L) == CURLE_OK &&
	       curl_easy_setopt(curl, CURLOPT_FORBID_REUSE, 1L) == CURLE_OK;
}

/* A resumed session would show no certificate; the callback's answer counts only with VERIFYPEER. */
static bool set_tls(CURL *curl, struct transfer *transfer)
{
	bool is_spiffe = transfer->source->profile == FETCH_HTTPS_SPIFFE;

	if (curl_easy_setopt(curl, CURLOPT_SSL_SESSIONID_CACHE, 0L) != CURLE_OK ||
		curl_easy_setopt(curl, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2) != CURLE_OK ||
		curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 1L) != CURLE_OK ||
		curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, is_spiffe ? 0L : 2L) != CURLE_OK ||
		curl_easy_setopt(curl, CURLOPT_CAPATH, NULL) != CURLE_OK ||
		curl_easy_setopt(curl, CURLOPT_CAINFO, is_spiffe ? NULL : transfer->http->ca_file) != CURLE_OK)
		return false;
	return !is_spiffe || (curl_easy_setopt(curl, CURLOPT_SSL_CTX_DATA, transfer) == CURLE_OK &&
				     curl_easy_setopt(curl, CURLOPT_SSL_CTX_FUNCTION, context_callback) == CURLE_OK);
}

/* From the start, or to where a redirect points.  What is left of the time holds for all of it. */
static struct status send_request(struct transfer *transfer, const char *url)
{
	uint64_t now = clock_mono_us();

	ENSURE(now < transfer->until_us, CLIENT_TIMEOUT);
	buf_clear(&transfer->body);
	ENSURE(curl_easy_setopt(transfer->curl, CURLOPT_URL, url) == CURLE_OK, NO_MEMORY);
	ENSURE(curl_easy_setopt(transfer->curl, CURLOPT_TIMEOUT_MS,
		       (long)((transfer->until_us - now) / US_PER_MS + 1)) == CURLE_OK,
		NO_MEMORY);
	ENSURE(curl_multi_add_handle(transfer->http->multi, transfer->curl) == CURLM_OK, NO_MEMORY);
	return OK;
}

static struct status transfer_begin(struct transfer *transfer, struct bytes authorities)
{
	char url[FETCH_URL_MAX + 1];

	if (transfer->source->profile == FETCH_HTTPS_SPIFFE)
		TRY(x509svid_bundles_new(authorities, &transfer->authorities));
	transfer->curl = curl_easy_init();
	ENSURE(transfer->curl != NULL, NO_MEMORY);
	ENSURE(set_common(transfer->curl, transfer) && set_tls(transfer->curl, transfer), CRYPTO);
	(void)snprintf(
		url, sizeof(url), "%.*s", (int)transfer->source->url.len, (const char *)transfer->source->url.data);
	return send_request(transfer, url);
}

/* ---- its end ------------------------------------------------------------------------------------------- */

static void forget(struct transfer *transfer)
{
	struct transfer **link = &transfer->http->transfers;

	while (*link != transfer)
		link = &(*link)->next;
	*link = transfer->next;
	transfer_free(transfer);
}

static void tell(struct transfer *transfer, struct status st, const char *text)
{
	struct fetch_http_events *events = &transfer->http->events;
	char printable[FETCH_TEXT_MAX];
	size_t at = 0;

	for (; text[at] != '\0' && at + 1 < sizeof(printable); at++)
		printable[at] = text[at] >= ' ' && text[at] < 0x7f ? text[at] : '?';
	printable[at] = '\0';
	events->done(events->context, transfer->id, st,
		st.code == STATUS_OK ? buf_bytes(&transfer->body) : (struct bytes){ 0 }, printable);
	forget(transfer);
}

/* What the library says is for the log; what we refused ourselves has a better name. */
static void tell_failed(struct transfer *transfer, CURLcode rc)
{
	const char *text = transfer->error[0] != '\0' ? transfer->error : curl_easy_strerror(rc);

	if (transfer->refused.code != STATUS_OK) {
		fault_put(&transfer->refused);
		tell(transfer, (struct status){ transfer->refused.code }, status_text(transfer->refused.code));
	} else if (transfer->body.bad || rc == CURLE_FILESIZE_EXCEEDED) {
		tell(transfer, FAIL(LIMIT), "the document is over 1 MiB");
	} else if (rc == CURLE_OPERATION_TIMEDOUT) {
		tell(transfer, FAIL_RC(CLIENT_TIMEOUT, rc), "no document in time");
	} else if (rc == CURLE_PEER_FAILED_VERIFICATION) {
		tell(transfer, FAIL_RC(X509_UNTRUSTED, rc), text);
	} else {
		tell(transfer, FAIL_RC(CLIENT_CONNECT, rc), text);
	}
}

/* FD-07: only to a URL that passes FD-03, under the same rules, from the configured URL each time.  NULL: it goes on.
 */
static const char *follow(struct transfer *transfer)
{
	const char *to = NULL; /* borrowed from the handle, which drops it with its next URL */
	char url[FETCH_URL_MAX + 1];
	uint16_t port;

	(void)curl_easy_getinfo(transfer->curl, CURLINFO_REDIRECT_URL, &to);
	if (!transfer->source->follows_redirects)
		return "a redirect, which this source does not follow";
	if (to == NULL || fetch_url_check(bytes_from_text(to), &port).code != STATUS_OK)
		return "a redirect to what is no https URL";
	if (++transfer->redirects > FETCH_REDIRECTS_MAX)
		return "too many redirects";
	(void)snprintf(url, sizeof(url), "%s", to);
	if (send_request(transfer, url).code != STATUS_OK)
		return "no document in time";
	return NULL;
}

static void answered(struct transfer *transfer)
{
	char text[FETCH_TEXT_MAX];
	long code = 0;
	const char *why;

	(void)curl_easy_getinfo(transfer->curl, CURLINFO_RESPONSE_CODE, &code); /* stays 0 then */
	(void)curl_multi_remove_handle(transfer->http->multi, transfer->curl);
	if (code == 200) {
		tell(transfer, OK, "");
		return;
	}
	if (code >= 300 && code < 400) {
		why = follow(transfer);
		if (why != NULL)
			tell(transfer, FAIL_RC(CLIENT_ANSWER, code), why);
		return;
	}
	(void)snprintf(text, sizeof(text), "HTTP status %ld", code);
	tell(transfer, FAIL_RC(CLIENT_ANSWER, code), text);
}

static void take_ends(struct fetch_http *http)
{
	CURLMsg *message;
	int left;

	while ((message = curl_multi_info_read(http->multi, &left)) != NULL) {
		CURLcode rc = message->data.result; /* the message ends with the handle */
		void *transfer = NULL;

		(void)curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &transfer); /* as it was set */
		if (rc == CURLE_OK)
			answered(transfer);
		else
			tell_failed(transfer, rc);
	}
}

/* ---- all of them --------------------------------------------------------------------------------------- */

static void http_done(struct fetch_http **http)
{
	fetch_http_free(*http);
}

struct status fetch_http_new(const char *ca_file, const struct fetch_http_events *events, struct fetch_http **ret_http)
{
	AUTO(http_done) struct fetch_http *http = calloc(1, sizeof(*http));

	ENSURE(http != NULL, NO_MEMORY);
	ENSURE(curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK, NO_MEMORY);
	http->events = *events;
	http->ca_file = strdup(ca_file);
	http->multi = curl_multi_init();
	ENSURE(http->ca_file != NULL && http->multi != NULL, NO_MEMORY);
	*ret_http = TAKE(http);
	return OK;
}

void fetch_http_free(struct fetch_http *http)
{
	if (http == NULL)
		return;
	while (http->transfers != NULL)
		forget(http->transfers);
	if (http->multi != NULL)
		(void)curl_multi_cleanup(http->multi); /* nothing is left in it */
	curl_global_cleanup();
	free(http->ca_file);
	free(http);
}

const char *fetch_http_version(void)
{
	static char text[64];

	(void)snprintf(text, sizeof(text), "libcurl %s", curl_version_info(CURLVERSION_NOW)->version);
	return text;
}

void fetch_http_start(struct fetch_http *http, uint64_t id, const struct fetch_source *source, struct bytes authorities)
{
	AUTO(transfer_done) struct transfer *transfer = calloc(1, sizeof(*transfer));
	struct transfer *started;
	struct status st;

	if (transfer == NULL) {
		http->events.done(http->events.context, id, FAIL(NO_MEMORY), (struct bytes){ 0 }, "out of memory");
		return;
	}
	*transfer = (struct transfer){ .http = http,
		.source = source,
		.id = id,
		.until_us = clock_mono_us() + (uint64_t)FETCH_TOTAL_MS * US_PER_MS,
		.body = buf_make(FETCH_DOCUMENT_MAX) };
	transfer->next = http->transfers;
	http->transfers = started = TAKE(transfer);
	st = transfer_begin(started, authorities);
	if (st.code != STATUS_OK)
		tell(started, st, status_text(st.code));
}

struct status fetch_http_wait(struct fetch_http *http, struct pollfd *more, unsigned count, int timeout_ms)
{
	struct curl_waitfd waits[8];
	int running;

	ENSURE(count <= sizeof(waits) / sizeof(waits[0]), LIMIT);
	for (unsigned i = 0; i < count; i++)
		waits[i] = (struct curl_waitfd){ .fd = more[i].fd,
			.events = (short)((more[i].events & POLLIN ? CURL_WAIT_POLLIN : 0) |
					  (more[i].events & POLLOUT ? CURL_WAIT_POLLOUT : 0)) };
	ENSURE(curl_multi_poll(http->multi, waits, count, timeout_ms, NULL) == CURLM_OK, IO);
	for (unsigned i = 0; i < count; i++)
		more[i].revents = (short)((waits[i].revents & CURL_WAIT_POLLIN ? POLLIN : 0) |
					  (waits[i].revents & CURL_WAIT_POLLOUT ? POLLOUT : 0));
	ENSURE(curl_multi_perform(http->multi, &running) == CURLM_OK, IO);
	take_ends(http);
	return OK;
}
