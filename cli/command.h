/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The command line: one table of commands, from which parsing, help, completion, manual pages and requests are made.
 *
 * The table is in table.c; the rows about the manager's objects are made from the table of model/ by kinds.c. What the
 * commands do is in commands_*.c, options in option.c, help in help.c.
 */
#ifndef OVNET_CLI_COMMAND_H
#define OVNET_CLI_COMMAND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "cli/output.h"
#include "model/model.h"

#define COMMAND_ARGUMENTS_MAX 32

/* Exit statuses. */
enum cli_status {
	CLI_OK = 0,
	CLI_FAILED =
		1, /* agent or manager is not there or refuses; a checked file has errors; output cannot be written */
	CLI_USAGE = 2, /* the command line is wrong; nothing was done */
};

enum argument_type {
	ARGUMENT_TEXT,     /* whatever is not empty; the agent knows what is right */
	ARGUMENT_NUMBER,   /* decimal, min .. max of the row */
	ARGUMENT_PORT,     /* 0 .. 65535, or "any" */
	ARGUMENT_PROTOCOL, /* a name, 0 .. 255, or "any" */
	ARGUMENT_IPV4,
	ARGUMENT_ENDPOINT, /* an IPv4 address, or "any" */
	ARGUMENT_LOCATOR,
	ARGUMENT_SUBSTRATE, /* an IPv6 address */
	ARGUMENT_WORD,      /* one of the row's `value`, which separates them by '|' */
	ARGUMENT_FILE,
	ARGUMENT_INSTANCE, /* of an agent */
	ARGUMENT_FLAG,     /* the key stands alone */
	ARGUMENT_NAME,     /* of an object of the manager: of the row's `kind` */
	ARGUMENT_FIELD,    /* what the row's `field` may hold; lists separated by commas */
	ARGUMENT_CONTEXT,  /* a manager by its name in the context file */
};

struct command_argument {
	const char *name; /* the key; for a positional argument its name in help and messages */
	enum argument_type type;
	const char *value; /* what stands for the value in help; NULL for a flag */
	const char *help;
	long long min, max;
	bool required;
	bool positional; /* a value without a key, before all that have one; required, unless `optional` */
	bool optional;   /* of the last positional one: left out where a word follows that cannot be its value */
	bool local;      /* for ovnetctl itself; not sent to the agent */
	bool clears;     /* a field: "none" takes it away */
	enum model_kind kind;
	const struct model_field *field;
};

/* Whom a command asks. */
enum command_whom { COMMAND_AGENT, COMMAND_MANAGER, COMMAND_LOCAL };

/* Options that not every command takes. */
enum command_takes {
	TAKES_AGENT = 1,   /* which agent */
	TAKES_MANAGER = 2, /* which manager */
	TAKES_WHY = 4,
	TAKES_DRY_RUN = 8,
	TAKES_FILE = 16,
	TAKES_CHOICE = 32, /* --manager: that, and not the agent */
};

struct command_context;

struct command {
	const char *object;
	const char *verb; /* NULL: the object is the whole command */
	const char *summary;
	const struct command_argument *arguments;
	size_t argument_count;
	/* Does it: prints the result by context->output, a failure to context->err. */
	enum cli_status (*run)(const struct command_context *context);
	const struct output_view *view; /* how its result looks as text */
	enum command_whom whom;
	unsigned takes;       /* of enum command_takes */
	bool some;            /* one key at least must be given */
	enum model_kind kind; /* of a command about objects */
};

/* All commands; those of one object stand together. There once command_prepare() was called, which all here do. */
extern const struct command *command_table;
extern size_t command_count;

/* Makes the table, once. Ends the program when there is no memory for it. */
void command_prepare(void);

struct command_option {
	const char *brief, *full; /* "-j", "--json"; brief may be NULL */
	const char *value;        /* NULL: takes none */
	const char *help;
	unsigned takes; /* who takes it: of enum command_takes; 0: all */
};

enum {
	OPTION_JSON,
	OPTION_INSTANCE,
	OPTION_SOCKET,
	OPTION_URL,
	OPTION_CONTEXT,
	OPTION_TOKEN_FILE,
	OPTION_CA,
	OPTION_WHY,
	OPTION_DRY_RUN,
	OPTION_FILE,
	OPTION_MANAGER,
	OPTION_HELP,
	OPTION_VERSION,
	OPTION_COUNT,
};
extern const struct command_option command_options[OPTION_COUNT];

/* A command line, understood. */
struct command_line {
	const char *object;            /* NULL: none was given, which is right with `help` or `version` only */
	const struct command *command; /* NULL: likewise, or help about an object */
	const char *values[COMMAND_ARGUMENTS_MAX]; /* in the order of the rows; NULL: not given; a flag: its key */
	const char *instance; /* from -i, or else OVNET_INSTANCE, or else "default"; NULL when -s is given */
	const char *socket;   /* from -s, or NULL */
	const char *options[OPTION_COUNT]; /* as given; one without a value: its name; NULL: not given */
	bool json, help, version;
};

/* What a command gets to run. */
struct command_context {
	const struct command *command;
	const char *const *values; /* each was checked by the type of its row */
	const char *instance, *socket;
	const char *const *options; /* of the line */
	struct output *output;
	FILE *err;
};

/*
 * Understands argv. Strings in *out are argv's, the environment's or constants.
 * Returns CLI_OK, or CLI_USAGE with the reason, and a suggestion where a word is not known, written to `err`;
 * *out is then untouched.
 */
enum cli_status command_parse(int argc, char *const argv[], FILE *err, struct command_line *out);

/* The whole program: parse, run, write. Returns the exit status. */
enum cli_status command_main(int argc, char *const argv[], FILE *out, FILE *err);

/*
 * The candidate nearest to `word` by edit distance (a swap of neighbours counts one), or of which it is the beginning;
 * NULL when none is near enough to be meant.
 */
const char *command_suggest(const char *word, const char *const *candidates, size_t count);

/* The command of these words (verb NULL: an object by itself), or NULL. */
const struct command *command_find(const char *object, const char *verb);

/* "rule add", or "status"; the caller frees it. NULL: out of memory. */
char *command_name(const struct command *command);

/* "list, add or del" and a line break */
void command_candidates(const char *const *candidates, size_t count, FILE *err);
/*
 * "unknown object 'rul'; did you mean 'rule'?", or what is known when nothing is near; `what` is "object".
 */
void command_unknown(FILE *err, const char *what, const char *word, const char *const *candidates, size_t count);

/* Value of an argument of the context's command by name; NULL when it was not given. */
const char *command_value(const struct command_context *context, const char *name);
/* The same for a number; `missing` when it was not given. */
long long command_number(const struct command_context *context, const char *name, long long missing);

/*
 * option.c: takes the options out of argv, which may stand anywhere, and leaves the other words in `words`, which has room
 * for all. Returns CLI_OK, or CLI_USAGE with the reason written.
 */
enum cli_status option_parse(int argc, char *const argv[], FILE *err, struct command_line *line, const char **words,
	size_t *count);
/* The same: whether the command takes what was given. */
enum cli_status option_check(const struct command_line *line, FILE *err);

/* The object `arguments` of a request: typed by the rows, local ones left out. NULL: out of memory. */
struct cJSON *command_arguments(const struct command_context *context);

#endif /* OVNET_CLI_COMMAND_H */
