/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cJSON, wrapped and checked. See json.h.
 *
 * A scanner reads the text first, by RFC 8259 to the letter: it knows the line of everything, says what was expected,
 * and refuses what cJSON would let pass. cJSON then makes the tree. The same scanner finds lines in accepted text.
 */
#include "lib/json.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "lib/error.h"

/* cJSON and strtod() want a bounded copy of a number; no number that means something is longer. */
#define NUMBER_MAX 63
#define INTEGER_MAX 9007199254740992.0 /* 2^53: past it a double skips integers */

struct scan {
	const char *at, *end;
	unsigned line;
	unsigned depth;
	struct json_error *error; /* where to say what is wrong; NULL for text that was accepted before */
};

static bool scan_value(struct scan *scan);

/* Fills the error, once the first thing that is wrong was met; returns false, for the caller to hand on. */
static bool PRINTF_LIKE(2, 3) scan_fail(struct scan *scan, const char *format, ...)
{
	va_list arguments;

	if (!scan->error)
		return false;
	scan->error->line = scan->line;
	va_start(arguments, format);
	vsnprintf(scan->error->message, sizeof(scan->error->message), format, arguments);
	va_end(arguments);
	return false;
}

/* Fails with what was expected here and what is here. */
static bool scan_expected(struct scan *scan, const char *expected)
{
	unsigned char c;

	if (scan->at == scan->end)
		return scan_fail(scan, "expected %s, got the end of the text", expected);
	c = (unsigned char)*scan->at;
	if (c == '\n')
		return scan_fail(scan, "expected %s, got the end of the line", expected);
	if (c < 0x20 || c >= 0x7f)
		return scan_fail(scan, "expected %s, got the octet 0x%02x", expected, c);
	return scan_fail(scan, "expected %s, got '%c'", expected, c);
}

static bool scan_is(const struct scan *scan, char c)
{
	return scan->at < scan->end && *scan->at == c;
}

static bool scan_is_digit(const struct scan *scan)
{
	return scan->at < scan->end && *scan->at >= '0' && *scan->at <= '9';
}

static void scan_space(struct scan *scan)
{
	for (; scan->at < scan->end; scan->at++) {
		if (*scan->at == '\n')
			scan->line++;
		else if (*scan->at != ' ' && *scan->at != '\t' && *scan->at != '\r')
			return;
	}
}

/* Four hexadecimal digits, after "\u". Returns their value, or -1. */
static long scan_hex4(struct scan *scan)
{
	long value = 0;

	for (int i = 0; i < 4; i++, scan->at++) {
		char c = scan->at < scan->end ? *scan->at : '\0';

		if (c >= '0' && c <= '9')
			value = value << 4 | (c - '0');
		else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
			value = value << 4 | ((c | 0x20) - 'a' + 10);
		else
			return -1;
	}
	return value;
}

static bool scan_escape(struct scan *scan)
{
	long code;

	scan->at++;
	if (scan->at == scan->end || !strchr("\"\\/bfnrtu", *scan->at) || *scan->at == '\0')
		return scan_expected(scan, "one of \" \\ / b f n r t u after a backslash");
	if (*scan->at++ != 'u')
		return true;

	code = scan_hex4(scan);
	if (code < 0)
		return scan_expected(scan, "four hexadecimal digits after \\u");
	if (code == 0)
		return scan_fail(scan, "expected text, got a NUL (\\u0000)");
	if (code < 0xd800 || code > 0xdfff)
		return true;
	if (code < 0xdc00 && scan->end - scan->at >= 2 && scan->at[0] == '\\' && scan->at[1] == 'u') {
		scan->at += 2;
		code = scan_hex4(scan);
		if (code >= 0xdc00 && code <= 0xdfff)
			return true;
	}
	return scan_fail(scan, "expected a pair of surrogates, got one half");
}

/* A string, from its opening to past its closing quote. */
static bool scan_string(struct scan *scan)
{
	for (scan->at++; scan->at < scan->end && *scan->at != '"';) {
		if (*scan->at == '\\') {
			if (!scan_escape(scan))
				return false;
		} else if ((unsigned char)*scan->at < 0x20) {
			return scan_expected(scan, "the string to go on or to end");
		} else {
			scan->at++;
		}
	}
	if (scan->at == scan->end)
		return scan_expected(scan, "the end of a string");
	scan->at++;
	return true;
}

