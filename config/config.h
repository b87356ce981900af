/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ovnet.json: what a host is told in static mode, policies to negotiate by included. Read, checked against one table of
 * rows (schema_table.c), and handed over whole or not at all. The agent and `ovnetctl config check` use the same code;
 * docs/man/ovnet.json.5 describes it.
 */
#ifndef OVNET_CONFIG_CONFIG_H
#define OVNET_CONFIG_CONFIG_H

#include "lib/address.h"
#include "lib/endpoint.h"
#include "lib/name.h"
#include "policy/policy.h"

#define CONFIG_PART_MAX NAME_PART_MAX  /* names of instances and hosts, with the terminator: [A-Za-z0-9_.-]+ */
#define CONFIG_NAME_MAX NAME_WHOLE_MAX /* of vnets, nodes, groups ...: one part, or two with '/' between */
#define CONFIG_IFNAME_MAX 16           /* IFNAMSIZ */
#define CONFIG_UPLINKS_MAX 8
#define CONFIG_PATH_MAX 256 /* of a key's file, with the terminator */
#define CONFIG_KEY_LEN 32
#define CONFIG_FILE_MAX (256u << 20) /* octets of a file */

enum uplink_mode { UPLINK_AUTO, UPLINK_TC, UPLINK_XDP };
enum delivery { DELIVERY_AUTO, DELIVERY_PORT, DELIVERY_PEER };

enum authorization { AUTHORIZATION_STATIC, AUTHORIZATION_NEGOTIATED };
enum pending_mode { PENDING_QUEUE, PENDING_DISCARD, PENDING_FORWARD };
enum replies_mode { REPLIES_SESSION, REPLIES_NEGOTIATE };
enum silence_mode { SILENCE_DENY, SILENCE_ALLOW };
enum answers_mode { ANSWERS_WIDE, ANSWERS_EXACT };
enum ask_mode { ASK_DESTINATION, ASK_AGENT };

/* All after `authorization` has its default, and no effect, in a vnet that is static. */
struct config_vnet {
	char name[CONFIG_NAME_MAX];
	uint32_t vni; /* 1 .. VNI_MAX */
	enum authorization authorization;
	enum pending_mode pending; /* packets that wait for an answer */
	enum replies_mode replies;
	enum silence_mode silence; /* what no answer means */
	enum answers_mode answers;
	enum ask_mode ask; /* whom: the destination's own address, or the agent of its host */
	enum policy_agreement agreement;
	enum policy_default default_in, default_out; /* never DEFAULT_UNSET */
	uint32_t grant_lifetime_s;
	uint32_t passport_lifetime_s;
};

/* Who this host is to others. Files are named here and opened by who needs them. */
struct config_identity {
	bool present; /* all the rest is zero without it */
	size_t host;  /* index into config.hosts */
	char key[CONFIG_PATH_MAX];
	char signing_key[CONFIG_PATH_MAX];
	uint8_t authority[CONFIG_KEY_LEN]; /* Ed25519, public */
};

/* A host of the directory, this one included. */
struct config_host {
	char name[CONFIG_PART_MAX];
	uint64_t id; /* policy_id(name) */
	struct locator locator;
	uint8_t key[CONFIG_KEY_LEN]; /* X25519, public */
};

/* A node of this host. */
struct config_node {
	char name[CONFIG_NAME_MAX];
	char port[CONFIG_IFNAME_MAX];
	size_t vnet; /* index into config.vnets */
	struct ipv4 address;
	struct mac mac;
	uint8_t slot;                    /* default 0; for a /72 locator, that locator's */
	struct policy_identity identity; /* whole, VNI and address too */
};

/* A node of another host. */
struct config_mapping {
	char name[CONFIG_NAME_MAX]; /* "" unless given */
	size_t vnet;
	struct ipv4 address;
	struct locator locator; /* of its host */
	uint8_t slot;
	struct policy_identity identity; /* as for a node; what was not given is 0: not known */
};

/* A rule as people write it: from sender to responder. The agent makes rules of the data path of it. */
struct config_rule {
	size_t vnet;
	bool from_any, to_any;
	struct ipv4 from, to;
	bool protocol_any, port_any;
	uint8_t protocol;
	uint16_t port;       /* the responder's; for ICMP the type */
	bool allow;          /* false: deny */
	uint32_t lifetime_s; /* 0: until removed */
	uint32_t policy;     /* a number to recognize it by; 0 unless given */
};

