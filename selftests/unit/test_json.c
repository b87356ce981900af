/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The checked JSON reader: what it takes, what it refuses and how it says so, and the lines of values.
 */
#include "selftests/unit/unit.h"

#include <errno.h>
#include <limits.h>
#include <math.h>

#include "lib/error.h"
#include "lib/json.h"

/* Parses an exact-sized copy, so that a read past the end is seen by a sanitizer. */
static cJSON *parse(const char *text, size_t length, struct json_error *error)
{
	scope_free char *copy = malloc(length ? length : 1);

	CU_ASSERT_PTR_NOT_NULL_FATAL(copy);
	memcpy(copy, text, length);
	return json_parse(copy, length, error);
}

static void accepted(void)
{
	static const char *const cases[] = {"{}", "[]", " \t\r\n{ }\n", "null", "true", "false", "0", "-0", "-1.5e+3",
		"1E-3", "1e308", "9007199254740993", "\"\"", "\"a\\u0041\\n\\\"\\\\\\/\\b\\f\\r\\t\"",
		"\"\\ud83d\\ude00\"", "\"\\uFFFF\"", "\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\"", "[\"\x7f\"]",
		"[ 1 , 2 ]", "{\"a\":{\"a\":1},\"b\":[1,2,{\"a\":2}]}", "{\"a\":1,\"ab\":2,\"\":3}"};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct json_error error = {.message = ""};
		cJSON *tree = parse(cases[i], strlen(cases[i]), &error);

		CU_ASSERT_PTR_NOT_NULL(tree);
		UNIT_STRING_EQUAL(error.message, "");
		cJSON_Delete(tree);
	}
}

struct refusal {
	const char *text;
	unsigned line;
	const char *message;
};

static void check_refusals(const struct refusal *cases, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct json_error error = {.message = ""};
		cJSON *tree = parse(cases[i].text, strlen(cases[i].text), &error);

		CU_ASSERT_PTR_NULL(tree);
		UNIT_STRING_EQUAL(error.message, cases[i].message);
		CU_ASSERT_EQUAL(error.line, cases[i].line);
		cJSON_Delete(tree);
	}
}

static void syntax(void)
{
	static const struct refusal cases[] = {
		{"", 1, "expected a value, got the end of the text"},
		{"\n\n", 3, "expected a value, got the end of the text"},
		{"tru", 1, "expected a value, got 't'"},
		{"nul", 1, "expected a value, got 'n'"},
		{"{\n", 2, "expected a key in double quotes, got the end of the text"},
		{"{\"a\"", 1, "expected ':' after a key, got the end of the text"},
		{"{\"a\":", 1, "expected a value, got the end of the text"},
		{"{\"a\":1", 1, "expected ',' or '}' after a member, got the end of the text"},
		{"{\"a\":1\n\"b\":2}", 2, "expected ',' or '}' after a member, got '\"'"},
		{"{\"a\":1,\n}", 2, "expected a key in double quotes, got '}'"},
		{"{'a':1}", 1, "expected a key in double quotes, got '''"},
		{"{a:1}", 1, "expected a key in double quotes, got 'a'"},
		{"{\"a\" 1}", 1, "expected ':' after a key, got '1'"},
		{"{,}", 1, "expected a key in double quotes, got ','"},
		{"[1,\n\n2", 3, "expected ',' or ']' after an element, got the end of the text"},
		{"[1,]", 1, "expected a value, got ']'"},
		{"[,1]", 1, "expected a value, got ','"},
		{"[1 2]", 1, "expected ',' or ']' after an element, got '2'"},
		{"[1}", 1, "expected ',' or ']' after an element, got '}'"},
		{"// note\n{}", 1, "expected a value, got '/'"},
		{"\xef\xbb\xbf{}", 1, "expected a value, got the octet 0xef"},
		{"[\x01]", 1, "expected a value, got the octet 0x01"},
		{"[\v1]", 1, "expected a value, got the octet 0x0b"},
		/* Text after the value. */
		{"{}\n{}", 2, "expected nothing after the value, got '{'"},
		{"1 x", 1, "expected nothing after the value, got 'x'"},
		{"truefalse", 1, "expected nothing after the value, got 'f'"},
	};

	check_refusals(cases, ARRAY_LEN(cases));
}

