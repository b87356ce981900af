/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Passports: layout, signature, validity. See passport.h.
 *
 * A host's signature covers all before it; a node's covers the root of its batch. The first two octets differ between the kinds, and no
 * host passport has the length of what is signed of a batch, so that one is never taken for the other.
 */
#include "proto/passport.h"

#include <errno.h>
#include <sodium.h>

#include "proto/cursor.h"

enum passport_kind { PASSPORT_HOST = 1, PASSPORT_NODE = 2 };
#define PASSPORT_VERSION 1

#define ROSTER_LABEL "ovnet roster 1"
#define ROSTER_LABEL_LEN (sizeof(ROSTER_LABEL) - 1)

/* What is hashed says what it is: else two nodes of the tree could be shown as a passport, or a passport as two nodes. */
enum tree_prefix { TREE_LEAF = 0, TREE_INNER = 1 };

_Static_assert(crypto_sign_BYTES == PASSPORT_SIGNATURE_LEN, "as in libsodium");
_Static_assert(ROSTER_LABEL_LEN + PASSPORT_HASH_LEN != HOST_PASSPORT_LEN - PASSPORT_SIGNATURE_LEN, "see above");

/* As locator_parse() would have it: nothing past the length, and no U or G bit. */
static bool locator_is_good(const struct locator *locator)
{
	if (locator->length == 64)
		return locator->octet[8] == 0;
	return locator->length == 72 && (locator->octet[8] & 3) == 0;
}

static int sign(struct writer *writer, const uint8_t *start, const uint8_t secret[64])
{
	size_t length = (size_t)(writer->at - start);
	uint8_t *signature = writer_take(writer, PASSPORT_SIGNATURE_LEN);

	if (!signature)
		return -EINVAL;
	crypto_sign_detached(signature, NULL, start, length, secret);
	return (int)length + PASSPORT_SIGNATURE_LEN;
}

static bool is_signed(const uint8_t *in, size_t length, const uint8_t authority[32])
{
	size_t body = length - PASSPORT_SIGNATURE_LEN;

	return crypto_sign_verify_detached(in + body, in, body, authority) == 0;
}

/* Written so that no sum overflows, whatever the passport says. */
static bool is_valid_at(uint64_t now_s, uint64_t not_before_s, uint64_t not_after_s)
{
	if (now_s < not_before_s && not_before_s - now_s > PASSPORT_SKEW_S)
		return false;
	return now_s <= not_after_s || now_s - not_after_s <= PASSPORT_SKEW_S;
}

int host_passport_sign(const struct host_passport *passport, const uint8_t secret[64], uint8_t out[HOST_PASSPORT_LEN])
{
	struct writer writer = {.at = out, .left = HOST_PASSPORT_LEN};

	if (!locator_is_good(&passport->locator))
		return -EINVAL;
	writer_u8(&writer, PASSPORT_HOST);
	writer_u8(&writer, PASSPORT_VERSION);
	writer_zeros(&writer, 2);
	writer_u64(&writer, passport->host);
	writer_octets(&writer, passport->locator.octet, sizeof(passport->locator.octet));
	writer_u8(&writer, passport->locator.length);
	writer_octets(&writer, passport->key, sizeof(passport->key));
	writer_u64(&writer, passport->not_before_s);
	writer_u64(&writer, passport->not_after_s);
	writer_u64(&writer, passport->revision);
	return sign(&writer, out, secret);
}

static int host_passport_layout(const uint8_t *in, size_t length, struct host_passport *out)
{
	struct reader reader = {.at = in, .left = length};

	reader_require(&reader, reader_u8(&reader) == PASSPORT_HOST);
	reader_require(&reader, reader_u8(&reader) == PASSPORT_VERSION);
	reader_zeros(&reader, 2);
	out->host = reader_u64(&reader);
	reader_octets(&reader, out->locator.octet, sizeof(out->locator.octet));
	out->locator.length = reader_u8(&reader);
	reader_require(&reader, locator_is_good(&out->locator));
	reader_octets(&reader, out->key, sizeof(out->key));
	out->not_before_s = reader_u64(&reader);
	out->not_after_s = reader_u64(&reader);
	out->revision = reader_u64(&reader);
	reader_take(&reader, PASSPORT_SIGNATURE_LEN);
	return reader_done(&reader) ? 0 : -EBADMSG;
}

