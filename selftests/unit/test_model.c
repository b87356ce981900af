/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Objects of the manager: names and keys, what each kind becomes when it is read, changes, fixed and assigned fields,
 * references. Values are in test_model_values.c.
 */
#include "selftests/unit/model.h"

#define HOST "{'kind':'host','name':'h1','locator':'fd00:1:0:1::/64'}"
#define NODE "{'kind':'node','name':'acme/web1','vnet':'acme/net','host':'h1','port':'tap1','mac':'02:00:00:00:00:0a'}"
#define VNET_DEFAULTS                                                                                                  \
	"'pending':'queue','replies':'session','silence':'deny','answers':'wide','ask':'destination',"                 \
	"'agreement':'both','default_in':'deny','grant_lifetime':30,'passport_lifetime':900"

/* ---- names and keys */

static void kinds(void)
{
	for (int kind = 0; kind < MODEL_KINDS; kind++) {
		const struct model_kind_row *row = &model_table[kind];

		CU_ASSERT_EQUAL(model_kind_of(row->name), kind);
		CU_ASSERT_EQUAL(model_kind_of(row->plural), kind);
		CU_ASSERT(row->summary && *row->summary);
		for (size_t i = 0; i < row->field_count; i++) {
			const struct model_field *field = &row->fields[i];

			CU_ASSERT_PTR_EQUAL(model_field_find((enum model_kind)kind, field->name), field);
			CU_ASSERT(field->help && *field->help);
			CU_ASSERT(!(field->required && (field->fallback || field->assigned)));
			CU_ASSERT(!field->secret || field->assigned);
			CU_ASSERT_EQUAL(field->type == MODEL_WORD || field->type == MODEL_WORDS, field->words != NULL);
		}
	}
	CU_ASSERT_EQUAL(model_kind_of("nod"), -1);
	CU_ASSERT_EQUAL(model_kind_of(""), -1);
	CU_ASSERT_PTR_NULL(model_field_find(MODEL_NODE, "adress"));
}

static void names(void)
{
	static const struct {
		enum model_kind kind;
		const char *account, *text, *wanted;
	} good[] = {
		{MODEL_NODE, "acme", "web1", "acme/web1"},
		{MODEL_NODE, "acme", "other/web1", "other/web1"},
		{MODEL_NODE, NULL, "acme/web1", "acme/web1"},
		{MODEL_HOST, "acme", "h1", "h1"},
		{MODEL_ACCOUNT, NULL, "acme", "acme"},
		{MODEL_NODE, PART31, PART31, PART31 "/" PART31},
		{MODEL_NODE, "a", "b.c", "a/b.c"},
	};
	static const struct {
		enum model_kind kind;
		const char *account, *text, *message;
	} bad[] = {
		{MODEL_NODE, "acme", "", "expected " NODE_EXPECTED ", got ''"},
		{MODEL_NODE, "acme", "a/b/c", "expected " NODE_EXPECTED ", got 'a/b/c'"},
		{MODEL_NODE, "acme", "a/", "expected " NODE_EXPECTED ", got 'a/'"},
		{MODEL_NODE, "acme", "/a", "expected " NODE_EXPECTED ", got '/a'"},
		{MODEL_NODE, "acme", "..", "expected " NODE_EXPECTED ", got '..'"},
		{MODEL_NODE, "acme", "../a", "expected " NODE_EXPECTED ", got '../a'"},
		{MODEL_NODE, "acme", PART31 "b", "expected " NODE_EXPECTED ", got '" PART31 "b'"},
		{MODEL_NODE, NULL, "web1",
			"expected a name like ACCOUNT/NAME, each of 1 to 31 letters, digits, '_', '.' or '-', got 'web1'"},
		{MODEL_HOST, "acme", "acme/h1", "expected " PART_EXPECTED ", got 'acme/h1'"},
		{MODEL_HOST, NULL, ".", "expected " PART_EXPECTED ", got '.'"},
	};
	char out[MODEL_NAME_MAX], message[200];

	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		CU_ASSERT_EQUAL(model_name(good[i].kind, good[i].account, good[i].text, out, message), 0);
		UNIT_STRING_EQUAL(out, good[i].wanted);
	}
	strcpy(out, "untouched");
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		CU_ASSERT_EQUAL(model_name(bad[i].kind, bad[i].account, bad[i].text, out, message), -EINVAL);
		UNIT_STRING_EQUAL(message, bad[i].message);
	}
	UNIT_STRING_EQUAL(out, "untouched");
	model_account("acme/web1", out);
	UNIT_STRING_EQUAL(out, "acme");
	model_account("h1", out);
	UNIT_STRING_EQUAL(out, "system");
}

