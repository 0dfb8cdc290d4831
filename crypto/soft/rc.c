/* SPDX-License-Identifier: Apache-2.0 */
#include <openssl/err.h>

#include "crypto/soft/soft.h"

struct status soft_rc(const char *file, int line, const char *function)
{
	unsigned long error = ERR_peek_last_error();
	enum status_code code = STATUS_CRYPTO;

	if (ERR_GET_REASON(error) == ERR_R_MALLOC_FAILURE)
		code = STATUS_NO_MEMORY;
	ERR_clear_error();
	return status_fail(code, ERR_GET_REASON(error), file, line, function);
}
