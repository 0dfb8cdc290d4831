/* SPDX-License-Identifier: Apache-2.0 */
#include <dlfcn.h>
#include <p11-kit/pkcs11.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/bench/raw.h"

enum { SLOTS_MAX = 16 };

/* One login for the process, one session per thread, one key pair with the attributes that the daemon gives its own. */
static struct {
	CK_FUNCTION_LIST *fn;
	CK_SLOT_ID slot;
	CK_SESSION_HANDLE session; /* the first: it made the keys */
	CK_OBJECT_HANDLE key, public;
} p11;

static bool good(CK_RV rv, const char *what)
{
	if (rv != CKR_OK)
		(void)fprintf(stderr, "bench-raw: %s: 0x%lx\n", what, (unsigned long)rv);
	return rv == CKR_OK;
}

static bool load(const char *path)
{
	static CK_C_INITIALIZE_ARGS threads = { .flags = CKF_OS_LOCKING_OK };
	void *module = dlopen(path, RTLD_NOW | RTLD_LOCAL); /* for the life of the process */
	union {
		void *from;
		CK_RV (*to)(CK_FUNCTION_LIST **);
	} get = { .from = module != NULL ? dlsym(module, "C_GetFunctionList") : NULL };

	if (get.from == NULL || get.to(&p11.fn) != CKR_OK) {
		(void)fprintf(stderr, "bench-raw: %s is no PKCS #11 module\n", path);
		return false;
	}
	return good(p11.fn->C_Initialize(&threads), "C_Initialize");
}

static bool generate(void)
{
	static CK_BBOOL yes = CK_TRUE, no = CK_FALSE;
	static CK_BYTE p256[] = { 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07 };
	static CK_BYTE id[] = "bench";
	CK_ATTRIBUTE public[] = { { CKA_TOKEN, &yes, sizeof(yes) }, { CKA_VERIFY, &yes, sizeof(yes) },
		{ CKA_EC_PARAMS, p256, sizeof(p256) }, { CKA_ID, id, sizeof(id) } };
	CK_ATTRIBUTE private[] = { { CKA_TOKEN, &yes, sizeof(yes) }, { CKA_PRIVATE, &yes, sizeof(yes) },
		{ CKA_SENSITIVE, &yes, sizeof(yes) }, { CKA_EXTRACTABLE, &no, sizeof(no) },
		{ CKA_SIGN, &yes, sizeof(yes) }, { CKA_ID, id, sizeof(id) } };
	CK_MECHANISM mechanism = { CKM_EC_KEY_PAIR_GEN, NULL, 0 };

	return good(p11.fn->C_GenerateKeyPair(p11.session, &mechanism, public, sizeof(public) / sizeof(public[0]),
			    private, sizeof(private) / sizeof(private[0]), &p11.public, &p11.key),
		"C_GenerateKeyPair");
}

static bool p11_open(char **arguments)
{
	CK_SLOT_ID slots[SLOTS_MAX]; /* the first is the harness's token, and SoftHSM2 adds an empty one */
	CK_ULONG count = SLOTS_MAX;
	size_t pin_len = strlen(arguments[1]);

	if (!load(arguments[0]) || !good(p11.fn->C_GetSlotList(CK_TRUE, slots, &count), "C_GetSlotList"))
		return false;
	if (count == 0)
		return good(CKR_TOKEN_NOT_PRESENT, "C_GetSlotList");
	p11.slot = slots[0];
	return good(p11.fn->C_OpenSession(p11.slot, CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, &p11.session),
		       "C_OpenSession") &&
	       good(p11.fn->C_Login(p11.session, CKU_USER, (CK_UTF8CHAR *)arguments[1], pin_len), "C_Login") &&
	       generate();
}

static bool p11_thread(void **ret_self)
{
	CK_SESSION_HANDLE *session = malloc(sizeof(*session));

	if (session == NULL)
		return false;
	*ret_self = session;
	return good(p11.fn->C_OpenSession(p11.slot, CKF_SERIAL_SESSION, NULL, NULL, session), "C_OpenSession");
}

static bool p11_sign(void *self, const uint8_t digest[static RAW_DIGEST_BYTES])
{
	CK_SESSION_HANDLE session = *(CK_SESSION_HANDLE *)self;
	CK_MECHANISM mechanism = { CKM_ECDSA, NULL, 0 };
	CK_BYTE data[RAW_DIGEST_BYTES], signature[RAW_SIGNATURE_MAX];
	CK_ULONG len = sizeof(signature);

	memcpy(data, digest, sizeof(data));
	return good(p11.fn->C_SignInit(session, &mechanism, p11.key), "C_SignInit") &&
	       good(p11.fn->C_Sign(session, data, sizeof(data), signature, &len), "C_Sign") && len == 64;
}

static void p11_thread_done(void *self)
{
	free(self); /* its session ends with the program */
}

static void p11_close(void)
{
	if (p11.fn == NULL)
		return;
	(void)p11.fn->C_DestroyObject(p11.session, p11.key); /* a token of the harness, thrown away */
	(void)p11.fn->C_DestroyObject(p11.session, p11.public);
	(void)p11.fn->C_Finalize(NULL);
}

const struct raw_backend raw_p11 = { "p11", "MODULE PIN", 2, p11_open, p11_thread, p11_sign, p11_thread_done,
	p11_close };