static bool scan_digits(struct scan *scan)
{
	if (!scan_is_digit(scan))
		return scan_expected(scan, "a digit");
	while (scan_is_digit(scan))
		scan->at++;
	return true;
}

static bool scan_number(struct scan *scan)
{
	const char *start = scan->at;
	char copy[NUMBER_MAX + 1];
	size_t length;

	if (scan_is(scan, '-'))
		scan->at++;
	if (scan_is(scan, '0')) {
		scan->at++;
		if (scan_is_digit(scan))
			return scan_fail(scan, "expected a number without leading zeros, got one with");
	} else if (!scan_digits(scan)) {
		return false;
	}
	if (scan_is(scan, '.')) {
		scan->at++;
		if (!scan_digits(scan))
			return false;
	}
	if (scan_is(scan, 'e') || scan_is(scan, 'E')) {
		scan->at++;
		if (scan_is(scan, '+') || scan_is(scan, '-'))
			scan->at++;
		if (!scan_digits(scan))
			return false;
	}

	length = (size_t)(scan->at - start);
	if (length > NUMBER_MAX)
		return scan_fail(scan, "expected a number of at most %d characters, got %zu", NUMBER_MAX, length);
	memcpy(copy, start, length);
	copy[length] = '\0';
	if (isinf(strtod(copy, NULL)))
		return scan_fail(scan, "expected a number that a double can hold, got %s", copy);
	return true;
}

static bool scan_word(struct scan *scan, const char *word)
{
	size_t length = strlen(word);

	if ((size_t)(scan->end - scan->at) < length || memcmp(scan->at, word, length) != 0)
		return scan_expected(scan, "a value");
	scan->at += length;
	return true;
}

/*
 * Goes to the next element of a list or an object, whose opening bracket was passed. Returns 1; 0 at the end, whose
 * bracket `close` is then passed too; -1 when something else stands there.
 */
static int scan_next(struct scan *scan, char close, bool first)
{
	scan_space(scan);
	if (scan_is(scan, close)) {
		scan->at++;
		return 0;
	}
	if (first)
		return 1;
	if (!scan_is(scan, ',')) {
		scan_expected(scan, close == '}' ? "',' or '}' after a member" : "',' or ']' after an element");
		return -1;
	}
	scan->at++;
	scan_space(scan);
	return 1;
}

/* A key and its colon; then the value begins. */
static bool scan_key(struct scan *scan)
{
	scan_space(scan);
	if (!scan_is(scan, '"'))
		return scan_expected(scan, "a key in double quotes");
	if (!scan_string(scan))
		return false;
	scan_space(scan);
	if (!scan_is(scan, ':'))
		return scan_expected(scan, "':' after a key");
	scan->at++;
	scan_space(scan);
	return true;
}

static bool scan_container(struct scan *scan, char close)
{
	bool first = true;
	int next;

	if (scan->depth == JSON_DEPTH_MAX)
		return scan_fail(scan, "expected at most %d levels of nesting, got more", JSON_DEPTH_MAX);
	scan->depth++;
	scan->at++;
	while ((next = scan_next(scan, close, first)) > 0) {
		if (close == '}' && !scan_key(scan))
			return false;
		if (!scan_value(scan))
			return false;
		first = false;
	}
	scan->depth--;
	return next == 0;
}

/* Any value, from its first character (or the space before it) to past its last one. */
static bool scan_value(struct scan *scan)
{
	scan_space(scan);
	if (scan->at == scan->end)
		return scan_expected(scan, "a value");
	switch (*scan->at) {
	case '{':
		return scan_container(scan, '}');
	case '[':
		return scan_container(scan, ']');
	case '"':
		return scan_string(scan);
	case 't':
		return scan_word(scan, "true");
	case 'f':
		return scan_word(scan, "false");
	case 'n':
		return scan_word(scan, "null");
	default:
		if (*scan->at == '-' || scan_is_digit(scan))
			return scan_number(scan);
		return scan_expected(scan, "a value");
	}
}

