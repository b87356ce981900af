/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Services by name, protocol and port. See service.h.
 */
#include "policy/service.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/error.h"

enum { ICMP = 1, TCP = 6, UDP = 17 };

static const struct service_name names[] = {
	{"ssh", TCP, 22},
	{"telnet", TCP, 23},
	{"smtp", TCP, 25},
	{"domain", TCP, 53},
	{"domain", UDP, 53},
	{"tftp", UDP, 69},
	{"http", TCP, 80},
	{"kerberos", TCP, 88},
	{"kerberos", UDP, 88},
	{"pop3", TCP, 110},
	{"ntp", UDP, 123},
	{"imap", TCP, 143},
	{"snmp", UDP, 161},
	{"bgp", TCP, 179},
	{"ldap", TCP, 389},
	{"https", TCP, 443},
	{"syslog", UDP, 514},
	{"submission", TCP, 587},
	{"ldaps", TCP, 636},
	{"imaps", TCP, 993},
	{"pop3s", TCP, 995},
	{"mqtt", TCP, 1883},
	{"nfs", TCP, 2049},
	{"mysql", TCP, 3306},
	{"rdp", TCP, 3389},
	{"sip", TCP, 5060},
	{"sip", UDP, 5060},
	{"postgresql", TCP, 5432},
	{"amqp", TCP, 5672},
	{"redis", TCP, 6379},
	{"memcached", TCP, 11211},
	{"echo-reply", ICMP, 0},
	{"destination-unreachable", ICMP, 3},
	{"redirect", ICMP, 5},
	{"echo", ICMP, 8},
	{"time-exceeded", ICMP, 11},
	{"parameter-problem", ICMP, 12},
	{"timestamp", ICMP, 13},
};

const struct service_name *service_names(size_t *count)
{
	*count = ARRAY_LEN(names);
	return names;
}

/* A whole decimal number without sign, space or leading zero, up to 99999. Returns what follows it, or NULL. */
static const char *number_parse(const char *text, unsigned *out)
{
	size_t length = strspn(text, "0123456789");

	if (length == 0 || length > 5 || (*text == '0' && length > 1))
		return NULL;
	*out = (unsigned)strtoul(text, NULL, 10);
	return text + length;
}

static int ports_parse(const char *text, unsigned least, unsigned most, struct policy_service *out)
{
	unsigned low, high;
	const char *end = number_parse(text, &low);

	high = low;
	if (end && *end == '-')
		end = number_parse(end + 1, &high);
	if (!end || *end)
		return -EINVAL;
	if (low < least || high > most || low > high)
		return -ERANGE;
	out->low = (uint16_t)low;
	out->high = (uint16_t)high;
	return 1;
}

/* Writes every entry of that name, of ICMP's or of the others. */
static int names_lookup(const char *text, bool icmp, struct policy_service out[SERVICE_TRANSPORTS_MAX])
{
	int count = 0;

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		if ((names[i].protocol == ICMP) != icmp || strcmp(names[i].name, text) != 0)
			continue;
		out[count++] = (struct policy_service){
			.protocol = names[i].protocol,
			.low = names[i].port,
			.high = names[i].port,
		};
	}
	return count ? count : -EINVAL;
}

/* `rest` is what follows the protocol: nothing, or a slash and more. */
static int narrow(uint8_t protocol, const char *rest, struct policy_service out[SERVICE_TRANSPORTS_MAX])
{
	struct policy_service service = {.protocol = protocol, .low = 0, .high = UINT16_MAX};
	int result = 1;

	if (*rest == '/' && protocol == ICMP && names_lookup(rest + 1, true, out) == 1)
		return 1;
	if (*rest == '/')
		result = ports_parse(rest + 1, protocol == ICMP ? 0 : 1, protocol == ICMP ? UINT8_MAX : UINT16_MAX,
			&service);
	else if (*rest)
		result = -EINVAL;
	if (result == 1)
		out[0] = service;
	return result;
}

int service_parse(const char *text, struct policy_service out[SERVICE_TRANSPORTS_MAX])
{
	static const struct {
		const char *name;
		uint8_t number;
	} protocols[] = {{"icmp", ICMP}, {"tcp", TCP}, {"udp", UDP}};
	const char *end;
	unsigned number;

	if (strcmp(text, "any") == 0) {
		out[0] = (struct policy_service){.any = true, .low = 0, .high = UINT16_MAX};
		return 1;
	}
	for (size_t i = 0; i < ARRAY_LEN(protocols); i++) {
		size_t length = strlen(protocols[i].name);

		if (strncmp(text, protocols[i].name, length) == 0 && (text[length] == '\0' || text[length] == '/'))
			return narrow(protocols[i].number, text + length, out);
	}
	end = number_parse(text, &number);
	if (!end)
		return names_lookup(text, false, out);
	if (*end || number > UINT8_MAX)
		return -EINVAL;
	return narrow((uint8_t)number, end, out);
}