/* Who says all but what is this machine's; see managed.h. */
struct config_manager {
	bool present; /* all the rest is zero without it */
	char url[CONFIG_PATH_MAX];
	char authority
		[CONFIG_PATH_MAX]; /* the file of the certificate that the manager's must be signed by; "": the system's */
	char token[CONFIG_PATH_MAX];     /* the file of the token to join with; "": none */
	char directory[CONFIG_PATH_MAX]; /* where the host's key, its secret and what the manager said are kept */
};

/* Where addresses are looked up that `mappings` does not have, on first use. */
struct config_resolve {
	bool present; /* all the rest is zero without it */
	char file[CONFIG_PATH_MAX];
	uint32_t lifetime_s; /* of what is found */
};

struct config_limits {
	uint32_t sessions, rules, mappings, hosts, sessions_per_port;
	uint32_t pending;                    /* open questions in the kernel's table */
	uint32_t pending_per_port;           /* at most `pending` */
	uint32_t questions, questions_burst; /* of one port: a second, and at once */
	uint32_t queue_packets, queue_bytes; /* of one port: what waits for answers */
};

/* Idle times after which a session is swept, seconds. */
struct config_idle {
	uint32_t tcp_opening, tcp_established, tcp_closing, udp, icmp, other;
};

struct config {
	char instance[CONFIG_PART_MAX]; /* default "default" */
	struct locator locator;
	enum uplink_mode uplink_mode;
	enum delivery delivery;
	char uplinks[CONFIG_UPLINKS_MAX][CONFIG_IFNAME_MAX];
	size_t uplink_count;
	struct config_vnet *vnets;
	size_t vnet_count;
	struct config_node *nodes;
	size_t node_count;
	struct config_mapping *mappings;
	size_t mapping_count;
	struct config_rule *rules;
	size_t rule_count;
	struct config_identity identity;
	struct config_host *hosts;
	size_t host_count;
	struct config_resolve resolve;
	struct config_manager manager;
	char metrics[ENDPOINT_TEXT_MAX]; /* where they are served (lib/endpoint.h); "": nowhere */
	struct policy_set
		*policies; /* sealed, with every negotiated vnet and all groups; NULL when no vnet is negotiated */
	struct config_limits limits;
	struct config_idle idle;
	char *text; /* the file as it was read, so that a later finding can name its line */
	size_t length;
};

/*
 * Called once for each finding, in the order of the file: "FILE:LINE: PATH: expected ..., got ...". LINE is left out
 * when the file cannot be read, PATH when no one value is at fault. After 50, once more: how many are left out.
 */
typedef void (*config_report_fn)(void *context, const char *message);

/*
 * Reads and checks a file. Every error is reported, not only the first (at most 50).
 * Returns 0 and *out (free with config_free()); -EINVAL when the content is refused; -errno when the file cannot
 * be read (reported too). *out is untouched on failure.
 */
int config_load(const char *path, config_report_fn report, void *context, struct config **out);

/* As config_load(), for content in memory (need not end in NUL); `name` is what messages call the file. */
int config_parse(const char *text, size_t length, const char *name, config_report_fn report, void *context,
	struct config **out);

/*
 * Compares with the machine: uplinks must exist (an error), ports of nodes may be absent (a warning).
 * Counts of what was reported are added to *errors and *warnings.
 */
void config_check_interfaces(const struct config *config, const char *path, config_report_fn report, void *context,
	unsigned *errors, unsigned *warnings);

void config_free(struct config *config);

/* Index of a vnet by name or decimal VNI, or -1. The file is refused when a name is also the VNI of another vnet. */
long config_find_vnet(const struct config *config, const char *name);

/* True when somebody has this address of the vnet, though the configuration does not say so. */
typedef bool (*config_known_fn)(void *context, uint32_t vni, struct ipv4 address);

/*
 * One rule from its words, for rules given by hand; the same checks as in the file, but that an address may also be one that `known`
 * (may be NULL) has. `object` has the members of an entry of "rules". Returns 0, or -EINVAL with `message` (200 octets) filled by the
 * first finding: "MEMBER: expected ..., got ...". A rule that is there already is no error here.
 */
struct cJSON;
int config_rule_from_json(const struct config *config, const struct cJSON *object, struct config_rule *out,
	config_known_fn known, void *context, char message[200]);

#endif /* OVNET_CONFIG_CONFIG_H */
