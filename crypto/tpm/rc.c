/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/tpm/rc.h"

#include <stddef.h>
#include <tss2/tss2_common.h>
#include <tss2/tss2_tpm2_types.h>

enum {
	BASE_MASK = 0xffff,	/* without the layer */
	FORMAT_ONE = 0x80,	/* this bit: the code carries a number of a handle, session or parameter */
	FORMAT_ONE_MASK = 0xbf, /* without that number and what it counts */
	FORMAT_ZERO_MASK = 0xfff,
};

struct row {
	uint32_t first, last; /* masked codes, both included */
	struct rc_meaning meaning;
};

/* clang-format off */
static const struct row rows[] = {
	/* not started: somebody reset it */
	{ TPM2_RC_INITIALIZE,     TPM2_RC_INITIALIZE,     { STATUS_DEVICE_GONE,        RC_REOPEN, false } },
	/* room */
	{ TPM2_RC_CONTEXT_GAP,    TPM2_RC_CONTEXT_GAP,    { STATUS_DEVICE_MEMORY,      RC_REOPEN, false } },
	{ TPM2_RC_OBJECT_MEMORY,  TPM2_RC_OBJECT_MEMORY,  { STATUS_DEVICE_MEMORY,      RC_ROOM,   false } },
	{ TPM2_RC_SESSION_MEMORY, TPM2_RC_SESSION_MEMORY, { STATUS_DEVICE_MEMORY,      RC_REOPEN, false } },
	{ TPM2_RC_MEMORY,         TPM2_RC_MEMORY,         { STATUS_DEVICE_MEMORY,      RC_ROOM,   false } },
	{ TPM2_RC_SESSION_HANDLES,TPM2_RC_SESSION_HANDLES,{ STATUS_DEVICE_MEMORY,      RC_REOPEN, false } },
	{ TPM2_RC_OBJECT_HANDLES, TPM2_RC_OBJECT_HANDLES, { STATUS_DEVICE_MEMORY,      RC_ROOM,   false } },
	{ TPM2_RC_NV_SPACE,       TPM2_RC_NV_SPACE,       { STATUS_DEVICE_FULL,        RC_REFUSE, false } },
	/* busy */
	{ TPM2_RC_YIELDED,        TPM2_RC_YIELDED,        { STATUS_DEVICE_FAILED,      RC_WAIT,   false } },
	{ TPM2_RC_CANCELED,       TPM2_RC_TESTING,        { STATUS_DEVICE_FAILED,      RC_WAIT,   false } },
	{ TPM2_RC_NV_RATE,        TPM2_RC_NV_RATE,        { STATUS_DEVICE_FAILED,      RC_WAIT,   false } },
	{ TPM2_RC_RETRY,          TPM2_RC_NV_UNAVAILABLE, { STATUS_DEVICE_FAILED,      RC_WAIT,   false } },
	/* a handle or session that is not loaded: the device was reset, or something else flushed it */
	{ TPM2_RC_REFERENCE_H0,   TPM2_RC_REFERENCE_S6,   { STATUS_DEVICE_KEY_GONE,    RC_REOPEN, false } },
	{ TPM2_RC_HANDLE,         TPM2_RC_HANDLE,         { STATUS_DEVICE_KEY_GONE,    RC_REOPEN, false } },
	{ TPM2_RC_NONCE,          TPM2_RC_NONCE,          { STATUS_DEVICE_FAILED,      RC_REOPEN, false } },
	/* blobs and authorizations */
	{ TPM2_RC_INTEGRITY,      TPM2_RC_INTEGRITY,      { STATUS_DEVICE_INTEGRITY,   RC_REFUSE, false } },
	{ TPM2_RC_BINDING,        TPM2_RC_BINDING,        { STATUS_DEVICE_INTEGRITY,   RC_REFUSE, false } },
	{ TPM2_RC_SENSITIVE,      TPM2_RC_SENSITIVE,      { STATUS_DEVICE_INTEGRITY,   RC_REFUSE, false } },
	{ TPM2_RC_BAD_AUTH,       TPM2_RC_BAD_AUTH,       { STATUS_DEVICE_AUTH,        RC_REFUSE, false } },
	{ TPM2_RC_AUTH_FAIL,      TPM2_RC_AUTH_FAIL,      { STATUS_DEVICE_AUTH,        RC_REFUSE, true } },
	{ TPM2_RC_LOCKOUT,        TPM2_RC_LOCKOUT,        { STATUS_DEVICE_AUTH,        RC_REFUSE, true } },
	{ TPM2_RC_FAILURE,        TPM2_RC_FAILURE,        { STATUS_DEVICE_FAILED,      RC_REFUSE, false } },
	/* what this TPM does not do */
	{ TPM2_RC_COMMAND_CODE,   TPM2_RC_COMMAND_CODE,   { STATUS_DEVICE_UNSUPPORTED, RC_REFUSE, false } },
	{ TPM2_RC_ASYMMETRIC,     TPM2_RC_ASYMMETRIC,     { STATUS_DEVICE_UNSUPPORTED, RC_REFUSE, false } },
	{ TPM2_RC_HASH,           TPM2_RC_VALUE,          { STATUS_DEVICE_UNSUPPORTED, RC_REFUSE, false } },
	{ TPM2_RC_KEY_SIZE,       TPM2_RC_MODE,           { STATUS_DEVICE_UNSUPPORTED, RC_REFUSE, false } },
	{ TPM2_RC_KDF,            TPM2_RC_KDF,            { STATUS_DEVICE_UNSUPPORTED, RC_REFUSE, false } },
	{ TPM2_RC_SCHEME,         TPM2_RC_SCHEME,         { STATUS_DEVICE_UNSUPPORTED, RC_REFUSE, false } },
	{ TPM2_RC_SYMMETRIC,      TPM2_RC_SYMMETRIC,      { STATUS_DEVICE_UNSUPPORTED, RC_REFUSE, false } },
	{ TPM2_RC_CURVE,          TPM2_RC_CURVE,          { STATUS_DEVICE_UNSUPPORTED, RC_REFUSE, false } },
};
/* clang-format on */

