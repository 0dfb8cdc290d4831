/* SPDX-License-Identifier: Apache-2.0
 *
 * What the fields mean together.  A finding names the field's path and says what to do. */
#include "agent/config.h"

#include <stdarg.h>
#include <stdio.h>

#include "agent/config_check_parts.h"
#include "agent/pattern.h"
#include "spiffe/fetch_source.h"

void config_check_report(struct check *c, const char *sentence, const char *path_format, ...)
{
	char path[PATH_BYTES];
	va_list args;

	va_start(args, path_format);
	(void)vsnprintf(path, sizeof(path), path_format, args);
	va_end(args);
	c->visit(c->context, path, sentence, sentence == not_yet);
	c->findings++;
}

#define report config_check_report

static bool has_authenticator(const struct config_listener *listener, uint32_t authenticator)
{
	for (uint32_t i = 0; i < listener->authenticator_count; i++)
		if (listener->authenticators[i] == authenticator)
			return true;
	return false;
}

bool config_check_account(const char *name)
{
	for (const char *c = name; *c != '\0'; c++) {
		bool is_letter = (*c >= 'a' && *c <= 'z') || *c == '_';
		bool is_later = (*c >= '0' && *c <= '9') || *c == '-' || *c == '.' || (*c >= 'A' && *c <= 'Z');

		if (!is_letter && (c == name || !is_later))
			return false;
	}
	return true;
}

bool config_check_accepted(const struct config *config, const char *check)
{
	for (uint32_t i = 0; i < config->accept_count; i++)
		if (same(config->accepts[i].check, check))
			return true;
	return false;
}

/* ---- head ----------------------------------------------------------------------------------------------------- */

static void head_check(struct check *c)
{
	const struct config *config = c->config;

	if (!same(config->api_version, "keyreeve/v1"))
		report(c, "is not 'keyreeve/v1', the only version that this program reads", "apiVersion");
	if (!same(config->kind, "Agent"))
		report(c, "is not 'Agent'", "kind");
	if (!config_check_account(config->user))
		report(c, "is not the name of an account", "user");
	if (same(config->paths.state, config->paths.private_sockets))
		report(c, "is the directory of paths.state too", "paths.private");
	if (config->limits.connections_per_uid > config->limits.connections)
		report(c, "is more than limits.connections", "limits.connections_per_uid");
}

/* ---- listeners ------------------------------------------------------------------------------------------------ */

static void listener_mode_check(struct check *c, uint32_t i)
{
	const struct config_listener *listener = &c->config->listeners[i];

	if (listener->mode != 0666 && listener->mode != 0660)
		report(c, "is neither 0666 (everybody may connect, the token decides) nor 0660 (a group may)",
			"listeners[%u].mode", i);
	else if (listener->mode == 0660 && listener->group == NULL)
		report(c, "is 0660 without a group: name the group that may connect", "listeners[%u].mode", i);
	else if (listener->mode == 0666 && listener->group != NULL)
		report(c, "has no effect with mode 0666: write mode: \"0660\" or leave the group out",
			"listeners[%u].group", i);
	else if (listener->is_admin && listener->mode != 0660)
		report(c, "needs mode: \"0660\" and a group", "listeners[%u].admin", i);
	if (listener->is_admin && listener->at_parsec_path)
		report(c, "is not for administrators", "listeners[%u].parsec_path", i);
	if (listener->group != NULL && !config_check_account(listener->group))
		report(c, "is not the name of a group", "listeners[%u].group", i);
}

static void direct_check(struct check *c, uint32_t i)
{
	const struct config *config = c->config;
	const struct config_listener *listener = &config->listeners[i];

	if (!has_authenticator(listener, AUTHENTICATOR_DIRECT))
		return;
	if (listener->is_admin)
		report(c, "has direct: a claimed name cannot administer", "listeners[%u].authenticators", i);
	if (config->posture != POSTURE_STRICT || config_check_accepted(config, "DOC-33"))
		return;
	if (listener->authenticator_count > 1)
		report(c, "has direct beside others: under strict it needs a listener of its own (DOC-33)",
			"listeners[%u].authenticators", i);
	if (listener->mode != 0660 || listener->group == NULL)
		report(c, "has direct: under strict that needs mode: \"0660\" and a group (DOC-33)",
			"listeners[%u].authenticators", i);
	for (uint32_t j = 0; j < i; j++)
		if (has_authenticator(&config->listeners[j], AUTHENTICATOR_DIRECT)) {
			report(c, "has direct, as another listener does: under strict its group is one tenant (DOC-33)",
				"listeners[%u].authenticators", i);
			return;
		}
}