/* Length of the UTF-8 sequence (RFC 3629) at `at`, or 0 when there is none. */
static size_t utf8_length(const unsigned char *at, size_t left)
{
	unsigned char first = at[0];
	unsigned char low = 0x80, high = 0xbf; /* bounds of the second octet */
	size_t length;

	if (first < 0x80)
		return 1;
	if (first >= 0xc2 && first <= 0xdf) {
		length = 2;
	} else if (first >= 0xe0 && first <= 0xef) {
		length = 3;
		low = first == 0xe0 ? 0xa0 : low;   /* else over-long */
		high = first == 0xed ? 0x9f : high; /* else a surrogate */
	} else if (first >= 0xf0 && first <= 0xf4) {
		length = 4;
		low = first == 0xf0 ? 0x90 : low;
		high = first == 0xf4 ? 0x8f : high; /* else past U+10FFFF */
	} else {
		return 0;
	}
	if (left < length || at[1] < low || at[1] > high)
		return 0;
	for (size_t i = 2; i < length; i++) {
		if ((at[i] & 0xc0) != 0x80)
			return 0;
	}
	return length;
}

/* Octets that no JSON text has, wherever they stand. */
static bool scan_octets(struct scan scan)
{
	while (scan.at < scan.end) {
		size_t length = utf8_length((const unsigned char *)scan.at, (size_t)(scan.end - scan.at));

		if (length == 0)
			return scan_expected(&scan, "UTF-8");
		if (*scan.at == '\0')
			return scan_fail(&scan, "expected text, got a NUL octet");
		if (*scan.at == '\n')
			scan.line++;
		scan.at += length;
	}
	return true;
}

/* A key of an object and where it stands. */
struct key {
	const char *name;
	unsigned line;
};

static int key_compare(const void *a, const void *b)
{
	const struct key *left = a, *right = b;
	int order = strcasecmp(left->name, right->name);

	return order ? order : (left->line > right->line) - (left->line < right->line);
}

/* Two keys that are the same but for case: which of them counts is a matter of the reader, so neither does. */
static bool keys_are_unique(struct scan *scan, struct key *keys, size_t count)
{
	qsort(keys, count, sizeof(*keys), key_compare);
	for (size_t i = 1; i < count; i++) {
		if (strcasecmp(keys[i - 1].name, keys[i].name) == 0) {
			scan->line = keys[i].line;
			return scan_fail(scan, "expected each key once, got '%.40s' and '%.40s' in one object",
				keys[i - 1].name, keys[i].name);
		}
	}
	return true;
}

/* Walks text and tree side by side, since the tree has the keys' meaning and the text their lines. */
static bool scan_keys(struct scan *scan, const cJSON *value)
{
	bool object = cJSON_IsObject(value);
	scope_free struct key *keys = NULL;
	size_t count = 0;
	const cJSON *child;

	if (!object && !cJSON_IsArray(value))
		return scan_value(scan);
	if (object) {
		/* One more, so that an empty object is not taken for a lack of memory. */
		keys = calloc((size_t)cJSON_GetArraySize(value) + 1, sizeof(*keys));
		if (!keys)
			return scan_fail(scan, "out of memory");
	}
	scan_space(scan);
	scan->at++;
	cJSON_ArrayForEach(child, value) {
		scan_next(scan, object ? '}' : ']', child == value->child);
		if (object) {
			keys[count++] = (struct key){child->string, scan->line};
			scan_key(scan);
		}
		if (!scan_keys(scan, child))
			return false;
	}
	scan_next(scan, object ? '}' : ']', true);
	return !object || keys_are_unique(scan, keys, count);
}

cJSON *json_parse(const char *text, size_t length, struct json_error *error)
{
	struct scan start = {.at = text, .end = text + length, .line = 1, .error = error};
	struct scan scan = start;
	const char *end;
	cJSON *tree;

	if (!scan_octets(scan) || !scan_value(&scan))
		return NULL;
	scan_space(&scan);
	if (scan.at != scan.end) {
		scan_expected(&scan, "nothing after the value");
		return NULL;
	}

	tree = cJSON_ParseWithLengthOpts(text, length, &end, false);
	if (!tree) {
		start.line = 0;
		scan_fail(&start, "out of memory");
		return NULL;
	}
	if (!scan_keys(&start, tree)) {
		cJSON_Delete(tree);
		return NULL;
	}
	return tree;
}

