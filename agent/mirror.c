/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the agent knows of the maps that only it writes; see mirror.h.
 */
#include <errno.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "agent/mirror.h"

struct tree {
	void *root;
	size_t count;
};

struct mirror {
	struct tree mappings, identities; /* by key */
	void *macs;                       /* tree of the mappings' dummy MACs */
};

/* How many mappings have it: one, but while a table is made anew. */
struct mac_node {
	uint8_t mac[6]; /* first: the tree compares it */
	unsigned count;
};

struct mapping_node {
	struct mapping_key key; /* first: the tree compares it */
	struct mapping_value value;
};

struct identity_node {
	struct mapping_key key;
	struct identity_value value;
};

static int compare(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct mapping_key));
}

static int compare_mac(const void *a, const void *b)
{
	return memcmp(a, b, 6);
}

static int mac_take(struct mirror *mirror, const uint8_t mac[6])
{
	struct mac_node **found = tfind(mac, &mirror->macs, compare_mac), *node;

	if (found) {
		(*found)->count++;
		return 0;
	}
	node = calloc(1, sizeof(*node));
	if (!node)
		return -ENOMEM;
	memcpy(node->mac, mac, sizeof(node->mac));
	node->count = 1;
	if (tsearch(node, &mirror->macs, compare_mac))
		return 0;
	free(node);
	return -ENOMEM;
}

static void mac_give(struct mirror *mirror, const uint8_t mac[6])
{
	struct mac_node **found = tfind(mac, &mirror->macs, compare_mac), *node = found ? *found : NULL;

	if (!node || --node->count)
		return;
	tdelete(mac, &mirror->macs, compare_mac);
	free(node);
}

bool mirror_mac_taken(const struct agent *agent, const uint8_t mac[6])
{
	return tfind(mac, &agent->mirror->macs, compare_mac);
}

/* The node with this key, made if there is none. NULL: out of memory. */
static void *node_get(struct tree *tree, const struct mapping_key *key, size_t size)
{
	void **found = tfind(key, &tree->root, compare);
	void *node;

	if (found)
		return *found;
	node = calloc(1, size);
	if (!node)
		return NULL;
	memcpy(node, key, sizeof(*key));
	if (tsearch(node, &tree->root, compare)) {
		tree->count++;
		return node;
	}
	free(node);
	return NULL;
}

static void node_drop(struct tree *tree, const struct mapping_key *key)
{
	void **found = tfind(key, &tree->root, compare);
	void *node = found ? *found : NULL;

	if (!node)
		return;
	tdelete(key, &tree->root, compare);
	free(node);
	tree->count--;
}

static int keep_mapping(void *context, const struct mapping_key *key, const struct mapping_value *value)
{
	struct mirror *mirror = context;
	struct mapping_node *node;

	if (mac_take(mirror, value->mac))
		return -ENOMEM;
	node = node_get(&mirror->mappings, key, sizeof(*node));
	if (!node) {
		mac_give(mirror, value->mac);
		return -ENOMEM;
	}
	/* Of a new one all is zero, and that MAC nobody has. */
	mac_give(mirror, node->value.mac);
	node->value = *value;
	return 0;
}

static int keep_identity(void *context, const struct mapping_key *key, const struct identity_value *value)
{
	struct mirror *mirror = context;
	struct identity_node *node = node_get(&mirror->identities, key, sizeof(*node));

	if (!node)
		return -ENOMEM;
	node->value = *value;
	return 0;
}

int mirror_open(struct agent *agent)
{
	int error;

	agent->mirror = calloc(1, sizeof(*agent->mirror));
	if (!agent->mirror)
		return -ENOMEM;
	error = mapping_each(agent->maps->mappings, keep_mapping, agent->mirror);
	return error ? error : identity_each(agent->maps->identities, keep_identity, agent->mirror);
}

void mirror_close(struct agent *agent)
{
	if (!agent->mirror)
		return;
	tdestroy(agent->mirror->mappings.root, free);
	tdestroy(agent->mirror->identities.root, free);
	tdestroy(agent->mirror->macs, free);
	free(agent->mirror);
	agent->mirror = NULL;
}

int mirror_mapping(const struct agent *agent, const struct mapping_key *key, struct mapping_value *out)
{
	struct mapping_node **found = tfind(key, &agent->mirror->mappings.root, compare);

	if (!found)
		return -ENOENT;
	*out = (*found)->value;
	return 0;
}

int mirror_mapping_set(struct agent *agent, const struct mapping_key *key, const struct mapping_value *value)
{
	int error = mapping_set(agent->maps->mappings, key, value);

	if (!error)
		error = keep_mapping(agent->mirror, key, value);
	/* Without a place here it must not be there. */
	if (error == -ENOMEM)
		mirror_mapping_del(agent, key);
	return error;
}

int mirror_mapping_del(struct agent *agent, const struct mapping_key *key)
{
	struct mapping_node **found = tfind(key, &agent->mirror->mappings.root, compare);

	if (found)
		mac_give(agent->mirror, (*found)->value.mac);
	node_drop(&agent->mirror->mappings, key);
	return mapping_del(agent->maps->mappings, key);
}

int mirror_identity(const struct agent *agent, const struct mapping_key *key, struct identity_value *out)
{
	struct identity_node **found = tfind(key, &agent->mirror->identities.root, compare);

	if (!found)
		return -ENOENT;
	*out = (*found)->value;
	return 0;
}

int mirror_identity_set(struct agent *agent, const struct mapping_key *key, const struct identity_value *value)
{
	int error = identity_set(agent->maps->identities, key, value);

	if (!error)
		error = keep_identity(agent->mirror, key, value);
	if (error == -ENOMEM)
		mirror_identity_del(agent, key);
	return error;
}

int mirror_identity_del(struct agent *agent, const struct mapping_key *key)
{
	node_drop(&agent->mirror->identities, key);
	return identity_del(agent->maps->identities, key);
}

size_t mirror_mapping_count(const struct agent *agent)
{
	return agent->mirror->mappings.count;
}

size_t mirror_identity_count(const struct agent *agent)
{
	return agent->mirror->identities.count;
}
