/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/pkcs11/module.h"

#include <dlfcn.h>
#include <libp11.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/own.h"

static void say(struct module *m, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void say(struct module *m, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	(void)vsnprintf(m->why, sizeof(m->why), format, args); /* a longer sentence is cut */
	va_end(args);
}

/* libp11 does not tell a file that is no module from a module that does not initialise. */
static void say_why_not_loaded(struct module *m, const char *path)
{
	void *handle = dlopen(path, RTLD_LAZY | RTLD_LOCAL);

	if (handle == NULL || dlsym(handle, "C_GetFunctionList") == NULL) {
		const char *error = dlerror();

		say(m, "the module cannot be loaded: %s; correct providers[].module", error != NULL ? error : path);
	} else {
		say(m, "the module %s does not initialise: look at its own configuration and at providers[].env", path);
	}
	if (handle != NULL)
		(void)dlclose(handle);
}

static struct status get_functions(struct module *m, const char *path)
{
	union { /* a pointer to data and one to a function: POSIX lets dlsym() return both */
		void *from;
		CK_RV (*to)(CK_FUNCTION_LIST **);
	} get;
	CK_RV rv;

	say(m, "the module %s is not a PKCS #11 module; correct providers[].module", path);
	m->handle = dlopen(path, RTLD_LAZY | RTLD_NOLOAD);
	ENSURE(m->handle != NULL, MODULE_MISSING);
	get.from = dlsym(m->handle, "C_GetFunctionList");
	ENSURE(get.from != NULL, MODULE_MISSING);
	rv = get.to(&m->fn);
	if (rv != CKR_OK || m->fn == NULL)
		return FAIL_RC(MODULE_MISSING, rv);
	/* p11-kit's proxy gives whoever asks a list of his own, and libp11 has initialised its own. */
	rv = m->fn->C_Initialize(NULL);
	if (rv != CKR_OK && rv != CKR_CRYPTOKI_ALREADY_INITIALIZED)
		return FAIL_RC(MODULE_MISSING, rv);
	return OK;
}

struct status module_load(struct module *m, const char *path)
{
	say(m, "providers[].module must be an absolute path");
	ENSURE(path[0] == '/', MODULE_MISSING);
	m->ctx = PKCS11_CTX_new();
	ENSURE(m->ctx != NULL, NO_MEMORY);
	if (PKCS11_CTX_load(m->ctx, path) != 0) {
		say_why_not_loaded(m, path);
		return FAIL(MODULE_MISSING);
	}
	return get_functions(m, path);
}

/* ---- the token ---------------------------------------------------------------------------------- */

/* libp11 gives texts without their padding. */
static bool is_ours(const PKCS11_TOKEN *token, const char *label, const char *serial)
{
	if (token == NULL || !token->initialized || token->label == NULL || token->serialnr == NULL)
		return false;
	return strcmp(token->label, label) == 0 && (serial[0] == '\0' || strcmp(token->serialnr, serial) == 0);
}

static void say_no_token(struct module *m, const char *label, const PKCS11_SLOT *slots, unsigned count)
{
	AUTO(buf_done) struct buf list = buf_make(MODULE_WHY_BYTES);

	for (unsigned i = 0; i < count; i++) {
		const PKCS11_TOKEN *token = slots[i].token;

		if (token != NULL && token->initialized && token->label != NULL && token->serialnr != NULL)
			buf_printf(
				&list, "%s'%s' (serial %s)", list.len > 0 ? ", " : "", token->label, token->serialnr);
	}
	if (list.len == 0)
		buf_put_text(&list, "none");
	say(m, "no token '%s' with the serial number asked for; there is: %.*s; correct providers[].token", label,
		(int)list.len, (const char *)list.data);
}

static struct status choose(struct module *m, PKCS11_SLOT *slots, unsigned count, const char *label, const char *serial,
	CK_SLOT_ID *ret_slot)
{
	PKCS11_SLOT *found = NULL;

	for (unsigned i = 0; i < count; i++) {
		if (!is_ours(slots[i].token, label, serial))
			continue;
		if (found != NULL) {
			say(m, "several tokens are called '%s': give the serial number of one in providers[].serial",
				label);
			return FAIL(MODULE_MISSING);
		}
		found = &slots[i];
	}
	if (found == NULL) {
		say_no_token(m, label, slots, count);
		return FAIL(MODULE_MISSING);
	}
	*ret_slot = PKCS11_get_slotid_from_slot(found);
	return OK;
}

struct status module_find(struct module *m, const char *label, const char *serial, CK_SLOT_ID *ret_slot)
{
	PKCS11_SLOT *slots = NULL;
	unsigned count = 0;
	struct status st;

	say(m, "the module does not list its slots");
	if (PKCS11_enumerate_slots(m->ctx, &slots, &count) != 0)
		return FAIL(MODULE_MISSING);
	st = choose(m, slots, count, label, serial, ret_slot);
	PKCS11_release_all_slots(m->ctx, slots, count);
	return st;
}

void module_done(struct module *m)
{
	if (m->ctx != NULL)
		PKCS11_CTX_free(m->ctx);
	m->ctx = NULL;
	m->fn = NULL;
}
