/* SPDX-License-Identifier: Apache-2.0
 *
 * The vendor's module and the slot of our token.  libp11 loads, initialises and enumerates; everything else goes
 * through the module's own function list.  The module is never finalised and never unloaded: both would be for
 * everybody in the process, and it ends with the process.  One thread. */
#ifndef CRYPTO_PKCS11_MODULE_H
#define CRYPTO_PKCS11_MODULE_H

#include <p11-kit/pkcs11.h>

#include "base/status.h"

enum { MODULE_WHY_BYTES = 400 };

struct module {
	void *ctx;		    /* libp11's; owned */
	void *handle;		    /* owned */
	CK_FUNCTION_LIST *fn;	    /* the module's */
	char why[MODULE_WHY_BYTES]; /* after a failure: a sentence that says what to do */
};

/* Load and initialise the module at this absolute path.  Fails: MODULE_MISSING, NO_MEMORY. */
struct status module_load(struct module *m, const char *path);
/* The slot of the one token that has this label and, unless it is empty, this serial number.
 * Fails: MODULE_MISSING (none, or several). */
struct status module_find(struct module *m, const char *label, const char *serial, CK_SLOT_ID *ret_slot);
/* Frees what is ours; the module stays loaded. */
void module_done(struct module *m);

#endif
