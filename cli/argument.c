/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Typed values of a command line. What only the agent can know (names of vnets, names of protocols) is left to it.
 */
#include <stdlib.h>
#include <string.h>

#include "cli/argument.h"
#include "cli/kinds.h"
#include "config/config.h"
#include "lib/address.h"

bool argument_number(const char *text, long long min, long long max, long long *out)
{
	size_t digits = strspn(text, "0123456789");
	long long value;

	/* Eighteen digits fit; more are past every range in the table. */
	if (digits == 0 || digits > 18 || text[digits])
		return false;
	value = strtoll(text, NULL, 10);
	if (value < min || value > max)
		return false;
	*out = value;
	return true;
}

void argument_each_word(const char *words, void (*fn)(void *context, const char *word, size_t length), void *context)
{
	for (;;) {
		size_t length = strcspn(words, "|");

		fn(context, words, length);
		if (!words[length])
			return;
		words += length + 1;
	}
}

struct word_search {
	const char *text;
	bool found;
};

static void compare_word(void *context, const char *word, size_t length)
{
	struct word_search *search = context;

	if (strlen(search->text) == length && memcmp(search->text, word, length) == 0)
		search->found = true;
}

static bool is_one_of(const char *words, const char *text)
{
	struct word_search search = {.text = text};

	argument_each_word(words, compare_word, &search);
	return search.found;
}

static bool is_all_digits(const char *text)
{
	return *text && !text[strspn(text, "0123456789")];
}

bool argument_is_instance(const char *name)
{
	size_t length = strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-");

	return length > 0 && length < CONFIG_PART_MAX && !name[length] && strcmp(name, ".") != 0 &&
	       strcmp(name, "..") != 0;
}

bool argument_is_value(const struct command_argument *row, const char *text)
{
	struct substrate substrate;
	struct locator locator;
	struct ipv4 ipv4;
	long long number;
	char name[MODEL_NAME_MAX], message[200];

	switch (row->type) {
	case ARGUMENT_TEXT:
	case ARGUMENT_FILE:
		return *text;
	case ARGUMENT_NUMBER:
		return argument_number(text, row->min, row->max, &number);
	case ARGUMENT_PORT:
		return strcmp(text, "any") == 0 || argument_number(text, 0, 65535, &number);
	case ARGUMENT_PROTOCOL:
		return *text && (!is_all_digits(text) || argument_number(text, 0, 255, &number));
	case ARGUMENT_IPV4:
		return ipv4_parse(text, &ipv4) == 0;
	case ARGUMENT_ENDPOINT:
		return strcmp(text, "any") == 0 || ipv4_parse(text, &ipv4) == 0;
	case ARGUMENT_LOCATOR:
		return locator_parse(text, &locator) == 0;
	case ARGUMENT_SUBSTRATE:
		return substrate_parse(text, &substrate) == 0;
	case ARGUMENT_WORD:
		return is_one_of(row->value, text);
	case ARGUMENT_INSTANCE:
		return argument_is_instance(text);
	case ARGUMENT_FLAG:
		return true;
	case ARGUMENT_NAME:
		/* Which account is meant is known to who asks; here any will do. */
		return model_name(row->kind, "any", text, name, message) == 0;
	case ARGUMENT_FIELD:
		return kinds_is_value(row, text);
	case ARGUMENT_CONTEXT:
		return argument_is_instance(text) && strcmp(text, "none") != 0;
	}
	return false;
}

static const char *expected(enum argument_type type)
{
	switch (type) {
	case ARGUMENT_TEXT:
		return "a name";
	case ARGUMENT_FILE:
		return "a file's path";
	case ARGUMENT_PORT:
		return "a number from 0 to 65535, or any";
	case ARGUMENT_PROTOCOL:
		return "a protocol's name, a number from 0 to 255, or any";
	case ARGUMENT_IPV4:
		return "an IPv4 address";
	case ARGUMENT_ENDPOINT:
		return "an IPv4 address, or any";
	case ARGUMENT_LOCATOR:
		return "an IPv6 prefix of 64 or 72 bits with no bit set past them, as fd00:1:0:1::/64";
	case ARGUMENT_SUBSTRATE:
		return "an IPv6 address";
	case ARGUMENT_INSTANCE:
		return "an agent's instance";
	case ARGUMENT_NAME:
		return "a name of letters, digits, '_', '.' and '-', with its account and '/' before it where it is another's";
	case ARGUMENT_CONTEXT:
		return "a context's name, of at most 31 letters, digits, '_', '.' and '-'";
	case ARGUMENT_NUMBER:
	case ARGUMENT_WORD:
	case ARGUMENT_FLAG:
	case ARGUMENT_FIELD:
		break;
	}
	return NULL;
}

bool argument_check(const struct command_argument *row, const char *text, FILE *err)
{
	char words[320];

	if (argument_is_value(row, text))
		return true;
	fprintf(err, "ovnetctl: %s: expected ", row->name);
	if (row->type == ARGUMENT_NUMBER)
		fprintf(err, "a number from %lld to %lld", row->min, row->max);
	else if (row->type == ARGUMENT_WORD)
		fprintf(err, "%s", row->value);
	else if (row->type == ARGUMENT_FIELD)
		fputs(kinds_expected(row, words), err);
	else
		fputs(expected(row->type), err);
	fprintf(err, ", got '%s'\n", text);
	return false;
}

cJSON *argument_json(const struct command_argument *row, const char *text)
{
	switch (row->type) {
	case ARGUMENT_NUMBER:
	case ARGUMENT_PORT:
	case ARGUMENT_PROTOCOL:
		if (is_all_digits(text))
			return cJSON_CreateNumber((double)strtoll(text, NULL, 10));
		return cJSON_CreateString(text);
	case ARGUMENT_FLAG:
		return cJSON_CreateTrue();
	case ARGUMENT_TEXT:
	case ARGUMENT_IPV4:
	case ARGUMENT_ENDPOINT:
	case ARGUMENT_LOCATOR:
	case ARGUMENT_SUBSTRATE:
	case ARGUMENT_WORD:
	case ARGUMENT_FILE:
	case ARGUMENT_INSTANCE:
	case ARGUMENT_NAME:
	case ARGUMENT_CONTEXT:
		break;
	case ARGUMENT_FIELD:
		return kinds_json(row, text);
	}
	return cJSON_CreateString(text);
}
