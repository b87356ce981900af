/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Passports: what an authority says of a host or a node, signed (Ed25519), so that a peer can check keys, identity, place
 * and groups without asking anybody.
 *
 * Node passports are signed in batches: the signature is over the root of a hash tree (RFC 9162, 2.1) whose leaves are the passports, and
 * each carries its path to the root. Who has verified one of a batch needs hashes for the others, and no signature.
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
#define PASSPORT_HASH_LEN 32 /* BLAKE2b-256 */
#define PASSPORT_PATH_MAX 7  /* steps from a leaf to the root */
#define PASSPORT_BATCH_MAX (1 << PASSPORT_PATH_MAX)
#define PASSPORT_ROOTS 8 /* remembered at a time */
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
 *   incarnation u64, not before u64, not after u64, revision u64, addresses 4 each, groups u64 each },
 * path length u8, path 32 each, sides u8 (bit n: at step n of the path, what is given stands on the left), signature 64
 *
 * leaf = H(0x00 | all within the braces); inner node = H(0x01 | left | right); the signature is over "ovnet roster 1" | root.
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
#define NODE_PASSPORT_BODY_LEN(addresses, groups) (8 + 4 + 7 * 8 + 4 * (addresses) + 8 * (groups))
#define NODE_PASSPORT_LEN(addresses, groups, path)                                                                     \
	(NODE_PASSPORT_BODY_LEN(addresses, groups) + 1 + PASSPORT_HASH_LEN * (path) + 1 + PASSPORT_SIGNATURE_LEN)
#define NODE_PASSPORT_LEN_MAX NODE_PASSPORT_LEN(PASSPORT_ADDRESSES_MAX, PASSPORT_GROUPS_MAX, PASSPORT_PATH_MAX)

struct node_passport_octets {
	uint8_t octets[NODE_PASSPORT_LEN_MAX];
	size_t length;
};

/*
 * Roots whose signature was verified, of one authority: when another one's is added, they are forgotten. All zeros: none. The oldest
 * makes room. A passport that was signed alone leaves none: nothing else could come under it.
 */
struct passport_roots {
	uint8_t authority[32];
	uint8_t root[PASSPORT_ROOTS][PASSPORT_HASH_LEN];
	size_t count, next;
	uint64_t signatures; /* that were verified, good or bad, because the root was not among these */
};

/*
 * Signs with an authority's secret key (64 octets, libsodium's form); a node's passport alone. Returns the length, or -EINVAL:
 * counts, slot, VNI or locator out of range.
 */
int host_passport_sign(const struct host_passport *passport, const uint8_t secret[64], uint8_t out[HOST_PASSPORT_LEN]);
int node_passport_sign(const struct node_passport *passport, const uint8_t secret[64],
	uint8_t out[NODE_PASSPORT_LEN_MAX]);
/* Signs them in batches of PASSPORT_BATCH_MAX, and what is left in one more. Returns 0, or -EINVAL: one of them is out of range. */
int node_passports_sign(const struct node_passport *passports, size_t count, const uint8_t secret[64],
	struct node_passport_octets *out);

/*
 * Checks layout, signature and validity at `now_s`. Returns 0; -EBADMSG: layout; -EKEYREJECTED: not signed by this authority;
 * -EKEYEXPIRED: past its end, or before its beginning. *out is untouched on failure.
 *
 * `roots` (may be NULL) spares the signature of a batch that was seen, and nothing else. The signature's octets are not looked at then:
 * a root is there because the authority signed it, and no other passport leads to it.
 */
int host_passport_verify(const uint8_t *in, size_t length, const uint8_t authority[32], uint64_t now_s,
	struct host_passport *out);
int node_passport_verify(const uint8_t *in, size_t length, const uint8_t authority[32], uint64_t now_s,
	struct passport_roots *roots, struct node_passport *out);
/* The same without path and signature, for what was verified before, octet by octet. */
int node_passport_read(const uint8_t *in, size_t length, uint64_t now_s, struct node_passport *out);

#endif /* OVNET_PROTO_PASSPORT_H */
