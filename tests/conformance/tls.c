/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/conformance/tls.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "base/clock.h"
#include "base/own.h"

enum { PEER_S = 5 };

/* One connection. */
struct peer {
	const struct x509svid_bundles *bundles; /* borrowed */
	struct spiffe_id id;
	struct status verdict;
	bool was_judged;
};

static void context_done(SSL_CTX **context)
{
	SSL_CTX_free(*context);
}

static void connection_done(SSL **ssl)
{
	SSL_free(*ssl);
}

static void peer_done(struct peer *peer)
{
	spiffe_id_done(&peer->id);
}

/* ---- the verdict -------------------------------------------------------------------------------------- */

static struct status judge(STACK_OF(X509) * shown, struct peer *peer)
{
	struct bytes chain[X509SVID_CHAIN_MAX] = { { 0 } };
	int count = sk_X509_num(shown);
	struct status st = OK;

	for (int i = 0; i < count && i < X509SVID_CHAIN_MAX; i++) {
		uint8_t *der = NULL;
		int len = i2d_X509(sk_X509_value(shown, i), &der);

		chain[i] = bytes_of(der, len > 0 ? (size_t)len : 0);
	}
	st = x509svid_verify(
		chain, count > 0 ? (size_t)count : 0, peer->bundles, clock_wall_us() / US_PER_S, &peer->id);
	for (int i = 0; i < X509SVID_CHAIN_MAX; i++)
		OPENSSL_free((void *)(uintptr_t)chain[i].data);
	return st;
}

/* Instead of everything that OpenSSL would check itself. */
static int verify_callback(X509_STORE_CTX *store, void *context)
{
	struct peer *peer = context;

	peer->verdict = judge(X509_STORE_CTX_get0_untrusted(store), peer);
	peer->was_judged = true;
	if (peer->verdict.code == STATUS_OK)
		return 1;
	fprintf(stderr, "harness: peer refused: %s\n", status_name(peer->verdict.code));
	X509_STORE_CTX_set_error(store, X509_V_ERR_APPLICATION_VERIFICATION);
	return 0;
}

/* ---- a connection -------------------------------------------------------------------------------------- */

static struct status context_new(
	const SSL_METHOD *method, const struct identity *identity, struct peer *peer, SSL_CTX **ret_context)
{
	AUTO(context_done) SSL_CTX *context = SSL_CTX_new(method);

	ENSURE(context != NULL, NO_MEMORY);
	ENSURE(SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) == 1, CRYPTO);
	(void)SSL_CTX_set_options(context, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION);
	(void)SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
	(void)SSL_CTX_set_num_tickets(context, 0);
	(void)SSL_CTX_set_mode(context, SSL_MODE_NO_AUTO_CHAIN);
	ENSURE(SSL_CTX_use_certificate(context, identity->leaf) == 1, CRYPTO);
	ENSURE(SSL_CTX_set1_chain(context, identity->others) == 1, CRYPTO);
	ENSURE(SSL_CTX_use_PrivateKey(context, identity->key) == 1, CRYPTO);
	SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
	SSL_CTX_set_cert_verify_callback(context, verify_callback, peer);
	*ret_context = TAKE(context);
	return OK;
}

/* Reads and writes end after a time, whatever the peer does. */
static void limit_time(int fd)
{
	const struct timeval time = { .tv_sec = PEER_S };

	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &time, sizeof(time)); /* both are known to every socket */
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &time, sizeof(time));
}

/* OK: shaken hands, and the peer was judged good. */
static struct status shake_hands(SSL *ssl, int fd, int (*handshake)(SSL *), const struct peer *peer)
{
	ENSURE(ssl != NULL && SSL_set_fd(ssl, fd) == 1, NO_MEMORY);
	if (handshake(ssl) != 1) {
		ERR_clear_error();
		ENSURE(!peer->was_judged || peer->verdict.code == STATUS_OK, CLIENT_CLOSED);
		return FAIL(CLIENT_CONNECT);
	}
	ENSURE(peer->was_judged && peer->verdict.code == STATUS_OK, CLIENT_CONNECT);
	return OK;
}

static struct status serve(const struct identity *identity, int fd)
{
	AUTO(peer_done) struct peer peer = { .bundles = identity->bundles };
	AUTO(context_done) SSL_CTX *context = NULL;
	AUTO(connection_done) SSL *ssl = NULL;
	char line[SPIFFE_ID_MAX_BYTES + 1];
	struct bytes id;

	TRY(context_new(TLS_server_method(), identity, &peer, &context));
	ssl = SSL_new(context);
	TRY(shake_hands(ssl, fd, SSL_accept, &peer));
	id = spiffe_id_text(&peer.id);
	memcpy(line, id.data, id.len);
	line[id.len] = '\n';
	(void)SSL_write(ssl, line, (int)id.len + 1); /* the peer's own loss */
	(void)SSL_shutdown(ssl);
	return OK;
}

void tls_serve(struct source *source, int fd)
{
	AUTO(own_close) int owned = fd;
	AUTO(identity_done) struct identity *identity = source_identity(source);

	limit_time(owned);
	if (identity != NULL)
		(void)serve(identity, owned); /* the verdict is logged, and the peer sees a closed connection */
}

/* ---- dialling ------------------------------------------------------------------------------------------ */

static struct status connect_to(const char *address, int *ret_fd)
{
	struct sockaddr_in to = { .sin_family = AF_INET };
	const char *colon = strrchr(address, ':');
	AUTO(own_close) int fd = -1;
	char host[INET_ADDRSTRLEN];
	char *end = NULL;
	unsigned long port = colon == NULL ? 0 : strtoul(colon + 1, &end, 10);

	ENSURE(port > 0 && port <= UINT16_MAX && *end == '\0', CLIENT_ARGUMENT);
	ENSURE((size_t)(colon - address) < sizeof(host), CLIENT_ARGUMENT);
	(void)snprintf(host, sizeof(host), "%.*s", (int)(colon - address), address);
	to.sin_port = htons((uint16_t)port);
	ENSURE(inet_pton(AF_INET, host, &to.sin_addr) == 1, CLIENT_ARGUMENT);
	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ENSURE(fd >= 0, NO_DESCRIPTORS);
	limit_time(fd);
	ENSURE(connect(fd, (struct sockaddr *)&to, sizeof(to)) == 0, CLIENT_CONNECT);
	*ret_fd = own_take_fd(&fd);
	return OK;
}

struct status tls_dial(struct source *source, const char *address, struct spiffe_id *ret_id)
{
	AUTO(identity_done) struct identity *identity = source_identity(source);
	AUTO(peer_done) struct peer peer = { 0 };
	AUTO(context_done) SSL_CTX *context = NULL;
	AUTO(connection_done) SSL *ssl = NULL;
	AUTO(own_close) int fd = -1;
	struct status st;

	ENSURE(identity != NULL, CLIENT_CONNECT);
	peer.bundles = identity->bundles;
	TRY(connect_to(address, &fd));
	TRY(context_new(TLS_client_method(), identity, &peer, &context));
	ssl = SSL_new(context);
	st = shake_hands(ssl, fd, SSL_connect, &peer);
	if (st.code != STATUS_OK)
		return peer.was_judged && peer.verdict.code != STATUS_OK ? peer.verdict : st;
	(void)SSL_shutdown(ssl); /* nothing more is wanted of it */
	*ret_id = TAKE(peer.id);
	return OK;
}
