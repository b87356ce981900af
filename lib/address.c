/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Addresses: text to octets and back, and the layout of a substrate address. See address.h.
 *
 * IPv6 text is left to inet_pton() and inet_ntop(); IPv4 is read here, since the C library's readers differ in what
 * they let pass.
 */
#include "lib/address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

/* Byte 8 of a substrate address: slot << 2 | U << 1 | G. */
#define BYTE8_FORWARD 2u
#define BYTE8_GROUP 1u
#define BYTE8_SLOT_SHIFT 2

int ipv4_parse(const char *text, struct ipv4 *out)
{
	struct ipv4 address;

	for (int i = 0; i < 4; i++) {
		unsigned value = 0;
		int digits = 0;

		for (; *text >= '0' && *text <= '9'; text++, digits++) {
			/* A leading zero is octal to some readers and not to others: refuse it. */
			if (digits == 3 || (digits > 0 && value == 0))
				return -EINVAL;
			value = value * 10 + (unsigned)(*text - '0');
		}
		if (digits == 0 || value > 255 || *text != (i < 3 ? '.' : '\0'))
			return -EINVAL;
		address.octet[i] = (uint8_t)value;
		text++;
	}
	*out = address;
	return 0;
}

uint32_t ipv4_number(struct ipv4 address)
{
	const uint8_t *o = address.octet;

	return (uint32_t)o[0] << 24 | (uint32_t)o[1] << 16 | (uint32_t)o[2] << 8 | o[3];
}

struct ipv4 ipv4_of_number(uint32_t number)
{
	return (struct ipv4){
		{(uint8_t)(number >> 24), (uint8_t)(number >> 16), (uint8_t)(number >> 8), (uint8_t)number}};
}

/* Returns 0; -EINVAL: not "0" to "32"; -ERANGE: the address has bits beyond the length. */
static int prefix_end(struct ipv4 low, const char *length, struct ipv4 *high)
{
	uint32_t beyond;
	unsigned bits = 0;
	size_t digits = 0;

	for (; length[digits] >= '0' && length[digits] <= '9' && digits < 3; digits++)
		bits = bits * 10 + (unsigned)(length[digits] - '0');
	if (digits == 0 || length[digits] || bits > 32 || (length[0] == '0' && digits > 1))
		return -EINVAL;
	beyond = bits == 32 ? 0 : UINT32_MAX >> bits;
	if (ipv4_number(low) & beyond)
		return -ERANGE;
	*high = ipv4_of_number(ipv4_number(low) | beyond);
	return 0;
}