static void strings(void)
{
	static const struct refusal cases[] = {
		{"\"abc", 1, "expected the end of a string, got the end of the text"},
		{"[\"abc\n\"]", 1, "expected the string to go on or to end, got the end of the line"},
		{"[\"a\tb\"]", 1, "expected the string to go on or to end, got the octet 0x09"},
		{"[\"\\x\"]", 1, "expected one of \" \\ / b f n r t u after a backslash, got 'x'"},
		{"\"\\", 1, "expected one of \" \\ / b f n r t u after a backslash, got the end of the text"},
		{"[\"\\u12g4\"]", 1, "expected four hexadecimal digits after \\u, got 'g'"},
		{"\"\\u12", 1, "expected four hexadecimal digits after \\u, got the end of the text"},
		{"[\"\\u0000\"]", 1, "expected text, got a NUL (\\u0000)"},
		{"[\"\\ud800\"]", 1, "expected a pair of surrogates, got one half"},
		{"[\"\\ud800\\u0041\"]", 1, "expected a pair of surrogates, got one half"},
		{"[\"\\udc00\\ud800\"]", 1, "expected a pair of surrogates, got one half"},
		{"\"\\ud800\\", 1, "expected a pair of surrogates, got one half"},
		{"\"\\ud800\\u", 1, "expected a pair of surrogates, got one half"},
		/* UTF-8: cut, over-long, surrogate, past the last code point, stray continuation. */
		{"\n\"\xc3\"", 2, "expected UTF-8, got the octet 0xc3"},
		{"\"\xe2\x82", 1, "expected UTF-8, got the octet 0xe2"},
		{"\"\xc0\x80\"", 1, "expected UTF-8, got the octet 0xc0"},
		{"\"\xe0\x80\x80\"", 1, "expected UTF-8, got the octet 0xe0"},
		{"\"\xf0\x80\x80\x80\"", 1, "expected UTF-8, got the octet 0xf0"},
		{"\"\xed\xa0\x80\"", 1, "expected UTF-8, got the octet 0xed"},
		{"\"\xf4\x90\x80\x80\"", 1, "expected UTF-8, got the octet 0xf4"},
		{"\"\xff\"", 1, "expected UTF-8, got the octet 0xff"},
		{"\"\x80\"", 1, "expected UTF-8, got the octet 0x80"},
	};
	struct json_error error;

	check_refusals(cases, ARRAY_LEN(cases));

	/* A NUL ends no text here; it is refused wherever it stands. */
	CU_ASSERT_PTR_NULL(parse("[1]\0", 4, &error));
	UNIT_STRING_EQUAL(error.message, "expected text, got a NUL octet");
	CU_ASSERT_PTR_NULL(parse("[\n\"a\0b\"]", 8, &error));
	UNIT_STRING_EQUAL(error.message, "expected text, got a NUL octet");
	CU_ASSERT_EQUAL(error.line, 2);
}

static void numbers(void)
{
	static const struct refusal cases[] = {
		{"[01]", 1, "expected a number without leading zeros, got one with"},
		{"[-]", 1, "expected a digit, got ']'"},
		{"[-.5]", 1, "expected a digit, got '.'"},
		{"[.5]", 1, "expected a value, got '.'"},
		{"[+1]", 1, "expected a value, got '+'"},
		{"[1.]", 1, "expected a digit, got ']'"},
		{"[1e]", 1, "expected a digit, got ']'"},
		{"[1e+]", 1, "expected a digit, got ']'"},
		{"[0x10]", 1, "expected ',' or ']' after an element, got 'x'"},
		{"[1-2]", 1, "expected ',' or ']' after an element, got '-'"},
		{"[NaN]", 1, "expected a value, got 'N'"},
		{"[1e999]", 1, "expected a number that a double can hold, got 1e999"},
		{"[1000000000000000000000000000000000000000000000000000000000000000]", 1,
			"expected a number of at most 63 characters, got 64"},
	};

	check_refusals(cases, ARRAY_LEN(cases));
}

static void duplicates(void)
{
	static const struct refusal cases[] = {
		{"{\"a\":1,\n\"a\":2}", 2, "expected each key once, got 'a' and 'a' in one object"},
		{"{\n\"port\":1,\n\"x\":2,\n\"Port\":2}", 4,
			"expected each key once, got 'port' and 'Port' in one object"},
		{"{\"a\":1,\n\"\\u0061\":2}", 2, "expected each key once, got 'a' and 'a' in one object"},
		{"{\"\":1,\"\":2}", 1, "expected each key once, got '' and '' in one object"},
		{"[1, {\"x\": [\n{\"y\": {},\n\"z\": 1,\n\"Y\": []}]}]", 4,
			"expected each key once, got 'y' and 'Y' in one object"},
	};

	check_refusals(cases, ARRAY_LEN(cases));
}

