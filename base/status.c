/* SPDX-License-Identifier: Apache-2.0 */
#include "base/status.h"

#include <stddef.h>

static const struct {
	const char *name;
	const char *text;
	uint16_t wire;
} rows[STATUS_COUNT] = {
#define STATUS_ROW(name_, wire_, text_) [STATUS_##name_] = { .name = #name_, .text = text_, .wire = wire_ },
	STATUS_ROWS(STATUS_ROW)
#undef STATUS_ROW
};

static _Thread_local struct fault last;

struct status status_fail(enum status_code code, int64_t native, const char *file, int line, const char *function)
{
	last = (struct fault){ .code = code, .native = native, .file = file, .function = function, .line = line };
	return (struct status){ code };
}

void fault_take(struct fault *ret_fault)
{
	*ret_fault = last;
	last = (struct fault){ 0 };
}

void fault_put(const struct fault *fault)
{
	last = *fault;
}

static enum status_code known(enum status_code code)
{
	return (unsigned)code < STATUS_COUNT ? code : STATUS_IO;
}

uint16_t status_wire(enum status_code code)
{
	return rows[known(code)].wire;
}

const char *status_name(enum status_code code)
{
	return rows[known(code)].name;
}

const char *status_text(enum status_code code)
{
	return rows[known(code)].text;
}

bool status_from_number(uint32_t number, enum status_code *ret_code)
{
	if (number >= STATUS_COUNT)
		return false;
	*ret_code = (enum status_code)number;
	return true;
}

const char *status_wire_name(uint16_t wire)
{
	/* clang-format off */
	static const struct { uint16_t wire; const char *name; } names[] = {
		{ 0, "Success" }, { 1, "WrongProviderId" }, { 2, "ContentTypeNotSupported" },
		{ 3, "AcceptTypeNotSupported" }, { 4, "WireProtocolVersionNotSupported" },
		{ 5, "ProviderNotRegistered" }, { 6, "ProviderDoesNotExist" }, { 7, "DeserializingBodyFailed" },
		{ 8, "SerializingBodyFailed" }, { 9, "OpcodeDoesNotExist" }, { 10, "ResponseTooLarge" },
		{ 11, "AuthenticationError" }, { 12, "AuthenticatorDoesNotExist" }, { 13, "AuthenticatorNotRegistered" },
		{ 14, "KeyInfoManagerError" }, { 15, "ConnectionError" }, { 16, "InvalidEncoding" },
		{ 17, "InvalidHeader" }, { 18, "WrongProviderUuid" }, { 19, "NotAuthenticated" },
		{ 20, "BodySizeExceedsLimit" }, { 21, "AdminOperation" }, { 22, "DeprecatedPrimitive" },
		{ 1132, "PsaErrorGenericError" }, { 1133, "PsaErrorNotPermitted" }, { 1134, "PsaErrorNotSupported" },
		{ 1135, "PsaErrorInvalidArgument" }, { 1136, "PsaErrorInvalidHandle" }, { 1137, "PsaErrorBadState" },
		{ 1138, "PsaErrorBufferTooSmall" }, { 1139, "PsaErrorAlreadyExists" }, { 1140, "PsaErrorDoesNotExist" },
		{ 1141, "PsaErrorInsufficientMemory" }, { 1142, "PsaErrorInsufficientStorage" },
		{ 1143, "PsaErrorInsufficientData" }, { 1145, "PsaErrorCommunicationFailure" },
		{ 1146, "PsaErrorStorageFailure" }, { 1147, "PsaErrorHardwareFailure" },
		{ 1148, "PsaErrorInsufficientEntropy" }, { 1149, "PsaErrorInvalidSignature" },
		{ 1150, "PsaErrorInvalidPadding" }, { 1151, "PsaErrorCorruptionDetected" },
		{ 1152, "PsaErrorDataCorrupt" }, { 1153, "PsaErrorDataInvalid" },
	};
	/* clang-format on */
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (names[i].wire == wire)
			return names[i].name;
	return NULL;
}
