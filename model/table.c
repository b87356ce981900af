/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The table of kinds and their fields. See model.h. What ovnet.json(5) has too is called as there, and may be the same.
 */
#include "model/model.h"

#include "lib/address.h"
#include "lib/error.h"
#include "policy/policy.h"

#define NOTE                                                                                                           \
	{                                                                                                              \
		"note", MODEL_TEXT, "for people", .max = 500                                                           \
	}
#define CONTACT                                                                                                        \
	{                                                                                                              \
		"contact", MODEL_TEXT, "whom to ask: an address, a telephone number", .max = 200                       \
	}

static const char *const role_words[] = {"operator", "admin", "editor", "viewer", "join", NULL};
static const char *const verb_words[] = {"show", "list", "create", "set", "delete", "apply", NULL};
static const char *const pending_words[] = {"queue", "discard", "forward", NULL};
static const char *const replies_words[] = {"session", "negotiate", NULL};
static const char *const silence_words[] = {"deny", "allow", NULL};
static const char *const answers_words[] = {"wide", "exact", NULL};
static const char *const ask_words[] = {"destination", "agent", NULL};
static const char *const agreement_words[] = {"both", "one", NULL};
static const char *const default_words[] = {"deny", "account", "group", "allow", NULL};
static const char *const side_words[] = {"in", "out", NULL};
static const char *const cast_words[] = {"unicast", "multicast", "broadcast", NULL};
static const char *const verdict_words[] = {"allow", "deny", NULL};

static const struct model_field account_fields[] = {
	CONTACT,
	NOTE,
};

static const struct model_field token_fields[] = {
	{"role", MODEL_WORD, "what its bearer may do", .required = true, .fixed = true, .words = role_words},
	{"verbs", MODEL_WORDS, "only these, of what the role may do; without it: all of that", .min = 1,
		.words = verb_words},
	{"host", MODEL_REF, "which host a join token is for", .fixed = true, .to = MODEL_HOST},
	{"expires", MODEL_NUMBER, "until when it is good, in seconds since 1970; 0: without end", .fallback = "0",
		.max = 253402300799},
	NOTE,
	{"hash", MODEL_TEXT, "of the secret", .assigned = true, .secret = true, .max = 200},
};

static const struct model_field host_fields[] = {
	{"locator", MODEL_LOCATOR, "its IPv6 prefix, which the substrate routes to it", .required = true},
	NOTE,
	{"key", MODEL_KEY, "its public key; there once it has joined", .assigned = true},
	{"credential", MODEL_TEXT, "of the secret that its agent shows", .assigned = true, .secret = true, .max = 200},
	{"joined", MODEL_NUMBER, "when it joined, in seconds since 1970", .assigned = true, .max = 253402300799},
};

static const struct model_field vnet_fields[] = {
	{"vni", MODEL_NUMBER, "its number on the substrate; without it the manager picks a free one", .fixed = true,
		.min = 1, .max = VNI_MAX},
	{"members", MODEL_REFS, "other accounts that may have nodes in it", .max = 1024, .to = MODEL_ACCOUNT},
	{"subnet", MODEL_SUBNET, .help = "where nodes without an address get one from"},
	{"pending", MODEL_WORD, "what becomes of packets while a question is open", .fallback = "\"queue\"",
		.words = pending_words},
	{"replies", MODEL_WORD, "what answers to a conversation need: nothing more, or an agreement of their own",
		.fallback = "\"session\"", .words = replies_words},
	{"silence", MODEL_WORD, "what it means that no answer came", .fallback = "\"deny\"", .words = silence_words},
	{"answers", MODEL_WORD, "about all that two nodes may send one another, or exactly what was asked",
		.fallback = "\"wide\"", .words = answers_words},
	{"ask", MODEL_WORD, "where questions are sent: to the destination's own address, or its agent",
		.fallback = "\"destination\"", .words = ask_words},
	{"agreement", MODEL_WORD, "whose policies must allow: both sides', or one's", .fallback = "\"both\"",
		.words = agreement_words},
	{"default_in", MODEL_WORD, "what holds for receivers where no policy says anything", .fallback = "\"deny\"",
		.words = default_words},
	/* No fallback here: what it is follows from `agreement`, also from a later one. */
	{"default_out", MODEL_WORD,
		"the same for senders; without it: allow where both sides must agree, deny where one suffices",
		.words = default_words},
	{"grant_lifetime", MODEL_NUMBER, "how long what was agreed holds, in seconds", .fallback = "30", .min = 1,
		.max = 3600},
	{"passport_lifetime", MODEL_NUMBER, "how long a node's passport is good, in seconds", .fallback = "900",
		.min = 60, .max = 86400},
	NOTE,
};

