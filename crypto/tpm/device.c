/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/tpm/device.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/own.h"

enum { LEFTOVERS_MAX = 64 };

/* First handles of each kind (part 2 section 7.2).  Not tpm2-tss's names for them: those shift a signed number. */
#define FIRST_TRANSIENT UINT32_C(0x80000000)
#define FIRST_LOADED_SESSION UINT32_C(0x02000000)
#define FIRST_SAVED_SESSION UINT32_C(0x03000000)

/* clang-format off */
static const struct transport {
	const char *name;    /* with its colon */
	const char *library; /* by name: from the system's directories, the environment being empty */
} transports[] = {
	{ "device:", "libtss2-tcti-device.so.0" },
	{ "swtpm:",  "libtss2-tcti-swtpm.so.0" },
};
/* clang-format on */

static bool starts_with(const char *text, const char *with)
{
	return strncmp(text, with, strlen(with)) == 0;
}

static const struct transport *transport_find(const char *tcti)
{
	for (size_t i = 0; i < sizeof(transports) / sizeof(transports[0]); i++)
		if (starts_with(tcti, transports[i].name))
			return &transports[i];
	return NULL;
}

/* The loader of tpm2-tss is not used: without a name that it knows it tries one library after the other, and it
 * unloads a library with its last connection, which a sandboxed role could not load again. */
static struct status driver_load(const struct transport *transport, TSS2_TCTI_INIT_FUNC *ret_driver)
{
	void *library = dlopen(transport->library, RTLD_NOW | RTLD_LOCAL); /* for the life of the process */
	TSS2_TCTI_INFO_FUNC info_of;
	const TSS2_TCTI_INFO *info;

	ENSURE(library != NULL, MODULE_MISSING);
	*(void **)&info_of = dlsym(library, TSS2_TCTI_INFO_SYMBOL);
	info = info_of != NULL ? info_of() : NULL;
	ENSURE(info != NULL && info->init != NULL, MODULE_MISSING);
	*ret_driver = info->init;
	return OK;
}

struct status device_init(struct device *d, const char *tcti)
{
	const struct transport *transport = transport_find(tcti);

	*d = (struct device){ .commands = buf_make(DEVICE_COMMANDS_MAX) };
	ENSURE(transport != NULL && strlen(tcti) < sizeof(d->tcti), CLIENT_ARGUMENT);
	(void)snprintf(d->tcti, sizeof(d->tcti), "%s", tcti);
	d->where = d->tcti + strlen(transport->name);
	d->is_managed = starts_with(tcti, "device:/dev/tpmrm");
	return driver_load(transport, &d->driver);
}

void device_done(struct device *d)
{
	device_disconnect(d);
	buf_done(&d->commands);
}

/* ---- commands ------------------------------------------------------------------------------------- */

void device_begin(struct device *d)
{
	buf_clear(&d->commands);
	d->last = (struct rc_meaning){ .status = STATUS_OK };
}

static void note(struct device *d, const char *command)
{
	size_t len = strlen(command);

	if (d->commands.len + 1 + len > DEVICE_COMMANDS_MAX)
		return; /* only flushes after an unusual number of repeats could get here */
	if (d->commands.len > 0)
		buf_put_u8(&d->commands, ',');
	buf_put_text(&d->commands, command);
}

/* The result of something that is no command to the TPM. */
static struct status check(struct device *d, const char *command, TSS2_RC rc)
{
	if (rc == TSS2_RC_SUCCESS)
		return OK;
	d->last = rc_read(rc);
	if (d->last.alarm)
		log_error("TPM counts or locks authorizations, though no key of ours takes part: command=%s rc=0x%x",
			command, (unsigned)rc);
	return status_fail(d->last.status, (int64_t)rc, __FILE__, __LINE__, command);
}

struct status device_check(struct device *d, const char *command, TSS2_RC rc)
{
	TRY(check(d, command, rc));
	note(d, command);
	return OK;
}

struct status device_flush(struct device *d, ESYS_TR *object)
{
	ESYS_TR which = *object;

	*object = ESYS_TR_NONE;
	if (which == ESYS_TR_NONE || d->esys == NULL)
		return OK;
	return device_check(d, "FlushContext", Esys_FlushContext(d->esys, which));
}

static struct status capability(
	struct device *d, TPM2_CAP group, uint32_t first, uint32_t count, TPMS_CAPABILITY_DATA **ret_data)
{
	TPMI_YES_NO more;