int host_passport_verify(const uint8_t *in, size_t length, const uint8_t authority[32], uint64_t now_s,
	struct host_passport *out)
{
	struct host_passport passport;
	int result = host_passport_layout(in, length, &passport);

	if (result)
		return result;
	if (!is_signed(in, length, authority))
		return -EKEYREJECTED;
	if (!is_valid_at(now_s, passport.not_before_s, passport.not_after_s))
		return -EKEYEXPIRED;
	*out = passport;
	return 0;
}

/* ---- the tree */

static void hash_leaf(const uint8_t *body, size_t length, uint8_t out[PASSPORT_HASH_LEN])
{
	uint8_t octets[1 + NODE_PASSPORT_BODY_LEN(PASSPORT_ADDRESSES_MAX, PASSPORT_GROUPS_MAX)] = {TREE_LEAF};

	memcpy(octets + 1, body, length);
	crypto_generichash_blake2b(out, PASSPORT_HASH_LEN, octets, 1 + length, NULL, 0);
}

/* `out` may be one of the two. */
static void hash_inner(const uint8_t left[PASSPORT_HASH_LEN], const uint8_t right[PASSPORT_HASH_LEN],
	uint8_t out[PASSPORT_HASH_LEN])
{
	uint8_t octets[1 + 2 * PASSPORT_HASH_LEN] = {TREE_INNER};

	memcpy(octets + 1, left, PASSPORT_HASH_LEN);
	memcpy(octets + 1 + PASSPORT_HASH_LEN, right, PASSPORT_HASH_LEN);
	crypto_generichash_blake2b(out, PASSPORT_HASH_LEN, octets, sizeof(octets), NULL, 0);
}

static void label_root(const uint8_t root[PASSPORT_HASH_LEN], uint8_t out[ROSTER_LABEL_LEN + PASSPORT_HASH_LEN])
{
	memcpy(out, ROSTER_LABEL, ROSTER_LABEL_LEN);
	memcpy(out + ROSTER_LABEL_LEN, root, PASSPORT_HASH_LEN);
}

/* ---- node passports, signed */

static bool node_is_good(const struct node_passport *passport)
{
	return passport->slot <= SLOT_MAX && passport->vni >= 1 && passport->vni <= VNI_MAX &&
	       passport->address_count >= 1 && passport->address_count <= PASSPORT_ADDRESSES_MAX &&
	       passport->group_count <= PASSPORT_GROUPS_MAX;
}

static void write_body(struct writer *writer, const struct node_passport *passport)
{
	writer_u8(writer, PASSPORT_NODE);
	writer_u8(writer, PASSPORT_VERSION);
	writer_u8(writer, passport->slot);
	writer_u8(writer, (uint8_t)passport->address_count);
	writer_u8(writer, (uint8_t)passport->group_count);
	writer_zeros(writer, 3);
	writer_u32(writer, passport->vni);
	writer_u64(writer, passport->node);
	writer_u64(writer, passport->account);
	writer_u64(writer, passport->host);
	writer_u64(writer, passport->incarnation);
	writer_u64(writer, passport->not_before_s);
	writer_u64(writer, passport->not_after_s);
	writer_u64(writer, passport->revision);
	for (size_t i = 0; i < passport->address_count; i++)
		writer_octets(writer, passport->addresses[i].octet, 4);
	for (size_t i = 0; i < passport->group_count; i++)
		writer_u64(writer, passport->groups[i]);
}

/* A passport of the batch that is being signed: what is written so far, and its path. */
struct leaf {
	struct writer writer;
	uint8_t *steps;
	uint8_t sides;
};

/* `nodes` is one level of the tree, `step` steps above the leaves. */
static void leaf_step(struct leaf *leaf, size_t place, const uint8_t (*nodes)[PASSPORT_HASH_LEN], size_t count)
{
	/* The last of an odd count has no sibling: it goes up as it is, without a step. */
	if ((place ^ 1) >= count)
		return;
	writer_octets(&leaf->writer, nodes[place ^ 1], PASSPORT_HASH_LEN);
	leaf->sides |= (uint8_t)((place & 1) << (*leaf->steps)++);
}