static const struct model_field group_fields[] = {
	{"groups", MODEL_REFS, "the groups in this one", .max = 1024, .to = MODEL_GROUP},
	{"match", MODEL_MATCH, .help = "nodes that are in it by what they are, besides those that name it"},
	{"default_in", MODEL_WORD, "for the nodes in it, instead of the vnet's", .words = default_words},
	{"default_out", MODEL_WORD, "for what the nodes in it send, instead of the vnet's", .words = default_words},
	NOTE,
};

static const struct model_field security_group_fields[] = {
	NOTE,
};

static const struct model_field handle_fields[] = {
	CONTACT,
	{"entries", MODEL_ENTRIES, "addresses, prefixes, ranges, groups, vnets, other handles", .fallback = "[]",
		.max = 100000},
	{"immutable", MODEL_BOOL, "it can be deleted, but not changed any more", .fallback = "false"},
	NOTE,
	{"version", MODEL_NUMBER, "counts its changes", .assigned = true, .min = 1, .max = 9007199254740991},
};

static const struct model_field node_fields[] = {
	{"vnet", MODEL_REF, "the network that it is in", .required = true, .fixed = true, .to = MODEL_VNET},
	{"host", MODEL_REF, "where it is", .required = true, .to = MODEL_HOST},
	{"port", MODEL_INTERFACE, "the interface of the host through which all its traffic passes", .required = true},
	{"mac", MODEL_MAC, "its own MAC", .required = true},
	{"address", MODEL_IPV4, .help = "its address; without it the manager picks a free one of the vnet's subnet"},
	{"slot", MODEL_NUMBER, "the slot in its substrate address; without it: the locator's", .max = SLOT_MAX},
	{"groups", MODEL_REFS, "the groups that it is directly in", .max = POLICY_GROUPS_MAX, .to = MODEL_GROUP},
	{"security_groups", MODEL_REFS, "bundles of policies that concern it", .max = 8, .to = MODEL_SECURITY_GROUP},
	NOTE,
};

static const struct model_field address_fields[] = {
	{"vnet", MODEL_REF, "the network that it is of", .required = true, .fixed = true, .to = MODEL_VNET},
	{"address", MODEL_IPV4, "the address", .required = true, .fixed = true},
	{"node", MODEL_REF, "who has it besides its own; without it the address is only reserved", .to = MODEL_NODE},
	NOTE,
};

static const struct model_field policy_fields[] = {
	{"vnet", MODEL_REF, "the network that it is about", .required = true, .to = MODEL_VNET},
	{"security_group", MODEL_REF, "the bundle that it is part of: then it is about the nodes that name that",
		.to = MODEL_SECURITY_GROUP},
	{"side", MODEL_WORD, "for whom it speaks: receivers (in) or senders (out)", .fallback = "\"in\"",
		.words = side_words},
	{"target", MODEL_SELECTOR, "the nodes of this side", .fallback = "\"any\"", .max = 1024},
	{"peers", MODEL_SELECTOR, "the nodes at the other end", .fallback = "\"any\"", .max = 1024},
	{"services", MODEL_SERVICES, "what is sent; without it: everything", .min = 1, .max = 256},
	{"cast", MODEL_WORDS, "to how many it is sent; without it: all three", .min = 1, .words = cast_words},
	{"verdict", MODEL_WORD, "what it says", .required = true, .words = verdict_words},
	NOTE,
	{"id", MODEL_NUMBER, "the number by which rules, sessions and messages name it", .assigned = true, .min = 1,
		.max = UINT32_MAX},
};

#define FIELDS(kind) .fields = kind##_fields, .field_count = ARRAY_LEN(kind##_fields)

const struct model_kind_row model_table[MODEL_KINDS] = {
	[MODEL_ACCOUNT] = {"account", "accounts", "somebody who has vnets, nodes and policies", FIELDS(account)},
	[MODEL_TOKEN] = {"token", "tokens", "what a user, a program or a host that joins shows", .of_account = true,
		FIELDS(token)},
	[MODEL_HOST] = {"host", "hosts", "a machine with an agent", FIELDS(host)},
	[MODEL_VNET] = {"vnet", "vnets", "a virtual network, in which what may be sent is negotiated",
		.of_account = true, FIELDS(vnet)},
	[MODEL_GROUP] = {"group", "groups", "nodes and groups that policies name together", .of_account = true,
		FIELDS(group)},
	[MODEL_SECURITY_GROUP] = {"security_group", "security_groups", "a bundle of policies, which nodes name",
		.of_account = true, FIELDS(security_group)},
	[MODEL_HANDLE] = {"handle", "handles", "a named set of addresses, with versions", .of_account = true,
		FIELDS(handle)},
	[MODEL_NODE] = {"node", "nodes", "a machine, container or namespace behind a port of a host",
		.of_account = true, FIELDS(node)},
	[MODEL_ADDRESS] = {"address", "addresses", "an address of a vnet, reserved or another one of a node",
		.of_account = true, FIELDS(address)},
	[MODEL_POLICY] = {"policy", "policies", "who may, or may not, send what to whom", .of_account = true,
		FIELDS(policy)},
};