int ipv4_range_parse(const char *text, struct ipv4_range *out)
{
	size_t length = strcspn(text, "/-");
	char first[sizeof("255.255.255.255")];
	struct ipv4_range range;
	int error;

	if (length >= sizeof(first))
		return -EINVAL;
	memcpy(first, text, length);
	first[length] = '\0';
	error = ipv4_parse(first, &range.low);
	range.high = range.low;
	if (!error && text[length] == '/')
		error = prefix_end(range.low, text + length + 1, &range.high);
	else if (!error && text[length] == '-')
		error = ipv4_parse(text + length + 1, &range.high);
	if (error)
		return error;
	if (ipv4_number(range.low) > ipv4_number(range.high))
		return -EDOM;
	*out = range;
	return 0;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

int mac_parse(const char *text, struct mac *out)
{
	struct mac mac;

	for (int i = 0; i < 6; i++) {
		int high = hex_digit(text[0]);
		int low = high < 0 ? -1 : hex_digit(text[1]);

		if (low < 0 || text[2] != (i < 5 ? ':' : '\0'))
			return -EINVAL;
		mac.octet[i] = (uint8_t)(high << 4 | low);
		text += 3;
	}
	*out = mac;
	return 0;
}

int substrate_parse(const char *text, struct substrate *out)
{
	struct substrate address;

	if (inet_pton(AF_INET6, text, address.octet) != 1)
		return -EINVAL;
	*out = address;
	return 0;
}

int locator_parse(const char *text, struct locator *out)
{
	const char *slash = strchr(text, '/');
	char prefix[INET6_ADDRSTRLEN];
	struct locator locator = {0};
	struct substrate address;
	size_t octets;

	if (!slash || (size_t)(slash - text) >= sizeof(prefix))
		return -EINVAL;
	if (strcmp(slash, "/64") == 0)
		locator.length = 64;
	else if (strcmp(slash, "/72") == 0)
		locator.length = 72;
	else
		return -EINVAL;

	memcpy(prefix, text, (size_t)(slash - text));
	prefix[slash - text] = '\0';
	if (substrate_parse(prefix, &address) != 0)
		return -EINVAL;

	octets = locator.length / 8u;
	for (size_t i = octets; i < sizeof(address.octet); i++) {
		if (address.octet[i] != 0)
			return -EINVAL;
	}
	if (address.octet[8] & (BYTE8_FORWARD | BYTE8_GROUP))
		return -EINVAL;
	memcpy(locator.octet, address.octet, octets);
	*out = locator;
	return 0;
}

/* Writes a number up to 255, and what follows it. Returns where that ends. */
static char *octet_write(char *at, unsigned number, char next)
{
	if (number >= 100)
		*at++ = (char)('0' + number / 100);
	if (number >= 10)
		*at++ = (char)('0' + number / 10 % 10);
	*at++ = (char)('0' + number % 10);
	*at++ = next;
	return at;
}

/* By hand: sets of a hundred thousand addresses are printed, and snprintf() takes most of the time then. */
static char *ipv4_write(char *at, struct ipv4 address, char next)
{
	for (int i = 0; i < 4; i++)
		at = octet_write(at, address.octet[i], i < 3 ? '.' : next);
	return at;
}

const char *ipv4_format(struct ipv4 address, char text[ADDRESS_TEXT_MAX])
{
	ipv4_write(text, address, '\0');
	return text;
}

const char *ipv4_range_format(struct ipv4_range range, char text[ADDRESS_TEXT_MAX])
{
	uint32_t low = ipv4_number(range.low), beyond = low ^ ipv4_number(range.high);
	unsigned length = 32;

	if (beyond & (beyond + 1) || low & beyond) {
		ipv4_write(ipv4_write(text, range.low, '-'), range.high, '\0');
		return text;
	}
	for (; length > 0 && beyond & 1u << (32 - length); length--)
		;
	if (length == 32)
		ipv4_write(text, range.low, '\0');
	else
		octet_write(ipv4_write(text, range.low, '/'), length, '\0');
	return text;
}

const char *mac_format(struct mac mac, char text[ADDRESS_TEXT_MAX])
{
	const uint8_t *o = mac.octet;

	snprintf(text, ADDRESS_TEXT_MAX, "%02x:%02x:%02x:%02x:%02x:%02x", o[0], o[1], o[2], o[3], o[4], o[5]);
	return text;
}

const char *substrate_format(const struct substrate *address, char text[ADDRESS_TEXT_MAX])
{
	inet_ntop(AF_INET6, address->octet, text, ADDRESS_TEXT_MAX);
	return text;
}

const char *locator_format(const struct locator *locator, char text[ADDRESS_TEXT_MAX])
{
	struct substrate address = {0};
	size_t used;

	memcpy(address.octet, locator->octet, locator->length / 8u);
	substrate_format(&address, text);
	used = strlen(text);
	snprintf(text + used, ADDRESS_TEXT_MAX - used, "/%u", locator->length);
	return text;
}

bool ipv4_equal(struct ipv4 a, struct ipv4 b)
{
	return memcmp(a.octet, b.octet, sizeof(a.octet)) == 0;
}

bool ipv4_is_unicast(struct ipv4 address)
{
	uint8_t first = address.octet[0];

	return first != 0 && first != 127 && first < 224;
}

bool mac_is_unicast(struct mac mac)
{
	static const struct mac zero;

	return !(mac.octet[0] & 1) && memcmp(mac.octet, zero.octet, sizeof(zero.octet)) != 0;
}

bool locator_is_unicast(const struct locator *locator)
{
	static const uint8_t zero[8];
	const uint8_t *o = locator->octet;

	return o[0] != 0xff && !(o[0] == 0xfe && (o[1] & 0xc0) == 0x80) && memcmp(o, zero, sizeof(zero)) != 0;
}

int substrate_encode(const struct substrate_fields *fields, struct substrate *out)
{
	if (fields->slot > SLOT_MAX || fields->vni > VNI_MAX)
		return -ERANGE;

	memcpy(out->octet, fields->locator, sizeof(fields->locator));
	out->octet[8] = (uint8_t)(fields->slot << BYTE8_SLOT_SHIFT | (fields->forward ? BYTE8_FORWARD : 0) |
				  (fields->group ? BYTE8_GROUP : 0));
	out->octet[9] = (uint8_t)(fields->vni >> 16);
	out->octet[10] = (uint8_t)(fields->vni >> 8);
	out->octet[11] = (uint8_t)fields->vni;
	memcpy(out->octet + 12, fields->address.octet, sizeof(fields->address.octet));
	return 0;
}

struct substrate_fields substrate_decode(const struct substrate *address)
{
	const uint8_t *o = address->octet;
	struct substrate_fields fields = {
		.slot = (uint8_t)(o[8] >> BYTE8_SLOT_SHIFT),
		.forward = o[8] & BYTE8_FORWARD,
		.group = o[8] & BYTE8_GROUP,
		.vni = (uint32_t)o[9] << 16 | (uint32_t)o[10] << 8 | o[11],
		.address = {{o[12], o[13], o[14], o[15]}},
	};

	memcpy(fields.locator, o, sizeof(fields.locator));
	return fields;
}

int substrate_of_node(const struct locator *locator, uint8_t slot, uint32_t vni, struct ipv4 address,
	struct substrate *out)
{
	struct substrate_fields fields = {.slot = slot, .vni = vni, .address = address};

	if (vni == 0)
		return -ERANGE;
	if (locator->length == 72 && slot != locator->octet[8] >> BYTE8_SLOT_SHIFT)
		return -ERANGE;
	memcpy(fields.locator, locator->octet, sizeof(fields.locator));
	return substrate_encode(&fields, out);
}

bool locator_has(const struct locator *locator, const struct substrate *address)
{
	return memcmp(locator->octet, address->octet, 8) == 0 &&
	       (locator->length == 64 || locator->octet[8] == address->octet[8]);
}

struct substrate substrate_of_host(const struct locator *locator)
{
	struct substrate address = {0};

	memcpy(address.octet, locator->octet, sizeof(locator->octet));
	address.octet[15] = 1;
	return address;
}

struct topology topology_decode(const uint8_t locator[8])
{
	uint32_t bits =
		(uint32_t)locator[4] << 24 | (uint32_t)locator[5] << 16 | (uint32_t)locator[6] << 8 | locator[7];
	struct topology topology = {.version = (uint8_t)(bits >> 30)};

	if (topology.version == 0) {
		topology.locale = bits >> 24 & 0x3f;
		topology.area = bits >> 16 & 0xff;
		topology.rack = bits >> 8 & 0xff;
		topology.system = bits & 0xff;
	} else if (topology.version == 1) {
		topology.locale = bits >> 16 & 0x3fff;
		topology.rack = bits & 0xffff;
	}
	return topology;
}