/* Returns the count of nodes one level up. */
static size_t level_up(uint8_t (*nodes)[PASSPORT_HASH_LEN], size_t count)
{
	for (size_t i = 0; i + 1 < count; i += 2)
		hash_inner(nodes[i], nodes[i + 1], nodes[i / 2]);
	if (count % 2)
		memmove(nodes[count / 2], nodes[count - 1], PASSPORT_HASH_LEN);
	return (count + 1) / 2;
}

static void batch_sign(const struct node_passport *passports, size_t count, const uint8_t secret[64],
	struct node_passport_octets *out)
{
	uint8_t nodes[PASSPORT_BATCH_MAX][PASSPORT_HASH_LEN] = {{0}};
	uint8_t labelled[ROSTER_LABEL_LEN + PASSPORT_HASH_LEN], signature[PASSPORT_SIGNATURE_LEN];
	struct leaf leaves[PASSPORT_BATCH_MAX];
	size_t width = count;

	for (size_t i = 0; i < count; i++) {
		leaves[i] = (struct leaf){.writer = {.at = out[i].octets, .left = NODE_PASSPORT_LEN_MAX}};
		write_body(&leaves[i].writer, &passports[i]);
		hash_leaf(out[i].octets, (size_t)(leaves[i].writer.at - out[i].octets), nodes[i]);
		leaves[i].steps = leaves[i].writer.at;
		writer_u8(&leaves[i].writer, 0);
	}
	for (unsigned step = 0; width > 1; step++) {
		for (size_t i = 0; i < count; i++)
			leaf_step(&leaves[i], i >> step, (const uint8_t(*)[PASSPORT_HASH_LEN])nodes, width);
		width = level_up(nodes, width);
	}
	label_root(nodes[0], labelled);
	crypto_sign_detached(signature, NULL, labelled, sizeof(labelled), secret);
	for (size_t i = 0; i < count; i++) {
		writer_u8(&leaves[i].writer, leaves[i].sides);
		writer_octets(&leaves[i].writer, signature, sizeof(signature));
		out[i].length = (size_t)(leaves[i].writer.at - out[i].octets);
	}
}

int node_passports_sign(const struct node_passport *passports, size_t count, const uint8_t secret[64],
	struct node_passport_octets *out)
{
	for (size_t i = 0; i < count; i++)
		if (!node_is_good(&passports[i]))
			return -EINVAL;
	for (size_t done = 0, batch; done < count; done += batch) {
		batch = count - done < PASSPORT_BATCH_MAX ? count - done : PASSPORT_BATCH_MAX;
		batch_sign(passports + done, batch, secret, out + done);
	}
	return 0;
}

int node_passport_sign(const struct node_passport *passport, const uint8_t secret[64],
	uint8_t out[NODE_PASSPORT_LEN_MAX])
{
	struct node_passport_octets alone;
	int error = node_passports_sign(passport, 1, secret, &alone);

	if (error)
		return error;
	memcpy(out, alone.octets, alone.length);
	return (int)alone.length;
}

/* ---- node passports, read */

/* Where the parts are that are not of the body. */
struct node_proof {
	size_t body; /* its length */
	const uint8_t *path, *signature;
	uint8_t steps, sides;
};

static void read_body(struct reader *reader, struct node_passport *out)
{
	memset(out, 0, sizeof(*out));
	reader_require(reader, reader_u8(reader) == PASSPORT_NODE);
	reader_require(reader, reader_u8(reader) == PASSPORT_VERSION);
	out->slot = reader_u8(reader);
	out->address_count = reader_u8(reader);
	out->group_count = reader_u8(reader);
	reader_zeros(reader, 3);
	out->vni = reader_u32(reader);
	out->node = reader_u64(reader);
	out->account = reader_u64(reader);
	out->host = reader_u64(reader);
	out->incarnation = reader_u64(reader);
	out->not_before_s = reader_u64(reader);
	out->not_after_s = reader_u64(reader);
	out->revision = reader_u64(reader);
	reader_require(reader, node_is_good(out));
	for (size_t i = 0; !reader->failed && i < out->address_count; i++)
		reader_octets(reader, out->addresses[i].octet, 4);
	for (size_t i = 0; !reader->failed && i < out->group_count; i++)
		out->groups[i] = reader_u64(reader);
}