static void depth(void)
{
	char text[2 * (JSON_DEPTH_MAX + 1) + 1];
	struct json_error error;
	cJSON *tree;

	memset(text, '[', JSON_DEPTH_MAX);
	memset(text + JSON_DEPTH_MAX, ']', JSON_DEPTH_MAX);
	tree = parse(text, 2 * JSON_DEPTH_MAX, &error);
	CU_ASSERT_PTR_NOT_NULL(tree);
	cJSON_Delete(tree);

	memset(text, '[', JSON_DEPTH_MAX + 1);
	memset(text + JSON_DEPTH_MAX + 1, ']', JSON_DEPTH_MAX + 1);
	CU_ASSERT_PTR_NULL(parse(text, 2 * (JSON_DEPTH_MAX + 1), &error));
	UNIT_STRING_EQUAL(error.message, "expected at most 32 levels of nesting, got more");

	/* Depth is of nesting, not of how many there are. */
	tree = parse("[[[]],[[]],{\"a\":[]}]", 20, &error);
	CU_ASSERT_PTR_NOT_NULL(tree);
	cJSON_Delete(tree);
}

static void lines(void)
{
	static const char text[] = "\n"                                        /* line 1 */
				   "{ \"a\":\n"                                /* 2 */
				   "    1,\n"                                  /* 3 */
				   "  \"list\": [\n"                           /* 4 */
				   "    {\"port\": \"x]}\\\"\", \"deep\": {\n" /* 5 */
				   "       \"er\": [[1, 2],\n"                 /* 6 */
				   "               [3]]}},\n"                  /* 7 */
				   "    \"second\"\n"                          /* 8 */
				   "  ],\n"                                    /* 9 */
				   "  \"list.of\": 2,\n"                       /* 10 */
				   "  \"list.of.more\":\n"                     /* 11 */
				   "      {\"x\": null}\n"                     /* 12 */
				   "}\n";
	static const struct {
		const char *path;
		unsigned line;
	} cases[] = {
		{"", 2},
		{"a", 3},
		{"list", 4},
		{"list[0]", 5},
		{"list[0].port", 5},
		{"list[0].deep", 5},
		{"list[0].deep.er", 6},
		{"list[0].deep.er[0][1]", 6},
		{"list[0].deep.er[1]", 7},
		{"list[0].deep.er[1][0]", 7},
		{"list[1]", 8},
		{"list.of", 10},
		{"list.of.more", 12},
		{"list.of.more.x", 12},
		/* What is not there has the line of what would hold it. */
		{"missing", 2},
		{"lis", 2},
		{"list[2]", 4},
		{"list[0].missing", 5},
		{"list[0].deep.missing[3].x", 5},
		{"list[1].x", 8},
		{"list[99999999999999999999]", 4},
		{"list[]", 4},
		{"list[x]", 4},
		{"list[1", 4},
		{"a.b", 3},
		{"a[0]", 3},
		{"[0]", 2},
	};
	struct json_error error;
	cJSON *tree = parse(text, sizeof(text) - 1, &error);

	CU_ASSERT_PTR_NOT_NULL(tree);
	cJSON_Delete(tree);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		unsigned line = json_line_of(text, sizeof(text) - 1, cases[i].path);

		if (line != cases[i].line)
			printf("\n    '%s': got line %u, wanted %u\n", cases[i].path, line, cases[i].line);
		CU_ASSERT_EQUAL(line, cases[i].line);
	}
	CU_ASSERT_EQUAL(json_line_of("\n5", 2, ""), 2);
	CU_ASSERT_EQUAL(json_line_of("{}", 2, "a"), 1);
	CU_ASSERT_EQUAL(json_line_of("[]", 2, "[0]"), 1);
}

