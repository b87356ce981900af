/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Addresses: IPv4, MAC, and the substrate addresses that embed a vnet and a virtual address (ONM-2).
 *
 * Pure: no system call, no allocation. Text forms are those that people and iproute2 use; parsers accept a whole
 * string or nothing (no leading or trailing space, no octal, no abbreviated IPv4).
 *
 *   bit 0        32         64      70 71 72            96               128
 *       | org 32 | topology | slot 6 |U|G| VNI 24        | IPv4 32          |
 */
#ifndef OVNET_LIB_ADDRESS_H
#define OVNET_LIB_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VNI_MAX 0xffffffu /* VNI 0 is the host itself */
#define SLOT_MAX 63u
#define ADDRESS_TEXT_MAX 64 /* enough for any text form here, with its terminator */

struct ipv4 {
	uint8_t octet[4]; /* network order */
};

/* Addresses in a row, both ends included. */
struct ipv4_range {
	struct ipv4 low, high;
};

struct mac {
	uint8_t octet[6];
};

/* A host's prefix: 64 bits, or 72 when it owns a single slot of a locator. */
struct locator {
	uint8_t octet[9]; /* the ninth is byte 8 of the address (slot, U, G); 0 when length is 64 */
	uint8_t length;   /* bits: 64 or 72 */
};

/* A substrate address, whole. */
struct substrate {
	uint8_t octet[16];
};

/* A substrate address, taken apart. */
struct substrate_fields {
	uint8_t locator[8]; /* org, then topology, as on the wire */
	uint8_t slot;       /* 0..63 */
	bool forward;       /* U/L: deliver to the node in the slot, whatever the embedded address (ONM-3) */
	bool group;         /* I/G: the address is a group's (ONM-3) */
	uint32_t vni;       /* 24 bits; 0: the host itself */
	struct ipv4 address;
};

/* The topology half of a locator (ONM-2): which of the parts are used depends on the version. */
struct topology {
	uint8_t version; /* 0: locale 6, area 8, rack 8, system 8; 1: locale 14, rack 16; 2 and 3 are unassigned */
	uint16_t locale;
	uint16_t area;
	uint16_t rack;
	uint16_t system;
};

/* Each parser returns 0, or -EINVAL when the text is not the whole of such an address; *out is then untouched. */
int ipv4_parse(const char *text, struct ipv4 *out);
/*
 * "10.0.0.5", "10.0.0.0/24" or "10.0.0.1-10.0.0.9". Besides, -ERANGE: a prefix that is not zero beyond its length; -EDOM: the
 * lower address of a range does not come first.
 */
int ipv4_range_parse(const char *text, struct ipv4_range *out);
int mac_parse(const char *text, struct mac *out);
/* "PREFIX/64" or "PREFIX/72"; bits past the length must be zero; a /72's U and G bits must be clear. */
int locator_parse(const char *text, struct locator *out);
int substrate_parse(const char *text, struct substrate *out);

/* Each formatter writes at most ADDRESS_TEXT_MAX octets to `text` and returns `text`. */
const char *ipv4_format(struct ipv4 address, char text[ADDRESS_TEXT_MAX]);
/* As an address or a prefix where it is one, so that a range has one text. */
const char *ipv4_range_format(struct ipv4_range range, char text[ADDRESS_TEXT_MAX]);
const char *mac_format(struct mac mac, char text[ADDRESS_TEXT_MAX]);
const char *locator_format(const struct locator *locator, char text[ADDRESS_TEXT_MAX]); /* with "/64" or "/72" */
const char *substrate_format(const struct substrate *address, char text[ADDRESS_TEXT_MAX]);

/* As a number, host byte order, and back. */
uint32_t ipv4_number(struct ipv4 address);
struct ipv4 ipv4_of_number(uint32_t number);

bool ipv4_equal(struct ipv4 a, struct ipv4 b);
/* True for what a node may have: not 0.0.0.0/8, 127.0.0.0/8, 224.0.0.0/3. */
bool ipv4_is_unicast(struct ipv4 address);
/* True for a unicast address that is not all zeros. */
bool mac_is_unicast(struct mac mac);

/* False for what can be no host's: zeros, link-local, multicast. */
bool locator_is_unicast(const struct locator *locator);

/*
 * Substrate address of a node. `slot` must be that of a /72 locator if it is one.
 * Returns 0, or -ERANGE when slot or vni is out of range or the slot is not the locator's; *out is then untouched.
 */
int substrate_of_node(const struct locator *locator, uint8_t slot, uint32_t vni, struct ipv4 address,
	struct substrate *out);
/* Whether an address is within the prefix. */
bool locator_has(const struct locator *locator, const struct substrate *address);
/* The host's own address: VNI 0, embedded address 0.0.0.1; for a /72, in its slot. */
struct substrate substrate_of_host(const struct locator *locator);

/* Put together and take apart. substrate_encode() returns 0, or -ERANGE; substrate_decode() cannot fail. */
int substrate_encode(const struct substrate_fields *fields, struct substrate *out);
struct substrate_fields substrate_decode(const struct substrate *address);
struct topology topology_decode(const uint8_t locator[8]);

#endif /* OVNET_LIB_ADDRESS_H */