static int node_passport_layout(const uint8_t *in, size_t length, struct node_passport *out, struct node_proof *proof)
{
	struct reader reader = {.at = in, .left = length};

	read_body(&reader, out);
	proof->body = length - reader.left;
	proof->steps = reader_u8(&reader);
	reader_require(&reader, proof->steps <= PASSPORT_PATH_MAX);
	proof->path = reader_take(&reader, (size_t)proof->steps * PASSPORT_HASH_LEN);
	proof->sides = reader_u8(&reader);
	/* Each passport has one form: no side is said of a step that is not taken. */
	reader_require(&reader, proof->steps <= PASSPORT_PATH_MAX && proof->sides >> proof->steps == 0);
	proof->signature = reader_take(&reader, PASSPORT_SIGNATURE_LEN);
	return reader_done(&reader) ? 0 : -EBADMSG;
}

static void find_root(const uint8_t *in, const struct node_proof *proof, uint8_t out[PASSPORT_HASH_LEN])
{
	hash_leaf(in, proof->body, out);
	for (size_t step = 0; step < proof->steps; step++) {
		const uint8_t *sibling = proof->path + step * PASSPORT_HASH_LEN;

		if (proof->sides >> step & 1)
			hash_inner(sibling, out, out);
		else
			hash_inner(out, sibling, out);
	}
}

static bool roots_have(const struct passport_roots *roots, const uint8_t authority[32],
	const uint8_t root[PASSPORT_HASH_LEN])
{
	if (memcmp(roots->authority, authority, sizeof(roots->authority)))
		return false;
	for (size_t i = 0; i < roots->count; i++)
		if (memcmp(roots->root[i], root, PASSPORT_HASH_LEN) == 0)
			return true;
	return false;
}

static void roots_add(struct passport_roots *roots, const uint8_t authority[32], const uint8_t root[PASSPORT_HASH_LEN])
{
	if (memcmp(roots->authority, authority, sizeof(roots->authority))) {
		memcpy(roots->authority, authority, sizeof(roots->authority));
		roots->count = roots->next = 0;
	}
	memcpy(roots->root[roots->next], root, PASSPORT_HASH_LEN);
	roots->next = (roots->next + 1) % PASSPORT_ROOTS;
	if (roots->count < PASSPORT_ROOTS)
		roots->count++;
}

static bool batch_is_signed(const uint8_t *in, const struct node_proof *proof, const uint8_t authority[32],
	struct passport_roots *roots)
{
	uint8_t root[PASSPORT_HASH_LEN], labelled[ROSTER_LABEL_LEN + PASSPORT_HASH_LEN];

	find_root(in, proof, root);
	if (roots && roots_have(roots, authority, root))
		return true;
	if (roots)
		roots->signatures++;
	label_root(root, labelled);
	if (crypto_sign_verify_detached(proof->signature, labelled, sizeof(labelled), authority))
		return false;
	if (roots && proof->steps)
		roots_add(roots, authority, root);
	return true;
}

int node_passport_read(const uint8_t *in, size_t length, uint64_t now_s, struct node_passport *out)
{
	struct node_passport passport;
	struct node_proof proof;
	int result = node_passport_layout(in, length, &passport, &proof);

	if (result)
		return result;
	if (!is_valid_at(now_s, passport.not_before_s, passport.not_after_s))
		return -EKEYEXPIRED;
	*out = passport;
	return 0;
}

int node_passport_verify(const uint8_t *in, size_t length, const uint8_t authority[32], uint64_t now_s,
	struct passport_roots *roots, struct node_passport *out)
{
	struct node_passport passport;
	struct node_proof proof;
	int result = node_passport_layout(in, length, &passport, &proof);

	if (result)
		return result;
	if (!batch_is_signed(in, &proof, authority, roots))
		return -EKEYREJECTED;
	if (!is_valid_at(now_s, passport.not_before_s, passport.not_after_s))
		return -EKEYEXPIRED;
	*out = passport;
	return 0;
}