static void members(void)
{
	static const char text[] = "{\"Port\": 1, \"name\": \"x\"}";
	struct json_error error;
	cJSON *tree = parse(text, sizeof(text) - 1, &error);

	CU_ASSERT_PTR_NOT_NULL_FATAL(tree);
	CU_ASSERT_PTR_NOT_NULL(json_member(tree, "Port"));
	CU_ASSERT_PTR_NULL(json_member(tree, "port"));
	CU_ASSERT_PTR_NULL(json_member(tree, "nam"));
	cJSON_Delete(tree);
}

static void integers(void)
{
	static const struct {
		const char *text;
		long long min, max;
		int result;
		long long value;
	} cases[] = {
		{"0", 0, 10, 0, 0},
		{"-0", 0, 10, 0, 0},
		{"10", 0, 10, 0, 10},
		{"11", 0, 10, -ERANGE, 0},
		{"-1", 0, 10, -ERANGE, 0},
		{"-5", -5, 10, 0, -5},
		{"1.5", 0, 10, -EINVAL, 0},
		{"1e1", 0, 10, 0, 10},
		{"1.0", 0, 10, 0, 1},
		{"\"1\"", 0, 10, -EINVAL, 0},
		{"true", 0, 10, -EINVAL, 0},
		{"null", 0, 10, -EINVAL, 0},
		{"[1]", 0, 10, -EINVAL, 0},
		{"9007199254740992", 0, LLONG_MAX, 0, 9007199254740992},
		/* Past 2^53 a double does not tell neighbours apart. */
		{"9007199254740994", 0, LLONG_MAX, -ERANGE, 0},
		{"1e300", LLONG_MIN, LLONG_MAX, -ERANGE, 0},
		{"-1e300", LLONG_MIN, LLONG_MAX, -ERANGE, 0},
	};
	cJSON nan = {.type = cJSON_Number, .valuedouble = NAN};
	long long value = 42;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct json_error error;
		cJSON *tree = parse(cases[i].text, strlen(cases[i].text), &error);

		value = 42;
		CU_ASSERT_EQUAL(json_integer(tree, cases[i].min, cases[i].max, &value), cases[i].result);
		CU_ASSERT_EQUAL(value, cases[i].result ? 42 : cases[i].value);
		cJSON_Delete(tree);
	}
	CU_ASSERT_EQUAL(json_integer(NULL, 0, 10, &value), -EINVAL);
	CU_ASSERT_EQUAL(json_integer(&nan, 0, 10, &value), -EINVAL);
}

static void large_numbers(void)
{
	cJSON *object = cJSON_CreateObject();
	char *text;

	CU_ASSERT_PTR_NOT_NULL_FATAL(object);
	CU_ASSERT_PTR_NOT_NULL(json_add_u64(object, "most", ULLONG_MAX));
	CU_ASSERT_PTR_NOT_NULL(json_add_u64(object, "least", 0));
	text = cJSON_PrintUnformatted(object);
	UNIT_STRING_EQUAL(text, "{\"most\":\"18446744073709551615\",\"least\":\"0\"}");
	cJSON_free(text);
	cJSON_Delete(object);
}

/* Whatever the octets: a tree or an error with a message, and no line past the end. */
static void random_text(void)
{
	static const char alphabet[] = "{}[]:,\"\\ \n0123456789-+.eEtrufalsn/\x80\xc3\xa9\x01";
	uint64_t state = 3;

	for (int i = 0; i < 50000; i++) {
		size_t length = unit_random(&state) % 24;
		struct json_error error = {.message = ""};
		unsigned most = 1;
		char text[24];
		cJSON *tree;

		for (size_t j = 0; j < length; j++) {
			text[j] = alphabet[unit_random(&state) % (sizeof(alphabet) - 1)];
			most += text[j] == '\n';
		}
		tree = parse(text, length, &error);
		CU_ASSERT_FATAL(tree ? !*error.message : *error.message && error.line >= 1 && error.line <= most);
		cJSON_Delete(tree);
	}
}

static const struct unit_test tests[] = {
	{"JSON is accepted", accepted},
	{"what is no JSON is refused with its line", syntax},
	{"strings are UTF-8 without NUL", strings},
	{"numbers are those of RFC 8259", numbers},
	{"keys that are the same but for case are refused", duplicates},
	{"nesting is bounded", depth},
	{"every value's line is found", lines},
	{"members are exact", members},
	{"integers are whole and in range", integers},
	{"64-bit numbers travel as text", large_numbers},
	{"random text gives a tree or an error", random_text},
};

int main(void)
{
	return unit_run("json", tests, ARRAY_LEN(tests));
}