	return device_check(d, "GetCapability",
		Esys_GetCapability(
			d->esys, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, group, first, count, &more, ret_data));
}

struct status device_property(struct device *d, uint32_t property, uint32_t *ret_value)
{
	AUTO(device_free) TPMS_CAPABILITY_DATA *data = NULL;
	const TPML_TAGGED_TPM_PROPERTY *list;

	TRY(capability(d, TPM2_CAP_TPM_PROPERTIES, property, 1, &data));
	list = &data->data.tpmProperties;
	*ret_value = list->count == 1 && list->tpmProperty[0].property == property ? list->tpmProperty[0].value : 0;
	return OK;
}

/* ---- connecting ----------------------------------------------------------------------------------- */

/* Transient objects or sessions that nobody owns any more: of a worker that died, since we are alone on a bare TPM. */
static struct status flush_leftovers(struct device *d, uint32_t first)
{
	AUTO(device_free) TPMS_CAPABILITY_DATA *data = NULL;
	const TPML_HANDLE *list;

	TRY(capability(d, TPM2_CAP_HANDLES, first, LEFTOVERS_MAX, &data));
	list = &data->data.handles;
	for (uint32_t i = 0; i < list->count && i < TPM2_MAX_CAP_HANDLES; i++) {
		ESYS_TR object;
		TSS2_RC rc = Esys_TR_FromTPMPublic(
			d->esys, list->handle[i], ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &object);

		TRY(device_check(d, "ReadPublic", rc));
		TRY(device_flush(d, &object));
	}
	return OK;
}

static struct status transport_open(struct device *d)
{
	size_t size = 0;
	TSS2_RC rc = d->driver(NULL, &size, NULL);

	TRY(check(d, "open", rc));
	ENSURE(size > 0 && size <= SIZE_MAX / 2, DEVICE_FAILED);
	d->link = calloc(1, size);
	ENSURE(d->link != NULL, NO_MEMORY);
	rc = d->driver(d->link, &size, d->where);
	if (rc != TSS2_RC_SUCCESS) {
		free(d->link);
		d->link = NULL;
	}
	TRY(check(d, "open", rc));
	return check(d, "open", Esys_Initialize(&d->esys, d->link, NULL));
}

static struct status startup(struct device *d)
{
	TSS2_RC rc = Esys_Startup(d->esys, TPM2_SU_CLEAR);

	if (rc == TPM2_RC_INITIALIZE) /* "already started": the rule, not a failure */
		return OK;
	return device_check(d, "Startup", rc);
}

static struct status read_resets(struct device *d)
{
	AUTO(device_free) TPMS_TIME_INFO *now = NULL;

	TRY(device_check(d, "ReadClock", Esys_ReadClock(d->esys, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &now)));
	d->resets = now->clockInfo.resetCount;
	return OK;
}

static struct status read_slots(struct device *d)
{
	uint32_t slots;

	TRY(device_property(d, TPM2_PT_HR_TRANSIENT_AVAIL, &slots));
	d->slots = slots < DEVICE_SLOTS_MIN ? DEVICE_SLOTS_MIN : slots > DEVICE_SLOTS_MAX ? DEVICE_SLOTS_MAX : slots;
	return OK;
}

static struct status connect_all(struct device *d)
{
	TRY(transport_open(d));
	TRY(startup(d));
	if (!d->is_managed) {
		TRY(flush_leftovers(d, FIRST_TRANSIENT));
		TRY(flush_leftovers(d, FIRST_LOADED_SESSION));
		TRY(flush_leftovers(d, FIRST_SAVED_SESSION));
	}
	TRY(read_slots(d));
	return read_resets(d);
}

struct status device_connect(struct device *d)
{
	struct status st;

	device_disconnect(d);
	ENSURE(d->failed_us == 0 || clock_mono_us() - d->failed_us >= DEVICE_RETRY_MS * US_PER_MS, DEVICE_GONE);
	d->failed_us = 0;
	st = connect_all(d);
	if (st.code == STATUS_OK)
		return OK;
	device_disconnect(d);
	d->failed_us = clock_mono_us();
	return st;
}

void device_disconnect(struct device *d)
{
	if (d->esys != NULL)
		Esys_Finalize(&d->esys);
	if (d->link != NULL)
		Tss2_Tcti_Finalize(d->link);
	free(d->link);
	d->link = NULL;
}