static void listeners_check(struct check *c)
{
	const struct config *config = c->config;

	for (uint32_t i = 0; i < config->listener_count; i++) {
		if (has_authenticator(&config->listeners[i], AUTHENTICATOR_ISSUER) && config->issuer_count == 0)
			report(c, "has jwt, but the file has no issuers whose tokens could be meant",
				"listeners[%u].authenticators", i);
		listener_mode_check(c, i);
		direct_check(c, i);
		for (uint32_t j = 0; j < i; j++)
			if (same(config->listeners[i].path, config->listeners[j].path)) {
				SENTENCE(text, "is the path of listeners[%u] too: %s", j, config->listeners[i].path);
				report(c, text, "listeners[%u].path", i);
			}
	}
}

/* ---- spiffe --------------------------------------------------------------------------------------------------- */

static void spiffe_check(struct check *c)
{
	const struct config_spiffe *spiffe = &c->config->spiffe;
	const char *path = strncmp(spiffe->endpoint, "unix:", 5) == 0 ? spiffe->endpoint + 5 : "";

	if (strncmp(path, "///", 3) == 0)
		path += 2;
	if (path[0] != '/' || path[1] == '/' || path[1] == '\0' || strlen(path) > CONFIG_SOCKET_MAX)
		report(c, "is not of the form unix:///path/of/socket", "spiffe.endpoint");
	if (spiffe->server_uid != CONFIG_UNSET && spiffe->server_user != NULL)
		report(c, "stands beside server_uid: one of them", "spiffe.server_user");
	if (spiffe->validation == VALIDATION_REMOTE && c->config->posture == POSTURE_STRICT)
		report(c, "is remote, where a forged answer lets anybody in: strict has local and both",
			"spiffe.validation");
	for (uint32_t i = 0; i < spiffe->audience_count; i++)
		for (uint32_t j = 0; j < i; j++)
			if (same(spiffe->audiences[i], spiffe->audiences[j]))
				report(c, "stands there twice", "spiffe.audience[%u]", i);
}

bool config_needs_idp(const struct config *config)
{
	for (uint32_t i = 0; i < config->listener_count; i++)
		for (uint32_t a = 0; a < config->listeners[i].authenticator_count; a++)
			if (config->listeners[i].authenticators[a] == AUTHENTICATOR_JWT_SVID)
				return config->spiffe.endpoint != NULL;
	return false;
}

/* ---- issuers -------------------------------------------------------------------------------------------------- */

const struct config_issuer *config_issuer_find(const struct config *config, struct bytes issuer)
{
	for (uint32_t i = 0; i < config->issuer_count; i++)
		if (bytes_equal(issuer, bytes_from_text(config->issuers[i].issuer)))
			return &config->issuers[i];
	return NULL;
}

/* So that "issuer:ISSUER SUBJECT" can be read in one way only. */
static bool is_issuer_name(const char *name)
{
	for (const char *c = name; *c != '\0'; c++)
		if (*c <= ' ' || *c >= 0x7f)
			return false;
	return true;
}

static void twice_check(struct check *c, char *const *texts, uint32_t count, uint32_t i, const char *field)
{
	for (uint32_t k = 0; k < count; k++)
		for (uint32_t j = 0; j < k; j++)
			if (same(texts[k], texts[j]))
				report(c, "stands there twice", "issuers[%u].%s[%u]", i, field, k);
}

static void source_check(struct check *c, const struct config_issuer *issuer, uint32_t i)
{
	uint16_t port;

	if (issuer->jwks_file == NULL && issuer->jwks_url == NULL)
		report(c, "needs jwks_file or jwks_url: where its keys come from", "issuers[%u]", i);
	else if (issuer->jwks_file != NULL && issuer->jwks_url != NULL)
		report(c, "beside jwks_file: an issuer has one source", "issuers[%u].jwks_url", i);
	if (issuer->jwks_url != NULL && fetch_url_check(bytes_from_text(issuer->jwks_url), &port).code != STATUS_OK)
		report(c, "is not an https URL with a host, without user and fragment", "issuers[%u].jwks_url", i);
}

static void issuers_check(struct check *c)
{
	for (uint32_t i = 0; i < c->config->issuer_count; i++) {
		const struct config_issuer *issuer = &c->config->issuers[i];

		if (!is_issuer_name(issuer->issuer))
			report(c, "may have printable ASCII without spaces only", "issuers[%u].issuer", i);
		for (uint32_t j = 0; j < i; j++)
			if (same(issuer->issuer, c->config->issuers[j].issuer)) {
				SENTENCE(text, "is the issuer of issuers[%u] too", j);
				report(c, text, "issuers[%u].issuer", i);
			}
		source_check(c, issuer, i);
		twice_check(c, issuer->audiences, issuer->audience_count, i, "audiences");
		twice_check(c, issuer->types, issuer->type_count, i, "types");
	}
}

