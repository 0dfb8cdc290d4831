/* SPDX-License-Identifier: Apache-2.0
 *
 * The connection to one TPM: its transport (TCTI), its Esys context, and the bookkeeping that every command needs.
 * The transport is named explicitly, never searched for: "device:PATH" or "swtpm:path=PATH".  On a bare TPM
 * ("device:/dev/tpm0", "swtpm:...") we are the sole owner: what an earlier worker left loaded is flushed when
 * connecting.  Behind the kernel's resource manager ("device:/dev/tpmrm0") that is the kernel's business.
 * One thread; every command blocks until the TPM has answered or the connection broke. */
#ifndef CRYPTO_TPM_DEVICE_H
#define CRYPTO_TPM_DEVICE_H

#include <tss2/tss2_esys.h>
#include <tss2/tss2_tcti.h>

#include "base/buf.h"
#include "crypto/tpm/rc.h"
#include "crypto/worker_config.h"

enum {
	DEVICE_COMMANDS_MAX = 512, /* text of the commands of one request */
	DEVICE_RETRY_MS = 50,	   /* after an attempt to connect that failed, none for so long */
	DEVICE_SLOTS_MIN = 3,	   /* loaded objects that every TPM has room for (part 2, MAX_LOADED_OBJECTS) */
	DEVICE_SLOTS_MAX = 16,	   /* more would only make a crash leave more behind */
};

struct device {
	char tcti[WORKER_CONFIG_PATH_MAX + 1];
	const char *where;	    /* in tcti, after the colon */
	TSS2_TCTI_INIT_FUNC driver; /* of a library that stays loaded: the sandbox has no way to load it again */
	TSS2_TCTI_CONTEXT *link;    /* owned; NULL while not connected */
	ESYS_CONTEXT *esys;	    /* owned; NULL while not connected */
	bool is_managed;	    /* a resource manager is in between */
	uint32_t slots;		    /* objects that may be loaded at once */
	uint32_t resets;	    /* resetCount when connected last */
	uint64_t failed_us;	    /* monotonic: when connecting failed last; 0 never */
	struct rc_meaning last;	    /* of the last command that failed; zero after device_begin() */
	struct buf commands;	    /* owned: names of the commands executed since device_begin(), by commas */
};

/* Find the transport's library.  Fails: CLIENT_ARGUMENT (no such transport), MODULE_MISSING. */
struct status device_init(struct device *d, const char *tcti);
void device_done(struct device *d);

/* Connect, start the TPM if nobody did, flush leftovers of a bare one, read resetCount.  Within DEVICE_RETRY_MS after
 * an attempt that failed it fails at once.  Fails: DEVICE_GONE, DEVICE_FAILED, NO_MEMORY. */
struct status device_connect(struct device *d);
/* Everything loaded and every session is forgotten. */
void device_disconnect(struct device *d);

/* A request begins: no command, no failure. */
void device_begin(struct device *d);
/* The result of a command ("Sign"): OK and noted down, or what rc_read() says. */
struct status device_check(struct device *d, const char *command, TSS2_RC rc);

/* Flush an object or session; *object is ESYS_TR_NONE afterwards, whatever happens. */
struct status device_flush(struct device *d, ESYS_TR *object);
/* A property of TPM2_CAP_TPM_PROPERTIES; 0 where the TPM does not have it. */
struct status device_property(struct device *d, uint32_t property, uint32_t *ret_value);

/* AUTO(device_free) TPM2B_NAME *name: for what Esys allocated. */
static inline void device_free(void *pointer_to_pointer)
{
	Esys_Free(*(void **)pointer_to_pointer);
}

#endif
