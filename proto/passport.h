/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Passports: what an authority says of a host or a node, signed (Ed25519), so that a peer can check keys, identity, place
 * and groups without asking anybody.
 *
 * Pure: time is passed in, seconds since 1970 (UTC). Layouts are in docs/protocol.md.
 */
#ifndef OVNET_PROTO_PASSPORT_H
#define OVNET_PROTO_PASSPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/address.h"

#define PASSPORT_SIGNATURE_LEN 64
#define PASSPORT_GROUPS_MAX 16
#define PASSPORT_ADDRESSES_MAX 4
/* Clocks of hosts may differ by this much. */
#define PASSPORT_SKEW_S 60

/* { kind u8 = 1, version u8 = 1, reserved u16, host u64, locator 9, length u8, key 32, not before u64, not after u64, revision u64 }, signature 64 */
#define HOST_PASSPORT_LEN (4 + 8 + 10 + 32 + 8 + 8 + 8 + PASSPORT_SIGNATURE_LEN)

struct host_passport {
	uint64_t host; /* id */
	struct locator locator;
	uint8_t key[32]; /* X25519, public */
	uint64_t not_before_s, not_after_s;
	uint64_t revision; /* a newer one supersedes */
};

/*
 * { kind u8 = 2, version u8 = 1, slot u8, address count u8, group count u8, reserved u8 3, vni u32, node u64, account u64, host u64,
 *   incarnation u64, not before u64, not after u64, revision u64, addresses 4 each, groups u64 each }, signature 64
 */
struct node_passport {
	uint32_t vni;
	uint8_t slot;
	uint64_t node, account, host; /* ids; account 0: none */
	uint64_t incarnation;
	uint64_t not_before_s, not_after_s;
	uint64_t revision;
	size_t address_count, group_count;
	struct ipv4 addresses[PASSPORT_ADDRESSES_MAX]; /* at least one */
	uint64_t groups[PASSPORT_GROUPS_MAX];
};
#define NODE_PASSPORT_LEN(addresses, groups) (8 + 4 + 7 * 8 + 4 * (addresses) + 8 * (groups) + PASSPORT_SIGNATURE_LEN)
#define NODE_PASSPORT_LEN_MAX NODE_PASSPORT_LEN(PASSPORT_ADDRESSES_MAX, PASSPORT_GROUPS_MAX)

/*
 * Signs with an authority's secret key (64 octets, libsodium's form). Returns the length, or -EINVAL: counts, slot, VNI or
 * locator out of range.
 */
int host_passport_sign(const struct host_passport *passport, const uint8_t secret[64], uint8_t out[HOST_PASSPORT_LEN]);
int node_passport_sign(const struct node_passport *passport, const uint8_t secret[64],
	uint8_t out[NODE_PASSPORT_LEN_MAX]);

/*
 * Checks layout, signature and validity at `now_s`. Returns 0; -EBADMSG: layout; -EKEYREJECTED: not signed by this authority;
 * -EKEYEXPIRED: past its end, or before its beginning. *out is untouched on failure.
 */
int host_passport_verify(const uint8_t *in, size_t length, const uint8_t authority[32], uint64_t now_s,
	struct host_passport *out);
int node_passport_verify(const uint8_t *in, size_t length, const uint8_t authority[32], uint64_t now_s,
	struct node_passport *out);
/* The same without the signature, for what was verified before, octet by octet. */
int node_passport_read(const uint8_t *in, size_t length, uint64_t now_s, struct node_passport *out);

#endif /* OVNET_PROTO_PASSPORT_H */