static void keys(void)
{
	static const char *const bad[] = {"", "node", "node/", "node/web1", "node/a/b/c", "nod/a/b", "nodes/a/b",
		"host/a/b", "host/..", "security_group/x"};
	enum model_kind kind;
	const char *name;
	char key[MODEL_KEY_MAX];

	model_key(MODEL_SECURITY_GROUP, PART31 "/" PART31, key);
	UNIT_STRING_EQUAL(key, "security_group/" PART31 "/" PART31);
	CU_ASSERT_EQUAL(model_key_parse(key, &kind, &name), 0);
	CU_ASSERT(kind == MODEL_SECURITY_GROUP && name == key + strlen("security_group/"));
	CU_ASSERT_EQUAL(model_key_parse("host/h1", &kind, &name), 0);
	CU_ASSERT(kind == MODEL_HOST && strcmp(name, "h1") == 0);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		CU_ASSERT_EQUAL(model_key_parse(bad[i], &kind, &name), -EINVAL);
}

/* ---- reading */

static void each_kind(void)
{
	static const char *const cases[][2] = {
		{"{'name':'acme','kind':'account'}", "{'kind':'account','name':'acme'}"},
		{"{'kind':'account','name':'acme','note':'n','contact':'a@b'}",
			"{'kind':'account','name':'acme','contact':'a@b','note':'n'}"},
		{"{'kind':'token','name':'deploy','role':'editor','verbs':['set','list']}",
			"{'kind':'token','name':'acme/deploy','role':'editor','verbs':['set','list'],'expires':0}"},
		{"{'kind':'token','name':'j','role':'join','host':'h1','expires':1800000000}",
			"{'kind':'token','name':'acme/j','role':'join','host':'h1','expires':1800000000}"},
		{"{'kind':'token','name':'system/root','role':'operator'}",
			"{'kind':'token','name':'system/root','role':'operator','expires':0}"},
		{"{'kind':'host','name':'h1','locator':'FD00:1:0:1:0:0:0:0/64'}", HOST},
		{"{'kind':'vnet','name':'net'}", "{'kind':'vnet','name':'acme/net'," VNET_DEFAULTS "}"},
		{"{'kind':'vnet','name':'net','default_out':'group','vni':7,'members':['b','c'],'subnet':'10.0.0.0/16'}",
			"{'kind':'vnet','name':'acme/net','vni':7,'members':['b','c'],'subnet':'10.0.0.0/16',"
			"'pending':'queue','replies':'session','silence':'deny','answers':'wide','ask':'destination',"
			"'agreement':'both','default_in':'deny','default_out':'group','grant_lifetime':30,"
			"'passport_lifetime':900}"},
		{"{'kind':'group','name':'web','groups':['inner','b/outer'],'default_in':'group'}",
			"{'kind':'group','name':'acme/web','groups':['acme/inner','b/outer'],'default_in':'group'}"},
		{"{'kind':'group','name':'web','groups':[],'match':{'vnet':'net','name':'web*'}}",
			"{'kind':'group','name':'acme/web','match':{'name':'web*','vnet':'acme/net','account':'acme'}}"},
		{"{'kind':'security_group','name':'s','note':'x'}",
			"{'kind':'security_group','name':'acme/s','note':'x'}"},
		{"{'kind':'handle','name':'h'}", "{'kind':'handle','name':'acme/h','entries':[],'immutable':false}"},
		{"{'kind':'node','name':'web1','vnet':'net','host':'h1','port':'tap1','mac':'02:00:00:00:00:0A'}",
			NODE},
		{"{'kind':'node','name':'web1','vnet':'b/net','host':'h1','port':'tap1','mac':'02:00:00:00:00:0a',"
		 "'address':'10.0.0.2','slot':63,'groups':['web'],'security_groups':['s','b/s'],'note':''}",
			"{'kind':'node','name':'acme/web1','vnet':'b/net','host':'h1','port':'tap1','mac':'02:00:00:00:00:0a',"
			"'address':'10.0.0.2','slot':63,'groups':['acme/web'],'security_groups':['acme/s','b/s'],'note':''}"},
		{"{'kind':'address','name':'vip','vnet':'net','address':'10.0.0.9','node':'web1'}",
			"{'kind':'address','name':'acme/vip','vnet':'acme/net','address':'10.0.0.9','node':'acme/web1'}"},
		{"{'kind':'policy','name':'p','vnet':'net','verdict':'allow'}",
			"{'kind':'policy','name':'acme/p','vnet':'acme/net','side':'in','target':'any','peers':'any',"
			"'verdict':'allow'}"},
		{"{'kind':'policy','name':'p','vnet':'z','security_group':'s','verdict':'deny','revision':'17'}",
			"{'kind':'policy','name':'acme/p','vnet':'acme/z','security_group':'acme/s','side':'in','target':'any',"
			"'peers':'any','verdict':'deny'}"},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		model_accept(false, cases[i][0], NULL, cases[i][1]);
}

static void whole_objects(void)
{
	static const char *const cases[][2] = {
		{"5", ": expected an object, got 5"},
		{"{}", "kind: expected account, token, host, vnet, group, security_group, handle, node, address or policy, "
		       "got nothing"},
		{"{'kind':'nodes','name':'a'}",
			"kind: expected account, token, host, vnet, group, security_group, handle, node, address or policy, "
			"got 'nodes'"},
		{"{'kind':'account'}", "name: expected " PART_EXPECTED ", got nothing"},
		{"{'kind':'group','name':7}", "name: expected a name like ACCOUNT/NAME, got 7"},
		{"{'kind':'group','name':'a/b/c'}", "name: expected " NODE_EXPECTED ", got 'a/b/c'"},
		{"{'kind':'account','name':'a','revision':-1}",
			"revision: expected a revision as it was answered, got -1"},
		{"{'kind':'account','name':'a','revision':'x'}",
			"revision: expected a revision as it was answered, got 'x'"},
		{"{'kind':'account','name':'a','notes':'x'}",
			"notes: expected a field of an account like 'note', got 'notes'"},
		{"{'kind':'account','name':'a','vnet':'x'}",
			"vnet: expected a field of an account (contact or note), got 'vnet'"},
		{"{'kind':'node','name':'a','slot':64,'x':1}",
			"vnet: expected the name of a vnet, got nothing\n"
			"host: expected the name of a host, got nothing\n"
			"port: expected an interface name of 1 to 15 characters without '/', ':', '%' or space, got nothing\n"
			"mac: expected a unicast MAC address like 02:00:00:00:00:0a, got nothing\n"
			"slot: expected a whole number from 0 to 63, got 64\n"
			"x: expected a field of a node (vnet, host, port, mac, address, slot, groups, security_groups or "
			"note), got 'x'"},
		{"{'kind':'account','name':'a','note':null}",
			"note: expected a text of at most 500 octets without control characters, got null"},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		model_refuse(false, cases[i][0], NULL, cases[i][1]);
}

/* Where it stands in a request is part of each path. */
static void paths(void)
{
	cJSON *object = model_json("{'kind':'group','name':'a','groups':['b','c/d/e'],'match':{'name':''}}"),
	      *made = NULL;
	struct told told = {0};

	CU_ASSERT_EQUAL(model_read(object, "acme", NULL, "objects[3]", model_tell, &told, &made), -EINVAL);
	UNIT_STRING_EQUAL(told.text,
		"objects[3].groups[1]: expected " NODE_EXPECTED ", got 'c/d/e'\n"
		"objects[3].match.name: expected a pattern of 1 to 31 letters, digits, '_', '.', '-' or "
		"'*', got ''");
	cJSON_Delete(object);
}

/* Names within an object are of its own account, whoever writes it. */
static void whose_names(void)
{
	static const char text[] = "{'kind':'policy','name':'b/p','vnet':'net','target':'group:web','verdict':'deny'}";
	static const char *const users[] = {NULL, "system", "acme", "b"};

	for (size_t i = 0; i < ARRAY_LEN(users); i++) {
		cJSON *object = model_json(text), *made = NULL;
		struct told told = {0};
		scope_free char *printed = NULL;

		CU_ASSERT_EQUAL_FATAL(model_read(object, users[i], NULL, "", model_tell, &told, &made), 0);
		printed = model_print(made);
		UNIT_STRING_EQUAL(printed,
			"{'kind':'policy','name':'b/p','vnet':'b/net','side':'in','target':'group:b/web',"
			"'peers':'any','verdict':'deny'}");
		cJSON_Delete(object);
		cJSON_Delete(made);
	}
}

/* What one row cannot say. */
static void together(void)
{
	static const char *const cases[][2] = {
		{"{'kind':'token','name':'j','role':'join'}",
			"host: expected the host that may join with this token, got nothing"},
		{"{'kind':'token','name':'j','role':'join','host':'h1','verbs':['set']}",
			"verbs: expected nothing, as a token to join has no other use, got a list"},
		{"{'kind':'token','name':'t','role':'viewer','host':'h1'}",
			"host: expected nothing, as only tokens to join are for a host, got 'h1'"},
		{"{'kind':'token','name':'t','role':'operator'}",
			"role: expected admin, editor, viewer or join, as operators are of the account 'system', got 'operator'"},
		{"{'kind':'vnet','name':'n','members':['b','acme']}",
			"members[1]: expected another account than the vnet's own, got 'acme'"},
		{"{'kind':'group','name':'g','groups':['x','g']}",
			"groups[1]: expected another one than itself, got 'acme/g'"},
		{"{'kind':'handle','name':'h','entries':['10.0.0.1','handle:acme/h']}",
			"entries[1]: expected another one than itself, got 'handle:acme/h'"},
		{"{'kind':'policy','name':'p','verdict':'deny'}", "vnet: expected the name of a vnet, got nothing"},
		{"{'kind':'policy','name':'p','vnet':'z','security_group':'s','target':'node:a','verdict':'deny'}",
			"target: expected nothing, as a policy of a security group is about the nodes that name that, got "
			"'node:acme/a'"},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		model_refuse(false, cases[i][0], NULL, cases[i][1]);
}

/* ---- replacing and changing */

#define OLD_NODE                                                                                                       \
	"{'kind':'node','name':'acme/web1','vnet':'acme/net','host':'h1','port':'tap1','mac':'02:00:00:00:00:0a',"     \
	"'note':'n','revision':9}"
#define OLD_HOST                                                                                                       \
	"{'kind':'host','name':'h1','locator':'fd00:1:0:1::/64','key':'" KEY "','credential':'secret','joined':17}"
#define OLD_TOKEN "{'kind':'token','name':'acme/t','role':'viewer','expires':0,'hash':'secret'}"
#define OLD_VNET "{'kind':'vnet','name':'acme/net','vni':77," VNET_DEFAULTS "}"
#define OLD_HANDLE "{'kind':'handle','name':'acme/h','entries':['10.0.0.1'],'immutable':true,'version':3}"

static void replaced(void)
{
	model_accept(false, "{'vnet':'net','host':'h2','port':'tap1','mac':'02:00:00:00:00:0a'}", OLD_NODE,
		"{'kind':'node','name':'acme/web1','vnet':'acme/net','host':'h2','port':'tap1','mac':'02:00:00:00:00:0a'}");
	/* Fixed and assigned ones may be left out, or be as they are. */
	model_accept(false, "{'host':'h2','port':'tap1','mac':'02:00:00:00:00:0a'}", OLD_NODE,
		"{'kind':'node','name':'acme/web1','vnet':'acme/net','host':'h2','port':'tap1','mac':'02:00:00:00:00:0a'}");
	model_accept(false, "{'kind':'host','name':'h1','locator':'fd00:1:0:2::/64'}", OLD_HOST,
		"{'kind':'host','name':'h1','locator':'fd00:1:0:2::/64','key':'" KEY
		"','credential':'secret','joined':17}");
	model_accept(false, "{'locator':'fd00:1:0:2::/64','key':'" KEY "','joined':17}", OLD_HOST,
		"{'kind':'host','name':'h1','locator':'fd00:1:0:2::/64','key':'" KEY
		"','credential':'secret','joined':17}");
	model_accept(false, "{}", OLD_TOKEN, OLD_TOKEN);
	/* A fixed one that was not given may be given once. */
	model_accept(false, "{'vni':5}", "{'kind':'vnet','name':'acme/net'," VNET_DEFAULTS "}",
		"{'kind':'vnet','name':'acme/net','vni':5," VNET_DEFAULTS "}");
}

static void not_replaced(void)
{
	static const char *const cases[][3] = {
		{"{'kind':'vnet','name':'web1'}", OLD_NODE, "kind: expected node, got 'vnet'"},
		{"{'name':'web2','host':'h1','port':'tap1','mac':'02:00:00:00:00:0a'}", OLD_NODE,
			"name: expected 'acme/web1', which cannot change, got 'web2'"},
		{"{'vnet':'other','host':'h1','port':'tap1','mac':'02:00:00:00:00:0a'}", OLD_NODE,
			"vnet: expected 'acme/net', which cannot change, got 'other'"},
		{"{'vni':78}", OLD_VNET, "vni: expected 77, which cannot change, got 78"},
		{"{'locator':'fd00:1:0:1::/64','joined':18}", OLD_HOST,
			"joined: expected 17, as the manager assigned it, got 18"},
		{"{'locator':'fd00:1:0:1::/64','credential':'x'}", OLD_HOST,
			"credential: expected nothing, as the manager assigns it, got something else"},
		{"{'role':'admin'}", OLD_TOKEN, "role: expected 'viewer', which cannot change, got 'admin'"},
		{"{'entries':[]}", OLD_HANDLE, ": expected no change of what is immutable: it can be deleted only"},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		model_refuse(false, cases[i][0], cases[i][1], cases[i][2]);
	model_refuse(false, "{'kind':'host','name':'h1','locator':'fd00:1:0:1::/64','key':'" KEY "','credential':'x'}",
		NULL,
		"key: expected nothing, as the manager assigns it, got '" KEY "'\n"
		"credential: expected nothing, as the manager assigns it, got something else");
	model_refuse(false, "{'kind':'policy','name':'p','vnet':'n','verdict':'deny','id':4}", NULL,
		"id: expected nothing, as the manager assigns it, got 4");
	model_accept(false, "{'entries':['10.0.0.1/32'],'immutable':true}", OLD_HANDLE, OLD_HANDLE);
}

static void patched(void)
{
	model_accept(true, "{'host':'h2','note':null,'groups':['g']}", OLD_NODE,
		"{'kind':'node','name':'acme/web1','vnet':'acme/net','host':'h2','port':'tap1','mac':'02:00:00:00:00:0a',"
		"'groups':['acme/g']}");
	model_accept(true, "{'kind':'node','name':'web1','vnet':'net'}", OLD_NODE,
		"{'kind':'node','name':'acme/web1','vnet':'acme/net','host':'h1','port':'tap1','mac':'02:00:00:00:00:0a',"
		"'note':'n'}");
	model_accept(true, "{}", OLD_HOST, OLD_HOST);
	model_accept(true, "{'silence':null,'agreement':'one'}",
		"{'kind':'vnet','name':'acme/net','vni':77,'silence':'allow'}",
		"{'kind':'vnet','name':'acme/net','vni':77,'pending':'queue','replies':'session','silence':'deny',"
		"'answers':'wide','ask':'destination','agreement':'one','default_in':'deny','grant_lifetime':30,"
		"'passport_lifetime':900}");
	model_refuse(true, "[]", OLD_NODE, ": expected an object, got a list");
	model_refuse(true, "{'host':null}", OLD_NODE, "host: expected the name of a host, got nothing");
	model_refuse(true, "{'vni':null}", OLD_VNET, "vni: expected 77, which cannot change, got null");
	model_refuse(true, "{'key':null}", OLD_HOST, "key: expected '" KEY "', as the manager assigned it, got null");
	model_refuse(true, "{'hots':null}", OLD_NODE,
		"hots: expected a field of a node (vnet, host, port, mac, address, "
		"slot, groups, security_groups or note), got 'hots'");
	model_refuse(true, "{'immutable':false}", OLD_HANDLE,
		": expected no change of what is immutable: it can be deleted only");
}

/* ---- objects that were read */

static void told_reference(void *context, enum model_kind to, const char *name, const char *path)
{
	char line[MODEL_KEY_MAX];

	model_key(to, name, line);
	model_tell(context, path, line);
}

static void references(void)
{
	static const char *const cases[][2] = {
		{"{'kind':'node','name':'n','vnet':'b/net','host':'h1','port':'p','mac':'02:00:00:00:00:0a','groups':['g',"
		 "'c/g'],'security_groups':['s']}",
			"vnet: vnet/b/net\nhost: host/h1\ngroups[0]: group/acme/g\ngroups[1]: group/c/g\n"
			"security_groups[0]: security_group/acme/s"},
		{"{'kind':'policy','name':'p','vnet':'net','target':['any','10.0.0.1','node:w','group:g'],"
		 "'peers':{'not':['account:b','handle:h','vnet:v']},'verdict':'deny'}",
			"vnet: vnet/acme/net\ntarget[2]: node/acme/w\ntarget[3]: group/acme/g\n"
			"peers.not[0]: account/b\npeers.not[1]: handle/acme/h\npeers.not[2]: vnet/acme/v"},
		{"{'kind':'policy','name':'p','vnet':'net','target':'group:g','peers':{'not':['account:b']},"
		 "'verdict':'deny'}",
			"vnet: vnet/acme/net\ntarget: group/acme/g\npeers.not: account/b"},
		{"{'kind':'handle','name':'h','entries':['10.0.0.0/8','handle:x','vnet:v']}",
			"entries[1]: handle/acme/x\nentries[2]: vnet/acme/v"},
		{"{'kind':'group','name':'g','match':{'vnet':'v'}}",
			"match.vnet: vnet/acme/v\nmatch.account: account/acme"},
		{"{'kind':'group','name':'g','match':{'name':'*','account':'*'}}", ""},
		{"{'kind':'vnet','name':'v','members':['b']}", "members[0]: account/b"},
		{"{'kind':'account','name':'a'}", ""},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		cJSON *made = model_take(false, cases[i][0], NULL);
		struct told told = {0};

		model_references(made, told_reference, &told);
		UNIT_STRING_EQUAL(told.text, cases[i][1]);
		cJSON_Delete(made);
	}
}

static void assigned(void)
{
	cJSON *vnet = model_take(false, "{'kind':'vnet','name':'net','note':'x'}", NULL);
	cJSON *host = model_take(false, HOST, NULL), *seen;
	scope_free char *printed = NULL, *printed_host = NULL, *printed_seen = NULL;

	CU_ASSERT_EQUAL(model_assign(vnet, "vni", cJSON_CreateNumber(7)), 0);
	CU_ASSERT_EQUAL(model_assign(vnet, "vni", cJSON_CreateNumber(8)), 0);
	CU_ASSERT_EQUAL(model_assign(vnet, "vnj", cJSON_CreateNumber(8)), -ENOENT);
	CU_ASSERT_EQUAL(model_assign(vnet, "note", NULL), 0);
	printed = model_print(vnet);
	UNIT_STRING_EQUAL(printed, "{'kind':'vnet','name':'acme/net','vni':8," VNET_DEFAULTS "}");

	CU_ASSERT_EQUAL(model_assign(host, "joined", cJSON_CreateNumber(17)), 0);
	CU_ASSERT_EQUAL(model_assign(host, "credential", cJSON_CreateString("secret")), 0);
	CU_ASSERT_EQUAL(model_assign(host, "key", cJSON_CreateString(KEY)), 0);
	printed_host = model_print(host);
	UNIT_STRING_EQUAL(printed_host, OLD_HOST);
	seen = model_public(host);
	printed_seen = model_print(seen);
	UNIT_STRING_EQUAL(printed_seen,
		"{'kind':'host','name':'h1','locator':'fd00:1:0:1::/64','key':'" KEY "','joined':17}");
	CU_ASSERT_FALSE(model_equal(host, seen));
	cJSON_Delete(seen);
	cJSON_Delete(host);
	cJSON_Delete(vnet);
}

static void equal(void)
{
	static const struct {
		const char *a, *b;
		bool equal;
	} cases[] = {
		{OLD_NODE, NODE, false},
		{"{'kind':'account','name':'a','revision':1}", "{'name':'a','kind':'account'}", true},
		{"{'kind':'account','name':'a'}", "{'kind':'account','name':'A'}", false},
		{"{'kind':'account','name':'a'}", "{'kind':'account','name':'a','note':''}", false},
		{"{'kind':'account','name':'a','note':'x'}", "{'kind':'account','name':'a','contact':'x'}", false},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		cJSON *a = model_json(cases[i].a), *b = model_json(cases[i].b);

		CU_ASSERT_EQUAL(model_equal(a, b), cases[i].equal);
		CU_ASSERT_EQUAL(model_equal(b, a), cases[i].equal);
		cJSON_Delete(a);
		cJSON_Delete(b);
	}
}

static const struct unit_test tests[] = {
	{"kinds and fields have their words", kinds},
	{"names become whole", names},
	{"keys", keys},
	{"each kind, canonical", each_kind},
	{"what is missing, unknown or of the wrong type", whole_objects},
	{"paths within a request", paths},
	{"names within an object are of its own account", whose_names},
	{"fields that need or exclude each other", together},
	{"an object takes the place of another", replaced},
	{"what is fixed, assigned or immutable stays", not_replaced},
	{"changes of some fields", patched},
	{"what an object refers to", references},
	{"assigned fields in their place, secrets left out", assigned},
	{"objects that are equal", equal},
};

int main(void)
{
	return unit_run("model", tests, ARRAY_LEN(tests));
}