/* ---- providers ------------------------------------------------------------------------------------------------ */

const struct config_provider *config_check_provider(const struct config *config, const char *name)
{
	for (uint32_t i = 0; i < config->provider_count; i++)
		if (same(config->providers[i].name, name))
			return &config->providers[i];
	return NULL;
}

static void provider_name_check(struct check *c, uint32_t i)
{
	const char *name = c->config->providers[i].name;

	if (same(name, "auto") || same(name, "file"))
		report(c, "is a word of the field wrap: choose another name", "providers[%u].name", i);
	if (strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-") != strlen(name) || name[0] == '-')
		report(c, "may have lower-case letters, digits and '-' only", "providers[%u].name", i);
	for (uint32_t j = 0; j < i; j++)
		if (same(name, c->config->providers[j].name)) {
			SENTENCE(text, "is the name of providers[%u] too", j);
			report(c, text, "providers[%u].name", i);
		}
}

static void software_check(struct check *c, uint32_t i)
{
	const char *wrap = c->config->providers[i].wrap;
	const struct config_provider *device = config_check_provider(c->config, wrap);

	if (same(wrap, "auto") || same(wrap, "file"))
		return;
	if (device == NULL || device->type == PROVIDER_SOFTWARE)
		report(c, "is neither auto nor file nor the name of a TPM or token", "providers[%u].wrap", i);
}

static void tpm_check(struct check *c, uint32_t i)
{
	const struct config_provider *tpm = &c->config->providers[i];

	if (strncmp(tpm->tcti, "device:/", 8) != 0 && strncmp(tpm->tcti, "swtpm:", 6) != 0)
		report(c, "is neither device:/PATH nor swtpm:...", "providers[%u].tcti", i);
	for (uint32_t j = 0; j < i; j++)
		if (same(tpm->tcti, c->config->providers[j].tcti)) {
			SENTENCE(text, "is the TPM of providers[%u] too", j);
			report(c, text, "providers[%u].tcti", i);
		}
}

static bool is_env_name(const char *name)
{
	static const char legal[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz0123456789";

	return name[0] != '\0' && (name[0] < '0' || name[0] > '9') && strspn(name, legal) == strlen(name);
}

static void env_check(struct check *c, uint32_t i)
{
	const struct config_provider *token = &c->config->providers[i];

	for (uint32_t k = 0; k < token->env_count; k++) {
		const char *name = token->env[k].name;

		if (!is_env_name(name))
			report(c, "is not the name of an environment variable", "providers[%u].env.%s", i, name);
		else if (strncmp(name, "LD_", 3) == 0 || same(name, "GLIBC_TUNABLES") || same(name, "GCONV_PATH"))
			report(c, "changes how programs are loaded and is never passed on", "providers[%u].env.%s", i,
				name);
	}
}

static void token_check(struct check *c, uint32_t i)
{
	const struct config_provider *token = &c->config->providers[i];

	if (token->module == NULL)
		report(c, "needs module: the path of the PKCS#11 module", "providers[%u]", i);
	if (token->module_sha256 != NULL && strspn(token->module_sha256, "0123456789abcdefABCDEF") != 64)
		report(c, "is not 64 hexadecimal digits, as sha256sum prints them", "providers[%u].module_sha256", i);
	if (token->token == NULL)
		report(c, "needs token: the token's label", "providers[%u]", i);
	if (token->pin_file == NULL)
		report(c, "needs pin_file: the file with the user PIN", "providers[%u]", i);
	env_check(c, i);
	for (uint32_t j = 0; j < i; j++) {
		const struct config_provider *other = &c->config->providers[j];

		if (same(token->module, other->module) && same(token->token, other->token) &&
			(token->serial == NULL || other->serial == NULL || same(token->serial, other->serial))) {
			SENTENCE(text, "is the token of providers[%u] too", j);
			report(c, text, "providers[%u].token", i);
		}
	}
}

static void providers_check(struct check *c)
{
	for (uint32_t i = 0; i < c->config->provider_count; i++) {
		uint32_t type = c->config->providers[i].type;

		provider_name_check(c, i);
		if (type == PROVIDER_SOFTWARE)
			software_check(c, i);
		if (type == PROVIDER_TPM)
			tpm_check(c, i);
		if (type == PROVIDER_PKCS11)
			token_check(c, i);
	}
}

/* ---- admins and accepted findings ----------------------------------------------------------------------------- */

unsigned config_check_match(const struct config_match *match)
{
	return (unsigned)(match->spiffe != NULL) + (match->uid != CONFIG_UNSET) + (match->user != NULL) +
	       (match->direct != NULL) + (match->issuer != NULL || match->subject != NULL);
}

void config_check_issuer(struct check *c, const struct config_match *match, const char *path)
{
	if (match->issuer == NULL || match->subject == NULL)
		report(c, "needs both issuer and subject", "%s", path);
	else if (config_issuer_find(c->config, bytes_from_text(match->issuer)) == NULL)
		report(c, "is none of this file's issuers", "%s.issuer", path);
}

static void admins_check(struct check *c)
{
	for (uint32_t i = 0; i < c->config->admin_count; i++) {
		const struct config_admin *admin = &c->config->admins[i];
		const struct config_match *match = &admin->match;
		struct pattern pattern = { 0 };
		const char *why, *field = match->spiffe != NULL ? "spiffe" : "subject";

		if (config_check_match(match) != 1 || match->direct != NULL) {
			report(c, "needs exactly one of spiffe, uid and user, or issuer with subject", "admins[%u]", i);
			continue;
		}
		if (match->issuer != NULL || match->subject != NULL) {
			SENTENCE(path, "admins[%u]", i);
			config_check_issuer(c, match, path);
		}
		if (match->user != NULL && !config_check_account(match->user))
			report(c, "is not the name of an account", "admins[%u].user", i);
		if (pattern_text(match) == NULL && admin->declared_count > 0)
			report(c, "is for an identity that comes with a token: an account is bound by its uid",
				"admins[%u].declared", i);
		SENTENCE(path, "admins[%u]", i);
		config_check_declared(c, admin->declared, admin->declared_count, path);
		if (pattern_text(match) == NULL)
			continue;
		if (pattern_of_match(match, &pattern, &why).code != STATUS_OK)
			report(c, why, "admins[%u].%s", i, field);
		else if (!pattern_is_exact(&pattern))
			report(c, "is a pattern: an administrator is one identity, written out", "admins[%u].%s", i,
				field);
	}
}

/* Start-up checks by number (threat ledger, section 10). */
enum { CHECK_LATER = 1, CHECK_BUILT, CHECK_NEVER };
static const uint8_t checks[100] = {
	[1] = CHECK_NEVER,
	[2] = CHECK_LATER,
	[3] = CHECK_LATER,
	[4] = CHECK_BUILT,
	[5] = CHECK_LATER,
	[6] = CHECK_BUILT,
	[7] = CHECK_LATER,
	[8] = CHECK_LATER,
	[11] = CHECK_NEVER,
	[12] = CHECK_NEVER,
	[14] = CHECK_LATER,
	[15] = CHECK_LATER,
	[16] = CHECK_LATER,
	[17] = CHECK_LATER,
	[18] = CHECK_LATER,
	[21] = CHECK_BUILT,
	[22] = CHECK_BUILT,
	[23] = CHECK_LATER,
	[24] = CHECK_LATER,
	[25] = CHECK_LATER,
	[26] = CHECK_LATER,
	[27] = CHECK_LATER,
	[28] = CHECK_LATER,
	[31] = CHECK_BUILT,
	[32] = CHECK_LATER,
	[33] = CHECK_BUILT,
	[34] = CHECK_LATER,
	[41] = CHECK_LATER,
	[42] = CHECK_NEVER,
	[43] = CHECK_LATER,
	[44] = CHECK_LATER,
	[45] = CHECK_BUILT,
	[46] = CHECK_LATER,
	[47] = CHECK_BUILT,
	[51] = CHECK_LATER,
	[52] = CHECK_LATER,
};

static void accepts_check(struct check *c)
{
	const struct config *config = c->config;

	for (uint32_t i = 0; i < config->accept_count; i++) {
		const char *check = config->accepts[i].check;
		bool is_number = strncmp(check, "DOC-", 4) == 0 && strspn(check + 4, "0123456789") == 2;
		unsigned number = is_number ? (unsigned)(check[4] - '0') * 10 + (unsigned)(check[5] - '0') : 0;

		if (checks[number] == 0)
			report(c, "is no start-up check", "accept[%u].check", i);
		else if (checks[number] == CHECK_LATER)
			report(c, not_yet, "accept[%u].check", i);
		else if (checks[number] == CHECK_NEVER)
			report(c, "cannot be accepted: mend what it finds", "accept[%u].check", i);
		for (uint32_t j = 0; j < i; j++)
			if (same(check, config->accepts[j].check))
				report(c, "stands there twice", "accept[%u].check", i);
	}
}

unsigned config_check(const struct config *config, config_visit_fn *visit, void *context)
{
	struct check c = { .config = config, .visit = visit, .context = context };

	head_check(&c);
	listeners_check(&c);
	spiffe_check(&c);
	config_check_spiffe(&c);
	issuers_check(&c);
	providers_check(&c);
	config_check_tenants(&c);
	admins_check(&c);
	accepts_check(&c);
	return c.findings;
}
