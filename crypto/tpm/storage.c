/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/tpm/storage.h"

#include <string.h>

#include "base/own.h"
#include "crypto/tpm/template.h"

static bool is_same(const TPM2B_NAME *a, const TPM2B_NAME *b)
{
	return bytes_equal(bytes_of(a->name, a->size), bytes_of(b->name, b->size));
}

/* Computed from the public area that a salt would be encrypted to, never what the TPM says the Name is. */
static struct status name_of(struct tpm *t, ESYS_TR object, TPM2B_NAME *ret_name)
{
	AUTO(device_free) TPM2B_NAME *name = NULL;

	ENSURE(Esys_TR_GetName(t->device.esys, object, &name) == TSS2_RC_SUCCESS, DEVICE_FAILED);
	ENSURE(name->size > 0 && name->size <= sizeof(name->name), DEVICE_FAILED);
	*ret_name = *name;
	return OK;
}

/* The key itself, transient: the same one each time under one owner seed. */
static struct status derive(struct tpm *t, ESYS_TR *ret_object, TPM2B_NAME *ret_name)
{
	static const TPM2B_SENSITIVE_CREATE no_auth;
	static const TPM2B_DATA no_data;
	static const TPML_PCR_SELECTION no_pcrs;
	AUTO(device_free) TPM2B_PUBLIC *made = NULL;
	TPM2B_PUBLIC template;
	ESYS_TR object = ESYS_TR_NONE;
	struct status st;
	TSS2_RC rc;

	template_storage(&template);
	rc = Esys_CreatePrimary(t->device.esys, ESYS_TR_RH_OWNER, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE,
		&no_auth, &template, &no_data, &no_pcrs, &object, &made, NULL, NULL, NULL);
	TRY(device_check(&t->device, "CreatePrimary", rc));
	st = template_compare(&template, made);
	if (st.code == STATUS_OK)
		st = name_of(t, object, ret_name);
	if (st.code != STATUS_OK) {
		(void)!device_flush(&t->device, &object).code; /* the first failure is the one to tell */
		return st;
	}
	*ret_object = object;
	return OK;
}

/* Make the transient key persistent. */
static struct status persist(struct tpm *t, ESYS_TR object)
{
	TSS2_RC rc = Esys_EvictControl(t->device.esys, ESYS_TR_RH_OWNER, object, ESYS_TR_PASSWORD, ESYS_TR_NONE,
		ESYS_TR_NONE, t->config.handle, &t->storage);

	return device_check(&t->device, "EvictControl", rc);
}

/* Nothing lives at the handle: derive it, and keep it if it is the one that was pinned or none was yet. */
static struct status make(struct tpm *t)
{
	const TPM2B_NAME *pinned = &t->state.storage_name;
	TPM2B_NAME name;
	ESYS_TR object;
	struct status st, flushed;

	TRY(derive(t, &object, &name));
	st = pinned->size == 0 || is_same(&name, pinned) ? persist(t, object) : FAIL(DEVICE_IDENTITY);
	flushed = device_flush(&t->device, &object);
	return st.code != STATUS_OK ? st : flushed;
}

/* First start, and something lives there already: ours if it is what we would derive. */
static struct status adopt(struct tpm *t)
{
	TPM2B_NAME there, ours;
	ESYS_TR object;

	TRY(name_of(t, t->storage, &there));
	TRY(derive(t, &object, &ours));
	TRY(device_flush(&t->device, &object));
	ENSURE(is_same(&there, &ours), DEVICE_HANDLE);
	return OK;
}

struct status storage_open(struct tpm *t)
{
	TPM2B_NAME name;
	TSS2_RC rc = Esys_TR_FromTPMPublic(
		t->device.esys, t->config.handle, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &t->storage);

	if (rc_is_absent(rc)) {
		TRY(make(t));
	} else {
		TRY(device_check(&t->device, "ReadPublic", rc));
		if (t->state.storage_name.size == 0)
			TRY(adopt(t));
	}
	TRY(name_of(t, t->storage, &name));
	if (t->state.storage_name.size == 0) {
		t->state.storage_name = name;
		t->state_changed = true;
	}
	ENSURE(is_same(&name, &t->state.storage_name), DEVICE_IDENTITY);
	return digest_sha256(bytes_of(name.name, name.size), t->identity);
}