/* Length of the key that begins `path`, if `key` (between its quotes) is one; 0 otherwise. */
static size_t path_takes(const char *path, const char *key, size_t length)
{
	if (length == 0 || strncmp(path, key, length) != 0)
		return 0;
	return path[length] == '\0' || path[length] == '.' || path[length] == '[' ? length : 0;
}

/* Moves to the member of the object here that the path names. Returns how much of the path that takes, 0: not there. */
static size_t scan_to_member(struct scan *scan, const char *path)
{
	size_t skip = *path == '.', taken = 0;
	struct scan found = *scan;
	bool first = true;

	/* A key may itself hold a dot: the longest that fits is meant. */
	for (scan->at++; scan_next(scan, '}', first) > 0; first = false) {
		const char *key = scan->at + 1;
		struct scan name = *scan;
		size_t length;

		scan_string(&name);
		length = path_takes(path + skip, key, (size_t)(name.at - key) - 1);
		scan_key(scan);
		if (length > taken) {
			taken = length;
			found = *scan;
		}
		scan_value(scan);
	}
	*scan = found;
	return taken ? taken + skip : 0;
}

/* Likewise for the element of the list here. */
static size_t scan_to_element(struct scan *scan, const char *path)
{
	char *close;
	unsigned long index = strtoul(path + 1, &close, 10);
	struct scan found = *scan;
	bool first = true;

	if (close == path + 1 || *close != ']')
		return 0;
	for (found.at++; scan_next(&found, ']', first) > 0; first = false) {
		if (index-- == 0) {
			*scan = found;
			return (size_t)(close + 1 - path);
		}
		scan_value(&found);
	}
	return 0;
}

unsigned json_line_of(const char *text, size_t length, const char *path)
{
	struct scan scan = {.at = text, .end = text + length, .line = 1};

	for (;;) {
		size_t taken = 0;

		scan_space(&scan);
		if (*path == '[' && scan_is(&scan, '['))
			taken = scan_to_element(&scan, path);
		else if (*path != '[' && scan_is(&scan, '{'))
			taken = scan_to_member(&scan, path);
		if (taken == 0)
			return scan.line;
		path += taken;
	}
}

const cJSON *json_member(const cJSON *object, const char *name)
{
	return cJSON_GetObjectItemCaseSensitive(object, name);
}

int json_integer(const cJSON *value, long long min, long long max, long long *out)
{
	double number;

	if (!cJSON_IsNumber(value))
		return -EINVAL;
	number = value->valuedouble;
	/* Before the cast, which is undefined for what no integer holds; a value made by hand may even be NaN. */
	if (isnan(number))
		return -EINVAL;
	if (number < -INTEGER_MAX || number > INTEGER_MAX)
		return -ERANGE;
	if (number != (double)(long long)number)
		return -EINVAL;
	if ((long long)number < min || (long long)number > max)
		return -ERANGE;
	*out = (long long)number;
	return 0;
}

cJSON *json_add_u64(cJSON *object, const char *name, unsigned long long value)
{
	char digits[24];

	snprintf(digits, sizeof(digits), "%llu", value);
	return cJSON_AddStringToObject(object, name, digits);
}

const char *json_got(const cJSON *value, char got[JSON_GOT_MAX])
{
	const size_t most = JSON_GOT_MAX - sizeof("'...'");
	size_t length;

	if (!value) {
		snprintf(got, JSON_GOT_MAX, "nothing");
	} else if (cJSON_IsString(value)) {
		length = strlen(value->valuestring);
		if (length > most) {
			/* Not through the middle of a UTF-8 sequence. */
			for (length = most; ((unsigned char)value->valuestring[length] & 0xc0) == 0x80;)
				length--;
			snprintf(got, JSON_GOT_MAX, "'%.*s...'", (int)length, value->valuestring);
		} else {
			snprintf(got, JSON_GOT_MAX, "'%s'", value->valuestring);
		}
	} else if (cJSON_IsNumber(value)) {
		snprintf(got, JSON_GOT_MAX, "%.15g", value->valuedouble);
	} else if (cJSON_IsBool(value)) {
		snprintf(got, JSON_GOT_MAX, "%s", cJSON_IsTrue(value) ? "true" : "false");
	} else {
		snprintf(got, JSON_GOT_MAX, "%s",
			cJSON_IsArray(value)    ? "a list"
			: cJSON_IsObject(value) ? "an object"
						: "null");
	}
	return got;
}