/* TPM2_RC_VALUE of a handle or session, not of a parameter: one that we never sent. */
static bool is_strange_handle(uint32_t rc)
{
	uint32_t base = rc & BASE_MASK;

	return (base & FORMAT_ONE) != 0 && (base & TPM2_RC_P) == 0 && (base & FORMAT_ONE_MASK) == TPM2_RC_VALUE;
}

static uint32_t masked(uint32_t rc)
{
	uint32_t base = rc & BASE_MASK;

	return (base & FORMAT_ONE) != 0 ? base & FORMAT_ONE_MASK : base & FORMAT_ZERO_MASK;
}

/* A code of the TPM itself, directly or through a resource manager. */
static bool is_of_tpm(uint32_t rc)
{
	uint32_t layer = rc & TSS2_RC_LAYER_MASK;

	return layer == TSS2_TPM_RC_LAYER || layer == TSS2_RESMGR_RC_LAYER || layer == TSS2_RESMGR_TPM_RC_LAYER;
}

/* A code of the libraries: what came back was no valid answer, or nothing came back.  What the session counted and
 * what is still on its way are unknown then. */
static struct rc_meaning read_library(uint32_t rc)
{
	uint32_t base = rc & BASE_MASK;

	if (base == TSS2_BASE_RC_MEMORY)
		return (struct rc_meaning){ STATUS_NO_MEMORY, RC_REFUSE, false };
	if ((rc & TSS2_RC_LAYER_MASK) == TSS2_TCTI_RC_LAYER)
		return (struct rc_meaning){ STATUS_DEVICE_GONE, RC_REOPEN, false };
	return (struct rc_meaning){ STATUS_DEVICE_FAILED, RC_REOPEN, false };
}

struct rc_meaning rc_read(uint32_t rc)
{
	uint32_t code = masked(rc);

	if (rc == TSS2_RC_SUCCESS)
		return (struct rc_meaning){ STATUS_OK, RC_REFUSE, false };
	if (!is_of_tpm(rc))
		return read_library(rc);
	if ((rc & ~(uint32_t)(TSS2_RC_LAYER_MASK | BASE_MASK)) != 0 || is_strange_handle(rc))
		return (struct rc_meaning){ STATUS_DEVICE_FAILED, RC_REOPEN, false };
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (code >= rows[i].first && code <= rows[i].last)
			return rows[i].meaning;
	/* Nothing that these commands are known to fail with: the command or its answer was damaged on its way. */
	return (struct rc_meaning){ STATUS_DEVICE_FAILED, RC_REOPEN, false };
}

bool rc_is_absent(uint32_t rc)
{
	return is_of_tpm(rc) && masked(rc) == TPM2_RC_HANDLE;
}
